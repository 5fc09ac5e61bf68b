#include "tests/support/faults.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

long calls_until_fault;

/* Counts one fallible call; true when it is the one to fail. */
static int is_fault(void)
{
    if (calls_until_fault > 0 && --calls_until_fault == 0)
        return 1;
    return 0;
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
    return is_fault() ? NULL : __real_malloc(n);
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    return is_fault() ? NULL : __real_calloc(n, size);
}

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n)
{
    return is_fault() ? NULL : __real_realloc(p, n);
}

void *__real_aligned_alloc(size_t alignment, size_t n);
void *__wrap_aligned_alloc(size_t alignment, size_t n);
void *__wrap_aligned_alloc(size_t alignment, size_t n)
{
    return is_fault() ? NULL : __real_aligned_alloc(alignment, n);
}

ssize_t __real_write(int fd, const void *data, size_t n);
ssize_t __wrap_write(int fd, const void *data, size_t n);
ssize_t __wrap_write(int fd, const void *data, size_t n)
{
    if (is_fault()) {
        errno = ENOSPC;
        return -1;
    }
    return __real_write(fd, data, n > 4096 ? n / 2 : n); /* short writes are ordinary */
}

ssize_t __real_pwrite(int fd, const void *data, size_t n, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *data, size_t n, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *data, size_t n, off_t offset)
{
    if (is_fault()) {
        errno = ENOSPC;
        return -1;
    }
    return __real_pwrite(fd, data, n > 65536 ? n / 2 : n, offset);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    if (is_fault()) {
        errno = EIO;
        return -1;
    }
    return __real_fsync(fd);
}

int __real_linkat(int from, const char *a, int to, const char *b, int flags);
int __wrap_linkat(int from, const char *a, int to, const char *b, int flags);
int __wrap_linkat(int from, const char *a, int to, const char *b, int flags)
{
    if (is_fault()) {
        errno = EDQUOT;
        return -1;
    }
    return __real_linkat(from, a, to, b, flags);
}

int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode)
{
    if (is_fault()) {
        errno = EROFS;
        return -1;
    }
    return __real_mkdir(path, mode);
}

int n_files_below(const char *path)
{
    int n = 0;
    DIR *d = opendir(path);
    if (d == NULL)
        return 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char child[1024];
        snprintf(child, sizeof child, "%s/%s", path, e->d_name);
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        n += e->d_type == DT_DIR ? n_files_below(child) : 1;
    }
    closedir(d);
    return n;
}
