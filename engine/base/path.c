#include "engine/base/path.h"

#include <string.h>

#include "engine/base/str.h"

char *tb_path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return tb_strdup(".");
    return slash == path ? tb_strdup("/") : tb_strf("%.*s", (int)(slash - path), path);
}

const char *tb_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}
