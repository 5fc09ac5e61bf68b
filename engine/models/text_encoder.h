/* CLIP's text encoder (Radford et al. 2021), as transformers' CLIPTextModel computes it. */
#ifndef TB_MODELS_TEXT_ENCODER_H
#define TB_MODELS_TEXT_ENCODER_H

#include "engine/models/config.h"
#include "engine/models/parameters.h"
#include "engine/nn/nn.h"

typedef struct tb_text_encoder tb_text_encoder;

/* Returns owned. Copies what it needs: the weights may be closed. BAD_FILE for a missing, misshapen
 * or non-finite tensor; NO_MEMORY. With check-only parameters it is good for dry runs, for its
 * bytes as floats, and for freeing. */
TB_MUST_USE tb_status tb_text_encoder_load(const tb_text_config *config, tb_parameters *parameters,
                                           tb_text_encoder **out, tb_error *err);
void tb_text_encoder_free(tb_text_encoder *encoder);          /* accepts NULL */
size_t tb_text_encoder_bytes(const tb_text_encoder *encoder); /* of packed weights */

/* n sequences of n_positions tokens, each in 0..vocab_size-1, to out[n, n_positions, width]: the
 * hidden states before the last clip_skip layers (0: all are used), then the final LayerNorm.
 * Inside tb_nn_run. */
void tb_text_encoder_forward(tb_nn *nn, const tb_text_encoder *encoder, const int32_t *tokens,
                             int n, int clip_skip, float *out);

#endif
