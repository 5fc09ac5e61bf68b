/*
 * The plan of activations: a run finds the places of its dry run, nothing overlaps, nothing is
 * allocated on the way, and a cancelled run says so. Faults of memory are errors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/nn/attention.h"
#include "engine/nn/conv.h"
#include "engine/nn/elementwise.h"
#include "engine/nn/norm.h"
#include "tests/nn/layers.h"
#include "tests/support/faults.h"

static void start(tb_nn *nn, tb_pool **pool, int n_threads)
{
    const tb_kernels *kernels;
    assert_int_equal(tb_kernels_choose(NULL, &kernels, NULL), TIMBRE_OK);
    assert_int_equal(tb_pool_new(n_threads, pool, NULL), TIMBRE_OK);
    tb_nn_init(nn, kernels, *pool);
}

static void stop(tb_nn *nn, tb_pool *pool)
{
    tb_nn_deinit(nn);
    tb_nn_deinit(nn); /* a zeroed one is accepted */
    tb_pool_free(pool);
}

enum { N_STEPS = 3000, MAX_ALIVE = 100 };

typedef struct odd_order {
    uint64_t key;
    uintptr_t at[N_STEPS]; /* where each step's take was, from the first take on */
    int n_runs;
} odd_order;

typedef struct alive {
    float *at;
    size_t n;
    float value;
} alive;

static void fill(const alive *a, bool is_dry)
{
    for (size_t i = 0; i < a->n && !is_dry; i++)
        a->at[i] = a->value;
}

/* What was written is there still: nobody else had that place. */
static void check_filled(const alive *a, bool is_dry)
{
    for (size_t i = 0; i < a->n && !is_dry; i++)
        if (a->at[i] != a->value)
            fail_msg("another one has written here");
}

/* Takes and gives of random sizes in random order, all of each written. */
static void run_odd_order(tb_nn *nn, void *user)
{
    odd_order *o = user;
    alive alives[MAX_ALIVE];
    int n = 0;
    float *base = tb_nn_take(nn, 1);
    for (int step = 0; step < N_STEPS; step++) {
        uint64_t r = tb_random_at(o->key, (uint64_t)step);
        if (n == MAX_ALIVE || (n > 0 && r % 100 < 48)) {
            int i = (int)(r / 100 % (uint64_t)n);
            check_filled(&alives[i], nn->is_dry);
            tb_nn_give(nn, alives[i].at);
            alives[i] = alives[--n];
            continue;
        }
        size_t len = (size_t)(r / 100 % 4 == 0 ? 0 : r / 400 % 999);
        alives[n] = (alive){tb_nn_take(nn, len), len, (float)step};
        fill(&alives[n], nn->is_dry);
        assert_int_equal((uintptr_t)alives[n].at % 64, 0);
        uintptr_t at = (uintptr_t)alives[n].at - (uintptr_t)base;
        if (o->n_runs > 0)
            assert_int_equal(at, o->at[step]);
        o->at[step] = at;
        n++;
    }
    for (int i = n - 1; i >= 0; i--) {
        check_filled(&alives[i], nn->is_dry);
        tb_nn_give(nn, alives[i].at);
    }
    tb_nn_give(nn, base);
    o->n_runs++;
}

static void runs_find_the_places_of_the_dry_run(void **state)
{
    tb_nn nn;
    tb_pool *pool;
    (void)state;
    start(&nn, &pool, 2);
    for (uint64_t key = 1; key <= 5; key++) { /* the next replaces what was reserved */
        odd_order o = {.key = key};
        size_t need = tb_nn_measure(&nn, run_odd_order, &o);
        assert_int_equal(tb_nn_reserve(&nn, run_odd_order, &o, NULL), TIMBRE_OK);
        assert_int_equal(tb_nn_measure(&nn, run_odd_order, &o), need);
        assert_in_range(nn.n_floats * sizeof(float), 1, need);
        for (int i = 0; i < 2; i++)
            assert_int_equal(tb_nn_run(&nn, run_odd_order, &o, NULL, NULL), TIMBRE_OK);
        assert_int_equal(o.n_runs, 5);
    }
    tb_nn_release(&nn);
    assert_null(nn.memory);
    stop(&nn, pool);
}

/* a + b is taken, a given: c fits its place. */
static void run_reuse(tb_nn *nn, void *user)
{
    float *a = tb_nn_take(nn, 1600), *b = tb_nn_take(nn, 160);
    tb_nn_give(nn, a);
    float *c = tb_nn_take(nn, 800), *d = tb_nn_take(nn, 800);
    assert_true(c == a && d == a + 800);
    tb_nn_give(nn, b);
    tb_nn_give(nn, d);
    tb_nn_give(nn, c);
}

static void places_are_used_again(void **state)
{
    tb_nn nn;
    tb_pool *pool;
    (void)state;
    start(&nn, &pool, 1);
    assert_int_equal(tb_nn_measure(&nn, run_reuse, NULL), sizeof(float) * 1760);
    assert_int_equal(tb_nn_reserve(&nn, run_reuse, NULL, NULL), TIMBRE_OK);
    assert_int_equal(tb_nn_run(&nn, run_reuse, NULL, NULL, NULL), TIMBRE_OK);
    stop(&nn, pool);
}

/* One of each operation. */
typedef struct network {
    weight w, kernel;
    tb_matrix linear; /* 16 to 32 */
    tb_conv conv;     /* 32 to 16 */
    tb_norm norm;     /* 32 */
    float *in, *out;  /* [1, 5*7, 16] */
    timbre_cancel *cancel;
    int stop_after, n_done;
} network;

enum { H = 5, W = 7, PIXELS = H * W, N_OPERATIONS = 9 };

static void count(network *net)
{
    net->n_done++;
    if (net->cancel != NULL && net->n_done == net->stop_after)
        timbre_cancel_request(net->cancel);
}

static void run_network(tb_nn *nn, void *user)
{
    network *net = user;
    tb_attention a = {1, PIXELS, PIXELS, 4, 8, false, 0.4f, 32, 32, 32, 32};
    net->n_done = 0;
    float *x = tb_nn_take(nn, PIXELS * 32), *y = tb_nn_take(nn, PIXELS * 64);
    tb_linear(nn, x, net->in, PIXELS, &net->linear, NULL);
    count(net);
    tb_group_norm(nn, x, x, 1, PIXELS, &net->norm, true);
    count(net);
    tb_attention_run(nn, y, x, x, x, &a);
    count(net);
    tb_layer_norm(nn, x, y, PIXELS, &net->norm);
    count(net);
    tb_concat(nn, y, net->in, 16, net->in, 16, PIXELS);
    count(net);
    tb_add_rows(nn, x, x, 1, PIXELS, 32, y);
    count(net);
    tb_linear_geglu(nn, y, net->in, PIXELS, &net->linear, &net->linear);
    count(net);
    tb_activate(nn, x, x, PIXELS * 32, TB_ACTIVATION_GELU);
    count(net);
    tb_conv2d(nn, net->out, x, 1, H, W, &net->conv, y);
    count(net);
    tb_nn_give(nn, x);
    tb_nn_give(nn, y);
}

static network new_network(void)
{
    network n = {.w = new_weight(1, TB_DTYPE_F16, (int64_t[]){32, 16, 0}),
                 .kernel = new_weight(2, TB_DTYPE_F32, (int64_t[]){16, 32, 3, 3, 0}),
                 .norm = {32, 4, 1e-5f, new_floats(3, 32), new_floats(4, 32)},
                 .conv = {.c_in = 32, .kernel = 3, .stride = 1, .pad_before = 1, .pad_after = 1},
                 .in = new_floats(5, PIXELS * 16),
                 .out = new_floats(6, PIXELS * 16)};
    assert_int_equal(tb_matrix_pack(&n.linear, &n.w.tensor, NULL, NULL), TIMBRE_OK);
    assert_int_equal(tb_matrix_pack(&n.conv.matrix, &n.kernel.tensor, NULL, NULL), TIMBRE_OK);
    return n;
}

static void free_network(network *n)
{
    tb_matrix_deinit(&n->linear);
    tb_matrix_deinit(&n->conv.matrix);
    tb_norm_deinit(&n->norm);
    free_weight(&n->w);
    free_weight(&n->kernel);
    free(n->in);
    free(n->out);
}

static void nothing_is_allocated_while_running(void **state)
{
    tb_nn nn;
    tb_pool *pool;
    network net = new_network();
    (void)state;
    start(&nn, &pool, 1); /* faults.h counts for one thread */
    assert_int_equal(tb_nn_reserve(&nn, run_network, &net, NULL), TIMBRE_OK);
    calls_until_fault = LONG_MAX;
    tb_status st = tb_nn_run(&nn, run_network, &net, NULL, NULL);
    long left = calls_until_fault;
    calls_until_fault = 0;
    assert_int_equal(st, TIMBRE_OK);
    assert_true(left == LONG_MAX);
    assert_int_equal(net.n_done, N_OPERATIONS);
    stop(&nn, pool);
    free_network(&net);
}

/* Wherever the flag is raised: what follows does nothing, and the next run is whole. */
static void cancelled_runs_say_so(void **state)
{
    tb_nn nn;
    tb_pool *pool;
    network net = new_network();
    float whole[PIXELS * 16];
    (void)state;
    start(&nn, &pool, 2);
    assert_int_equal(tb_nn_reserve(&nn, run_network, &net, NULL), TIMBRE_OK);
    assert_int_equal(tb_nn_run(&nn, run_network, &net, NULL, NULL), TIMBRE_OK);
    memcpy(whole, net.out, sizeof whole);
    for (net.stop_after = 1; net.stop_after < N_OPERATIONS; net.stop_after++) {
        timbre_cancel cancel = {0};
        tb_progress progress = {.cancel = &cancel};
        tb_error err = {0};
        net.cancel = &cancel;
        memset(net.out, 0, sizeof whole);
        assert_int_equal(tb_nn_run(&nn, run_network, &net, &progress, &err), TIMBRE_CANCELLED);
        assert_string_equal(err.message, "interrupted");
        for (int i = 0; i < PIXELS * 16; i++)
            assert_true(net.out[i] == 0);
        net.cancel = NULL;
        assert_int_equal(tb_nn_run(&nn, run_network, &net, NULL, &err), TIMBRE_OK);
        assert_memory_equal(net.out, whole, sizeof whole);
    }
    stop(&nn, pool);
    free_network(&net);
}

enum { N_TASKS = 500, LAST_TASK = 7 };

typedef struct long_operation {
    timbre_cancel cancel;
    int n_started, n_later; /* atomic */
} long_operation;

static void run_part(int i_task, void *user)
{
    long_operation *o = user;
    __atomic_fetch_add(&o->n_started, 1, __ATOMIC_RELAXED);
    if (i_task == LAST_TASK)
        timbre_cancel_request(&o->cancel);
}

static void run_later(int i_task, void *user)
{
    long_operation *o = user;
    __atomic_fetch_add(&o->n_later, 1, __ATOMIC_RELAXED);
}

/* The flag is lowered too early: what was left out is not forgotten. */
static void run_long_operation(tb_nn *nn, void *user)
{
    long_operation *o = user;
    if (!tb_nn_begin(nn, 0))
        return;
    tb_nn_tasks(nn, N_TASKS, run_part, o);
    timbre_cancel_reset(&o->cancel);
    tb_nn_tasks(nn, N_TASKS, run_later, o);
    if (tb_nn_begin(nn, 0))
        run_later(0, o);
}

static void operations_stop_in_the_middle(void **state)
{
    tb_nn nn;
    tb_pool *pool;
    long_operation o = {0};
    tb_progress progress = {.cancel = &o.cancel};
    (void)state;
    start(&nn, &pool, 1); /* in order */
    assert_int_equal(tb_nn_reserve(&nn, run_long_operation, &o, NULL), TIMBRE_OK);
    assert_int_equal(tb_nn_run(&nn, run_long_operation, &o, &progress, NULL), TIMBRE_CANCELLED);
    assert_int_equal(o.n_started, LAST_TASK + 1);
    assert_int_equal(o.n_later, 0);
    stop(&nn, pool);
}

static void run_vast(tb_nn *nn, void *user)
{
    tb_nn_give(nn, tb_nn_take(nn, *(size_t *)user));
}

static void what_does_not_fit_is_an_error(void **state)
{
    static const size_t sizes[] = {(size_t)1 << 46, (size_t)1 << 59};
    tb_nn nn;
    tb_pool *pool;
    (void)state;
    start(&nn, &pool, 2);
    for (int i = 0; i < 2; i++) {
        tb_error err = {0};
        size_t size = sizes[i];
        assert_int_equal(tb_nn_measure(&nn, run_vast, &size), sizeof(float) * size);
        calls_until_fault = 1; /* sanitizers break off where malloc would fail */
        assert_int_equal(tb_nn_reserve(&nn, run_vast, &size, &err), TIMBRE_NO_MEMORY);
        char bytes[32];
        snprintf(bytes, sizeof bytes, "%zu bytes", sizeof(float) * size);
        assert_non_null(strstr(err.message, bytes));
        assert_null(nn.memory);
    }
    stop(&nn, pool);
}

/* Every allocation of packing and reserving fails once. */
static tb_status pack_and_reserve(network *net, tb_nn *nn, float **gain)
{
    tb_matrix_deinit(&net->linear);
    tb_matrix_deinit(&net->conv.matrix);
    tb_error err = {0};
    weight other = new_weight(7, TB_DTYPE_F64, (int64_t[]){16, 0});
    tb_status st = tb_matrix_pack(&net->linear, &net->w.tensor, NULL, &err);
    if (st == TIMBRE_OK)
        st = tb_matrix_pack(&net->conv.matrix, &net->kernel.tensor, &other.tensor, &err);
    if (st == TIMBRE_OK)
        st = tb_floats_load(&other.tensor, gain, &err);
    if (st == TIMBRE_OK)
        st = tb_nn_reserve(nn, run_network, net, &err);
    free_weight(&other);
    return st;
}

static void faults_of_memory_are_errors(void **state)
{
    network net = new_network();
    tb_status st = TIMBRE_NO_MEMORY;
    long n_faults = 0;
    (void)state;
    while (st != TIMBRE_OK) {
        tb_nn nn;
        tb_pool *pool;
        float *gain = NULL;
        start(&nn, &pool, 1);
        calls_until_fault = 2 + ++n_faults; /* behind those of new_weight */
        st = pack_and_reserve(&net, &nn, &gain);
        calls_until_fault = 0;
        if (st != TIMBRE_OK)
            assert_int_equal(st, TIMBRE_NO_MEMORY);
        free(gain);
        stop(&nn, pool);
        assert_true(n_faults < 30);
    }
    assert_true(n_faults > 7);
    free_network(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_find_the_places_of_the_dry_run),
        cmocka_unit_test(places_are_used_again),
        cmocka_unit_test(nothing_is_allocated_while_running),
        cmocka_unit_test(cancelled_runs_say_so),
        cmocka_unit_test(operations_stop_in_the_middle),
        cmocka_unit_test(what_does_not_fit_is_an_error),
        cmocka_unit_test(faults_of_memory_are_errors),
    };
    return cmocka_run_group_tests_name("nn", tests, NULL, NULL);
}
