#include "engine/tensor/json_limits.h"

#include <stdbool.h>
#include <string.h>

#include "engine/tensor/weights_file.h"

/* One pass over the bytes that knows strings and brackets only: enough to count. */
static tb_status check_size(const char *bytes, size_t len, int max_depth, size_t max_values,
                            tb_error *err)
{
    bool is_string = false;
    int depth = 0;
    size_t n_values = 1;
    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];
        if (is_string) {
            i += c == '\\';
            is_string = c != '"';
        } else if (c == '"') {
            is_string = true;
        } else if (c == '{' || c == '[') {
            n_values++;
            if (++depth > max_depth)
                return tb_fail(err, TIMBRE_BAD_FILE,
                               "the JSON is nested deeper than %d levels at byte %zu", max_depth,
                               i);
        } else if (c == '}' || c == ']') {
            depth--;
        } else if (c == ',' && ++n_values > max_values) {
            return tb_fail(err, TIMBRE_BAD_FILE, "the JSON has more than %zu values", max_values);
        }
    }
    return TIMBRE_OK;
}

tb_status tb_json_parse(const char *bytes, size_t len_bytes, int max_depth, size_t max_values,
                        json_t **out, tb_error *err)
{
    *out = NULL;
    tb_status st = check_size(bytes, len_bytes, max_depth, max_values, err);
    if (st != TIMBRE_OK)
        return st;
    json_error_t problem = {0};
    json_t *root = json_loadb(bytes, len_bytes, JSON_REJECT_DUPLICATES, &problem);
    char shown[TB_WEIGHTS_CLEAN_BYTES];
    if (root == NULL && json_error_code(&problem) == json_error_out_of_memory)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the JSON of %zu bytes", len_bytes);
    if (root == NULL)
        return tb_fail(err, TIMBRE_BAD_FILE, "invalid JSON at byte %d: %s", problem.position,
                       tb_weights_clean(problem.text, strlen(problem.text), shown));
    if (!json_is_object(root)) {
        json_decref(root);
        return tb_fail(err, TIMBRE_BAD_FILE, "the JSON is not an object");
    }
    *out = root;
    return TIMBRE_OK;
}
