/* O_TMPFILE and renameat2 are Linux; renamex_np is macOS. Each has a portable fallback here, which
 * TB_PORTABLE_FILES chooses for the tests. */
#ifdef __linux__
#define _GNU_SOURCE
#endif
#include "engine/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/part_file.h"
#include "engine/base/path.h"
#include "engine/base/str.h"

static tb_status read_all(int fd, const char *path, size_t size, char **bytes, size_t *len_bytes,
                          tb_error *err)
{
    char *buffer = malloc(size + 1);
    if (buffer == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the %zu bytes of '%s'", size, path);
    size_t len = 0;
    while (len < size) {
        ssize_t n = read(fd, buffer + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int saved = errno;
            free(buffer);
            return tb_fail_errno(err, saved, "cannot read '%s'", path);
        }
        if (n == 0)
            break;
        len += (size_t)n;
    }
    buffer[len] = '\0';
    *bytes = buffer;
    *len_bytes = len;
    return TIMBRE_OK;
}

tb_status tb_file_read(const char *path, size_t max_bytes, char **bytes, size_t *len_bytes,
                       tb_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return tb_fail_errno(err, errno, "cannot open '%s'", path);
    struct stat st;
    tb_status status;
    if (fstat(fd, &st) != 0)
        status = tb_fail_errno(err, errno, "cannot examine '%s'", path);
    else if (!S_ISREG(st.st_mode))
        status = tb_fail(err, TIMBRE_BAD_FILE, "'%s' is not a regular file", path);
    else if ((unsigned long long)st.st_size > max_bytes)
        status = tb_fail(err, TIMBRE_BAD_FILE, "'%s' of %lld bytes exceeds %zu bytes", path,
                         (long long)st.st_size, max_bytes);
    else
        status = read_all(fd, path, (size_t)st.st_size, bytes, len_bytes, err);
    close(fd);
    return status;
}

static tb_status make_one(const char *path, tb_error *err)
{
    if (mkdir(path, 0777) == 0)
        return TIMBRE_OK;
    int saved = errno; /* macOS says EISDIR of "/" */
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return TIMBRE_OK;
    if (saved == EEXIST)
        saved = ENOTDIR;
    return tb_fail_errno(err, saved, "cannot make the folder '%s'", path);
}

tb_status tb_dir_make(const char *path, tb_error *err)
{
    char *copy = tb_strdup(path);
    if (copy == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    tb_status st = TIMBRE_OK;
    for (char *p = copy + 1; st == TIMBRE_OK && copy[0] != '\0' && *p != '\0'; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        struct stat info;
        if (stat(copy, &info) != 0)
            st = make_one(copy, err);
        *p = '/';
    }
    if (st == TIMBRE_OK)
        st = make_one(copy, err);
    free(copy);
    return st;
}

#if defined(O_TMPFILE) && !defined(TB_PORTABLE_FILES)
static bool begin_unnamed(tb_file_writer *w, const char *folder)
{
    w->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
    if (w->fd < 0)
        return false;
    w->temporary = tb_strf("/proc/self/fd/%d", w->fd);
    if (w->temporary != NULL && access(w->temporary, R_OK) == 0) {
        w->is_unnamed = true;
        return true;
    }
    close(w->fd); /* no /proc: it could never be given a name */
    w->fd = -1;
    free(w->temporary);
    w->temporary = NULL;
    return false;
}
#else
static bool begin_unnamed(tb_file_writer *w, const char *folder)
{
    (void)w, (void)folder;
    return false;
}
#endif

tb_status tb_file_begin(tb_file_writer *w, const char *target, tb_error *err)
{
    *w = (tb_file_writer){.fd = -1, .target = tb_strdup(target)};
    char *folder = tb_path_folder(target);
    tb_status st = TIMBRE_OK;
    if (w->target == NULL || folder == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    else if (!begin_unnamed(w, folder))
        st = tb_part_file_open(folder, &w->fd, &w->temporary, err);
    free(folder);
    if (st != TIMBRE_OK)
        tb_file_abort(w);
    return st;
}

tb_status tb_file_append(tb_file_writer *w, const void *data, size_t len_bytes, tb_error *err)
{
    const char *p = data;
    while (len_bytes > 0) {
        ssize_t n = write(w->fd, p, len_bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tb_fail_errno(err, errno, "cannot write '%s'", w->target);
        p += n;
        len_bytes -= (size_t)n;
    }
    return TIMBRE_OK;
}

tb_status tb_file_sync(tb_file_writer *w, tb_error *err)
{
    if (fsync(w->fd) != 0)
        return tb_fail_errno(err, errno, "cannot save '%s' to the disk", w->target);
    return TIMBRE_OK;
}

const char *tb_file_read_path(const tb_file_writer *w)
{
    return w->temporary;
}

/* Rename without ever replacing; 0 or an errno. */
static int rename_new(const char *from, const char *to)
{
#if defined(TB_PORTABLE_FILES)
    /* what is below must do */
#elif defined(__linux__) && defined(RENAME_NOREPLACE)
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return errno;
#elif defined(__APPLE__)
    if (renamex_np(from, to, RENAME_EXCL) == 0)
        return 0;
    if (errno != ENOTSUP && errno != EINVAL)
        return errno;
#endif
    /* exFAT and the like: the name is claimed by an empty file, which is then replaced */
    int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return errno;
    close(fd);
    if (rename(from, to) == 0)
        return 0;
    int saved = errno;
    (void)unlink(to);
    return saved;
}

/* linkat cannot replace: the file gets a hidden name first and is renamed over the target. */
static int replace_unnamed(tb_file_writer *w)
{
    char *folder = tb_path_folder(w->target), *part = NULL;
    int result = ENOMEM;
    if (folder != NULL && tb_part_file_name(folder, &part, NULL) == TIMBRE_OK) {
        result = linkat(AT_FDCWD, w->temporary, AT_FDCWD, part, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
        if (result == 0 && rename(part, w->target) != 0) {
            result = errno;
            (void)unlink(part);
        }
    }
    free(part);
    free(folder);
    return result;
}

static int commit_unnamed(tb_file_writer *w, bool replace)
{
    if (replace)
        return replace_unnamed(w);
    return linkat(AT_FDCWD, w->temporary, AT_FDCWD, w->target, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

static void sync_folder_of(const char *path)
{
    char *folder = tb_path_folder(path);
    int fd = folder == NULL ? -1 : open(folder, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd); /* some file systems refuse it; the file itself is already safe */
        close(fd);
    }
    free(folder);
}

static int give_name(tb_file_writer *w, bool replace)
{
    if (w->is_unnamed)
        return commit_unnamed(w, replace);
    if (!replace)
        return rename_new(w->temporary, w->target);
    return rename(w->temporary, w->target) == 0 ? 0 : errno;
}

tb_status tb_file_commit(tb_file_writer *w, bool replace, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    int failed = give_name(w, replace);
    if (failed == EEXIST)
        st = tb_fail(err, TIMBRE_EXISTS, "'%s' exists already", w->target);
    else if (failed != 0)
        st = tb_fail_errno(err, failed, "cannot write '%s'", w->target);
    else
        sync_folder_of(w->target);
    if (st == TIMBRE_OK) {
        free(w->temporary);
        w->temporary = NULL;
    }
    tb_file_abort(w);
    return st;
}

void tb_file_abort(tb_file_writer *w)
{
    if (w->target != NULL && w->fd >= 0)
        close(w->fd);
    if (w->temporary != NULL && !w->is_unnamed)
        (void)unlink(w->temporary);
    free(w->target);
    free(w->temporary);
    *w = (tb_file_writer){.fd = -1};
}

tb_status tb_file_write(const char *target, const void *data, size_t len_bytes, bool replace,
                        tb_error *err)
{
    tb_file_writer w;
    tb_status st = tb_file_begin(&w, target, err);
    if (st == TIMBRE_OK)
        st = tb_file_append(&w, data, len_bytes, err);
    if (st == TIMBRE_OK)
        st = tb_file_sync(&w, err);
    if (st == TIMBRE_OK)
        st = tb_file_commit(&w, replace, err);
    tb_file_abort(&w);
    return st;
}
