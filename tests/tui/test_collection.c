/* What the studio knows of takes, and the rows that the list shows of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/tui/collection.h"
#include "engine/base/clock.h"

static json_t *status(const char *id, const char *state, const char *prompt, int second)
{
    char made[40];
    (void)snprintf(made, sizeof made, "2026-11-22T12:%02d:%02d.000Z", second / 60 % 60,
                   second % 60);
    return json_pack("{s:s, s:s, s:s, s:s, s:f, s:s, s:I, s:n}", "job_id", id, "state", state,
                     "prompt", prompt, "created_at", made, "progress", 0.5, "model_id", "sketch",
                     "seed", (json_int_t)42, "error");
}

static json_t *artifact(const char *id, int number, const char *prompt, int second)
{
    char made[40];
    (void)snprintf(made, sizeof made, "2026-11-22T12:%02d:%02d.500Z", second / 60 % 60,
                   second % 60);
    return json_pack(
        "{s:s, s:i, s:s, s:n, s:b, s:s, s:i, s:s, s:s, s:{s:s, s:i, s:s, s:f, s:{s:s}}}", "job_id",
        id, "number", number, "artifact_path", "/takes/a.wav", "title", "starred", 0, "created_at",
        made, "bytes", 100, "format", "wav", "state", "present", "metadata", "prompt", prompt,
        "seed", 42, "model_id", "sketch", "duration_seconds", 5.0, "extras", "backend", "sketch");
}

static tb_take *take_status(tb_collection *c, const char *id, const char *state, const char *prompt,
                            int second)
{
    json_t *j = status(id, state, prompt, second);
    tb_take *take = tb_collection_take_status(c, j, NULL);
    json_decref(j);
    assert_non_null(take);
    return take;
}

static tb_take *take_artifact(tb_collection *c, const char *id, int number, const char *prompt,
                              int second)
{
    json_t *j = artifact(id, number, prompt, second);
    tb_take *take = tb_collection_take_artifact(c, j, NULL);
    json_decref(j);
    assert_non_null(take);
    return take;
}

/* "D P T T ...": the kinds of the rows. */
static const char *rows_of(tb_collection *c)
{
    static char text[64];
    size_t n = 0;
    tb_collection_update(c);
    for (size_t i = 0; i < c->n_rows && n < sizeof text - 1; i++)
        text[n++] = "DPTF"[c->rows[i].kind];
    text[n] = '\0';
    return text;
}

static void news_in_any_order_make_the_same_list(void **state)
{
    (void)state;
    tb_collection a = {0}, b = {0};
    (void)take_status(&a, "one", "running", "rain", 1);
    (void)take_artifact(&a, "one", 1, "rain", 1);
    (void)take_status(&a, "two", "queued", "wind", 2);
    (void)take_status(&b, "two", "queued", "wind", 2);
    (void)take_artifact(&b, "one", 1, "rain", 1);
    (void)take_status(&b, "one", "succeeded", "rain", 1);
    assert_int_equal(a.n, 2);
    assert_int_equal(b.n, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(a.takes[i]->id, b.takes[i]->id);
        assert_int_equal(a.takes[i]->state, b.takes[i]->state);
        assert_int_equal(a.takes[i]->number, b.takes[i]->number);
    }
    assert_true(a.takes[0]->is_sketch && a.takes[0]->length_s == 5);
    assert_ptr_equal(tb_collection_find_number(&a, 1), a.takes[0]);
    assert_null(tb_collection_find(&a, "three"));
    assert_int_equal(tb_collection_count_active(&a, NULL), 1);
    assert_int_equal(tb_collection_count_done(&a), 1);
    tb_collection_deinit(&a);
    tb_collection_deinit(&b);
}

/* The worker tells the newest first; imported takes know the second alone. */
static void takes_of_one_second_stand_by_their_numbers(void **state)
{
    (void)state;
    tb_collection c = {0};
    for (int number = 5; number >= 1; number--) {
        char id[8];
        (void)snprintf(id, sizeof id, "t%d", number);
        (void)take_artifact(&c, id, number, "rain", number < 4 ? 1 : 2);
    }
    for (int i = 0; i < 5; i++)
        assert_int_equal(c.takes[i]->number, i + 1);
    tb_collection_deinit(&c);
}

static void neighbours_share_their_prompt(void **state)
{
    (void)state;
    tb_collection c = {0};
    (void)take_artifact(&c, "one", 1, "rain", 1);
    (void)take_artifact(&c, "two", 2, "rain", 2);
    (void)take_artifact(&c, "three", 3, "wind", 3);
    (void)take_artifact(&c, "four", 4, "rain", 4);
    assert_string_equal(rows_of(&c), "DPTTPTPT");
    tb_take *failed = take_status(&c, "five", "failed", "rain", 5);
    free(failed->fix);
    failed->fix = strdup("more memory");
    c.is_stale = true;
    assert_string_equal(rows_of(&c), "DPTTPTPTTF");
    assert_int_equal(tb_collection_row_of(&c, failed), 8);
    assert_int_equal(tb_collection_step(&c, 8, -1), 7);
    assert_int_equal(tb_collection_step(&c, 7, -1), 5); /* over a prompt's row */
    assert_int_equal(tb_collection_step(&c, 8, 1), -1);
    assert_int_equal(tb_collection_step(&c, -1, 1), 2);
    tb_collection_deinit(&c);
}

static void filters_and_words_leave_what_fits(void **state)
{
    (void)state;
    tb_collection c = {0};
    (void)take_artifact(&c, "one", 1, "Café at night, RAIN", 1);
    tb_take *two = take_artifact(&c, "two", 2, "rain and drums", 2);
    (void)take_status(&c, "three", "cancelled", "rain", 3);
    two->is_starred = true;
    static const struct {
        const char *words;
        size_t n_takes;
    } searches[] = {{"rain", 3},        {"cafe", 1},       {"RAIN drums", 1},
                    {"rain !drums", 2}, {"!rain", 0},      {"", 3},
                    {"thunder", 0},     {"night rain", 1}, {"!", 3}};
    for (size_t i = 0; i < sizeof searches / sizeof *searches; i++) {
        tb_collection_set_search(&c, searches[i].words);
        size_t n = 0;
        for (const char *r = rows_of(&c); *r != '\0'; r++)
            n += *r == 'T';
        if (strcmp(searches[i].words, "!") == 0) /* no word: nothing has it */
            continue;
        assert_int_equal(n, searches[i].n_takes);
    }
    tb_collection_set_search(&c, "");
    tb_collection_set_filter(&c, TB_FILTER_STARRED);
    assert_string_equal(rows_of(&c), "DPT");
    tb_collection_set_filter(&c, TB_FILTER_FAILED);
    assert_string_equal(rows_of(&c), "DPT");
    tb_collection_set_filter(&c, TB_FILTER_RUN);
    assert_string_equal(rows_of(&c), "");
    tb_collection_set_filter(&c, TB_FILTER_ALL);
    two->is_trashed = true;
    c.is_stale = true;
    assert_string_equal(rows_of(&c), "DPTPT");
    tb_collection_deinit(&c);
}

static void another_worker_leaves_what_waits(void **state)
{
    (void)state;
    tb_collection c = {0};
    (void)take_artifact(&c, "one", 1, "rain", 1);
    tb_take *waits = tb_collection_add_unsent(&c, "key", "wind", 5);
    (void)take_status(&c, "two", "running", "snow", 3);
    int n_unsent;
    assert_int_equal(tb_collection_count_active(&c, &n_unsent), 1);
    assert_int_equal(n_unsent, 1);
    tb_collection_keep_unsent(&c);
    assert_int_equal(c.n, 1);
    assert_ptr_equal(c.takes[0], waits);
    assert_string_equal(waits->prompt, "wind");
    tb_collection_remove(&c, waits);
    assert_int_equal(c.n, 0);
    tb_collection_deinit(&c);
}

static void what_is_no_take_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"{}", "[]", "{\"job_id\": 7}", "{\"job_id\": \"\"}",
                                      "{\"job_id\": \"0123456789012345678901234567890123456789\"}"};
    tb_collection c = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *j = json_loads(bad[i], 0, NULL);
        assert_null(tb_collection_take_status(&c, j, NULL));
        assert_null(tb_collection_take_artifact(&c, j, NULL));
        json_decref(j);
    }
    assert_int_equal(c.n, 0);
    tb_collection_deinit(&c);
}

static void waves_keep_their_loudest(void **state)
{
    (void)state;
    tb_take take = {0};
    json_t *j = json_loads("{\"min\": [-0.5, 0], \"max\": [0.25, 1.5]}", 0, NULL);
    tb_take_set_peaks(&take, j);
    assert_non_null(take.peaks);
    assert_int_equal(take.peaks[0], 127);
    assert_int_equal(take.peaks[TB_TAKE_PEAKS - 1], 255);
    json_decref(j);
    j = json_loads("{\"min\": [0], \"max\": []}", 0, NULL);
    tb_take_set_peaks(&take, j); /* what does not fit changes nothing */
    assert_int_equal(take.peaks[0], 127);
    json_decref(j);
    free(take.peaks);
}

/* Newest first, in pages, as they come; ten times what a person would notice. */
static void thousands_cost_no_time(void **state)
{
    (void)state;
    enum { N = 5000 };
    tb_collection c = {0};
    double began_s = tb_clock_seconds();
    for (int i = N; i > 0; i--) {
        char id[16];
        (void)snprintf(id, sizeof id, "take-%d", i);
        (void)take_artifact(&c, id, i, i % 3 == 0 ? "rain" : "wind", i % 3000);
        if (i % 200 == 0)
            tb_collection_update(&c);
    }
    tb_collection_set_search(&c, "rain");
    tb_collection_update(&c);
    assert_true(tb_clock_seconds() - began_s < 10);
    assert_int_equal(c.n, N);
    tb_collection_deinit(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(news_in_any_order_make_the_same_list),
        cmocka_unit_test(takes_of_one_second_stand_by_their_numbers),
        cmocka_unit_test(neighbours_share_their_prompt),
        cmocka_unit_test(filters_and_words_leave_what_fits),
        cmocka_unit_test(another_worker_leaves_what_waits),
        cmocka_unit_test(what_is_no_take_is_refused),
        cmocka_unit_test(waves_keep_their_loudest),
        cmocka_unit_test(thousands_cost_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
