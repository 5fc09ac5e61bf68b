/* Seed images by name, where the model has none of its own: spectrograms of short sketches. */
#ifndef TB_PIPELINE_SEED_IMAGE_H
#define TB_PIPELINE_SEED_IMAGE_H

#include "engine/pipeline/backend.h"
#include "engine/pipeline/sound_picture.h"

typedef struct tb_seed_place {
    const char *model;                /* folder or file; a folder may have seed_images/NAME.png */
    const char *soundfont, *data_dir; /* of the engine; may be NULL */
} tb_seed_place;

/* A picture of spec->n_columns or of any width, owned; *ingredients (owned) names what it was made
 * of. MODEL_MISSING and the like: no SoundFont for the sketch. */
TB_MUST_USE tb_status tb_seed_image_make(const char *name, const tb_seed_place *place,
                                         const tb_sound_picture *spec, const tb_job *job,
                                         tb_raster *out, json_t **ingredients, tb_error *err);

#endif
