/*
 * Values of a request, generic over the field table: every check reads its limits from there.
 */
#include "engine/pipeline/request.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/limits.h"
#include "engine/base/number.h"
#include "engine/base/random.h"
#include "engine/base/str.h"
#include "engine/base/utf8.h"
#include "engine/pipeline/backend.h"
#include "timbre/model.h"

typedef struct {
    bool is_set;
    char *text; /* TEXT, CHOICE: owned */
    int64_t integer;
    double number;
    bool boolean;
} value;

struct timbre_request {
    value values[TB_FIELD_COUNT];
    char *model_path, *model_tokenizer; /* owned; NULL: none */
    char *input_paths[TB_FIELD_COUNT];  /* owned; of input fields; NULL: none */
};

/* What plays until a neural model is named. */
static const char default_model[] = "sketch";

tb_status timbre_request_new(timbre_request **out, tb_error *err)
{
    *out = calloc(1, sizeof **out);
    return *out != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request");
}

void timbre_request_free(timbre_request *request)
{
    if (request == NULL)
        return;
    for (int i = 0; i < TB_FIELD_COUNT; i++) {
        free(request->values[i].text);
        free(request->input_paths[i]);
    }
    free(request->model_path);
    free(request->model_tokenizer);
    free(request);
}

tb_status timbre_request_place_model(timbre_request *request, const char *path,
                                     const char *tokenizer, tb_error *err)
{
    char *path_copy = path == NULL ? NULL : tb_strdup(path);
    char *tokenizer_copy = path == NULL || tokenizer == NULL ? NULL : tb_strdup(tokenizer);
    if ((path != NULL && path_copy == NULL) ||
        (path != NULL && tokenizer != NULL && tokenizer_copy == NULL)) {
        free(path_copy);
        free(tokenizer_copy);
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request");
    }
    free(request->model_path);
    free(request->model_tokenizer);
    request->model_path = path_copy;
    request->model_tokenizer = tokenizer_copy;
    return TIMBRE_OK;
}

tb_status timbre_request_place_input(timbre_request *request, const char *name, const char *path,
                                     tb_error *err)
{
    int id = tb_field_find(name);
    if (id < 0 || !tb_field_get((tb_field_id)id)->is_input)
        return tb_fail(err, TIMBRE_BAD_INPUT, "'%.64s' is no field of a file", name);
    char *copy = path == NULL ? NULL : tb_strdup(path);
    if (path != NULL && copy == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request");
    free(request->input_paths[id]);
    request->input_paths[id] = copy;
    return TIMBRE_OK;
}

const char *tb_request_input_path(const timbre_request *request, tb_field_id id)
{
    return request->input_paths[id];
}

const char *tb_request_model_path(const timbre_request *request)
{
    return request->model_path != NULL ? request->model_path
                                       : timbre_request_text(request, "model_id");
}

const char *tb_request_model_tokenizer(const timbre_request *request)
{
    return request->model_tokenizer;
}

void tb_request_model_name(const timbre_request *request, char *out, size_t cap)
{
    const char *model_id = timbre_request_text(request, "model_id");
    if (request->model_path != NULL)
        (void)snprintf(out, cap, "%s", model_id);
    else
        timbre_model_name(model_id, out, cap);
}

tb_status timbre_request_copy(const timbre_request *request, timbre_request **out, tb_error *err)
{
    timbre_request *copy;
    tb_status st = timbre_request_new(&copy, err);
    for (int i = 0; st == TIMBRE_OK && i < TB_FIELD_COUNT; i++) {
        const char *text = request->values[i].text;
        copy->values[i] = request->values[i];
        copy->values[i].text = text == NULL ? NULL : tb_strdup(text);
        if (text != NULL && copy->values[i].text == NULL)
            st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request");
        if (st == TIMBRE_OK && request->input_paths[i] != NULL)
            st = timbre_request_place_input(copy, tb_field_get((tb_field_id)i)->name,
                                            request->input_paths[i], err);
    }
    if (st == TIMBRE_OK)
        st = timbre_request_place_model(copy, request->model_path, request->model_tokenizer, err);
    if (st != TIMBRE_OK) {
        timbre_request_free(copy);
        copy = NULL;
    }
    *out = copy;
    return st;
}

static tb_status set_text(value *v, const char *text, size_t len_bytes, tb_error *err)
{
    char *copy = malloc(len_bytes + 1);
    if (copy == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request");
    memcpy(copy, text, len_bytes);
    copy[len_bytes] = '\0';
    free(v->text);
    v->text = copy;
    v->is_set = true;
    return TIMBRE_OK;
}

static tb_status check_text(const timbre_field *f, const char *text, size_t len_bytes,
                            tb_error *err)
{
    if ((double)len_bytes < f->min)
        return tb_fail(err, TIMBRE_BAD_INPUT, "%s is empty", f->name);
    return tb_utf8_require_text(f->name, text, len_bytes, (size_t)f->max, err);
}

static tb_status check_choice(const timbre_field *f, const char *text, tb_error *err)
{
    tb_str list = {0};
    for (const char *const *c = f->choices; *c != NULL; c++)
        if (strcmp(*c, text) == 0)
            return TIMBRE_OK;
    tb_str_append_words(&list, f->choices);
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "%s '%.40s' is not one of: %s", f->name, text,
                           tb_str_text(&list));
    tb_str_deinit(&list);
    return st;
}

static tb_status check_range(const timbre_field *f, double x, tb_error *err)
{
    if (x >= f->min && x <= f->max) /* false for NaN */
        return TIMBRE_OK;
    return tb_fail(err, TIMBRE_BAD_INPUT, "%s %.16g is not between %.16g and %.16g", f->name, x,
                   f->min, f->max);
}

/* Numbers are kept to the microsecond or its like: six decimals survive JSON and back. */
static double round_number(double x)
{
    return (double)(int64_t)(x * 1e6 + (x < 0 ? -0.5 : 0.5)) / 1e6;
}

static tb_status parse_integer(const timbre_field *f, const char *text, value *v, tb_error *err)
{
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (end == text || *end != '\0')
        return tb_fail(err, TIMBRE_BAD_INPUT, "%s '%.40s' is not a whole number", f->name, text);
    if (errno == ERANGE || (double)n < f->min || (double)n > f->max)
        return tb_fail(err, TIMBRE_BAD_INPUT, "%s %.40s is not between %.16g and %.16g", f->name,
                       text, f->min, f->max);
    v->integer = n;
    v->is_set = true;
    return TIMBRE_OK;
}

static tb_status parse_number(const timbre_field *f, const char *text, value *v, tb_error *err)
{
    double x;
    if (!tb_number_parse(text, &x))
        return tb_fail(err, TIMBRE_BAD_INPUT, "%s '%.40s' is not a number", f->name, text);
    tb_status st = check_range(f, x, err);
    if (st != TIMBRE_OK)
        return st;
    v->number = round_number(x);
    v->is_set = true;
    return TIMBRE_OK;
}

static tb_status parse_boolean(const timbre_field *f, const char *text, value *v, tb_error *err)
{
    static const struct {
        const char *word;
        bool meaning;
    } words[] = {{"true", true},   {"yes", true}, {"on", true},   {"1", true},
                 {"false", false}, {"no", false}, {"off", false}, {"0", false}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].word, text) == 0) {
            v->boolean = words[i].meaning;
            v->is_set = true;
            return TIMBRE_OK;
        }
    return tb_fail(err, TIMBRE_BAD_INPUT, "%s '%.40s' is not true or false", f->name, text);
}

static tb_status parse_value(const timbre_field *f, const char *text, value *v, tb_error *err)
{
    tb_status st = TIMBRE_INTERNAL;
    switch (f->type) {
    case TIMBRE_FIELD_TEXT:
        st = check_text(f, text, strlen(text), err);
        return st == TIMBRE_OK ? set_text(v, text, strlen(text), err) : st;
    case TIMBRE_FIELD_CHOICE:
        st = check_choice(f, text, err);
        return st == TIMBRE_OK ? set_text(v, text, strlen(text), err) : st;
    case TIMBRE_FIELD_INTEGER:
        return parse_integer(f, text, v, err);
    case TIMBRE_FIELD_NUMBER:
        return parse_number(f, text, v, err);
    case TIMBRE_FIELD_BOOLEAN:
        return parse_boolean(f, text, v, err);
    }
    return st;
}

static void unset(value *v)
{
    free(v->text);
    *v = (value){0};
}

void tb_request_unset(timbre_request *request, tb_field_id id)
{
    unset(&request->values[id]);
}

static tb_status unknown_field(const char *name, tb_error *err)
{
    return tb_fail(err, TIMBRE_BAD_INPUT, "unknown field '%.64s'", name);
}

tb_status timbre_request_set(timbre_request *request, const char *name, const char *text,
                             tb_error *err)
{
    int id = tb_field_find(name);
    if (id < 0)
        return unknown_field(name, err);
    if (id == TB_FIELD_SEED && strcmp(text, "random") == 0) {
        unset(&request->values[id]);
        return TIMBRE_OK;
    }
    tb_status st = parse_value(tb_field_get((tb_field_id)id), text, &request->values[id], err);
    if (st == TIMBRE_OK && tb_field_get((tb_field_id)id)->is_input)
        st = timbre_request_place_input(request, name, NULL, err);
    if (st == TIMBRE_OK && id == TB_FIELD_MODEL_ID)
        st = timbre_request_place_model(request, NULL, NULL, err);
    if (st == TIMBRE_BAD_INPUT && id == TB_FIELD_SEED)
        tb_fix(err, "leave it out to draw one");
    return st;
}

tb_status tb_request_set_number(timbre_request *request, const char *name, double x, tb_error *err)
{
    char text[32];
    bool is_integer = tb_field_get((tb_field_id)tb_field_find(name))->type == TIMBRE_FIELD_INTEGER;
    (void)snprintf(text, sizeof text, is_integer ? "%.0f" : "%.6f", x);
    return timbre_request_set(request, name, text, err);
}

static tb_status wrong_type(const timbre_field *f, const char *wanted, tb_error *err)
{
    return tb_fail(err, TIMBRE_BAD_INPUT, "%s is not %s", f->name, wanted);
}

/* 20.0 is a whole number, as JSON Schema has it. */
static bool is_whole(const json_t *j)
{
    return json_is_integer(j) ||
           (json_is_real(j) && floor(json_real_value(j)) == json_real_value(j));
}

static tb_status value_from_json(const timbre_field *f, const json_t *j, value *v, tb_error *err)
{
    tb_status st;
    switch (f->type) {
    case TIMBRE_FIELD_TEXT:
    case TIMBRE_FIELD_CHOICE:
        if (!json_is_string(j))
            return wrong_type(f, "a string", err);
        st = f->type == TIMBRE_FIELD_TEXT
                 ? check_text(f, json_string_value(j), json_string_length(j), err)
                 : check_choice(f, json_string_value(j), err);
        return st == TIMBRE_OK ? set_text(v, json_string_value(j), json_string_length(j), err) : st;
    case TIMBRE_FIELD_INTEGER:
        if (!is_whole(j))
            return wrong_type(f, "a whole number", err);
        st = check_range(f, json_number_value(j), err);
        if (st == TIMBRE_OK)
            v->integer = json_is_integer(j) ? json_integer_value(j) : (int64_t)json_real_value(j);
        break;
    case TIMBRE_FIELD_NUMBER:
        if (!json_is_number(j))
            return wrong_type(f, "a number", err);
        st = check_range(f, json_number_value(j), err);
        if (st == TIMBRE_OK)
            v->number = round_number(json_number_value(j));
        break;
    case TIMBRE_FIELD_BOOLEAN:
        if (!json_is_boolean(j))
            return wrong_type(f, "true or false", err);
        v->boolean = json_is_true(j);
        st = TIMBRE_OK;
        break;
    default:
        return TIMBRE_INTERNAL;
    }
    v->is_set = st == TIMBRE_OK;
    return st;
}

tb_status tb_request_set_object(timbre_request *request, const json_t *object, tb_error *err)
{
    timbre_request *copy;
    tb_status st = timbre_request_copy(request, &copy, err);
    if (st != TIMBRE_OK)
        return st;
    const char *name;
    json_t *j;
    json_object_foreach((json_t *)object, name, j)
    {
        int id = tb_field_find(name);
        if (id < 0)
            st = unknown_field(name, err);
        else if (!json_is_null(j))
            st = value_from_json(tb_field_get((tb_field_id)id), j, &copy->values[id], err);
        if (st == TIMBRE_OK && tb_field_get((tb_field_id)id)->is_input && !json_is_null(j))
            st = timbre_request_place_input(copy, name, NULL, err);
        if (st != TIMBRE_OK)
            break;
    }
    if (st == TIMBRE_OK && json_is_string(json_object_get(object, "model_id")))
        st = timbre_request_place_model(copy, NULL, NULL, err);
    if (st == TIMBRE_OK) {
        timbre_request swap = *request;
        *request = *copy;
        *copy = swap;
    }
    timbre_request_free(copy);
    return st;
}

tb_status timbre_request_set_json(timbre_request *request, const char *json, size_t len_bytes,
                                  tb_error *err)
{
    json_error_t why;
    json_t *object = json_loadb(json, len_bytes, JSON_REJECT_DUPLICATES, &why);
    if (object == NULL)
        return tb_fail(err, TIMBRE_BAD_INPUT, "not JSON: %s at line %d, column %d", why.text,
                       why.line, why.column);
    tb_status st = json_is_object(object)
                       ? tb_request_set_object(request, object, err)
                       : tb_fail(err, TIMBRE_BAD_INPUT, "the request is not a JSON object");
    json_decref(object);
    return st;
}

int timbre_request_has(const timbre_request *request, const char *name)
{
    int id = tb_field_find(name);
    return id >= 0 && request->values[id].is_set;
}

static json_t *value_to_json(const timbre_field *f, const value *v)
{
    switch (f->type) {
    case TIMBRE_FIELD_TEXT:
    case TIMBRE_FIELD_CHOICE:
        return json_string(v->text);
    case TIMBRE_FIELD_INTEGER:
        return json_integer(v->integer);
    case TIMBRE_FIELD_NUMBER:
        return json_real(v->number);
    case TIMBRE_FIELD_BOOLEAN:
        return json_boolean(v->boolean);
    }
    return NULL;
}

json_t *tb_request_to_object(const timbre_request *request)
{
    json_t *object = json_object();
    for (int i = 0; object != NULL && i < TB_FIELD_COUNT; i++) {
        const timbre_field *f = tb_field_get((tb_field_id)i);
        if (request->values[i].is_set &&
            json_object_set_new(object, f->name, value_to_json(f, &request->values[i])) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

char *timbre_request_format(const timbre_request *request)
{
    json_t *object = tb_request_to_object(request);
    char *text = object == NULL ? NULL
                                : json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII |
                                                         JSON_REAL_PRECISION(15));
    json_decref(object);
    return text;
}

tb_status timbre_request_match_path(timbre_request *request, const char *path, tb_error *err)
{
    const char *name = strrchr(path, '/');
    const char *dot = strrchr(name == NULL ? path : name, '.');
    value *format = &request->values[TB_FIELD_OUTPUT_FORMAT];
    if (dot == NULL || dot[1] == '\0') {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "'%s' has no ending that names a format",
                               path);
        tb_fix(err, "end the name in .wav or .flac");
        return st;
    }
    if (format->is_set && strcasecmp(format->text, dot + 1) != 0)
        return tb_fail(err, TIMBRE_BAD_INPUT, "the format is %s but '%s' ends in '%s'",
                       format->text, path, dot);
    char lower[16] = {0};
    for (size_t i = 0; i + 1 < sizeof lower && dot[1 + i] != '\0'; i++)
        lower[i] = (char)tolower((unsigned char)dot[1 + i]);
    return parse_value(tb_field_get(TB_FIELD_OUTPUT_FORMAT), lower, format, err);
}

static tb_status fill_defaults(timbre_request *request, unsigned backend, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    for (int i = 0; st == TIMBRE_OK && i < TB_FIELD_COUNT; i++) {
        const timbre_field *f = tb_field_get((tb_field_id)i);
        if (!request->values[i].is_set && f->default_text != NULL && (f->backends & backend))
            st = parse_value(f, f->default_text, &request->values[i], err);
    }
    return st;
}

static tb_status draw_seed(value *v, tb_error *err)
{
    uint32_t drawn; /* below 2^32: the torch-cpu generator takes no more */
    tb_status st = tb_entropy(&drawn, sizeof drawn, err);
    v->integer = drawn;
    v->is_set = st == TIMBRE_OK;
    return st;
}

static tb_status fail_unused(const timbre_field *f, const char *model, tb_error *err)
{
    bool is_neural = f->backends == TIMBRE_BACKEND_RIFFUSION;
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "%s is not used by model '%s'", f->name, model);
    tb_fix(err, is_neural ? "it is for neural models: name the folder or file of one"
                          : "leave it out, or use the model 'sketch'");
    return st;
}

static tb_status check_usable(const timbre_request *request, unsigned backend, tb_error *err)
{
    for (int i = 0; i < TB_FIELD_COUNT; i++) {
        const timbre_field *f = tb_field_get((tb_field_id)i);
        if (request->values[i].is_set && !(f->backends & backend) && !f->accepted_unused)
            return fail_unused(f, request->values[TB_FIELD_MODEL_ID].text, err);
    }
    return TIMBRE_OK;
}

tb_status timbre_request_resolve(timbre_request *request, tb_error *err)
{
    value *v = request->values;
    if (!v[TB_FIELD_PROMPT].is_set) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "a prompt is required");
        tb_fix(err, "say what to make: timbre generate \"lo-fi piano over gentle rain\"");
        return st;
    }
    int i_backend = 0;
    tb_status st = TIMBRE_OK;
    if (!v[TB_FIELD_MODEL_ID].is_set)
        st = set_text(&v[TB_FIELD_MODEL_ID], default_model, sizeof default_model - 1, err);
    if (st == TIMBRE_OK)
        st = tb_backend_find(tb_request_model_path(request), &i_backend, err);
    if (st != TIMBRE_OK)
        return st;
    const tb_backend *backend = tb_backends[i_backend];
    st = check_usable(request, backend->bit, err);
    if (st == TIMBRE_OK && backend->complete != NULL)
        st = backend->complete(request, err);
    if (st == TIMBRE_OK)
        st = fill_defaults(request, backend->bit, err);
    if (st == TIMBRE_OK && !v[TB_FIELD_SEED].is_set)
        st = draw_seed(&v[TB_FIELD_SEED], err);
    return st == TIMBRE_OK && backend->resolve != NULL ? backend->resolve(request, err) : st;
}

json_t *tb_request_unused(const timbre_request *request, unsigned backend)
{
    json_t *names = json_array();
    for (int i = 0; names != NULL && i < TB_FIELD_COUNT; i++) {
        const timbre_field *f = tb_field_get((tb_field_id)i);
        if (request->values[i].is_set && !(f->backends & backend) &&
            json_array_append_new(names, json_string(f->name)) != 0) {
            json_decref(names);
            return NULL;
        }
    }
    return names;
}

/* Reading a field that does not exist is our bug, not input: it gives the zero of its type. */
static const value *find_value(const timbre_request *request, const char *name)
{
    static const value nothing = {0};
    int id = tb_field_find(name);
    return id < 0 ? &nothing : &request->values[id];
}

const char *timbre_request_text(const timbre_request *request, const char *name)
{
    const value *v = find_value(request, name);
    return v->text == NULL ? "" : v->text;
}

int64_t timbre_request_integer(const timbre_request *request, const char *name)
{
    return find_value(request, name)->integer;
}

double timbre_request_number(const timbre_request *request, const char *name)
{
    return find_value(request, name)->number;
}

int timbre_request_boolean(const timbre_request *request, const char *name)
{
    return find_value(request, name)->boolean;
}
