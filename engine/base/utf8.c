#include "engine/base/utf8.h"

#include <stdbool.h>
#include <stdlib.h>
#include <utf8proc.h>

/* utf8proc takes signed lengths and code points; both are checked before the cast. */
static utf8proc_ssize_t step(const char *s, size_t len_bytes, utf8proc_int32_t *code)
{
    return utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)len_bytes, code);
}

size_t tb_utf8_check(const char *s, size_t len_bytes)
{
    size_t at = 0;
    while (at < len_bytes) {
        utf8proc_int32_t code;
        utf8proc_ssize_t n = step(s + at, len_bytes - at, &code);
        if (n <= 0)
            return at;
        at += (size_t)n;
    }
    return len_bytes;
}

static bool is_forbidden(utf8proc_int32_t code)
{
    if (code == '\t' || code == '\n' || code == '\r')
        return false;
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

tb_status tb_utf8_require_text(const char *name, const char *s, size_t len_bytes, size_t max_bytes,
                               tb_error *err)
{
    if (len_bytes > max_bytes)
        return tb_fail(err, TIMBRE_BAD_INPUT, "%s of %zu bytes exceeds %zu bytes", name, len_bytes,
                       max_bytes);
    size_t bad = tb_utf8_check(s, len_bytes);
    if (bad < len_bytes)
        return tb_fail(err, TIMBRE_BAD_INPUT, "%s is not UTF-8: byte 0x%02x at offset %zu", name,
                       (unsigned char)s[bad], bad);
    for (size_t at = 0; at < len_bytes;) {
        utf8proc_int32_t code;
        utf8proc_ssize_t n = step(s + at, len_bytes - at, &code);
        if (n <= 0)
            break;
        if (is_forbidden(code))
            return tb_fail(err, TIMBRE_BAD_INPUT, "%s has control character U+%04X at offset %zu",
                           name, (unsigned)code, at);
        at += (size_t)n;
    }
    return TIMBRE_OK;
}

char *tb_utf8_fold(const char *s, size_t len_bytes)
{
    utf8proc_uint8_t *out = NULL;
    utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)len_bytes,
                                      &out,
                                      UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_STRIPMARK |
                                          UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
    if (n < 0) {
        free(out);
        return NULL;
    }
    return (char *)out;
}

int tb_utf8_columns(const char *s, size_t len_bytes)
{
    int columns = 0;
    for (size_t at = 0; at < len_bytes;) {
        utf8proc_int32_t code;
        utf8proc_ssize_t n = step(s + at, len_bytes - at, &code);
        if (n <= 0)
            break;
        columns += utf8proc_charwidth(code);
        at += (size_t)n;
    }
    return columns;
}
