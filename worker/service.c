#include "worker/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/number.h"
#include "engine/base/random.h"

int64_t tb_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void tb_time_format(int64_t ms, char out[25])
{
    struct tm t;
    time_t seconds = (time_t)(ms / 1000);
    gmtime_r(&seconds, &t);
    size_t n = strftime(out, 25, "%Y-%m-%dT%H:%M:%S", &t);
    (void)snprintf(out + n, 25 - n, ".%03uZ", (unsigned)(ms % 1000) % 1000);
}

tb_status tb_id_draw(char out[TB_ID_BYTES], tb_error *err)
{
    unsigned char b[16];
    tb_status st = tb_entropy(b, sizeof b, err);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* version 4 */
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
    (void)snprintf(out, TB_ID_BYTES,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                   b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
                   b[14], b[15]);
    return st;
}

bool tb_id_is_valid(const char *text)
{
    for (int i = 0; i < TB_ID_BYTES - 1; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool is_hex = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
        if (is_dash ? text[i] != '-' : !is_hex)
            return false; /* a NUL too */
    }
    return text[TB_ID_BYTES - 1] == '\0';
}

bool tb_query_integer(const tb_http_request *request, tb_http_response *response, const char *name,
                      int64_t min, int64_t max, int64_t otherwise, int64_t *out)
{
    const char *text = tb_http_query(request, name);
    *out = otherwise;
    if (text == NULL)
        return true;
    char *end = NULL;
    size_t n = strspn(text, "0123456789");
    if (n > 0 && n <= 18 && text[n] == '\0')
        *out = strtoll(text, &end, 10);
    if (end != NULL && *out >= min && *out <= max)
        return true;
    tb_http_reply_fail(response, 400, "bad_input", "%s '%.40s' is not a whole number from %lld to "
                                                   "%lld",
                       name, text, (long long)min, (long long)max);
    tb_http_name_param(response, name);
    return false;
}

bool tb_query_boolean(const tb_http_request *request, tb_http_response *response, const char *name,
                      int *out)
{
    const char *text = tb_http_query(request, name);
    *out = text == NULL ? -1 : strcmp(text, "true") == 0 ? 1 : strcmp(text, "false") == 0 ? 0 : -2;
    if (*out != -2)
        return true;
    tb_http_reply_fail(response, 400, "bad_input", "%s '%.40s' is not true or false", name, text);
    tb_http_name_param(response, name);
    return false;
}
