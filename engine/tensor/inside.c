#include "engine/tensor/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/str.h"

enum { NAME_MAX_BYTES = 255 };

bool tb_path_is_plain_name(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > NAME_MAX_BYTES || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (const char *p = name; *p != '\0'; p++)
        if (*p == '/' || *p == '\\' || (unsigned char)*p < 0x20 || *p == 0x7f)
            return false;
    return true;
}

static bool is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    if (strcmp(folder, "/") == 0)
        return true;
    return strncmp(path, folder, len) == 0 && path[len] == '/';
}

/*
 * "C/models--X/blobs" when the real path `root` is at or below C/models--X/snapshots/REVISION, else
 * NULL; owned. *is_lost: no memory. The last "snapshots" counts: nothing above it is the model's.
 */
static char *blobs_of(const char *root, bool *is_lost)
{
    static const char marker[] = "/snapshots/", name[] = "models--";
    const char *at = NULL;
    *is_lost = false;
    for (const char *p = strstr(root, marker); p != NULL; p = strstr(p + 1, marker))
        at = p;
    if (at == NULL || at[sizeof marker - 1] == '\0')
        return NULL;
    const char *folder = at;
    while (folder > root && folder[-1] != '/')
        folder--;
    if (strncmp(folder, name, sizeof name - 1) != 0)
        return NULL;
    char *blobs = tb_strf("%.*s/blobs", (int)(at - root), root);
    *is_lost = blobs == NULL;
    return blobs;
}

static tb_status require_real(const char *path, const char *real, const char *root, tb_error *err)
{
    if (is_below(real, root))
        return TIMBRE_OK;
    bool is_lost;
    char *blobs = blobs_of(root, &is_lost);
    bool is_blob = blobs != NULL && is_below(real, blobs) &&
                   strchr(real + strlen(blobs) + 1, '/') == NULL;
    free(blobs);
    if (is_lost)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    if (is_blob)
        return TIMBRE_OK;
    tb_fail(err, TIMBRE_BAD_FILE, "'%.150s' leads out of the model's folder, to '%.150s'", path,
            real);
    tb_fix(err, "copy the file into the model's folder in place of the link");
    return TIMBRE_BAD_FILE;
}

tb_status tb_path_require_inside(const char *path, const char *root, tb_error *err)
{
    char *real_root = realpath(root, NULL);
    if (real_root == NULL)
        return tb_fail_errno(err, errno, "cannot find the folder '%s'", root);
    tb_status st;
    char *real = realpath(path, NULL);
    if (real == NULL)
        st = tb_fail_errno(err, errno, "cannot find '%s'", path);
    else
        st = require_real(path, real, real_root, err);
    free(real);
    free(real_root);
    return st;
}
