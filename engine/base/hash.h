/* SHA-256 over memory, streams and files (libcrypto), printed as 64 lower-case hex digits. */
#ifndef TB_BASE_HASH_H
#define TB_BASE_HASH_H

#include <stddef.h>

#include "engine/base/error.h"
#include "engine/base/progress.h"

enum { TB_SHA256_HEX_BYTES = 65 }; /* 64 digits and the NUL */

/* A hash of what comes piece by piece. */
typedef struct tb_sha256 {
    struct evp_md_ctx_st *context; /* owned; NULL: not begun */
} tb_sha256;

TB_MUST_USE tb_status tb_sha256_init(tb_sha256 *hash, tb_error *err);
/* Accepts a zeroed hash. */
void tb_sha256_deinit(tb_sha256 *hash);
TB_MUST_USE tb_status tb_sha256_add(tb_sha256 *hash, const void *data, size_t len_bytes,
                                    tb_error *err);
/* Once; nothing can be added afterwards. */
TB_MUST_USE tb_status tb_sha256_finish(tb_sha256 *hash, char hex[TB_SHA256_HEX_BYTES],
                                       tb_error *err);

TB_MUST_USE tb_status tb_sha256_bytes(const void *data, size_t len_bytes,
                                      char hex[TB_SHA256_HEX_BYTES], tb_error *err);
/* Reads the whole file, whatever its size, in bounded memory. BAD_FILE: not a regular one. */
TB_MUST_USE tb_status tb_sha256_file(const char *path, char hex[TB_SHA256_HEX_BYTES],
                                     tb_error *err);
/* The same of a large file; CANCELLED when `progress` (may be NULL) says so. */
TB_MUST_USE tb_status tb_sha256_large_file(const char *path, const tb_progress *progress,
                                           char hex[TB_SHA256_HEX_BYTES], tb_error *err);

#endif
