#include "engine/pipeline/decode_recipe.h"

#include <jansson.h>
#include <string.h>

#include "engine/audio/loudness.h"
#include "engine/pipeline/json.h"
#include "engine/pipeline/recipe.h"
#include "engine/pipeline/version.h"

static json_t *params_object(const timbre_spectrogram_params *p)
{
    return json_pack("{s:b, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:s, s:s, s:i, s:i}", "stereo",
                     p->stereo, "sample_rate", p->sample_rate_hz, "step_size_ms", p->step_size_ms,
                     "window_duration_ms", p->window_duration_ms, "padded_duration_ms",
                     p->padded_duration_ms, "num_frequencies", p->num_frequencies, "min_frequency",
                     p->min_frequency_hz, "max_frequency", p->max_frequency_hz, "power_for_image",
                     p->power_for_image, "mel_scale_norm", p->mel_scale_norm, "mel_scale_type",
                     p->mel_scale_type, "max_mel_iters", p->max_mel_iters, "num_griffin_lim_iters",
                     p->num_griffin_lim_iters);
}

/* Libraries that have a say in the samples. */
static json_t *ingredients_object(const tb_decode_choices *choices)
{
    char ebur128[16];
    json_t *j = json_pack("{s:s}", "libsndfile", tb_audio_library_version());
    tb_loudness_version(ebur128);
    if (strcmp(choices->master_name, "clean") == 0)
        (void)json_object_set_new(j, "libebur128", json_string(ebur128));
    return j;
}

tb_status tb_decode_recipe_format(const tb_decode_facts *facts, char **recipe, tb_error *err)
{
    const tb_decode_choices *choices = facts->choices;
    const tb_sound_target *target = facts->target;
    json_t *decode = json_pack("{s:{s:s}, s:o, s:s, s:s, s:s, s:f, s:I}", "image", "sha256",
                               facts->image_sha256, "params", params_object(&choices->params),
                               "phase", choices->phase_name, "inverse_mel", choices->inverse_name,
                               "master", choices->master_name, "gain_db", facts->gain_db, "seed",
                               (json_int_t)choices->seed);
    json_t *j = json_pack("{s:i, s:s, s:i, s:s, s:o, s:o, s:{s:i, s:i, s:i, s:I, s:s}}", "timbre",
                          TB_RECIPE_SCHEMA, "version", tb_version_base(), "engine",
                          TIMBRE_ENGINE_VERSION, "kernels", "exact", "decode", decode,
                          "ingredients", ingredients_object(choices), "pcm", "rate_hz",
                          target->rate_hz, "channels", target->n_channels, "bits", 16, "frames",
                          (json_int_t)target->n_frames, "sha256", target->pcm_sha256);
    *recipe = tb_json_format(j);
    json_decref(j);
    return *recipe != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the recipe");
}
