/*
 * Values as Python writes them: riffusion's server is Python, and what its clients read are str(),
 * repr() and the names of types.
 */
#ifndef TB_WORKER_PYTHON_TEXT_H
#define TB_WORKER_PYTHON_TEXT_H

#include <jansson.h>

#include "engine/base/str.h"

/* repr(value): the fewest digits that give the value back, "5.11", "1e-05". `value` is finite. */
void tb_python_append_float(tb_str *out, double value);

/* str(value) of what json.loads makes of it: a text as it is, else repr(). What has more than
 * max_bytes is cut between two characters, and "..." stands behind it. */
void tb_python_append_value(tb_str *out, const json_t *value, size_t max_bytes);

/* type(value).__name__: "str", "int", "float", "bool", "NoneType", "list", "dict". */
const char *tb_python_type_name(const json_t *value);

#endif
