#include "engine/spectrogram/resize.h"

#include <math.h> /* ceil, fabs: exact operations only */
#include <stdlib.h>
#include <string.h>

#include "engine/base/math.h"

enum {
    FRACTION_BITS = 22, /* of a weight, as Pillow: 32 less 8 of the sample and 2 for overshoot */
    ONE = 1 << FRACTION_BITS,
    LOBES = 3, /* beyond them the filter is 0 */
};

/*
 * What every output of a pass is made of: out[i] = sum over k of weights[i][k] * in[first[i] + k].
 * The weights of an output add up to about ONE, their absolute values to less than 1.7 ONE: the sum
 * of products with samples fits an int.
 */
typedef struct taps {
    int n_out, n_max;
    int *first, *count; /* [n_out], owned */
    int *weights;       /* [n_out][n_max], owned */
} taps;

/* One side of an image, the others folded: samples [n_outer][n_along][n_inner]. */
typedef struct sides {
    size_t n_outer, n_in, n_inner;
} sides;

/* sin(pi x) / (pi x) */
static double sinc(double x)
{
    return x == 0 ? 1 : tb_sin(x * TB_PI) / (x * TB_PI);
}

/* Duchon (1979): sinc under the window sinc(x / 3). */
static double lanczos(double x)
{
    return x >= -LOBES && x < LOBES ? sinc(x) * sinc(x / LOBES) : 0;
}

static void taps_deinit(taps *t)
{
    free(t->first);
    free(t->count);
    free(t->weights);
    *t = (taps){0};
}

static tb_status taps_new(int n_out, int n_max, taps *t, tb_error *err)
{
    *t = (taps){.n_out = n_out, .n_max = n_max};
    t->first = calloc((size_t)n_out, sizeof *t->first);
    t->count = calloc((size_t)n_out, sizeof *t->count);
    t->weights = calloc((size_t)n_out * (size_t)n_max, sizeof *t->weights);
    if (t->first != NULL && t->count != NULL && t->weights != NULL)
        return TIMBRE_OK;
    taps_deinit(t);
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %d x %d weights of a resized image", n_out,
                   n_max);
}

static int to_fixed(double weight)
{
    return (int)(weight * ONE + (weight < 0 ? -0.5 : 0.5));
}

/* scratch: [t->n_max] */
static void fill_output(taps *t, int i, int n_in, double *scratch)
{
    double scale = (double)n_in / t->n_out, stretch = scale > 1 ? scale : 1;
    double support = LOBES * stretch, center = (i + 0.5) * scale;
    int begin = (int)(center - support + 0.5), end = (int)(center + support + 0.5);
    begin = begin > 0 ? begin : 0;
    end = end < n_in ? end : n_in;
    double sum = 0;
    for (int k = 0; k < end - begin; k++) {
        scratch[k] = lanczos((begin + k - center + 0.5) * (1 / stretch));
        sum += scratch[k];
    }
    t->first[i] = begin;
    t->count[i] = end - begin;
    for (int k = 0; k < end - begin; k++)
        t->weights[(size_t)i * (size_t)t->n_max + (size_t)k] = to_fixed(scratch[k] / sum);
}

static tb_status taps_of(int n_in, int n_out, taps *t, tb_error *err)
{
    double stretch = n_in > n_out ? (double)n_in / n_out : 1;
    int n_max = 2 * (int)ceil(LOBES * stretch) + 1;
    n_max = n_max < n_in ? n_max : n_in;
    tb_status st = taps_new(n_out, n_max, t, err);
    if (st != TIMBRE_OK)
        return st;
    double *scratch = malloc((size_t)n_max * sizeof *scratch);
    if (scratch == NULL) {
        taps_deinit(t);
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %d weights", n_max);
    }
    for (int i = 0; i < n_out; i++)
        fill_output(t, i, n_in, scratch);
    free(scratch);
    return TIMBRE_OK;
}

static uint8_t to_sample(int sum)
{
    int v = sum >> FRACTION_BITS; /* towards minus infinity */
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void run_pass(const taps *t, sides s, const uint8_t *in, uint8_t *out)
{
    for (size_t outer = 0; outer < s.n_outer; outer++, in += s.n_in * s.n_inner) {
        for (size_t i = 0; i < (size_t)t->n_out; i++) {
            const uint8_t *from = in + (size_t)t->first[i] * s.n_inner;
            const int *weights = t->weights + i * (size_t)t->n_max;
            for (size_t inner = 0; inner < s.n_inner; inner++) {
                int sum = ONE / 2;
                for (int k = 0; k < t->count[i]; k++)
                    sum += weights[k] * from[(size_t)k * s.n_inner + inner];
                *out++ = to_sample(sum);
            }
        }
    }
}

static tb_status resize_width(const tb_raster *in, int width, tb_raster *out, tb_error *err)
{
    taps t;
    tb_status st = taps_of(in->width, width, &t, err);
    if (st != TIMBRE_OK)
        return st;
    st = tb_raster_new(width, in->height, in->n_channels, out, err);
    sides s = {(size_t)in->height, (size_t)in->width, (size_t)in->n_channels};
    if (st == TIMBRE_OK)
        run_pass(&t, s, in->pixels, out->pixels);
    taps_deinit(&t);
    return st;
}

static tb_status resize_height(const tb_raster *in, int height, tb_raster *out, tb_error *err)
{
    taps t;
    tb_status st = taps_of(in->height, height, &t, err);
    if (st != TIMBRE_OK)
        return st;
    st = tb_raster_new(in->width, height, in->n_channels, out, err);
    sides s = {1, (size_t)in->height, (size_t)in->width * (size_t)in->n_channels};
    if (st == TIMBRE_OK)
        run_pass(&t, s, in->pixels, out->pixels);
    taps_deinit(&t);
    return st;
}

static tb_status copy(const tb_raster *in, tb_raster *out, tb_error *err)
{
    tb_status st = tb_raster_new(in->width, in->height, in->n_channels, out, err);
    if (st == TIMBRE_OK)
        memcpy(out->pixels, in->pixels,
               (size_t)in->width * (size_t)in->height * (size_t)in->n_channels);
    return st;
}

static tb_status check_side(const char *name, int side, tb_error *err)
{
    if (side >= 1 && side <= TB_RESIZE_MAX_SIDE)
        return TIMBRE_OK;
    return tb_fail(err, TIMBRE_BAD_INPUT, "%s of %d pixels is not in 1..%d", name, side,
                   TB_RESIZE_MAX_SIDE);
}

static tb_status check_sides(const tb_raster *in, int width, int height, tb_error *err)
{
    tb_status st = check_side("resizing from a width", in->width, err);
    if (st == TIMBRE_OK)
        st = check_side("resizing from a height", in->height, err);
    if (st == TIMBRE_OK)
        st = check_side("resizing to a width", width, err);
    if (st == TIMBRE_OK)
        st = check_side("resizing to a height", height, err);
    return st;
}

tb_status tb_resize(const tb_raster *in, int width, int height, tb_raster *out, tb_error *err)
{
    *out = (tb_raster){0};
    tb_status st = check_sides(in, width, height, err);
    if (st != TIMBRE_OK)
        return st;
    if (in->width == width && in->height == height)
        return copy(in, out, err);
    if (in->width == width)
        return resize_height(in, height, out, err);
    if (in->height == height)
        return resize_width(in, width, out, err);
    tb_raster wide = {0};
    st = resize_width(in, width, &wide, err);
    if (st == TIMBRE_OK)
        st = resize_height(&wide, height, out, err);
    tb_raster_deinit(&wide);
    return st;
}
