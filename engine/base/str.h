/* A growing byte string: for JSON, help texts, man pages. NUL-terminated at all times. */
#ifndef TB_BASE_STR_H
#define TB_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"

typedef struct tb_str {
    char *bytes; /* owned; NULL while empty */
    size_t len, capacity;
    bool failed; /* an append ran out of memory: sticky, checked once at the end */
} tb_str;

void tb_str_deinit(tb_str *s);
void tb_str_append(tb_str *s, const char *text);
void tb_str_append_bytes(tb_str *s, const void *data, size_t len_bytes);
/* "a, b, c" of a list that ends with NULL. */
void tb_str_append_words(tb_str *s, const char *const *words);
void tb_str_appendf(tb_str *s, const char *fmt, ...) TB_PRINTF(2, 3);
/* The text, "" while empty; valid until the next append. */
const char *tb_str_text(const tb_str *s);
/* The bytes as an owned string (free), leaving *s empty; NULL when an append failed. */
char *tb_str_take(tb_str *s) TB_MUST_USE;

/* malloc'ed copy / formatted string; NULL for memory. */
char *tb_strdup(const char *text) TB_MUST_USE;
char *tb_strf(const char *fmt, ...) TB_PRINTF(1, 2) TB_MUST_USE;

#endif
