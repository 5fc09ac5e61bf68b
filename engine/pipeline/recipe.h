/*
 * The recipe: all that is needed to make the same take again, as ASCII JSON of at most 8 KiB. No
 * clock, no path, nothing about the machine, but for a BLAS that computed a neural take: its bits
 * are its own. Public readers are in timbre/engine.h.
 */
#ifndef TB_PIPELINE_RECIPE_H
#define TB_PIPELINE_RECIPE_H

#include "engine/pipeline/backend.h"

enum { TB_RECIPE_SCHEMA = 1 };

/* The recipe of `result`. Returns owned text (free). BAD_INPUT when it would exceed the limit. */
TB_MUST_USE tb_status tb_recipe_format(const tb_backend *backend, const timbre_request *request,
                                       const tb_result *result, char **recipe, tb_error *err);

#endif
