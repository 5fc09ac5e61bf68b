/* index.json of `timbre batch`: {"schema", "takes": [...]}, a row for each take and what became of
 * it. */
#ifndef TB_CLI_BATCH_INDEX_H
#define TB_CLI_BATCH_INDEX_H

#include <jansson.h>

#include "engine/base/error.h"

typedef struct tb_batch_row {
    const char *set; /* its name */
    size_t i_entry;
    const json_t *prompt, *negative_prompt, *seed; /* borrowed; the latter two may be NULL */
    const char *status;                            /* "made", "kept", "failed", "planned" */
    const char *audio, *image; /* paths; only their names are noted. NULL: none */
    const tb_error *error;     /* NULL: none */
} tb_batch_row;

/* Append the row to the array `takes`. */
TB_MUST_USE tb_status tb_batch_index_add(json_t *takes, const tb_batch_row *row, tb_error *err);
/* Make the file, or replace it: whole or not at all. */
TB_MUST_USE tb_status tb_batch_index_write(const char *path, json_t *takes, tb_error *err);
/* EXISTS where a file is there that is no such index: somebody else's stays. */
TB_MUST_USE tb_status tb_batch_index_check(const char *path, tb_error *err);

#endif
