#include "worker/crash_point.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void tb_crash_point(const char *name)
{
    static atomic_int n_passed;
    const char *wanted = getenv("TIMBRE_TEST_CRASH");
    size_t n = strlen(name);
    if (wanted == NULL || strncmp(wanted, name, n) != 0 || (wanted[n] != '\0' && wanted[n] != ':'))
        return;
    int count = wanted[n] == ':' ? atoi(wanted + n + 1) : 1;
    if (atomic_fetch_add(&n_passed, 1) + 1 == count)
        (void)kill(getpid(), SIGKILL);
}
