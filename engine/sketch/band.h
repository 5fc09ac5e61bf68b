/* The band: who plays what, from the asked instruments, the style's own and the exclusions. */
#ifndef TB_SKETCH_BAND_H
#define TB_SKETCH_BAND_H

#include "engine/sketch/plan.h"

typedef struct tb_player {
    tb_job job;
    tb_instrument_id instrument;
    bool asked;
    int behind_db; /* how much quieter than its job's own level */
    int rank;      /* 0, 1, ... among those with the same job */
    int low, high; /* the register it plays in, MIDI keys */
} tb_player;

/* Player i is part i of the score. */
typedef struct tb_band {
    int n;
    int n_heads; /* people on the stage: one may do two jobs */
    tb_player players[TB_SCORE_MAX_PARTS];
} tb_band;

void tb_band_gather(tb_band *band, const tb_plan *plan, const tb_brief *brief);
/* How a player spells chords: the style's way, but power chords are for electric guitars. */
const tb_voicing_rule *tb_band_comp_rule(const tb_plan *plan, const tb_player *player);

/* Part i of the score: name, program, channel and controllers. */
void tb_band_describe(const tb_band *band, const tb_plan *plan, int i, tb_part *part);

#endif
