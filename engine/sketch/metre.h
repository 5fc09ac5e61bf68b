/*
 * Metre: a bar as pulses of two or three eighths on a grid of sixteenth steps. All patterns of the
 * arranger are written for one or two bars of 4/4 and fitted here to any metre, pulse by pulse.
 */
#ifndef TB_SKETCH_METRE_H
#define TB_SKETCH_METRE_H

#include <stdbool.h>

enum {
    TB_STEP_TICKS = 240,     /* a sixteenth at TB_PPQ */
    TB_METRE_MAX_STEPS = 48, /* 12/4 */
    TB_METRE_MAX_PULSES = 12,
};

typedef struct tb_metre {
    int beats_per_bar, beat_unit; /* 2..12 over 4 or 8 */
    int n_steps;                  /* sixteenths in the bar */
    int n_pulses;
    struct tb_pulse {
        int start, n_steps; /* 4 steps, or 6 for three eighths */
        int cell;           /* which beat 0..3 of a 4/4 pattern it takes */
    } pulses[TB_METRE_MAX_PULSES];
} tb_metre;

void tb_metre_init(tb_metre *metre, int beats_per_bar, int beat_unit);
/* The tempo counts dotted quarters: 6/8, 9/8 and 12/8. */
bool tb_metre_is_compound(const tb_metre *metre);
/* The pulse that holds a step. */
const struct tb_pulse *tb_metre_pulse_at(const tb_metre *metre, int step);

/*
 * Fit a pattern of 16 or 32 characters ('.' silence, '-' hold, else an onset) to bar `i_bar` of
 * this metre: n_steps characters and a NUL into out.
 */
void tb_metre_fit(const tb_metre *metre, const char *pattern, int i_bar,
                  char out[TB_METRE_MAX_STEPS + 1]);
/* Steps from the onset at `step` of a fitted pattern to its release: itself and its holds. */
int tb_metre_held(const char *fitted, int step);

#endif
