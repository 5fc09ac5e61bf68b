#include "engine/base/target.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/path.h"

tb_status tb_target_fail_exists(const char *path, tb_error *err)
{
    tb_status st = tb_fail(err, TIMBRE_EXISTS, "'%s' exists already", path);
    tb_fix(err, "choose another name with -o, or overwrite it with --force");
    return st;
}

tb_status tb_target_check_folder(const char *folder, tb_error *err)
{
    struct stat info;
    tb_status st = TIMBRE_OK;
    if (stat(folder, &info) != 0)
        st = tb_fail_errno(err, errno, "the folder '%s' cannot be used", folder);
    else if (!S_ISDIR(info.st_mode))
        st = tb_fail(err, TIMBRE_BAD_INPUT, "'%s' is not a folder", folder);
    else if (access(folder, W_OK | X_OK) != 0)
        st = tb_fail_errno(err, errno, "cannot write in '%s'", folder);
    if (st == TIMBRE_NOT_FOUND)
        tb_fix(err, "make it first: mkdir -p '%s'", folder);
    else if (st != TIMBRE_OK)
        tb_fix(err, "choose another place with -o");
    return st;
}

tb_status tb_target_check(const char *path, bool replace, tb_error *err)
{
    struct stat info;
    char *folder = tb_path_folder(path);
    if (folder == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    tb_status st = tb_target_check_folder(folder, err);
    free(folder);
    if (st != TIMBRE_OK || lstat(path, &info) != 0)
        return st;
    if (S_ISDIR(info.st_mode))
        return tb_fail(err, TIMBRE_BAD_INPUT, "'%s' is a folder", path);
    return replace ? TIMBRE_OK : tb_target_fail_exists(path, err);
}
