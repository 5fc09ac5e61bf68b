#include "worker/http_text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/str.h"
#include "engine/base/utf8.h"

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool tb_uri_path_is_plain(const char *path, size_t len_bytes)
{
    if (len_bytes == 0 || path[0] != '/')
        return false;
    size_t begin = 1; /* of the segment */
    for (size_t i = 1; i <= len_bytes; i++) {
        bool is_end = i == len_bytes || path[i] == '/';
        if (!is_end && !is_alnum(path[i]) && strchr("._~-", path[i]) == NULL)
            return false;
        if (!is_end)
            continue;
        size_t n = i - begin;
        bool is_dots = (n == 1 && path[begin] == '.') ||
                       (n == 2 && path[begin] == '.' && path[begin + 1] == '.');
        if (is_dots || (n == 0 && i < len_bytes))
            return false;
        begin = i + 1;
    }
    return memchr(path, '\0', len_bytes) == NULL;
}

/* ---- query ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decode in place up to `end`; NULL: a bad escape or a NUL, else the end of what was written. */
static char *decode(char *at, const char *end)
{
    char *out = at;
    for (; at < end; at++) {
        int value = (unsigned char)*at;
        if (*at == '+') {
            value = ' ';
        } else if (*at == '%') {
            int high = end - at >= 3 ? hex_value(at[1]) : -1,
                low = high < 0 ? -1 : hex_value(at[2]);
            if (low < 0)
                return NULL;
            value = high * 16 + low;
            at += 2;
        }
        if (value == 0)
            return NULL;
        *out++ = (char)value;
    }
    return out;
}

static tb_status add_pair(tb_query *q, char *name, char *end, tb_error *err)
{
    char *equals = memchr(name, '=', (size_t)(end - name));
    char *value = equals == NULL ? end : equals + 1;
    char *name_end = decode(name, equals == NULL ? end : equals);
    char *value_end = decode(value, end);
    if (name_end == NULL || value_end == NULL)
        return tb_fail(err, TIMBRE_BAD_INPUT, "a bad escape in the query");
    *name_end = '\0';
    *value_end = '\0';
    if (q->n == TB_PAIRS_MAX)
        return tb_fail(err, TIMBRE_BAD_INPUT, "more than %d parameters in the query", TB_PAIRS_MAX);
    for (size_t i = 0; i < q->n; i++)
        if (strcmp(q->names[i], name) == 0)
            return tb_fail(err, TIMBRE_BAD_INPUT, "parameter '%.60s' comes twice", name);
    tb_status st = tb_utf8_require_text("the query", name, strlen(name), TB_URI_MAX_BYTES, err);
    if (st == TIMBRE_OK)
        st = tb_utf8_require_text(name, value, strlen(value), TB_URI_MAX_BYTES, err);
    q->names[q->n] = name;
    q->values[q->n] = value;
    q->n += st == TIMBRE_OK;
    return st;
}

tb_status tb_query_parse(const char *text, tb_query *out, tb_error *err)
{
    *out = (tb_query){0};
    size_t len = strlen(text);
    out->text = malloc(len + 2);
    if (out->text == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a query");
    memcpy(out->text, text, len + 1);
    out->text[len + 1] = '\0'; /* a value without '=' is empty, behind the last NUL */
    tb_status st = TIMBRE_OK;
    for (char *at = out->text, *end = at + len; st == TIMBRE_OK && at < end;) {
        char *next = memchr(at, '&', (size_t)(end - at));
        char *stop = next == NULL ? end : next;
        if (stop > at)
            st = add_pair(out, at, stop, err);
        at = stop + 1;
    }
    if (st != TIMBRE_OK)
        tb_query_deinit(out);
    return st;
}

void tb_query_deinit(tb_query *query)
{
    free(query->text);
    *query = (tb_query){0};
}

/* ---- headers ---- */

bool tb_host_parse(const char *text, size_t *name_len, int *port)
{
    const char *end = text[0] == '[' ? strchr(text, ']') : NULL;
    if (text[0] == '[' && end == NULL)
        return false;
    *name_len = end != NULL ? (size_t)(end + 1 - text) : strcspn(text, ":");
    *port = -1;
    const char *rest = text + *name_len;
    for (size_t i = 0; i < *name_len; i++)
        if (!is_alnum(text[i]) && strchr(".-[]:", text[i]) == NULL)
            return false;
    if (*name_len == 0)
        return false;
    if (rest[0] == '\0')
        return true;
    size_t n = strspn(rest + 1, "0123456789");
    if (rest[0] != ':' || n == 0 || n > 5 || rest[1 + n] != '\0')
        return false;
    *port = atoi(rest + 1);
    return *port <= 65535;
}

/* Digits as a number that fits; *end behind them. -1: none, or too many. */
static int64_t parse_digits(const char *text, const char **end)
{
    size_t n = strspn(text, "0123456789");
    *end = text + n;
    return n == 0 || n > 18 ? -1 : strtoll(text, NULL, 10);
}

tb_range_kind tb_range_parse(const char *text, int64_t len_bytes, int64_t *first, int64_t *count)
{
    static const char unit[] = "bytes=";
    const char *at = text + sizeof unit - 1, *end;
    if (strncasecmp(text, unit, sizeof unit - 1) != 0)
        return TB_RANGE_NONE;
    bool is_suffix = at[0] == '-';
    int64_t from = parse_digits(is_suffix ? at + 1 : at, &end);
    int64_t to = len_bytes - 1;
    if (from < 0)
        return TB_RANGE_NONE;
    if (is_suffix) {
        if (end[0] != '\0')
            return TB_RANGE_NONE;
        if (from == 0)
            return TB_RANGE_UNSATISFIABLE;
        from = from > len_bytes ? 0 : len_bytes - from;
    } else {
        if (end[0] != '-')
            return TB_RANGE_NONE;
        const char *last = end + 1;
        int64_t asked = parse_digits(last, &end);
        if (end[0] != '\0' || (last[0] != '\0' && (asked < 0 || asked < from)))
            return TB_RANGE_NONE;
        to = asked >= 0 && asked < to ? asked : to;
    }
    if (from >= len_bytes)
        return TB_RANGE_UNSATISFIABLE;
    *first = from;
    *count = to - from + 1;
    return TB_RANGE_ONE;
}

bool tb_etag_is_in(const char *list, const char *etag)
{
    size_t n = strlen(etag);
    if (strcmp(list, "*") == 0)
        return true;
    for (const char *at = strchr(list, '"'); at != NULL;) {
        const char *end = strchr(at + 1, '"');
        if (end == NULL)
            return false;
        if ((size_t)(end - at - 1) == n && memcmp(at + 1, etag, n) == 0)
            return true;
        at = strchr(end + 1, '"');
    }
    return false;
}

/* ---- routes ---- */

bool tb_path_matches(const char *path, const char *pattern, tb_path_part parts[], int max_parts)
{
    int n = 0;
    size_t at = 0;
    for (const char *p = pattern; *p != '\0'; p++) {
        if (*p != '{') {
            if (path[at++] != *p)
                return false;
            continue;
        }
        const char *end = strchr(p, '}');
        bool is_rest = end - p > 3 && memcmp(end - 3, "...", 3) == 0;
        size_t len = is_rest ? strlen(path + at) : strcspn(path + at, "/");
        if (len == 0 || n == max_parts)
            return false;
        parts[n++] = (tb_path_part){at, len};
        at += len;
        p = end;
    }
    return path[at] == '\0';
}
