#include "engine/base/part_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/random.h"
#include "engine/base/str.h"

static const char prefix[] = ".timbre-", suffix[] = ".part";

static bool is_part(const char *name)
{
    size_t len = strlen(name), head = sizeof prefix - 1, tail = sizeof suffix - 1;
    return len > head + tail && memcmp(name, prefix, head) == 0 &&
           memcmp(name + len - tail, suffix, tail) == 0;
}

static void remove_if_abandoned(int folder_fd, const char *name)
{
    int fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        (void)unlinkat(folder_fd, name, 0);
    close(fd);
}

static void sweep(const char *folder)
{
    DIR *d = opendir(folder);
    if (d == NULL)
        return;
    /* cppcheck-suppress readdirCalled ; a stream of our own: readdir is as safe as readdir_r */
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (is_part(e->d_name))
            remove_if_abandoned(dirfd(d), e->d_name);
    closedir(d);
}

tb_status tb_part_file_name(const char *folder, char **path, tb_error *err)
{
    unsigned char r[8];
    tb_status st = tb_entropy(r, sizeof r, err);
    if (st != TIMBRE_OK)
        return st;
    *path = tb_strf("%s/%s%02x%02x%02x%02x%02x%02x%02x%02x%s", folder, prefix, r[0], r[1], r[2],
                    r[3], r[4], r[5], r[6], r[7], suffix);
    return *path != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
}

/* Create and lock; 0 or an errno. Between the two a sweeping neighbour may have taken it for dead.
 */
static int create_locked(const char *path, int *fd)
{
    struct stat info;
    *fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (*fd < 0)
        return errno;
    (void)flock(*fd, LOCK_EX | LOCK_NB); /* without locks there is no sweeping, and no harm */
    if (fstat(*fd, &info) == 0 && info.st_nlink > 0)
        return 0;
    close(*fd);
    return EAGAIN;
}

tb_status tb_part_file_open(const char *folder, int *fd, char **path, tb_error *err)
{
    enum { TRIES = 5 };
    int failed = EAGAIN;
    sweep(folder);
    for (int i = 0; failed == EAGAIN && i < TRIES; i++) {
        free(*path);
        *path = NULL;
        tb_status st = tb_part_file_name(folder, path, err);
        if (st != TIMBRE_OK)
            return st;
        failed = create_locked(*path, fd);
    }
    if (failed == 0)
        return TIMBRE_OK;
    *fd = -1;
    free(*path);
    *path = NULL;
    return tb_fail_errno(err, failed, "cannot write in '%s'", folder);
}
