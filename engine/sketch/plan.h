/*
 * The plan of a piece, made before a note is written: tempo, metre, key, form, and the chords of
 * every bar. All players read it; none changes it.
 */
#ifndef TB_SKETCH_PLAN_H
#define TB_SKETCH_PLAN_H

#include "engine/sketch/metre.h"
#include "engine/sketch/score.h"
#include "engine/sketch/styles.h"

/* What a player does; a bit mask of 1 << job says who plays in a bar. */
typedef enum tb_job {
    TB_JOB_DRUMS,
    TB_JOB_BASS,
    TB_JOB_COMP, /* chords in rhythm */
    TB_JOB_PAD,  /* chords held */
    TB_JOB_MELODY,
    TB_JOB_ANSWER,  /* replies to the melody */
    TB_JOB_HARMONY, /* moves along under the melody */
    TB_JOB_COUNT
} tb_job;

typedef struct tb_bar {
    tb_chord chords[2]; /* the second from pulse `split` on */
    int8_t n_chords, split;
    char letter; /* of the section */
    int8_t i_in_section;
    int8_t n_in_section;
    uint8_t visit;   /* how many sections of this letter came before */
    uint8_t jobs;    /* who plays, 1 << tb_job */
    bool fill;       /* the drums lead into something new */
    float intensity; /* 0..1, section and asked energy together */
} tb_bar;

typedef struct tb_plan {
    tb_style style;
    const tb_style_rules *rules;
    uint64_t seed;      /* of key, tempo and touch */
    uint64_t tune_seed; /* of band, chords, melody and figures: the prompt enters it */
    tb_key key;
    tb_metre metre;
    int32_t usec_per_quarter;
    int32_t ticks_per_bar;
    double energy; /* 0..1 */
    bool loop;
    double duration_s; /* asked */
    int n_bars;
    tb_bar *bars;       /* [n_bars], in the arena */
    int32_t body_ticks; /* where the players stop: the last chord, or the end */
    int32_t end_ticks;  /* where the take ends */
    bool has_ending;    /* a last chord rings from body_ticks to end_ticks */
} tb_plan;

TB_MUST_USE tb_status tb_plan_make(tb_plan *plan, const tb_brief *brief,
                                   const tb_arrange_options *options, tb_arena *arena,
                                   tb_error *err);

/* Tick of a step of a bar, swung as the style swings. */
int32_t tb_plan_tick(const tb_plan *plan, int i_bar, int step);
/* The chord that sounds at a step of a bar. */
const tb_chord *tb_plan_chord(const tb_plan *plan, int i_bar, int step);
/* Whether a bar begins after the last chord or the end. */
bool tb_plan_is_over(const tb_plan *plan, int i_bar);
/* Milliseconds in ticks at the plan's tempo. */
double tb_plan_ms_ticks(const tb_plan *plan, double ms);

#endif
