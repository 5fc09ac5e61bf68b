/*
 * A nameless temporary file for what is too long to keep in memory: written and read at offsets. It
 * is gone with the process, however that ends.
 */
#ifndef TB_BASE_SPOOL_H
#define TB_BASE_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

typedef struct tb_spool {
    int fd; /* -1: not open */
} tb_spool;

/* In `folder` (where the result will stand: the same disk has room for it); NULL: $TMPDIR, /tmp. */
TB_MUST_USE tb_status tb_spool_open(tb_spool *spool, const char *folder, tb_error *err);
/* Accepts a spool that is closed or never opened (fd -1). */
void tb_spool_close(tb_spool *spool);
TB_MUST_USE tb_status tb_spool_write(tb_spool *spool, int64_t offset, const void *data,
                                     size_t len_bytes, tb_error *err);
/* All of it or an error: reading what was never written is a defect, INTERNAL. */
TB_MUST_USE tb_status tb_spool_read(const tb_spool *spool, int64_t offset, void *data,
                                    size_t len_bytes, tb_error *err);

#endif
