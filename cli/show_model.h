/* The part of `timbre show` that is about models. */
#ifndef TB_CLI_SHOW_MODEL_H
#define TB_CLI_SHOW_MODEL_H

#include "cli/app.h"
#include "cli/model_choice.h"

struct json_t;

/* Open it, check every tensor, and print what it is. Returns the exit code. */
int tb_show_model(tb_app *app, const tb_model_choice *model);

/* An object's members, one a line. */
void tb_show_facts(const struct json_t *facts);

#endif
