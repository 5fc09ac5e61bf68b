#include "engine/spectrogram/image_source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

tb_status tb_image_source_open(tb_image_source *source, const char *path, tb_error *err)
{
    *source = (tb_image_source){.name = path};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO shall not block */
    if (fd < 0)
        return tb_fail_errno(err, errno, "cannot open '%s'", path);
    struct stat info;
    tb_status st = TIMBRE_OK;
    if (fstat(fd, &info) != 0)
        st = tb_fail_errno(err, errno, "cannot examine '%s'", path);
    else if (!S_ISREG(info.st_mode))
        st = tb_fail(err, TIMBRE_BAD_FILE, "'%s' is not a regular file", path);
    else if ((source->file = fdopen(fd, "rb")) == NULL)
        st = tb_fail_errno(err, errno, "cannot open '%s'", path);
    if (st != TIMBRE_OK)
        close(fd);
    return st;
}

void tb_image_source_close(tb_image_source *source)
{
    if (source->file != NULL)
        (void)fclose(source->file); /* only read from */
    source->file = NULL;
}

size_t tb_image_source_read(tb_image_source *source, void *to, size_t n)
{
    if (source->file != NULL) {
        size_t n_read = fread(to, 1, n, source->file);
        if (n_read < n && ferror(source->file))
            source->sys_errno = errno;
        return n_read;
    }
    size_t left = source->len - source->at;
    if (n > left)
        n = left;
    if (n > 0)
        memcpy(to, source->bytes + source->at, n);
    source->at += n;
    return n;
}

void tb_image_source_skip(tb_image_source *source, uint32_t n)
{
    if (source->file != NULL) {
        if (fseeko(source->file, (off_t)n, SEEK_CUR) != 0)
            source->sys_errno = errno;
        return;
    }
    size_t left = source->len - source->at;
    source->at += n < left ? n : left;
}

void tb_image_source_rewind(tb_image_source *source)
{
    source->at = 0;
    if (source->file != NULL && fseeko(source->file, 0, SEEK_SET) != 0)
        source->sys_errno = errno;
}

tb_status tb_image_source_fail(const tb_image_source *source, const char *what, tb_error *err)
{
    if (source->sys_errno != 0)
        return tb_fail_errno(err, source->sys_errno, "cannot read '%s'", source->name);
    return tb_fail(err, TIMBRE_BAD_FILE, "'%s' is damaged: %s", source->name, what);
}
