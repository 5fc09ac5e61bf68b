#include "hub/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/limits.h"
#include "engine/base/str.h"
#include "hub/cache.h"
#include "hub/manifest_path.h"

enum { SCHEMA = 1 };

static tb_status no_memory(tb_error *err)
{
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the manifest of a model");
}

void tb_manifest_deinit(tb_manifest *m)
{
    for (size_t i = 0; i < m->n_files; i++) {
        free(m->files[i].repo);
        free(m->files[i].commit);
        free(m->files[i].path);
        free(m->files[i].etag);
    }
    free(m->files);
    free(m->name);
    free(m->licence);
    free(m->revision);
    free(m->path);
    free(m->made_at);
    *m = (tb_manifest){0};
}

void tb_names_free(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

/* ---- files of it ---- */

/* A copy of a text that may be NULL; false for memory. */
static bool copy_text(const char *text, char **out)
{
    *out = text == NULL ? NULL : tb_strdup(text);
    return text == NULL || *out != NULL;
}

tb_status tb_manifest_add(tb_manifest *m, const tb_manifest_file *file, tb_error *err)
{
    if (m->n_files >= TB_MANIFEST_MAX_FILES)
        return tb_fail(err, TIMBRE_BAD_FILE, "model '%.100s' has more than %d files", m->name,
                       TB_MANIFEST_MAX_FILES);
    tb_manifest_file *grown = realloc(m->files, (m->n_files + 1) * sizeof *grown);
    if (grown == NULL)
        return no_memory(err);
    m->files = grown;
    tb_manifest_file *copy = &m->files[m->n_files++];
    *copy = *file;
    bool is_whole = copy_text(file->repo, &copy->repo);
    is_whole &= copy_text(file->commit, &copy->commit);
    is_whole &= copy_text(file->path, &copy->path);
    is_whole &= copy_text(file->etag, &copy->etag);
    return is_whole ? TIMBRE_OK : no_memory(err);
}

/* ---- where it is ---- */

static const char whole_ending[] = ".json", begun_ending[] = ".begun";

static tb_status make_path(const tb_hub *hub, const char *name, const char *ending, char **out,
                           tb_error *err)
{
    *out = NULL;
    if (!tb_model_name_is_valid(name))
        return tb_fail(err, TIMBRE_BAD_INPUT, "'%.200s' is no name of a model", name);
    if (hub->records == NULL)
        return tb_fail(err, TIMBRE_NOT_FOUND, "there is no data folder");
    const char *slash = strchr(name, '/');
    *out = slash == NULL ? tb_strf("%s/%s%s", hub->records, name, ending)
                         : tb_strf("%s/%.*s--%s%s", hub->records, (int)(slash - name), name,
                                   slash + 1, ending);
    return *out == NULL ? no_memory(err) : TIMBRE_OK;
}

tb_status tb_manifest_path(const tb_hub *hub, const char *name, char **out, tb_error *err)
{
    return make_path(hub, name, whole_ending, out, err);
}

/* ---- read ---- */

/* A member that is a text and passes `is_valid` (NULL: any); absent is NULL where that may be. */
static bool take_text(const json_t *object, const char *name, bool may_lack,
                      bool (*is_valid)(const char *text), char **out)
{
    const json_t *value = json_object_get(object, name);
    const char *text = json_string_value(value);
    if (value == NULL || json_is_null(value))
        return may_lack;
    if (text == NULL || strlen(text) != json_string_length(value) ||
        (is_valid != NULL && !is_valid(text)))
        return false;
    return copy_text(text, out);
}

static bool is_absolute(const char *path)
{
    return path[0] == '/' && strlen(path) < TB_PATH_MAX_BYTES;
}

static bool is_sha256(const char *text)
{
    return text != NULL && strlen(text) == 64 && tb_etag_is_valid(text);
}

/* folder: that of a shipped model, else NULL. */
static bool read_file(const json_t *object, const char *folder, tb_manifest_file *file)
{
    const char *sha256 = json_string_value(json_object_get(object, "sha256"));
    const json_t *bytes = json_object_get(object, "bytes");
    if (!is_sha256(sha256) || !json_is_integer(bytes) || json_integer_value(bytes) < 0)
        return false;
    (void)snprintf(file->sha256, sizeof file->sha256, "%s", sha256);
    file->len_bytes = json_integer_value(bytes);
    file->is_ours = json_is_true(json_object_get(object, "fetched"));
    bool is_good = take_text(object, "repo", true, tb_repo_is_valid, &file->repo) &&
                   take_text(object, "commit", true, tb_commit_is_valid, &file->commit) &&
                   take_text(object, "etag", true, tb_etag_is_valid, &file->etag);
    bool is_in_repo = file->repo != NULL;
    bool is_relative = is_in_repo || folder != NULL;
    is_good = is_good && is_in_repo == (file->commit != NULL) &&
              is_in_repo == (file->etag != NULL) && !(is_in_repo && folder != NULL) &&
              take_text(object, "path", false, is_relative ? tb_repo_path_is_valid : is_absolute,
                        &file->path);
    if (!is_good || folder == NULL)
        return is_good;
    char *path = tb_strf("%s/%s", folder, file->path);
    free(file->path);
    file->path = path;
    return path != NULL;
}

static void free_file(tb_manifest_file *file)
{
    free(file->repo);
    free(file->commit);
    free(file->path);
    free(file->etag);
}

static tb_status read_files(const json_t *list, const char *folder, tb_manifest *m, tb_error *err)
{
    size_t i;
    const json_t *object;
    if (json_array_size(list) == 0)
        return tb_fail(err, TIMBRE_BAD_FILE, "it lists no files");
    json_array_foreach(list, i, object)
    {
        tb_manifest_file file = {0};
        tb_status st = read_file(object, folder, &file)
                           ? tb_manifest_add(m, &file, err)
                           : tb_fail(err, TIMBRE_BAD_FILE, "its file %zu makes no sense", i);
        free_file(&file);
        if (st != TIMBRE_OK)
            return st;
    }
    return TIMBRE_OK;
}

static tb_status read_object(const json_t *root, const char *name, const char *folder,
                             tb_manifest *m, tb_error *err)
{
    bool is_good = json_is_object(root) &&
                   json_integer_value(json_object_get(root, "schema")) == SCHEMA &&
                   take_text(root, "name", false, tb_model_name_is_valid, &m->name) &&
                   take_text(root, "licence", false, NULL, &m->licence) &&
                   take_text(root, "revision", true, tb_revision_is_valid, &m->revision) &&
                   take_text(root, "path", true, is_absolute, &m->path) &&
                   take_text(root, "made_at", false, NULL, &m->made_at);
    if (!is_good || strcmp(m->name, name) != 0)
        return tb_fail(err, TIMBRE_BAD_FILE, "it is no manifest of '%.100s'", name);
    m->is_shipped = folder != NULL;
    if (m->is_shipped && (m->path != NULL || (m->path = tb_strdup(folder)) == NULL))
        return tb_fail(err, TIMBRE_BAD_FILE, "a shipped model names no path");
    return read_files(json_object_get(root, "files"), folder, m, err);
}

tb_status tb_manifest_parse(const char *bytes, size_t len_bytes, const char *name,
                            const char *folder, tb_manifest *out, tb_error *err)
{
    json_error_t why;
    *out = (tb_manifest){0};
    json_t *root = json_loadb(bytes, len_bytes, JSON_REJECT_DUPLICATES, &why);
    tb_status st = root == NULL ? tb_fail(err, TIMBRE_BAD_FILE, "it is no JSON: %s, line %d",
                                          why.text, why.line)
                                : read_object(root, name, folder, out, err);
    json_decref(root);
    if (st != TIMBRE_OK)
        tb_manifest_deinit(out);
    return st;
}

static tb_status read_at(const char *path, const char *name, const char *folder, tb_manifest *out,
                         tb_error *err)
{
    char *bytes = NULL;
    size_t len_bytes = 0;
    tb_status st = tb_file_read(path, TB_MANIFEST_MAX_BYTES, &bytes, &len_bytes, err);
    if (st == TIMBRE_OK &&
        (st = tb_manifest_parse(bytes, len_bytes, name, folder, out, err)) != TIMBRE_OK)
        tb_error_name(err, path);
    free(bytes);
    return st;
}

static tb_status read_record(const tb_hub *hub, const char *name, tb_manifest *out, tb_error *err)
{
    char *path = NULL;
    tb_status st = tb_manifest_path(hub, name, &path, err);
    if (st == TIMBRE_OK && (st = read_at(path, name, NULL, out, err)) == TIMBRE_BAD_FILE)
        tb_fix(err, "remove '%s' and pull the model again; what is whole is not fetched twice",
               path);
    free(path);
    return st;
}

static tb_status read_shipped(const tb_hub *hub, const char *name, tb_manifest *out, tb_error *err)
{
    char *folder = tb_strf("%s/%s", hub->shipped, name);
    char *path = folder == NULL ? NULL : tb_strf("%s/MANIFEST.json", folder);
    tb_status st = path == NULL ? no_memory(err) : read_at(path, name, folder, out, err);
    if (st == TIMBRE_BAD_FILE)
        tb_fix(err, "install Timbre again");
    free(path);
    free(folder);
    return st;
}

tb_status tb_manifest_read(const tb_hub *hub, const char *name, tb_manifest *out, tb_error *err)
{
    *out = (tb_manifest){0};
    bool may_be_shipped = hub->shipped != NULL && strcmp(name, TB_SHIPPED_MODEL) == 0;
    return may_be_shipped ? read_shipped(hub, name, out, err) : read_record(hub, name, out, err);
}

/* ---- write ---- */

static json_t *file_to_json(const tb_manifest_file *file)
{
    json_t *j = json_pack("{s:s, s:I, s:s}", "path", file->path, "bytes",
                          (json_int_t)file->len_bytes, "sha256", file->sha256);
    if (file->repo == NULL || j == NULL)
        return j;
    json_t *more = json_pack("{s:s, s:s, s:s, s:b}", "repo", file->repo, "commit", file->commit,
                             "etag", file->etag, "fetched", file->is_ours ? 1 : 0);
    bool is_whole = more != NULL && json_object_update(j, more) == 0;
    json_decref(more);
    if (is_whole)
        return j;
    json_decref(j);
    return NULL;
}

static json_t *to_json(const tb_manifest *m)
{
    json_t *files = json_array();
    bool is_whole = files != NULL;
    for (size_t i = 0; is_whole && i < m->n_files; i++)
        is_whole = json_array_append_new(files, file_to_json(&m->files[i])) == 0;
    if (!is_whole) {
        json_decref(files);
        return NULL;
    }
    return json_pack("{s:i, s:s, s:s, s:s?, s:s?, s:s, s:o}", "schema", SCHEMA, "name", m->name,
                     "licence", m->licence, "revision", m->revision, "path", m->path, "made_at",
                     m->made_at, "files", files);
}

/* OK where it is not there. */
static tb_status unlink_record(const tb_hub *hub, const char *name, const char *ending,
                               tb_error *err)
{
    char *path = NULL;
    tb_status st = make_path(hub, name, ending, &path, err);
    if (st == TIMBRE_OK && unlink(path) != 0 && errno != ENOENT)
        st = tb_fail_errno(err, errno, "cannot remove '%s'", path);
    free(path);
    return st;
}

tb_status tb_manifest_write(const tb_hub *hub, const tb_manifest *manifest, tb_error *err)
{
    char *path = NULL;
    tb_status st = tb_manifest_path(hub, manifest->name, &path, err);
    json_t *j = st == TIMBRE_OK ? to_json(manifest) : NULL;
    char *text = j == NULL ? NULL : json_dumps(j, JSON_INDENT(2));
    if (st == TIMBRE_OK && text == NULL)
        st = no_memory(err);
    if (st == TIMBRE_OK)
        st = tb_dir_make(hub->records, err);
    if (st == TIMBRE_OK)
        st = tb_file_write(path, text, strlen(text), true, err);
    if (st == TIMBRE_OK)
        st = unlink_record(hub, manifest->name, begun_ending, err);
    free(text);
    json_decref(j);
    free(path);
    return st;
}

tb_status tb_manifest_remove(const tb_hub *hub, const char *name, tb_error *err)
{
    if (hub->records == NULL)
        return TIMBRE_OK;
    tb_status st = unlink_record(hub, name, whole_ending, err);
    return st == TIMBRE_OK ? unlink_record(hub, name, begun_ending, err) : st;
}

tb_status tb_manifest_begin(const tb_hub *hub, const char *name, tb_error *err)
{
    char *path = NULL;
    if (hub->records == NULL)
        return TIMBRE_OK;
    tb_status st = make_path(hub, name, begun_ending, &path, err);
    if (st == TIMBRE_OK)
        st = tb_dir_make(hub->records, err);
    if (st == TIMBRE_OK)
        st = tb_file_write(path, name, strlen(name), true, err);
    free(path);
    return st;
}

/* ---- all of them ---- */

typedef struct {
    char *name;
    struct timespec at;
} dated_name;

static int newest_first(const void *a, const void *b)
{
    const dated_name *x = a, *y = b;
    if (x->at.tv_sec != y->at.tv_sec)
        return x->at.tv_sec > y->at.tv_sec ? -1 : 1;
    if (x->at.tv_nsec != y->at.tv_nsec)
        return x->at.tv_nsec > y->at.tv_nsec ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* "org--name.json" to "org/name"; owned. NULL: no manifest's name, or for memory. */
static char *name_of(const char *file, const char *ending)
{
    size_t len = strlen(file), n = strlen(ending);
    if (len <= n || strcmp(file + len - n, ending) != 0 || strcmp(file, TB_CONSENTS_FILE) == 0)
        return NULL;
    char *name = tb_strf("%.*s", (int)(len - n), file);
    char *middle = name == NULL ? NULL : strstr(name, "--");
    if (middle != NULL) {
        *middle = '/';
        memmove(middle + 1, middle + 2, strlen(middle + 2) + 1);
    }
    if (name != NULL && tb_model_name_is_valid(name))
        return name;
    free(name);
    return NULL;
}

static size_t read_names(const tb_hub *hub, DIR *folder, const char *ending, dated_name *list)
{
    size_t n = 0;
    const struct dirent *entry;
    while (n < TB_HUB_REPOS_MAX && (entry = readdir(folder)) != NULL) {
        struct stat info;
        char *name = name_of(entry->d_name, ending);
        char *path = name == NULL ? NULL : tb_strf("%s/%s", hub->records, entry->d_name);
        if (path != NULL && stat(path, &info) == 0 && S_ISREG(info.st_mode))
            list[n++] = (dated_name){name, TB_MODIFIED_AT(info)};
        else
            free(name);
        free(path);
    }
    return n;
}

static tb_status list_names(const tb_hub *hub, const char *ending, char ***names, size_t *n,
                            tb_error *err)
{
    *names = NULL;
    *n = 0;
    DIR *folder = hub->records == NULL ? NULL : opendir(hub->records);
    if (folder == NULL)
        return hub->records == NULL || errno == ENOENT
                   ? TIMBRE_OK
                   : tb_fail_errno(err, errno, "cannot look into '%s'", hub->records);
    dated_name *list = calloc(TB_HUB_REPOS_MAX, sizeof *list);
    char **result = calloc(TB_HUB_REPOS_MAX, sizeof *result);
    if (list != NULL && result != NULL)
        *n = read_names(hub, folder, ending, list);
    (void)closedir(folder);
    if (list == NULL || result == NULL) {
        free(list);
        free(result);
        return no_memory(err);
    }
    qsort(list, *n, sizeof *list, newest_first);
    for (size_t i = 0; i < *n; i++)
        result[i] = list[i].name;
    free(list);
    *names = result;
    return TIMBRE_OK;
}

tb_status tb_manifest_list(const tb_hub *hub, char ***names, size_t *n, tb_error *err)
{
    return list_names(hub, whole_ending, names, n, err);
}

tb_status tb_manifest_list_begun(const tb_hub *hub, char ***names, size_t *n, tb_error *err)
{
    return list_names(hub, begun_ending, names, n, err);
}
