#include "tests/worker/kept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/path.h"
#include "engine/base/str.h"
#include "tests/support/folder.h"
#include "worker/setup.h"
#include "worker/take_file.h"

static void must(tb_status st, const tb_error *err)
{
    if (st != TIMBRE_OK)
        fail_msg("%s", err->message);
}

static void open_store(kept *k)
{
    char path[120];
    tb_error err = {0};
    (void)snprintf(path, sizeof path, "%s/timbre.db", k->data);
    must(tb_store_open(path, &k->worker.store, &err), &err);
}

int kept_set_up(void **state)
{
    tb_error err = {0};
    char cwd[40];
    kept *k = calloc(1, sizeof *k);
    assert_non_null(k);
    assert_int_equal(enter_folder(state), 0);
    assert_non_null(getcwd(cwd, sizeof cwd));
    (void)snprintf(k->data, sizeof k->data, "%s/data", cwd);
    (void)snprintf(k->out, sizeof k->out, "%s/out", cwd);
    tb_worker_options_init(&k->options);
    k->options.data_dir = k->data;
    k->options.output_dir = k->out;
    k->worker.options = &k->options;
    k->worker.journal.fd = -1;
    must(tb_setup_folders(&k->worker, &err), &err);
    must(tb_file_checks_new(&k->worker.checks, &err), &err);
    open_store(k);
    *state = k;
    return 0;
}

int kept_tear_down(void **state)
{
    kept *k = *state;
    tb_store_close(k->worker.store);
    tb_file_checks_free(k->worker.checks);
    free(k->worker.inbox);
    free(k->worker.trash);
    free(k->worker.inputs);
    free(k->worker.output_dir);
    free(k);
    return leave_folder(state);
}

void kept_restart(kept *k)
{
    tb_store_close(k->worker.store);
    open_store(k);
}

void write_text(const char *path, const char *text)
{
    tb_error err = {0};
    char *folder = tb_path_folder(path);
    assert_non_null(folder);
    must(tb_dir_make(folder, &err), &err);
    must(tb_file_write(path, text, strlen(text), true, &err), &err);
    free(folder);
}

bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

const char *id_of(int number)
{
    static char ids[8][TB_ID_BYTES];
    static int turn;
    char *id = ids[turn++ % 8];
    (void)snprintf(id, TB_ID_BYTES, "00000000-0000-4000-8000-0000000000%02d", number);
    return id;
}

void add_take(kept *k, int number, const char *name, const char *text, int64_t made_ms)
{
    char path[200], sidecar[220];
    tb_error err = {0};
    (void)snprintf(path, sizeof path, "%s/%s", k->out, name);
    (void)snprintf(sidecar, sizeof sidecar, "%s.json", path);
    write_text(path, text);
    write_text(sidecar, "{}");
    tb_stored_take take = {.len_bytes = (int64_t)strlen(text),
                           .made_ms = made_ms,
                           .path = path,
                           .title = (char *)(uintptr_t) "",
                           .prompt = (char *)(uintptr_t) "piano",
                           .model_id = (char *)(uintptr_t) "sketch",
                           .duration_seconds = 1,
                           .format = (char *)(uintptr_t) "wav",
                           .metadata = (char *)(uintptr_t) "{}",
                           .recipe = (char *)(uintptr_t) "{}"};
    (void)snprintf(take.id, sizeof take.id, "%s", id_of(number));
    must(tb_sha256_bytes(text, strlen(text), take.sha256, &err), &err);
    must(tb_store_import_take(k->worker.store, &take, &err), &err);
}

tb_stored_take take_of(kept *k, int number)
{
    tb_stored_take take;
    tb_error err = {0};
    must(tb_store_get_take(k->worker.store, id_of(number), &take, &err), &err);
    return take;
}
