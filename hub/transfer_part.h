/* The part file of one blob: what is there is hashed, what comes is appended, the whole is
 * renamed. */
#ifndef TB_HUB_TRANSFER_PART_H
#define TB_HUB_TRANSFER_PART_H

#include "hub/content_hash.h"
#include "hub/transfer.h"

typedef struct tb_part {
    const tb_transfer *transfer;
    int fd, lock_fd;                      /* -1: not open */
    char *blob, *path, *lock, *validator; /* owned paths */
    int64_t offset;                       /* bytes that are there and hashed */
    tb_content_hash hash;                 /* of them */
} tb_part;

/* Paths, folders and the lock, waited for; *is_here: the blob is whole, nothing is open. */
TB_MUST_USE tb_status tb_part_open(tb_part *part, const tb_transfer *transfer, bool *is_here,
                                   tb_error *err);
void tb_part_close(tb_part *part);
TB_MUST_USE tb_status tb_part_append(tb_part *part, const void *bytes, size_t n, tb_error *err);
/* Begin anew at zero. */
TB_MUST_USE tb_status tb_part_empty(tb_part *part, tb_error *err);
/* All bytes are there: compare the hash (*is_right, `hex` gets what it is) and, where it is right,
 * make it the blob. */
TB_MUST_USE tb_status tb_part_finish(tb_part *part, char hex[TB_SHA256_HEX_BYTES], bool *is_right,
                                     tb_error *err);
/* The validator of the answer that the part is from; NULL: none. Owned. */
char *tb_part_read_validator(const tb_part *part) TB_MUST_USE;
TB_MUST_USE tb_status tb_part_write_validator(const tb_part *part, const char *etag, tb_error *err);

#endif
