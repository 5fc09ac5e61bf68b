/* What is kept, and for how long. Starred takes stay whatever the limits say. */
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/str.h"
#include "worker/service.h"
#include "worker/take_file.h"

enum { BATCH = 200, INPUT_HOURS = 24, FAILED_JOB_DAYS = 30 };

static int64_t days_ago_ms(double days)
{
    return tb_now_ms() - (int64_t)(days * 86400e3);
}

/* The oldest takes that the filter finds, into the trash or, from there, away. */
static tb_status clear_batch(tb_worker *worker, const tb_take_filter *filter, size_t *n_cleared,
                             tb_error *err)
{
    tb_stored_take *takes = NULL;
    size_t n = 0;
    tb_status st = tb_store_list_takes(worker->store, filter, &takes, &n, err);
    for (size_t i = 0; st == TIMBRE_OK && i < n; i++) {
        tb_stored_take moved = {0};
        if (filter->is_trashed)
            st = tb_take_file_purge(worker, &takes[i], err);
        else
            st = tb_take_file_trash(worker, takes[i].id, &moved, err);
        tb_stored_take_deinit(&moved);
        *n_cleared += st == TIMBRE_OK;
    }
    tb_stored_takes_free(takes, n);
    return st;
}

/* Trash is emptied by the time since it went there, which is not when it was made. */
static tb_status empty_trash(tb_worker *worker, tb_error *err)
{
    const tb_take_filter filter = {
        .starred = -1, .is_trashed = true, .is_oldest_first = true, .limit = 1000};
    int64_t before_ms = days_ago_ms(worker->options->trash_days);
    tb_stored_take *takes = NULL;
    size_t n = 0;
    tb_status st = tb_store_list_takes(worker->store, &filter, &takes, &n, err);
    for (size_t i = 0; st == TIMBRE_OK && i < n; i++)
        if (takes[i].trashed_ms < before_ms)
            st = tb_take_file_purge(worker, &takes[i], err);
    tb_stored_takes_free(takes, n);
    return st;
}

static tb_status clear_by_age(tb_worker *worker, tb_error *err)
{
    size_t n = 0;
    if (worker->options->retention_days <= 0)
        return TIMBRE_OK;
    const tb_take_filter filter = {.made_before_ms = days_ago_ms(worker->options->retention_days),
                                   .is_oldest_first = true,
                                   .limit = BATCH};
    return clear_batch(worker, &filter, &n, err);
}

/* One by one, the trash first, until takes and trash together are below the limit. */
static tb_status clear_by_size(tb_worker *worker, tb_error *err)
{
    const int64_t limit = worker->options->retention_bytes;
    tb_status st = TIMBRE_OK;
    for (int i = 0; limit > 0 && st == TIMBRE_OK && i < BATCH; i++) {
        tb_take_totals totals;
        size_t n = 0;
        st = tb_store_total_takes(worker->store, &totals, err);
        if (st != TIMBRE_OK || totals.len_bytes + totals.trashed_bytes <= limit)
            break;
        const tb_take_filter filter = {.starred = totals.n_trashed > 0 ? -1 : 0,
                                       .is_trashed = totals.n_trashed > 0,
                                       .is_oldest_first = true,
                                       .limit = 1};
        st = clear_batch(worker, &filter, &n, err);
        if (n == 0) /* only starred ones are left */
            break;
    }
    return st;
}

static tb_status forget_inputs(tb_worker *worker, tb_error *err)
{
    tb_stored_input *inputs = NULL;
    size_t n = 0;
    tb_status st = tb_store_list_inputs(worker->store, days_ago_ms(INPUT_HOURS / 24.0), BATCH,
                                        &inputs, &n, err);
    for (size_t i = 0; st == TIMBRE_OK && i < n; i++) {
        char *path = tb_strf("%s/%s", worker->inputs, inputs[i].id);
        st = tb_store_forget_input(worker->store, inputs[i].id, err);
        if (st == TIMBRE_OK && path != NULL)
            (void)unlink(path);
        free(path);
    }
    free(inputs);
    return st;
}

tb_status tb_retention_run(tb_worker *worker, tb_error *err)
{
    int64_t n_forgotten = 0;
    tb_status st = empty_trash(worker, err);
    if (st == TIMBRE_OK)
        st = clear_by_age(worker, err);
    if (st == TIMBRE_OK)
        st = clear_by_size(worker, err);
    if (st == TIMBRE_OK)
        st = forget_inputs(worker, err);
    return st == TIMBRE_OK ? tb_store_forget_jobs(worker->store, days_ago_ms(FAILED_JOB_DAYS),
                                                  &n_forgotten, err)
                           : st;
}
