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

/* Fields that are set but that `backend` accepts without using, as a new JSON array of names. */
json_t *tb_request_unused(const timbre_request *request, unsigned backend);

#endif
