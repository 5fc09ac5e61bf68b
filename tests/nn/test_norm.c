/*
 * Norms and what is done to single elements, beside double precision; the same bytes for any
 * threads and kernels, in place or not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/nn/elementwise.h"
#include "engine/nn/norm.h"
#include "tests/nn/layers.h"

static const double max_error = 1e-6;

typedef struct norm_case {
    tb_norm norm;
    int n;
    int64_t positions;
    bool has_silu, is_in_place;
    float *in, *out;
    size_t len;
} norm_case;

static const float *start(const norm_case *c, const tb_nn *nn)
{
    if (!c->is_in_place)
        return c->in;
    if (!nn->is_dry)
        memcpy(c->out, c->in, sizeof *c->out * c->len);
    return c->out;
}

static void run_group_norm(tb_nn *nn, void *user)
{
    norm_case *c = user;
    tb_group_norm(nn, c->out, start(c, nn), c->n, c->positions, &c->norm, c->has_silu);
}

static void run_layer_norm(tb_nn *nn, void *user)
{
    norm_case *c = user;
    tb_layer_norm(nn, c->out, start(c, nn), c->n * c->positions, &c->norm);
}

static norm_case new_case(int n, int positions, int channels, int groups, double offset)
{
    norm_case c = {.norm = {channels, groups, 1e-5f, new_floats(1, (size_t)channels),
                            new_floats(2, (size_t)channels)},
                   .n = n,
                   .positions = positions,
                   .len = (size_t)n * (size_t)positions * (size_t)channels};
    c.in = new_floats(3, c.len);
    c.out = new_floats(4, c.len);
    for (size_t i = 0; i < c.len; i++) /* channels of unlike size, away from 0 */
        c.in[i] = (float)(((double)c.in[i] + offset) * (1 + (double)(i % (size_t)channels)));
    return c;
}

static void free_case(norm_case *c)
{
    free(c->in);
    free(c->out);
    tb_norm_deinit(&c->norm);
    assert_null(c->norm.gain);
}

/* `count` values from `first`, in rows of `n_row` that are `ld` apart: to mean 0 and deviation 1.
 */
static void standardize(const float *in, double *out, size_t first, int n_rows, int n_row, int ld,
                        double eps)
{
    double mean = 0, variance = 0, n = (double)n_rows * n_row;
    for (int i = 0; i < n_rows * n_row; i++)
        mean += (double)in[first + (size_t)(i / n_row * ld + i % n_row)] / n;
    for (int i = 0; i < n_rows * n_row; i++) {
        double d = (double)in[first + (size_t)(i / n_row * ld + i % n_row)] - mean;
        variance += d * d / n;
    }
    for (int i = 0; i < n_rows * n_row; i++) {
        size_t at = first + (size_t)(i / n_row * ld + i % n_row);
        out[at] = ((double)in[at] - mean) / sqrt(variance + eps);
    }
}

static double silu(double x)
{
    return x / (1 + exp(-x));
}

static void check_group_norm(norm_case c, double bound)
{
    int channels = c.norm.n_channels, n = channels / c.norm.n_groups;
    double *expected = calloc(c.len, sizeof *expected);
    for (int i = 0; i < c.n * c.norm.n_groups; i++) {
        size_t picture = (size_t)(i / c.norm.n_groups) * (size_t)(c.positions * channels);
        standardize(c.in, expected, picture + (size_t)(i % c.norm.n_groups * n), (int)c.positions,
                    n, channels, (double)c.norm.eps);
    }
    for (size_t i = 0; i < c.len; i++) {
        size_t channel = i % (size_t)channels;
        expected[i] = expected[i] * (double)c.norm.gain[channel] + (double)c.norm.shift[channel];
        expected[i] = c.has_silu ? silu(expected[i]) : expected[i];
    }
    run_everywhere(run_group_norm, &c, c.out, c.len);
    double error = relative_l2(c.out, expected, c.len);
    if (!(error <= bound))
        fail_msg("%d channels, %d positions: error %.2e", channels, (int)c.positions, error);
    free(expected);
    free_case(&c);
}

static void group_norms_are_those_of_doubles(void **state)
{
    static const int sizes[][4] = {/* pictures, positions, channels, groups */
                                   {1, 1, 2, 1},   {2, 63, 6, 3},   {1, 64, 32, 32},
                                   {2, 65, 40, 8}, {1, 300, 12, 2}, {3, 129, 5, 5}};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int variant = 0; variant < 4; variant++) {
            norm_case c = new_case(sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3], 0.25);
            c.has_silu = variant & 1;
            c.is_in_place = variant & 2;
            check_group_norm(c, max_error);
        }
}

/* A mean 100 times the deviation costs digits of the input, no more. */
static void large_means_keep_their_digits(void **state)
{
    (void)state;
    check_group_norm(new_case(1, 700, 4, 4, 100 / sqrt(3)), 3e-6);
}

static void check_layer_norm(norm_case c)
{
    int channels = c.norm.n_channels;
    double *expected = calloc(c.len, sizeof *expected);
    for (size_t i = 0; i < c.len; i += (size_t)channels)
        standardize(c.in, expected, i, 1, channels, channels, (double)c.norm.eps);
    for (size_t i = 0; i < c.len; i++) {
        size_t channel = i % (size_t)channels;
        expected[i] = expected[i] * (double)c.norm.gain[channel] + (double)c.norm.shift[channel];
    }
    run_everywhere(run_layer_norm, &c, c.out, c.len);
    double error = relative_l2(c.out, expected, c.len);
    if (!(error <= max_error))
        fail_msg("%d channels: error %.2e", channels, error);
    free(expected);
    free_case(&c);
}

static void layer_norms_are_those_of_doubles(void **state)
{
    static const int sizes[][2] = {{1, 2}, {3, 15}, {33, 16}, {16, 17}, {5, 320}, {2, 1283}};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int variant = 0; variant < 2; variant++) {
            norm_case c = new_case(1, sizes[i][0], sizes[i][1], 0, 0.25);
            c.is_in_place = variant == 1;
            check_layer_norm(c);
        }
}

/* Two inputs, so many that several tasks share them. */
enum { N = 2, POSITIONS = 911, CA = 13, CB = 12, LEN = N * POSITIONS * (CA + CB) };

typedef struct element_case {
    float *a, *b, *out;
    int operation; /* of tb_activate */
} element_case;

static void run_activate(tb_nn *nn, void *user)
{
    element_case *c = user;
    tb_activate(nn, c->out, c->a, LEN, (tb_activation)c->operation);
}

static double gelu(double x)
{
    return x / 2 * (1 + erf(x / sqrt(2)));
}

static double expect_activate(const element_case *c, size_t i)
{
    double x = (double)c->a[i];
    return c->operation == TB_ACTIVATION_SILU   ? silu(x)
           : c->operation == TB_ACTIVATION_GELU ? gelu(x)
                                                : x / (1 + exp(-1.702 * x));
}

static void run_add_rows(tb_nn *nn, void *user)
{
    element_case *c = user;
    tb_add_rows(nn, c->out, c->a, N, POSITIONS, CA + CB, c->b);
}

static double expect_add_rows(const element_case *c, size_t i)
{
    size_t picture = i / (POSITIONS * (CA + CB));
    return (double)c->a[i] + (double)c->b[picture * (CA + CB) + i % (CA + CB)];
}

static void run_concat(tb_nn *nn, void *user)
{
    element_case *c = user;
    tb_concat(nn, c->out, c->a, CA, c->b, CB, N * POSITIONS);
}

static double expect_concat(const element_case *c, size_t i)
{
    size_t row = i / (CA + CB), column = i % (CA + CB);
    return (double)(column < CA ? c->a[row * CA + column] : c->b[row * CB + column - CA]);
}

static void check_elements(tb_nn_work work, double (*expect)(const element_case *c, size_t i),
                           int operation)
{
    element_case c = {new_floats(1, LEN), new_floats(2, LEN), new_floats(3, LEN), operation};
    double *expected = calloc(LEN, sizeof *expected);
    for (size_t i = 0; i < LEN; i++)
        c.a[i] *= 6;
    run_everywhere(work, &c, c.out, LEN);
    for (size_t i = 0; i < LEN; i++)
        expected[i] = expect(&c, i);
    assert_true(relative_l2(c.out, expected, LEN) <= 1e-7 * (operation >= 0 ? 10 : 1));
    float *floats[] = {c.a, c.b, c.out};
    for (int i = 0; i < 3; i++)
        free(floats[i]);
    free(expected);
}

static void elements_are_those_of_doubles(void **state)
{
    (void)state;
    check_elements(run_add_rows, expect_add_rows, -1);
    check_elements(run_concat, expect_concat, -1);
    check_elements(run_activate, expect_activate, TB_ACTIVATION_SILU);
    check_elements(run_activate, expect_activate, TB_ACTIVATION_GELU);
    check_elements(run_activate, expect_activate, TB_ACTIVATION_QUICK_GELU);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(group_norms_are_those_of_doubles),
        cmocka_unit_test(large_means_keep_their_digits),
        cmocka_unit_test(layer_norms_are_those_of_doubles),
        cmocka_unit_test(elements_are_those_of_doubles),
    };
    return cmocka_run_group_tests_name("norm", tests, NULL, NULL);
}
