/* What is cleared away, and what never is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/worker/kept.h"
#include "worker/take_file.h"

static const int64_t day_ms = INT64_C(86400) * 1000;

/* Takes 1 .. n of ten bytes; number 1 is the oldest, a day between each. */
static void add_days(kept *k, int n)
{
    for (int i = 1; i <= n; i++) {
        char name[20];
        (void)snprintf(name, sizeof name, "%d.wav", i);
        add_take(k, i, name, "0123456789", tb_now_ms() - (n - i + 1) * day_ms - 1000);
    }
}

static void star(kept *k, int number)
{
    tb_stored_take take;
    tb_error err = {0};
    assert_int_equal(tb_store_edit_take(k->worker.store, id_of(number), NULL, 1, &take, &err),
                     TIMBRE_OK);
    tb_stored_take_deinit(&take);
}

static void run(kept *k)
{
    tb_error err = {0};
    assert_int_equal(tb_retention_run(&k->worker, &err), TIMBRE_OK);
}

static tb_take_totals totals_of(kept *k)
{
    tb_take_totals totals;
    tb_error err = {0};
    assert_int_equal(tb_store_total_takes(k->worker.store, &totals, &err), TIMBRE_OK);
    return totals;
}

static bool is_trashed(kept *k, int number)
{
    tb_stored_take take = take_of(k, number);
    bool is_so = take.trashed_ms > 0;
    tb_stored_take_deinit(&take);
    return is_so;
}

static void without_limits_everything_stays(void **state)
{
    kept *k = *state;
    add_days(k, 5);
    run(k);
    assert_int_equal(totals_of(k).n, 5);
}

static void the_old_go_to_the_trash_but_not_the_starred(void **state)
{
    kept *k = *state;
    add_days(k, 5);
    star(k, 1);
    k->options.retention_days = 2.5;
    run(k);
    assert_false(is_trashed(k, 1));
    assert_true(is_trashed(k, 2) && is_trashed(k, 3));
    assert_false(is_trashed(k, 4) || is_trashed(k, 5));
}

static void the_trash_is_emptied_by_its_own_time(void **state)
{
    kept *k = *state;
    add_days(k, 3);
    k->options.retention_days = 1.5;
    run(k);
    assert_int_equal(totals_of(k).n_trashed, 2); /* old takes, new in the trash */
    run(k);
    assert_int_equal(totals_of(k).n_trashed, 2);
    k->options.retention_days = 0;
    k->options.trash_days = -1;
    run(k);
    assert_int_equal(totals_of(k).n_trashed, 0);
    assert_int_equal(totals_of(k).n, 1);
}

static void size_takes_the_trash_first_and_the_starred_never(void **state)
{
    kept *k = *state;
    tb_stored_take take;
    tb_error err = {0};
    add_days(k, 6);
    star(k, 1);
    assert_int_equal(tb_take_file_trash(&k->worker, id_of(6), &take, &err), TIMBRE_OK);
    tb_stored_take_deinit(&take);
    k->options.retention_bytes = 50;
    run(k);
    assert_int_equal(totals_of(k).n, 5);
    assert_int_equal(totals_of(k).n_trashed, 0);
    k->options.retention_bytes = 30;
    run(k);
    assert_int_equal(totals_of(k).n, 3);
    assert_false(is_trashed(k, 1));
    k->options.retention_bytes = 1;
    run(k);
    assert_int_equal(totals_of(k).n, 1); /* the starred one */
}

static void a_fresh_input_stays(void **state)
{
    kept *k = *state;
    tb_stored_input input = {.media_type = "audio/wav", .len_bytes = 1}, *inputs = NULL;
    bool is_known;
    size_t n;
    tb_error err = {0};
    (void)snprintf(input.id, sizeof input.id, "%s", id_of(50));
    memset(input.sha256, 'a', 64);
    assert_int_equal(tb_store_add_input(k->worker.store, &input, &is_known, &err), TIMBRE_OK);
    run(k);
    assert_int_equal(tb_store_list_inputs(k->worker.store, INT64_MAX, 10, &inputs, &n, &err),
                     TIMBRE_OK);
    assert_int_equal(n, 1); /* it came a moment ago */
    free(inputs);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, kept_set_up, kept_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(without_limits_everything_stays),
        CASE(the_old_go_to_the_trash_but_not_the_starred),
        CASE(the_trash_is_emptied_by_its_own_time),
        CASE(size_takes_the_trash_first_and_the_starred_never),
        CASE(a_fresh_input_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
