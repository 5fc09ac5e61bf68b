/* Help on the terminal: the short one of -h, and manual pages as plain text. */
#ifndef TB_CLI_HELP_H
#define TB_CLI_HELP_H

#include <stdio.h>

#include "cli/app.h"
#include "cli/page.h"

/* At most 24 lines of 80 columns that begin with two examples. NULL: the program. Returns 0. */
int tb_help_print_short(FILE *out, const tb_command *command);
/* The manual page of a command (NULL: the program) on standard output; the exit code. */
int tb_help_print(tb_app *app, const tb_command *command);
/* A page as plain text as wide as the terminal (40 to 100 columns; 80 without one); the exit code.
 */
int tb_page_print(tb_app *app, const tb_page *page);

/* "-s, --seed N" into out, for help and messages. */
void tb_option_format(const tb_option *option, char *out, size_t size);

#endif
