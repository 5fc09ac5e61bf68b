#include "tests/nn/layers.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"

static void *new_bytes(size_t n)
{
    void *out = malloc(n > 0 ? n : 1);
    assert_non_null(out);
    return out;
}

static double draw(uint64_t key, size_t i)
{
    return (double)(int64_t)tb_random_at(key, i) * 0x1p-63;
}

float *new_floats(uint64_t key, size_t n)
{
    float *out = new_bytes(sizeof *out * n);
    for (size_t i = 0; i < n; i++)
        out[i] = (float)draw(key, i);
    return out;
}

/* A random half in (-1, 1): its bits from sign, exponent and fraction, its value from their
 * definition. */
static double draw_f16(uint64_t key, size_t i, unsigned char *out)
{
    uint64_t r = tb_random_at(key, i);
    uint16_t fraction = r & 0x3ff, exponent = (uint16_t)((r >> 10) % 15), sign = r >> 20 & 1;
    uint16_t bits = (uint16_t)(sign << 15 | exponent << 10 | fraction);
    memcpy(out, &bits, sizeof bits);
    double size = exponent == 0 ? ldexp(fraction, -24) : ldexp(0x400 + fraction, exponent - 25);
    return sign ? -size : size;
}

static double draw_bf16(uint64_t key, size_t i, unsigned char *out)
{
    uint64_t r = tb_random_at(key, i);
    uint16_t fraction = r & 0x7f, exponent = (uint16_t)(119 + (r >> 7) % 8), sign = r >> 20 & 1;
    uint16_t bits = (uint16_t)(sign << 15 | exponent << 7 | fraction);
    memcpy(out, &bits, sizeof bits);
    double size = ldexp(0x80 + fraction, exponent - 127 - 7);
    return sign ? -size : size;
}

static double draw_value(uint64_t key, size_t i, tb_dtype dtype, unsigned char *out)
{
    double x = draw(key, i);
    float single = (float)x;
    if (dtype == TB_DTYPE_F16)
        return draw_f16(key, i, out);
    if (dtype == TB_DTYPE_BF16)
        return draw_bf16(key, i, out);
    if (dtype == TB_DTYPE_F64) {
        memcpy(out, &x, sizeof x);
        return x;
    }
    memcpy(out, &single, sizeof single);
    return (double)single;
}

weight new_weight(uint64_t key, tb_dtype dtype, const int64_t *shape)
{
    weight w = {.tensor = {.name = "layer.weight", .dtype = dtype, .n_elements = 1}};
    tb_tensor *t = &w.tensor;
    while (shape[t->rank] != 0) {
        t->shape[t->rank] = shape[t->rank];
        t->n_elements *= shape[t->rank++];
    }
    for (int64_t d = t->rank - 1, stride = 1; d >= 0; stride *= t->shape[d--])
        t->stride[d] = stride;
    size_t n = (size_t)t->n_elements, size = tb_dtype_size(dtype);
    w.memory = new_bytes(n * size + 1);
    w.values = new_bytes(sizeof *w.values * n);
    t->data = w.memory + 1;
    for (size_t i = 0; i < n; i++)
        w.values[i] = draw_value(key, i, dtype, w.memory + 1 + i * size);
    return w;
}

void free_weight(weight *w)
{
    free(w->memory);
    free(w->values);
}

double relative_l2(const float *out, const double *expected, size_t n)
{
    double error = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        double e = (double)out[i] - expected[i];
        error += e * e;
        size += expected[i] * expected[i];
    }
    assert_true(size > 0);
    return sqrt(error / size);
}

void run_once(const char *kernels_name, int n_threads, tb_nn_work work, void *user)
{
    const tb_kernels *kernels;
    tb_pool *pool;
    tb_nn nn;
    tb_error err = {0};
    assert_int_equal(tb_kernels_choose(kernels_name, &kernels, &err), TIMBRE_OK);
    assert_int_equal(tb_pool_new(n_threads, &pool, &err), TIMBRE_OK);
    tb_nn_init(&nn, kernels, pool);
    assert_int_equal(tb_nn_reserve(&nn, work, user, &err), TIMBRE_OK);
    assert_int_equal(tb_nn_run(&nn, work, user, NULL, &err), TIMBRE_OK);
    tb_nn_deinit(&nn);
    tb_pool_free(pool);
}

static bool is_here(const char *kernels_name)
{
    const tb_kernels *kernels;
    return tb_kernels_choose(kernels_name, &kernels, NULL) == TIMBRE_OK;
}

void run_everywhere(tb_nn_work work, void *user, float *out, size_t n)
{
    static const struct {
        const char *kernels; /* auto: the best */
        int n_threads;
    } ways[] = {{"auto", 1}, {"auto", 2}, {"auto", 3},   {"auto", 8},
                {"ref", 2},  {"avx2", 2}, {"avx512", 2}, {"neon", 2}};
    float *plain = new_bytes(sizeof *plain * n);
    memset(out, 0xff, sizeof *out * n);
    run_once("ref", 1, work, user);
    memcpy(plain, out, sizeof *plain * n);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (!is_here(ways[i].kernels))
            continue;
        memset(out, 0xff, sizeof *out * n);
        run_once(ways[i].kernels, ways[i].n_threads, work, user);
        if (memcmp(out, plain, sizeof *out * n) != 0)
            fail_msg("kernels '%s' on %d threads give other bytes than the plain ones on one",
                     ways[i].kernels, ways[i].n_threads);
    }
    free(plain);
}
