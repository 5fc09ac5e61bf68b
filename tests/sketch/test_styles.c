/*
 * The eight styles are told apart by what they play alone: a classifier over histograms of onsets
 * and intervals, blind to tempo, key, volume and instruments, separates any two of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "tests/sketch/compose.h"

enum {
    SEEDS = 20,
    STEPS = 16, /* sixteenths of a bar */
    GROUPS = 6, /* kicks, other drums, metal, low, middle and high notes */
    FEATURES = GROUPS * STEPS + 2 * 12,
};

typedef struct features {
    double x[FEATURES];
} features;

static int group_of(const tb_score *s, const tb_event *e)
{
    if (s->parts[e->part].channel != TB_DRUM_CHANNEL)
        return e->a < 50 ? 3 : e->a < 67 ? 4 : 5;
    if (e->a == 35 || e->a == 36)
        return 0;
    return e->a == 42 || e->a == 44 || e->a == 46 || e->a >= 49 ? 2 : 1;
}

/* Each histogram sums to one, so that the number of notes does not count. */
static void normalise(double *x, int n)
{
    double sum = 1e-9;
    for (int i = 0; i < n; i++)
        sum += x[i];
    for (int i = 0; i < n; i++)
        x[i] /= sum;
}

static features features_of(const tb_score *s)
{
    features f = {{0}};
    double *melodic = f.x + GROUPS * STEPS, *harmonic = melodic + 12;
    int last[TB_SCORE_MAX_PARTS] = {0};
    for (size_t i = 0; i < s->n_events; i++) {
        const tb_event *e = &s->events[i];
        if (e->kind != TB_EVENT_NOTE)
            continue;
        int step = (e->tick % s->ticks_per_bar + 120) / 240 % STEPS;
        f.x[group_of(s, e) * STEPS + step] += 1;
        if (s->parts[e->part].channel == TB_DRUM_CHANNEL)
            continue;
        if (last[e->part] != 0)
            melodic[abs(e->a - last[e->part]) % 12] += 1;
        last[e->part] = e->a;
        for (size_t k = i; k-- > 0 && e->tick - s->events[k].tick < 60;)
            if (s->events[k].kind == TB_EVENT_NOTE &&
                s->parts[s->events[k].part].channel != TB_DRUM_CHANNEL)
                harmonic[abs(e->a - s->events[k].a) % 12] += 1;
    }
    for (int g = 0; g < GROUPS; g++)
        normalise(f.x + g * STEPS, STEPS);
    normalise(melodic, 12);
    normalise(harmonic, 12);
    return f;
}

/* Squared distance to the mean of `sum` over n pieces. */
static double distance(const features *f, const features *sum, double n)
{
    double d = 0;
    for (int i = 0; i < FEATURES; i++) {
        double diff = f->x[i] - sum->x[i] / n;
        d += diff * diff;
    }
    return d;
}

static features minus(const features *sum, const features *f)
{
    features out;
    for (int i = 0; i < FEATURES; i++)
        out.x[i] = sum->x[i] - f->x[i];
    return out;
}

/* Pieces of style a that lie nearer to the centre of their own kind, themselves left out, than to
 * that of style b. */
static int recognised(features (*all)[SEEDS], const features *sums, int a, int b)
{
    int right = 0;
    for (int i = 0; i < SEEDS; i++) {
        features own = minus(&sums[a], &all[a][i]);
        right += distance(&all[a][i], &own, SEEDS - 1) < distance(&all[a][i], &sums[b], SEEDS);
    }
    return right;
}

static void any_two_styles_are_told_apart(void **state)
{
    static features all[TB_STYLE_COUNT][SEEDS];
    features sums[TB_STYLE_COUNT] = {0};
    (void)state;
    for (int style = 0; style < TB_STYLE_COUNT; style++)
        for (int seed = 0; seed < SEEDS; seed++) {
            tb_brief b = ask_style((tb_style)style);
            b.tempo_bpm = 110;
            b.key_root = 0;
            b.mode = seed % 2 ? TB_MODE_MINOR : TB_MODE_MAJOR;
            b.beats_per_bar = b.beat_unit = 4;
            tb_arena arena;
            tb_score s = arrange(&b, (uint64_t)seed, 30, false, &arena);
            all[style][seed] = features_of(&s);
            for (int i = 0; i < FEATURES; i++)
                sums[style].x[i] += all[style][seed].x[i];
            tb_arena_deinit(&arena);
        }
    for (int a = 0; a < TB_STYLE_COUNT; a++)
        for (int b = a + 1; b < TB_STYLE_COUNT; b++) {
            int right = recognised(all, sums, a, b) + recognised(all, sums, b, a);
            if (right < 2 * SEEDS * 9 / 10)
                fail_msg("%s and %s: %d of %d recognised", tb_style_name((tb_style)a),
                         tb_style_name((tb_style)b), right, 2 * SEEDS);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_two_styles_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
