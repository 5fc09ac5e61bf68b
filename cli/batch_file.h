/*
 * The file of `timbre batch`, in the form of riffusion's batch page:
 *
 *     {"params": {...} or [{...}, ...], "entries": [{"prompt": "...", ...}, ...]}
 *
 * params are sets of riffusion's names (checkpoint, scheduler, num_inference_steps, guidance,
 * width, name) and of our own fields; entries have prompt, negative_prompt, seed and our own
 * fields, which come before those of the set. null is as good as nothing.
 */
#ifndef TB_CLI_BATCH_FILE_H
#define TB_CLI_BATCH_FILE_H

#include <jansson.h>
#include <stdbool.h>

#include "engine/base/error.h"
#include "engine/base/str.h"

enum { TB_BATCH_MAX_BYTES = 1 << 20, TB_BATCH_MAX_TAKES = 10000, TB_BATCH_NAME_BYTES = 64 };

typedef struct tb_batch_file {
    json_t *json;                 /* owned */
    const json_t *sets, *entries; /* arrays, borrowed */
    json_t *one_set;              /* owned; where params is one object */
} tb_batch_file;

/* One take of the file: a set, an entry, and by how much its seed is raised. */
typedef struct tb_batch_place {
    size_t i_set, i_entry;
    int extra;
} tb_batch_place;

/* BAD_INPUT names the place, "params[1].guidnce"; BAD_FILE: no JSON, too large. */
TB_MUST_USE tb_status tb_batch_file_read(tb_batch_file *file, const char *path, tb_error *err);
void tb_batch_file_deinit(tb_batch_file *file); /* accepts a zeroed one */

/* The fields of a request: new reference. Without model_id; what neither set nor entry says is
 * riffusion's default. For the sketch without what of the set it does not use. */
TB_MUST_USE tb_status tb_batch_file_fields(const tb_batch_file *file, const tb_batch_place *place,
                                           bool is_sketch, json_t **fields, tb_error *err);
/* Append the members of the set that the sketch does not use, "scheduler, guidance". */
void tb_batch_file_unused(const tb_batch_file *file, size_t i_set, tb_str *names);
/* The seed as it is asked for: new reference, NULL for memory. */
json_t *tb_batch_file_seed(const tb_batch_file *file, const tb_batch_place *place);
/* The model that the set asks for, or NULL. */
const char *tb_batch_file_model(const tb_batch_file *file, size_t i_set);
/* The set's name as part of a file name, no two of them alike; "set-1" where it has none. */
void tb_batch_file_name(const tb_batch_file *file, size_t i_set, char out[TB_BATCH_NAME_BYTES]);

/* Where in the file the error is: "params[0].guidance: 99 is ..." for a message about a field that
 * the file gives, else "entries[3]: ...". */
void tb_batch_file_explain(const tb_batch_file *file, const tb_batch_place *place, tb_error *err);

#endif
