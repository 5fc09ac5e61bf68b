/* Clients and runners at once: whatever the order, the totals agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/folder.h"
#include "tests/worker/stores.h"

enum { N_CLIENTS = 4, N_RUNNERS = 4, N_JOBS = 30 /* of each client */ };

typedef struct part {
    pthread_t thread;
    tb_store *store;
    int number;
    int n_done;  /* takes that it entered */
    int n_wrong; /* answers that cannot be */
} part;

/* Submits jobs and cancels every fifth. */
static void *be_client(void *user)
{
    part *p = user;
    tb_error err = {0};
    tb_stored_job job;
    bool is_replay;
    for (int i = 0; i < N_JOBS; i++) {
        tb_submission in = job_of(p->number * 1000 + i);
        in.priority = i % 3;
        p->n_wrong += tb_store_submit(p->store, &in, &job, &is_replay, &err) != TIMBRE_OK;
        tb_stored_job_deinit(&job);
        if (i % 5 != 0)
            continue;
        p->n_wrong += tb_store_cancel(p->store, in.id, &job, &err) != TIMBRE_OK;
        tb_stored_job_deinit(&job);
    }
    return NULL;
}

static void run_one(part *p, const tb_stored_job *job)
{
    tb_error err = {0};
    tb_fence fence = {.id = job->id, .attempt = job->attempt};
    if (job->attempt == 1 && job->seq % 7 == 0) {
        tb_status st = tb_store_requeue(p->store, &fence, true, "again", &err);
        p->n_wrong += st != TIMBRE_OK;
        return;
    }
    tb_stored_take take = take_of((int)job->seq);
    memcpy(take.id, job->id, sizeof take.id);
    tb_status st = tb_store_succeed(p->store, &fence, &take, &err);
    tb_stored_take_deinit(&take);
    p->n_done += st == TIMBRE_OK;
    if (st == TIMBRE_CANCELLED)
        p->n_wrong += tb_store_end_cancelled(p->store, &fence, &err) != TIMBRE_OK;
    else
        p->n_wrong += st != TIMBRE_OK;
    p->n_wrong += tb_store_fail(p->store, &fence, &err, &err) != TIMBRE_GONE;
}

/* Runs jobs until all have ended. */
static void *be_runner(void *user)
{
    part *p = user;
    tb_error err = {0};
    int64_t counts[TB_JOB_STATE_COUNT] = {0};
    for (int64_t n_ended = 0; n_ended < N_CLIENTS * N_JOBS && p->n_wrong == 0;) {
        tb_stored_job job;
        tb_status st = tb_store_claim(p->store, &job, &err);
        p->n_wrong += st != TIMBRE_OK && st != TIMBRE_NOT_FOUND;
        if (st == TIMBRE_OK)
            run_one(p, &job);
        else
            (void)usleep(1000);
        tb_stored_job_deinit(&job);
        p->n_wrong += tb_store_count_jobs(p->store, counts, &err) != TIMBRE_OK;
        n_ended = counts[TB_JOB_SUCCEEDED] + counts[TB_JOB_FAILED] + counts[TB_JOB_CANCELLED];
    }
    return NULL;
}

static void require_agreement(tb_store *store, const part *parts)
{
    tb_error err = {0};
    int64_t counts[TB_JOB_STATE_COUNT];
    tb_take_totals totals;
    int n_done = 0;
    for (int i = 0; i < N_CLIENTS + N_RUNNERS; i++) {
        assert_int_equal(parts[i].n_wrong, 0);
        n_done += parts[i].n_done;
    }
    assert_int_equal(tb_store_count_jobs(store, counts, &err), TIMBRE_OK);
    assert_int_equal(tb_store_total_takes(store, &totals, &err), TIMBRE_OK);
    assert_int_equal(counts[TB_JOB_SUCCEEDED], n_done);
    assert_int_equal(totals.n, n_done);
    assert_int_equal(counts[TB_JOB_SUCCEEDED] + counts[TB_JOB_CANCELLED], N_CLIENTS * N_JOBS);
}

/* Each change has a version of its own. */
static void require_versions(tb_store *store)
{
    tb_error err = {0};
    tb_stored_job *jobs;
    size_t n;
    tb_job_filter filter = {.after_version = 0, .limit = 1000};
    assert_int_equal(tb_store_list_jobs(store, &filter, &jobs, &n, &err), TIMBRE_OK);
    assert_int_equal(n, N_CLIENTS * N_JOBS);
    for (size_t i = 1; i < n; i++)
        assert_true(jobs[i - 1].version < jobs[i].version);
    tb_stored_jobs_free(jobs, n);
}

static void the_totals_agree(void **state)
{
    (void)state;
    tb_error err = {0};
    tb_store *store;
    part parts[N_CLIENTS + N_RUNNERS];
    assert_int_equal(tb_store_open("s.db", &store, &err), TIMBRE_OK);
    for (int i = 0; i < N_CLIENTS + N_RUNNERS; i++) {
        parts[i] = (part){.store = store, .number = i};
        assert_int_equal(pthread_create(&parts[i].thread, NULL,
                                        i < N_CLIENTS ? be_client : be_runner, &parts[i]),
                         0);
    }
    for (int i = 0; i < N_CLIENTS + N_RUNNERS; i++)
        assert_int_equal(pthread_join(parts[i].thread, NULL), 0);
    require_agreement(store, parts);
    require_versions(store);
    assert_int_equal(tb_store_verify(store, &err), TIMBRE_OK);
    tb_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_totals_agree)};
    return cmocka_run_group_tests_name("store threads", tests, enter_folder, leave_folder);
}
