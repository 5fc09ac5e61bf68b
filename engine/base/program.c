#include "engine/base/program.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

#include "engine/base/str.h"

#ifdef __APPLE__

char *tb_program_again(void)
{
    char path[PATH_MAX];
    uint32_t size = sizeof path;
    return _NSGetExecutablePath(path, &size) == 0 ? tb_strdup(path) : NULL;
}

#else

char *tb_program_again(void)
{
    return tb_strdup("/proc/self/exe");
}

#endif

char *tb_program_path(void)
{
    char *again = tb_program_again();
    char *path = again == NULL ? NULL : realpath(again, NULL);
    free(again);
    return path;
}
