/* Pieces of the tables that jobs and takes print, and of the addresses that they ask. */
#ifndef TB_CLI_CLIENT_ROW_H
#define TB_CLI_CLIENT_ROW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/app.h"
#include "engine/base/str.h"

/* Write `text` as one clean line of exactly `columns`, cut with an ellipsis or filled with blanks;
 * is_last: not filled. */
void tb_row_print(FILE *out, const char *text, int columns, bool is_last, bool is_utf8);

/* Columns that standard output has; a wide page where it is no terminal, so that nothing is cut. */
int tb_row_columns(void);

enum { TB_AGE_TEXT_MAX = 16 };
/* "12 s", "5 min", "3 h", "9 d" since a time such as 2026-11-22T12:44:05Z; "" when it is none. */
void tb_age_format(const char *time, char out[TB_AGE_TEXT_MAX]);

/* Append NAME=VALUE, with ? or & before, to an address; the value is escaped. */
void tb_query_append(tb_str *address, const char *name, const char *value);
/* Append one part of a path, escaped. */
void tb_path_part_append(tb_str *address, const char *part);

/* The member as text, "" where it is none. */
const char *tb_member_text(const json_t *object, const char *name);

/* One of the actions of a command such as jobs; a table ends with a NULL name. */
typedef struct tb_action {
    const char *name, *usage; /* "watch [ID]" */
    size_t min_operands, max_operands;
    const char *options[4]; /* of the command's own that it takes; ends with NULL */
} tb_action;

/* Index of the action that the first operand names (without operands: the first) after checking
 * operands and options; -1 with err set. `everywhere`: options of every action. */
int tb_action_find(const tb_app *app, const tb_action *actions, const char *const *everywhere,
                   tb_error *err);

#endif
