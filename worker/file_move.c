#include "worker/file_move.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/path.h"

enum { CHUNK_BYTES = 256 << 10 };

static void sync_folder_of(const char *path)
{
    char *folder = tb_path_folder(path);
    int fd = folder == NULL ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    free(folder);
}

static tb_status copy_bytes(int from, tb_file_writer *to, tb_error *err)
{
    char *chunk = malloc(CHUNK_BYTES);
    tb_status st = chunk == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a copy")
                                 : TIMBRE_OK;
    while (st == TIMBRE_OK) {
        ssize_t n = read(from, chunk, CHUNK_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            st = tb_fail_errno(err, errno, "cannot read a take");
        if (n <= 0)
            break;
        st = tb_file_append(to, chunk, (size_t)n, err);
    }
    free(chunk);
    return st;
}

static tb_status copy_over(const char *from, const char *to, tb_error *err)
{
    tb_file_writer w = {.fd = -1};
    int fd = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return tb_fail_errno(err, errno, "cannot read '%s'", from);
    tb_status st = tb_file_begin(&w, to, err);
    if (st == TIMBRE_OK)
        st = copy_bytes(fd, &w, err);
    if (st == TIMBRE_OK)
        st = tb_file_sync(&w, err);
    if (st == TIMBRE_OK)
        st = tb_file_commit(&w, false, err);
    tb_file_abort(&w);
    close(fd);
    if (st == TIMBRE_OK && unlink(from) != 0)
        st = tb_fail_errno(err, errno, "'%s' is copied, and cannot be removed", from);
    return st;
}

tb_status tb_file_move(const char *from, const char *to, tb_error *err)
{
    /* link and unlink rather than rename, which would replace what is at `to` */
    if (linkat(AT_FDCWD, from, AT_FDCWD, to, 0) == 0) {
        sync_folder_of(to);
        if (unlink(from) != 0)
            return tb_fail_errno(err, errno, "cannot remove '%s'", from);
        sync_folder_of(from);
        return TIMBRE_OK;
    }
    int why = errno;
    if (why == EXDEV || why == EPERM || why == EMLINK || why == ENOTSUP)
        return copy_over(from, to, err);
    return tb_fail_errno(err, why, "cannot move '%s' to '%s'", from, to);
}
