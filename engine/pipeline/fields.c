#include "engine/pipeline/fields.h"

#include <stddef.h>
#include <string.h>

#include "engine/base/limits.h"

/* The names that the first contract's clients may send, in its order. */
static const char *const schedulers[] = {"dpmpp_2m", "dpmpp_2m_karras", "euler_a", "euler", "ddim",
                                         "pndm",     "kdpm_2_a",        "lms",     "unipc", NULL};
static const char *const spacings[] = {"leading", "linspace", "trailing", NULL};
static const char *const generators[] = {"torch-cpu", "torch-cuda", NULL};
static const char *const syntaxes[] = {"weighted", "plain", NULL};
static const char *const formats[] = {"wav", "flac", NULL};

enum {
    NEURAL = TIMBRE_BACKEND_RIFFUSION,
    EVERY = TIMBRE_BACKEND_SKETCH | TIMBRE_BACKEND_RIFFUSION,
};

static const timbre_field table[TB_FIELD_COUNT] = {
    [TB_FIELD_PROMPT] = {.name = "prompt",
                         .type = TIMBRE_FIELD_TEXT,
                         .min = 1,
                         .max = TB_PROMPT_MAX_BYTES,
                         .value_name = "TEXT",
                         .help = "what the sound should be, in words",
                         .backends = EVERY},
    [TB_FIELD_NEGATIVE_PROMPT] = {.name = "negative_prompt",
                                  .type = TIMBRE_FIELD_TEXT,
                                  .min = 0,
                                  .max = TB_PROMPT_MAX_BYTES,
                                  .default_text = "",
                                  .flag = "negative",
                                  .value_name = "TEXT",
                                  .help = "what it should not have",
                                  .backends = EVERY},
    [TB_FIELD_SEED] = {.name = "seed",
                       .type = TIMBRE_FIELD_INTEGER,
                       .min = 0,
                       .max = (double)TB_SEED_MAX,
                       .flag = "seed",
                       .short_flag = 's',
                       .value_name = "N",
                       .help = "same seed, same take; drawn when not given",
                       .backends = EVERY},
    [TB_FIELD_DURATION_SECONDS] = {.name = "duration_seconds",
                                   .type = TIMBRE_FIELD_NUMBER,
                                   .min = 1,
                                   .max = TB_SKETCH_MAX_SECONDS,
                                   .default_text = "5.0",
                                   .flag = "length",
                                   .short_flag = 'l',
                                   .value_name = "SEC",
                                   .help = "length in seconds",
                                   .backends = EVERY},
    [TB_FIELD_MODEL_ID] = {.name = "model_id",
                           .type = TIMBRE_FIELD_TEXT,
                           .min = 1,
                           .max = TB_MODEL_ID_MAX_BYTES,
                           .flag = "model",
                           .short_flag = 'm',
                           .value_name = "MODEL",
                           .help = "sketch, or the folder or file of a neural model",
                           .is_path = 1,
                           .backends = EVERY},
    [TB_FIELD_CFG_SCALE] = {.name = "cfg_scale",
                            .type = TIMBRE_FIELD_NUMBER,
                            .min = 0,
                            .max = 20,
                            .flag = "cfg",
                            .value_name = "X",
                            .help = "guidance scale, for neural models",
                            .backends = NEURAL,
                            .accepted_unused = 1},
    [TB_FIELD_SCHEDULER] = {.name = "scheduler",
                            .type = TIMBRE_FIELD_CHOICE,
                            .choices = schedulers,
                            .flag = "scheduler",
                            .value_name = "NAME",
                            .help = "sampler, for neural models",
                            .backends = NEURAL,
                            .accepted_unused = 1},
    [TB_FIELD_STEPS] = {.name = "steps",
                        .type = TIMBRE_FIELD_INTEGER,
                        .min = 1,
                        .max = 1000,
                        .flag = "steps",
                        .value_name = "N",
                        .help = "steps of the sampler; the model's own, else 20",
                        .backends = NEURAL},
    [TB_FIELD_SPACING] = {.name = "timestep_spacing",
                          .type = TIMBRE_FIELD_CHOICE,
                          .choices = spacings,
                          .flag = "spacing",
                          .value_name = "NAME",
                          .help = "where the steps lie; the model's or the sampler's own",
                          .backends = NEURAL},
    [TB_FIELD_GENERATOR] = {.name = "generator",
                            .type = TIMBRE_FIELD_CHOICE,
                            .default_text = "torch-cpu",
                            .choices = generators,
                            .flag = "generator",
                            .value_name = "NAME",
                            .help = "whose noise a seed gives",
                            .backends = NEURAL},
    [TB_FIELD_CLIP_SKIP] = {.name = "clip_skip",
                            .type = TIMBRE_FIELD_INTEGER,
                            .min = 0,
                            .max = 11,
                            .default_text = "0",
                            .flag = "clip-skip",
                            .value_name = "N",
                            .help = "last layers of the text encoder to leave out",
                            .backends = NEURAL},
    [TB_FIELD_PROMPT_SYNTAX] = {.name = "prompt_syntax",
                                .type = TIMBRE_FIELD_CHOICE,
                                .default_text = "weighted",
                                .choices = syntaxes,
                                .flag = "prompt-syntax",
                                .value_name = "NAME",
                                .help = "whether (louder:1.3) and [softer] have a meaning",
                                .backends = NEURAL},
    [TB_FIELD_LOOP] = {.name = "loop",
                       .type = TIMBRE_FIELD_BOOLEAN,
                       .default_text = "false",
                       .flag = "loop",
                       .help = "whole bars whose end leads back to the beginning",
                       .backends = TIMBRE_BACKEND_SKETCH},
    [TB_FIELD_OUTPUT_FORMAT] = {.name = "output_format",
                                .type = TIMBRE_FIELD_CHOICE,
                                .default_text = "wav",
                                .choices = formats,
                                .flag = "format",
                                .short_flag = 'f',
                                .value_name = "FORMAT",
                                .help = "file format; the name's ending decides",
                                .backends = EVERY},
};

const timbre_field *tb_field_get(tb_field_id id)
{
    return &table[id];
}

int tb_field_find(const char *name)
{
    for (int i = 0; i < TB_FIELD_COUNT; i++)
        if (strcmp(table[i].name, name) == 0)
            return i;
    return -1;
}

const timbre_field *timbre_request_fields(size_t *n_fields)
{
    *n_fields = TB_FIELD_COUNT;
    return table;
}
