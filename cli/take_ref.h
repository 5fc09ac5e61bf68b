/* A take by its number in the history, wherever a file is named: "#12", or "last". */
#ifndef TB_CLI_TAKE_REF_H
#define TB_CLI_TAKE_REF_H

#include "cli/app.h"

/*
 * The file that `text` means, owned (free): `text` itself unless it is "#N" or "last" and no file
 * here has that name. Asks the worker of the data folder, and starts one. BAD_INPUT: the worker is
 * another machine's. GONE: with its reason. app->take_title becomes the
 * take's title in the history, where somebody gave it one.
 */
TB_MUST_USE tb_status tb_take_ref_resolve(tb_app *app, const char *text, char **path,
                                          tb_error *err);

/* Do so for the file that the command takes and for the options of files such as --from and --init,
 * in the arguments themselves; they then
 * borrow from app->take_paths. */
TB_MUST_USE tb_status tb_take_ref_apply(tb_app *app, tb_error *err);

#endif
