/*
 * Every variant of every kernel gives the bits of `ref`, on random sizes, and writes nothing
 * outside of its output; and the variant that is asked for is the one that comes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/kernels/table.h"
#include "engine/os/cpu.h"

enum { GUARD = 16, N_SIZES = 12, ELEMENT = TB_ELEMENT_FLOATS };

static const float guard_value = 12345.678f;

/* An array between guard words, the same twice: for ref and for the variant. */
typedef struct array {
    float *v[2], *memory[2];
    size_t len;
} array;

static uint64_t n_drawn;

static float draw(void)
{
    return (float)((double)(int64_t)tb_random_at(3, n_drawn++) * 0x1p-63);
}

static int draw_int(int from, int to)
{
    return from + (int)(tb_random_at(4, n_drawn++) % (uint64_t)(to - from + 1));
}

/* Some floats off alignment, with noise and very small numbers. */
static array new_array(size_t len)
{
    array a = {.len = len};
    size_t before = GUARD + (size_t)draw_int(0, 3);
    for (int i = 0; i < 2; i++) {
        a.memory[i] = malloc(sizeof(float) * (before + len + GUARD));
        assert_non_null(a.memory[i]);
        a.v[i] = a.memory[i] + before;
        for (size_t k = 0; k < before + len + GUARD; k++)
            a.memory[i][k] = guard_value;
    }
    for (size_t k = 0; k < len; k++)
        a.v[0][k] = a.v[1][k] = draw() * (k % 97 == 0 ? 1e-20f : 1);
    return a;
}

static void check_array(array *a, const char *what)
{
    if (memcmp(a->v[0], a->v[1], sizeof(float) * a->len) != 0)
        fail_msg("%s differs from ref", what);
    for (int i = 0; i < 2; i++) {
        for (size_t k = 1; k <= GUARD; k++)
            if (a->v[i][-(ptrdiff_t)k] != guard_value || a->v[i][a->len + k - 1] != guard_value)
                fail_msg("%s writes outside", what);
        free(a->memory[i]);
    }
}

static void free_array(array *a)
{
    free(a->memory[0]);
    free(a->memory[1]);
}

static const tb_kernels *ref_table(void)
{
    const tb_kernels *ref;
    assert_int_equal(tb_kernels_choose("ref", &ref, NULL), TIMBRE_OK);
    return ref;
}

/* Runs `check` with each variant of this machine. */
static void for_each_variant(void (*check)(const tb_kernels *const table[2]))
{
    static const char *const names[] = {"avx2", "avx512", "neon"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const tb_kernels *table[2] = {ref_table(), NULL};
        if (tb_kernels_choose(names[i], &table[1], NULL) == TIMBRE_OK)
            check(table);
    }
}

static void check_passes(const tb_kernels *const table[2])
{
    for (int radix = 2; radix <= TB_MAX_RADIX; radix++) {
        if (table[0]->frames->fft_forward[radix] == NULL)
            continue;
        for (int i = 0; i < N_SIZES; i++) {
            int n_blocks = draw_int(1, 4), m = i == 0 ? 1 : draw_int(1, 20);
            size_t n = (size_t)n_blocks * (size_t)(radix * m);
            array forward = new_array(n * ELEMENT), inverse = new_array(n * ELEMENT);
            array twiddles = new_array((size_t)(m - 1) * (size_t)(radix - 1) * 2);
            for (int v = 0; v < 2; v++) {
                table[v]->frames->fft_forward[radix](forward.v[v], n_blocks, m, twiddles.v[v]);
                table[v]->frames->fft_inverse[radix](inverse.v[v], n_blocks, m, twiddles.v[v]);
            }
            check_array(&forward, "forward pass");
            check_array(&inverse, "inverse pass");
            free_array(&twiddles);
        }
    }
}

static void passes_are_those_of_ref(void **state)
{
    (void)state;
    for_each_variant(check_passes);
}

static void check_products(const tb_kernels *const table[2])
{
    for (int i = 0; i < N_SIZES; i++) {
        int n = draw_int(0, 40);
        size_t size = (size_t)n;
        array in = new_array(size * ELEMENT), factors = new_array(size * 2);
        array a = new_array(size * ELEMENT), b = new_array(size * ELEMENT);
        array c = new_array(size * ELEMENT);
        for (int v = 0; v < 2; v++) {
            table[v]->frames->multiply(a.v[v], in.v[v], factors.v[v], n);
            table[v]->frames->multiply_conj(b.v[v], in.v[v], factors.v[v], n);
            table[v]->frames->multiply_conj_add(c.v[v], in.v[v], factors.v[v], n);
        }
        check_array(&a, "multiply");
        check_array(&b, "multiply_conj");
        check_array(&c, "multiply_conj_add");
        free_array(&in);
        free_array(&factors);
    }
}

static void products_are_those_of_ref(void **state)
{
    (void)state;
    for_each_variant(check_products);
}

static void check_rows(const tb_kernels *const table[2])
{
    for (int i = 0; i < 2 * N_SIZES; i++) {
        int n = draw_int(1, 40);
        size_t size = (size_t)n;
        array rows = new_array(TB_BATCH_FRAMES * size), back = new_array(TB_BATCH_FRAMES * size);
        array data = new_array(size * ELEMENT);
        array even = new_array(size), odd = new_array(size);
        for (int v = 0; v < 2; v++) {
            const float *from[TB_BATCH_FRAMES];
            float *to[TB_BATCH_FRAMES];
            for (size_t r = 0; r < TB_BATCH_FRAMES; r++) {
                from[r] = rows.v[v] + r * size;
                to[r] = back.v[v] + r * size;
            }
            const float *window[2] = {i % 2 ? even.v[v] : NULL, i % 2 ? odd.v[v] : NULL};
            table[v]->frames->load_rows(data.v[v], from, window[0], window[1], n);
            table[v]->frames->store_rows(to, data.v[v], window[0], window[1], n);
        }
        if (i % 2 == 0) /* without windows, there and back is nothing */
            assert_memory_equal(rows.v[0], back.v[0], sizeof(float) * TB_BATCH_FRAMES * size);
        check_array(&data, "load_rows");
        check_array(&back, "store_rows");
        free_array(&rows);
        free_array(&even);
        free_array(&odd);
    }
}

static void rows_are_those_of_ref(void **state)
{
    (void)state;
    for_each_variant(check_rows);
}

/* A random order of n elements. */
static int32_t *new_order(int n)
{
    int32_t *order = malloc(sizeof *order * (size_t)n);
    assert_non_null(order);
    for (int i = 0; i < n; i++) {
        int k = draw_int(0, i);
        order[i] = order[k];
        order[k] = i;
    }
    return order;
}

static void check_natural_bins(const tb_kernels *const table[2])
{
    for (int i = 0; i < 2 * N_SIZES; i++) {
        int n = draw_int(1, 40);
        size_t n_bins = (size_t)n / 2 + 1;
        int32_t *order = new_order(n);
        array data = new_array((size_t)n * ELEMENT), joined = new_array((size_t)n * ELEMENT);
        array bins = new_array(TB_BATCH_FRAMES * n_bins * 2);
        for (int v = 0; v < 2; v++) {
            table[v]->frames->split_bins(bins.v[v], data.v[v], order, n);
            table[v]->frames->join_bins(joined.v[v], bins.v[v], order, n);
        }
        check_array(&bins, "split_bins");
        check_array(&joined, "join_bins");
        free_array(&data);
        free(order);
    }
}

static void natural_bins_are_those_of_ref(void **state)
{
    (void)state;
    for_each_variant(check_natural_bins);
}

/* Pairs k and n - k of a random order, in the order of their elements as drawn. */
static tb_bin_pair *new_pairs(int n, int n_pairs)
{
    int32_t *order = new_order(n);
    tb_bin_pair *pairs = malloc(sizeof *pairs * (size_t)n_pairs);
    assert_non_null(pairs);
    for (int k = 0; k < n_pairs; k++)
        pairs[k] = (tb_bin_pair){k, order[k], order[k == 0 ? 0 : n - k]};
    free(order);
    return pairs;
}

static void check_bins(const tb_kernels *const table[2])
{
    for (int i = 0; i < 2 * N_SIZES; i++) {
        int n = draw_int(1, 40), n_pairs = draw_int(1, n / 2 + 1);
        size_t size = (size_t)n_pairs * 2 * ELEMENT;
        tb_bin_pair *pairs = new_pairs(n, n_pairs);
        array phases = new_array((size_t)n_pairs * 4), S = new_array(size / 2);
        array data = new_array((size_t)n * ELEMENT), X = new_array(size), R = new_array(size);
        array Y = new_array(size), R_last = new_array(size), magnitudes = new_array(size / 2);
        array made = new_array((size_t)n * ELEMENT);
        if (i == 0)
            for (int v = 0; v < 2; v++) /* silence divides by 1e-16 */
                memset(data.v[v], 0, sizeof(float) * (size_t)n * ELEMENT);
        for (int v = 0; v < 2; v++) {
            tb_bin_pairs bins = {pairs, phases.v[v], n_pairs};
            table[v]->frames->analyze(X.v[v], data.v[v], &bins);
            table[v]->frames->magnitudes(magnitudes.v[v], data.v[v], &bins);
            table[v]->frames->synthesize(made.v[v], X.v[v], &bins);
            table[v]->frames->griffin_lim_last(Y.v[v], data.v[v], S.v[v], R_last.v[v], 0.5f, &bins);
            table[v]->frames->griffin_lim(data.v[v], S.v[v], R.v[v], 0.497f, &bins);
        }
        check_array(&X, "analyze");
        check_array(&magnitudes, "magnitudes");
        check_array(&made, "synthesize");
        check_array(&Y, "griffin_lim_last");
        check_array(&R_last, "R of griffin_lim_last");
        check_array(&data, "griffin_lim");
        check_array(&R, "R of griffin_lim");
        free_array(&phases);
        free_array(&S);
        free(pairs);
    }
}

static void bins_are_those_of_ref(void **state)
{
    (void)state;
    for_each_variant(check_bins);
}

static void the_asked_variant_comes(void **state)
{
    (void)state;
    static const char *const best[] = {NULL, "", "auto"};
    const tb_kernels *first, *kernels;
    assert_int_equal(tb_kernels_choose(NULL, &first, NULL), TIMBRE_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tb_kernels_choose(best[i], &kernels, NULL), TIMBRE_OK);
        assert_ptr_equal(kernels, first);
    }
    assert_int_equal(tb_kernels_choose(tb_kernels_name(first), &kernels, NULL), TIMBRE_OK);
    assert_ptr_equal(kernels, first);
    assert_string_equal(tb_kernels_name(ref_table()), "ref");
}

/* avx512 by name wherever there is AVX-512, by itself only on processors that are known. */
static void avx512_comes_where_it_was_proven(void **state)
{
    (void)state;
    const tb_kernels *kernels, *best;
    assert_int_equal(tb_kernels_choose("auto", &best, NULL), TIMBRE_OK);
    if (tb_kernels_choose("avx512", &kernels, NULL) != TIMBRE_OK) { /* not of this machine */
        assert_string_not_equal(tb_kernels_name(best), "avx512");
        return;
    }
    tb_cpu_model model = tb_cpu_identify();
    bool is_zen5 = strcmp(model.vendor, "AuthenticAMD") == 0 && model.family == 0x1a;
    assert_true(strlen(model.vendor) == 12 && model.family >= 6);
    assert_string_equal(tb_kernels_name(best), is_zen5 ? "avx512" : "avx2");
    assert_int_equal(tb_kernels_choose("avx2", &best, NULL), TIMBRE_OK); /* has its frames */
    assert_ptr_equal(kernels->frames, best->frames);
}

static void what_cannot_be_had_is_said(void **state)
{
    (void)state;
    const tb_kernels *kernels;
    tb_error err = {0};
    assert_int_equal(tb_kernels_choose("mmx", &kernels, &err), TIMBRE_BAD_INPUT);
    assert_null(kernels);
    assert_non_null(strstr(err.message, "mmx"));
    assert_non_null(strstr(err.message, "ref"));
#if defined(__x86_64__)
    const char *foreign = "neon";
#else
    const char *foreign = "avx2";
#endif
    assert_int_equal(tb_kernels_choose(foreign, &kernels, &err), TIMBRE_UNSUPPORTED);
    assert_non_null(strstr(err.message, "ref"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_are_those_of_ref),
        cmocka_unit_test(products_are_those_of_ref),
        cmocka_unit_test(rows_are_those_of_ref),
        cmocka_unit_test(natural_bins_are_those_of_ref),
        cmocka_unit_test(bins_are_those_of_ref),
        cmocka_unit_test(the_asked_variant_comes),
        cmocka_unit_test(avx512_comes_where_it_was_proven),
        cmocka_unit_test(what_cannot_be_had_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
