/*
 * A request inside the library: one value per row of the field table. Public functions are in
 * timbre/request.h; what only the pipeline needs is here.
 */
#ifndef TB_PIPELINE_REQUEST_H
#define TB_PIPELINE_REQUEST_H

#include <jansson.h>
#include <stdbool.h>

#include "engine/base/error.h"
#include "engine/pipeline/fields.h"

/* Set members of a JSON object on the request; all or nothing. */
TB_MUST_USE tb_status tb_request_set_object(timbre_request *request, const json_t *object,
                                            tb_error *err);
/* The set fields as a new JSON object in table order; NULL for memory. */
json_t *tb_request_to_object(const timbre_request *request);

/* Where the request's model is: its place, else model_id. Valid until the request changes. */
const char *tb_request_model_path(const timbre_request *request);
/* The folder of its vocabulary, or NULL. */
const char *tb_request_model_tokenizer(const timbre_request *request);
/* The file behind an input field, or NULL: its value is a name. Valid until the request changes. */
const char *tb_request_input_path(const timbre_request *request, tb_field_id id);
/* What the model is called in takes and recipes: of a placed one model_id, else timbre_model_name.
 */
void tb_request_model_name(const timbre_request *request, char *out, size_t cap);

/* The field has no value any more. */
void tb_request_unset(timbre_request *request, tb_field_id id);
/* Set a field from code, to a number of its range. */
TB_MUST_USE tb_status tb_request_set_number(timbre_request *request, const char *name, double x,
                                            tb_error *err);

/* Fields that are set but that `backend` accepts without using, as a new JSON array of names. */
json_t *tb_request_unused(const timbre_request *request, unsigned backend);

#endif
