/*
 * What of a model or of a weights file goes into one safetensors file, and under which names. A
 * model of the family becomes a checkpoint in the names of Stable Diffusion 1.x's own code, which
 * every program for such models reads, and loses what the network does not use; any other file
 * keeps all its tensors under their names.
 */
#ifndef TB_MODELS_CONVERT_H
#define TB_MODELS_CONVERT_H

#include "engine/base/arena.h"
#include "engine/models/model.h"
#include "engine/tensor/safetensors_write.h"

typedef struct tb_convert_source {
    tb_model *model;                /* owned; NULL: no whole model */
    tb_weights *weights;            /* owned; NULL for a model */
    tb_safetensors_tensor *tensors; /* in the arena */
    size_t n;
    tb_arena arena;
    int64_t n_left_out, n_left_out_bytes; /* tensors of the files that the model does not need */
    int64_t n_rounded;                    /* tensors in double precision: they become fp32 */
} tb_convert_source;

/*
 * Open what is at `path`: a model's folder, a checkpoint, a component's file, "*.index.json". dtype
 * of the float tensors: TB_DTYPE_F16, TB_DTYPE_F32, or TB_DTYPE_COUNT to keep each as it is, but
 * for double precision, which becomes fp32. As tb_model_open; a vocabulary need not be there.
 */
TB_MUST_USE tb_status tb_convert_open(const char *path, tb_dtype dtype, tb_convert_source *source,
                                      tb_error *err);
void tb_convert_close(tb_convert_source *source); /* accepts a zeroed one */

/* Whether what is at the path, links followed, is one of the files that were opened. */
bool tb_convert_is_reading(const tb_convert_source *source, const char *path);
/* BAD_FILE: a file is not the one any more that was opened. */
TB_MUST_USE tb_status tb_convert_check_unchanged(const tb_convert_source *source, tb_error *err);

/*
 * A single file has neither configs nor a vocabulary: with the file at `out`, the model needs those
 * of its files beside it that say something else than Stable Diffusion 1.5's. Appends the names of
 * the ones that are not there, or are others, to `names`. has_own_schedule: what the model's
 * scheduler_config.json says is not what goes without one.
 */
TB_MUST_USE tb_status tb_convert_list_beside(const tb_model *model, const char *out,
                                             bool has_own_schedule, json_t *names, tb_error *err);

#endif
