#include "hub/installed_files.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/limits.h"
#include "engine/base/str.h"
#include "hub/cache.h"
#include "hub/choose.h"

static tb_status no_memory(tb_error *err)
{
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the files of a model");
}

void tb_here_files_deinit(tb_here_files *files)
{
    for (size_t i = 0; i < files->n; i++) {
        free(files->items[i].file.repo);
        free(files->items[i].file.commit);
        free(files->items[i].file.path);
        free(files->items[i].file.etag);
    }
    free(files->items);
    *files = (tb_here_files){0};
}

/* ---- the registry ---- */

static bool is_below(const char *folder, const char *path)
{
    size_t len = strlen(folder);
    return len > 0 && folder[len - 1] == '/' && strncmp(path, folder, len) == 0;
}

/* The row of a known model that a file of a repository belongs to; NULL: none. */
static const tb_known_file *find_known(const tb_known_model *known, const char *repo,
                                       const char *path)
{
    for (size_t i = 0; i < known->n_sources; i++) {
        const tb_known_source *source = &known->sources[i];
        for (size_t k = 0; strcmp(source->repo, repo) == 0 && k < source->n_files; k++)
            if (strcmp(source->files[k].path, path) == 0 || is_below(source->files[k].path, path))
                return &source->files[k];
    }
    return NULL;
}

bool tb_known_has(const tb_known_model *known, const char *repo, const char *path)
{
    return find_known(known, repo, path) != NULL;
}

bool tb_known_is_shared(const tb_known_model *known, const char *repo, const char *path)
{
    size_t n;
    const tb_known_model *all = tb_registry(&n);
    for (size_t i = 0; i < n; i++)
        if (&all[i] != known && find_known(&all[i], repo, path) != NULL)
            return true;
    return false;
}

/* ---- the list ---- */

static bool copy_text(const char *text, char **out)
{
    *out = text == NULL ? NULL : tb_strdup(text);
    return text == NULL || *out != NULL;
}

/* Append a copy. */
static tb_status push(tb_here_files *list, const tb_manifest_file *file, tb_here_file **out,
                      tb_error *err)
{
    if (list->n >= TB_MANIFEST_MAX_FILES)
        return tb_fail(err, TIMBRE_BAD_FILE, "a model has more than %d files",
                       TB_MANIFEST_MAX_FILES);
    tb_here_file *grown = realloc(list->items, (list->n + 1) * sizeof *grown);
    if (grown == NULL)
        return no_memory(err);
    list->items = grown;
    *out = &list->items[list->n++];
    **out = (tb_here_file){.file = *file};
    tb_manifest_file *copy = &(*out)->file;
    bool is_whole = copy_text(file->repo, &copy->repo);
    is_whole &= copy_text(file->commit, &copy->commit);
    is_whole &= copy_text(file->path, &copy->path);
    is_whole &= copy_text(file->etag, &copy->etag);
    return is_whole ? TIMBRE_OK : no_memory(err);
}

/* Look for a file of the cache; the manifest's size, where it has one, must be that of the file. */
static tb_status look(const tb_hub *hub, tb_here_file *f, bool has_manifest, tb_error *err)
{
    char *etag = NULL;
    int64_t len_bytes = 0;
    tb_status st = tb_cache_find_file(hub, f->file.repo, f->file.commit, f->file.path, &etag,
                                      &len_bytes, err);
    if (st == TIMBRE_NOT_FOUND)
        return TIMBRE_OK;
    if (st != TIMBRE_OK)
        return st;
    if (has_manifest) {
        f->is_here = len_bytes == f->file.len_bytes;
        free(etag);
        return TIMBRE_OK;
    }
    f->is_here = true;
    f->file.len_bytes = len_bytes;
    free(f->file.etag);
    f->file.etag = etag;
    return TIMBRE_OK;
}

static void look_outside(tb_here_file *f)
{
    struct stat info;
    f->is_here = stat(f->file.path, &info) == 0 && S_ISREG(info.st_mode) &&
                 info.st_size == f->file.len_bytes;
}

tb_status tb_here_files_of_manifest(const tb_hub *hub, const tb_manifest *manifest,
                                    tb_here_files *out, tb_error *err)
{
    *out = (tb_here_files){.has_manifest = true};
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && i < manifest->n_files; i++) {
        tb_here_file *f = NULL;
        st = push(out, &manifest->files[i], &f, err);
        if (st == TIMBRE_OK && f->file.repo == NULL)
            look_outside(f);
        else if (st == TIMBRE_OK)
            st = look(hub, f, true, err);
    }
    if (st != TIMBRE_OK)
        tb_here_files_deinit(out);
    return st;
}

/* ---- a known model ---- */

/* Add repo/path at a commit ("": not known, so nothing is here). */
static tb_status add_path(const tb_hub *hub, const char *repo, const char *commit, const char *path,
                          tb_here_files *out, tb_error *err)
{
    tb_here_file *f = NULL;
    tb_status st = push(out, &(tb_manifest_file){.len_bytes = 0}, &f, err);
    if (st != TIMBRE_OK)
        return st;
    bool is_whole = copy_text(repo, &f->file.repo);
    is_whole &= copy_text(commit, &f->file.commit);
    is_whole &= copy_text(path, &f->file.path);
    if (!is_whole)
        return no_memory(err);
    return commit[0] == '\0' ? TIMBRE_OK : look(hub, f, false, err);
}

/* What is in a folder of a snapshot, for "seed_images/". */
static tb_status add_folder(const tb_hub *hub, const char *repo, const char *commit,
                            const char *folder, tb_here_files *out, tb_error *err)
{
    char *name = tb_strf("%.*s", (int)(strlen(folder) - 1), folder), *place = NULL;
    tb_status st = name == NULL ? no_memory(err) : TIMBRE_OK;
    if (st == TIMBRE_OK)
        st = tb_cache_file_path(hub, repo, commit, name, &place, err);
    DIR *open = st == TIMBRE_OK ? opendir(place) : NULL;
    const struct dirent *entry;
    /* a crowd in an optional folder leaves room for what the model needs */
    while (st == TIMBRE_OK && open != NULL && out->n < TB_MANIFEST_MAX_FILES / 2 &&
           (entry = readdir(open)) != NULL) {
        char *path = tb_strf("%s%s", folder, entry->d_name);
        if (path == NULL)
            st = no_memory(err);
        else if (tb_repo_path_is_valid(path))
            st = add_path(hub, repo, commit, path, out, err);
        free(path);
    }
    if (open != NULL)
        (void)closedir(open);
    free(place);
    free(name);
    return st;
}

static const tb_manifest_file *find_in(const tb_manifest *manifest, const char *repo,
                                       const char *path)
{
    for (size_t i = 0; manifest != NULL && i < manifest->n_files; i++) {
        const tb_manifest_file *f = &manifest->files[i];
        if (f->repo != NULL && strcmp(f->repo, repo) == 0 &&
            (path == NULL || strcmp(f->path, path) == 0))
            return f;
    }
    return NULL;
}

static tb_status add_source(const tb_hub *hub, const tb_known_source *source,
                            const tb_manifest *manifest, tb_here_files *out, tb_error *err)
{
    char commit[41] = "";
    const tb_manifest_file *any = find_in(manifest, source->repo, NULL);
    tb_error ignored = {0}; /* no ref, or a damaged one: nothing of it is here */
    if (any != NULL)
        memcpy(commit, any->commit, sizeof commit);
    else if (tb_cache_read_ref(hub, source->repo, "main", commit, &ignored) != TIMBRE_OK)
        commit[0] = '\0';
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && i < source->n_files; i++) {
        const char *path = source->files[i].path;
        if (find_in(manifest, source->repo, path) != NULL)
            continue; /* from the manifest already */
        if (!is_below(path, path))
            st = add_path(hub, source->repo, commit, path, out, err);
        else if (manifest == NULL && commit[0] != '\0')
            st = add_folder(hub, source->repo, commit, path, out, err);
    }
    return st;
}

tb_status tb_here_files_of_known(const tb_hub *hub, const tb_known_model *known,
                                 const tb_manifest *manifest, tb_here_files *out, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    *out = (tb_here_files){0};
    if (manifest != NULL)
        st = tb_here_files_of_manifest(hub, manifest, out, err);
    for (size_t i = 0; st == TIMBRE_OK && i < known->n_sources; i++)
        st = add_source(hub, &known->sources[i], manifest, out, err);
    for (size_t i = 0; st == TIMBRE_OK && i < out->n; i++) {
        tb_here_file *f = &out->items[i];
        const tb_known_file *row = f->file.repo == NULL
                                       ? NULL
                                       : find_known(known, f->file.repo, f->file.path);
        f->is_optional = row == NULL || row->is_optional;
        f->is_shared = row != NULL && tb_known_is_shared(known, f->file.repo, f->file.path);
    }
    if (st != TIMBRE_OK)
        tb_here_files_deinit(out);
    return st;
}

/* ---- a repository that another program brought ---- */

/* The commit of refs/main, else the one snapshot there is; false: neither. */
static bool find_commit(const tb_hub *hub, const char *repo, char commit[41])
{
    tb_error ignored = {0};
    if (tb_cache_read_ref(hub, repo, "main", commit, &ignored) == TIMBRE_OK)
        return true;
    char *place = NULL;
    size_t n = 0;
    if (tb_cache_repo_path(hub, repo, &place, &ignored) != TIMBRE_OK)
        return false;
    char *snapshots = tb_strf("%s/snapshots", place);
    DIR *open = snapshots == NULL ? NULL : opendir(snapshots);
    const struct dirent *entry;
    while (open != NULL && (entry = readdir(open)) != NULL)
        if (tb_commit_is_valid(entry->d_name)) {
            memcpy(commit, entry->d_name, 41);
            n++;
        }
    if (open != NULL)
        (void)closedir(open);
    free(snapshots);
    free(place);
    return n == 1;
}

tb_status tb_here_files_of_repo(const tb_hub *hub, const char *repo, tb_here_files *out,
                                tb_error *err)
{
    char commit[41];
    *out = (tb_here_files){0};
    if (!find_commit(hub, repo, commit))
        return TIMBRE_OK;
    bool is_whole = true;
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && is_whole; i++) {
        tb_family_part part = tb_choose_part(i);
        if (part.n_paths == 0)
            break;
        size_t before = out->n;
        for (size_t k = 0; st == TIMBRE_OK && out->n == before && k < part.n_paths; k++) {
            st = add_path(hub, repo, commit, part.paths[k], out, err);
            if (st == TIMBRE_OK && !out->items[out->n - 1].is_here) {
                tb_here_file *f = &out->items[--out->n];
                free(f->file.repo);
                free(f->file.commit);
                free(f->file.path);
            }
        }
        is_whole = out->n > before || part.is_optional;
    }
    if (st != TIMBRE_OK || !is_whole)
        tb_here_files_deinit(out);
    return st;
}

/* ---- any ---- */

tb_status tb_here_files_of(const tb_hub *hub, const tb_installed *model, tb_here_files *out,
                           tb_error *err)
{
    tb_manifest manifest = {0};
    tb_error why = {0};
    tb_status st = tb_manifest_read(hub, model->name, &manifest, &why);
    bool has_manifest = st == TIMBRE_OK;
    *out = (tb_here_files){0};
    if (!has_manifest && st != TIMBRE_NOT_FOUND) { /* one that cannot be read is not none */
        if (err != NULL)
            *err = why;
        return st;
    }
    if (model->known != NULL)
        st = tb_here_files_of_known(hub, model->known, has_manifest ? &manifest : NULL, out, err);
    else if (has_manifest)
        st = tb_here_files_of_manifest(hub, &manifest, out, err);
    else
        st = tb_here_files_of_repo(hub, model->name, out, err);
    tb_manifest_deinit(&manifest);
    return st;
}
