/* The store's jobs: the state machine with every arrow and every refusal, order, keys, versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/support/folder.h"
#include "tests/worker/stores.h"

static tb_store *store;
static tb_error err;

static int open_new(void **state)
{
    (void)state;
    (void)remove("s.db");
    return tb_store_open("s.db", &store, &err) != TIMBRE_OK;
}

static int close_it(void **state)
{
    (void)state;
    tb_store_close(store);
    store = NULL;
    return 0;
}

static void reopen(void)
{
    tb_store_close(store);
    assert_int_equal(tb_store_open("s.db", &store, &err), TIMBRE_OK);
}

static void submit(int n, int priority)
{
    tb_submission in = job_of(n);
    tb_stored_job job;
    bool is_replay = true;
    in.priority = priority;
    if (tb_store_submit(store, &in, &job, &is_replay, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    assert_false(is_replay);
    assert_int_equal(job.state, TB_JOB_QUEUED);
    tb_stored_job_deinit(&job);
}

static tb_stored_job look(int n)
{
    tb_stored_job job;
    if (tb_store_get_job(store, id_of(n), &job, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    return job;
}

static tb_job_state state_of(int n)
{
    tb_stored_job job = look(n);
    tb_job_state state = job.state;
    assert_false(job.is_cancelling && state != TB_JOB_RUNNING);
    tb_stored_job_deinit(&job);
    return state;
}

/* Claims the next job, which is number n. */
static tb_fence claim(int n)
{
    static char id[TB_ID_BYTES];
    tb_stored_job job;
    if (tb_store_claim(store, &job, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    assert_string_equal(job.id, id_of(n));
    assert_int_equal(job.state, TB_JOB_RUNNING);
    assert_true(job.started_ms > 0 && job.finished_ms == 0);
    memcpy(id, job.id, sizeof id);
    tb_fence fence = {.id = id, .attempt = job.attempt};
    tb_stored_job_deinit(&job);
    return fence;
}

static tb_job_state cancel(int n)
{
    tb_stored_job job;
    assert_int_equal(tb_store_cancel(store, id_of(n), &job, &err), TIMBRE_OK);
    tb_job_state state = job.state;
    assert_int_equal(job.is_cancelling, state == TB_JOB_RUNNING);
    tb_stored_job_deinit(&job);
    return state;
}

static tb_status succeed(const tb_fence *fence, int n)
{
    tb_stored_take take = take_of(n);
    tb_status st = tb_store_succeed(store, fence, &take, &err);
    tb_stored_take_deinit(&take);
    return st;
}

static const tb_error why = {.code = TIMBRE_NO_MEMORY, .message = "too big", .fix = "smaller"};

static void requires_all_gone(const tb_fence *fence, int n)
{
    int64_t version = tb_store_version(store);
    assert_int_equal(succeed(fence, n), TIMBRE_GONE);
    assert_int_equal(tb_store_fail(store, fence, &why, &err), TIMBRE_GONE);
    assert_int_equal(tb_store_end_cancelled(store, fence, &err), TIMBRE_GONE);
    assert_int_equal(tb_store_requeue(store, fence, true, "m", &err), TIMBRE_GONE);
    assert_int_equal(tb_store_note_pending(store, fence, "{}", &err), TIMBRE_GONE);
    assert_true(tb_store_version(store) == version);
}

static void names_of_states(void **state)
{
    (void)state;
    for (int i = 0; i < TB_JOB_STATE_COUNT; i++) {
        assert_int_equal(tb_job_state_find(tb_job_state_name((tb_job_state)i)), i);
        assert_int_equal(tb_job_state_is_final((tb_job_state)i), i >= TB_JOB_SUCCEEDED);
    }
    assert_int_equal(tb_job_state_find("done"), -1);
}

static void the_queue_is_by_priority_then_by_age(void **state)
{
    (void)state;
    static const int priorities[] = {0, 5, 0, -10, 5, 10};
    static const int order[] = {5, 1, 4, 0, 2, 3};
    for (int i = 0; i < 6; i++)
        submit(i, priorities[i]);
    for (int i = 0; i < 6; i++) {
        tb_stored_job job = look(order[i]);
        assert_int_equal(job.n_before, i);
        tb_stored_job_deinit(&job);
    }
    for (int i = 0; i < 6; i++)
        (void)claim(order[i]);
    tb_stored_job none;
    assert_int_equal(tb_store_claim(store, &none, &err), TIMBRE_NOT_FOUND);
}

static void a_success_enters_its_take_once(void **state)
{
    (void)state;
    tb_stored_take take;
    submit(1, 0);
    tb_fence fence = claim(1);
    assert_int_equal(tb_store_note_pending(store, &fence, "{\"p\":1}", &err), TIMBRE_OK);
    tb_stored_job job = look(1);
    assert_string_equal(job.pending, "{\"p\":1}");
    tb_stored_job_deinit(&job);
    assert_int_equal(tb_store_note_pending(store, &fence, NULL, &err), TIMBRE_OK);
    job = look(1);
    assert_null(job.pending);
    tb_stored_job_deinit(&job);
    assert_int_equal(tb_store_note_pending(store, &fence, "{}", &err), TIMBRE_OK);
    assert_int_equal(succeed(&fence, 1), TIMBRE_OK);
    job = look(1);
    assert_int_equal(job.state, TB_JOB_SUCCEEDED);
    assert_null(job.pending);
    assert_true(job.finished_ms > 0);
    tb_stored_job_deinit(&job);
    assert_int_equal(tb_store_get_take(store, id_of(1), &take, &err), TIMBRE_OK);
    assert_int_equal(take.number, 1);
    tb_stored_take_deinit(&take);
    requires_all_gone(&fence, 1);
    assert_int_equal(cancel(1), TB_JOB_SUCCEEDED);
}

static void a_failure_says_why(void **state)
{
    (void)state;
    submit(1, 0);
    tb_fence fence = claim(1);
    assert_int_equal(tb_store_fail(store, &fence, &why, &err), TIMBRE_OK);
    tb_stored_job job = look(1);
    assert_int_equal(job.state, TB_JOB_FAILED);
    assert_int_equal(job.error.code, TIMBRE_NO_MEMORY);
    assert_string_equal(job.error.message, "too big");
    assert_string_equal(job.error.fix, "smaller");
    tb_stored_job_deinit(&job);
    requires_all_gone(&fence, 1);
    assert_int_equal(cancel(1), TB_JOB_FAILED);
}

static void what_is_cancelled_never_succeeds(void **state)
{
    (void)state;
    submit(1, 0);
    assert_int_equal(cancel(1), TB_JOB_CANCELLED);
    assert_int_equal(cancel(1), TB_JOB_CANCELLED);
    tb_fence none = {.id = id_of(1), .attempt = 0};
    requires_all_gone(&none, 1);
    submit(2, 0);
    tb_fence fence = claim(2);
    assert_int_equal(cancel(2), TB_JOB_RUNNING);
    assert_int_equal(cancel(2), TB_JOB_RUNNING);
    assert_int_equal(succeed(&fence, 2), TIMBRE_CANCELLED);
    tb_stored_take take;
    assert_int_equal(tb_store_get_take(store, id_of(2), &take, &err), TIMBRE_NOT_FOUND);
    assert_int_equal(tb_store_end_cancelled(store, &fence, &err), TIMBRE_OK);
    assert_int_equal(state_of(2), TB_JOB_CANCELLED);
    requires_all_gone(&fence, 2);
    submit(3, 0);
    fence = claim(3);
    assert_int_equal(cancel(3), TB_JOB_RUNNING);
    assert_int_equal(tb_store_requeue(store, &fence, false, "stops", &err), TIMBRE_OK);
    assert_int_equal(state_of(3), TB_JOB_CANCELLED);
    tb_stored_job job;
    assert_int_equal(tb_store_cancel(store, id_of(9), &job, &err), TIMBRE_NOT_FOUND);
    assert_non_null(strstr(err.message, id_of(9)));
}

static void a_requeued_job_keeps_its_place(void **state)
{
    (void)state;
    submit(1, 0);
    submit(2, 0);
    tb_fence first = claim(1);
    assert_int_equal(first.attempt, 1);
    assert_int_equal(tb_store_note_pending(store, &first, "{}", &err), TIMBRE_OK);
    assert_int_equal(tb_store_requeue(store, &first, true, "it died", &err), TIMBRE_OK);
    tb_stored_job job = look(1);
    assert_int_equal(job.state, TB_JOB_QUEUED);
    assert_string_equal(job.message, "it died");
    assert_null(job.pending);
    assert_int_equal(job.started_ms, 0);
    tb_stored_job_deinit(&job);
    requires_all_gone(&first, 1);
    tb_fence second = claim(1);
    assert_int_equal(second.attempt, 2);
    tb_fence stale = {.id = second.id, .attempt = 1};
    requires_all_gone(&stale, 1);
    assert_int_equal(tb_store_requeue(store, &second, false, "stops", &err), TIMBRE_OK);
    assert_int_equal(claim(1).attempt, 2);
}

static void a_key_names_one_job(void **state)
{
    (void)state;
    tb_stored_job job;
    bool is_replay;
    tb_submission in = job_of(1);
    in.key = "k";
    in.queue_limit = 1;
    assert_int_equal(tb_store_submit(store, &in, &job, &is_replay, &err), TIMBRE_OK);
    tb_stored_job_deinit(&job);
    int64_t version = tb_store_version(store);
    in.id = id_of(2); /* the queue is full now, which is nothing to a replay */
    assert_int_equal(tb_store_submit(store, &in, &job, &is_replay, &err), TIMBRE_OK);
    assert_true(is_replay);
    assert_string_equal(job.id, id_of(1));
    tb_stored_job_deinit(&job);
    in.body_sha256 = "cd";
    assert_int_equal(tb_store_submit(store, &in, &job, &is_replay, &err), TIMBRE_KEY_REUSED);
    in.key = NULL;
    assert_int_equal(tb_store_submit(store, &in, &job, &is_replay, &err), TIMBRE_QUEUE_FULL);
    assert_true(tb_store_version(store) == version);
    int64_t n = 0;
    assert_int_equal(cancel(1), TB_JOB_CANCELLED);
    assert_int_equal(tb_store_forget_jobs(store, 0, &n, &err), TIMBRE_OK);
    assert_int_equal(n, 0);
    assert_int_equal(tb_store_forget_jobs(store, INT64_MAX, &n, &err), TIMBRE_OK);
    assert_int_equal(n, 1);
    in.key = "k";
    assert_int_equal(tb_store_submit(store, &in, &job, &is_replay, &err), TIMBRE_OK);
    assert_false(is_replay);
    assert_true(job.seq > 1);
    tb_stored_job_deinit(&job);
}

static void an_id_is_given_once(void **state)
{
    (void)state;
    tb_stored_job job;
    bool is_replay;
    submit(1, 0);
    tb_submission in = job_of(1);
    assert_int_equal(tb_store_submit(store, &in, &job, &is_replay, &err), TIMBRE_EXISTS);
    assert_null(job.request);
}

static size_t list(tb_job_filter filter, tb_stored_job **jobs)
{
    size_t n = 0;
    if (filter.limit == 0)
        filter.limit = 1000;
    assert_int_equal(tb_store_list_jobs(store, &filter, jobs, &n, &err), TIMBRE_OK);
    return n;
}

static void lists_are_by_age_or_by_change(void **state)
{
    (void)state;
    tb_stored_job *jobs;
    for (int i = 1; i <= 40; i++)
        submit(i, 0);
    assert_int_equal(list((tb_job_filter){.after_version = -1, .limit = 17}, &jobs), 17);
    assert_int_equal(jobs[0].seq, 40);
    assert_int_equal(jobs[16].seq, 24);
    tb_stored_jobs_free(jobs, 17);
    assert_int_equal(list((tb_job_filter){.after_version = -1, .before_seq = 4}, &jobs), 3);
    assert_int_equal(jobs[0].seq, 3);
    tb_stored_jobs_free(jobs, 3);
    int64_t version = tb_store_version(store);
    (void)cancel(7);
    (void)cancel(3);
    assert_int_equal(list((tb_job_filter){.after_version = version}, &jobs), 2);
    assert_string_equal(jobs[0].id, id_of(7));
    assert_string_equal(jobs[1].id, id_of(3));
    assert_true(version < jobs[0].version && jobs[0].version < jobs[1].version);
    assert_true(jobs[1].version == tb_store_version(store));
    tb_stored_jobs_free(jobs, 2);
    tb_job_filter cancelled = {.after_version = -1, .states = 1U << TB_JOB_CANCELLED};
    assert_int_equal(list(cancelled, &jobs), 2);
    tb_stored_jobs_free(jobs, 2);
    (void)claim(1);
    tb_job_filter running = {.after_version = -1, .states = 1U << TB_JOB_RUNNING};
    assert_int_equal(list(running, &jobs), 1);
    tb_stored_jobs_free(jobs, 1);
    int64_t counts[TB_JOB_STATE_COUNT];
    assert_int_equal(tb_store_count_jobs(store, counts, &err), TIMBRE_OK);
    assert_int_equal(counts[TB_JOB_QUEUED], 37);
    assert_int_equal(counts[TB_JOB_RUNNING], 1);
    assert_int_equal(counts[TB_JOB_CANCELLED], 2);
}

static void everything_is_there_after_a_start(void **state)
{
    (void)state;
    submit(1, 3);
    tb_fence fence = claim(1);
    assert_int_equal(tb_store_note_pending(store, &fence, "{\"p\":1}", &err), TIMBRE_OK);
    int64_t version = tb_store_version(store);
    reopen();
    assert_true(tb_store_version(store) == version);
    tb_stored_job job = look(1);
    assert_int_equal(job.state, TB_JOB_RUNNING);
    assert_int_equal(job.priority, 3);
    assert_string_equal(job.request, "{\"prompt\":\"x\"}");
    assert_string_equal(job.pending, "{\"p\":1}");
    tb_stored_job_deinit(&job);
    assert_int_equal(tb_store_check(store, &err), TIMBRE_OK);
    assert_int_equal(tb_store_verify(store, &err), TIMBRE_OK);
}

int main(void)
{
#define WITH_STORE(f) cmocka_unit_test_setup_teardown(f, open_new, close_it)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_states),
        WITH_STORE(the_queue_is_by_priority_then_by_age),
        WITH_STORE(a_success_enters_its_take_once),
        WITH_STORE(a_failure_says_why),
        WITH_STORE(what_is_cancelled_never_succeeds),
        WITH_STORE(a_requeued_job_keeps_its_place),
        WITH_STORE(a_key_names_one_job),
        WITH_STORE(an_id_is_given_once),
        WITH_STORE(lists_are_by_age_or_by_change),
        WITH_STORE(everything_is_there_after_a_start),
    };
    return cmocka_run_group_tests_name("store", tests, enter_folder, leave_folder);
}
