/*
 * Which file a path led to, and in which state: a kept model compares, so that bytes that were
 * checked, mapped or hashed are not taken for those of another file that came in their place.
 */
#ifndef TB_TENSOR_STAMP_H
#define TB_TENSOR_STAMP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

typedef struct tb_stamp {
    uint64_t device, inode;
    int64_t len_bytes, modified_s, modified_ns;
} tb_stamp;

tb_stamp tb_stamp_of(const struct stat *info);
/* Of what is at the path, links followed; false: nothing that could be examined. Taken before a
 * file is opened, it holds for what is then read: a change between the two shows later. */
bool tb_stamp_get(const char *path, tb_stamp *out);
bool tb_stamp_is_same(const tb_stamp *a, const tb_stamp *b);

#endif
