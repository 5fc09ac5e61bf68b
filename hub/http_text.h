/*
 * What stands in the lines and addresses of HTTP, without any network: header lines, ranges, waits,
 * links, and which address may follow which. Everything here comes from strangers.
 */
#ifndef TB_HUB_HTTP_TEXT_H
#define TB_HUB_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "engine/base/error.h"

/* The header fields that are looked at; all others are passed over. */
typedef enum tb_header {
    TB_HEADER_LOCATION,
    TB_HEADER_ETAG,
    TB_HEADER_LINKED_ETAG,
    TB_HEADER_LINKED_SIZE,
    TB_HEADER_COMMIT,
    TB_HEADER_ERROR_CODE,
    TB_HEADER_LINK,
    TB_HEADER_RETRY_AFTER,
    TB_HEADER_CONTENT_RANGE,
    TB_HEADER_CONTENT_LENGTH,
    TB_HEADER_COUNT
} tb_header;

/* Which field a line of n bytes is, its value (inside of the line, without spaces around it) in
 * *value and *n_value. TB_HEADER_COUNT: none of ours. */
tb_header tb_header_read(const char *line, size_t n, const char **value, size_t *n_value);

/* Decimal digits alone, at most 2^53; -1: anything else. `text` may be NULL. */
int64_t tb_size_parse(const char *text);
/* Seconds that a Retry-After asks for, from `now`: a number, or a date. -1: neither. */
double tb_retry_after_parse(const char *text, time_t now);
/* "bytes FIRST-LAST/TOTAL", nothing left open. */
bool tb_content_range_parse(const char *text, int64_t *first, int64_t *last, int64_t *total);
/* The address of rel="next" in a Link header, owned; NULL: there is none. */
char *tb_link_next(const char *text) TB_MUST_USE;
/* An ETag that names content: without W/ and quotes 64 or 40 lower-case hex digits. */
bool tb_etag_parse(const char *text, char etag[65]);

/* All but [A-Za-z0-9._~-] as %XX; '/' stays where keep_slash. Owned; NULL for memory. */
char *tb_percent_encode(const char *text, bool keep_slash) TB_MUST_USE;

/* Same scheme, host and port. */
bool tb_url_is_same_origin(const char *a, const char *b);
/* "host" or "host:port" of an address, for messages; owned; NULL: none. */
char *tb_url_host(const char *url) TB_MUST_USE;
/* Where a redirect of `from` to `location` leads, owned in *next. BAD_FILE: to another protocol
 * than http and https, from https to http, or with a name and password. */
TB_MUST_USE tb_status tb_url_redirect(const char *from, const char *location, char **next,
                                      tb_error *err);

#endif
