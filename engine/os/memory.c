#include "engine/os/memory.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__APPLE__)
#include <sys/sysctl.h>
#endif
#if defined(__GLIBC__)
#include <malloc.h>
#endif

/* Of x86-64, and of arm64 with pages of 4 KiB; where it is another the system takes what fits. */
#define LARGE_PAGE_BYTES ((size_t)2 * 1024 * 1024)

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#if defined(__linux__)
/* The number behind `key` in a file of "key: number" or plain numbers; -1: there is none. */
static int64_t read_number(const char *path, const char *key)
{
    FILE *file = fopen(path, "re");
    char line[256];
    int64_t found = -1;
    while (file != NULL && found < 0 && fgets(line, sizeof line, file) != NULL) {
        size_t n = strlen(key);
        if (strncmp(line, key, n) == 0 && line[n] != '\0' &&
            strchr("0123456789 \t", line[n]) != NULL)
            found = strtoll(line + n, NULL, 10);
    }
    if (file != NULL)
        (void)fclose(file);
    return found;
}

static int64_t system_available(void)
{
    int64_t kib = read_number("/proc/meminfo", "MemAvailable:");
    int64_t bytes = kib < 0 ? INT64_MAX : kib * 1024;
    /* control groups version 2: what a container or a service may have */
    int64_t most = read_number("/sys/fs/cgroup/memory.max", "");
    int64_t now = read_number("/sys/fs/cgroup/memory.current", "");
    int64_t cache = read_number("/sys/fs/cgroup/memory.stat", "inactive_file ");
    if (most >= 0 && now >= 0)
        bytes = least(bytes, most - now + (cache > 0 ? cache : 0));
    return bytes < 0 ? 0 : bytes;
}

static int64_t address_space_used(void)
{
    int64_t pages = read_number("/proc/self/statm", "");
    return pages < 0 ? 0 : pages * sysconf(_SC_PAGESIZE);
}
#else
static int64_t system_available(void)
{
    int64_t bytes = INT64_MAX;
#if defined(__APPLE__)
    uint64_t all = 0;
    size_t size = sizeof all;
    if (sysctlbyname("hw.memsize", &all, &size, NULL, 0) == 0)
        bytes = (int64_t)(all / 4 * 3); /* the system keeps the rest */
#endif
    return bytes;
}

static int64_t address_space_used(void)
{
    return 0;
}
#endif

int64_t tb_memory_available(void)
{
    int64_t bytes = system_available();
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        int64_t left = (int64_t)limit.rlim_cur - address_space_used();
        bytes = least(bytes, left < 0 ? 0 : left);
    }
    return bytes;
}

tb_status tb_memory_require(const char *what, int64_t bytes, tb_error *err)
{
    int64_t available = tb_memory_available();
    if (bytes <= available)
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_NO_MEMORY, "%s needs %.2f GB of memory and %.2f GB are free",
                           what, (double)bytes / 1e9, (double)available / 1e9);
    tb_fix(err, "close other programs, ask for a shorter take, or use a smaller model");
    return st;
}

void tb_memory_trim(void)
{
#if defined(__GLIBC__)
    (void)malloc_trim(0);
#endif
}

size_t tb_memory_alignment(size_t size)
{
#if defined(MADV_HUGEPAGE)
    return size >= 2 * LARGE_PAGE_BYTES ? LARGE_PAGE_BYTES : 0;
#else
    return 0;
#endif
}

void tb_memory_use_large_pages(void *block, size_t size)
{
#if defined(MADV_HUGEPAGE)
    size_t whole = size / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES;
    if ((uintptr_t)block % LARGE_PAGE_BYTES == 0 && whole > 0)
        (void)madvise(block, whole, MADV_HUGEPAGE); /* a wish: a system without them refuses */
#endif
}

int64_t tb_memory_peak(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
#if defined(__APPLE__)
    return usage.ru_maxrss;
#else
    return (int64_t)usage.ru_maxrss * 1024;
#endif
}
