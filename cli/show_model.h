/* The part of `timbre show` that is about models. */
#ifndef TB_CLI_SHOW_MODEL_H
#define TB_CLI_SHOW_MODEL_H

#include "cli/app.h"

/* Returns the exit code. */
int tb_show_model(tb_app *app, const char *path);

#endif
