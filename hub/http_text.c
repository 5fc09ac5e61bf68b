/* Lines and addresses of HTTP: see the header. */
#include "hub/http_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "engine/base/str.h"

static const char *const header_names[TB_HEADER_COUNT] = {
    [TB_HEADER_LOCATION] = "location",
    [TB_HEADER_ETAG] = "etag",
    [TB_HEADER_LINKED_ETAG] = "x-linked-etag",
    [TB_HEADER_LINKED_SIZE] = "x-linked-size",
    [TB_HEADER_COMMIT] = "x-repo-commit",
    [TB_HEADER_ERROR_CODE] = "x-error-code",
    [TB_HEADER_LINK] = "link",
    [TB_HEADER_RETRY_AFTER] = "retry-after",
    [TB_HEADER_CONTENT_RANGE] = "content-range",
    [TB_HEADER_CONTENT_LENGTH] = "content-length",
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

tb_header tb_header_read(const char *line, size_t n, const char **value, size_t *n_value)
{
    const char *colon = n > 0 ? memchr(line, ':', n) : NULL;
    if (colon == NULL || memchr(line, '\0', n) != NULL)
        return TB_HEADER_COUNT;
    size_t n_name = (size_t)(colon - line);
    const char *from = colon + 1, *end = line + n;
    while (from < end && is_blank(*from))
        from++;
    while (end > from && is_blank(end[-1]))
        end--;
    for (int i = 0; i < TB_HEADER_COUNT; i++) {
        if (strlen(header_names[i]) == n_name && strncasecmp(line, header_names[i], n_name) == 0) {
            *value = from;
            *n_value = (size_t)(end - from);
            return (tb_header)i;
        }
    }
    return TB_HEADER_COUNT;
}

/* Digits at *p, which is moved behind them; -1: none, or above 2^53. */
static int64_t read_digits(const char **p)
{
    if (!isdigit((unsigned char)**p))
        return -1;
    int64_t value = 0;
    for (; isdigit((unsigned char)**p); (*p)++) {
        value = value * 10 + (**p - '0');
        if (value > (int64_t)1 << 53)
            return -1;
    }
    return value;
}

int64_t tb_size_parse(const char *text)
{
    if (text == NULL)
        return -1;
    int64_t value = read_digits(&text);
    return *text == '\0' ? value : -1;
}

double tb_retry_after_parse(const char *text, time_t now)
{
    if (text == NULL)
        return -1;
    int64_t seconds = tb_size_parse(text);
    if (seconds >= 0)
        return (double)seconds;
    time_t date = curl_getdate(text, NULL);
    if (date == (time_t)-1)
        return -1;
    return date > now ? (double)(date - now) : 0;
}

bool tb_content_range_parse(const char *text, int64_t *first, int64_t *last, int64_t *total)
{
    if (text == NULL || strncasecmp(text, "bytes ", 6) != 0)
        return false;
    const char *p = text + 6;
    *first = read_digits(&p);
    if (*first < 0 || *p++ != '-')
        return false;
    *last = read_digits(&p);
    if (*last < *first || *p++ != '/')
        return false;
    *total = read_digits(&p);
    return *total > *last && *p == '\0';
}

char *tb_link_next(const char *text)
{
    for (const char *p = text; p != NULL && (p = strchr(p, '<')) != NULL;) {
        const char *end = strchr(p, '>');
        if (end == NULL)
            return NULL;
        const char *rest = end + 1, *next = strchr(rest, '<');
        size_t n = next != NULL ? (size_t)(next - rest) : strlen(rest);
        char *parameters = strndup(rest, n);
        bool is_next = parameters != NULL && (strstr(parameters, "rel=\"next\"") != NULL ||
                                              strstr(parameters, "rel=next") != NULL);
        free(parameters);
        if (is_next)
            return strndup(p + 1, (size_t)(end - p - 1));
        p = next;
    }
    return NULL;
}

bool tb_etag_parse(const char *text, char etag[65])
{
    if (text == NULL)
        return false;
    if (strncmp(text, "W/", 2) == 0)
        text += 2;
    size_t n = strlen(text);
    if (n >= 2 && text[0] == '"' && text[n - 1] == '"') {
        text++;
        n -= 2;
    }
    if (n > 64)
        return false;
    memcpy(etag, text, n);
    etag[n] = '\0';
    return tb_etag_is_valid(etag);
}

char *tb_percent_encode(const char *text, bool keep_slash)
{
    tb_str s = {0};
    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        bool is_plain = c < 128 && (isalnum(c) || strchr("._~-", c) != NULL);
        if (is_plain || (c == '/' && keep_slash))
            tb_str_append_bytes(&s, p, 1);
        else
            tb_str_appendf(&s, "%%%02X", c);
    }
    return tb_str_take(&s);
}

/* ---- addresses ---- */

/* A part of an address as owned by curl (curl_free); NULL: it has none. */
static char *url_part(CURLU *url, CURLUPart part, unsigned flags)
{
    char *text = NULL;
    return curl_url_get(url, part, &text, flags) == CURLUE_OK ? text : NULL;
}

static bool is_same_part(CURLU *a, CURLU *b, CURLUPart part)
{
    char *x = url_part(a, part, CURLU_DEFAULT_PORT);
    char *y = url_part(b, part, CURLU_DEFAULT_PORT);
    bool is_same = x != NULL && y != NULL && strcasecmp(x, y) == 0;
    curl_free(x);
    curl_free(y);
    return is_same;
}

bool tb_url_is_same_origin(const char *a, const char *b)
{
    CURLU *x = curl_url(), *y = curl_url();
    bool is_same = x != NULL && y != NULL && curl_url_set(x, CURLUPART_URL, a, 0) == CURLUE_OK &&
                   curl_url_set(y, CURLUPART_URL, b, 0) == CURLUE_OK &&
                   is_same_part(x, y, CURLUPART_SCHEME) && is_same_part(x, y, CURLUPART_HOST) &&
                   is_same_part(x, y, CURLUPART_PORT);
    curl_url_cleanup(x);
    curl_url_cleanup(y);
    return is_same;
}

char *tb_url_host(const char *url)
{
    CURLU *u = curl_url();
    char *out = NULL;
    if (u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK) {
        char *host = url_part(u, CURLUPART_HOST, 0), *port = url_part(u, CURLUPART_PORT, 0);
        if (host != NULL)
            out = port != NULL ? tb_strf("%s:%s", host, port) : tb_strdup(host);
        curl_free(host);
        curl_free(port);
    }
    curl_url_cleanup(u);
    return out;
}

/* Why a redirect to `url` is not followed; NULL: it may be. */
static const char *refuse_redirect(CURLU *url, bool was_https)
{
    char *scheme = url_part(url, CURLUPART_SCHEME, 0), *user = url_part(url, CURLUPART_USER, 0);
    const char *why = NULL;
    if (scheme == NULL || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        why = "only http and https are followed";
    else if (was_https && strcmp(scheme, "http") == 0)
        why = "it leads from https to http";
    else if (user != NULL)
        why = "it holds a user name";
    curl_free(scheme);
    curl_free(user);
    return why;
}

tb_status tb_url_redirect(const char *from, const char *location, char **next, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    char *text = NULL;
    const char *why = NULL;
    CURLU *url = curl_url();
    if (url == NULL) {
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an address");
    } else if (curl_url_set(url, CURLUPART_URL, from, 0) != CURLUE_OK ||
               curl_url_set(url, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
        why = "it is no address";
    } else {
        why = refuse_redirect(url, strncasecmp(from, "https:", 6) == 0);
    }
    if (st == TIMBRE_OK && why != NULL)
        st = tb_fail(err, TIMBRE_BAD_FILE, "redirect to '%.120s' refused: %s", location, why);
    if (st == TIMBRE_OK) {
        text = url_part(url, CURLUPART_URL, 0);
        *next = text != NULL ? tb_strdup(text) : NULL;
        if (*next == NULL)
            st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an address");
    }
    curl_free(text);
    curl_url_cleanup(url);
    return st;
}
