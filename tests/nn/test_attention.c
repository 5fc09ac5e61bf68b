/*
 * Attention beside softmax(q k^T) v in double precision: heads side by side in wider rows, causal
 * or not, more keys than one block, heads wider than one block of products; what infinities, NaN
 * and huge scores do; the same bytes for any threads and kernels.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/nn/attention.h"
#include "tests/nn/layers.h"

typedef struct attention_case {
    tb_attention a;
    float *q, *k, *v, *out;
} attention_case;

static void run_attention(tb_nn *nn, void *user)
{
    attention_case *c = user;
    tb_attention_run(nn, c->out, c->q, c->k, c->v, &c->a);
}

/* One query's scores become weights that sum to 1; keys that it does not see get 0. */
static void find_weights(const attention_case *c, int i, int head, int query, double *weights)
{
    const tb_attention *a = &c->a;
    const float *q = c->q + (size_t)(i * a->n_queries + query) * a->ldq + head * a->head_dim;
    int n = a->is_causal && query < a->n_keys ? query + 1 : a->n_keys;
    double max = -INFINITY, sum = 0;
    for (int key = 0; key < n; key++) {
        const float *k = c->k + (size_t)(i * a->n_keys + key) * a->ldk + head * a->head_dim;
        weights[key] = 0;
        for (int d = 0; d < a->head_dim; d++)
            weights[key] += (double)q[d] * (double)k[d];
        weights[key] *= (double)a->scale;
        max = fmax(max, weights[key]);
    }
    for (int key = 0; key < n; key++)
        sum += weights[key] = exp(weights[key] - max);
    for (int key = 0; key < a->n_keys; key++)
        weights[key] = key < n ? weights[key] / sum : 0;
}

/* [n, n_queries, heads * head_dim] */
static double *find_expected(const attention_case *c)
{
    const tb_attention *a = &c->a;
    int width = a->n_heads * a->head_dim;
    double *out = calloc((size_t)a->n * (size_t)a->n_queries * (size_t)width, sizeof *out);
    double *weights = calloc((size_t)a->n_keys, sizeof *weights);
    for (int i = 0; i < a->n * a->n_queries * a->n_heads; i++) {
        int head = i % a->n_heads, query = i / a->n_heads % a->n_queries;
        int picture = i / a->n_heads / a->n_queries;
        find_weights(c, picture, head, query, weights);
        for (int key = 0; key < a->n_keys; key++)
            for (int d = 0; d < a->head_dim; d++)
                out[(picture * a->n_queries + query) * width + head * a->head_dim + d] +=
                    weights[key] * (double)c->v[(size_t)(picture * a->n_keys + key) * a->ldv +
                                                (size_t)(head * a->head_dim + d)];
    }
    free(weights);
    return out;
}

/* Rows of `width` out of rows of ldo; what lies between them is untouched. */
static float *tight(const attention_case *c, int width)
{
    size_t n_rows = (size_t)c->a.n * (size_t)c->a.n_queries, ld = c->a.ldo;
    float *out = malloc(sizeof *out * n_rows * (size_t)width);
    for (size_t row = 0; row < n_rows; row++) {
        memcpy(out + row * (size_t)width, c->out + row * ld, sizeof *out * (size_t)width);
        for (size_t i = (size_t)width; i < ld; i++)
            assert_true(isnan(c->out[row * ld + i]));
    }
    return out;
}

static void check_attention(tb_attention a)
{
    int width = a.n_heads * a.head_dim;
    size_t n_queries = (size_t)a.n * (size_t)a.n_queries, n_keys = (size_t)a.n * (size_t)a.n_keys;
    attention_case c = {.a = a};
    c.a.scale = (float)(4 / sqrt(a.head_dim)); /* some scores stand out */
    c.q = new_floats(1, n_queries * a.ldq);
    c.k = new_floats(2, n_keys * a.ldk);
    c.v = new_floats(3, n_keys * a.ldv);
    c.out = new_floats(4, n_queries * a.ldo);
    run_everywhere(run_attention, &c, c.out, n_queries * a.ldo);
    double *expected = find_expected(&c);
    float *out = tight(&c, width);
    double error = relative_l2(out, expected, n_queries * (size_t)width);
    if (!(error <= 1e-6))
        fail_msg("%d heads of %d, %d queries, %d keys: error %.2e", a.n_heads, a.head_dim,
                 a.n_queries, a.n_keys, error);
    float *floats[] = {c.q, c.k, c.v, c.out, out};
    for (int i = 0; i < 5; i++)
        free(floats[i]);
    free(expected);
}

static void attention_is_that_of_doubles(void **state)
{
    static const tb_attention cases[] = {
        {1, 1, 1, 1, 1, false, 0, 1, 1, 1, 1},
        {2, 50, 77, 3, 24, false, 0, 72, 72, 72, 72},
        {1, 53, 300, 2, 40, false, 0, 250, 241, 243, 81}, /* side by side in one matrix */
        {2, 7, 17, 1, 264, false, 0, 264, 264, 264, 264},
        {1, 300, 600, 1, 16, false, 0, 16, 32, 32, 16},
        {1, 35, 200, 1, 520, false, 0, 520, 520, 520, 520}, /* blocks of fewer keys */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_attention(cases[i]);
}

static void queries_see_the_keys_before_them(void **state)
{
    static const tb_attention cases[] = {
        {2, 77, 77, 2, 20, true, 0, 40, 40, 40, 40},
        {1, 530, 530, 1, 8, true, 0, 8, 24, 24, 9},
        {1, 3, 60, 1, 8, true, 0, 8, 8, 8, 8},
        {1, 60, 3, 1, 8, true, 0, 8, 8, 8, 8},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_attention(cases[i]);
}

/* One head, or two, of all-positive queries and keys: what tests below change is in the first. */
static attention_case new_case(int n_queries, int n_keys, int n_heads, int dim)
{
    int ld = n_heads * dim;
    size_t width = (size_t)ld;
    attention_case c = {
        .a = {1, n_queries, n_keys, n_heads, dim, false, 0.25f, width, width, width, width}};
    c.q = new_floats(1, (size_t)n_queries * width);
    c.k = new_floats(2, (size_t)n_keys * width);
    c.v = new_floats(3, (size_t)n_keys * width);
    c.out = new_floats(4, (size_t)n_queries * width);
    for (int i = 0; i < n_queries * ld; i++)
        c.q[i] = fabsf(c.q[i]) + 0.1f;
    for (int i = 0; i < n_keys * ld; i++)
        c.k[i] = fabsf(c.k[i]);
    return c;
}

static void free_case(attention_case *c)
{
    float *floats[] = {c->q, c->k, c->v, c->out};
    for (int i = 0; i < 4; i++)
        free(floats[i]);
}

/* Rows of the result are means of v, whose columns are their own number; no row of all scores is
 * ever there. */
static void memory_is_that_of_values_and_a_block(void **state)
{
    enum { N_KEYS = 16384, N_QUERIES = 35, DIM = 4 };
    attention_case c = new_case(N_QUERIES, N_KEYS, 1, DIM);
    const tb_kernels *kernels;
    tb_nn nn;
    (void)state;
    for (int i = 0; i < N_KEYS * DIM; i++)
        c.v[i] = (float)(i % DIM + 1);
    assert_int_equal(tb_kernels_choose(NULL, &kernels, NULL), TIMBRE_OK);
    tb_nn_init(&nn, kernels, NULL);
    size_t values = sizeof(float) * N_KEYS * DIM;
    assert_in_range(tb_nn_measure(&nn, run_attention, &c), values, values * 17 / 16 + (160 << 10));
    tb_nn_deinit(&nn);
    run_once(NULL, 2, run_attention, &c);
    for (int i = 0; i < N_QUERIES * DIM; i++)
        assert_float_equal(c.out[i], (float)(i % DIM + 1), 1e-5);
    free_case(&c);
}

enum { FEW_QUERIES = 40, SOME_KEYS = 300, NARROW = 8 };

/* Runs two heads and checks which results are NaN: at `query` of the first head (-1: of all), in
 * `channel` (-1: in all). */
static void check_nan(attention_case *c, int query, int channel)
{
    run_everywhere(run_attention, c, c->out, (size_t)FEW_QUERIES * 2 * NARROW);
    for (int i = 0; i < FEW_QUERIES * 2 * NARROW; i++) {
        int row = i / (2 * NARROW), at = i % (2 * NARROW);
        bool is_touched = at < NARROW && (query < 0 || row == query) &&
                          (channel < 0 || at == channel);
        assert_int_equal(isnan(c->out[i]) != 0, is_touched);
    }
}

static void nan_comes_out_where_it_belongs(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        attention_case c = new_case(FEW_QUERIES, SOME_KEYS, 2, NARROW);
        if (i == 0) {
            c.q[17 * 2 * NARROW + 3] = NAN;
            check_nan(&c, 17, -1);
        } else if (i == 1) {
            c.k[280 * 2 * NARROW + 3] = NAN;
            check_nan(&c, -1, -1);
        } else {
            c.v[280 * 2 * NARROW + 3] = NAN;
            check_nan(&c, -1, 3);
        }
        free_case(&c);
    }
}

/* Keys of infinitely low scores, a whole block of them too, are as if they were not there. */
static void check_without_first_keys(int n_without)
{
    attention_case all = new_case(FEW_QUERIES, SOME_KEYS, 1, NARROW);
    for (int key = 0; key < n_without; key++)
        all.k[key * NARROW + key % NARROW] = -INFINITY;
    run_everywhere(run_attention, &all, all.out, FEW_QUERIES * NARROW);
    attention_case rest = all;
    rest.a.n_keys = SOME_KEYS - n_without;
    rest.k += n_without * NARROW;
    rest.v += n_without * NARROW;
    double *expected = rest.a.n_keys > 0 ? find_expected(&rest) : NULL;
    if (expected != NULL)
        assert_true(relative_l2(all.out, expected, FEW_QUERIES * NARROW) <= 1e-6);
    for (int i = 0; i < FEW_QUERIES * NARROW; i++)
        assert_int_equal(isnan(all.out[i]) != 0, expected == NULL);
    free(expected);
    free_case(&all);
}

static void infinitely_low_scores_count_as_nothing(void **state)
{
    (void)state;
    check_without_first_keys(1);
    check_without_first_keys(270);
    check_without_first_keys(SOME_KEYS - 1);
    check_without_first_keys(SOME_KEYS); /* of nothing there is no mean */
}

/* Scores up to 1e38 and down to -1e38, growing from block to block: the largest one takes all. */
static void huge_scores_choose_one_key(void **state)
{
    attention_case c = new_case(FEW_QUERIES, SOME_KEYS, 1, NARROW);
    (void)state;
    for (int i = 0; i < SOME_KEYS * NARROW; i++)
        c.k[i] = 1e18f * (float)(i / NARROW - 150);
    for (int i = 0; i < FEW_QUERIES * NARROW; i++)
        c.q[i] *= i / NARROW % 2 == 0 ? 1e17f : -1e17f;
    run_everywhere(run_attention, &c, c.out, FEW_QUERIES * NARROW);
    for (int i = 0; i < FEW_QUERIES * NARROW; i++) {
        int key = i / NARROW % 2 == 0 ? SOME_KEYS - 1 : 0;
        assert_true(c.out[i] == c.v[key * NARROW + i % NARROW]);
    }
    free_case(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_is_that_of_doubles),
        cmocka_unit_test(queries_see_the_keys_before_them),
        cmocka_unit_test(memory_is_that_of_values_and_a_block),
        cmocka_unit_test(nan_comes_out_where_it_belongs),
        cmocka_unit_test(infinitely_low_scores_count_as_nothing),
        cmocka_unit_test(huge_scores_choose_one_key),
    };
    return cmocka_run_group_tests_name("attention", tests, NULL, NULL);
}
