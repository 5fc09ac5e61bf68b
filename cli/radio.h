/* A radio: clips on the way from prompt to prompt, made ahead by the worker and played without end.
 */
#ifndef TB_CLI_RADIO_H
#define TB_CLI_RADIO_H

#include <jansson.h>

#include "cli/app.h"

typedef struct tb_radio_options {
    const char *const *prompts; /* see tb_radio_plan_init */
    size_t n_prompts;
    double step;
    const json_t *base; /* borrowed: fields of every clip; its seed is the first one's */
    int n_clips;        /* 0: until it is told to stop */
    bool discards;      /* what was played leaves the history */
    bool is_plain;      /* no line and no keys: what is typed is for somebody else */
    bool is_silent;     /* only recorded */
    const char *record; /* the file; NULL: none */
    bool replaces;      /* it, where it exists */
} tb_radio_options;

/* CANCELLED when a signal ended it; q is a normal end. NO_AUDIO_OUTPUT where it is not recorded
 * either. */
TB_MUST_USE tb_status tb_radio_run(tb_app *app, const tb_radio_options *options, tb_error *err);

#endif
