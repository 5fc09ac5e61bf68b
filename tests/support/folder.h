/* Fixtures of a group that works in an empty folder of its own, which is removed at the end. */
#ifndef TESTS_SUPPORT_FOLDER_H
#define TESTS_SUPPORT_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char entered_folder[64]; /* "": none, and then nothing is removed */

static inline int enter_folder(void **state)
{
    char folder[] = "/tmp/timbre-test-XXXXXX";
    (void)state;
    if (mkdtemp(folder) == NULL || chdir(folder) != 0)
        return 1;
    (void)snprintf(entered_folder, sizeof entered_folder, "%s", folder);
    return 0;
}

static inline int leave_folder(void **state)
{
    char command[100];
    (void)state;
    if (entered_folder[0] == '\0')
        return 1;
    (void)snprintf(command, sizeof command, "rm -rf -- '%s'", entered_folder);
    entered_folder[0] = '\0';
    return chdir("/") != 0 || system(command) != 0;
}

#endif
