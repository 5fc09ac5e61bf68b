/* What a request begins with, found among what clients brought and what was made here. */
#ifndef TB_WORKER_INPUT_PLACE_H
#define TB_WORKER_INPUT_PLACE_H

#include "timbre/request.h"
#include "worker/service.h"

/*
 * Every input field (init, mask) that is no known name is the id or SHA-256 of an uploaded input,
 * or the id, "#number" or "last" of a take. Its bytes are kept for good, under their SHA-256, which
 * becomes the field's value: the request can be repeated next year. BAD_INPUT names the field.
 */
TB_MUST_USE tb_status tb_input_place(tb_worker *worker, timbre_request *request, tb_error *err);

#endif
