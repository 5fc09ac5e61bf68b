/*
 * The file of `timbre batch`, in the form of riffusion's batch page:
 *
 *     {"params": {...} or [{...}, ...], "entries": [{"prompt": "...", ...}, ...]}
 *
 * params are sets of riffusion's names (checkpoint, scheduler, num_inference_steps, guidance,
 * width, name) and of our own fields; entries have prompt, negative_prompt, seed and our own
 * fields.
 */
#ifndef TB_CLI_BATCH_FILE_H
#define TB_CLI_BATCH_FILE_H

#include <jansson.h>

#include "engine/base/error.h"

enum { TB_BATCH_MAX_BYTES = 1 << 20, TB_BATCH_MAX_TAKES = 10000, TB_BATCH_NAME_BYTES = 64 };

typedef struct tb_batch_file {
    json_t *json;                 /* owned */
    const json_t *sets, *entries; /* arrays, borrowed */
    json_t *one_set;              /* owned; where params is one object */
} tb_batch_file;

/* BAD_INPUT names the place, "params[1].guidnce"; BAD_FILE: no JSON, too large. */
TB_MUST_USE tb_status tb_batch_file_read(tb_batch_file *file, const char *path, tb_error *err);
void tb_batch_file_deinit(tb_batch_file *file); /* accepts a zeroed one */

/* The fields of a request for a set and an entry, the seed raised by `extra`: new reference.
 * Without model_id; what neither says is riffusion's default. */
TB_MUST_USE tb_status tb_batch_file_fields(const tb_batch_file *file, size_t i_set, size_t i_entry,
                                           int extra, json_t **fields, tb_error *err);
/* The model that the set asks for, or NULL. */
const char *tb_batch_file_model(const tb_batch_file *file, size_t i_set);
/* The set's name as part of a file name; "set-1" where it has none. */
void tb_batch_file_name(const tb_batch_file *file, size_t i_set, char out[TB_BATCH_NAME_BYTES]);

#endif
