#include "engine/base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tb_str_deinit(tb_str *s)
{
    free(s->bytes);
    *s = (tb_str){0};
}

static bool reserve(tb_str *s, size_t more)
{
    size_t need;
    if (s->failed || __builtin_add_overflow(s->len, more, &need) ||
        __builtin_add_overflow(need, (size_t)1, &need)) {
        s->failed = true;
        return false;
    }
    if (s->bytes != NULL && need <= s->capacity)
        return true;
    size_t capacity = s->capacity < 128 ? 128 : s->capacity;
    while (capacity < need)
        if (__builtin_mul_overflow(capacity, (size_t)2, &capacity))
            capacity = need;
    char *grown = realloc(s->bytes, capacity);
    if (grown == NULL) {
        s->failed = true;
        return false;
    }
    s->bytes = grown;
    s->capacity = capacity;
    return true;
}

void tb_str_append_bytes(tb_str *s, const void *data, size_t len_bytes)
{
    if (!reserve(s, len_bytes))
        return;
    if (len_bytes > 0)
        memcpy(s->bytes + s->len, data, len_bytes);
    s->len += len_bytes;
    s->bytes[s->len] = '\0';
}

void tb_str_append(tb_str *s, const char *text)
{
    tb_str_append_bytes(s, text, strlen(text));
}

void tb_str_append_words(tb_str *s, const char *const *words)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        tb_str_append(s, i == 0 ? "" : ", ");
        tb_str_append(s, words[i]);
    }
}

static void append_v(tb_str *s, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    if (n < 0)
        s->failed = true;
    else if (reserve(s, (size_t)n)) {
        vsnprintf(s->bytes + s->len, (size_t)n + 1, fmt, again);
        s->len += (size_t)n;
    }
    va_end(again);
}

void tb_str_appendf(tb_str *s, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    append_v(s, fmt, args);
    va_end(args);
}

const char *tb_str_text(const tb_str *s)
{
    return s->bytes == NULL ? "" : s->bytes;
}

char *tb_str_take(tb_str *s)
{
    tb_str_append_bytes(s, "", 0);
    char *bytes = s->failed ? NULL : s->bytes;
    if (s->failed)
        free(s->bytes);
    *s = (tb_str){0};
    return bytes;
}

char *tb_strdup(const char *text)
{
    tb_str s = {0};
    tb_str_append(&s, text);
    return tb_str_take(&s);
}

char *tb_strf(const char *fmt, ...)
{
    tb_str s = {0};
    va_list args;
    va_start(args, fmt);
    append_v(&s, fmt, args);
    va_end(args);
    return tb_str_take(&s);
}
