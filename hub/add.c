/* Telling Timbre of a model that lies somewhere else. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "engine/base/clock.h"
#include "engine/base/progress.h"
#include "engine/base/str.h"
#include "hub/installed.h"
#include "hub/manifest.h"

/* Progress of one file as a share of all of them. */
typedef struct {
    const tb_progress *all;
    double from, share;
} part;

static void report(double fraction, void *user)
{
    const part *p = user;
    tb_progress_report(p->all, p->from + p->share * fraction);
}

static tb_status hash_file(const char *path, const part *p, tb_manifest *manifest, tb_error *err)
{
    struct stat info;
    tb_progress progress = {
        .fn = report, .user = (void *)p, .cancel = p->all == NULL ? NULL : p->all->cancel};
    char *copy = tb_strdup(path);
    tb_manifest_file file = {.path = copy};
    tb_status st = copy == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                                : tb_sha256_large_file(path, &progress, file.sha256, err);
    if (st == TIMBRE_OK && stat(path, &info) != 0)
        st = tb_fail(err, TIMBRE_NOT_FOUND, "'%s' is not there any more", path);
    if (st == TIMBRE_OK) {
        file.len_bytes = info.st_size;
        st = tb_manifest_add(manifest, &file, err);
    }
    free(copy);
    return st;
}

/* A name is free when nothing else is called so; the same path may be added again. */
static tb_status require_free(const tb_hub *hub, const char *name, const char *path, tb_error *err)
{
    tb_manifest old = {0};
    tb_error ignored = {0};
    bool is_known = tb_registry_find(name) != NULL;
    bool is_taken = !is_known && tb_manifest_read(hub, name, &old, &ignored) == TIMBRE_OK &&
                    (old.path == NULL || strcmp(old.path, path) != 0);
    tb_manifest_deinit(&old);
    if (!is_known && !is_taken)
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_EXISTS, "'%s' is another model's name", name);
    tb_fix(err, "give it another name with --name");
    return st;
}

tb_status tb_installed_add(const tb_hub *hub, const char *name, const char *path,
                           const char *licence, const char *const *files, size_t n_files,
                           const tb_progress *progress, tb_error *err)
{
    char now[21];
    if (!tb_model_name_is_valid(name))
        return tb_fail(err, TIMBRE_BAD_INPUT, "'%.200s' cannot be a model's name", name);
    tb_status st = require_free(hub, name, path, err);
    if (st != TIMBRE_OK)
        return st;
    tb_clock_format_utc(time(NULL), now);
    tb_manifest manifest = {.name = tb_strdup(name),
                            .licence = tb_strdup(licence),
                            .path = tb_strdup(path),
                            .made_at = tb_strdup(now)};
    if (manifest.name == NULL || manifest.licence == NULL || manifest.path == NULL ||
        manifest.made_at == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a manifest");
    for (size_t i = 0; st == TIMBRE_OK && i < n_files; i++) {
        part p = {progress, (double)i / (double)n_files, 1.0 / (double)n_files};
        st = hash_file(files[i], &p, &manifest, err);
    }
    if (st == TIMBRE_OK)
        st = tb_manifest_write(hub, &manifest, err);
    tb_manifest_deinit(&manifest);
    return st;
}
