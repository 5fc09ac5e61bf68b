/* The part file of one blob: see the header. */
#include "hub/transfer_part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "hub/cache.h"
#include "hub/mark.h"

static tb_status no_memory(tb_error *err)
{
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
}

static tb_status make_paths(tb_part *part, tb_error *err)
{
    const tb_transfer *t = part->transfer;
    tb_status st = tb_cache_blob_path(t->http->hub, t->repo, t->etag, &part->blob, err);
    if (st == TIMBRE_OK)
        st = tb_cache_lock_path(t->http->hub, t->repo, t->etag, &part->lock, err);
    if (st != TIMBRE_OK)
        return st;
    size_t n = strlen(part->lock);
    if (n > 5 && strcmp(part->lock + n - 5, ".lock") == 0)
        n -= 5;
    part->path = tb_strf("%s.incomplete", part->blob);
    part->validator = tb_strf("%.*s.validator", (int)n, part->lock);
    if (part->path == NULL || part->validator == NULL)
        return no_memory(err);
    st = tb_cache_make_folder_of(t->http->hub, part->blob, err);
    return st == TIMBRE_OK ? tb_cache_make_folder_of(t->http->hub, part->lock, err) : st;
}

/* One try; *fd stays -1 while another process has it. */
static tb_status try_lock(const char *path, int *fd, tb_error *err)
{
    int f = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (f < 0)
        return tb_fail_errno(err, errno, "cannot open '%s'", path);
    struct stat mine, named;
    bool is_locked = flock(f, LOCK_EX | LOCK_NB) == 0;
    int e = errno;
    /* A lock on a file that was removed meanwhile keeps nobody out. */
    if (is_locked && fstat(f, &mine) == 0 && stat(path, &named) == 0 &&
        mine.st_ino == named.st_ino && mine.st_dev == named.st_dev) {
        *fd = f;
        return TIMBRE_OK;
    }
    close(f);
    return is_locked || e == EWOULDBLOCK || e == EINTR
               ? TIMBRE_OK
               : tb_fail_errno(err, e, "cannot lock '%s'", path);
}

static tb_status wait_for_lock(tb_part *part, tb_error *err)
{
    const tb_transfer *t = part->transfer;
    for (int n = 0;; n++) {
        tb_status st = try_lock(part->lock, &part->lock_fd, err);
        if (st != TIMBRE_OK || part->lock_fd >= 0)
            return st;
        if (n == 5)
            t->note("another process is fetching it; waiting", t->user);
        st = tb_cancel_sleep(t->http->cancel, 0.1, err);
        if (st != TIMBRE_OK)
            return tb_fail(err, TIMBRE_CANCELLED,
                           "interrupted while another process fetches '%.200s'", t->path);
    }
}

static bool has_blob(const tb_part *part)
{
    struct stat s;
    return stat(part->blob, &s) == 0 && S_ISREG(s.st_mode) &&
           s.st_size == part->transfer->len_bytes;
}

/* Hash what an earlier try left. */
static tb_status take_prefix(tb_part *part, tb_error *err)
{
    const tb_progress progress = {.cancel = part->transfer->http->cancel};
    char *buffer = malloc(1 << 20);
    tb_status st = buffer != NULL ? TIMBRE_OK : no_memory(err);
    while (st == TIMBRE_OK) {
        ssize_t n = pread(part->fd, buffer, 1 << 20, part->offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            st = tb_fail_errno(err, errno, "cannot read '%s'", part->path);
        if (n <= 0)
            break;
        st = tb_content_hash_add(&part->hash, buffer, (size_t)n, err);
        part->offset += n;
        atomic_store(part->transfer->done_bytes, part->offset);
        if (st == TIMBRE_OK)
            st = tb_progress_check(&progress, err);
    }
    free(buffer);
    return st;
}

static tb_status open_file(tb_part *part, tb_error *err)
{
    const tb_transfer *t = part->transfer;
    struct stat s;
    part->fd = open(part->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (part->fd < 0 || fstat(part->fd, &s) != 0)
        return tb_fail_errno(err, errno, "cannot open '%s'", part->path);
    if (!S_ISREG(s.st_mode))
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' is no regular file", part->path);
    tb_status st = tb_content_hash_init(&part->hash, t->etag, t->len_bytes, err);
    if (st == TIMBRE_OK)
        st = tb_mark_write(t->http->hub, t->repo, t->etag, &s, err);
    if (st != TIMBRE_OK)
        return st;
    return s.st_size > t->len_bytes ? tb_part_empty(part, err) : take_prefix(part, err);
}

tb_status tb_part_open(tb_part *part, const tb_transfer *transfer, bool *is_here, tb_error *err)
{
    *part = (tb_part){.transfer = transfer, .fd = -1, .lock_fd = -1};
    *is_here = false;
    tb_status st = make_paths(part, err);
    if (st == TIMBRE_OK)
        st = wait_for_lock(part, err);
    if (st == TIMBRE_OK && has_blob(part))
        *is_here = true;
    else if (st == TIMBRE_OK)
        st = open_file(part, err);
    if (st != TIMBRE_OK || *is_here)
        tb_part_close(part);
    return st;
}

void tb_part_close(tb_part *part)
{
    tb_content_hash_deinit(&part->hash);
    if (part->fd >= 0)
        close(part->fd);
    if (part->lock_fd >= 0)
        close(part->lock_fd);
    free(part->blob);
    free(part->path);
    free(part->lock);
    free(part->validator);
    *part = (tb_part){.fd = -1, .lock_fd = -1};
}

static tb_status fail_write(const tb_part *part, int e, tb_error *err)
{
    if (e == ENOSPC || e == EDQUOT || e == EFBIG)
        return tb_fail(err, TIMBRE_NO_SPACE, "no space for '%s': %s", part->path, strerror(e));
    return tb_fail_errno(err, e, "cannot write '%s'", part->path);
}

tb_status tb_part_append(tb_part *part, const void *bytes, size_t n, tb_error *err)
{
    const char *p = bytes;
    while (n > 0) {
        ssize_t written = pwrite(part->fd, p, n, part->offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fail_write(part, errno, err);
        tb_status st = tb_content_hash_add(&part->hash, p, (size_t)written, err);
        if (st != TIMBRE_OK)
            return st;
        part->offset += written;
        p += written;
        n -= (size_t)written;
        atomic_store(part->transfer->done_bytes, part->offset);
    }
    return TIMBRE_OK;
}

tb_status tb_part_empty(tb_part *part, tb_error *err)
{
    if (ftruncate(part->fd, 0) != 0)
        return fail_write(part, errno, err);
    part->offset = 0;
    atomic_store(part->transfer->done_bytes, 0);
    tb_content_hash_deinit(&part->hash);
    return tb_content_hash_init(&part->hash, part->transfer->etag, part->transfer->len_bytes, err);
}

tb_status tb_part_finish(tb_part *part, char hex[TB_SHA256_HEX_BYTES], bool *is_right,
                         tb_error *err)
{
    tb_status st = tb_content_hash_finish(&part->hash, hex, err);
    *is_right = st == TIMBRE_OK && strcmp(hex, part->transfer->etag) == 0;
    if (!*is_right)
        return st;
    if (fsync(part->fd) != 0)
        return fail_write(part, errno, err);
    if (rename(part->path, part->blob) != 0)
        return tb_fail_errno(err, errno, "cannot rename '%s'", part->path);
    (void)unlink(part->validator);
    return tb_cache_sync_folder_of(part->blob, err);
}

char *tb_part_read_validator(const tb_part *part)
{
    char *text = NULL;
    size_t n = 0;
    if (tb_file_read(part->validator, 256, &text, &n, NULL) != TIMBRE_OK)
        return NULL;
    if (n >= 2 && strlen(text) == n && text[0] == '"' && strpbrk(text, "\r\n") == NULL)
        return text;
    free(text);
    return NULL;
}

tb_status tb_part_write_validator(const tb_part *part, const char *etag, tb_error *err)
{
    bool is_strong = etag != NULL && etag[0] == '"' && strlen(etag) <= 256;
    if (is_strong)
        return tb_file_write(part->validator, etag, strlen(etag), true, err);
    (void)unlink(part->validator);
    return TIMBRE_OK;
}
