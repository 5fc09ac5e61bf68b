/* Completion scripts, written from the tables of commands, options and settings. */
#ifndef TB_CLI_COMPLETION_H
#define TB_CLI_COMPLETION_H

#include <stdbool.h>

#include "engine/base/str.h"

/* Append the script for "bash", "zsh" or "fish"; false for other shells. */
bool tb_completion_format(const char *shell, tb_str *out);

#endif
