#include "worker/take_commit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/path.h"
#include "engine/base/str.h"
#include "timbre/engine.h"
#include "worker/crash_point.h"

enum { NAMES_MAX = 10000, CHUNK_BYTES = 256 << 10, RESTARTS_MAX = 5 };

static const char default_pattern[] = "{date}/{time}-{slug}-s{seed}";

/* ---- the name ---- */

static bool exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

/* "OUTPUT_DIR/NAME.EXT", or with "-2", "-3" ... for the first that neither sound nor sidecar nor
 * another take has. */
static tb_status free_path(tb_worker *worker, const char *name, const char *ext, char **out,
                           tb_error *err)
{
    for (int i = 1; i <= NAMES_MAX; i++) {
        char number[16] = "";
        bool is_taken = false;
        if (i > 1)
            (void)snprintf(number, sizeof number, "-%d", i);
        char *path = tb_strf("%s/%s%s.%s", worker->output_dir, name, number, ext);
        char *sidecar = path == NULL ? NULL : tb_strf("%s.json", path);
        tb_status st = sidecar == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                                       : tb_store_has_path(worker->store, path, &is_taken, err);
        bool is_free = st == TIMBRE_OK && !is_taken && !exists(path) && !exists(sidecar);
        free(sidecar);
        if (is_free) {
            *out = path;
            return TIMBRE_OK;
        }
        free(path);
        if (st != TIMBRE_OK)
            return st;
    }
    return tb_fail(err, TIMBRE_EXISTS, "'%s/%s.%s' and %d numbered names exist", worker->output_dir,
                   name, ext, NAMES_MAX - 1);
}

/* A new path for the take of a resolved request; its folder is made. */
static tb_status choose_path(tb_worker *worker, const timbre_request *request, char **out,
                             tb_error *err)
{
    const char *pattern = worker->options->name_pattern;
    char *name = NULL, *folder = NULL;
    tb_status st = timbre_expand_name(pattern != NULL ? pattern : default_pattern, request, 1,
                                      &name, err);
    if (st == TIMBRE_OK)
        st = free_path(worker, name, timbre_request_text(request, "output_format"), out, err);
    if (st == TIMBRE_OK) {
        folder = tb_path_folder(*out);
        st = folder == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                            : tb_dir_make(folder, err);
    }
    free(folder);
    free(name);
    return st;
}

/* ---- the row ---- */

static tb_status copy_text(char **out, const char *text, tb_error *err)
{
    *out = tb_strdup(text == NULL ? "" : text);
    return *out != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a take");
}

static const char *member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* A take from what stands in `pending`: path, len_bytes, sha256, made_ms, format, recipe, metadata.
 */
static tb_status read_pending(const char *id, const json_t *pending, tb_stored_take *take,
                              tb_error *err)
{
    const char *text = member(pending, "metadata"), *path = member(pending, "path");
    const char *sha256 = member(pending, "sha256");
    json_t *metadata = text == NULL ? NULL : json_loads(text, 0, NULL);
    if (path == NULL || sha256 == NULL || strlen(sha256) != TB_SHA256_HEX_BYTES - 1 ||
        metadata == NULL) {
        json_decref(metadata);
        return tb_fail(err, TIMBRE_BAD_FILE, "the note of a take that is being named is damaged");
    }
    (void)snprintf(take->id, sizeof take->id, "%s", id);
    (void)snprintf(take->sha256, sizeof take->sha256, "%s", sha256);
    take->len_bytes = json_integer_value(json_object_get(pending, "len_bytes"));
    take->made_ms = json_integer_value(json_object_get(pending, "made_ms"));
    take->seed = json_integer_value(json_object_get(metadata, "seed"));
    take->duration_seconds = json_number_value(json_object_get(metadata, "duration_seconds"));
    tb_status st = copy_text(&take->path, path, err);
    if (st == TIMBRE_OK)
        st = copy_text(&take->title, "", err);
    if (st == TIMBRE_OK)
        st = copy_text(&take->prompt, member(metadata, "prompt"), err);
    if (st == TIMBRE_OK)
        st = copy_text(&take->model_id, member(metadata, "model_id"), err);
    if (st == TIMBRE_OK)
        st = copy_text(&take->format, member(pending, "format"), err);
    if (st == TIMBRE_OK)
        st = copy_text(&take->metadata, text, err);
    if (st == TIMBRE_OK)
        st = copy_text(&take->recipe, member(pending, "recipe"), err);
    json_decref(metadata);
    return st;
}

static json_t *make_pending(const json_t *frame, const char *path, const char *format,
                            int64_t len_bytes)
{
    return json_pack("{s:s, s:I, s:s, s:I, s:s, s:s?, s:s?, s:s?}", "path", path, "len_bytes",
                     (json_int_t)len_bytes, "sha256", member(frame, "sha256"), "made_ms",
                     (json_int_t)tb_now_ms(), "format", format, "recipe", member(frame, "recipe"),
                     "metadata", member(frame, "metadata"), "sidecar", member(frame, "sidecar"));
}

/* ---- the files ---- */

/* The sound from the channel into the unnamed file, hashed on its way. */
static tb_status receive_sound(tb_channel *channel, int64_t len_bytes, const char *sha256,
                               tb_file_writer *file, tb_error *err)
{
    tb_sha256 hash = {0};
    char hex[TB_SHA256_HEX_BYTES] = "";
    char *chunk = malloc(CHUNK_BYTES);
    tb_status st = chunk == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a sound")
                                 : tb_sha256_init(&hash, err);
    tb_status written = TIMBRE_OK; /* the channel is read to the end whatever the disk says */
    for (int64_t left = len_bytes; st == TIMBRE_OK && left > 0;) {
        size_t n = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
        st = tb_channel_read(channel, chunk, n, err);
        if (st == TIMBRE_OK)
            st = tb_sha256_add(&hash, chunk, n, err);
        if (st == TIMBRE_OK && written == TIMBRE_OK)
            written = tb_file_append(file, chunk, n, err);
        left -= (int64_t)n;
    }
    if (st == TIMBRE_OK)
        st = tb_sha256_finish(&hash, hex, err);
    tb_sha256_deinit(&hash);
    free(chunk);
    if (st == TIMBRE_OK && written != TIMBRE_OK)
        return written;
    if (st == TIMBRE_OK && (sha256 == NULL || strcmp(hex, sha256) != 0))
        st = tb_fail(err, TIMBRE_VERIFY_FAILED,
                     "the sound that came from the generator is not what it says");
    return st == TIMBRE_OK ? tb_file_sync(file, err) : st;
}

static void remove_files(const char *path)
{
    char *sidecar = tb_strf("%s.json", path);
    (void)unlink(path);
    if (sidecar != NULL)
        (void)unlink(sidecar);
    free(sidecar);
}

static tb_status write_sidecar(const char *path, const char *text, tb_error *err)
{
    char *sidecar = tb_strf("%s.json", path);
    tb_status st = sidecar == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                                   : tb_file_write(sidecar, text, strlen(text), true, err);
    free(sidecar);
    return st;
}

/* ---- a take that comes ---- */

/* The file is written, without a name; give it one and enter the take. */
static tb_status name_and_enter(tb_worker *worker, const tb_stored_job *job, const json_t *pending,
                                tb_file_writer *file, tb_error *err)
{
    const tb_fence fence = {job->id, job->attempt};
    tb_stored_take take = {0};
    char *text = json_dumps(pending, JSON_COMPACT | JSON_ENSURE_ASCII);
    TB_CRASH_POINT("take-before-pending");
    tb_status st = text == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a take")
                                : read_pending(job->id, pending, &take, err);
    if (st == TIMBRE_OK)
        st = tb_store_note_pending(worker->store, &fence, text, err);
    TB_CRASH_POINT("take-after-pending");
    if (st == TIMBRE_OK) {
        st = tb_file_commit(file, false, err);
        TB_CRASH_POINT("take-after-link");
        bool is_named = st == TIMBRE_OK;
        if (st == TIMBRE_OK)
            st = write_sidecar(take.path, member(pending, "sidecar"), err);
        TB_CRASH_POINT("take-before-succeed");
        if (st == TIMBRE_OK)
            st = tb_store_succeed(worker->store, &fence, &take, err);
        TB_CRASH_POINT("take-after-succeed");
        if (st != TIMBRE_OK && is_named)
            remove_files(take.path);
        tb_error ignored = {0}; /* the recovery finds out by itself that there is no such file */
        if (st != TIMBRE_OK &&
            tb_store_note_pending(worker->store, &fence, NULL, &ignored) != TIMBRE_OK)
            tb_journal_error(&worker->journal, "a note stays", job->id, &ignored);
    }
    tb_stored_take_deinit(&take);
    free(text);
    return st;
}

/* Read what nobody wants, so that the next frame is found. */
static void skip(tb_channel *channel, int64_t len_bytes)
{
    char chunk[4096];
    tb_status st = TIMBRE_OK;
    for (int64_t left = len_bytes; st == TIMBRE_OK && left > 0; left -= (int64_t)sizeof chunk)
        st = tb_channel_read(channel, chunk,
                             left < (int64_t)sizeof chunk ? (size_t)left : sizeof chunk, NULL);
}

tb_status tb_take_commit(tb_worker *worker, const tb_stored_job *job, const json_t *frame,
                         int64_t len_bytes, tb_channel *channel, tb_error *err)
{
    timbre_request *request = NULL;
    tb_file_writer file = {.fd = -1};
    char *path = NULL;
    json_t *pending = NULL;
    tb_status st = timbre_request_new(&request, err);
    if (st == TIMBRE_OK)
        st = timbre_request_set_json(request, job->request, strlen(job->request), err);
    if (st == TIMBRE_OK)
        st = choose_path(worker, request, &path, err);
    if (st == TIMBRE_OK)
        st = tb_file_begin(&file, path, err);
    if (st != TIMBRE_OK)
        skip(channel, len_bytes);
    else
        st = receive_sound(channel, len_bytes, member(frame, "sha256"), &file, err);
    if (st == TIMBRE_OK) {
        pending = make_pending(frame, path, timbre_request_text(request, "output_format"),
                               len_bytes);
        st = pending == NULL || member(pending, "sidecar") == NULL
                 ? tb_fail(err, TIMBRE_VERIFY_FAILED, "the generator's frame is not whole")
                 : name_and_enter(worker, job, pending, &file, err);
    }
    tb_file_abort(&file);
    json_decref(pending);
    free(path);
    timbre_request_free(request);
    return st;
}

/* ---- after a crash ---- */

/* Whether the file that was about to get its name has got it: ours, whole, nobody else's take. */
static bool is_named(tb_worker *worker, const tb_stored_take *take)
{
    struct stat info;
    char hex[TB_SHA256_HEX_BYTES];
    bool is_taken = true;
    tb_error err = {0};
    return lstat(take->path, &info) == 0 && S_ISREG(info.st_mode) &&
           info.st_size == take->len_bytes &&
           tb_store_has_path(worker->store, take->path, &is_taken, &err) == TIMBRE_OK &&
           !is_taken && tb_sha256_file(take->path, hex, &err) == TIMBRE_OK &&
           strcmp(hex, take->sha256) == 0;
}

static tb_status requeue(tb_worker *worker, const tb_stored_job *job, bool is_counted,
                         tb_error *err)
{
    const tb_fence fence = {job->id, job->attempt};
    tb_error why = {0};
    if (!is_counted || job->is_cancelling || job->attempt < RESTARTS_MAX)
        return tb_store_requeue(
            worker->store, &fence, is_counted,
            is_counted ? "the worker was stopped; again" : "the disk was full; again", err);
    (void)tb_fail(&why, TIMBRE_GENERATOR_DIED, "the worker ended %d times while it made this",
                  job->attempt);
    return tb_store_fail(worker->store, &fence, &why, err);
}

/* The job's file stands under its name: what is left is the sidecar and the row. */
static tb_status adopt(tb_worker *worker, const tb_stored_job *job, const json_t *pending,
                       tb_stored_take *take, tb_error *err)
{
    const tb_fence fence = {job->id, job->attempt};
    const char *sidecar = member(pending, "sidecar");
    tb_status st = TIMBRE_CANCELLED;
    if (!job->is_cancelling) {
        st = write_sidecar(take->path, sidecar == NULL ? "{}" : sidecar, err);
        if (st == TIMBRE_OK)
            st = tb_store_succeed(worker->store, &fence, take, err);
    }
    if (st != TIMBRE_CANCELLED)
        return st;
    remove_files(take->path);
    return tb_store_end_cancelled(worker->store, &fence, err);
}

static tb_status recover_job(tb_worker *worker, const tb_stored_job *job, bool is_counted,
                             tb_error *err)
{
    tb_stored_take take = {0};
    tb_error why = {0};
    json_t *pending = job->pending == NULL ? NULL : json_loads(job->pending, 0, NULL);
    tb_status st;
    if (pending != NULL && read_pending(job->id, pending, &take, &why) == TIMBRE_OK &&
        is_named(worker, &take))
        st = adopt(worker, job, pending, &take, err);
    else
        st = requeue(worker, job, is_counted, err);
    tb_journal_write(
        &worker->journal, TIMBRE_LOG_WARNING, "job recovered",
        (tb_journal_field[]){{"job", job->id, 0}, {"attempt", NULL, job->attempt}, {0}});
    tb_stored_take_deinit(&take);
    json_decref(pending);
    return st;
}

tb_status tb_take_recover(tb_worker *worker, bool is_counted, tb_error *err)
{
    const tb_job_filter filter = {
        .states = 1U << TB_JOB_RUNNING, .after_version = -1, .limit = 1000};
    tb_stored_job *jobs = NULL;
    size_t n = 0;
    tb_status st = tb_store_list_jobs(worker->store, &filter, &jobs, &n, err);
    for (size_t i = 0; st == TIMBRE_OK && i < n; i++)
        st = recover_job(worker, &jobs[i], is_counted, err);
    tb_stored_jobs_free(jobs, n);
    return st;
}
