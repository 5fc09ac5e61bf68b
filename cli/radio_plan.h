/*
 * The way of a radio: which clip comes after which. It leads from each prompt to the next in steps
 * of alpha, and behind the last one to the first again, as riffusion's web app does it; nothing
 * here knows how a clip is made.
 */
#ifndef TB_CLI_RADIO_PLAN_H
#define TB_CLI_RADIO_PLAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

enum { TB_RADIO_PROMPTS_MAX = 32 };

#define TB_RADIO_STEP 0.25 /* alphaVelocity of riffusion's web app */

/* Zero-initialise. */
typedef struct tb_radio_plan {
    char *prompts[TB_RADIO_PROMPTS_MAX]; /* owned */
    size_t n_prompts;
    double step;
    int64_t seed; /* of the first way round */
    int64_t leg;  /* from prompt `leg` to the next, counted on over all rounds */
    double alpha; /* of the clip that comes next */
} tb_radio_plan;

/* One clip. */
typedef struct tb_radio_step {
    const char *prompt_a, *prompt_b; /* borrowed from the plan */
    double alpha;                    /* 0: all a; 1: all b */
    int64_t seed, seed_b;
    int64_t leg;
} tb_radio_step;

/*
 * Each of the texts is a prompt, or several with "->" between them. `step`: above 0, at most 1.
 * Each round has the next seed, so that nothing comes back: with one prompt its ends are seed and
 * seed + 1. BAD_INPUT: a prompt that is empty or none, or more than TB_RADIO_PROMPTS_MAX.
 */
TB_MUST_USE tb_status tb_radio_plan_init(tb_radio_plan *plan, const char *const *texts,
                                         size_t n_texts, double step, int64_t seed, tb_error *err);
void tb_radio_plan_deinit(tb_radio_plan *plan);

/* The clip that comes next. */
tb_radio_step tb_radio_plan_get(const tb_radio_plan *plan);
/* It was made: on to the one behind it. The end of a leg is the beginning of the next one, and
 * comes once. */
void tb_radio_plan_advance(tb_radio_plan *plan);
/* On to the beginning of the leg behind `leg`. */
void tb_radio_plan_skip(tb_radio_plan *plan, int64_t leg);

/*
 * The body of the job that makes it: what `base` (an object, or NULL) asks for, and what the step
 * says. The sketch cannot blend: its clip is a loop of the nearer prompt. New reference, NULL for
 * memory.
 */
json_t *tb_radio_step_body(const tb_radio_step *step, const json_t *base, bool is_sketch);
/* Name of the first field in `base` that a radio decides itself; NULL: none. */
const char *tb_radio_find_own_field(const json_t *base);

/* "rain -> jazz" or "rain", for one line. Owned, NULL for memory. */
char *tb_radio_step_title(const tb_radio_step *step);

#endif
