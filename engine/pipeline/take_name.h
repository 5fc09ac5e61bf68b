/* File names of takes: "2026-11-22/1244-lo-fi-piano-over-gentle-rain-s42". */
#ifndef TB_PIPELINE_TAKE_NAME_H
#define TB_PIPELINE_TAKE_NAME_H

#include <time.h>

#include "engine/base/error.h"
#include "timbre/request.h"

/* What fills a pattern's braces. */
typedef struct tb_take_facts {
    const timbre_request *request; /* resolved */
    time_t now;
    int index; /* {n} */
} tb_take_facts;

/*
 * Expand {date} {time} {slug} {seed} {n} {model} in `pattern` (date and time are local); "{{"
 * stands for one brace. An unknown name or an open brace: BAD_INPUT naming it. *out is owned
 * (free).
 */
TB_MUST_USE tb_status tb_take_name_expand(const char *pattern, const tb_take_facts *facts,
                                          char **out, tb_error *err);

/* Letters and digits of a prompt, lower case ASCII, words joined by '-', at most 40 bytes, cut at a
 * word; "take" when nothing is left. */
void tb_take_name_slug(const char *prompt, char out[41]);

#endif
