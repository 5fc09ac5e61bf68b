/* Files that are called by what is in them: a folder where each has its SHA-256 as its name. */
#ifndef TB_BASE_CONTENT_H
#define TB_BASE_CONTENT_H

#include <stdint.h>

#include "engine/base/file.h"
#include "engine/base/hash.h"

/* A copy of the file `path` in `folder`, which is made when missing; its name in hex. One that is
 * there already serves. BAD_FILE: it is empty, or of more than max_bytes; else the errors of
 * reading and writing. Nothing half-written stays. */
TB_MUST_USE tb_status tb_content_keep(const char *folder, const char *path, int64_t max_bytes,
                                      char hex[TB_SHA256_HEX_BYTES], tb_error *err);

/* What `fd` still holds goes on to `w` and to the disk, its SHA-256 to hex. Errors of reading call
 * it `name`. */
TB_MUST_USE tb_status tb_content_copy(int fd, const char *name, tb_file_writer *w,
                                      char hex[TB_SHA256_HEX_BYTES], tb_error *err);

#endif
