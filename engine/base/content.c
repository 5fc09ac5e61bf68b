#include "engine/base/content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/random.h"
#include "engine/base/str.h"

enum { CHUNK_BYTES = 64 << 10 };

/* A regular file of 1 to max_bytes, open. Never waits for a FIFO. */
static tb_status open_file(const char *path, int64_t max_bytes, int *fd, tb_error *err)
{
    struct stat info;
    *fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &info) != 0)
        return tb_fail_errno(err, errno, "cannot read '%s'", path);
    if (!S_ISREG(info.st_mode))
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' is no regular file", path);
    if (info.st_size == 0)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' is empty", path);
    if (info.st_size > max_bytes)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' has %lld bytes, more than %lld", path,
                       (long long)info.st_size, (long long)max_bytes);
    return TIMBRE_OK;
}

tb_status tb_content_copy(int fd, const char *name, tb_file_writer *w,
                          char hex[TB_SHA256_HEX_BYTES], tb_error *err)
{
    tb_sha256 hash = {0};
    char *chunk = malloc(CHUNK_BYTES);
    tb_status st = chunk == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory to copy a file")
                                 : tb_sha256_init(&hash, err);
    for (ssize_t n = 1; st == TIMBRE_OK && n > 0;) {
        n = read(fd, chunk, CHUNK_BYTES);
        if (n < 0)
            st = tb_fail_errno(err, errno, "cannot read '%s'", name);
        if (n > 0)
            st = tb_sha256_add(&hash, chunk, (size_t)n, err);
        if (st == TIMBRE_OK && n > 0)
            st = tb_file_append(w, chunk, (size_t)n, err);
    }
    if (st == TIMBRE_OK)
        st = tb_sha256_finish(&hash, hex, err);
    tb_sha256_deinit(&hash);
    free(chunk);
    return st == TIMBRE_OK ? tb_file_sync(w, err) : st;
}

/* First under a drawn name: the right one is known when all is copied. */
static tb_status keep(int fd, const char *folder, const char *path, char *hex, tb_error *err)
{
    tb_file_writer w = {.fd = -1};
    unsigned long long drawn = 0;
    char *part = NULL, *whole = NULL;
    tb_status st = tb_entropy(&drawn, sizeof drawn, err);
    if (st == TIMBRE_OK && (part = tb_strf("%s/.part-%016llx", folder, drawn)) == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    if (st == TIMBRE_OK)
        st = tb_file_begin(&w, part, err);
    if (st == TIMBRE_OK)
        st = tb_content_copy(fd, path, &w, hex, err);
    if (st == TIMBRE_OK && (whole = tb_strf("%s/%s", folder, hex)) == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    if (st == TIMBRE_OK && access(whole, R_OK) != 0) {
        st = tb_file_commit(&w, true, err);
        if (st == TIMBRE_OK && rename(part, whole) != 0) {
            st = tb_fail_errno(err, errno, "cannot keep '%s'", path);
            (void)unlink(part);
        }
    }
    tb_file_abort(&w);
    free(part);
    free(whole);
    return st;
}

tb_status tb_content_keep(const char *folder, const char *path, int64_t max_bytes,
                          char hex[TB_SHA256_HEX_BYTES], tb_error *err)
{
    int fd = -1;
    tb_status st = open_file(path, max_bytes, &fd, err);
    if (st == TIMBRE_OK)
        st = tb_dir_make(folder, err);
    if (st == TIMBRE_OK)
        st = keep(fd, folder, path, hex, err);
    if (fd >= 0)
        (void)close(fd);
    return st;
}
