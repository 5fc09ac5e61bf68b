#include "cli/paths.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/str.h"

/* The value of an environment variable; NULL when unset or empty. */
static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

/* $VARIABLE/timbre (the XDG specification has relative values ignored), else ~/FALLBACK/timbre. */
static char *xdg_path(const char *variable, const char *fallback)
{
    const char *base = environment(variable);
    if (base != NULL && base[0] == '/')
        return tb_strf("%s/timbre", base);
    const char *home = environment("HOME");
    return home == NULL ? NULL : tb_strf("%s/%s/timbre", home, fallback);
}

char *tb_path_user_settings(void)
{
    char *folder = xdg_path("XDG_CONFIG_HOME", ".config");
    char *path = folder == NULL ? NULL : tb_strf("%s/config.ini", folder);
    free(folder);
    return path;
}

char *tb_path_system_settings(void)
{
    const char *folders = environment("XDG_CONFIG_DIRS");
    if (folders == NULL)
        folders = "/etc/xdg";
    while (*folders != '\0') {
        size_t length = strcspn(folders, ":");
        char *path = tb_strf("%.*s/timbre/config.ini", (int)length, folders);
        if (path != NULL && path[0] == '/' && access(path, F_OK) == 0)
            return path;
        free(path);
        folders += length + (folders[length] == ':');
    }
    return NULL;
}

tb_status tb_path_data(const char *flag, char **out, tb_error *err)
{
    const char *given = flag != NULL ? flag : environment("TIMBRE_DATA_DIR");
    if (given != NULL)
        return tb_path_expand("data folder", given, out, err);
    *out = xdg_path("XDG_DATA_HOME", ".local/share");
    if (*out != NULL)
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "no data folder: HOME is not set");
    tb_fix(err, "set HOME, or name one with --data-dir");
    return st;
}

tb_status tb_path_expand(const char *name, const char *path, char **out, tb_error *err)
{
    const char *home = environment("HOME");
    if (strcmp(path, "~") != 0 && strncmp(path, "~/", 2) != 0) {
        *out = tb_strdup(path);
    } else if (home != NULL) {
        *out = tb_strf("%s%s", home, path + 1);
    } else {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT,
                               "%s '%s' needs a home folder, and HOME is "
                               "not set",
                               name, path);
        tb_fix(err, "set HOME, or give a path that does not begin with ~");
        return st;
    }
    return *out != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
}

bool tb_path_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}
