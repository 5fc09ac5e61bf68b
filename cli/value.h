/*
 * Values as people write them: the kinds that options and settings share, and one checker for both,
 * so that "--threads 0" and "threads = 0" are refused in the same words.
 */
#ifndef TB_CLI_VALUE_H
#define TB_CLI_VALUE_H

#include <stdbool.h>

#include "engine/base/error.h"

typedef enum tb_value_kind {
    TB_VALUE_SWITCH, /* takes no value */
    TB_VALUE_TEXT,
    TB_VALUE_INTEGER,
    TB_VALUE_NUMBER,
    TB_VALUE_CHOICE,
    TB_VALUE_FILE,
    TB_VALUE_FOLDER,
} tb_value_kind;

typedef struct tb_value_rule {
    tb_value_kind kind;
    double min, max;            /* INTEGER and NUMBER, inclusive */
    const char *const *choices; /* CHOICE: NULL-terminated */
} tb_value_rule;

/* BAD_INPUT naming `name`, the value and the limit. */
TB_MUST_USE tb_status tb_value_check(const tb_value_rule *rule, const char *name, const char *text,
                                     tb_error *err);

/* The nearest of several words to one that is not known, by the number of typing slips
 * (Damerau 1964, optimal string alignment). */
typedef struct tb_suggestion {
    const char *word; /* borrowed: what was typed */
    const char *best; /* borrowed: the nearest so far; NULL while none is near enough */
    int distance;
} tb_suggestion;

tb_suggestion tb_suggestion_begin(const char *word);
void tb_suggestion_offer(tb_suggestion *s, const char *candidate);

#endif
