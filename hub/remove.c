/* Taking a model away, and nothing that anybody else needs. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/str.h"
#include "hub/cache.h"
#include "hub/installed_files.h"
#include "hub/links.h"
#include "hub/mark.h"
#include "hub/upkeep.h"

typedef struct {
    const tb_hub *hub;
    const tb_installed *model;
    bool forces;
    tb_manifest *others; /* of all other models; owned */
    size_t n_others;
    tb_installed_list list; /* what is whole without a manifest needs its files, too */
    tb_removal *out;
} remover;

static tb_status no_memory(tb_error *err)
{
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory to remove a model");
}

/* ---- what others need ---- */

static tb_status read_others(remover *r, tb_error *err)
{
    char **names = NULL;
    size_t n = 0;
    tb_status st = tb_manifest_list(r->hub, &names, &n, err);
    if (st == TIMBRE_OK && (r->others = calloc(n + 1, sizeof *r->others)) == NULL)
        st = no_memory(err);
    for (size_t i = 0; st == TIMBRE_OK && i < n; i++) {
        tb_error why = {0};
        if (strcmp(names[i], r->model->name) == 0)
            continue;
        st = tb_manifest_read(r->hub, names[i], &r->others[r->n_others], &why);
        if (st == TIMBRE_OK)
            r->n_others++;
        else if (err != NULL)
            *err = why; /* what it needs is not known: rather nothing is removed */
    }
    tb_names_free(names, n);
    return st;
}

static void free_others(remover *r)
{
    for (size_t i = 0; i < r->n_others; i++)
        tb_manifest_deinit(&r->others[i]);
    free(r->others);
    tb_installed_list_deinit(&r->list);
}

static bool is_same(const char *text, const char *wanted)
{
    return text != NULL && wanted != NULL && strcmp(text, wanted) == 0;
}

/* By another manifest: this path, or, with path NULL, any file with this content. */
static bool is_needed(const remover *r, const char *repo, const char *path, const char *etag)
{
    for (size_t i = 0; i < r->n_others; i++)
        for (size_t k = 0; k < r->others[i].n_files; k++) {
            const tb_manifest_file *f = &r->others[i].files[k];
            if (is_same(f->repo, repo) && (is_same(f->path, path) || is_same(f->etag, etag)))
                return true;
        }
    return false;
}

/* By another known model that is whole here, whoever brought it. */
static bool is_of_whole_model(const remover *r, const char *repo, const char *path)
{
    for (size_t i = 0; i < r->list.n; i++) {
        const tb_installed *other = &r->list.items[i];
        if (other->known != NULL && other->state == TB_INSTALLED_WHOLE &&
            strcmp(other->name, r->model->name) != 0 && tb_known_has(other->known, repo, path))
            return true;
    }
    return false;
}

/* ---- one blob ---- */

/* *fd: open and locked, to be closed. EXISTS: somebody writes the blob at this moment. */
static tb_status lock_blob(const remover *r, const char *repo, const char *etag, int *fd,
                           tb_error *err)
{
    char *path = NULL;
    *fd = -1;
    tb_status st = tb_cache_lock_path(r->hub, repo, etag, &path, err);
    if (st == TIMBRE_OK)
        st = tb_cache_make_folder_of(r->hub, path, err);
    if (st == TIMBRE_OK && (*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666)) < 0)
        st = tb_fail_errno(err, errno, "cannot open '%s'", path);
    if (st == TIMBRE_OK && flock(*fd, LOCK_EX | LOCK_NB) != 0) {
        st = tb_fail(err, TIMBRE_EXISTS, "a file of '%s' is being fetched at this moment", repo);
        tb_fix(err, "wait for the other download, or stop it");
        (void)close(*fd);
        *fd = -1;
    }
    free(path);
    return st;
}

static tb_status unlink_counted(remover *r, const char *path, tb_error *err)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return TIMBRE_OK;
    if (!S_ISREG(info.st_mode)) /* only plain files were ever put there */
        return TIMBRE_OK;
    if (unlink(path) != 0)
        return tb_fail_errno(err, errno, "cannot remove '%s'", path);
    r->out->n_bytes += info.st_size;
    r->out->n_files++;
    return TIMBRE_OK;
}

/* The blob, its part and its validator; the lock file stays, as its users expect. Whoever calls has
 * made sure that nobody needs it. */
static tb_status remove_blob(remover *r, const char *repo, const char *etag, tb_error *err)
{
    char *blob = NULL, *lock = NULL;
    int fd = -1;
    tb_status st = tb_cache_blob_path(r->hub, repo, etag, &blob, err);
    if (st == TIMBRE_OK)
        st = tb_cache_lock_path(r->hub, repo, etag, &lock, err);
    if (st == TIMBRE_OK)
        st = lock_blob(r, repo, etag, &fd, err);
    char *part = st == TIMBRE_OK ? tb_strf("%s.incomplete", blob) : NULL;
    char *validator = st == TIMBRE_OK
                          ? tb_strf("%.*s.validator", (int)(strlen(lock) - strlen(".lock")), lock)
                          : NULL;
    if (st == TIMBRE_OK && (part == NULL || validator == NULL))
        st = no_memory(err);
    if (st == TIMBRE_OK)
        st = unlink_counted(r, blob, err);
    if (st == TIMBRE_OK)
        st = unlink_counted(r, part, err);
    if (st == TIMBRE_OK)
        (void)unlink(validator);
    if (st == TIMBRE_OK)
        tb_mark_remove(r->hub, repo, etag);
    if (fd >= 0)
        (void)close(fd);
    free(validator);
    free(part);
    free(lock);
    free(blob);
    return st;
}

/* ---- files of the model ---- */

static tb_status remove_file(remover *r, const tb_here_file *here, tb_error *err)
{
    const tb_manifest_file *f = &here->file;
    char *link = NULL, *etag = NULL;
    int64_t len_bytes = 0;
    bool may_go = f->repo != NULL && (f->is_ours || r->forces) &&
                  !is_needed(r, f->repo, f->path, NULL) && !is_of_whole_model(r, f->repo, f->path);
    if (!may_go) {
        r->out->n_kept += here->is_here;
        return TIMBRE_OK;
    }
    tb_status st = tb_cache_file_path(r->hub, f->repo, f->commit, f->path, &link, err);
    tb_error ignored = {0};
    if (st == TIMBRE_OK && tb_cache_find_file(r->hub, f->repo, f->commit, f->path, &etag,
                                              &len_bytes, &ignored) != TIMBRE_OK)
        etag = f->etag == NULL ? NULL : tb_strdup(f->etag); /* the link is gone, or leads nowhere */
    struct stat info;
    bool is_link = st == TIMBRE_OK && lstat(link, &info) == 0 && S_ISLNK(info.st_mode);
    if (is_link && unlink(link) != 0)
        st = tb_fail_errno(err, errno, "cannot remove '%s'", link);
    if (st == TIMBRE_OK && etag != NULL && !is_needed(r, f->repo, NULL, etag) &&
        !tb_blob_is_linked(r->hub, f->repo, etag))
        st = remove_blob(r, f->repo, etag, err);
    if (st == TIMBRE_OK)
        tb_cache_tidy(r->hub, f->repo, link);
    free(etag);
    free(link);
    return st;
}

/* Nothing is touched as long as some blob is being written. */
static tb_status require_unlocked(const remover *r, const tb_here_files *files, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && i < files->n; i++) {
        const tb_manifest_file *f = &files->items[i].file;
        int fd = -1;
        if (f->repo == NULL || f->etag == NULL || !(f->is_ours || r->forces))
            continue;
        st = lock_blob(r, f->repo, f->etag, &fd, err);
        if (fd >= 0)
            (void)close(fd);
    }
    return st;
}

/* ---- what a stopped pull left ---- */

/* The hash in "HASH" or "HASH.incomplete"; false: the file is none of these. */
static bool read_blob_name(const char *name, char etag[65])
{
    size_t len = strspn(name, "0123456789abcdef");
    if (len > 64 || (name[len] != '\0' && strcmp(name + len, ".incomplete") != 0))
        return false;
    memcpy(etag, name, len);
    etag[len] = '\0';
    return tb_etag_is_valid(etag);
}

/* A part alone is of no use to anybody; a whole blob may be another program's. */
static bool may_sweep(const remover *r, const char *repo, const char *etag)
{
    char *blob = NULL;
    bool is_whole = tb_cache_blob_path(r->hub, repo, etag, &blob, NULL) != TIMBRE_OK ||
                    access(blob, F_OK) == 0;
    free(blob);
    return r->forces || !is_whole || tb_mark_is_of_blob(r->hub, repo, etag);
}

/* Parts, and blobs without a link that a pull of ours left: of a repository that is this model's
 * alone. */
static tb_status sweep(remover *r, const char *repo, tb_error *err)
{
    char *place = NULL, etag[65];
    tb_status st = tb_cache_repo_path(r->hub, repo, &place, err);
    char *folder = st == TIMBRE_OK ? tb_strf("%s/blobs", place) : NULL;
    char *inside = st == TIMBRE_OK ? tb_strf("%s/blobs/x", place) : NULL;
    DIR *open = folder == NULL ? NULL : opendir(folder);
    const struct dirent *entry;
    while (st == TIMBRE_OK && open != NULL && (entry = readdir(open)) != NULL)
        if (read_blob_name(entry->d_name, etag) && !is_needed(r, repo, NULL, etag) &&
            !tb_blob_is_linked(r->hub, repo, etag) && may_sweep(r, repo, etag)) {
            st = remove_blob(r, repo, etag, err);
            if (st == TIMBRE_EXISTS) /* somebody fetches it: theirs now */
                st = TIMBRE_OK;
        }
    if (open != NULL)
        (void)closedir(open);
    if (st == TIMBRE_OK && inside != NULL)
        tb_cache_tidy(r->hub, repo, inside);
    free(inside);
    free(folder);
    free(place);
    return st;
}

static tb_status sweep_own(remover *r, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    const tb_known_model *known = r->model->known;
    if (known == NULL)
        return r->model->provenance == TB_PROVENANCE_PULLED ? sweep(r, r->model->name, err)
                                                            : TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && i < known->n_sources; i++) {
        const tb_known_source *source = &known->sources[i];
        bool is_own = false;
        for (size_t k = 0; k < source->n_files; k++)
            is_own |= !tb_known_is_shared(known, source->repo, source->files[k].path);
        if (is_own)
            st = sweep(r, source->repo, err);
    }
    return st;
}

/* ---- all ---- */

static tb_status remove_all(remover *r, tb_error *err)
{
    tb_here_files files = {0};
    tb_status st = read_others(r, err);
    if (st == TIMBRE_OK)
        st = tb_installed_list_read(r->hub, &r->list, NULL, err);
    if (st == TIMBRE_OK)
        st = tb_here_files_of(r->hub, r->model, &files, err);
    if (st == TIMBRE_OK)
        st = require_unlocked(r, &files, err);
    for (size_t i = 0; st == TIMBRE_OK && i < files.n; i++)
        st = remove_file(r, &files.items[i], err);
    if (st == TIMBRE_OK &&
        (files.has_manifest || r->forces || r->model->state == TB_INSTALLED_PARTIAL))
        st = sweep_own(r, err);
    tb_here_files_deinit(&files);
    free_others(r);
    return st;
}

tb_status tb_remove(const tb_hub *hub, const tb_installed *model, bool force, tb_removal *out,
                    tb_error *err)
{
    remover r = {.hub = hub, .model = model, .forces = force, .out = out};
    *out = (tb_removal){.is_forgotten_only = model->provenance == TB_PROVENANCE_ADDED};
    if (model->provenance == TB_PROVENANCE_SHIPPED) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "the model '%.200s' belongs to the program",
                               model->name);
        tb_fix(err, "it answers only where --model names it");
        return st;
    }
    tb_status st = out->is_forgotten_only ? TIMBRE_OK : remove_all(&r, err);
    /* last: a removal that was stopped can go on */
    return st == TIMBRE_OK ? tb_manifest_remove(hub, model->name, err) : st;
}
