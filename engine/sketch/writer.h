/*
 * Writes events for the players: keeps notes inside the piece (or wraps a loop's around), moves
 * them off the grid as people do, and finishes the score: sorted, no key struck while it sounds.
 */
#ifndef TB_SKETCH_WRITER_H
#define TB_SKETCH_WRITER_H

#include "engine/base/arena.h"
#include "engine/base/random.h"
#include "engine/sketch/band.h"

typedef struct tb_writer {
    const tb_plan *plan;
    tb_arena *arena;
    tb_event *events;
    size_t n, capacity;
    bool failed;                         /* out of memory or over TB_SCORE_MAX_EVENTS: sticky */
    tb_random touch[TB_SCORE_MAX_PARTS]; /* humanising, a stream per part */
} tb_writer;

void tb_writer_init(tb_writer *w, const tb_plan *plan, tb_arena *arena);

/*
 * A note of part i, on the grid: moved by `late_ms` and the style's own deviation, its velocity
 * varied and limited to 1..127. Notes that would start after the body are left out, those that
 * would ring into the last chord are cut; a loop's ring on.
 */
void tb_writer_note(tb_writer *w, int part, int32_t tick, int32_t length, int key, double velocity,
                    double late_ms);
/* As it is: exactly there, inside or outside the body. */
void tb_writer_exact(tb_writer *w, int part, int32_t tick, int32_t length, int key, int velocity);
void tb_writer_control(tb_writer *w, int part, int32_t tick, int controller, int value);
void tb_writer_bend(tb_writer *w, int part, int32_t tick, int bend);

/* Sort by (tick, part, kind, a); end a note before its key is struck again; drop doubles. */
void tb_writer_finish(tb_writer *w);

/* The players. Each writes everything that part i plays before the last chord. */
void tb_play_drums(tb_writer *w, const tb_band *band, int i);
void tb_play_bass(tb_writer *w, const tb_band *band, int i);
void tb_play_comp(tb_writer *w, const tb_band *band, int i);
void tb_play_pad(tb_writer *w, const tb_band *band, int i);
void tb_play_melody(tb_writer *w, const tb_band *band, int i); /* answer and harmony too */

/* Whether player i plays in a bar: by the section, and whoever was asked for also at the start. */
bool tb_player_is_on(const tb_plan *plan, const tb_player *player, int i_bar);

#endif
