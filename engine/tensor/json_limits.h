/* JSON of strangers: how deep and how much is known before a parser builds anything of it. */
#ifndef TB_TENSOR_JSON_LIMITS_H
#define TB_TENSOR_JSON_LIMITS_H

#include <jansson.h>

#include "engine/base/error.h"

/*
 * Parse one JSON object. Refused: more than max_depth levels of brackets, more than max_values
 * values, the same key twice in an object, NUL in a string, whatever is not JSON (the position is
 * named). *out is owned (json_decref).
 */
TB_MUST_USE tb_status tb_json_parse(const char *bytes, size_t len_bytes, int max_depth,
                                    size_t max_values, json_t **out, tb_error *err);

#endif
