#include "engine/pipeline/fields.h"

#include <stddef.h>
#include <string.h>

#include "engine/base/limits.h"

/* The names that the first contract's clients may send, in its order. */
static const char *const schedulers[] = {"dpmpp_2m", "dpmpp_2m_karras", "euler_a", "euler", "ddim",
                                         "pndm",     "kdpm_2_a",        NULL};
static const char *const formats[] = {"wav", "flac", NULL};

static const timbre_field table[TB_FIELD_COUNT] = {
    [TB_FIELD_PROMPT] = {.name = "prompt",
                         .type = TIMBRE_FIELD_TEXT,
                         .min = 1,
                         .max = TB_PROMPT_MAX_BYTES,
                         .value_name = "TEXT",
                         .help = "what the sound should be, in words",
                         .backends = TIMBRE_BACKEND_SKETCH},
    [TB_FIELD_NEGATIVE_PROMPT] = {.name = "negative_prompt",
                                  .type = TIMBRE_FIELD_TEXT,
                                  .min = 0,
                                  .max = TB_PROMPT_MAX_BYTES,
                                  .default_text = "",
                                  .flag = "negative",
                                  .value_name = "TEXT",
                                  .help = "what it should not have",
                                  .backends = TIMBRE_BACKEND_SKETCH},
    [TB_FIELD_SEED] = {.name = "seed",
                       .type = TIMBRE_FIELD_INTEGER,
                       .min = 0,
                       .max = (double)TB_SEED_MAX,
                       .flag = "seed",
                       .short_flag = 's',
                       .value_name = "N",
                       .help = "same seed, same take; drawn when not given",
                       .backends = TIMBRE_BACKEND_SKETCH},
    [TB_FIELD_DURATION_SECONDS] = {.name = "duration_seconds",
                                   .type = TIMBRE_FIELD_NUMBER,
                                   .min = 1,
                                   .max = TB_SKETCH_MAX_SECONDS,
                                   .default_text = "5.0",
                                   .flag = "length",
                                   .short_flag = 'l',
                                   .value_name = "SEC",
                                   .help = "length in seconds",
                                   .backends = TIMBRE_BACKEND_SKETCH},
    [TB_FIELD_MODEL_ID] = {.name = "model_id",
                           .type = TIMBRE_FIELD_TEXT,
                           .min = 1,
                           .max = 128,
                           .flag = "model",
                           .short_flag = 'm',
                           .value_name = "NAME",
                           .help = "model; the best installed when not given",
                           .backends = TIMBRE_BACKEND_SKETCH},
    [TB_FIELD_CFG_SCALE] = {.name = "cfg_scale",
                            .type = TIMBRE_FIELD_NUMBER,
                            .min = 0,
                            .max = 20,
                            .flag = "cfg",
                            .value_name = "X",
                            .help = "guidance scale, for neural models",
                            .accepted_unused = 1},
    [TB_FIELD_SCHEDULER] = {.name = "scheduler",
                            .type = TIMBRE_FIELD_CHOICE,
                            .choices = schedulers,
                            .flag = "scheduler",
                            .value_name = "NAME",
                            .help = "sampler, for neural models",
                            .accepted_unused = 1},
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
                                .help = "wav or flac; the name's ending decides",
                                .backends = TIMBRE_BACKEND_SKETCH},
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
