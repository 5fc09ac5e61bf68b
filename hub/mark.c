/* Marks of blobs that a pull of ours began: see the header. */
#include "hub/mark.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/str.h"
#include "hub/cache.h"

enum { TEXT_MAX = 32 };

/* Owned; NULL: no valid name, or memory. */
static char *mark_path(const tb_hub *hub, const char *repo, const char *etag, tb_error *err)
{
    char *lock = NULL;
    if (tb_cache_lock_path(hub, repo, etag, &lock, err) != TIMBRE_OK)
        return NULL;
    char *path = tb_strf("%.*s.timbre", (int)(strlen(lock) - strlen(".lock")), lock);
    if (path == NULL)
        (void)tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    free(lock);
    return path;
}

static void format_inode(const struct stat *info, char text[TEXT_MAX])
{
    (void)snprintf(text, TEXT_MAX, "%llu\n", (unsigned long long)info->st_ino);
}

tb_status tb_mark_write(const tb_hub *hub, const char *repo, const char *etag,
                        const struct stat *info, tb_error *err)
{
    char text[TEXT_MAX], *path = mark_path(hub, repo, etag, err);
    format_inode(info, text);
    tb_status st = path != NULL ? tb_file_write(path, text, strlen(text), true, err)
                                : TIMBRE_NO_MEMORY;
    free(path);
    return st;
}

bool tb_mark_is_of_blob(const tb_hub *hub, const char *repo, const char *etag)
{
    char wanted[TEXT_MAX], *text = NULL, *blob = NULL;
    size_t n = 0;
    struct stat info;
    char *path = mark_path(hub, repo, etag, NULL);
    bool is_ours = path != NULL && tb_cache_blob_path(hub, repo, etag, &blob, NULL) == TIMBRE_OK &&
                   lstat(blob, &info) == 0 && S_ISREG(info.st_mode) &&
                   tb_file_read(path, TEXT_MAX, &text, &n, NULL) == TIMBRE_OK;
    if (is_ours) {
        format_inode(&info, wanted);
        is_ours = n == strlen(wanted) && memcmp(text, wanted, n) == 0;
    }
    free(text);
    free(blob);
    free(path);
    return is_ours;
}

void tb_mark_remove(const tb_hub *hub, const char *repo, const char *etag)
{
    char *path = mark_path(hub, repo, etag, NULL);
    if (path != NULL)
        (void)unlink(path);
    free(path);
}
