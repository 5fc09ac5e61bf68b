/*
 * Linear layers and convolutions beside plain loops in double precision: all widths of weights, odd
 * sizes, strides, one-sided padding; the same bytes for any threads and kernels. And what of a
 * weight is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/nn/conv.h"
#include "tests/nn/layers.h"

static const tb_dtype dtypes[] = {TB_DTYPE_F32, TB_DTYPE_F16, TB_DTYPE_BF16, TB_DTYPE_F64};

enum { N_DTYPES = sizeof dtypes / sizeof *dtypes };

/* Sums in float against sums in double. */
static const double max_error = 1e-6;

static void pack(tb_matrix *m, const weight *w, const weight *bias)
{
    tb_error err = {0};
    if (tb_matrix_pack(m, &w->tensor, bias == NULL ? NULL : &bias->tensor, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
}

typedef struct linear_case {
    tb_matrix m;
    int64_t rows;
    float *in, *out;
    const float *residual;
    bool is_in_place; /* the residual is out */
} linear_case;

static void run_linear(tb_nn *nn, void *user)
{
    linear_case *c = user;
    if (c->is_in_place && !nn->is_dry)
        memcpy(c->out, c->residual, sizeof(float) * (size_t)c->rows * (size_t)c->m.n_out);
    tb_linear(nn, c->out, c->in, c->rows, &c->m, c->is_in_place ? c->out : c->residual);
}

static void check_linear(int rows, int n_in, int n_out, tb_dtype dtype, int variant)
{
    size_t n = (size_t)rows * (size_t)n_out;
    weight w = new_weight(1, dtype, (int64_t[]){n_out, n_in, 0});
    weight bias = new_weight(2, TB_DTYPE_F32, (int64_t[]){n_out, 0});
    bool has_bias = variant & 1, has_residual = variant & 2;
    linear_case c = {.rows = rows, .is_in_place = (variant & 6) == 6};
    c.in = new_floats(3, (size_t)rows * (size_t)n_in);
    c.out = new_floats(4, n);
    float *residual = new_floats(5, n);
    c.residual = has_residual ? residual : NULL;
    pack(&c.m, &w, has_bias ? &bias : NULL);
    run_everywhere(run_linear, &c, c.out, n);
    double *expected = calloc(n, sizeof *expected);
    for (size_t i = 0; i < n; i++) {
        size_t row = i / (size_t)n_out, o = i % (size_t)n_out;
        for (size_t k = 0; k < (size_t)n_in; k++)
            expected[i] += (double)c.in[row * (size_t)n_in + k] * w.values[o * (size_t)n_in + k];
        expected[i] += has_bias ? bias.values[o] : 0;
        expected[i] += has_residual ? (double)residual[i] : 0;
    }
    double error = relative_l2(c.out, expected, n);
    if (!(error <= max_error))
        fail_msg("%d rows, %d to %d, %s: error %.2e", rows, n_in, n_out, tb_dtype_name(dtype),
                 error);
    tb_matrix_deinit(&c.m);
    free_weight(&w);
    free_weight(&bias);
    float *floats[] = {c.in, c.out, residual};
    for (int i = 0; i < 3; i++)
        free(floats[i]);
    free(expected);
}

static void linear_layers_are_those_of_doubles(void **state)
{
    static const int sizes[][3] = {/* rows, in, out */
                                   {1, 1, 1},    {2, 320, 40}, {7, 255, 17}, {6, 256, 16},
                                   {97, 257, 5}, {193, 33, 3}, {5, 700, 530}};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int d = 0; d < N_DTYPES; d++)
            check_linear(sizes[i][0], sizes[i][1], sizes[i][2], dtypes[d], (int)i + d);
    for (int variant = 0; variant < 8; variant++)
        check_linear(13, 300, 35, TB_DTYPE_F16, variant);
}

typedef struct gated_case {
    tb_matrix m, gate;
    int64_t rows;
    float *in, *out;
} gated_case;

static void run_gated(tb_nn *nn, void *user)
{
    gated_case *c = user;
    tb_linear_geglu(nn, c->out, c->in, c->rows, &c->m, &c->gate);
}

/* One output of a layer in double; bias may be NULL. */
static double linear_at(const gated_case *c, const weight *w, const weight *bias, size_t row,
                        size_t o)
{
    size_t n_in = (size_t)c->m.n_in;
    double sum = bias != NULL ? bias->values[o] : 0;
    for (size_t k = 0; k < n_in; k++)
        sum += (double)c->in[row * n_in + k] * w->values[o * n_in + k];
    return sum;
}

static void check_gated(int rows, int n_in, int n_out, tb_dtype dtype, bool has_bias)
{
    size_t n = (size_t)rows * (size_t)n_out;
    weight w[2], bias[2];
    gated_case c = {.rows = rows, .in = new_floats(3, (size_t)rows * (size_t)n_in)};
    c.out = new_floats(4, n);
    for (uint64_t i = 0; i < 2; i++) {
        w[i] = new_weight(5 + i, dtype, (int64_t[]){n_out, n_in, 0});
        bias[i] = new_weight(7 + i, TB_DTYPE_F32, (int64_t[]){n_out, 0});
        pack(i == 0 ? &c.m : &c.gate, &w[i], has_bias ? &bias[i] : NULL);
    }
    run_everywhere(run_gated, &c, c.out, n);
    double *expected = calloc(n, sizeof *expected);
    for (size_t i = 0; i < n; i++) {
        size_t row = i / (size_t)n_out, o = i % (size_t)n_out;
        double x = linear_at(&c, &w[1], has_bias ? &bias[1] : NULL, row, o);
        expected[i] = linear_at(&c, &w[0], has_bias ? &bias[0] : NULL, row, o) * x / 2 *
                      (1 + erf(x / sqrt(2)));
    }
    double error = relative_l2(c.out, expected, n);
    if (!(error <= max_error))
        fail_msg("%d rows, %d to %d gated: error %.2e", rows, n_in, n_out, error);
    for (int i = 0; i < 2; i++) {
        free_weight(&w[i]);
        free_weight(&bias[i]);
    }
    tb_matrix_deinit(&c.m);
    tb_matrix_deinit(&c.gate);
    free(c.in);
    free(c.out);
    free(expected);
}

static void gated_layers_are_those_of_doubles(void **state)
{
    (void)state;
    check_gated(1, 3, 1, TB_DTYPE_F32, true);
    check_gated(195, 40, 33, TB_DTYPE_F16, true);
    check_gated(13, 321, 300, TB_DTYPE_BF16, false);
}

typedef struct conv_case {
    tb_conv conv;
    int n, h, w;
    bool is_doubled;
    float *in, *out, *residual;
} conv_case;

static void run_conv(tb_nn *nn, void *user)
{
    conv_case *c = user;
    tb_conv_run_direct(nn, c->out, &(tb_conv_pictures){c->in, c->n, c->h, c->w, c->is_doubled},
                       &c->conv, c->residual);
}

static void run_chosen_conv(tb_nn *nn, void *user)
{
    conv_case *c = user;
    tb_conv_run(nn, c->out, &(tb_conv_pictures){c->in, c->n, c->h, c->w, c->is_doubled}, &c->conv,
                c->residual);
}

/* Where a pixel of picture i is stored. */
static int pixel_at(const conv_case *c, int i, int y, int x)
{
    int half = c->is_doubled ? 2 : 1, h = (c->h + half - 1) / half, w = (c->w + half - 1) / half;
    return (i * h + y / half) * w + x / half;
}

/* One output value in double: w [out][in][kernel][kernel]. */
static double conv_at(const conv_case *c, const double *w, int i, int y, int x, int o)
{
    const tb_conv *conv = &c->conv;
    double sum = 0;
    for (int in_c = 0; in_c < conv->c_in; in_c++)
        for (int ky = 0; ky < conv->kernel; ky++)
            for (int kx = 0; kx < conv->kernel; kx++) {
                int in_y = y * conv->stride + ky - conv->pad_before;
                int in_x = x * conv->stride + kx - conv->pad_before;
                if (in_y < 0 || in_x < 0 || in_y >= c->h || in_x >= c->w)
                    continue;
                int at = pixel_at(c, i, in_y, in_x) * conv->c_in + in_c;
                int tap = ((o * conv->c_in + in_c) * conv->kernel + ky) * conv->kernel + kx;
                sum += (double)c->in[at] * w[tap];
            }
    return sum;
}

typedef struct conv_size {
    int n, h, w, c_in, c_out, kernel, stride, before, after, out_h, out_w;
    bool is_doubled;
} conv_size;

static const conv_size conv_sizes[] = {
    {1, 1, 1, 1, 1, 3, 1, 1, 1, 1, 1},        {2, 5, 7, 4, 17, 3, 1, 1, 1, 5, 7},
    {2, 9, 6, 40, 33, 3, 2, 1, 1, 5, 3},      {1, 8, 10, 30, 16, 3, 2, 0, 1, 4, 5},
    {2, 3, 11, 300, 5, 3, 1, 1, 1, 3, 11},    {2, 4, 3, 70, 20, 1, 1, 0, 0, 4, 3},
    {1, 13, 17, 129, 48, 3, 1, 1, 1, 13, 17}, {2, 7, 5, 9, 6, 1, 2, 0, 0, 4, 3},
    {2, 7, 6, 20, 9, 3, 1, 1, 1, 7, 6, true}, {1, 5, 8, 6, 4, 3, 2, 1, 1, 3, 4, true},
};

static void check_conv(const conv_size *s, tb_dtype dtype, bool has_residual)
{
    int64_t shape[] = {s->c_out, s->c_in, s->kernel, s->kernel, 0};
    weight w = new_weight(1, dtype, shape);
    weight bias = new_weight(2, TB_DTYPE_F16, (int64_t[]){s->c_out, 0});
    conv_case c = {.n = s->n, .h = s->h, .w = s->w, .is_doubled = s->is_doubled};
    c.conv = (tb_conv){.c_in = s->c_in,
                       .kernel = s->kernel,
                       .stride = s->stride,
                       .pad_before = s->before,
                       .pad_after = s->after};
    pack(&c.conv.matrix, &w, &bias);
    assert_int_equal(tb_conv_size(&c.conv, s->h), s->out_h);
    assert_int_equal(tb_conv_size(&c.conv, s->w), s->out_w);
    size_t n = (size_t)s->n * (size_t)s->out_h * (size_t)s->out_w * (size_t)s->c_out, i = 0;
    c.in = new_floats(3, (size_t)s->n * (size_t)s->h * (size_t)s->w * (size_t)s->c_in);
    c.out = new_floats(4, n);
    c.residual = has_residual ? new_floats(5, n) : NULL;
    run_everywhere(run_conv, &c, c.out, n);
    double *expected = calloc(n, sizeof *expected);
    for (int picture = 0; picture < s->n; picture++)
        for (int y = 0; y < s->out_h; y++)
            for (int x = 0; x < s->out_w; x++)
                for (int o = 0; o < s->c_out; o++, i++)
                    expected[i] = conv_at(&c, w.values, picture, y, x, o) + bias.values[o] +
                                  (has_residual ? (double)c.residual[i] : 0);
    double error = relative_l2(c.out, expected, n);
    if (!(error <= max_error))
        fail_msg("%d to %d channels, stride %d, %s: error %.2e", s->c_in, s->c_out, s->stride,
                 tb_dtype_name(dtype), error);
    tb_matrix_deinit(&c.conv.matrix);
    free_weight(&w);
    free_weight(&bias);
    free(c.in);
    free(c.out);
    free(c.residual);
    free(expected);
}

static void convolutions_are_those_of_doubles(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof conv_sizes / sizeof *conv_sizes; i++)
        for (int d = 0; d < N_DTYPES; d++)
            check_conv(&conv_sizes[i], dtypes[d], (i + (size_t)d) % 2 == 0);
}

/* A convolution by ones of each channel alone: nearest neighbours, of odd sizes too. */
static void doubled_pictures_repeat_each_pixel(void **state)
{
    enum { N = 2, H = 5, W = 10, C = 7, LEN = N * H * W * C };
    conv_case c = {.n = N, .h = H, .w = W, .is_doubled = true};
    weight identity = new_weight(1, TB_DTYPE_F32, (int64_t[]){C, C, 1, 1, 0});
    (void)state;
    for (int i = 0; i < C * C; i++)
        memcpy(identity.memory + 1 + sizeof(float) * (size_t)i,
               &(float){i / C == i % C ? 1.0f : 0.0f}, sizeof(float));
    c.conv = (tb_conv){.c_in = C, .kernel = 1, .stride = 1};
    pack(&c.conv.matrix, &identity, NULL);
    c.in = new_floats(1, (size_t)N * 3 * 5 * C);
    c.out = new_floats(2, LEN);
    run_everywhere(run_chosen_conv, &c, c.out, LEN);
    for (int i = 0; i < LEN; i++) {
        int channel = i % C, x = i / C % W, y = i / C / W % H, picture = i / C / W / H;
        assert_true(c.out[i] == c.in[pixel_at(&c, picture, y, x) * C + channel]);
    }
    tb_matrix_deinit(&c.conv.matrix);
    free_weight(&identity);
    free(c.in);
    free(c.out);
}

/* Panels hold the file's own halves, and zeros behind the last output. */
static void weights_keep_their_width(void **state)
{
    enum { N_OUT = 18, N_IN = 5 };
    (void)state;
    for (int d = 0; d < N_DTYPES; d++) {
        weight w = new_weight(1, dtypes[d], (int64_t[]){N_OUT, N_IN, 0});
        tb_matrix m;
        pack(&m, &w, NULL);
        bool is_half = dtypes[d] == TB_DTYPE_F16 || dtypes[d] == TB_DTYPE_BF16;
        assert_int_equal(m.dtype, is_half ? dtypes[d] : TB_DTYPE_F32);
        assert_int_equal(tb_matrix_bytes(&m), 2 * 16 * N_IN * (is_half ? 2 : 4));
        for (int i = 0; i < 32 * N_IN; i++) {
            int o = i / (16 * N_IN) * 16 + i % 16, k = i / 16 % N_IN;
            uint16_t half = 0;
            if (is_half && o < N_OUT)
                memcpy(&half, w.memory + 1 + 2 * (o * N_IN + k), 2);
            if (is_half)
                assert_int_equal(((uint16_t *)m.panels)[i], half);
            else
                assert_true(((float *)m.panels)[i] ==
                            (o < N_OUT ? (float)w.values[o * N_IN + k] : 0));
        }
        tb_matrix_deinit(&m);
        free_weight(&w);
    }
}

/* Rows of one tensor for several layers; and a tensor that is stored transposed. */
static void rows_and_strides_are_followed(void **state)
{
    enum { N_OUT = 40, N_IN = 70, FIRST = 13, N = 21 };
    (void)state;
    for (int d = 0; d < N_DTYPES; d++) {
        weight w = new_weight(1, dtypes[d], (int64_t[]){N_OUT, N_IN, 0});
        weight bias = new_weight(2, TB_DTYPE_F32, (int64_t[]){N_OUT, 0});
        tb_tensor across = w.tensor; /* [70, 40] of the same elements */
        across.shape[0] = N_IN;
        across.shape[1] = N_OUT;
        across.stride[0] = 1;
        across.stride[1] = N_IN;
        tb_matrix all, part, turned;
        pack(&all, &w, &bias);
        assert_int_equal(tb_matrix_pack_rows(&part, &w.tensor, &bias.tensor, FIRST, N, NULL),
                         TIMBRE_OK);
        assert_int_equal(tb_matrix_pack(&turned, &across, NULL, NULL), TIMBRE_OK);
        size_t size = tb_dtype_size(all.dtype);
        for (int i = 0; i < N_OUT * N_IN; i++) {
            int o = i / N_IN, k = i % N_IN;
            const char *expected = (char *)all.panels +
                                   size * (size_t)((o / 16 * N_IN + k) * 16 + o % 16);
            const char *other = (char *)turned.panels +
                                size * (size_t)((k / 16 * N_OUT + o) * 16 + k % 16);
            assert_memory_equal(expected, other, size);
            int row = o - FIRST;
            if (row < 0 || row >= N)
                continue;
            other = (char *)part.panels + size * (size_t)((row / 16 * N_IN + k) * 16 + row % 16);
            assert_memory_equal(expected, other, size);
            assert_true(part.bias[row] == all.bias[o]);
        }
        tb_matrix_deinit(&all);
        tb_matrix_deinit(&part);
        tb_matrix_deinit(&turned);
        free_weight(&w);
        free_weight(&bias);
    }
}

/* An infinity at [17, 2, 1, 0] of a weight in `dtype`. */
static void check_refusal(tb_dtype dtype, const void *infinity)
{
    weight w = new_weight(1, dtype, (int64_t[]){20, 3, 3, 3, 0});
    tb_error err = {0};
    tb_matrix m;
    size_t at = (size_t)(17 * 27 + 2 * 9 + 3), size = tb_dtype_size(dtype);
    memcpy(w.memory + 1 + at * size, infinity, size);
    assert_int_equal(tb_matrix_pack(&m, &w.tensor, NULL, &err), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "layer.weight"));
    assert_non_null(strstr(err.message, "[17, 2, 1, 0]"));
    assert_null(m.panels);
    assert_null(m.bias);
    float *floats = &(float){0};
    assert_int_equal(tb_floats_load(&w.tensor, &floats, &err), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "[17, 2, 1, 0]"));
    assert_null(floats);
    free_weight(&w);
}

static void values_that_are_not_finite_are_named(void **state)
{
    (void)state;
    check_refusal(TB_DTYPE_F32, &(float){INFINITY});
    check_refusal(TB_DTYPE_F32, &(float){NAN});
    check_refusal(TB_DTYPE_F64, &(double){-INFINITY});
    check_refusal(TB_DTYPE_F64, &(double){1e300}); /* none of a float */
    check_refusal(TB_DTYPE_F16, &(uint16_t){0xfc00});
    check_refusal(TB_DTYPE_F16, &(uint16_t){0x7e01});
    check_refusal(TB_DTYPE_BF16, &(uint16_t){0x7f80});
    weight bias = new_weight(2, TB_DTYPE_F32, (int64_t[]){20, 0});
    weight w = new_weight(1, TB_DTYPE_F16, (int64_t[]){20, 3, 0});
    tb_error err = {0};
    tb_matrix m;
    bias.tensor.name = "layer.bias";
    memcpy(bias.memory + 1 + 4 * 19, &(float){NAN}, 4);
    assert_int_equal(tb_matrix_pack(&m, &w.tensor, &bias.tensor, &err), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "layer.bias"));
    assert_non_null(strstr(err.message, "[19]"));
    assert_null(m.panels);
    free_weight(&w);
    free_weight(&bias);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_layers_are_those_of_doubles),
        cmocka_unit_test(gated_layers_are_those_of_doubles),
        cmocka_unit_test(convolutions_are_those_of_doubles),
        cmocka_unit_test(doubled_pictures_repeat_each_pixel),
        cmocka_unit_test(weights_keep_their_width),
        cmocka_unit_test(rows_and_strides_are_followed),
        cmocka_unit_test(values_that_are_not_finite_are_named),
    };
    return cmocka_run_group_tests_name("product", tests, NULL, NULL);
}
