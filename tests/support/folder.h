/* Fixtures of a group that works in an empty folder of its own, which is removed at the end. */
#ifndef TESTS_SUPPORT_FOLDER_H
#define TESTS_SUPPORT_FOLDER_H

#include <stdlib.h>
#include <unistd.h>

static inline int enter_folder(void **state)
{
    static char folder[] = "/tmp/timbre-test-XXXXXX";
    (void)state;
    return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static inline int leave_folder(void **state)
{
    (void)state;
    (void)!system("rm -rf -- \"$PWD\""); /* sh sets it to where it is */
    return chdir("/");
}

#endif
