/*
 * The noise schedule a model was trained with, and the timesteps that a sampler visits: diffusers'
 * formulas (numerics: alphas_cumprod, spacings, Karras et al. 2022).
 */
#ifndef TB_DIFFUSION_SCHEDULE_H
#define TB_DIFFUSION_SCHEDULE_H

#include <jansson.h>
#include <stdbool.h>

#include "engine/base/error.h"
#include "engine/base/limits.h"

typedef enum tb_prediction {
    TB_PREDICTION_EPSILON,
    TB_PREDICTION_V, /* Salimans & Ho 2022 */
    TB_PREDICTION_SAMPLE
} tb_prediction;

typedef enum tb_spacing {
    TB_SPACING_DEFAULT, /* of the sampler: leading for PNDM and DDIM, linspace for the others */
    TB_SPACING_LEADING,
    TB_SPACING_LINSPACE,
    TB_SPACING_TRAILING
} tb_spacing;

typedef struct tb_schedule {
    int n_train; /* 1000 */
    double beta_start, beta_end;
    bool is_scaled_linear; /* else linear */
    tb_prediction prediction;
    tb_spacing spacing;
    int steps_offset;
    /* set_alpha_to_one; a file that does not say leaves it to the sampler: no, and DDIM yes */
    bool has_alpha_one, has_alpha_one_ddim;
    float alphas_cumprod[TB_TRAIN_STEPS_MAX]; /* in single precision as torch.cumprod has it */
} tb_schedule;

/* From scheduler_config.json; NULL: Riffusion's. BAD_FILE names key and value. */
TB_MUST_USE tb_status tb_schedule_read(const json_t *json, tb_schedule *schedule, tb_error *err);

#endif
