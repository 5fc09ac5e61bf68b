/* What stands in a request, as text: pure functions over bytes of strangers, fuzzed. */
#ifndef TB_WORKER_HTTP_TEXT_H
#define TB_WORKER_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

enum { TB_URI_MAX_BYTES = 4096, TB_PAIRS_MAX = 16 };

/* Whether a raw path can be routed: begins with '/', only [A-Za-z0-9._~/-], no "//", no segment "."
 * or "..". Nothing is decoded, so nothing can hide. */
bool tb_uri_path_is_plain(const char *path, size_t len_bytes);

typedef struct tb_query {
    char *text; /* owned: the decoded names and values */
    const char *names[TB_PAIRS_MAX], *values[TB_PAIRS_MAX];
    size_t n;
} tb_query;

/* "a=1&b=x%20y": decoded. BAD_INPUT: a bad escape, %00, a control character, no UTF-8, a name
 * twice, more than TB_PAIRS_MAX. */
TB_MUST_USE tb_status tb_query_parse(const char *text, tb_query *out, tb_error *err);
void tb_query_deinit(tb_query *query);

/* "name:port", "name", "[::1]:port": *name_len bytes are the name, with its brackets; *port is -1
 * when absent. */
bool tb_host_parse(const char *text, size_t *name_len, int *port);

typedef enum tb_range_kind { TB_RANGE_NONE, TB_RANGE_ONE, TB_RANGE_UNSATISFIABLE } tb_range_kind;
/* "bytes=a-b", "bytes=a-", "bytes=-n" of len_bytes; anything else, several ranges too, is NONE: the
 * whole is sent (RFC 9110, 14.2). */
tb_range_kind tb_range_parse(const char *text, int64_t len_bytes, int64_t *first, int64_t *count);

/* Whether a list of If-None-Match has `etag` (without quotes), or is "*". W/ is ignored. */
bool tb_etag_is_in(const char *list, const char *etag);

/* Whether the path matches the pattern of a route ("/jobs/{id}/cancel", "/models/pull/{name...}");
 * args get the parts in braces as offsets and lengths. */
typedef struct tb_path_part {
    size_t at, len;
} tb_path_part;
bool tb_path_matches(const char *path, const char *pattern, tb_path_part parts[], int max_parts);

#endif
