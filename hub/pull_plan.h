/* Between the making of a plan and its execution. */
#ifndef TB_HUB_PULL_PLAN_H
#define TB_HUB_PULL_PLAN_H

#include "hub/pull.h"
#include "hub/remote.h"

/* A plan being made. */
typedef struct tb_pull_maker {
    const tb_hub *hub;
    tb_http *http; /* not started while offline */
    tb_pull_plan *plan;
} tb_pull_maker;

/* Append a file, with what is here of it. */
TB_MUST_USE tb_status tb_pull_plan_add(const tb_pull_maker *m, const char *repo, const char *commit,
                                       const char *path, const char *etag, int64_t len_bytes,
                                       tb_error *err);
/* All files of plan->known. */
TB_MUST_USE tb_status tb_pull_plan_known(const tb_pull_maker *m, tb_error *err);

/* Whether the whole blob is in the cache; *here_bytes: what is there of it, parts included. */
bool tb_pull_blob_is_here(const tb_hub *hub, const char *repo, const char *etag, int64_t len_bytes,
                          int64_t *here_bytes);
/* Free bytes where the cache is or will be; -1: not known. */
int64_t tb_pull_free_bytes(const tb_hub *hub);

#endif
