/* The hashes by which the Hub names content: SHA-256, and git's SHA-1 of a blob for small files. */
#ifndef TB_HUB_CONTENT_HASH_H
#define TB_HUB_CONTENT_HASH_H

#include <stdint.h>

#include "engine/base/hash.h"

typedef struct tb_content_hash {
    tb_sha256 sha256;
    struct evp_md_ctx_st *git; /* owned; NULL: not asked for */
} tb_content_hash;

/* For content of len_bytes that shall be `etag` (64 or 40 hex digits). */
TB_MUST_USE tb_status tb_content_hash_init(tb_content_hash *hash, const char *etag,
                                           int64_t len_bytes, tb_error *err);
void tb_content_hash_deinit(tb_content_hash *hash); /* accepts a zeroed one */
TB_MUST_USE tb_status tb_content_hash_add(tb_content_hash *hash, const void *data, size_t len_bytes,
                                          tb_error *err);
/* Once. hex: 64 or 40 digits, of the same kind as the etag of tb_content_hash_init. */
TB_MUST_USE tb_status tb_content_hash_finish(tb_content_hash *hash, char hex[TB_SHA256_HEX_BYTES],
                                             tb_error *err);

#endif
