/*
 * Errors of request fields in the user's words. The engine names a field as it stands in JSON; who
 * typed a flag or wrote a settings file never saw that name.
 */
#ifndef TB_CLI_FIELD_ERROR_H
#define TB_CLI_FIELD_ERROR_H

#include "engine/base/error.h"

struct tb_app;

/* Where the message begins with the field `name`, it begins with "SHOWN: " instead. A number of
 * seconds written otherwise ("1:30") gets a fix. */
void tb_field_error_rename(tb_error *err, const char *name, const char *shown);

/* The same for whatever field the message begins with: the flag or the setting that gave its value;
 * a field that came out of a recipe keeps its name. */
void tb_field_error_explain(tb_error *err, const struct tb_app *app);

#endif
