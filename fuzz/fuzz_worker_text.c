/* What strangers write into a request, as text: paths, queries, hosts, ranges, ETags, addresses.
 * The first byte chooses; what a parser takes keeps its promises. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/utf8.h"
#include "worker/http_text.h"
#include "worker/listen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static void try_path(const char *text)
{
    bool is_plain = tb_uri_path_is_plain(text, strlen(text));
    size_t n = strlen(text);
    check(!is_plain || (text[0] == '/' && (n < 3 || strcmp(text + n - 3, "/..") != 0)));
    check(!is_plain || (strstr(text, "//") == NULL && strchr(text, '%') == NULL));
    check(!is_plain || strstr(text, "/../") == NULL);
}

static void try_query(const char *text)
{
    tb_query query;
    tb_error err = {0};
    if (tb_query_parse(text, &query, &err) != TIMBRE_OK)
        return;
    check(query.n <= TB_PAIRS_MAX);
    for (size_t i = 0; i < query.n; i++) {
        check(tb_utf8_check(query.values[i], strlen(query.values[i])) == strlen(query.values[i]));
        for (size_t k = 0; k < i; k++)
            check(strcmp(query.names[i], query.names[k]) != 0);
    }
    tb_query_deinit(&query);
}

static void try_host(const char *text)
{
    size_t len;
    int port;
    if (tb_host_parse(text, &len, &port))
        check(len > 0 && len <= strlen(text) && port >= -1 && port <= 65535);
}

static void try_range(const char *text)
{
    int64_t first = -1, count = -1;
    for (int64_t len = 0; len <= 1000; len += 500)
        if (tb_range_parse(text, len, &first, &count) == TB_RANGE_ONE)
            check(first >= 0 && count > 0 && first + count <= len);
}

static void try_etag(const char *text)
{
    bool is_in = tb_etag_is_in(text, "tag");
    check(!is_in || strstr(text, "\"tag\"") != NULL || strcmp(text, "*") == 0);
}

static void try_address(const char *text)
{
    tb_listen_address address;
    tb_error err = {0};
    if (tb_listen_parse(text, &address, &err) == TIMBRE_OK)
        check(address.port >= 0 && address.port <= 65535 && address.host[0] != '\0');
}

static void try_route(const char *text)
{
    static const char *const patterns[] = {"/jobs/{id}/cancel", "/models/{org}/{name}/pull",
                                           "/a/{rest...}", "/health"};
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        tb_path_part parts[2] = {{0, 0}};
        if (tb_path_matches(text, patterns[i], parts, 2))
            check(parts[0].at + parts[0].len <= strlen(text) &&
                  parts[1].at + parts[1].len <= strlen(text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(const char *) = {try_path, try_query,   try_host, try_range,
                                                  try_etag, try_address, try_route};
    enum { N_TRIES = sizeof tries / sizeof tries[0] };
    if (size < 1)
        return 0;
    char *text = malloc(size);
    if (text == NULL)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    tries[data[0] % N_TRIES](text);
    free(text);
    return 0;
}
