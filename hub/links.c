#include "hub/links.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/path.h"
#include "engine/base/str.h"
#include "hub/cache.h"

enum { DEPTH_MAX = 12 }; /* folders below "snapshots"; repositories are flat */

/* Do this to each entry of a folder, with its path; true: enough. */
typedef bool visit_fn(const char *path, const struct stat *info, int depth, void *user);

/* True: a visitor has seen enough; *is_readable becomes false where a folder cannot be looked into.
 */
static bool walk(const char *folder, int depth, visit_fn *visit, void *user, bool *is_readable)
{
    DIR *open = opendir(folder);
    const struct dirent *entry;
    bool is_enough = false;
    if (open == NULL) {
        *is_readable = *is_readable && errno == ENOENT;
        return false;
    }
    while (!is_enough && (entry = readdir(open)) != NULL) {
        struct stat info;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *path = tb_strf("%s/%s", folder, entry->d_name);
        bool is_there = path != NULL && lstat(path, &info) == 0;
        bool is_folder = is_there && S_ISDIR(info.st_mode);
        if (!is_there || (is_folder && depth == DEPTH_MAX))
            *is_readable = false;
        else if (is_folder)
            is_enough = walk(path, depth + 1, visit, user, is_readable);
        else
            is_enough = visit(path, &info, depth, user);
        free(path);
    }
    (void)closedir(open);
    return is_enough;
}

static bool leads_to_blob(const char *path, const struct stat *info, int depth, void *user)
{
    char target[PATH_MAX];
    (void)depth;
    if (!S_ISLNK(info->st_mode))
        return false;
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n < 0)
        return true; /* nobody knows */
    target[n] = '\0';
    return strcmp(tb_path_name(target), user) == 0;
}

bool tb_blob_is_linked(const tb_hub *hub, const char *repo, const char *etag)
{
    char *place = NULL;
    bool is_readable = true;
    tb_error ignored = {0};
    if (tb_cache_repo_path(hub, repo, &place, &ignored) != TIMBRE_OK)
        return true;
    char *snapshots = tb_strf("%s/snapshots", place);
    bool is_linked = snapshots == NULL ||
                     walk(snapshots, 0, leads_to_blob, (void *)etag, &is_readable);
    free(snapshots);
    free(place);
    return is_linked || !is_readable;
}

static bool remove_ref(const char *path, const struct stat *info, int depth, void *user)
{
    (void)depth;
    (void)user;
    if (S_ISREG(info->st_mode))
        (void)unlink(path);
    return false;
}

/* Folders of refs may be nested ("refs/pr/11"); rmdir refuses those that still have something. */
static void remove_refs(const char *place)
{
    bool ignored = true;
    char *refs = tb_strf("%s/refs", place);
    if (refs == NULL)
        return;
    (void)walk(refs, 0, remove_ref, NULL, &ignored);
    static const char *const tails[] = {"refs/pr", "refs", ""};
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        char *folder = tb_strf("%s/%s", refs, tails[i]);
        if (folder != NULL)
            (void)rmdir(folder);
        free(folder);
    }
    free(refs);
}

void tb_cache_tidy(const tb_hub *hub, const char *repo, const char *file_path)
{
    char *place = NULL, *folder = tb_path_folder(file_path);
    tb_error ignored = {0};
    if (folder == NULL || tb_cache_repo_path(hub, repo, &place, &ignored) != TIMBRE_OK) {
        free(folder);
        return;
    }
    size_t len = strlen(place);
    while (folder != NULL && strlen(folder) > len && strncmp(folder, place, len) == 0 &&
           rmdir(folder) == 0) {
        char *above = tb_path_folder(folder);
        free(folder);
        folder = above;
    }
    char *snapshots = tb_strf("%s/snapshots", place), *blobs = tb_strf("%s/blobs", place);
    if (snapshots != NULL && blobs != NULL && access(snapshots, F_OK) != 0) {
        remove_refs(place);
        (void)rmdir(blobs);
        (void)rmdir(place);
    }
    free(snapshots);
    free(blobs);
    free(folder);
    free(place);
}
