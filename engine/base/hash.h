/* SHA-256 over memory and files (libcrypto), printed as 64 lower-case hex digits. */
#ifndef TB_BASE_HASH_H
#define TB_BASE_HASH_H

#include <stddef.h>

#include "engine/base/error.h"

enum { TB_SHA256_HEX_BYTES = 65 }; /* 64 digits and the NUL */

TB_MUST_USE tb_status tb_sha256_bytes(const void *data, size_t len_bytes,
                                      char hex[TB_SHA256_HEX_BYTES], tb_error *err);
/* Reads the whole file, whatever its size, in bounded memory. */
TB_MUST_USE tb_status tb_sha256_file(const char *path, char hex[TB_SHA256_HEX_BYTES],
                                     tb_error *err);

#endif
