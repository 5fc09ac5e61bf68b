#include "engine/sketch/texture.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "engine/base/limits.h"
#include "engine/base/math.h"
#include "engine/base/random.h"

enum {
    MAX_BANDS = 3,
    MAX_GRAIN_LAYERS = 3,
    MAX_GRAINS = 64,           /* sounding at once; more are left out */
    CONTROL_FRAMES = 64,       /* how often filters and levels follow their modulators */
    WARM_UP_FRAMES = 344 * 64, /* 0.5 s, longer than any filter or grain remembers */
    CANCEL_FRAMES = 1 << 16,
};

/* What moves a band between its rest and its crest. */
typedef enum modulator { STEADY, GUST, SWELL } modulator;

/* Noise between two cutoffs, 12 dB per octave each. Pairs are {at rest, at crest}. */
typedef struct band {
    modulator modulator;
    double low_hz[2], high_hz[2];
    double resonance; /* Q of both filters */
    double level[2];
} band;

/* Short decaying sines: drops, clicks, pops. Ranges are drawn from evenly on a log scale. */
typedef struct grain_layer {
    double rate_hz; /* on average; 0: once per cycle of every_s */
    double every_s;
    double hz[2], decay_ms[2];
    double level;
} grain_layer;

typedef struct recipe {
    double gain; /* brings the sum to -30 dBFS RMS */
    int n_bands, n_grain_layers;
    band bands[MAX_BANDS];
    grain_layer grain_layers[MAX_GRAIN_LAYERS];
} recipe;

static const recipe recipes[TB_TEXTURE_COUNT] = {
    [TB_TEXTURE_RAIN] = {0.0899,
                         2,
                         2,
                         {{GUST, {500, 450}, {4500, 6500}, 0.6, {0.8, 1.0}},
                          {STEADY, {60, 60}, {260, 260}, 0.6, {0.8, 0.8}}},
                         {{120, 0, {1500, 7000}, {1, 5}, 3.5}, {8, 0, {400, 1200}, {6, 18}, 2.0}}},
    [TB_TEXTURE_VINYL] = {0.2999,
                          2,
                          3,
                          {{STEADY, {900, 900}, {9000, 9000}, 0.6, {0.15, 0.15}},
                           {STEADY, {18, 18}, {75, 75}, 0.8, {2.6, 2.6}}},
                          {{40, 0, {2000, 8000}, {0.15, 0.6}, 1.5},
                           {0.9, 0, {250, 1200}, {1.5, 4}, 1.2},
                           {0, 1.8, {700, 2500}, {0.5, 2}, 1.2}}}, /* 33 1/3 turns a minute */
    [TB_TEXTURE_WIND] = {0.1689,
                         3,
                         0,
                         {{GUST, {220, 400}, {400, 850}, 1.2, {0.85, 1.0}},
                          {GUST, {520, 900}, {540, 940}, 5, {0.02, 0.12}},
                          {GUST, {30, 35}, {130, 160}, 0.7, {2.2, 2.8}}},
                         {{0}}},
    [TB_TEXTURE_WAVES] = {0.2018,
                          2,
                          0,
                          {{SWELL, {150, 300}, {600, 4500}, 0.6, {0.65, 1.0}},
                           {SWELL, {35, 40}, {150, 220}, 0.7, {1.6, 2.0}}},
                          {{0}}},
};

/* Two-pole state-variable filter with trapezoidal integrators (Zavalishin 2012, The Art of VA
 * Filter Design, 4.4): stays stable while its cutoff moves. */
typedef struct filter {
    double a1, a2, a3, k;
} filter;

typedef struct filter_state {
    double s1, s2;
} filter_state;

typedef struct band_state {
    uint64_t key;
    filter low_cut, high_cut;
    double level;
    filter_state low[2], high[2]; /* per channel */
} band_state;

typedef struct grain {
    double y1, y2; /* last two values of the resonator */
    double b1, b2; /* y = b1 y1 - b2 y2 */
    double pan[2];
    int frames_left;
} grain;

typedef struct texture {
    const recipe *recipe;
    uint64_t key;
    int64_t period; /* frames; 0: endless */
    band_state bands[MAX_BANDS];
    uint64_t grain_keys[MAX_GRAIN_LAYERS];
    grain grains[MAX_GRAINS];
    int n_grains;
} texture;

static double unit_at(uint64_t key, uint64_t index)
{
    return (double)(tb_random_at(key, index) >> 11) * 0x1p-53;
}

static double between(const double range[2], double x)
{
    return range[0] + (range[1] - range[0]) * x;
}

/* As between, evenly in octaves. */
static double between_log(const double range[2], double x)
{
    return range[0] * tb_exp(tb_log(range[1] / range[0]) * x);
}

/*
 * Slow time: frame / (spacing_s), as a whole cycle number and the fraction into it. In a loop there
 * is a whole number of cycles.
 */
typedef struct cycle {
    int64_t index, count; /* count 0: endless */
    double fraction;
} cycle;

static cycle cycle_at(const texture *t, int64_t frame, double spacing_s)
{
    double spacing = spacing_s * TB_SAMPLE_RATE_HZ;
    int64_t count = 0;
    if (t->period > 0) {
        count = (int64_t)((double)t->period / spacing + 0.5);
        count = count < 1 ? 1 : count;
        spacing = (double)t->period / (double)count;
    }
    double position = (double)frame / spacing;
    int64_t index = (int64_t)position;
    if (count > 0 && index >= count)
        index = count - 1;
    return (cycle){index, count, position - (double)index};
}

/* Random value of knot `step` after the cycle's own. */
static double knot(uint64_t key, cycle c, int step)
{
    int64_t i = c.index + step;
    return unit_at(key, (uint64_t)(c.count > 0 ? i % c.count : i));
}

/* Smooth random curve in [0, 1], a knot every spacing_s. */
static double drift(const texture *t, uint64_t key, int64_t frame, double spacing_s)
{
    cycle c = cycle_at(t, frame, spacing_s);
    double a = knot(key, c, 0), b = knot(key, c, 1);
    double x = c.fraction * c.fraction * (3 - 2 * c.fraction);
    return a + (b - a) * x;
}

/* A wave every 8 s on average: rises, breaks and runs out; heights and breaking points vary. */
static double swell(const texture *t, uint64_t key, int64_t frame)
{
    cycle c = cycle_at(t, frame, 8);
    double crest = 0.3 + 0.25 * knot(key + 1, c, 0);
    double height = 0.7 + 0.3 * knot(key, c, 0);
    double x = c.fraction < crest ? c.fraction / crest : (1 - c.fraction) / (1 - crest);
    return height * x * x * (3 - 2 * x);
}

static double modulation(const texture *t, modulator m, int64_t frame)
{
    uint64_t key = tb_random_at(t->key, 100);
    switch (m) {
    case GUST:
        return 0.7 * drift(t, key, frame, 2.6) + 0.3 * drift(t, key + 1, frame, 0.7);
    case SWELL:
        return 0.8 * swell(t, key, frame) + 0.2 * drift(t, key + 2, frame, 1.5);
    case STEADY:
        break;
    }
    return 0;
}

static filter filter_at(double cutoff_hz, double resonance)
{
    double w = TB_PI * cutoff_hz / TB_SAMPLE_RATE_HZ;
    double g = tb_sin(w) / tb_cos(w), k = 1 / resonance;
    double a1 = 1 / (1 + g * (g + k));
    return (filter){a1, g * a1, g * g * a1, k};
}

/* One value through the filter: *low is the low-pass output; returns the high-pass. */
static inline double filter_run(const filter *f, filter_state *s, double x, double *low)
{
    double v3 = x - s->s2;
    double v1 = f->a1 * s->s1 + f->a2 * v3; /* band-pass */
    double v2 = s->s2 + f->a2 * s->s1 + f->a3 * v3;
    s->s1 = 2 * v1 - s->s1;
    s->s2 = 2 * v2 - s->s2;
    *low = v2;
    return x - f->k * v1 - v2;
}

static void band_follow(const texture *t, band_state *s, const band *b, int64_t frame)
{
    double x = modulation(t, b->modulator, frame);
    s->low_cut = filter_at(between_log(b->low_hz, x), b->resonance);
    s->high_cut = filter_at(between_log(b->high_hz, x), b->resonance);
    s->level = between(b->level, x);
}

/* Add a band's noise: both channels from one random number per frame, unrelated to each other. */
static void band_add(band_state *s, int64_t frame, int n, double (*sum)[2])
{
    for (int i = 0; i < n; i++) {
        uint64_t bits = tb_random_at(s->key, (uint64_t)(frame + i));
        const double noise[2] = {(double)(int32_t)(bits >> 32) * 0x1p-31,
                                 (double)(int32_t)(uint32_t)bits * 0x1p-31};
        for (int c = 0; c < 2; c++) {
            double low, unused;
            double high = filter_run(&s->low_cut, &s->low[c], noise[c], &unused);
            (void)filter_run(&s->high_cut, &s->high[c], high, &low);
            sum[i][c] += s->level * low;
        }
    }
}

static void grain_start(texture *t, const grain_layer *layer, uint64_t key, int64_t frame)
{
    if (t->n_grains == MAX_GRAINS)
        return;
    uint64_t own = tb_random_at(key, (uint64_t)frame);
    double w = 2 * TB_PI * between_log(layer->hz, unit_at(own, 0)) / TB_SAMPLE_RATE_HZ;
    double decay_frames = between_log(layer->decay_ms, unit_at(own, 1)) * 1e-3 * TB_SAMPLE_RATE_HZ;
    double radius = tb_exp(-1 / decay_frames);
    double u = 2 * unit_at(own, 2) - 1, x = unit_at(own, 3);
    double pan = x * x * (3 - 2 * x); /* 0 left .. 1 right, the sides more than the middle */
    double amplitude = layer->level * u * u * u; /* many small, few large, either sign: no DC */
    grain *g = &t->grains[t->n_grains++];
    *g = (grain){.y1 = amplitude * tb_sin(w),
                 .b1 = 2 * radius * tb_cos(w),
                 .b2 = radius * radius,
                 .pan = {tb_cos(pan * TB_PI / 2), tb_sin(pan * TB_PI / 2)},
                 .frames_left = (int)(10 * decay_frames) + 1}; /* -87 dB */
}

/* Does a grain of this layer begin at `frame`? */
static bool grain_is_due(const texture *t, const grain_layer *layer, uint64_t key, int64_t frame)
{
    if (layer->rate_hz > 0)
        return unit_at(key + 1, (uint64_t)frame) < layer->rate_hz / TB_SAMPLE_RATE_HZ;
    cycle now = cycle_at(t, frame, layer->every_s);
    return frame == 0 || now.index != cycle_at(t, frame - 1, layer->every_s).index;
}

static void grains_begin(texture *t, int64_t frame)
{
    for (int k = 0; k < t->recipe->n_grain_layers; k++)
        if (grain_is_due(t, &t->recipe->grain_layers[k], t->grain_keys[k], frame))
            grain_start(t, &t->recipe->grain_layers[k], t->grain_keys[k], frame);
}

static void grains_add(texture *t, double sum[2])
{
    for (int k = 0; k < t->n_grains; k++) {
        grain *g = &t->grains[k];
        sum[0] += g->pan[0] * g->y1;
        sum[1] += g->pan[1] * g->y1;
        double y = g->b1 * g->y1 - g->b2 * g->y2;
        g->y2 = g->y1;
        g->y1 = y;
        if (--g->frames_left <= 0)
            *g = t->grains[--t->n_grains], k--;
    }
}

/* The layer at `gain` 1 for frames [frame, frame + n), n <= CONTROL_FRAMES, no control point
 * inside. */
static void block_run(texture *t, int64_t frame, int n, double (*sum)[2])
{
    memset(sum, 0, sizeof *sum * (size_t)n);
    for (int k = 0; k < t->recipe->n_bands; k++) {
        if (frame % CONTROL_FRAMES == 0)
            band_follow(t, &t->bands[k], &t->recipe->bands[k], frame);
        band_add(&t->bands[k], frame, n, sum);
    }
    for (int i = 0; i < n && t->recipe->n_grain_layers > 0; i++) {
        grains_begin(t, frame + i);
        grains_add(t, sum[i]);
    }
}

/* Length of the next block: up to the next control point, the loop's end, or n_left. */
static int block_length(const texture *t, int64_t frame, int64_t n_left)
{
    int64_t n = CONTROL_FRAMES - frame % CONTROL_FRAMES;
    if (t->period > 0 && t->period - frame < n)
        n = t->period - frame;
    return (int)(n_left < n ? n_left : n);
}

/* Run n frames on from *frame, wrapping in a loop; out NULL: only to warm up. */
static void texture_run(texture *t, int64_t *frame, int64_t n, double gain, float *out)
{
    double sum[CONTROL_FRAMES][2];
    while (n > 0) {
        int n_block = block_length(t, *frame, n);
        block_run(t, *frame, n_block, sum);
        for (int i = 0; i < 2 * n_block && out != NULL; i++)
            out[i] += (float)(gain * sum[i / 2][i % 2]);
        out = out == NULL ? NULL : out + 2 * n_block;
        *frame += n_block;
        if (t->period > 0 && *frame == t->period)
            *frame = 0;
        n -= n_block;
    }
}

tb_status tb_texture_add(tb_texture id, uint64_t seed, float gain, bool loop, float *out,
                         int64_t n_frames, const tb_progress *progress, tb_error *err)
{
    assert((unsigned)id < TB_TEXTURE_COUNT);
    texture t = {.recipe = &recipes[id], .period = loop ? n_frames : 0};
    t.key = tb_random_key(seed, tb_texture_name(id));
    for (int k = 0; k < MAX_BANDS; k++)
        t.bands[k].key = tb_random_at(t.key, (uint64_t)k);
    for (int k = 0; k < MAX_GRAIN_LAYERS; k++)
        t.grain_keys[k] = tb_random_at(t.key, MAX_BANDS + (uint64_t)k);
    /* a loop warms up over its own end; otherwise sound begins WARM_UP_FRAMES into the texture */
    int64_t frame = loop ? (n_frames - WARM_UP_FRAMES % n_frames) % n_frames : 0;
    if (frame % CONTROL_FRAMES != 0)
        for (int k = 0; k < t.recipe->n_bands; k++)
            band_follow(&t, &t.bands[k], &t.recipe->bands[k], frame);
    texture_run(&t, &frame, WARM_UP_FRAMES, 0, NULL);
    for (int64_t i = 0; i < n_frames; i += CANCEL_FRAMES) {
        tb_status st = tb_progress_check(progress, err);
        if (st != TIMBRE_OK)
            return st;
        tb_progress_report(progress, (double)i / (double)n_frames);
        int64_t n = n_frames - i < CANCEL_FRAMES ? n_frames - i : CANCEL_FRAMES;
        texture_run(&t, &frame, n, gain * t.recipe->gain, out + 2 * i);
    }
    return TIMBRE_OK;
}
