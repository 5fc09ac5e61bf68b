/*
 * One file from the Hub into the cache's blobs: alone (lock), from where an earlier try ended, and
 * visible only when its hash is the one that was promised.
 */
#ifndef TB_HUB_TRANSFER_H
#define TB_HUB_TRANSFER_H

#include <stdatomic.h>

#include "hub/http.h"

typedef struct tb_transfer {
    tb_http *http; /* borrowed, as all of this */
    const char *repo, *commit, *path, *etag;
    int64_t len_bytes;
    _Atomic int64_t *done_bytes;                /* of this file, kept up to date */
    void (*note)(const char *text, void *user); /* news for people */
    void *user;
} tb_transfer;

/* *was_here: somebody else brought it before. Errors: as of tb_pull_run. */
TB_MUST_USE tb_status tb_transfer_run(const tb_transfer *transfer, bool *was_here, tb_error *err);

#endif
