/* What a pull consists of, asked from the Hub or, offline, from the cache. */
#include "hub/pull_plan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "engine/base/file.h"
#include "engine/base/limits.h"
#include "engine/base/path.h"
#include "hub/cache.h"
#include "hub/choose.h"
#include "hub/installed_files.h"

static tb_status no_memory(tb_error *err)
{
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a list of files");
}

static int64_t size_of(const char *path)
{
    struct stat s;
    return path != NULL && stat(path, &s) == 0 && S_ISREG(s.st_mode) ? (int64_t)s.st_size : -1;
}

bool tb_pull_blob_is_here(const tb_hub *hub, const char *repo, const char *etag, int64_t len_bytes,
                          int64_t *here_bytes)
{
    char *blob = NULL;
    *here_bytes = 0;
    if (tb_cache_blob_path(hub, repo, etag, &blob, NULL) != TIMBRE_OK)
        return false;
    bool is_here = size_of(blob) == len_bytes;
    char *part = tb_strf("%s.incomplete", blob);
    int64_t part_bytes = size_of(part);
    if (is_here)
        *here_bytes = len_bytes;
    else if (part_bytes > 0 && part_bytes <= len_bytes)
        *here_bytes = part_bytes;
    free(part);
    free(blob);
    return is_here;
}

int64_t tb_pull_free_bytes(const tb_hub *hub)
{
    struct statvfs s;
    char *path = tb_strdup(hub->cache);
    while (path != NULL && statvfs(path, &s) != 0) {
        char *folder = strcmp(path, "/") != 0 && strcmp(path, ".") != 0 ? tb_path_folder(path)
                                                                        : NULL;
        free(path);
        path = folder;
    }
    if (path == NULL)
        return -1;
    free(path);
    return (int64_t)s.f_bavail * (int64_t)s.f_frsize;
}

tb_status tb_pull_plan_add(const tb_pull_maker *m, const char *repo, const char *commit,
                           const char *path, const char *etag, int64_t len_bytes, tb_error *err)
{
    tb_pull_plan *plan = m->plan;
    tb_pull_file *more = realloc(plan->files, (plan->n_files + 1) * sizeof *more);
    if (more == NULL)
        return no_memory(err);
    plan->files = more;
    tb_pull_file *f = &more[plan->n_files++];
    *f = (tb_pull_file){.repo = tb_strdup(repo),
                        .commit = tb_strdup(commit),
                        .path = tb_strdup(path),
                        .etag = tb_strdup(etag),
                        .len_bytes = len_bytes};
    if (f->repo == NULL || f->commit == NULL || f->path == NULL || f->etag == NULL)
        return no_memory(err);
    f->is_here = tb_pull_blob_is_here(m->hub, repo, etag, len_bytes, &f->here_bytes);
    return TIMBRE_OK;
}

/* ---- repositories by name ---- */

typedef struct {
    const tb_hub *hub;
    const char *repo;
} place;

static bool is_entry_here(const tb_remote_entry *entry, void *user)
{
    const place *p = user;
    int64_t here_bytes;
    return tb_pull_blob_is_here(p->hub, p->repo, entry->etag, entry->len_bytes, &here_bytes);
}

/* A small file that the plan depends on: from the cache where it is whole there. */
static tb_status read_entry(const tb_pull_maker *m, const char *commit,
                            const tb_remote_entry *entry, char **json, size_t *n, tb_error *err)
{
    char *blob = NULL;
    place here = {m->hub, m->plan->name};
    if (!is_entry_here(entry, &here))
        return tb_remote_read_file(m->http, m->plan->name, commit, entry->path, json, n, err);
    tb_status st = tb_cache_blob_path(m->hub, m->plan->name, entry->etag, &blob, err);
    if (st == TIMBRE_OK)
        st = tb_file_read(blob, TB_HUB_JSON_MAX_BYTES, json, n, err);
    free(blob);
    return st;
}

static tb_status check_class(const tb_pull_maker *m, const char *commit, const tb_remote_tree *tree,
                             tb_error *err)
{
    char *json = NULL;
    size_t n = 0;
    const tb_remote_entry *entry = tb_remote_tree_find(tree, "model_index.json");
    tb_status st = entry == NULL ? TIMBRE_OK : read_entry(m, commit, entry, &json, &n, err);
    if (st == TIMBRE_OK && json != NULL)
        st = tb_choose_check_class(json, n, m->plan->name, err);
    free(json);
    return st;
}

static tb_status add_shards(const tb_pull_maker *m, const char *commit, const tb_remote_tree *tree,
                            tb_choice *choice, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; i < TB_CHOICE_NETWORKS && st == TIMBRE_OK; i++) {
        const tb_remote_entry *index = choice->shards[i];
        char *json = NULL;
        size_t n = 0;
        if (index == NULL)
            continue;
        st = read_entry(m, commit, index, &json, &n, err);
        if (st == TIMBRE_OK)
            st = tb_choose_shards(tree, index, json, n, choice, err);
        free(json);
    }
    return st;
}

static tb_status plan_tree(const tb_pull_maker *m, const char *commit, const tb_remote_tree *tree,
                           tb_error *err)
{
    place here = {m->hub, m->plan->name};
    tb_choice choice = {0};
    tb_status st = tb_choose(tree, m->plan->name, is_entry_here, &here, &choice, err);
    if (st == TIMBRE_OK)
        st = check_class(m, commit, tree, err);
    if (st == TIMBRE_OK)
        st = add_shards(m, commit, tree, &choice, err);
    for (size_t i = 0; i < tree->n && st == TIMBRE_OK; i++) {
        const tb_remote_entry *e = &tree->entries[i];
        if (choice.is_chosen[i])
            st = tb_pull_plan_add(m, m->plan->name, commit, e->path, e->etag, e->len_bytes, err);
    }
    tb_choice_deinit(&choice);
    return st;
}

static tb_status plan_repo(const tb_pull_maker *m, tb_error *err)
{
    tb_remote_info info = {0};
    tb_remote_tree tree = {0};
    tb_status st = tb_remote_ask_info(m->http, m->plan->name, m->plan->revision, &info, err);
    if (st == TIMBRE_OK)
        st = tb_remote_ask_tree(m->http, m->plan->name, info.commit, &tree, err);
    if (st == TIMBRE_OK) {
        free(m->plan->licence);
        m->plan->licence = info.licence;
        info.licence = NULL;
        st = plan_tree(m, info.commit, &tree, err);
    }
    tb_remote_info_deinit(&info);
    tb_remote_tree_deinit(&tree);
    return st;
}

/* ---- offline: what is here, whoever brought it ---- */

static tb_status find_here(const tb_pull_maker *m, tb_here_files *here, tb_error *err)
{
    tb_pull_plan *plan = m->plan;
    tb_manifest manifest = {0};
    bool has_manifest = tb_manifest_read(m->hub, plan->name, &manifest, NULL) == TIMBRE_OK;
    bool is_main = strcmp(plan->revision, "main") == 0;
    tb_status st = TIMBRE_OK;
    if (plan->known != NULL)
        st = tb_here_files_of_known(m->hub, plan->known, has_manifest ? &manifest : NULL, here,
                                    err);
    else if (has_manifest && manifest.revision != NULL &&
             strcmp(manifest.revision, plan->revision) == 0)
        st = tb_here_files_of_manifest(m->hub, &manifest, here, err);
    else if (is_main)
        st = tb_here_files_of_repo(m->hub, plan->name, here, err);
    if (plan->known == NULL && manifest.licence != NULL) {
        free(plan->licence);
        plan->licence = manifest.licence;
        manifest.licence = NULL;
    }
    tb_manifest_deinit(&manifest);
    return st;
}

static tb_status plan_offline(const tb_pull_maker *m, tb_error *err)
{
    tb_pull_plan *plan = m->plan;
    tb_here_files here = {0};
    plan->is_offline = true;
    tb_status st = find_here(m, &here, err);
    bool is_whole = st == TIMBRE_OK && here.n > 0;
    for (size_t i = 0; i < here.n && st == TIMBRE_OK && is_whole; i++) {
        const tb_here_file *h = &here.items[i];
        const tb_manifest_file *f = &h->file;
        is_whole = f->repo != NULL && (h->is_here || h->is_optional);
        if (!is_whole || !h->is_here)
            continue;
        st = tb_pull_plan_add(m, f->repo, f->commit, f->path, f->etag != NULL ? f->etag : "",
                              f->len_bytes, err);
        if (st == TIMBRE_OK) {
            /* also where the bytes are no blob of this cache: a copy, a store that is shared */
            plan->files[plan->n_files - 1].is_here = true;
            plan->files[plan->n_files - 1].here_bytes = f->len_bytes;
        }
    }
    tb_here_files_deinit(&here);
    if (st == TIMBRE_OK && !is_whole) {
        st = tb_fail(err, TIMBRE_MODEL_MISSING, "'%s' is not whole here, and HF_HUB_OFFLINE is set",
                     plan->name);
        tb_fix(err, "timbre models pull %s, without HF_HUB_OFFLINE", plan->name);
    }
    return st;
}

/* ---- the whole ---- */

static void add_up(const tb_hub *hub, tb_pull_plan *plan)
{
    plan->is_whole = true;
    for (size_t i = 0; i < plan->n_files; i++) {
        plan->len_bytes += plan->files[i].len_bytes;
        plan->here_bytes += plan->files[i].here_bytes;
        plan->is_whole = plan->is_whole && plan->files[i].is_here;
    }
    plan->free_bytes = tb_pull_free_bytes(hub);
}

static tb_status check_name(const char *name, const tb_known_model *known, const char *revision,
                            tb_error *err)
{
    if (known == NULL && !tb_repo_is_valid(name)) {
        const char *near = tb_registry_suggest(name);
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT,
                               "'%.120s' is neither a known model nor \"org/name\"", name);
        tb_fix(err, near != NULL ? "did you mean %s?" : "timbre models shows which there are%s",
               near != NULL ? near : "");
        return st;
    }
    if (known != NULL && strcmp(revision, "main") != 0)
        return tb_fail(err, TIMBRE_BAD_INPUT, "revision '%.120s': only for repositories by name",
                       revision);
    return tb_revision_is_valid(revision)
               ? TIMBRE_OK
               : tb_fail(err, TIMBRE_BAD_INPUT, "'%.120s' is no revision", revision);
}

tb_status tb_pull_plan_make(const tb_hub *hub, const char *name, const tb_pull_options *options,
                            tb_pull_plan *plan, tb_error *err)
{
    const char *revision = options->revision != NULL ? options->revision : "main";
    *plan = (tb_pull_plan){.known = tb_registry_find(name)};
    tb_status st = check_name(name, plan->known, revision, err);
    if (st != TIMBRE_OK)
        return st;
    plan->name = tb_strdup(name);
    plan->revision = tb_strdup(revision);
    plan->licence = tb_strdup(plan->known != NULL ? plan->known->licence : "unknown");
    plan->page = tb_strf("%s/%s", hub->endpoint,
                         plan->known != NULL ? plan->known->sources[0].repo : name);
    tb_http http = {0};
    tb_pull_maker m = {hub, &http, plan};
    if (plan->name == NULL || plan->revision == NULL || plan->licence == NULL || plan->page == NULL)
        st = no_memory(err);
    if (st == TIMBRE_OK && hub->is_offline)
        st = plan_offline(&m, err);
    else if (st == TIMBRE_OK)
        st = tb_http_init(&http, hub, options->cancel, err);
    if (st == TIMBRE_OK && !hub->is_offline)
        st = plan->known != NULL ? tb_pull_plan_known(&m, err) : plan_repo(&m, err);
    tb_http_deinit(&http);
    if (st == TIMBRE_OK)
        add_up(hub, plan);
    else
        tb_pull_plan_deinit(plan);
    return st;
}

void tb_pull_plan_deinit(tb_pull_plan *plan)
{
    for (size_t i = 0; i < plan->n_files; i++) {
        free(plan->files[i].repo);
        free(plan->files[i].commit);
        free(plan->files[i].path);
        free(plan->files[i].etag);
    }
    free(plan->files);
    free(plan->name);
    free(plan->revision);
    free(plan->licence);
    free(plan->page);
    *plan = (tb_pull_plan){0};
}
