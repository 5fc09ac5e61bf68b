#include "cli/batch_file.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/field_error.h"
#include "engine/base/file.h"
#include "engine/base/limits.h"
#include "timbre/request.h"

typedef struct {
    const char *theirs;
    const char *ours; /* field of a request; NULL: none */
    bool is_number;   /* else a text */
} parameter;

/* riffusion's names, of sets only. */
static const parameter parameters[] = {
    {"checkpoint", "model_id", false},      {"scheduler", "scheduler", false},
    {"num_inference_steps", "steps", true}, {"guidance", "cfg_scale", true},
    {"width", "duration_seconds", true},    {"name", NULL, false}};

static const struct {
    const char *theirs, *ours;
} schedulers[] = {{"DPMSolverMultistepScheduler", "dpmpp_2m"},
                  {"PNDMScheduler", "pndm"},
                  {"DDIMScheduler", "ddim"},
                  {"LMSDiscreteScheduler", "lms"},
                  {"EulerDiscreteScheduler", "euler"},
                  {"EulerAncestralDiscreteScheduler", "euler_a"}};

/* What is meant where a file says nothing. */
enum {
    DEFAULT_STEPS = 50,
    DEFAULT_GUIDANCE = 7,
    DEFAULT_SEED = 42,
    DEFAULT_WIDTH = 512,
    COLUMNS_PER_SECOND = 100
};

static const parameter *find_parameter(const char *name)
{
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++)
        if (strcmp(parameters[i].theirs, name) == 0)
            return &parameters[i];
    return NULL;
}

static const timbre_field *find_field(const char *name)
{
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    for (size_t i = 0; name != NULL && i < n; i++)
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    return NULL;
}

/* The field that a member of a set means; NULL: none. */
static const timbre_field *field_of_set(const char *name)
{
    const parameter *p = find_parameter(name);
    return find_field(p != NULL ? p->ours : name);
}

/* A member that is there and is not null. */
static json_t *member(const json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}

/* ---- what may stand there ---- */

static tb_status check_parameter(const json_t *set, size_t i, const parameter *p, tb_error *err)
{
    const json_t *value = member(set, p->theirs);
    if (value == NULL)
        return TIMBRE_OK;
    if (p->is_number ? !json_is_number(value) : !json_is_string(value))
        return tb_fail(err, TIMBRE_BAD_INPUT, "params[%zu].%s is not a %s", i, p->theirs,
                       p->is_number ? "number" : "text");
    if (p->ours != NULL && strcmp(p->ours, p->theirs) != 0 && member(set, p->ours) != NULL)
        return tb_fail(err, TIMBRE_BAD_INPUT, "params[%zu].%s says the same as %s", i, p->theirs,
                       p->ours);
    return TIMBRE_OK;
}

static tb_status check_set(const json_t *set, size_t i, tb_error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)set, name, value)
    {
        if (find_parameter(name) == NULL && find_field(name) == NULL)
            return tb_fail(err, TIMBRE_BAD_INPUT, "params[%zu].%.64s is not known", i, name);
    }
    value = member(set, "model_id");
    if (value != NULL && !json_is_string(value))
        return tb_fail(err, TIMBRE_BAD_INPUT, "params[%zu].model_id is not a text", i);
    tb_status st = TIMBRE_OK;
    for (size_t k = 0; st == TIMBRE_OK && k < sizeof parameters / sizeof *parameters; k++)
        st = check_parameter(set, i, &parameters[k], err);
    return st;
}

static tb_status check_entry(const json_t *entry, size_t i, tb_error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)entry, name, value)
    {
        if (strcmp(name, "model_id") == 0)
            return tb_fail(err, TIMBRE_BAD_INPUT,
                           "entries[%zu].model_id: a model is named in params", i);
        if (find_field(name) == NULL)
            return tb_fail(err, TIMBRE_BAD_INPUT, "entries[%zu].%.64s is not known", i, name);
    }
    if (!json_is_string(json_object_get(entry, "prompt")))
        return tb_fail(err, TIMBRE_BAD_INPUT, "entries[%zu].prompt is not a text", i);
    return TIMBRE_OK;
}

/* Objects of known members; what fields hold is checked with the request. */
static tb_status check_rows(const json_t *rows, const char *what,
                            tb_status (*check_row)(const json_t *, size_t, tb_error *),
                            tb_error *err)
{
    if (!json_is_array(rows) || json_array_size(rows) == 0)
        return tb_fail(err, TIMBRE_BAD_INPUT, "%s is not a list of objects", what);
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        st = json_is_object(row)
                 ? check_row(row, i, err)
                 : tb_fail(err, TIMBRE_BAD_INPUT, "%s[%zu] is not an object", what, i);
    }
    return st;
}

/* Two sets of one name would make files of one name. Case does not tell them apart on every disk.
 */
static tb_status check_names(const tb_batch_file *file, tb_error *err)
{
    json_t *seen = json_object();
    bool is_whole = seen != NULL;
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && is_whole && i < json_array_size(file->sets); i++) {
        char name[TB_BATCH_NAME_BYTES];
        tb_batch_file_name(file, i, name);
        for (char *c = name; *c != '\0'; c++)
            *c = (char)tolower((unsigned char)*c);
        const json_t *before = json_object_get(seen, name);
        if (before != NULL)
            st = tb_fail(err, TIMBRE_BAD_INPUT,
                         "params[%zu].name: its files would be named as those of params[%d]", i,
                         (int)json_integer_value(before));
        else
            is_whole = json_object_set_new(seen, name, json_integer((json_int_t)i)) == 0;
    }
    json_decref(seen);
    return is_whole ? st : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a batch");
}

static tb_status check_members(const json_t *json, tb_error *err)
{
    const char *name;
    json_t *value;
    if (!json_is_object(json))
        return tb_fail(err, TIMBRE_BAD_INPUT, "the file is no JSON object");
    json_object_foreach((json_t *)json, name, value)
    {
        if (strcmp(name, "params") != 0 && strcmp(name, "entries") != 0)
            return tb_fail(err, TIMBRE_BAD_INPUT,
                           "%.64s is not known; there are params and entries", name);
    }
    return TIMBRE_OK;
}

static tb_status check(tb_batch_file *file, tb_error *err)
{
    tb_status st = check_members(file->json, err);
    if (st != TIMBRE_OK)
        return st;
    file->sets = member(file->json, "params");
    file->entries = member(file->json, "entries");
    if (!json_is_array(file->sets)) { /* one set, or none at all */
        file->one_set = file->sets == NULL ? json_pack("[{}]") : json_pack("[O]", file->sets);
        if (file->one_set == NULL)
            return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a batch");
        file->sets = file->one_set;
    }
    st = check_rows(file->sets, "params", check_set, err);
    if (st == TIMBRE_OK)
        st = check_rows(file->entries, "entries", check_entry, err);
    return st == TIMBRE_OK ? check_names(file, err) : st;
}

tb_status tb_batch_file_read(tb_batch_file *file, const char *path, tb_error *err)
{
    char *text = NULL;
    size_t len_bytes = 0;
    json_error_t why;
    *file = (tb_batch_file){0};
    tb_status st = tb_file_read(path, TB_BATCH_MAX_BYTES, &text, &len_bytes, err);
    if (st != TIMBRE_OK)
        return st;
    file->json = json_loadb(text, len_bytes, JSON_REJECT_DUPLICATES, &why);
    free(text);
    if (file->json == NULL)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' is no JSON: %s at line %d, column %d", path,
                       why.text, why.line, why.column);
    st = check(file, err);
    if (st != TIMBRE_OK)
        tb_error_name(err, path);
    return st;
}

void tb_batch_file_deinit(tb_batch_file *file)
{
    json_decref(file->one_set);
    json_decref(file->json);
    *file = (tb_batch_file){0};
}

/* ---- what a set says of itself ---- */

const char *tb_batch_file_model(const tb_batch_file *file, size_t i_set)
{
    const json_t *set = json_array_get(file->sets, i_set);
    const char *model = json_string_value(json_object_get(set, "checkpoint"));
    return model != NULL ? model : json_string_value(json_object_get(set, "model_id"));
}

void tb_batch_file_name(const tb_batch_file *file, size_t i_set, char out[TB_BATCH_NAME_BYTES])
{
    const json_t *set = json_array_get(file->sets, i_set);
    const char *name = json_string_value(json_object_get(set, "name"));
    size_t n = 0;
    for (; name != NULL && *name != '\0' && n + 1 < TB_BATCH_NAME_BYTES; name++) {
        bool is_plain = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_",
                               *name) != NULL;
        out[n++] = is_plain ? *name : '-';
    }
    out[n] = '\0';
    if (n == 0)
        (void)snprintf(out, TB_BATCH_NAME_BYTES, "set-%zu", i_set + 1);
}

/* Without the model: which one plays is no choice of the sketch. */
static bool is_unused(const char *name)
{
    const timbre_field *field = field_of_set(name);
    return field != NULL && !(field->backends & TIMBRE_BACKEND_SKETCH);
}

void tb_batch_file_unused(const tb_batch_file *file, size_t i_set, tb_str *names)
{
    const char *name;
    json_t *value;
    const char *separator = "";
    json_object_foreach(json_array_get(file->sets, i_set), name, value)
    {
        if (!is_unused(name) || json_is_null(value))
            continue;
        tb_str_appendf(names, "%s%s", separator, name);
        separator = ", ";
    }
}

/* ---- the fields ---- */

static bool put(json_t *fields, const char *name, json_t *value)
{
    return json_object_set_new(fields, name, value) == 0;
}

static bool put_width(json_t *fields, double columns)
{
    return put(fields, "duration_seconds", json_real((columns - 1) / COLUMNS_PER_SECOND));
}

static bool put_set(json_t *fields, const json_t *set, bool is_sketch)
{
    const char *name;
    json_t *value;
    bool is_whole = true;
    json_object_foreach((json_t *)set, name, value)
    {
        const timbre_field *field = field_of_set(name);
        bool is_left_out = field == NULL || strcmp(field->name, "model_id") == 0 ||
                           (is_sketch && is_unused(name));
        if (is_left_out || json_is_null(value))
            continue;
        if (strcmp(name, "width") == 0)
            is_whole &= put_width(fields, json_number_value(value));
        else
            is_whole &= json_object_set(fields, field->name, value) == 0;
    }
    return is_whole;
}

static bool put_entry(json_t *fields, const json_t *entry)
{
    const char *name;
    json_t *value;
    bool is_whole = true;
    json_object_foreach((json_t *)entry, name, value)
    {
        if (!json_is_null(value))
            is_whole &= json_object_set(fields, name, value) == 0;
    }
    return is_whole;
}

static bool put_defaults(json_t *fields, bool is_sketch)
{
    bool is_whole = true;
    if (!is_sketch && member(fields, "steps") == NULL)
        is_whole &= put(fields, "steps", json_integer(DEFAULT_STEPS));
    if (!is_sketch && member(fields, "cfg_scale") == NULL)
        is_whole &= put(fields, "cfg_scale", json_real(DEFAULT_GUIDANCE));
    bool has_length = member(fields, "duration_seconds") != NULL ||
                      member(fields, "init") != NULL || member(fields, "prompt_b") != NULL;
    return is_whole && (has_length || put_width(fields, DEFAULT_WIDTH));
}

static bool rename_scheduler(json_t *fields)
{
    const char *name = json_string_value(json_object_get(fields, "scheduler"));
    for (size_t i = 0; name != NULL && i < sizeof schedulers / sizeof *schedulers; i++)
        if (strcmp(schedulers[i].theirs, name) == 0)
            return put(fields, "scheduler", json_string(schedulers[i].ours));
    return true;
}

/* One that is out of range, or no number, stays so: the request refuses it. */
json_t *tb_batch_file_seed(const tb_batch_file *file, const tb_batch_place *place)
{
    json_t *seed = member(json_array_get(file->entries, place->i_entry), "seed");
    if (seed == NULL)
        seed = member(json_array_get(file->sets, place->i_set), "seed");
    if (seed == NULL)
        return json_integer(DEFAULT_SEED + place->extra);
    json_int_t n = json_integer_value(seed);
    if (!json_is_integer(seed) || n < 0 || n > TB_SEED_MAX)
        return json_incref(seed);
    return json_integer(n + place->extra);
}

tb_status tb_batch_file_fields(const tb_batch_file *file, const tb_batch_place *place,
                               bool is_sketch, json_t **fields, tb_error *err)
{
    const json_t *set = json_array_get(file->sets, place->i_set);
    const json_t *entry = json_array_get(file->entries, place->i_entry);
    *fields = json_object();
    bool is_whole = *fields != NULL && put_set(*fields, set, is_sketch) &&
                    put_entry(*fields, entry) && put_defaults(*fields, is_sketch) &&
                    rename_scheduler(*fields) &&
                    put(*fields, "seed", tb_batch_file_seed(file, place));
    if (is_whole)
        return TIMBRE_OK;
    json_decref(*fields);
    *fields = NULL;
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a batch");
}

/* ---- errors ---- */

/* The member that gave the field its value; false: none did. */
static bool find_source(const tb_batch_file *file, const tb_batch_place *place, const char *field,
                        char *out, size_t size)
{
    const json_t *set = json_array_get(file->sets, place->i_set);
    const char *source = member(set, field) != NULL ? field : NULL;
    if (member(json_array_get(file->entries, place->i_entry), field) != NULL) {
        (void)snprintf(out, size, "entries[%zu].%s", place->i_entry, field);
        return true;
    }
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
        bool is_it = parameters[i].ours != NULL && strcmp(parameters[i].ours, field) == 0;
        if (is_it && member(set, parameters[i].theirs) != NULL)
            source = parameters[i].theirs;
    }
    if (source == NULL)
        return false;
    (void)snprintf(out, size, "params[%zu].%s%s", place->i_set, source,
                   strcmp(source, "width") == 0 ? " in seconds" : "");
    return true;
}

static const char *find_subject(const char *message)
{
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(fields[i].name);
        if (strncmp(message, fields[i].name, length) == 0 && message[length] == ' ')
            return fields[i].name;
    }
    return NULL;
}

void tb_batch_file_explain(const tb_batch_file *file, const tb_batch_place *place, tb_error *err)
{
    char source[128];
    const char *field = find_subject(err->message);
    tb_error old = *err;
    if (field != NULL && find_source(file, place, field, source, sizeof source)) {
        tb_field_error_rename(err, field, source);
        return;
    }
    if (json_array_size(file->sets) > 1)
        (void)tb_fail(err, old.code, "params[%zu], entries[%zu]: %.400s", place->i_set,
                      place->i_entry, old.message);
    else
        (void)tb_fail(err, old.code, "entries[%zu]: %.400s", place->i_entry, old.message);
    if (old.fix[0] != '\0')
        tb_fix(err, "%s", old.fix);
}
