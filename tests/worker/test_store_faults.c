/*
 * The Nth write, sync or allocation below each function of the store fails, for every N until it
 * gets through: an error is returned, nothing is half done, and the same call succeeds afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/folder.h"
#include "tests/worker/fault_disk.h"
#include "tests/worker/stores.h"
#include "worker/store_sql.h"

enum { N_FAULTS_MAX = 5000, RUNNING = 1, STOPPING, QUEUED, TAKE, TRASHED, ENDED, NEW };

static tb_error err;

/* ---- calls; INTERNAL: it says OK with a wrong result ---- */

static tb_fence fence_of(int n)
{
    static char id[TB_ID_BYTES];
    memcpy(id, id_of(n), sizeof id);
    return (tb_fence){.id = id, .attempt = 1};
}

static tb_status submit_as(tb_store *store, int n, const char *key)
{
    tb_stored_job job;
    bool is_replay;
    tb_submission in = job_of(n);
    in.key = key;
    tb_status st = tb_store_submit(store, &in, &job, &is_replay, &err);
    if (st == TIMBRE_OK && strcmp(job.id, id_of(n)) != 0)
        st = TIMBRE_INTERNAL;
    tb_stored_job_deinit(&job);
    return st;
}

static tb_status call_submit(tb_store *store)
{
    return submit_as(store, NEW, "new");
}

static tb_status call_replay(tb_store *store)
{
    return submit_as(store, QUEUED, "queued");
}

static tb_status call_claim(tb_store *store)
{
    tb_stored_job job;
    tb_status st = tb_store_claim(store, &job, &err);
    if (st == TIMBRE_OK && (job.state != TB_JOB_RUNNING || strcmp(job.id, id_of(QUEUED)) != 0))
        st = TIMBRE_INTERNAL;
    tb_stored_job_deinit(&job);
    return st;
}

static tb_status call_cancel(tb_store *store)
{
    tb_stored_job job;
    tb_status st = tb_store_cancel(store, id_of(RUNNING), &job, &err);
    if (st == TIMBRE_OK && (!job.is_cancelling || strcmp(job.id, id_of(RUNNING)) != 0))
        st = TIMBRE_INTERNAL;
    tb_stored_job_deinit(&job);
    return st;
}

static tb_status call_forget_jobs(tb_store *store)
{
    int64_t n;
    return tb_store_forget_jobs(store, INT64_MAX, &n, &err);
}

static tb_status call_pending(tb_store *store)
{
    tb_fence fence = fence_of(RUNNING);
    return tb_store_note_pending(store, &fence, "{}", &err);
}

static tb_status succeed(tb_store *store, int n)
{
    tb_fence fence = fence_of(n);
    tb_stored_take take = take_of(NEW);
    memcpy(take.id, fence.id, sizeof take.id);
    tb_status st = tb_store_succeed(store, &fence, &take, &err);
    if (st == TIMBRE_OK && take.number == 0)
        st = TIMBRE_INTERNAL;
    tb_stored_take_deinit(&take);
    return st;
}

static tb_status call_succeed(tb_store *store)
{
    return succeed(store, RUNNING);
}

static tb_status call_succeed_late(tb_store *store)
{
    tb_status st = succeed(store, STOPPING);
    return st == TIMBRE_CANCELLED ? TIMBRE_OK : st == TIMBRE_OK ? TIMBRE_INTERNAL : st;
}

static tb_status call_fail(tb_store *store)
{
    tb_fence fence = fence_of(RUNNING);
    const tb_error why = {.code = TIMBRE_IO, .message = "m", .fix = "f"};
    return tb_store_fail(store, &fence, &why, &err);
}

static tb_status call_end_cancelled(tb_store *store)
{
    tb_fence fence = fence_of(STOPPING);
    return tb_store_end_cancelled(store, &fence, &err);
}

static tb_status call_requeue(tb_store *store)
{
    tb_fence fence = fence_of(RUNNING);
    return tb_store_requeue(store, &fence, true, "again", &err);
}

static tb_status call_import(tb_store *store)
{
    tb_stored_take take = take_of(NEW);
    tb_status st = tb_store_import_take(store, &take, &err);
    tb_stored_take_deinit(&take);
    return st;
}

static tb_status call_edit(tb_store *store)
{
    tb_stored_take take;
    tb_status st = tb_store_edit_take(store, id_of(TAKE), "title", 1, &take, &err);
    if (st == TIMBRE_OK && (!take.is_starred || strcmp(take.title, "title") != 0))
        st = TIMBRE_INTERNAL;
    tb_stored_take_deinit(&take);
    return st;
}

static tb_status call_trash(tb_store *store)
{
    return tb_store_trash_take(store, id_of(TAKE), "/trash/1", &err);
}

static tb_status call_restore(tb_store *store)
{
    return tb_store_restore_take(store, id_of(TRASHED), "/takes/back", &err);
}

static tb_status call_forget_take(tb_store *store)
{
    return tb_store_forget_take(store, id_of(TAKE), &err);
}

static tb_status call_put_preset(tb_store *store)
{
    bool is_new = true;
    tb_status st = tb_store_put_preset(store, "p", "{}", &is_new, &err);
    return st == TIMBRE_OK && is_new ? TIMBRE_INTERNAL : st;
}

static tb_status call_delete_preset(tb_store *store)
{
    tb_status st = tb_store_delete_preset(store, "p", &err);
    return st;
}

static tb_status call_add_input(tb_store *store)
{
    bool is_known;
    tb_stored_input in = {.media_type = "image/png"};
    memcpy(in.id, id_of(NEW), TB_ID_BYTES);
    memset(in.sha256, 'b', 64);
    return tb_store_add_input(store, &in, &is_known, &err);
}

static tb_status call_forget_input(tb_store *store)
{
    return tb_store_forget_input(store, id_of(1), &err);
}

static tb_status call_list_jobs(tb_store *store)
{
    tb_stored_job *jobs;
    size_t n;
    tb_job_filter filter = {.after_version = -1, .limit = 10};
    tb_status st = tb_store_list_jobs(store, &filter, &jobs, &n, &err);
    if (st == TIMBRE_OK && (n != 4 || strcmp(jobs[0].id, id_of(QUEUED)) != 0))
        st = TIMBRE_INTERNAL;
    tb_stored_jobs_free(jobs, n);
    return st;
}

static tb_status call_list_takes(tb_store *store)
{
    tb_stored_take *takes;
    size_t n;
    tb_take_filter filter = {.words = "slow song", .starred = -1, .limit = 10};
    tb_status st = tb_store_list_takes(store, &filter, &takes, &n, &err);
    if (st == TIMBRE_OK && (n != 1 || strcmp(takes[0].id, id_of(TAKE)) != 0))
        st = TIMBRE_INTERNAL;
    tb_stored_takes_free(takes, n);
    return st;
}

static tb_status call_list_presets(tb_store *store)
{
    tb_stored_preset *presets;
    size_t n;
    tb_status st = tb_store_list_presets(store, &presets, &n, &err);
    if (st == TIMBRE_OK && (n != 1 || strcmp(presets[0].name, "p") != 0))
        st = TIMBRE_INTERNAL;
    tb_stored_presets_free(presets, n);
    return st;
}

static tb_status call_check(tb_store *store)
{
    return tb_store_check(store, &err);
}

typedef struct call {
    const char *name;
    tb_status (*run)(tb_store *store);
    bool is_read;
} call;

static const call calls[] = {
    {"submit", call_submit, false},
    {"replay", call_replay, true},
    {"claim", call_claim, false},
    {"cancel", call_cancel, false},
    {"forget_jobs", call_forget_jobs, false},
    {"note_pending", call_pending, false},
    {"succeed", call_succeed, false},
    {"succeed, too late", call_succeed_late, true},
    {"fail", call_fail, false},
    {"end_cancelled", call_end_cancelled, false},
    {"requeue", call_requeue, false},
    {"import_take", call_import, false},
    {"edit_take", call_edit, false},
    {"trash_take", call_trash, false},
    {"restore_take", call_restore, false},
    {"forget_take", call_forget_take, false},
    {"put_preset", call_put_preset, false},
    {"delete_preset", call_delete_preset, false},
    {"add_input", call_add_input, false},
    {"forget_input", call_forget_input, false},
    {"list_jobs", call_list_jobs, true},
    {"list_takes", call_list_takes, true},
    {"list_presets", call_list_presets, true},
    {"check", call_check, false},
};

/* ---- a store with one of each ---- */

#define OK(call) assert_int_equal((call), TIMBRE_OK)

static tb_store *open_it(const char *path)
{
    tb_store *store = NULL;
    if (tb_store_open_with(path, FAULT_DISK, &store, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    return store;
}

static void make_template(void)
{
    tb_stored_job job;
    bool flag;
    tb_store *store = open_it("template.db");
    for (int n = RUNNING; n <= STOPPING; n++) {
        OK(submit_as(store, n, NULL));
        OK(tb_store_claim(store, &job, &err));
        tb_stored_job_deinit(&job);
    }
    OK(tb_store_cancel(store, id_of(STOPPING), &job, &err));
    tb_stored_job_deinit(&job);
    OK(submit_as(store, ENDED, NULL));
    OK(tb_store_cancel(store, id_of(ENDED), &job, &err));
    tb_stored_job_deinit(&job);
    OK(submit_as(store, QUEUED, "queued"));
    for (int n = TAKE; n <= TRASHED; n++) {
        tb_stored_take take = take_of(n);
        OK(tb_store_import_take(store, &take, &err));
        tb_stored_take_deinit(&take);
    }
    OK(tb_store_trash_take(store, id_of(TRASHED), "/trash/5", &err));
    OK(tb_store_put_preset(store, "p", "{}", &flag, &err));
    tb_stored_input in = {.media_type = "audio/wav"};
    memcpy(in.id, id_of(1), TB_ID_BYTES);
    memset(in.sha256, 'a', 64);
    OK(tb_store_add_input(store, &in, &flag, &err));
    tb_store_close(store);
}

/* ---- faults ---- */

static bool is_expected(fault_kind kind, tb_status st)
{
    return kind >= FAULT_MEMORY ? st == TIMBRE_NO_MEMORY : st == TIMBRE_NO_SPACE || st == TIMBRE_IO;
}

static void copy_template(void)
{
    static char bytes[1 << 20];
    FILE *from = fopen("template.db", "r"), *to = fopen("s.db", "w");
    size_t n = fread(bytes, 1, sizeof bytes, from);
    assert_in_range(n, 4096, sizeof bytes - 1);
    assert_int_equal(fwrite(bytes, 1, n, to), n);
    fclose(from);
    fclose(to);
}

/* The nth call fails. Whether the fault was met. */
static bool try_fault(const call *c, fault_kind kind, long n)
{
    copy_template();
    tb_store *store = open_it("s.db");
    int64_t before = tb_store_version(store);
    err = (tb_error){0};
    fault_disk_arm(kind, n);
    tb_status st = c->run(store);
    bool is_met = fault_disk_has_failed();
    fault_disk_arm(kind, 0);
    if (st != TIMBRE_OK) {
        if (!is_expected(kind, st) || err.code != st || err.message[0] == '\0')
            fail_msg("%s, kind %d, fault %ld: %s: %s", c->name, (int)kind, n,
                     timbre_status_name(st), err.message);
        assert_true(tb_store_version(store) == before);
        st = c->run(store);
        if (st != TIMBRE_OK)
            fail_msg("%s after kind %d, fault %ld: %s", c->name, (int)kind, n, err.message);
    }
    OK(tb_store_verify(store, &err));
    tb_store_close(store);
    assert_int_equal(sqlite3_memory_used(), 0);
    if (kind < FAULT_MEMORY) { /* what is on the disk is whole, too */
        store = open_it("s.db");
        OK(tb_store_verify(store, &err));
        tb_store_close(store);
    }
    return is_met;
}

static void try_all(fault_kind kind)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        long n = 1;
        while (try_fault(&calls[i], kind, n) && n < N_FAULTS_MAX)
            n++;
        assert_true(n < N_FAULTS_MAX);
        if (!calls[i].is_read && kind < FAULT_MEMORY)
            assert_true(n > 1); /* it does write */
    }
}

static void a_failing_write_or_sync_changes_nothing(void **state)
{
    (void)state;
    try_all(FAULT_DISK_ONCE);
}

static void a_full_disk_changes_nothing(void **state)
{
    (void)state;
    try_all(FAULT_DISK_FULL);
}

static void a_lack_of_memory_changes_nothing(void **state)
{
    (void)state;
    try_all(FAULT_MEMORY);
    try_all(FAULT_OUR_MEMORY);
}

/* Opening a new store, which also makes its tables. */
static void opening_can_be_tried_again(void **state)
{
    (void)state;
    for (fault_kind kind = FAULT_DISK_ONCE; kind <= FAULT_OUR_MEMORY; kind++) {
        bool is_met = true;
        for (long n = 1; is_met && n < N_FAULTS_MAX; n++) {
            tb_store *store = NULL;
            (void)system("rm -f s.db s.db-*");
            fault_disk_arm(kind, n);
            tb_status st = tb_store_open_with("s.db", FAULT_DISK, &store, &err);
            is_met = fault_disk_has_failed();
            fault_disk_arm(kind, 0);
            if (st != TIMBRE_OK && (!is_expected(kind, st) || store != NULL))
                fail_msg("kind %d, fault %ld: %s: %s", (int)kind, n, timbre_status_name(st),
                         err.message);
            tb_store_close(store);
            store = open_it("s.db");
            OK(submit_as(store, NEW, NULL));
            tb_store_close(store);
        }
        assert_false(is_met);
    }
}

static int set_up(void **state)
{
    if (fault_disk_install() != 0 || enter_folder(state) != 0)
        return 1;
    make_template();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failing_write_or_sync_changes_nothing),
        cmocka_unit_test(a_full_disk_changes_nothing),
        cmocka_unit_test(a_lack_of_memory_changes_nothing),
        cmocka_unit_test(opening_can_be_tried_again),
    };
    return cmocka_run_group_tests_name("store faults", tests, set_up, leave_folder);
}
