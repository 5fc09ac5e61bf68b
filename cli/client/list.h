/* Lists that a worker hands out in pages. */
#ifndef TB_CLI_CLIENT_LIST_H
#define TB_CLI_CLIENT_LIST_H

#include "cli/client/client.h"
#include "engine/base/str.h"

/* The first `limit` entries of the array `member` that GET `address` answers, over as many pages as
 * that takes. `address` may have a query; the page's is added to it. *out is owned. */
TB_MUST_USE tb_status tb_list_fetch(tb_client *client, const tb_str *address, const char *member,
                                    int limit, json_t **out, tb_error *err);

#endif
