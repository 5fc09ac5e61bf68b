/*
 * Winograd's transforms: every variant gives the bits of `ref`, on any number of channels and on
 * extreme numbers, and writes nothing outside of its output; the bits are those of the committed
 * digests; and they are the transforms that the six points define, in double precision.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/random.h"
#include "engine/kernels/table.h"
#include "network_cases.h"

enum {
    MAX_CHANNELS = 70,
    MAX_PLANE = 16 * MAX_CHANNELS + 16,
    FLOATS = TB_WINOGRAD_VALUES * MAX_PLANE + 64,
    N_DRAWS = 40,
    N_HASHED = 10,
    VALUES = TB_WINOGRAD_VALUES,
    PIXELS = TB_WINOGRAD_PIXELS
};

static const char *const variants[] = {"ref", "avx2", "avx512", "neon"};
enum { N_VARIANTS = sizeof variants / sizeof *variants };

/* NULL: not of this machine */
static const tb_winograd_kernels *winograd_of(const char *variant)
{
    const tb_kernels *kernels;
    return tb_kernels_choose(variant, &kernels, NULL) == TIMBRE_OK ? kernels->winograd : NULL;
}

/* Drawn inputs of one call of any kernel. */
typedef struct inputs {
    float *values; /* [FLOATS], not aligned */
    uint16_t *halves;
    int n; /* channels */
    size_t plane;
    uint64_t seed;
    void *memory;
} inputs;

static int draw_int(const inputs *in, uint64_t index, int from, int to)
{
    return from + (int)(tb_random_at(in->seed, index) % (uint64_t)(to - from + 1));
}

static inputs new_inputs(uint64_t seed, case_values values)
{
    inputs in = {.seed = seed, .memory = malloc(6 * (size_t)FLOATS + 128)};
    assert_non_null(in.memory);
    in.values = (float *)in.memory + draw_int(&in, 0, 0, 15);
    in.halves = (uint16_t *)in.memory + 2 * FLOATS + 32 + draw_int(&in, 1, 0, 15);
    case_fill(in.values, FLOATS, tb_random_at(seed, 2), values);
    for (size_t i = 0; i < FLOATS; i++) /* signs, small exponents; infinities among extremes */
        in.halves[i] = (uint16_t)(tb_random_at(seed ^ 1, i) &
                                  (values == CASE_NOISE ? 0xbbff : 0xffff));
    in.n = draw_int(&in, 3, 1, MAX_CHANNELS);
    in.plane = 16 * (size_t)in.n + (size_t)draw_int(&in, 4, 0, 16);
    return in;
}

/* Where pixel i of a tile starts: anywhere, some at the same place. */
static size_t pixel_at(const inputs *in, int i)
{
    return (size_t)draw_int(in, 10 + (uint64_t)i, 0, FLOATS - MAX_CHANNELS - 64);
}

static void run_input(const tb_winograd_kernels *k, float *out, const inputs *in)
{
    const float *pixels[VALUES];
    for (int i = 0; i < VALUES; i++)
        pixels[i] = in->values + pixel_at(in, i);
    k->input(out, in->plane, pixels, pixels, in->n);
}

static void run_filter_f32(const tb_winograd_kernels *k, float *out, const inputs *in)
{
    k->filter_f32(out, in->plane, in->values, in->plane, in->n, draw_int(in, 5, 0, 2));
}

static void run_filter_f16(const tb_winograd_kernels *k, float *out, const inputs *in)
{
    k->filter_f16(out, in->plane, in->halves, in->plane, in->n, draw_int(in, 5, 0, 2));
}

static void run_filter_bf16(const tb_winograd_kernels *k, float *out, const inputs *in)
{
    k->filter_bf16(out, in->plane, in->halves, in->plane, in->n, draw_int(in, 5, 0, 2));
}

/* Some pixels are outside; the residual may be none, apart, or what is written over. */
static void run_output(const tb_winograd_kernels *k, float *out, const inputs *in)
{
    float *pixels[PIXELS];
    const float *residual[PIXELS];
    int kind = draw_int(in, 5, 0, 2);
    for (int i = 0; i < PIXELS; i++) {
        bool is_outside = draw_int(in, 200 + (uint64_t)i, 0, 4) == 0;
        pixels[i] = is_outside ? NULL : out + (size_t)i * in->plane;
        residual[i] = kind == 1 ? in->values + pixel_at(in, i) : pixels[i];
    }
    k->output(&(tb_winograd_output){.out = pixels,
                                    .residual = kind == 0 ? NULL : residual,
                                    .bias = draw_int(in, 6, 0, 1) ? in->values + 3 : NULL,
                                    .sums = in->values + 7,
                                    .plane = in->plane,
                                    .n = in->n});
}

typedef struct kernel_case {
    const char *name;
    void (*run)(const tb_winograd_kernels *kernels, float *out, const inputs *in);
    int n_planes, row; /* written: row floats of each channel */
    const char *digest;
} kernel_case;

static const kernel_case cases[] = {
    {"input", run_input, VALUES, 1,
     "fac746490fef0f3d7c3fe6223ebf915e5d2340da6e6f2b83799f07a045bc897f"},
    {"filter_f32", run_filter_f32, TB_WINOGRAD_PART_VALUES, 16,
     "f2dd8b2eb6ed28c3cd28c0731efd5065030283d59ff8cbfac8fb8b5422b88d95"},
    {"filter_f16", run_filter_f16, TB_WINOGRAD_PART_VALUES, 16,
     "065e81a447a052240cb7df137571742adb87a3f55103381224e01f31b654e8c7"},
    {"filter_bf16", run_filter_bf16, TB_WINOGRAD_PART_VALUES, 16,
     "62a204ab0227ea104868724f430a0a8261c38dd307a3d223d02afafe992284c1"},
    {"output", run_output, PIXELS, 1,
     "19cf8b88f7645c38f0adb68d69f137142d5878768d243b598da20bf72a51e0cf"},
};
enum { N_CASES = sizeof cases / sizeof *cases };

/* What stands there after a run over drawn numbers; all NaN are one. Owned. */
static float *run_case(const kernel_case *c, const char *variant, const inputs *in)
{
    float *out = malloc(sizeof *out * FLOATS), *start = malloc(sizeof *start * FLOATS);
    size_t guard = 1 + in->seed % 31;
    assert_non_null(out);
    assert_non_null(start);
    case_fill(start, FLOATS, tb_random_at(in->seed, 9), CASE_NOISE);
    memcpy(out, start, sizeof *out * FLOATS);
    c->run(winograd_of(variant), out + guard, in);
    for (size_t i = 0; i < FLOATS; i++) {
        size_t at = i - guard, plane = at / in->plane, column = at % in->plane;
        bool is_output = i >= guard && plane < (size_t)c->n_planes &&
                         column < (size_t)in->n * (size_t)c->row;
        if (!is_output && memcmp(&out[i], &start[i], sizeof *out) != 0)
            fail_msg("%s of %s writes outside", c->name, variant);
    }
    case_join_nans(out, FLOATS);
    free(start);
    return out;
}

static void check_case(const kernel_case *c, uint64_t seed, case_values values)
{
    inputs in = new_inputs(seed, values);
    float *expected = run_case(c, "ref", &in);
    for (int v = 1; v < N_VARIANTS; v++) {
        if (winograd_of(variants[v]) == NULL)
            continue;
        float *out = run_case(c, variants[v], &in);
        if (memcmp(out, expected, sizeof *out * FLOATS) != 0)
            fail_msg("%s of %s differs from ref: seed %llu, %d channels", c->name, variants[v],
                     (unsigned long long)seed, in.n);
        free(out);
    }
    free(expected);
    free(in.memory);
}

static void variants_give_the_bits_of_ref(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES; i++)
        for (uint64_t k = 0; k < N_DRAWS; k++)
            check_case(&cases[i], tb_random_at(21, k), k % 2 == 0 ? CASE_NOISE : CASE_EXTREMES);
}

static void hash_case(const kernel_case *c, const char *variant, char hex[TB_SHA256_HEX_BYTES])
{
    tb_sha256 hash;
    assert_int_equal(tb_sha256_init(&hash, NULL), TIMBRE_OK);
    for (uint64_t k = 0; k < N_HASHED; k++) {
        inputs in = new_inputs(tb_random_at(22, k), k % 2 == 0 ? CASE_NOISE : CASE_EXTREMES);
        float *out = run_case(c, variant, &in);
        assert_int_equal(tb_sha256_add(&hash, out, sizeof *out * FLOATS, NULL), TIMBRE_OK);
        free(out);
        free(in.memory);
    }
    assert_int_equal(tb_sha256_finish(&hash, hex, NULL), TIMBRE_OK);
    tb_sha256_deinit(&hash);
}

static void bits_are_the_same_everywhere(void **state)
{
    (void)state;
    int n_wrong = 0;
    for (int i = 0; i < N_CASES; i++)
        for (int v = 0; v < N_VARIANTS; v++) {
            char hex[TB_SHA256_HEX_BYTES];
            if (winograd_of(variants[v]) == NULL)
                continue;
            hash_case(&cases[i], variants[v], hex);
            if (strcmp(hex, cases[i].digest) != 0)
                print_message("# %s of %s: %s\n", cases[i].name, variants[v], hex);
            n_wrong += strcmp(hex, cases[i].digest) != 0;
        }
    assert_int_equal(n_wrong, 0);
}

/* The matrices that the points define (Toom and Cook): A[i][k] = p_i^k; G[i] = p_i^k over the
 * product of p_i - p_j; B[i], the coefficients of the product of x - p_j, j != i. Infinity's are
 * the highest powers, and the product of all. */
static const double points[5] = {0.75, -0.75, 1.5, -1.5, 0};

static void matrix_at(double *row, int i, int n)
{
    for (int k = 0; k < n; k++)
        row[k] = i < 5 ? pow(points[i], k) : k == n - 1;
}

static void matrix_g(double row[3], int i)
{
    matrix_at(row, i, 3);
    for (int j = 0; j < 5 && i < 5; j++)
        for (int k = 0; k < 3 && j != i; k++)
            row[k] /= points[i] - points[j];
}

static void matrix_b(double row[6], int i)
{
    for (int k = 0; k < 6; k++)
        row[k] = k == 0;
    for (int j = 0; j < 5; j++)
        for (int k = 5; k >= 0 && j != i; k--)
            row[k] = (k > 0 ? row[k - 1] : 0) - points[j] * row[k];
}

/* Value (i, j) of a transform of in[n][n] whose row i is rows[i], and the size of what it sums. */
static double transformed(const double rows[6][6], int i, int j, int n, const double *in,
                          double *size)
{
    double sum = 0;
    *size = 0;
    for (int y = 0; y < n; y++)
        for (int x = 0; x < n; x++) {
            double term = rows[i][y] * rows[j][x] * in[n * y + x];
            sum += term;
            *size += fabs(term);
        }
    return sum;
}

static void check_square(const char *name, const double rows[6][6], int n_out, int n,
                         const double *in, const float *out, size_t plane)
{
    for (int i = 0; i < n_out * n_out; i++) {
        double size, expected = transformed(rows, i / n_out, i % n_out, n, in, &size);
        double error = fabs((double)out[(size_t)i * plane] - expected);
        if (!(error <= 8 * 0x1p-24 * size)) /* roundings on the way of each term */
            fail_msg("%s, value %d: %.9g for %.9g", name, i, (double)out[(size_t)i * plane],
                     expected);
    }
}

static void check_values(const tb_winograd_kernels *k, uint64_t seed)
{
    enum { N = 19 };
    double b[6][6] = {{0}}, g[6][6] = {{0}}, at[6][6] = {{0}}, in[VALUES];
    static float values[VALUES * N * 16], out[VALUES * N * 16];
    for (int i = 0; i < 6; i++) {
        double row[6];
        matrix_b(b[i], i);
        matrix_g(g[i], i);
        matrix_at(row, i, 4);
        for (int j = 0; j < 4; j++)
            at[j][i] = row[j];
    }
    case_fill(values, VALUES * N * 16, seed, CASE_NOISE);
    const float *pixels[VALUES];
    float *outs[PIXELS];
    for (int i = 0; i < VALUES; i++)
        pixels[i] = values + i * N;
    for (int i = 0; i < PIXELS; i++)
        outs[i] = out + i * N;
    k->input(out, N, pixels, pixels, N);
    for (int c = 0; c < N; c++) {
        for (int i = 0; i < VALUES; i++)
            in[i] = (double)values[i * N + c];
        check_square("input", (const double(*)[6])b, 6, 6, in, out + c, N);
    }
    k->output(&(tb_winograd_output){.out = outs, .sums = values, .plane = N, .n = N});
    for (int c = 0; c < N; c++) {
        for (int i = 0; i < VALUES; i++)
            in[i] = (double)values[i * N + c];
        check_square("output", (const double(*)[6])at, 4, 6, in, out + c, N);
    }
    for (int part = 0; part < TB_WINOGRAD_PARTS; part++)
        k->filter_f32(out + part * TB_WINOGRAD_PART_VALUES * N * 16, N * 16, values, N * 16, N,
                      part);
    for (int lane = 0; lane < N * 16; lane++) {
        for (int tap = 0; tap < 9; tap++)
            in[tap] = (double)values[tap * N * 16 + lane];
        check_square("filter", (const double(*)[6])g, 6, 3, in, out + lane, N * 16);
    }
}

static void they_are_the_transforms_of_the_points(void **state)
{
    (void)state;
    for (int v = 0; v < N_VARIANTS; v++)
        for (uint64_t k = 0; k < 5 && winograd_of(variants[v]) != NULL; k++)
            check_values(winograd_of(variants[v]), tb_random_at(23, k));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variants_give_the_bits_of_ref),
        cmocka_unit_test(bits_are_the_same_everywhere),
        cmocka_unit_test(they_are_the_transforms_of_the_points),
    };
    return cmocka_run_group_tests_name("winograd_kernels", tests, NULL, NULL);
}
