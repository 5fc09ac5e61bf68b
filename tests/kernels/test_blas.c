/*
 * The kernels "blas": products within the error that single precision allows of sums in any order,
 * by several threads at a time, of any shape; NaN stays NaN; nothing else is written. Without a
 * BLAS: the error that says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "engine/base/random.h"
#include "engine/kernels/table.h"
#include "engine/os/pool.h"
#include "engine/os/scratch.h"
#include "tests/support/blas.h"

enum { MAX_ROWS = 100, MAX_PANELS = 40, N_SHAPES = 60, GUARD = 7 };

typedef struct product {
    int m, n_panels, k;
    size_t lda, ldb, ldc;
    bool adds;
    float *a, *b, *c, *before; /* before: what was in c */
    size_t n_a, n_b, n_c;
} product;

static int draw(uint64_t seed, uint64_t i, int from, int to)
{
    return from + (int)(tb_random_at(seed, i) % (uint64_t)(to - from + 1));
}

static float *new_floats(uint64_t key, size_t n)
{
    float *out = tb_floats_alloc(n);
    assert_non_null(out);
    for (size_t i = 0; i < n; i++)
        out[i] = (float)((double)(int64_t)tb_random_at(key, i) * 0x1p-63);
    return out;
}

static product new_product(uint64_t seed)
{
    product p = {.m = draw(seed, 0, 1, MAX_ROWS),
                 .n_panels = draw(seed, 1, 1, MAX_PANELS),
                 .k = draw(seed, 2, 1, TB_GEMM_DEPTH),
                 .adds = draw(seed, 3, 0, 1) == 1};
    /* rows of A may lie in each other */
    p.lda = (size_t)draw(seed, 4, 0, 3) == 0 ? (size_t)draw(seed, 5, 1, p.k)
                                             : (size_t)p.k + (size_t)draw(seed, 5, 0, 20);
    p.ldb = (size_t)(p.k + draw(seed, 6, 0, 9)) * TB_GEMM_COLUMNS;
    p.ldc = (size_t)p.n_panels * TB_GEMM_COLUMNS + (size_t)draw(seed, 7, 0, 20);
    p.n_a = (size_t)(p.m - 1) * p.lda + (size_t)p.k;
    p.n_b = (size_t)p.n_panels * p.ldb;
    p.n_c = (size_t)p.m * p.ldc + GUARD;
    p.a = new_floats(seed + 1, p.n_a);
    p.b = new_floats(seed + 2, p.n_b);
    p.c = new_floats(seed + 3, p.n_c);
    p.before = new_floats(seed + 3, p.n_c);
    return p;
}

static void free_product(product *p)
{
    free(p->a);
    free(p->b);
    free(p->c);
    free(p->before);
}

static void run(const tb_kernels *kernels, const product *p)
{
    kernels->network->gemm(&(tb_gemm_block){p->c, p->ldc, p->a, p->lda, p->b, p->ldb, p->m,
                                            p->n_panels, p->k, p->adds});
}

/* True when element [i][j] is the sum, whatever the order: a sum of k products is off by at most k
 * roundings of the sum of their sizes (Higham, Accuracy and Stability, 3.1). */
static bool is_right(const product *p, int i, int j)
{
    double sum = 0, size = 0;
    const float *a = p->a + (size_t)i * p->lda;
    const float *b = p->b + (size_t)(j / TB_GEMM_COLUMNS) * p->ldb + j % TB_GEMM_COLUMNS;
    size_t at = (size_t)i * p->ldc + (size_t)j;
    if (p->adds)
        size = fabs(sum = (double)p->before[at]);
    for (int k = 0; k < p->k; k++) {
        double x = (double)a[k] * (double)b[k * TB_GEMM_COLUMNS];
        sum += x;
        size += fabs(x);
    }
    return fabs((double)p->c[at] - sum) <= (p->k + 2) * 0x1p-24 * size;
}

/* Elements that are wrong: sums, and what is no part of C and was written. */
static int count_wrong(const product *p)
{
    int n = 0, width = p->n_panels * TB_GEMM_COLUMNS;
    for (size_t at = 0; at < p->n_c; at++) {
        int i = (int)(at / p->ldc), j = (int)(at % p->ldc);
        bool is_part = i < p->m && j < width;
        n += is_part ? !is_right(p, i, j) : p->c[at] != p->before[at];
    }
    return n;
}

static void products_of_any_shape_are_right(void **state)
{
    (void)state;
    const tb_kernels *kernels = blas_kernels();
    for (uint64_t i = 0; kernels != NULL && i < N_SHAPES; i++) {
        product p = new_product(tb_random_at(31, i));
        run(kernels, &p);
        if (count_wrong(&p) != 0)
            fail_msg("%d wrong: %d x %d panels, depth %d, lda %zu, adds %d", count_wrong(&p), p.m,
                     p.n_panels, p.k, p.lda, p.adds);
        free_product(&p);
    }
}

typedef struct many {
    const tb_kernels *kernels;
    product products[12];
} many;

static void run_one(int i_task, void *user)
{
    const many *all = user;
    for (int again = 0; again < 5; again++) {
        const product *p = &all->products[i_task];
        memcpy(p->c, p->before, sizeof *p->c * p->n_c);
        run(all->kernels, p);
    }
}

static void several_threads_may_multiply_at_a_time(void **state)
{
    (void)state;
    static const int n_threads[] = {1, 2, 3, 8};
    many all = {.kernels = blas_kernels()};
    for (size_t t = 0; all.kernels != NULL && t < sizeof n_threads / sizeof *n_threads; t++) {
        tb_pool *pool;
        assert_int_equal(tb_pool_new(n_threads[t], &pool, NULL), TIMBRE_OK);
        for (uint64_t i = 0; i < 12; i++)
            all.products[i] = new_product(tb_random_at(32, i));
        tb_pool_run(pool, 12, run_one, &all);
        for (int i = 0; i < 12; i++) {
            assert_int_equal(count_wrong(&all.products[i]), 0);
            free_product(&all.products[i]);
        }
        tb_pool_free(pool);
    }
}

/* NaN and infinity go to each sum that they are part of, and what was in C goes nowhere. */
static void numbers_that_are_none_stay(void **state)
{
    (void)state;
    const tb_kernels *kernels = blas_kernels();
    for (uint64_t i = 0; kernels != NULL && i < 10; i++) {
        product p = new_product(tb_random_at(33, i));
        int row, n = p.n_panels * TB_GEMM_COLUMNS;
        p.adds = false;
        p.m = p.lda < (size_t)p.k ? 1 : p.m; /* rows that lie in each other share what is written */
        row = p.m / 2;
        for (size_t at = 0; at < p.n_c; at++)
            p.c[at] = NAN;
        p.a[(size_t)row * p.lda + (size_t)(p.k - 1)] = i % 2 == 0 ? NAN : INFINITY;
        run(kernels, &p);
        for (int r = 0; r < p.m; r++)
            for (int j = 0; j < n; j++)
                assert_int_equal(isfinite(p.c[(size_t)r * p.ldc + (size_t)j]) != 0, r != row);
        free_product(&p);
    }
}

static void all_else_is_native(void **state)
{
    (void)state;
    const tb_kernels *kernels = blas_kernels(), *best, *again;
    if (kernels == NULL)
        return;
    assert_int_equal(tb_kernels_choose(NULL, &best, NULL), TIMBRE_OK);
    assert_int_equal(tb_kernels_choose("blas", &again, NULL), TIMBRE_OK);
    assert_ptr_equal(again, kernels);
    assert_string_equal(tb_kernels_name(kernels), "blas");
    assert_true(strlen(tb_kernels_library(kernels)) > 0);
    assert_null(tb_kernels_library(best));
    assert_ptr_equal(kernels->frames, best->frames);
    assert_ptr_equal(kernels->winograd, best->winograd);
    tb_network_kernels network = *kernels->network;
    assert_true(network.gemm != best->network->gemm);
    network.gemm = best->network->gemm;
    network.gemm_panels = best->network->gemm_panels;
    assert_memory_equal(&network, best->network, sizeof network);
    print_message("# %s\n", tb_kernels_library(kernels));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_any_shape_are_right),
        cmocka_unit_test(several_threads_may_multiply_at_a_time),
        cmocka_unit_test(numbers_that_are_none_stay),
        cmocka_unit_test(all_else_is_native),
    };
    return cmocka_run_group_tests_name("blas", tests, NULL, NULL);
}
