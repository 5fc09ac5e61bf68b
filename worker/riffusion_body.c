#include "worker/riffusion_body.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>

#include "engine/base/str.h"
#include "worker/python_text.h"

typedef enum kind { KIND_STR, KIND_OPTIONAL_STR, KIND_INT, KIND_FLOAT, KIND_PROMPT } kind;

/* typing's __name__ of a field's type; of Optional[str] since Python 3.10. */
static const char *const kind_names[] = {
    [KIND_STR] = "str",     [KIND_OPTIONAL_STR] = "Optional", [KIND_INT] = "int",
    [KIND_FLOAT] = "float", [KIND_PROMPT] = "PromptInput",
};

typedef struct field {
    const char *name;
    kind kind;
    bool is_required;
    size_t offset; /* in the struct */
} field;

/* riffusion.datatypes, in its order: dacite reports the first field that is wrong. */
static const field prompt_fields[] = {
    {"prompt", KIND_STR, true, offsetof(tb_inference_prompt, prompt)},
    {"seed", KIND_INT, true, offsetof(tb_inference_prompt, seed)},
    {"negative_prompt", KIND_OPTIONAL_STR, false, offsetof(tb_inference_prompt, negative_prompt)},
    {"denoising", KIND_FLOAT, false, offsetof(tb_inference_prompt, denoising)},
    {"guidance", KIND_FLOAT, false, offsetof(tb_inference_prompt, guidance)},
    {0},
};

static const field inference_fields[] = {
    {"start", KIND_PROMPT, true, offsetof(tb_inference, start)},
    {"end", KIND_PROMPT, true, offsetof(tb_inference, end)},
    {"alpha", KIND_FLOAT, true, offsetof(tb_inference, alpha)},
    {"num_inference_steps", KIND_INT, false, offsetof(tb_inference, num_inference_steps)},
    {"seed_image_id", KIND_STR, false, offsetof(tb_inference, seed_image_id)},
    {"mask_image_id", KIND_OPTIONAL_STR, false, offsetof(tb_inference, mask_image_id)},
    {0},
};

static const tb_inference_prompt default_prompt = {.denoising = 0.75, .guidance = 7};
static const tb_inference default_inference = {.num_inference_steps = 50};
static const char default_seed_image[] = "og_beat";

static tb_status no_memory(tb_error *err)
{
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request");
}

static bool has_kind(const json_t *value, kind wanted)
{
    switch (wanted) {
    case KIND_STR:
        return json_is_string(value);
    case KIND_OPTIONAL_STR:
        return json_is_string(value) || json_is_null(value);
    case KIND_INT:
        return json_is_integer(value) || json_is_boolean(value);
    case KIND_FLOAT:
        return json_is_number(value) || json_is_boolean(value);
    case KIND_PROMPT:
        break;
    }
    return json_is_object(value);
}

static tb_status wrong_type(const char *folder, const field *f, const json_t *value, tb_error *err)
{
    tb_str shown = {0};
    tb_python_append_value(&shown, value, TB_INFERENCE_SHOWN_BYTES);
    tb_status st = shown.failed
                       ? no_memory(err)
                       : tb_fail(err, TIMBRE_BAD_INPUT,
                                 "wrong value type for field \"%s%s\" - should be \"%s\" instead "
                                 "of value \"%s\" of type \"%s\"",
                                 folder, f->name, kind_names[f->kind], tb_str_text(&shown),
                                 tb_python_type_name(value));
    tb_str_deinit(&shown);
    return st;
}

static tb_status read_text(const json_t *value, char **out, tb_error *err)
{
    *out = tb_strdup(json_string_value(value));
    return *out != NULL ? TIMBRE_OK : no_memory(err);
}

static void read_int(const json_t *value, int64_t *out)
{
    *out = json_is_integer(value) ? json_integer_value(value) : json_is_true(value);
}

static void read_float(const json_t *value, double *out)
{
    *out = json_is_number(value) ? json_number_value(value) : json_is_true(value);
}

/* `folder`: what stands before a field's name in messages, "" or "start.". Ends with the first
 * error; what was read until then stays in the struct. */
static tb_status read_fields(const json_t *object, const char *folder, const field *fields,
                             void *out, tb_error *err);

static tb_status read_prompt(const json_t *object, const char *name, tb_inference_prompt *out,
                             tb_error *err)
{
    char *folder = tb_strf("%s.", name);
    *out = default_prompt;
    tb_status st = folder == NULL ? no_memory(err)
                                  : read_fields(object, folder, prompt_fields, out, err);
    free(folder);
    return st;
}

static tb_status read_field(const json_t *value, const char *folder, const field *f, void *out,
                            tb_error *err)
{
    void *to = (char *)out + f->offset;
    if (!has_kind(value, f->kind))
        return wrong_type(folder, f, value, err);
    switch (f->kind) {
    case KIND_STR:
        return read_text(value, to, err);
    case KIND_OPTIONAL_STR:
        return json_is_null(value) ? TIMBRE_OK : read_text(value, to, err);
    case KIND_INT:
        read_int(value, to);
        break;
    case KIND_FLOAT:
        read_float(value, to);
        break;
    case KIND_PROMPT:
        return read_prompt(value, f->name, to, err);
    }
    return TIMBRE_OK;
}

static tb_status read_fields(const json_t *object, const char *folder, const field *fields,
                             void *out, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    for (const field *f = fields; st == TIMBRE_OK && f->name != NULL; f++) {
        const json_t *value = json_object_get(object, f->name);
        if (value != NULL)
            st = read_field(value, folder, f, out, err);
        else if (f->is_required)
            st = tb_fail(err, TIMBRE_BAD_INPUT, "missing value for field \"%s%s\"", folder,
                         f->name);
    }
    return st;
}

/* jansson's own words may hold bytes of the body. */
static tb_status not_json(const json_error_t *problem, tb_error *err)
{
    const char *what = "the syntax is wrong";
    switch (json_error_code(problem)) {
    case json_error_out_of_memory:
        return no_memory(err);
    case json_error_numeric_overflow:
        return tb_fail(err, TIMBRE_BAD_INPUT, "the number before byte %d is beyond 64 bits",
                       problem->position);
    case json_error_stack_overflow:
        what = "the brackets are nested too deep";
        break;
    case json_error_premature_end_of_input:
        what = "it ends too early";
        break;
    case json_error_end_of_input_expected:
        what = "it goes on behind its end";
        break;
    case json_error_invalid_utf8:
        what = "that is no UTF-8";
        break;
    case json_error_null_character:
    case json_error_null_byte_in_key:
        what = "a text has a NUL";
        break;
    default:
        break;
    }
    return tb_fail(err, TIMBRE_BAD_FILE, "the body is not valid JSON at byte %d: %s",
                   problem->position, what);
}

tb_status tb_inference_parse(const char *json, size_t len_bytes, tb_inference *out, tb_error *err)
{
    json_error_t problem = {0};
    json_t *body = json_loadb(json, len_bytes, JSON_DECODE_ANY, &problem);
    *out = default_inference;
    if (body == NULL)
        return not_json(&problem, err);
    tb_status st = json_is_object(body)
                       ? read_fields(body, "", inference_fields, out, err)
                       : tb_fail(err, TIMBRE_BAD_FILE, "the body is JSON, but not an object");
    if (st == TIMBRE_OK && out->seed_image_id == NULL) {
        out->seed_image_id = tb_strdup(default_seed_image);
        if (out->seed_image_id == NULL)
            st = no_memory(err);
    }
    if (st != TIMBRE_OK)
        tb_inference_deinit(out);
    json_decref(body);
    return st;
}

void tb_inference_deinit(tb_inference *inference)
{
    free(inference->start.prompt);
    free(inference->start.negative_prompt);
    free(inference->end.prompt);
    free(inference->end.negative_prompt);
    free(inference->seed_image_id);
    free(inference->mask_image_id);
    *inference = (tb_inference){0};
}
