#include "engine/os/library.h"

#include <dlfcn.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

tb_library *tb_library_open(const char *name)
{
    sigset_t all, before; /* threads inherit the mask: a program's signals are not theirs */
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return library;
}

bool tb_library_find(tb_library *library, const char *symbol, void *function)
{
    void *address = dlsym(library, symbol);
    _Static_assert(sizeof address == sizeof(void (*)(void)), "POSIX: functions have addresses");
    memcpy(function, &address, sizeof address);
    return address != NULL;
}
