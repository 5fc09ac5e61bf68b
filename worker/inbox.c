/* Takes that were made without a worker: DATA_DIR/inbox/UUID.json is the sidecar with "path". */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/limits.h"
#include "engine/base/path.h"
#include "engine/base/str.h"
#include "worker/service.h"
#include "worker/take_file.h"

enum { NOTES_MAX = 1000 }; /* at once; the rest comes with the next look */

typedef struct {
    char id[TB_ID_BYTES];
    tb_stored_take take;
} note;

typedef struct {
    note *notes;
    size_t n;
} note_list;

/* ---- reading one ---- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

/* "2026-11-22T12:44:05Z"; -1: it is none. */
static int64_t parse_time(const char *text)
{
    struct tm t = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &t);
    return end == NULL || strcmp(end, "Z") != 0 ? -1 : (int64_t)timegm(&t) * 1000;
}

static bool copy(char **out, const char *text)
{
    *out = tb_strdup(text);
    return *out != NULL;
}

static bool copy_json(char **out, const json_t *value)
{
    *out = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
    return *out != NULL;
}

static bool is_sha256(const char *text)
{
    return strlen(text) == TB_SHA256_HEX_BYTES - 1 &&
           strspn(text, "0123456789abcdef") == TB_SHA256_HEX_BYTES - 1;
}

/* What a note says; BAD_FILE names what is wrong. */
static tb_status read_note(const char *id, const json_t *j, tb_stored_take *take, tb_error *err)
{
    const json_t *metadata = json_object_get(j, "metadata"), *recipe = json_object_get(j, "recipe");
    const char *path = text_of(j, "path"), *sha256 = text_of(j, "sha256");
    const char *dot = strrchr(tb_path_name(path), '.');
    int64_t made_ms = parse_time(text_of(j, "made_at"));
    int64_t len_bytes = json_integer_value(json_object_get(j, "length_bytes"));
    if (strcmp(text_of(j, "id"), id) != 0)
        return tb_fail(err, TIMBRE_BAD_FILE, "its id is not its name");
    if (path[0] != '/' || strlen(path) > TB_PATH_MAX_BYTES || dot == NULL)
        return tb_fail(err, TIMBRE_BAD_FILE, "path is not absolute");
    if (made_ms < 0 || len_bytes <= 0 || !is_sha256(sha256))
        return tb_fail(err, TIMBRE_BAD_FILE, "made_at, length_bytes or sha256 is wrong");
    if (!json_is_object(metadata) || !json_is_object(recipe) ||
        !json_is_string(json_object_get(metadata, "prompt")) ||
        !json_is_integer(json_object_get(metadata, "seed")) ||
        !json_is_number(json_object_get(metadata, "duration_seconds")))
        return tb_fail(err, TIMBRE_BAD_FILE, "metadata or recipe is wrong");
    *take = (tb_stored_take){
        .len_bytes = len_bytes,
        .made_ms = made_ms,
        .seed = json_integer_value(json_object_get(metadata, "seed")),
        .duration_seconds = json_number_value(json_object_get(metadata, "duration_seconds"))};
    (void)snprintf(take->id, sizeof take->id, "%s", id);
    (void)snprintf(take->sha256, sizeof take->sha256, "%s", sha256);
    if (copy(&take->path, path) && copy(&take->title, "") &&
        copy(&take->prompt, text_of(metadata, "prompt")) &&
        copy(&take->model_id, text_of(metadata, "model_id")) && copy(&take->format, dot + 1) &&
        copy_json(&take->metadata, metadata) && copy_json(&take->recipe, recipe))
        return TIMBRE_OK;
    tb_stored_take_deinit(take);
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a take");
}

static tb_status load_note(const char *path, const char *id, tb_stored_take *take, tb_error *err)
{
    char *text = NULL;
    size_t len_bytes = 0;
    tb_status st = tb_file_read(path, TB_SIDECAR_MAX_BYTES, &text, &len_bytes, err);
    if (st != TIMBRE_OK)
        return st;
    json_t *j = json_loadb(text, len_bytes, JSON_REJECT_DUPLICATES, NULL);
    st = json_is_object(j) ? read_note(id, j, take, err)
                           : tb_fail(err, TIMBRE_BAD_FILE, "it is no JSON object");
    json_decref(j);
    free(text);
    return st;
}

/* ---- the folder ---- */

static void refuse(tb_worker *worker, const char *path, const char *name, const tb_error *why)
{
    tb_error err = {0};
    char *folder = tb_strf("%s/refused", worker->inbox);
    char *place = tb_strf("%s/refused/%s", worker->inbox, name);
    if (folder != NULL && place != NULL && tb_dir_make(folder, &err) == TIMBRE_OK)
        (void)rename(path, place);
    tb_journal_write(&worker->journal, TIMBRE_LOG_WARNING, "a note of the inbox is refused",
                     (tb_journal_field[]){{"note", name, 0}, {"reason", why->message, 0}, {0}});
    free(folder);
    free(place);
}

/* "UUID.json": the id; notes under a temporary name are not finished. */
static bool read_name(const char *name, char id[TB_ID_BYTES])
{
    if (strlen(name) != TB_ID_BYTES - 1 + 5 || strcmp(name + TB_ID_BYTES - 1, ".json") != 0)
        return false;
    memcpy(id, name, TB_ID_BYTES - 1);
    id[TB_ID_BYTES - 1] = '\0';
    return tb_id_is_valid(id);
}

static tb_status add_note(tb_worker *worker, note_list *list, const char *name, tb_error *err)
{
    note next = {.id = ""};
    tb_error why = {0};
    if (!read_name(name, next.id))
        return TIMBRE_OK;
    char *path = tb_strf("%s/%s", worker->inbox, name);
    if (path == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    tb_status st = load_note(path, next.id, &next.take, &why);
    if (st == TIMBRE_OK)
        list->notes[list->n++] = next;
    else if (st == TIMBRE_BAD_FILE)
        refuse(worker, path, name, &why);
    else /* one that cannot be read now keeps no other from coming in */
        tb_journal_error(&worker->journal, "a note of the inbox is not read", next.id, &why);
    free(path);
    return st == TIMBRE_NO_MEMORY ? tb_fail(err, st, "no memory for the inbox") : TIMBRE_OK;
}

static int by_time(const void *a, const void *b)
{
    const note *left = a, *right = b;
    if (left->take.made_ms != right->take.made_ms)
        return left->take.made_ms < right->take.made_ms ? -1 : 1;
    return strcmp(left->id, right->id);
}

/* The folder of a take: gone with its disk, perhaps, which may come back. */
static bool has_folder(const char *path)
{
    struct stat info;
    char *folder = tb_path_folder(path);
    bool is_there = folder != NULL && stat(folder, &info) == 0;
    free(folder);
    return is_there;
}

static tb_status enter(tb_worker *worker, note *n, int *n_imported, tb_error *err)
{
    struct stat info;
    tb_status st = TIMBRE_OK;
    bool is_there = lstat(n->take.path, &info) == 0;
    if (!is_there && !has_folder(n->take.path))
        return TIMBRE_OK; /* the note waits */
    if (is_there)
        st = tb_store_import_take(worker->store, &n->take, err);
    else
        tb_journal_write(&worker->journal, TIMBRE_LOG_INFO, "a take of the inbox is gone",
                         (tb_journal_field[]){{"take", n->id, 0}, {0}});
    *n_imported += is_there && st == TIMBRE_OK;
    if (st != TIMBRE_OK && st != TIMBRE_EXISTS)
        return st;
    char *path = tb_strf("%s/%s.json", worker->inbox, n->id);
    if (path != NULL)
        (void)unlink(path); /* one that stays is known the next time */
    free(path);
    return TIMBRE_OK;
}

tb_status tb_inbox_import(tb_worker *worker, int *n_imported, tb_error *err)
{
    note_list list = {0};
    tb_status st = TIMBRE_OK;
    *n_imported = 0;
    DIR *dir = opendir(worker->inbox);
    if (dir == NULL)
        return tb_fail_errno(err, errno, "cannot read '%s'", worker->inbox);
    for (struct dirent *e; st == TIMBRE_OK && list.n < NOTES_MAX && (e = readdir(dir)) != NULL;) {
        char id[TB_ID_BYTES];
        if (!read_name(e->d_name, id))
            continue;
        if (list.notes == NULL && (list.notes = calloc(NOTES_MAX, sizeof *list.notes)) == NULL)
            st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the inbox");
        else
            st = add_note(worker, &list, e->d_name, err);
    }
    closedir(dir);
    if (list.n > 1)
        qsort(list.notes, list.n, sizeof *list.notes, by_time); /* numbers follow time */
    for (size_t i = 0; i < list.n; i++) {
        if (st == TIMBRE_OK)
            st = enter(worker, &list.notes[i], n_imported, err);
        tb_stored_take_deinit(&list.notes[i].take);
    }
    free(list.notes);
    return st;
}
