/* The recipe of a decoded image: what is needed, beside the image, to make the same samples. */
#ifndef TB_PIPELINE_DECODE_RECIPE_H
#define TB_PIPELINE_DECODE_RECIPE_H

#include "engine/pipeline/sound_target.h"
#include "engine/spectrogram/params.h"

typedef struct tb_decode_choices {
    timbre_spectrogram_params params; /* complete and checked */
    int phase, inverse, master;       /* indexes of the names below in their lists */
    const char *phase_name, *inverse_name, *master_name;
    int64_t seed;
} tb_decode_choices;

typedef struct tb_decode_facts {
    const tb_decode_choices *choices;
    const char *image_sha256;
    const tb_sound_target *target; /* ended */
    double gain_db;
} tb_decode_facts;

/* Owned JSON text (free). */
TB_MUST_USE tb_status tb_decode_recipe_format(const tb_decode_facts *facts, char **recipe,
                                              tb_error *err);

#endif
