/*
 * The body of riffusion's POST /run_inference/. Its server makes the JSON a dataclass with dacite
 * (1.6.0, not strict, Python 3.10 and later); what is taken, what is refused, in which order and
 * with which words is dacite's.
 */
#ifndef TB_WORKER_RIFFUSION_BODY_H
#define TB_WORKER_RIFFUSION_BODY_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

/* Texts are UTF-8 without NUL, owned. No number is in any range yet. */
typedef struct tb_inference_prompt {
    char *prompt;
    int64_t seed;
    char *negative_prompt; /* NULL: none */
    double denoising, guidance;
} tb_inference_prompt;

typedef struct tb_inference {
    tb_inference_prompt start, end;
    double alpha;
    int64_t num_inference_steps;
    char *seed_image_id;
    char *mask_image_id; /* NULL: none */
} tb_inference;

enum { TB_INFERENCE_SHOWN_BYTES = 320 }; /* of a value in a message */

/*
 * Unknown members are left out; of one that comes twice the last counts. Whole numbers and booleans
 * (0, 1) pass as floats, booleans as ints, floats never as ints.
 *
 * BAD_INPUT: dacite's complaint, `missing value for field "start.prompt"` or `wrong value type for
 * field "start.seed" - should be "int" instead of value "x" of type "str"`, of the first field that
 * is wrong in the order of the dataclass; the value is Python's str() of it, raw (line breaks and
 * all), cut behind TB_INFERENCE_SHOWN_BYTES. Also, before any field, a number that is beyond 64
 * bits: Python would take it. BAD_FILE: what is no JSON or no object (riffusion: a page with status
 * 500), and what Python's parser takes but jansson's does not: NaN, Infinity, half a surrogate
 * pair, NUL in a text; brackets 2,048 deep. NO_MEMORY. *out is to be deinit'ed only after OK.
 */
TB_MUST_USE tb_status tb_inference_parse(const char *json, size_t len_bytes, tb_inference *out,
                                         tb_error *err);
void tb_inference_deinit(tb_inference *inference);

#endif
