/*
 * From the command line to a request: the recipe of --from or the settings first, then the prompt
 * and the flags over it.
 */
#ifndef TB_CLI_TAKE_REQUEST_H
#define TB_CLI_TAKE_REQUEST_H

#include "cli/app.h"
#include "cli/model_choice.h"
#include "timbre/request.h"

typedef struct tb_take_request {
    timbre_request *request; /* owned, resolved */
    char *asked;             /* owned: JSON of the fields that settings and flags set, without the
                                model of --model */
    char *from_recipe;       /* owned: the recipe of --from; NULL without it */
    tb_model_choice choice;  /* the model, which the request has too */
    bool is_repeat;          /* --from and nothing changed: the samples should come out the same */
} tb_take_request;

TB_MUST_USE tb_status tb_take_request_build(tb_app *app, tb_take_request *out, tb_error *err);
void tb_take_request_deinit(tb_take_request *t);

/* The recipe inside an audio file or a sidecar. Returns owned text; *out is NULL when the audio
 * file has none. */
TB_MUST_USE tb_status tb_recipe_load(const char *path, char **out, tb_error *err);

#endif
