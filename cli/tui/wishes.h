/*
 * What the user wants of the next take: values of the request's fields as texts, checked by the
 * engine's field table.
 */
#ifndef TB_CLI_TUI_WISHES_H
#define TB_CLI_TUI_WISHES_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/app.h"
#include "timbre/request.h"

enum { TB_WISHES_MAX = 48 };

typedef struct tb_wishes {
    char *text[TB_WISHES_MAX]; /* owned, by index of the field; NULL: not asked */
} tb_wishes;

/* Those that settings and flags ask for. */
void tb_wishes_init(tb_wishes *wishes, const tb_app *app);
void tb_wishes_deinit(tb_wishes *wishes);
/* Index of the field with this name or flag, that a person can set here; -1. */
int tb_wish_find(const char *name);
/* NULL or "off": not asked. BAD_INPUT naming field, value and limit. */
TB_MUST_USE tb_status tb_wishes_set(tb_wishes *wishes, int i_field, const char *text,
                                    tb_error *err);
/* The flags of the command line over what is there. BAD_INPUT naming the flag. */
TB_MUST_USE tb_status tb_wishes_take_flags(tb_wishes *wishes, const tb_app *app, tb_error *err);
/* What is asked, else what is meant without ("random", "5.0", "model's own"). */
const char *tb_wishes_shown(const tb_wishes *wishes, int i_field);
/* By the field's name; NULL: not asked. */
const char *tb_wishes_text(const tb_wishes *wishes, const char *name);
/* A request body with this prompt. New reference. */
TB_MUST_USE tb_status tb_wishes_make_body(const tb_wishes *wishes, const char *prompt, json_t **out,
                                          tb_error *err);
/* The asked ones alone, as an object. New reference, NULL for memory. */
json_t *tb_wishes_to_json(const tb_wishes *wishes);
/* Take over what an object of fields says; others become unasked. prompt is left out. */
void tb_wishes_from_json(tb_wishes *wishes, const json_t *fields);
/* "timbre generate 'PROMPT' --length 5 --seed 42", quoted for a shell. Owned. */
char *tb_wishes_shell(const json_t *request);

#endif
