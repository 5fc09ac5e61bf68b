#include "hub/installed.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "engine/base/limits.h"
#include "engine/base/progress.h"
#include "engine/base/str.h"
#include "hub/cache.h"
#include "hub/installed_files.h"

static tb_status no_memory(tb_error *err)
{
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the list of models");
}

static void free_item(tb_installed *m)
{
    free(m->name);
    free(m->path);
    free(m->tokenizer);
    free(m->licence);
    free(m->missing);
    free(m->commit);
}

void tb_installed_list_deinit(tb_installed_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free_item(&list->items[i]);
    free(list->items);
    *list = (tb_installed_list){0};
}

static tb_status push(tb_installed_list *list, const char *name, const char *licence,
                      tb_provenance provenance, tb_installed **out, tb_error *err)
{
    tb_installed *grown = realloc(list->items, (list->n + 1) * sizeof *grown);
    if (grown == NULL)
        return no_memory(err);
    list->items = grown;
    *out = &list->items[list->n++];
    **out = (tb_installed){
        .name = tb_strdup(name), .licence = tb_strdup(licence), .provenance = provenance};
    return (*out)->name != NULL && (*out)->licence != NULL ? TIMBRE_OK : no_memory(err);
}

/* ---- what is here of one ---- */

/* Bytes of a repository's blobs and parts, whoever they belong to. */
static int64_t measure_blobs(const tb_hub *hub, const char *repo)
{
    char *place = NULL;
    tb_error ignored = {0};
    if (tb_cache_repo_path(hub, repo, &place, &ignored) != TIMBRE_OK)
        return 0;
    char *folder = tb_strf("%s/blobs", place);
    DIR *open = folder == NULL ? NULL : opendir(folder);
    int64_t n_bytes = 0;
    const struct dirent *entry;
    while (open != NULL && (entry = readdir(open)) != NULL) {
        char *path = tb_strf("%s/%s", folder, entry->d_name);
        struct stat info;
        if (path != NULL && lstat(path, &info) == 0 && S_ISREG(info.st_mode))
            n_bytes += info.st_size;
        free(path);
    }
    if (open != NULL)
        (void)closedir(open);
    free(folder);
    free(place);
    return n_bytes;
}

static bool has_own_file(const tb_known_model *known, const tb_known_source *source)
{
    for (size_t i = 0; i < source->n_files; i++)
        if (!tb_known_is_shared(known, source->repo, source->files[i].path))
            return true;
    return false;
}

/* What a pull that was stopped left: blobs without links, and parts. Bytes of a repository that
 * another model has brought are none of this one. */
static int64_t measure_begun(const tb_hub *hub, const tb_known_model *known,
                             const tb_here_files *files)
{
    int64_t n_bytes = 0;
    for (size_t i = 0; i < known->n_sources; i++)
        if (has_own_file(known, &known->sources[i]))
            n_bytes += measure_blobs(hub, known->sources[i].repo);
    for (size_t i = 0; n_bytes > 0 && i < files->n; i++) {
        const tb_here_file *f = &files->items[i];
        bool is_counted = false;
        for (size_t k = 0; k < known->n_sources; k++)
            is_counted |= f->file.repo != NULL && has_own_file(known, &known->sources[k]) &&
                          strcmp(known->sources[k].repo, f->file.repo) == 0;
        if (is_counted && f->is_here && f->is_shared)
            n_bytes -= f->file.len_bytes;
    }
    return n_bytes > 0 ? n_bytes : 0;
}

/* Sizes, and what is missing. */
static tb_status count(const tb_here_files *files, tb_installed *m, tb_error *err)
{
    for (size_t i = 0; i < files->n; i++) {
        const tb_here_file *f = &files->items[i];
        if (f->is_here)
            m->len_bytes += f->file.len_bytes;
        else if (!f->is_optional && m->n_missing++ == 0 &&
                 (m->missing = tb_strdup(f->file.path)) == NULL)
            return no_memory(err);
    }
    return TIMBRE_OK;
}

/* The commit of a repository's files. */
static const char *commit_of(const tb_here_files *files, const char *repo)
{
    for (size_t i = 0; i < files->n; i++)
        if (files->items[i].file.repo != NULL && strcmp(files->items[i].file.repo, repo) == 0)
            return files->items[i].file.commit;
    return "";
}

/* ---- known ones ---- */

static tb_status place_known(const tb_hub *hub, const tb_here_files *files, tb_installed *m,
                             tb_error *err)
{
    const tb_known_model *known = m->known;
    const char *commit = commit_of(files, known->sources[0].repo);
    if ((m->commit = tb_strdup(commit)) == NULL)
        return no_memory(err);
    tb_status st = tb_cache_file_path(hub, known->sources[0].repo, commit, known->weights, &m->path,
                                      err);
    if (st != TIMBRE_OK || known->tokenizer[0] == '\0')
        return st;
    const char *repo = known->sources[known->tokenizer_source].repo;
    return tb_cache_file_path(hub, repo, commit_of(files, repo), known->tokenizer, &m->tokenizer,
                              err);
}

static tb_status add_known(const tb_hub *hub, const tb_known_model *known,
                           const tb_manifest *manifest, tb_installed_list *list, tb_error *err)
{
    tb_installed *m = NULL;
    tb_here_files files = {0};
    tb_status st = push(list, known->name, known->licence, TB_PROVENANCE_KNOWN, &m, err);
    if (st == TIMBRE_OK)
        st = tb_here_files_of_known(hub, known, manifest, &files, err);
    if (st != TIMBRE_OK)
        return st;
    m->known = known;
    st = count(&files, m, err);
    if (st == TIMBRE_OK && m->n_missing == 0) {
        m->state = TB_INSTALLED_WHOLE;
        st = place_known(hub, &files, m, err);
    } else if (st == TIMBRE_OK) {
        m->len_bytes = measure_begun(hub, known, &files);
        bool is_begun = m->len_bytes > 0 || manifest != NULL;
        m->state = is_begun ? TB_INSTALLED_PARTIAL : TB_INSTALLED_ABSENT;
    }
    tb_here_files_deinit(&files);
    return st;
}

/* ---- those of manifests ---- */

static tb_status place_recorded(const tb_hub *hub, const tb_manifest *manifest, tb_installed *m,
                                tb_error *err)
{
    if (manifest->path != NULL)
        return (m->path = tb_strdup(manifest->path)) != NULL ? TIMBRE_OK : no_memory(err);
    const tb_manifest_file *first = &manifest->files[0];
    if (first->repo == NULL)
        return tb_fail(err, TIMBRE_BAD_FILE, "it names neither a path nor a repository");
    if ((m->commit = tb_strdup(first->commit)) == NULL)
        return no_memory(err);
    return tb_cache_file_path(hub, first->repo, first->commit, "", &m->path, err);
}

static tb_status add_recorded(const tb_hub *hub, const tb_manifest *manifest,
                              tb_installed_list *list, tb_error *err)
{
    tb_installed *m = NULL;
    tb_here_files files = {0};
    tb_provenance provenance = manifest->is_shipped     ? TB_PROVENANCE_SHIPPED
                               : manifest->path != NULL ? TB_PROVENANCE_ADDED
                                                        : TB_PROVENANCE_PULLED;
    tb_status st = push(list, manifest->name, manifest->licence, provenance, &m, err);
    if (st == TIMBRE_OK)
        st = tb_here_files_of_manifest(hub, manifest, &files, err);
    if (st != TIMBRE_OK)
        return st;
    st = count(&files, m, err);
    m->state = m->n_missing == 0 ? TB_INSTALLED_WHOLE : TB_INSTALLED_PARTIAL;
    if (st == TIMBRE_OK && m->state == TB_INSTALLED_WHOLE)
        st = place_recorded(hub, manifest, m, err);
    tb_here_files_deinit(&files);
    return st;
}

/* A pull by name that was stopped: its files are known only to the Hub. */
static tb_status add_begun(const tb_hub *hub, const char *name, tb_installed_list *list,
                           tb_error *err)
{
    tb_installed *m = NULL;
    if (tb_registry_find(name) != NULL || tb_installed_find(list, name) != NULL)
        return TIMBRE_OK;
    tb_status st = push(list, name, "unknown", TB_PROVENANCE_PULLED, &m, err);
    if (st != TIMBRE_OK)
        return st;
    m->state = TB_INSTALLED_PARTIAL;
    m->len_bytes = measure_blobs(hub, name);
    return TIMBRE_OK;
}

/* ---- those of other programs ---- */

static bool is_source_of_known(const char *repo)
{
    size_t n;
    const tb_known_model *all = tb_registry(&n);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < all[i].n_sources; k++)
            if (strcmp(all[i].sources[k].repo, repo) == 0)
                return true;
    return false;
}

static tb_status add_repo(const tb_hub *hub, const char *repo, tb_installed_list *list,
                          tb_error *err)
{
    tb_installed *m = NULL;
    tb_here_files files = {0};
    if (is_source_of_known(repo) || tb_installed_find(list, repo) != NULL)
        return TIMBRE_OK;
    tb_status st = tb_here_files_of_repo(hub, repo, &files, err);
    if (st == TIMBRE_OK && files.n > 0)
        st = push(list, repo, "unknown", TB_PROVENANCE_CACHE, &m, err);
    if (st == TIMBRE_OK && m != NULL) {
        const char *commit = files.items[0].file.commit;
        m->state = TB_INSTALLED_WHOLE;
        st = count(&files, m, err);
        if (st == TIMBRE_OK && (m->commit = tb_strdup(commit)) == NULL)
            st = no_memory(err);
        if (st == TIMBRE_OK)
            st = tb_cache_file_path(hub, repo, commit, "", &m->path, err);
    }
    tb_here_files_deinit(&files);
    return st;
}

/* ---- all ---- */

/* A manifest that makes no sense is said, and the model is seen without it. */
static bool read_manifest(const tb_hub *hub, const char *name, tb_manifest *out, tb_str *warnings)
{
    tb_error why = {0};
    tb_status st = tb_manifest_read(hub, name, out, &why);
    if (st != TIMBRE_OK && st != TIMBRE_NOT_FOUND)
        tb_str_appendf(warnings, "%s\n", why.message);
    return st == TIMBRE_OK;
}

/* What failed for one model leaves it out of the list, half made as it may be. */
static tb_status settle(tb_installed_list *list, size_t n_before, tb_status st, const tb_error *why,
                        tb_str *warnings, tb_error *err)
{
    if (st == TIMBRE_OK)
        return TIMBRE_OK;
    while (list->n > n_before)
        free_item(&list->items[--list->n]);
    if (st == TIMBRE_NO_MEMORY) {
        if (err != NULL)
            *err = *why;
        return st;
    }
    tb_str_appendf(warnings, "%s\n", why->message);
    return TIMBRE_OK;
}

static tb_status list_known(const tb_hub *hub, tb_installed_list *list, tb_str *warnings,
                            tb_error *err)
{
    size_t n;
    const tb_known_model *all = tb_registry(&n);
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && i < n; i++) {
        tb_manifest manifest = {0};
        tb_error why = {0};
        bool has_manifest = read_manifest(hub, all[i].name, &manifest, warnings);
        size_t n_before = list->n;
        st = add_known(hub, &all[i], has_manifest ? &manifest : NULL, list, &why);
        st = settle(list, n_before, st, &why, warnings, err);
        tb_manifest_deinit(&manifest);
    }
    return st;
}

static tb_status list_recorded(const tb_hub *hub, tb_installed_list *list, tb_str *warnings,
                               tb_error *err)
{
    char **names = NULL;
    size_t n = 0;
    tb_status st = tb_manifest_list(hub, &names, &n, err);
    for (size_t i = 0; st == TIMBRE_OK && i < n; i++) {
        tb_manifest manifest = {0};
        tb_error why = {0};
        size_t n_before = list->n;
        if (tb_registry_find(names[i]) == NULL && strcmp(names[i], TB_SHIPPED_MODEL) != 0 &&
            read_manifest(hub, names[i], &manifest, warnings)) {
            st = add_recorded(hub, &manifest, list, &why);
            st = settle(list, n_before, st, &why, warnings, err);
        }
        tb_manifest_deinit(&manifest);
    }
    tb_names_free(names, n);
    return st;
}

static tb_status list_shipped(const tb_hub *hub, tb_installed_list *list, tb_str *warnings,
                              tb_error *err)
{
    tb_manifest manifest = {0};
    tb_error why = {0};
    size_t n_before = list->n;
    tb_status st = TIMBRE_OK;
    if (hub->shipped != NULL && read_manifest(hub, TB_SHIPPED_MODEL, &manifest, warnings))
        st = settle(list, n_before, add_recorded(hub, &manifest, list, &why), &why, warnings, err);
    tb_manifest_deinit(&manifest);
    return st;
}

static tb_status list_begun(const tb_hub *hub, tb_installed_list *list, tb_error *err)
{
    char **names = NULL;
    size_t n = 0;
    tb_status st = tb_manifest_list_begun(hub, &names, &n, err);
    for (size_t i = 0; st == TIMBRE_OK && i < n; i++)
        st = add_begun(hub, names[i], list, err);
    tb_names_free(names, n);
    return st;
}

static tb_status list_repos(const tb_hub *hub, tb_installed_list *list, tb_str *warnings,
                            tb_error *err)
{
    char **repos = NULL;
    size_t n = 0;
    tb_status st = tb_cache_list_repos(hub, &repos, &n, err);
    for (size_t i = 0; st == TIMBRE_OK && i < n; i++) {
        tb_error why = {0};
        size_t n_before = list->n;
        st = add_repo(hub, repos[i], list, &why);
        st = settle(list, n_before, st, &why, warnings, err);
    }
    tb_names_free(repos, n);
    return st;
}

tb_status tb_installed_list_read(const tb_hub *hub, tb_installed_list *out, char **warnings,
                                 tb_error *err)
{
    tb_str text = {0};
    *out = (tb_installed_list){0};
    if (warnings != NULL)
        *warnings = NULL;
    tb_status st = list_known(hub, out, &text, err);
    if (st == TIMBRE_OK)
        st = list_recorded(hub, out, &text, err);
    if (st == TIMBRE_OK)
        st = list_begun(hub, out, err);
    if (st == TIMBRE_OK)
        st = list_repos(hub, out, &text, err);
    if (st == TIMBRE_OK)
        st = list_shipped(hub, out, &text, err);
    if (st != TIMBRE_OK)
        tb_installed_list_deinit(out);
    else if (warnings != NULL && text.len > 0)
        *warnings = tb_str_take(&text);
    tb_str_deinit(&text);
    return st;
}

const tb_installed *tb_installed_find(const tb_installed_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return &list->items[i];
    return NULL;
}

const tb_installed *tb_installed_default(const tb_installed_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].state == TB_INSTALLED_WHOLE &&
            list->items[i].provenance < TB_PROVENANCE_SHIPPED)
            return &list->items[i];
    return NULL;
}

char *tb_installed_remedy(const tb_installed *model)
{
    if (model->provenance == TB_PROVENANCE_SHIPPED)
        return tb_strdup("install Timbre again");
    return tb_strf("%s%.200s",
                   model->provenance == TB_PROVENANCE_ADDED
                       ? "bring its files back, or: timbre models rm "
                       : "timbre models pull ",
                   model->name);
}

tb_status tb_installed_require_whole(const tb_installed *model, tb_error *err)
{
    if (model->state == TB_INSTALLED_WHOLE)
        return TIMBRE_OK;
    tb_status st;
    if (model->state == TB_INSTALLED_ABSENT)
        st = tb_fail(err, TIMBRE_MODEL_MISSING, "the model '%.200s' is not installed", model->name);
    else if (model->n_missing == 0)
        st = tb_fail(err, TIMBRE_MODEL_MISSING, "the model '%.200s' has only begun to come",
                     model->name);
    else
        st = tb_fail(err, TIMBRE_MODEL_MISSING,
                     "the model '%.150s' is not whole: %zu file%s missing, such as '%.200s'",
                     model->name, model->n_missing, model->n_missing == 1 ? " is" : "s are",
                     model->missing == NULL ? "?" : model->missing);
    char *remedy = tb_installed_remedy(model);
    if (remedy != NULL)
        tb_fix(err, "%s", remedy);
    free(remedy);
    return st;
}
