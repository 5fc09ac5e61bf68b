/*
 * What one synthesiser is told and when: a part's events as a sorted list of note-ons, note-offs,
 * controls and bends on the synthesiser's own grid of 64-frame blocks.
 */
#ifndef TB_SKETCH_PLAYLIST_H
#define TB_SKETCH_PLAYLIST_H

#include <stdint.h>

#include "engine/sketch/score.h"

enum { TB_BLOCK_FRAMES = 64 }; /* FluidSynth's internal buffer: events act between buffers */

/* In the order in which actions of the same block are carried out. */
typedef enum tb_action_kind {
    TB_ACTION_NOTE_OFF,
    TB_ACTION_CONTROL,
    TB_ACTION_BEND,
    TB_ACTION_NOTE_ON,
} tb_action_kind;

typedef struct tb_action {
    int64_t block;  /* nearest to the event's frame: at most 0.73 ms off */
    uint32_t event; /* index into the score: ties keep the score's order */
    uint8_t kind;   /* tb_action_kind */
    uint8_t a, b;   /* key and velocity, or controller and value */
    int16_t bend;
} tb_action;

typedef struct tb_playlist {
    tb_action *actions; /* owned */
    size_t n_actions;
    int n_notes;
} tb_playlist;

/*
 * The actions of part `i_part`. A note that is struck again while it sounds ends where the new one
 * begins, so that its old note-off cannot cut the new note short.
 */
TB_MUST_USE tb_status tb_playlist_init(tb_playlist *list, const tb_score *score, int i_part,
                                       tb_error *err);
void tb_playlist_deinit(tb_playlist *list);

#endif
