/*
 * Members of a zip archive in memory, as PyTorch writes them: stored, not compressed, ZIP64 where
 * they are large. The central directory is believed only as far as the local headers agree.
 */
#ifndef TB_TENSOR_ZIP_H
#define TB_TENSOR_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

typedef struct tb_zip_member {
    const char *name; /* in the archive, not NUL-terminated */
    size_t name_bytes;
    uint64_t header_at, len_stored, len_bytes;
    unsigned method, flags;
} tb_zip_member;

typedef struct tb_zip {
    const unsigned char *bytes; /* borrowed */
    size_t len_bytes;
    uint64_t directory_at;
    tb_zip_member *members; /* owned, sorted by name; each name once */
    size_t n_members;
} tb_zip;

TB_MUST_USE tb_status tb_zip_init(tb_zip *zip, const unsigned char *bytes, size_t len_bytes,
                                  tb_error *err);
void tb_zip_deinit(tb_zip *zip); /* accepts a zeroed one */

/* NULL: there is none of that name. */
const tb_zip_member *tb_zip_find(const tb_zip *zip, const char *name, size_t name_bytes);
/* Where the bytes of a member are; compressed, encrypted and misplaced ones are refused. */
TB_MUST_USE tb_status tb_zip_locate(const tb_zip *zip, const tb_zip_member *member,
                                    const unsigned char **data, tb_error *err);

#endif
