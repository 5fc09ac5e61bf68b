/*
 * timbre.json, in which whoever makes a model says how it is best used: name, licence, steps,
 * cfg_scale, scheduler, prediction_type, spectrogram. Read in one place, by the same rules for
 * everybody who asks.
 */
#ifndef TB_MODELS_MODEL_HINTS_H
#define TB_MODELS_MODEL_HINTS_H

#include <jansson.h>

#include "engine/base/error.h"

/* Where the hints of the model at `model_path` are: in a model's folder, and beside a single file.
 * Owned (free); NULL for memory. */
char *tb_model_hints_path(const char *model_path) TB_MUST_USE;

/*
 * *out: the object, owned (json_decref), or NULL where the model has none. Its known members are
 * checked: name, licence and scheduler are texts of at most 200 bytes (which schedulers there are
 * is not known here), steps 1 to 1000, cfg_scale 0 to 20, prediction_type one of the three,
 * spectrogram an object whose known members are whole numbers from 0 on; others are let be.
 * BAD_FILE: a member is wrong, it is no JSON, too large, or a link out of the model's folder.
 */
TB_MUST_USE tb_status tb_model_hints_read(const char *model_path, json_t **out, tb_error *err);

#endif
