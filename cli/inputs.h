/* Files that a take begins with: kept by their content in DATA_DIR/inputs, where a recipe finds
 * them again when the originals are gone. */
#ifndef TB_CLI_INPUTS_H
#define TB_CLI_INPUTS_H

#include "cli/app.h"
#include "timbre/request.h"

/* The value that an input field gets for `text`, owned: a known name or an id as it is; of a file
 * the SHA-256 of its copy. `data_dir` NULL: as tb_path_data. BAD_INPUT: neither. */
TB_MUST_USE tb_status tb_input_keep(const char *data_dir, const char *field, const char *text,
                                    char **value, tb_error *err);
/* Set the field so. */
TB_MUST_USE tb_status tb_input_set(tb_app *app, timbre_request *request, const char *field,
                                   const char *text, tb_error *err);
/* Say where the copies of the request's inputs are. NOT_FOUND: one is gone. */
TB_MUST_USE tb_status tb_inputs_find(tb_app *app, timbre_request *request, tb_error *err);

#endif
