/* O_TMPFILE is Linux; TB_PORTABLE_FILES chooses the fallback for the tests. */
#ifdef __linux__
#define _GNU_SOURCE
#endif
#include "engine/base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/part_file.h"

#if defined(O_TMPFILE) && !defined(TB_PORTABLE_FILES)
static int open_unnamed(const char *folder)
{
    return open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
}
#else
static int open_unnamed(const char *folder)
{
    (void)folder;
    return -1;
}
#endif

tb_status tb_spool_open(tb_spool *spool, const char *folder, tb_error *err)
{
    if (folder == NULL)
        folder = getenv("TMPDIR");
    if (folder == NULL || folder[0] == '\0')
        folder = "/tmp";
    spool->fd = open_unnamed(folder);
    if (spool->fd >= 0)
        return TIMBRE_OK;
    char *path = NULL;
    tb_status st = tb_part_file_open(folder, &spool->fd, &path, err);
    if (st == TIMBRE_OK && unlink(path) != 0) {
        st = tb_fail_errno(err, errno, "cannot remove the name of '%s'", path);
        tb_spool_close(spool);
    }
    free(path);
    return st;
}

void tb_spool_close(tb_spool *spool)
{
    if (spool->fd >= 0)
        close(spool->fd);
    spool->fd = -1;
}

static tb_status fail_write(tb_error *err, int sys_errno, int64_t end)
{
    tb_status st = tb_fail_errno(err, sys_errno,
                                 "cannot write a temporary file of more than %lld KB",
                                 (long long)(end / 1000));
    if (st == TIMBRE_NO_SPACE)
        tb_fix(err, "make room on the disk of the result, or write it to another disk");
    return st;
}

tb_status tb_spool_write(tb_spool *spool, int64_t offset, const void *data, size_t len_bytes,
                         tb_error *err)
{
    const char *p = data;
    while (len_bytes > 0) {
        ssize_t n = pwrite(spool->fd, p, len_bytes, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail_write(err, n < 0 ? errno : EIO, offset);
        p += n;
        offset += n;
        len_bytes -= (size_t)n;
    }
    return TIMBRE_OK;
}

tb_status tb_spool_read(const tb_spool *spool, int64_t offset, void *data, size_t len_bytes,
                        tb_error *err)
{
    char *p = data;
    while (len_bytes > 0) {
        ssize_t n = pread(spool->fd, p, len_bytes, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tb_fail_errno(err, errno, "cannot read the temporary file");
        if (n == 0)
            return tb_fail(err, TIMBRE_INTERNAL,
                           "the temporary file ends at byte %lld, %zu bytes too early",
                           (long long)offset, len_bytes);
        p += n;
        offset += n;
        len_bytes -= (size_t)n;
    }
    return TIMBRE_OK;
}
