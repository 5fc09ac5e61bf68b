/* Lines that a person or a program gives, edited where both ends are a terminal that can do so. */
#ifndef TB_CLI_CHAT_LINE_H
#define TB_CLI_CHAT_LINE_H

#include <stdbool.h>

#include "cli/app.h"

typedef struct tb_lines tb_lines;

/* Returns owned. `history`: file of earlier prompts, NULL: none is kept. */
TB_MUST_USE tb_status tb_lines_open(const tb_app *app, const char *history, tb_lines **out,
                                    tb_error *err);
void tb_lines_close(tb_lines *lines); /* accepts NULL */

/*
 * The next line without its end, and without blanks around it. *line is owned, NULL at the end of
 * the input. BAD_INPUT: this line is no text; the next one may be. CANCELLED: a signal came, or
 * Ctrl-C where nothing was typed.
 */
TB_MUST_USE tb_status tb_lines_read(tb_lines *lines, char **line, tb_error *err);

/* Let the user find it again: here, and a prompt also the next time. */
void tb_lines_remember(tb_lines *lines, const char *line);

#endif
