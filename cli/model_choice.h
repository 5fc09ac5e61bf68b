/*
 * The one place that turns what was asked for into a model: a flag, a setting, a recipe or nothing.
 * "sketch" is itself; then comes the name of a model that is installed or known; all else is a
 * path, and "./NAME" always is one.
 */
#ifndef TB_CLI_MODEL_CHOICE_H
#define TB_CLI_MODEL_CHOICE_H

#include "cli/app.h"
#include "hub/installed.h"
#include "timbre/request.h"

/* Zero-initialise. */
typedef struct tb_model_choice {
    char *id;        /* the request's model_id: "sketch", a name, or a path; owned */
    char *name;      /* in takes and recipes; owned */
    char *path;      /* what the engine opens; NULL: the sketch. Owned */
    char *tokenizer; /* folder of its vocabulary; NULL: its own or the one of the settings. Owned */
    char *why;       /* "it is ...", "--model"; owned */
    bool is_named;   /* somebody asked for it */
} tb_model_choice;

/* What --model says, else the setting; without both the first that is installed, else the sketch.
 * MODEL_MISSING: a known model that is not whole here, with the command that brings it. */
TB_MUST_USE tb_status tb_model_choose(tb_app *app, tb_model_choice *out, tb_error *err);
/* The same among models that were looked up before. */
TB_MUST_USE tb_status tb_model_choose_from(tb_app *app, const tb_installed_list *list,
                                           tb_model_choice *out, tb_error *err);

/* The model that a recipe names: of that name in the settings, else among those installed, never a
 * path. MODEL_MISSING: there is none; *is_known then says whether a pull brings it. */
TB_MUST_USE tb_status tb_model_choose_recorded(tb_app *app, const char *name, tb_model_choice *out,
                                               bool *is_known, tb_error *err);

/* The installed model `name`, for commands that also take files. NOT_FOUND: no such name. */
TB_MUST_USE tb_status tb_model_choose_named(tb_app *app, const char *name, tb_model_choice *out,
                                            tb_error *err);
/* The model at `path`, whatever is installed; of that only a vocabulary is borrowed. */
TB_MUST_USE tb_status tb_model_choose_at(tb_app *app, const char *path, tb_model_choice *out,
                                         tb_error *err);

/* Whether it names a model that is known or, even in part, installed. */
bool tb_model_is_name(tb_app *app, const char *name);

/* Make it the request's. */
TB_MUST_USE tb_status tb_model_choice_apply(const tb_model_choice *choice, timbre_request *request,
                                            tb_error *err);

/* The vocabulary for timbre_model_describe: that of the settings, else the choice's. Owned, NULL
 * where the model has its own. */
TB_MUST_USE tb_status tb_model_choice_tokenizer(tb_app *app, const tb_model_choice *choice,
                                                char **out, tb_error *err);

void tb_model_choice_deinit(tb_model_choice *choice);

#endif
