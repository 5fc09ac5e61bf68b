/* Between the making of a plan and its execution. */
#ifndef TB_HUB_PULL_PLAN_H
#define TB_HUB_PULL_PLAN_H

#include "hub/pull.h"
#include "hub/remote.h"

/* Whether the whole blob is in the cache; *here_bytes: what is there of it, parts included. */
bool tb_pull_blob_is_here(const tb_hub *hub, const char *repo, const char *etag, int64_t len_bytes,
                          int64_t *here_bytes);
/* Free bytes where the cache is or will be; -1: not known. */
int64_t tb_pull_free_bytes(const tb_hub *hub);

#endif
