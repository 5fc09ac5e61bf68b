/* The model of a set of `timbre batch`: riffusion's checkpoints are names of the Hub or paths. */
#ifndef TB_CLI_BATCH_MODEL_H
#define TB_CLI_BATCH_MODEL_H

#include "cli/model_choice.h"

/* `asked`: "sketch", a name of ours, the Hub's of a known model ("riffusion/riffusion-model-v1"),
 * or a path. MODEL_MISSING: it is not here, with the command that brings it. */
TB_MUST_USE tb_status tb_batch_model_choose(tb_app *app, const char *asked, tb_model_choice *out,
                                            tb_error *err);

#endif
