/* What a start does with jobs that a dead worker left running. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/worker/kept.h"
#include "worker/take_commit.h"

#define SHA "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" /* of "hello" */

static void submit(kept *k, int number)
{
    tb_stored_job job;
    bool is_replay;
    tb_error err = {0};
    const tb_submission submission = {.id = id_of(number),
                                      .request = "{\"prompt\":\"a\"}",
                                      .model_id = "sketch",
                                      .body_sha256 = SHA,
                                      .queue_limit = 10};
    assert_int_equal(tb_store_submit(k->worker.store, &submission, &job, &is_replay, &err),
                     TIMBRE_OK);
    tb_stored_job_deinit(&job);
}

/* Job 1, running for the n-th time. */
static void run_job(kept *k, int n_attempts)
{
    tb_stored_job job;
    tb_error err = {0};
    submit(k, 1);
    for (int i = 1; i <= n_attempts; i++) {
        assert_int_equal(tb_store_claim(k->worker.store, &job, &err), TIMBRE_OK);
        tb_stored_job_deinit(&job);
        const tb_fence fence = {id_of(1), i};
        if (i < n_attempts)
            assert_int_equal(tb_store_requeue(k->worker.store, &fence, true, "again", &err),
                             TIMBRE_OK);
    }
}

/* Its take's file is about to be OUT/take.wav. */
static void note_pending(kept *k)
{
    char text[1000];
    tb_error err = {0};
    const tb_fence fence = {id_of(1), 1};
    (void)snprintf(text, sizeof text,
                   "{\"path\":\"%s/take.wav\",\"len_bytes\":5,\"sha256\":\"" SHA
                   "\",\"made_ms\":1000,\"format\":\"wav\",\"recipe\":\"{}\",\"metadata\":"
                   "\"{\\\"prompt\\\":\\\"a\\\",\\\"seed\\\":1,\\\"model_id\\\":\\\"sketch\\\","
                   "\\\"duration_seconds\\\":1}\",\"sidecar\":\"{\\\"id\\\":1}\"}",
                   k->out);
    assert_int_equal(tb_store_note_pending(k->worker.store, &fence, text, &err), TIMBRE_OK);
}

static void write_sound(kept *k, const char *text)
{
    char path[200];
    (void)snprintf(path, sizeof path, "%s/take.wav", k->out);
    write_text(path, text);
}

/* Starts again and tells what became of the job. */
static tb_stored_job recover(kept *k, bool is_counted)
{
    tb_stored_job job;
    tb_error err = {0};
    kept_restart(k);
    assert_int_equal(tb_take_recover(&k->worker, is_counted, &err), TIMBRE_OK);
    assert_int_equal(tb_store_get_job(k->worker.store, id_of(1), &job, &err), TIMBRE_OK);
    return job;
}

static void expect_state(kept *k, tb_job_state state)
{
    tb_stored_job job = recover(k, true);
    assert_int_equal(job.state, state);
    tb_stored_job_deinit(&job);
}

static void cancel(kept *k)
{
    tb_stored_job job;
    tb_error err = {0};
    assert_int_equal(tb_store_cancel(k->worker.store, id_of(1), &job, &err), TIMBRE_OK);
    tb_stored_job_deinit(&job);
}

static void without_a_file_it_is_made_again(void **state)
{
    kept *k = *state;
    run_job(k, 1);
    expect_state(k, TB_JOB_QUEUED);
}

static void before_the_file_had_its_name_it_is_made_again(void **state)
{
    kept *k = *state;
    run_job(k, 1);
    note_pending(k);
    expect_state(k, TB_JOB_QUEUED);
}

static void a_file_that_has_its_name_is_the_take(void **state)
{
    kept *k = *state;
    run_job(k, 1);
    note_pending(k);
    write_sound(k, "hello");
    expect_state(k, TB_JOB_SUCCEEDED);
    tb_stored_take take = take_of(k, 1);
    assert_int_equal(take.number, 1);
    assert_true(is_there(take.path) && is_there("out/take.wav.json"));
    tb_stored_take_deinit(&take);
}

static void a_file_of_somebody_else_is_not(void **state)
{
    kept *k = *state;
    run_job(k, 1);
    note_pending(k);
    write_sound(k, "HELLO");
    expect_state(k, TB_JOB_QUEUED);
    assert_true(is_there("out/take.wav"));
}

static void a_file_that_is_another_take_is_not(void **state)
{
    kept *k = *state;
    add_take(k, 2, "take.wav", "hello", 1);
    run_job(k, 1);
    note_pending(k);
    expect_state(k, TB_JOB_QUEUED);
    assert_true(is_there("out/take.wav"));
}

static void a_cancelled_one_leaves_no_file(void **state)
{
    kept *k = *state;
    run_job(k, 1);
    note_pending(k);
    write_sound(k, "hello");
    cancel(k);
    expect_state(k, TB_JOB_CANCELLED);
    assert_false(is_there("out/take.wav") || is_there("out/take.wav.json"));
}

static void a_cancelled_one_without_a_file_is_cancelled(void **state)
{
    kept *k = *state;
    run_job(k, 5);
    cancel(k);
    expect_state(k, TB_JOB_CANCELLED);
}

static void five_ends_of_the_worker_fail_it(void **state)
{
    kept *k = *state;
    run_job(k, 5);
    expect_state(k, TB_JOB_FAILED);
}

static void a_full_disk_does_not_count(void **state)
{
    kept *k = *state;
    run_job(k, 5);
    tb_stored_job job = recover(k, false);
    assert_int_equal(job.state, TB_JOB_QUEUED);
    assert_int_equal(job.attempt, 4);
    tb_stored_job_deinit(&job);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, kept_set_up, kept_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(without_a_file_it_is_made_again),
        CASE(before_the_file_had_its_name_it_is_made_again),
        CASE(a_file_that_has_its_name_is_the_take),
        CASE(a_file_of_somebody_else_is_not),
        CASE(a_file_that_is_another_take_is_not),
        CASE(a_cancelled_one_leaves_no_file),
        CASE(a_cancelled_one_without_a_file_is_cancelled),
        CASE(five_ends_of_the_worker_fail_it),
        CASE(a_full_disk_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
