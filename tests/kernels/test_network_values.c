/*
 * What the network's kernels compute, against float64 and the C library, and against the order of
 * operations that network.h specifies, written out plainly. For each variant of this machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/kernels/table.h"

enum { LONGEST = 100000 };

static const tb_network_kernels *kernels; /* the variant under test */
static float *x, *y, *z;                  /* [LONGEST] each */

static float draw(uint64_t seed, size_t i)
{
    return (float)((double)(int64_t)tb_random_at(seed, i) * 0x1p-63);
}

/* Noise of +-amplitude around an offset. */
static void fill(float *v, size_t n, uint64_t seed, float amplitude, float offset)
{
    for (size_t i = 0; i < n; i++)
        v[i] = offset + amplitude * draw(seed, i);
}

static void for_each_variant(void (*check)(void))
{
    static const char *const names[] = {"ref", "avx2", "avx512", "neon"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const tb_kernels *table;
        if (tb_kernels_choose(names[i], &table, NULL) != TIMBRE_OK)
            continue;
        kernels = table->network;
        check();
    }
}

/* In units of the last place of a normal float result; of the smallest normal below it. */
static double ulps(float got, double expected)
{
    int exponent;
    frexp(fmax(fabs(expected), 0x1p-126), &exponent);
    return fabs((double)got - expected) / ldexp(1, exponent - 24);
}

typedef struct softmax_state {
    float max[16], sum[16], factor[16];
} softmax_state;

static softmax_state first_block(void)
{
    softmax_state s;
    for (int i = 0; i < 16; i++) {
        s.max[i] = -FLT_MAX;
        s.sum[i] = 0;
    }
    return s;
}

static void run_softmax(softmax_state *s, float *weights, const float *scores, size_t ld, int n)
{
    kernels->softmax(&(tb_softmax_block){.weights = weights,
                                         .scores = scores,
                                         .ld = ld,
                                         .n = n,
                                         .max = s->max,
                                         .sum = s->sum,
                                         .factor = s->factor});
}

/* One score after the other, below a first row of zeros; weights take the place of scores. */
static void check_softmax_exp(void)
{
    double worst = 0;
    size_t n = LONGEST / 16 * 16;
    softmax_state s = first_block();
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] = i < 16 ? 0 : -126 * (float)i / (float)n;
    run_softmax(&s, y, y, 16, (int)(n / 16));
    for (size_t i = 0; i < n; i++)
        worst = fmax(worst, ulps(y[i], exp2((double)x[i])));
    assert_true(worst <= 1.1);
}

static void exp2_is_right_to_the_last_place(void **state)
{
    (void)state;
    for_each_variant(check_softmax_exp);
}

/* Columns of two scores: far below the largest, not there, not a number, too large for their
 * distance to be a float. */
static void check_softmax_ends(void)
{
    static const float below[16] = {-126,      -126.6f, -127,  -200,     -1e30f, -INFINITY,
                                    -INFINITY, NAN,     3e38f, -FLT_MAX, 0};
    static const float above[16] = {0, 0, 0, 0, 0, 0, -INFINITY, 1.0f, -3e38f, FLT_MAX, INFINITY};
    softmax_state s = first_block();
    memcpy(x, below, sizeof below);
    memcpy(x + 16, above, sizeof above);
    run_softmax(&s, y, x, 16, 2);
    assert_true(y[0] == 0x1p-126f && s.sum[0] >= 1);
    for (int i = 1; i < 6; i++)
        assert_true(y[i] == 0 && !signbit(y[i]) && y[16 + i] == 1 && s.sum[i] == 1);
    assert_true(y[6] == 0 && y[16 + 6] == 0 && s.sum[6] == 0 && s.max[6] == -FLT_MAX);
    assert_true(isnan(y[7]) && y[16 + 7] == 1 && isnan(s.sum[7]) && s.max[7] == 1);
    assert_true(y[8] == 1 && y[16 + 8] == 0 && s.sum[8] == 1);
    assert_true(y[9] == 0 && y[16 + 9] == 1 && s.sum[9] == 1);
    assert_true(isnan(y[16 + 10]) && isnan(s.sum[10]));
    assert_true(y[11] == 1 && s.sum[11] == 2);
}

static void softmax_ends_in_zero(void **state)
{
    (void)state;
    for_each_variant(check_softmax_ends);
}

/* The sum16 of network.h. */
static float specified_sum(const float *v, size_t n)
{
    float s[16] = {0};
    for (size_t i = 0; i < n; i++)
        s[i % 16] += v[i];
    for (size_t half = 8; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            s[i] += s[i + half];
    return s[0];
}

/* The sum of a column's weights that network.h specifies. */
static float specified_weights(const float *column, int n)
{
    float s[4] = {0};
    for (int i = 0; i < n; i++)
        s[i % 4] += column[i * 16];
    return (s[0] + s[2]) + (s[1] + s[3]);
}

static void check_softmax_column(const softmax_state *s, int column, int n, size_t ld, float before)
{
    double max = (double)before, expected = 0;
    for (int i = 0; i < n; i++)
        max = fmax(max, (double)x[(size_t)i * ld + (size_t)column]);
    assert_true((double)s->max[column] == max);
    assert_true(ulps(s->factor[column], exp2((double)(before - (float)max))) <= 1.1);
    for (int i = 0; i < n; i++) {
        /* the distance is that of floats */
        float distance = x[(size_t)i * ld + (size_t)column] - (float)max;
        assert_true(ulps(y[i * 16 + column], exp2((double)distance)) <= 1.1);
        expected += exp2((double)distance);
    }
    expected += 3 * exp2((double)(before - (float)max));
    assert_true(fabs((double)s->sum[column] - expected) <= 1e-6 * expected);
    assert_true(s->sum[column] == fmaf(3, s->factor[column], specified_weights(y + column, n)));
}

static void check_softmax_sum(void)
{
    static const int lengths[] = {1, 2, 3, 4, 5, 7, 8, 77, 256};
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        int n = lengths[k];
        size_t ld = 16 + 5 * k;
        softmax_state s;
        for (int i = 0; i < 16; i++) {
            s.max[i] = (float)i - 8; /* below and above what comes */
            s.sum[i] = 3;
        }
        fill(x, ld * (size_t)n, 100 + k, 6, -1);
        run_softmax(&s, y, x, ld, n);
        for (int i = 0; i < 16; i++)
            check_softmax_column(&s, i, n, ld, (float)i - 8);
    }
}

static void softmax_sums_as_specified(void **state)
{
    (void)state;
    for_each_variant(check_softmax_sum);
}

typedef void map_kernel(float *out, const float *in, size_t n);
typedef double map_function(double x);

/* Error relative to each single value, for x of +-range. */
static double worst_of(map_kernel *kernel, map_function *function, double range)
{
    double worst = 0;
    size_t n = 20000;
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(range * (2 * (double)i / (double)(n - 1) - 1));
    kernel(y, x, n);
    for (size_t i = 0; i < n; i++) {
        double expected = function((double)x[i]);
        worst = fmax(worst, fabs((double)y[i] - expected) / fmax(fabs(expected), 0x1p-126));
    }
    return worst;
}

static double exact_silu(double v)
{
    return v / (1 + exp(-v));
}

static double exact_quick_gelu(double v)
{
    return v / (1 + exp(-(double)1.702f * v));
}

static double exact_gelu(double v)
{
    return v * 0.5 * erfc(-v * sqrt(0.5));
}

static void check_activations(void)
{
    assert_true(worst_of(kernels->silu, exact_silu, 8) <= 4e-7);
    assert_true(worst_of(kernels->silu, exact_silu, 87) <= 4e-7);
    assert_true(worst_of(kernels->quick_gelu, exact_quick_gelu, 5) <= 1.5e-6); /* of 1.702 x */
    assert_true(worst_of(kernels->gelu, exact_gelu, 0.01) <= 4e-7);
    assert_true(worst_of(kernels->gelu, exact_gelu, 4) <= 1e-6);
    assert_true(worst_of(kernels->gelu, exact_gelu, 12) <= 1e-6);
}

static void activations_are_right_to_themselves(void **state)
{
    (void)state;
    for_each_variant(check_activations);
}

static void check_far_activations(void)
{
    static const float far[] = {-200, -1e30f, -3e38f, 200, 1e30f, NAN, 0};
    map_kernel *const each[] = {kernels->silu, kernels->quick_gelu, kernels->gelu};
    for (int k = 0; k < 3; k++) {
        float out[7];
        each[k](out, far, 7);
        for (int i = 0; i < 3; i++)
            assert_true(out[i] == 0);
        assert_true(out[3] == 200 && out[4] == 1e30f && isnan(out[5]) && out[6] == 0);
    }
    float ends[] = {INFINITY, -INFINITY}, out[2];
    kernels->gelu(out, ends, 2);
    assert_true(isinf(out[0]) && out[1] == 0);
}

static void activations_end_in_zero_and_x(void **state)
{
    (void)state;
    for_each_variant(check_far_activations);
}

static void check_plain_maps(void)
{
    enum { N = 203 };
    float out[N];
    fill(x, N, 1, 3, 0);
    fill(y, N, 2, 3, 0);
    kernels->gelu(z, y, N);
    kernels->geglu(out, x, y, N);
    for (int i = 0; i < N; i++)
        assert_true(out[i] == x[i] * z[i]);
    kernels->add(out, x, y, N);
    for (int i = 0; i < N; i++)
        assert_true(out[i] == x[i] + y[i]);
    kernels->scale(out, x, 0.3f, N);
    for (int i = 0; i < N; i++)
        assert_true(out[i] == x[i] * 0.3f);
}

static void plain_maps_are_what_they_say(void **state)
{
    (void)state;
    for_each_variant(check_plain_maps);
}

static void check_scale_shift(void)
{
    enum { ROWS = 3, N = 37, LD = 40 };
    float out[ROWS * LD], active[ROWS * LD];
    fill(x, ROWS * LD, 1, 3, 0);
    fill(y, N, 2, 3, 0);
    fill(z, N, 3, 3, 0);
    kernels->scale_shift(out, x, LD, y, z, ROWS, N, false);
    kernels->scale_shift(active, x, LD, y, z, ROWS, N, true);
    for (int r = 0; r < ROWS; r++) {
        float expected[N];
        for (int c = 0; c < N; c++)
            assert_true(out[r * LD + c] == fmaf(x[r * LD + c], y[c], z[c]));
        kernels->silu(expected, out + r * LD, N);
        assert_memory_equal(expected, active + r * LD, sizeof expected);
    }
}

static void scale_shift_is_one_fma(void **state)
{
    (void)state;
    for_each_variant(check_scale_shift);
}

/* sum and m2 against the plain order of operations, and m2 against float64. */
static void check_moments_of(int n_rows, int n, size_t ld)
{
    float sum[64], m2[64];
    fill(x, (size_t)n_rows * ld, (uint64_t)n, 1, 10);
    kernels->channel_moments(sum, m2, x, ld, n_rows, n);
    for (int c = 0; c < n; c++) {
        float s = 0, q = 0;
        double mean = 0, exact = 0;
        for (int r = 0; r < n_rows; r++)
            s += x[(size_t)r * ld + (size_t)c];
        for (int r = 0; r < n_rows; r++) {
            float d = x[(size_t)r * ld + (size_t)c] - s / (float)n_rows;
            q = fmaf(d, d, q);
            mean += (double)x[(size_t)r * ld + (size_t)c] / n_rows;
        }
        for (int r = 0; r < n_rows; r++)
            exact += pow((double)x[(size_t)r * ld + (size_t)c] - mean, 2);
        assert_true(sum[c] == s && m2[c] == q);
        assert_true(fabs((double)m2[c] - exact) <= 1e-5 * exact + 1e-12);
    }
}

static void check_moments(void)
{
    for (int n = 1; n <= 64; n += 9)
        check_moments_of(1 + n * 7 % TB_MOMENT_ROWS, n, (size_t)n + 3);
    check_moments_of(TB_MOMENT_ROWS, 64, 64);
}

static void moments_go_down_the_rows(void **state)
{
    (void)state;
    for_each_variant(check_moments);
}

static void check_layer_norm_of(size_t n, float offset)
{
    float *gain = z, *bias = z + 1000, *squares = z + 2000, *out = z + 3000;
    fill(x, n, n, 2, offset);
    fill(gain, n, 1, 1, 1);
    fill(bias, n, 2, 1, 0);
    kernels->layer_norm(out, x, gain, bias, (int)n, 1e-5f);
    double mean = 0, variance = 0, error = 0, norm = 0;
    for (size_t i = 0; i < n; i++)
        mean += (double)x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        variance += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)n;
    float m = specified_sum(x, n) / (float)n;
    for (size_t i = 0; i < n; i++)
        squares[i] = (x[i] - m) * (x[i] - m);
    float r = 1 / sqrtf(specified_sum(squares, n) / (float)n + 1e-5f);
    for (size_t i = 0; i < n; i++) {
        double expected = ((double)x[i] - mean) / sqrt(variance + 1e-5) * (double)gain[i] +
                          (double)bias[i];
        error += pow((double)out[i] - expected, 2);
        norm += expected * expected;
        assert_true(out[i] == fmaf((x[i] - m) * r, gain[i], bias[i]));
    }
    assert_true(sqrt(error / norm) <= 1e-6);
}

static void check_layer_norm(void)
{
    static const size_t lengths[] = {1, 3, 8, 16, 24, 33, 320, 768, 1000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        check_layer_norm_of(lengths[i], 0);
        check_layer_norm_of(lengths[i], 2);
    }
}

static void layer_norm_is_as_specified(void **state)
{
    (void)state;
    for_each_variant(check_layer_norm);
}

/* Every number of rows that a tile may have, by the loop that network.h describes. */
static void check_gemm_of(int m, int n_panels, int k, bool adds)
{
    enum {
        ROWS = 30,
        PANELS = 3,
        LDA = TB_GEMM_DEPTH + 3,
        LDB = TB_GEMM_DEPTH * 16 + 16,
        LDC = PANELS * 16 + 3
    };
    static _Alignas(64) float panels[PANELS * LDB];
    float c[ROWS * LDC], before[ROWS * LDC];
    fill(x, ROWS * LDA, (uint64_t)k, 1, 0);
    fill(c, ROWS * LDC, 5, 1, 0);
    memcpy(before, c, sizeof c);
    fill(panels, PANELS * LDB, 6, 1, 0);
    kernels->gemm(&(tb_gemm_block){.c = c,
                                   .ldc = LDC,
                                   .a = x,
                                   .lda = LDA,
                                   .b = panels,
                                   .ldb = LDB,
                                   .m = m,
                                   .n_panels = n_panels,
                                   .k = k,
                                   .adds = adds});
    for (int i = 0; i < m; i++)
        for (int j = 0; j < 16 * n_panels; j++) {
            float sum = 0;
            for (int p = 0; p < k; p++)
                sum = fmaf(x[i * LDA + p], panels[j / 16 * LDB + p * 16 + j % 16], sum);
            assert_true(c[i * LDC + j] == (adds ? before[i * LDC + j] + sum : sum));
        }
}

static void check_gemm(void)
{
    static const int depths[] = {1, 2, 15, 16, 17, 40, 255, TB_GEMM_DEPTH};
    for (int m = 1; m <= 30; m++)
        for (int n_panels = 1; n_panels <= 3; n_panels++)
            for (size_t d = 0; d < sizeof depths / sizeof *depths; d++)
                check_gemm_of(m, n_panels, depths[d], (m + n_panels + (int)d) % 2 == 0);
}

static void gemm_adds_products_in_order(void **state)
{
    (void)state;
    for_each_variant(check_gemm);
}

static void check_pack_rows(void)
{
    enum { LD = 45, K = 43 };
    fill(x, 16 * LD, 1, 1, 0);
    for (int n_rows = 1; n_rows <= 16; n_rows++)
        for (int k = 1; k <= K; k += 6) {
            fill(y, K * 16, 2, 1, 0);
            kernels->pack_rows(y, x, LD, n_rows, k);
            for (int i = 0; i < k * 16; i++)
                assert_true(y[i] == (i % 16 < n_rows ? x[i % 16 * LD + i / 16] : 0));
        }
}

static void rows_become_columns_of_a_panel(void **state)
{
    (void)state;
    for_each_variant(check_pack_rows);
}

static double half_value(unsigned bits)
{
    double sign = bits & 0x8000 ? -1 : 1, fraction = bits & 0x3ff;
    int exponent = bits >> 10 & 31;
    if (exponent == 31)
        return fraction == 0 ? sign * INFINITY : NAN;
    return sign * (exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25));
}

static double bfloat_value(unsigned bits)
{
    double sign = bits & 0x8000 ? -1 : 1, fraction = bits & 0x7f;
    int exponent = bits >> 7 & 255;
    if (exponent == 255)
        return fraction == 0 ? sign * INFINITY : NAN;
    return sign * (exponent == 0 ? ldexp(fraction, -133) : ldexp(128 + fraction, exponent - 134));
}

static void check_widened(const float *got, double (*value)(unsigned))
{
    for (unsigned i = 0; i < 65536; i++) {
        double expected = value(i);
        assert_true(isnan(expected) ? isnan(got[i]) : (double)got[i] == expected);
        assert_true(isnan(expected) || !signbit(expected) == !signbit(got[i]));
    }
}

static void check_widening(void)
{
    uint16_t *all = malloc(sizeof *all * 65536);
    assert_non_null(all);
    for (unsigned i = 0; i < 65536; i++)
        all[i] = (uint16_t)i;
    kernels->widen_f16(x, all, 65536);
    check_widened(x, half_value);
    kernels->widen_bf16(x, all, 65536);
    check_widened(x, bfloat_value);
    free(all);
}

static void every_half_is_widened_exactly(void **state)
{
    (void)state;
    for_each_variant(check_widening);
}

static int set_up(void **state)
{
    (void)state;
    x = malloc(sizeof *x * LONGEST);
    y = malloc(sizeof *y * LONGEST);
    z = malloc(sizeof *z * LONGEST);
    return x == NULL || y == NULL || z == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    free(x);
    free(y);
    free(z);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp2_is_right_to_the_last_place),
        cmocka_unit_test(softmax_ends_in_zero),
        cmocka_unit_test(softmax_sums_as_specified),
        cmocka_unit_test(activations_are_right_to_themselves),
        cmocka_unit_test(activations_end_in_zero_and_x),
        cmocka_unit_test(plain_maps_are_what_they_say),
        cmocka_unit_test(scale_shift_is_one_fma),
        cmocka_unit_test(moments_go_down_the_rows),
        cmocka_unit_test(layer_norm_is_as_specified),
        cmocka_unit_test(gemm_adds_products_in_order),
        cmocka_unit_test(rows_become_columns_of_a_panel),
        cmocka_unit_test(every_half_is_widened_exactly),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
