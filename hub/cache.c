#include "hub/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/limits.h"
#include "engine/base/path.h"
#include "engine/base/str.h"

static tb_status no_memory(tb_error *err)
{
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the cache of models");
}

static tb_status keep(char *path, char **out, tb_error *err)
{
    *out = path;
    return path != NULL ? TIMBRE_OK : no_memory(err);
}

/* ---- names to paths ---- */

bool tb_etag_is_valid(const char *etag)
{
    size_t len = strlen(etag);
    return (len == 40 || len == 64) && strspn(etag, "0123456789abcdef") == len;
}

/* "models--ORG--NAME" */
static tb_status folder_name(const char *repo, char **out, tb_error *err)
{
    *out = NULL;
    if (!tb_repo_is_valid(repo))
        return tb_fail(err, TIMBRE_BAD_INPUT, "'%.200s' is no name of a repository, ORG/NAME",
                       repo);
    const char *slash = strchr(repo, '/');
    return keep(tb_strf("models--%.*s--%s", (int)(slash - repo), repo, slash + 1), out, err);
}

static tb_status require_etag(const char *etag, tb_error *err)
{
    return tb_etag_is_valid(etag)
               ? TIMBRE_OK
               : tb_fail(err, TIMBRE_BAD_INPUT, "'%.100s' is no SHA-256 and no SHA-1", etag);
}

tb_status tb_cache_repo_path(const tb_hub *hub, const char *repo, char **out, tb_error *err)
{
    char *folder = NULL;
    *out = NULL;
    tb_status st = folder_name(repo, &folder, err);
    if (st == TIMBRE_OK)
        st = keep(tb_strf("%s/%s", hub->cache, folder), out, err);
    free(folder);
    return st;
}

tb_status tb_cache_blob_path(const tb_hub *hub, const char *repo, const char *etag, char **out,
                             tb_error *err)
{
    char *folder = NULL;
    *out = NULL;
    tb_status st = require_etag(etag, err);
    if (st == TIMBRE_OK)
        st = tb_cache_repo_path(hub, repo, &folder, err);
    if (st == TIMBRE_OK)
        st = keep(tb_strf("%s/blobs/%s", folder, etag), out, err);
    free(folder);
    return st;
}

tb_status tb_cache_lock_path(const tb_hub *hub, const char *repo, const char *etag, char **out,
                             tb_error *err)
{
    char *folder = NULL;
    *out = NULL;
    tb_status st = require_etag(etag, err);
    if (st == TIMBRE_OK)
        st = folder_name(repo, &folder, err);
    if (st == TIMBRE_OK)
        st = keep(tb_strf("%s/.locks/%s/%s.lock", hub->cache, folder, etag), out, err);
    free(folder);
    return st;
}

tb_status tb_cache_file_path(const tb_hub *hub, const char *repo, const char *commit,
                             const char *path, char **out, tb_error *err)
{
    char *folder = NULL;
    *out = NULL;
    if (!tb_commit_is_valid(commit))
        return tb_fail(err, TIMBRE_BAD_INPUT, "'%.100s' is no commit", commit);
    if (path[0] != '\0' && !tb_repo_path_is_valid(path))
        return tb_fail(err, TIMBRE_BAD_INPUT, "'%.200s' is no path in a repository", path);
    tb_status st = tb_cache_repo_path(hub, repo, &folder, err);
    if (st == TIMBRE_OK)
        st = keep(tb_strf("%s/snapshots/%s%s%s", folder, commit, path[0] == '\0' ? "" : "/", path),
                  out, err);
    free(folder);
    return st;
}

static tb_status ref_path(const tb_hub *hub, const char *repo, const char *revision, char **out,
                          tb_error *err)
{
    char *folder = NULL;
    *out = NULL;
    if (!tb_revision_is_valid(revision))
        return tb_fail(err, TIMBRE_BAD_INPUT, "'%.200s' is no revision", revision);
    tb_status st = tb_cache_repo_path(hub, repo, &folder, err);
    if (st == TIMBRE_OK)
        st = keep(tb_strf("%s/refs/%s", folder, revision), out, err);
    free(folder);
    return st;
}

/* ---- making folders ---- */

/* The cache's root says to programs that make backups that it can be had again
 * (bford.info/cachedir). */
static void tag_root(const tb_hub *hub)
{
    static const char text[] = "Signature: 8a477f597d28d172789f06886806bc55\n"
                               "# Models from the Hugging Face Hub, which can be fetched again.\n";
    char *path = tb_strf("%s/CACHEDIR.TAG", hub->cache);
    tb_error ignored = {0}; /* a cache without it is as good; EXISTS is the usual answer */
    if (path != NULL && access(path, F_OK) != 0)
        (void)!tb_file_write(path, text, sizeof text - 1, false, &ignored);
    free(path);
}

tb_status tb_cache_make_folder_of(const tb_hub *hub, const char *path, tb_error *err)
{
    bool is_new = access(hub->cache, F_OK) != 0;
    char *folder = tb_path_folder(path);
    tb_status st = folder == NULL ? no_memory(err) : tb_dir_make(folder, err);
    if (st == TIMBRE_OK && is_new)
        tag_root(hub);
    free(folder);
    return st;
}

tb_status tb_cache_sync_folder_of(const char *path, tb_error *err)
{
    char *folder = tb_path_folder(path);
    if (folder == NULL)
        return no_memory(err);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    tb_status st = TIMBRE_OK;
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP))
        st = tb_fail_errno(err, errno, "cannot sync '%s'", folder);
    if (fd >= 0)
        (void)close(fd);
    free(folder);
    return st;
}

/* ---- refs ---- */

/* The first line of a small file. */
static tb_status read_commit(const char *path, char commit[41], tb_error *err)
{
    enum { MAX_BYTES = 64 };
    char *text = NULL;
    size_t len_bytes = 0;
    tb_status st = tb_file_read(path, MAX_BYTES, &text, &len_bytes, err);
    if (st != TIMBRE_OK)
        return st;
    text[strcspn(text, "\r\n")] = '\0';
    if (tb_commit_is_valid(text))
        memcpy(commit, text, 41);
    else
        st = tb_fail(err, TIMBRE_BAD_FILE, "'%s' holds no commit", path);
    free(text);
    return st;
}

tb_status tb_cache_read_ref(const tb_hub *hub, const char *repo, const char *revision,
                            char commit[41], tb_error *err)
{
    char *path = NULL;
    if (tb_commit_is_valid(revision)) {
        memcpy(commit, revision, 41);
        return TIMBRE_OK;
    }
    tb_status st = ref_path(hub, repo, revision, &path, err);
    if (st == TIMBRE_OK)
        st = read_commit(path, commit, err);
    free(path);
    return st;
}

tb_status tb_cache_write_ref(const tb_hub *hub, const char *repo, const char *revision,
                             const char *commit, tb_error *err)
{
    char *path = NULL;
    if (!tb_commit_is_valid(commit))
        return tb_fail(err, TIMBRE_BAD_INPUT, "'%.100s' is no commit", commit);
    if (tb_commit_is_valid(revision))
        return TIMBRE_OK;
    tb_status st = ref_path(hub, repo, revision, &path, err);
    if (st == TIMBRE_OK)
        st = tb_cache_make_folder_of(hub, path, err);
    if (st == TIMBRE_OK)
        st = tb_file_write(path, commit, strlen(commit), true, err);
    free(path);
    return st;
}

/* ---- links ---- */

/* From snapshots/COMMIT/PATH to blobs/ETAG: one step up for each folder. Owned. */
static char *relative_target(const char *path, const char *etag)
{
    tb_str text = {0};
    tb_str_append(&text, "../../");
    for (const char *c = path; *c != '\0'; c++)
        if (*c == '/')
            tb_str_append(&text, "../");
    tb_str_appendf(&text, "blobs/%s", etag);
    return tb_str_take(&text);
}

static bool leads_to(const char *link, const char *target)
{
    char found[PATH_MAX];
    ssize_t n = readlink(link, found, sizeof found - 1);
    if (n < 0)
        return false;
    found[n] = '\0';
    return strcmp(found, target) == 0;
}

static tb_status refuse_link(const char *path, int error, tb_error *err)
{
    tb_status st = tb_fail_errno(err, error, "cannot make the link '%s'", path);
    if (error == EPERM || error == ENOTSUP)
        tb_fix(err, "the cache needs a file system with symbolic links: set HF_HUB_CACHE to a "
                    "folder on one");
    return st;
}

/* A link of another name, renamed over what is there: at no moment is nothing there. */
static tb_status replace_link(const char *target, const char *path, tb_error *err)
{
    char *temporary = tb_strf("%s.%ld.part", path, (long)getpid());
    if (temporary == NULL)
        return no_memory(err);
    tb_status st = TIMBRE_OK;
    (void)unlink(temporary);
    if (symlink(target, temporary) != 0) {
        st = refuse_link(path, errno, err);
    } else if (rename(temporary, path) != 0) {
        st = tb_fail_errno(err, errno, "cannot put the link '%s' in place", path);
        (void)unlink(temporary);
    }
    free(temporary);
    return st;
}

/* Mostly nothing is there, and a link appears in one step: a kill leaves no other name behind. */
static tb_status put_link(const char *target, const char *path, tb_error *err)
{
    if (leads_to(path, target))
        return TIMBRE_OK;
    if (symlink(target, path) != 0) {
        tb_status st = errno == EEXIST ? replace_link(target, path, err)
                                       : refuse_link(path, errno, err);
        if (st != TIMBRE_OK)
            return st;
    }
    return tb_cache_sync_folder_of(path, err);
}

tb_status tb_cache_link(const tb_hub *hub, const char *repo, const char *commit, const char *path,
                        const char *etag, tb_error *err)
{
    char *link = NULL, *target = NULL;
    tb_status st = require_etag(etag, err);
    if (st == TIMBRE_OK)
        st = tb_cache_file_path(hub, repo, commit, path, &link, err);
    if (st == TIMBRE_OK)
        st = tb_cache_make_folder_of(hub, link, err);
    if (st == TIMBRE_OK && (target = relative_target(path, etag)) == NULL)
        st = no_memory(err);
    if (st == TIMBRE_OK)
        st = put_link(target, link, err);
    free(target);
    free(link);
    return st;
}

/* The blob's name where the link's text is that of a link of ours. Owned, or NULL. */
static tb_status read_link(const char *link, const char *path, char **etag, tb_error *err)
{
    char found[PATH_MAX];
    ssize_t n = readlink(link, found, sizeof found - 1);
    if (n < 0)
        return TIMBRE_OK;
    found[n] = '\0';
    const char *name = tb_path_name(found);
    if (!tb_etag_is_valid(name))
        return TIMBRE_OK;
    char *ours = relative_target(path, name);
    tb_status st = ours == NULL ? no_memory(err) : TIMBRE_OK;
    if (st == TIMBRE_OK && strcmp(ours, found) == 0 && (*etag = tb_strdup(name)) == NULL)
        st = no_memory(err);
    free(ours);
    return st;
}

tb_status tb_cache_find_file(const tb_hub *hub, const char *repo, const char *commit,
                             const char *path, char **etag, int64_t *len_bytes, tb_error *err)
{
    char *link = NULL;
    struct stat info;
    *etag = NULL;
    tb_status st = tb_cache_file_path(hub, repo, commit, path, &link, err);
    if (st == TIMBRE_OK && (stat(link, &info) != 0 || !S_ISREG(info.st_mode)))
        st = tb_fail(err, TIMBRE_NOT_FOUND, "there is no file '%s'", link);
    if (st == TIMBRE_OK)
        st = read_link(link, path, etag, err);
    if (st == TIMBRE_OK)
        *len_bytes = info.st_size;
    free(link);
    return st;
}

/* ---- all repositories ---- */

/* "models--ORG--NAME" to "ORG/NAME"; owned. NULL: it is none, or for memory. A "--" inside of a
 * part cannot be: the names are checked. */
static char *repo_of(const char *folder)
{
    static const char prefix[] = "models--";
    if (strncmp(folder, prefix, sizeof prefix - 1) != 0)
        return NULL;
    const char *org = folder + sizeof prefix - 1, *middle = strstr(org, "--");
    char *repo = middle == NULL ? NULL : tb_strf("%.*s/%s", (int)(middle - org), org, middle + 2);
    if (repo != NULL && tb_repo_is_valid(repo))
        return repo;
    free(repo);
    return NULL;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

tb_status tb_cache_list_repos(const tb_hub *hub, char ***repos, size_t *n, tb_error *err)
{
    *repos = NULL;
    *n = 0;
    DIR *folder = opendir(hub->cache);
    if (folder == NULL)
        return errno == ENOENT ? TIMBRE_OK
                               : tb_fail_errno(err, errno, "cannot look into '%s'", hub->cache);
    char **list = calloc(TB_HUB_REPOS_MAX, sizeof *list);
    if (list == NULL) {
        (void)closedir(folder);
        return no_memory(err);
    }
    const struct dirent *entry;
    while (*n < TB_HUB_REPOS_MAX && (entry = readdir(folder)) != NULL)
        if ((list[*n] = repo_of(entry->d_name)) != NULL)
            (*n)++;
    (void)closedir(folder);
    qsort(list, *n, sizeof *list, by_text);
    *repos = list;
    return TIMBRE_OK;
}
