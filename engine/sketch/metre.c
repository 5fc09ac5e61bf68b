#include "engine/sketch/metre.h"

#include <string.h>

/* Which beats of a 4/4 pattern make up a bar of n pulses, so that a bar begins like a bar and ends
 * with a back beat. More than seven pulses are groups of four and a rest of at most seven. */
static const char *const cells_of[8] = {"", "0", "03", "013", "0123", "01323", "012323", "0123013"};

static void assign_cells(tb_metre *m)
{
    int done = 0;
    while (done < m->n_pulses) {
        int left = m->n_pulses - done, n = left > 7 ? 4 : left;
        for (int i = 0; i < n; i++)
            m->pulses[done + i].cell = cells_of[n][i] - '0';
        done += n;
    }
}

/* Eighths in pulse after pulse: threes when they divide the bar, 2+2+3 for seven, threes first
 * and twos to finish for the others. */
static int eighths_next(int beats, int left)
{
    if (beats % 3 == 0)
        return 3;
    if (beats == 7)
        return left == 3 ? 3 : 2;
    return left >= 5 || left == 3 ? 3 : 2;
}

void tb_metre_init(tb_metre *m, int beats_per_bar, int beat_unit)
{
    *m = (tb_metre){.beats_per_bar = beats_per_bar, .beat_unit = beat_unit};
    int left = beats_per_bar;
    while (left > 0) {
        int eighths = beat_unit == 8 ? eighths_next(beats_per_bar, left) : 2;
        struct tb_pulse *p = &m->pulses[m->n_pulses++];
        p->start = m->n_steps;
        p->n_steps = 2 * eighths;
        m->n_steps += p->n_steps;
        left -= beat_unit == 8 ? eighths : 1;
    }
    assign_cells(m);
}

bool tb_metre_is_compound(const tb_metre *m)
{
    return m->beat_unit == 8 && m->beats_per_bar > 3 && m->beats_per_bar % 3 == 0;
}

const struct tb_pulse *tb_metre_pulse_at(const tb_metre *m, int step)
{
    int i = m->n_pulses - 1;
    while (i > 0 && m->pulses[i].start > step)
        i--;
    return &m->pulses[i];
}

/* Four steps over three eighths: the off-beat falls on the third eighth, as in a shuffle; even
 * eighths stay even. */
static void fit_long_pulse(const char *from, char *to)
{
    bool even = from[1] == '.' && from[0] != '.' && from[2] != '.' && from[2] != '-';
    to[0] = from[0];
    to[1] = from[1] == '-' ? '-' : '.';
    to[2] = even ? from[2] : from[1];
    to[3] = from[2] == '-' ? '-' : '.';
    to[4] = from[2];
    to[5] = from[3];
}

void tb_metre_fit(const tb_metre *m, const char *pattern, int i_bar,
                  char out[TB_METRE_MAX_STEPS + 1])
{
    if (strlen(pattern) == 32 && i_bar % 2 == 1)
        pattern += 16;
    for (int i = 0; i < m->n_pulses; i++) {
        const struct tb_pulse *p = &m->pulses[i];
        if (p->n_steps == 6)
            fit_long_pulse(pattern + 4 * p->cell, out + p->start);
        else
            memcpy(out + p->start, pattern + 4 * p->cell, 4);
    }
    out[m->n_steps] = '\0';
}

int tb_metre_held(const char *fitted, int step)
{
    int n = 1;
    while (fitted[step + n] == '-')
        n++;
    return n;
}
