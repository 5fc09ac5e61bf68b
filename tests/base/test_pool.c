/* The thread pool runs each task once, whatever the number of threads and tasks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "engine/os/cpu.h"
#include "engine/os/pool.h"

enum { N_TASKS = 500 };

static int runs[N_TASKS];

static void count_run(int i_task, void *user)
{
    __atomic_fetch_add(&((int *)user)[i_task], 1, __ATOMIC_RELAXED);
}

static void each_task_runs_once(void **state)
{
    (void)state;
    static const int threads[] = {1, 2, 3, 8};
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
        tb_pool *pool;
        assert_int_equal(tb_pool_new(threads[t], &pool, NULL), TIMBRE_OK);
        assert_int_equal(tb_pool_n_threads(pool), threads[t]);
        memset(runs, 0, sizeof runs);
        for (int n = 0; n <= N_TASKS; n += 50)
            tb_pool_run(pool, n, count_run, runs);
        for (int i = 0; i < N_TASKS; i++)
            assert_int_equal(runs[i], 10 - i / 50);
        tb_pool_free(pool);
    }
    memset(runs, 0, sizeof runs);
    tb_pool_run(NULL, 3, count_run, runs);
    assert_true(runs[0] == 1 && runs[2] == 1 && runs[3] == 0);
}

static void absurd_thread_counts_are_refused(void **state)
{
    (void)state;
    tb_pool *pool;
    tb_error err = {0};
    assert_int_equal(tb_pool_new(-1, &pool, &err), TIMBRE_BAD_INPUT);
    assert_int_equal(tb_pool_new(100000, &pool, &err), TIMBRE_BAD_INPUT);
    assert_non_null(strstr(err.message, "100000"));
    assert_null(pool);
    tb_pool_free(NULL);
}

static void the_machine_is_described(void **state)
{
    (void)state;
    char text[64];
    assert_true(tb_cpu_count() >= 1);
    tb_cpu_describe(text, sizeof text);
    assert_true(strlen(text) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_task_runs_once),
        cmocka_unit_test(absurd_thread_counts_are_refused),
        cmocka_unit_test(the_machine_is_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
