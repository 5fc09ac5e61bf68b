/*
 * Winograd convolutions beside plain loops in double precision: odd sizes, one-sided borders,
 * doubled pictures, all widths of weights; where NaN comes out; the same bits for any kernels,
 * threads and blocks of tiles; and which convolutions go this way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/nn/winograd.h"
#include "tests/nn/layers.h"

/* Of a layer, relative L2: what a network's bound of 1e-5 leaves each. */
static const double max_error = 3e-6;

typedef struct shape {
    int n, h, w, c_in, c_out, before, after;
    bool is_doubled;
} shape;

typedef struct winograd_case {
    tb_conv conv;
    tb_conv_pictures in;
    weight w, bias;
    float *x, *residual, *out;
    size_t n_out;
    int block_tiles;
    bool is_in_place; /* the residual is out */
} winograd_case;

static winograd_case new_case(const shape *s, tb_dtype dtype, int variant)
{
    winograd_case c = {.w = new_weight(1, dtype, (int64_t[]){s->c_out, s->c_in, 3, 3, 0}),
                       .bias = new_weight(2, TB_DTYPE_F32, (int64_t[]){s->c_out, 0})};
    c.conv = (tb_conv){.c_in = s->c_in, .kernel = 3, .stride = 1};
    c.conv.pad_before = s->before;
    c.conv.pad_after = s->after;
    bool has_bias = variant & 1, has_residual = variant & 2;
    c.is_in_place = (variant & 6) == 6;
    assert_int_equal(
        tb_matrix_pack(&c.conv.matrix, &c.w.tensor, has_bias ? &c.bias.tensor : NULL, NULL),
        TIMBRE_OK);
    int half = s->is_doubled ? 2 : 1, h = (s->h + half - 1) / half, w = (s->w + half - 1) / half;
    c.x = new_floats(3, (size_t)s->n * (size_t)h * (size_t)w * (size_t)s->c_in);
    c.in = (tb_conv_pictures){c.x, s->n, s->h, s->w, s->is_doubled};
    c.n_out = (size_t)s->n * (size_t)tb_conv_size(&c.conv, s->h) *
              (size_t)tb_conv_size(&c.conv, s->w) * (size_t)s->c_out;
    c.out = new_floats(4, c.n_out);
    c.residual = has_residual ? new_floats(5, c.n_out) : NULL;
    return c;
}

static void free_case(winograd_case *c)
{
    tb_matrix_deinit(&c->conv.matrix);
    free_weight(&c->w);
    free_weight(&c->bias);
    free(c->x);
    free(c->residual);
    free(c->out);
}

static void run_winograd(tb_nn *nn, void *user)
{
    winograd_case *c = user;
    const float *residual = c->is_in_place ? c->out : c->residual;
    if (c->is_in_place && !nn->is_dry)
        memcpy(c->out, c->residual, sizeof *c->out * c->n_out);
    tb_winograd_run(nn, &(tb_winograd){&c->conv, c->out, residual, &c->in, c->block_tiles});
}

/* Channel o of one output pixel. */
static double conv_at(const winograd_case *c, int i, int y, int x, int o)
{
    const tb_conv_pictures *in = &c->in;
    int half = in->is_doubled ? 2 : 1, h = (in->h + half - 1) / half, w = (in->w + half - 1) / half;
    double sum = c->conv.matrix.bias != NULL ? c->bias.values[o] : 0;
    for (int tap = 0; tap < 9; tap++) {
        int in_y = y + tap / 3 - c->conv.pad_before, in_x = x + tap % 3 - c->conv.pad_before;
        if (in_y < 0 || in_x < 0 || in_y >= in->h || in_x >= in->w)
            continue;
        const float *pixel = c->x + (size_t)((i * h + in_y / half) * w + in_x / half) *
                                        (size_t)c->conv.c_in;
        for (int k = 0; k < c->conv.c_in; k++)
            sum += (double)pixel[k] * c->w.values[(o * c->conv.c_in + k) * 9 + tap];
    }
    return sum;
}

static double error_of(const winograd_case *c)
{
    double *expected = calloc(c->n_out, sizeof *expected);
    assert_non_null(expected);
    int h = tb_conv_size(&c->conv, c->in.h), w = tb_conv_size(&c->conv, c->in.w);
    size_t at = 0;
    for (int i = 0; i < c->in.n; i++)
        for (int pixel = 0; pixel < h * w; pixel++)
            for (int o = 0; o < c->conv.matrix.n_out; o++, at++)
                expected[at] = conv_at(c, i, pixel / w, pixel % w, o) +
                               (c->residual != NULL ? (double)c->residual[at] : 0);
    double error = relative_l2(c->out, expected, c->n_out);
    free(expected);
    return error;
}

static void check(const shape *s, tb_dtype dtype, int variant)
{
    winograd_case c = new_case(s, dtype, variant);
    run_everywhere(run_winograd, &c, c.out, c.n_out);
    double error = error_of(&c);
    if (!(error <= max_error))
        fail_msg("%d x %d x %d, %d to %d channels, %s: error %.2e", s->n, s->h, s->w, s->c_in,
                 s->c_out, tb_dtype_name(dtype), error);
    free_case(&c);
}

static const shape shapes[] = {
    {1, 1, 1, 1, 1, 1, 1, false},   {2, 5, 7, 4, 17, 1, 1, false},
    {3, 4, 4, 33, 16, 1, 1, false}, {1, 3, 11, 150, 5, 1, 1, true},
    {2, 9, 6, 40, 33, 1, 1, true},  {1, 8, 8, 257, 48, 1, 1, false},
    {1, 6, 7, 3, 2, 0, 0, false},   {2, 7, 10, 20, 35, 0, 1, false},
    {1, 2, 1, 18, 7, 1, 1, true},   {1, 13, 9, 19, 12, 2, 2, false},
};

static void they_are_those_of_doubles(void **state)
{
    static const tb_dtype dtypes[] = {TB_DTYPE_F32, TB_DTYPE_F16, TB_DTYPE_BF16};
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (size_t d = 0; d < 3; d++)
            check(&shapes[i], dtypes[d], (int)(i + d));
    for (int variant = 0; variant < 8; variant++)
        check(&(shape){1, 6, 5, 24, 21, 1, 1, false}, TB_DTYPE_F16, variant);
}

/* An input that is no number is none in all outputs that see it, and beyond its tiles nothing. */
static void nan_comes_out_where_it_is_seen(void **state)
{
    enum { H = 10, W = 9, C_IN = 20, C_OUT = 18, Y = 5, X = 3 };
    winograd_case c = new_case(&(shape){2, H, W, C_IN, C_OUT, 1, 1, false}, TB_DTYPE_F16, 1);
    (void)state;
    c.x[((H + Y) * W + X) * C_IN + 17] = NAN;
    run_everywhere(run_winograd, &c, c.out, c.n_out);
    for (int i = 0; i < (int)c.n_out; i++) {
        int pixel = i / C_OUT, x = pixel % W, y = pixel / W % H, picture = pixel / W / H;
        bool sees = picture == 1 && abs(y - Y) <= 1 && abs(x - X) <= 1;
        /* tiles of 4x4 outputs see inputs from one before them to one behind */
        bool is_near = picture == 1 && y / 4 == 1 && x / 4 <= 1;
        if ((sees && !isnan(c.out[i])) || (!is_near && isnan(c.out[i])))
            fail_msg("picture %d, pixel %d, %d: %g", picture, y, x, (double)c.out[i]);
    }
    free_case(&c);
}

static void bits_do_not_depend_on_blocks(void **state)
{
    static const int sizes[] = {1, 2, 5, 12, 24, 1000};
    (void)state;
    winograd_case c = new_case(&(shape){2, 18, 15, 140, 40, 1, 1, false}, TB_DTYPE_F16, 3);
    run_once(NULL, 1, run_winograd, &c);
    float *first = c.out;
    c.out = new_floats(6, c.n_out);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int n_threads = 1; n_threads < 4; n_threads++) {
            c.block_tiles = sizes[i];
            memset(c.out, 0xff, sizeof *c.out * c.n_out);
            run_once(NULL, n_threads, run_winograd, &c);
            if (memcmp(c.out, first, sizeof *c.out * c.n_out) != 0)
                fail_msg("blocks of %d tiles on %d threads give other bits", sizes[i], n_threads);
        }
    free(first);
    free_case(&c);
}

static void run_direct(tb_nn *nn, void *user)
{
    winograd_case *c = user;
    tb_conv_run_direct(nn, c->out, &c->in, &c->conv, c->residual);
}

static void run_chosen(tb_nn *nn, void *user)
{
    winograd_case *c = user;
    tb_conv_run(nn, c->out, &c->in, &c->conv, c->residual);
}

typedef struct choice {
    int h, w, c_in, c_out, kernel, stride;
    bool is_winograd;
} choice;

/* A change of these is one of the numbers that the engine computes: of its version. */
static const choice choices[] = {
    {64, 64, 320, 320, 3, 1, true},  {8, 8, 2560, 1280, 3, 1, true},
    {64, 256, 640, 640, 3, 1, true}, {512, 512, 128, 3, 3, 1, true},
    {64, 64, 320, 4, 3, 1, true},    {64, 64, 8, 32, 3, 1, true},
    {3, 3, 64, 64, 3, 1, true},      {5, 5, 64, 64, 3, 1, true},
    {8, 2, 1280, 1280, 3, 1, true},  {8, 1, 1280, 1280, 3, 1, false},
    {2, 2, 64, 64, 3, 1, false},     {1, 100, 64, 64, 3, 1, false},
    {64, 64, 4, 320, 3, 1, false},   {64, 64, 7, 64, 3, 1, false},
    {64, 64, 320, 320, 3, 2, false}, {64, 64, 320, 320, 1, 1, false},
};

static void shapes_alone_choose_the_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        const choice *c = &choices[i];
        tb_conv conv = {.c_in = c->c_in, .kernel = c->kernel, .stride = c->stride};
        conv.pad_before = conv.pad_after = c->kernel / 2;
        conv.matrix.n_out = c->c_out;
        if (tb_conv_is_winograd(&conv, c->h, c->w) != c->is_winograd)
            fail_msg("%d x %d, %d to %d channels: the other way", c->h, c->w, c->c_in, c->c_out);
    }
}

/* The two ways differ in bits, so that these tell which one ran. */
static void the_chosen_way_is_taken(void **state)
{
    static const shape chosen[] = {{2, 9, 7, 50, 20, 1, 1, false},
                                   {2, 9, 7, 50, 20, 1, 1, true},
                                   {2, 9, 7, 5, 20, 1, 1, false},
                                   {2, 9, 7, 5, 20, 1, 1, true}};
    (void)state;
    for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++) {
        winograd_case c = new_case(&chosen[i], TB_DTYPE_F16, 3);
        bool is_winograd = tb_conv_is_winograd(&c.conv, c.in.h, c.in.w);
        float *outs[3];
        tb_nn_work works[] = {run_chosen, is_winograd ? run_winograd : run_direct,
                              is_winograd ? run_direct : run_winograd};
        for (int j = 0; j < 3; j++) {
            run_once(NULL, 2, works[j], &c);
            outs[j] = c.out;
            c.out = new_floats(7, c.n_out);
        }
        assert_memory_equal(outs[0], outs[1], sizeof *c.out * c.n_out);
        assert_memory_not_equal(outs[0], outs[2], sizeof *c.out * c.n_out);
        for (int j = 0; j < 3; j++)
            free(outs[j]);
        free_case(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_those_of_doubles),
        cmocka_unit_test(nan_comes_out_where_it_is_seen),
        cmocka_unit_test(bits_do_not_depend_on_blocks),
        cmocka_unit_test(shapes_alone_choose_the_way),
        cmocka_unit_test(the_chosen_way_is_taken),
    };
    return cmocka_run_group_tests_name("winograd", tests, NULL, NULL);
}
