/*
 * The field table with ids, for code that names a field. Order is wire order; the texts, ranges and
 * flags are in fields.c and nowhere else.
 */
#ifndef TB_PIPELINE_FIELDS_H
#define TB_PIPELINE_FIELDS_H

#include "timbre/request.h"

typedef enum tb_field_id {
    TB_FIELD_PROMPT,
    TB_FIELD_NEGATIVE_PROMPT,
    TB_FIELD_SEED,
    TB_FIELD_DURATION_SECONDS,
    TB_FIELD_MODEL_ID,
    TB_FIELD_CFG_SCALE,
    TB_FIELD_SCHEDULER,
    TB_FIELD_STEPS,
    TB_FIELD_SPACING,
    TB_FIELD_GENERATOR,
    TB_FIELD_CLIP_SKIP,
    TB_FIELD_PROMPT_SYNTAX,
    TB_FIELD_INIT,
    TB_FIELD_INIT_START,
    TB_FIELD_STRENGTH,
    TB_FIELD_MASK,
    TB_FIELD_REPAINT,
    TB_FIELD_REPAINT_BAND,
    TB_FIELD_PROMPT_B,
    TB_FIELD_SEED_B,
    TB_FIELD_STRENGTH_B,
    TB_FIELD_CFG_SCALE_B,
    TB_FIELD_ALPHA,
    TB_FIELD_ALPHA_POWER,
    TB_FIELD_CLIPS,
    TB_FIELD_CLIP_SECONDS,
    TB_FIELD_OVERLAP_SECONDS,
    TB_FIELD_JOIN,
    TB_FIELD_MAGIC_MIX,
    TB_FIELD_MIX_FROM,
    TB_FIELD_MIX_TO,
    TB_FIELD_VARIATION,
    TB_FIELD_VARIATION_SEED,
    TB_FIELD_LOOP,
    TB_FIELD_OUTPUT_FORMAT,
    TB_FIELD_COUNT
} tb_field_id;

const timbre_field *tb_field_get(tb_field_id id);
/* Id by wire name, or -1. */
int tb_field_find(const char *name);

#endif
