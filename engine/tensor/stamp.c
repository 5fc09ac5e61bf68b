#include "engine/tensor/stamp.h"

tb_stamp tb_stamp_of(const struct stat *info)
{
#ifdef __APPLE__
    struct timespec modified = info->st_mtimespec;
#else
    struct timespec modified = info->st_mtim;
#endif
    return (tb_stamp){.device = (uint64_t)info->st_dev,
                      .inode = (uint64_t)info->st_ino,
                      .len_bytes = (int64_t)info->st_size,
                      .modified_s = (int64_t)modified.tv_sec,
                      .modified_ns = (int64_t)modified.tv_nsec};
}

bool tb_stamp_get(const char *path, tb_stamp *out)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return false;
    *out = tb_stamp_of(&info);
    return true;
}

bool tb_stamp_is_same(const tb_stamp *a, const tb_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->len_bytes == b->len_bytes &&
           a->modified_s == b->modified_s && a->modified_ns == b->modified_ns;
}
