/* UTF-8 of outside text: checked, cleaned, folded and measured with utf8proc. */
#ifndef TB_BASE_UTF8_H
#define TB_BASE_UTF8_H

#include <stddef.h>

#include "engine/base/error.h"

/* Offset of the first byte that is not valid UTF-8 (overlong and surrogate forms are not), or
 * len_bytes when all is valid. */
size_t tb_utf8_check(const char *s, size_t len_bytes);

/*
 * Refuse text that cannot be a prompt: invalid UTF-8 (the byte offset is named), a NUL or another
 * control character except tab, newline and return (code point and offset are named), or more than
 * max_bytes bytes. `name` is what the text is called in the message.
 */
TB_MUST_USE tb_status tb_utf8_require_text(const char *name, const char *s, size_t len_bytes,
                                           size_t max_bytes, tb_error *err);

/* Lower case, accents and compatibility forms removed (NFKD, marks stripped, case folded). Returns
 * owned (free) or NULL for memory or invalid input. */
char *tb_utf8_fold(const char *s, size_t len_bytes);

/* Columns that `s` takes in a terminal (wide = 2, combining = 0); valid UTF-8 only. */
int tb_utf8_columns(const char *s, size_t len_bytes);

#endif
