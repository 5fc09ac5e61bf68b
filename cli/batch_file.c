#include "cli/batch_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "timbre/request.h"

static const char *const checkpoint_names[] = {"checkpoint", "model_id", NULL};

/* riffusion's name of a parameter, ours, and what it is without. */
static const struct {
    const char *theirs, *ours;
    double otherwise;
} numbers[] = {{"num_inference_steps", "steps", 50}, {"guidance", "cfg_scale", 7}};

static const struct {
    const char *theirs, *ours;
} schedulers[] = {{"DPMSolverMultistepScheduler", "dpmpp_2m"},
                  {"PNDMScheduler", "pndm"},
                  {"DDIMScheduler", "ddim"},
                  {"LMSDiscreteScheduler", "lms"},
                  {"EulerDiscreteScheduler", "euler"},
                  {"EulerAncestralDiscreteScheduler", "euler_a"}};

enum { DEFAULT_SEED = 42, DEFAULT_WIDTH = 512, COLUMNS_PER_SECOND = 100 };

static bool is_field(const char *name)
{
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i].name, name) == 0)
            return true;
    return false;
}

static bool is_known(const char *name, bool is_set)
{
    static const char *const of_sets[] = {"checkpoint", "scheduler", "num_inference_steps",
                                          "guidance",   "width",     "name"};
    for (size_t i = 0; is_set && i < sizeof of_sets / sizeof *of_sets; i++)
        if (strcmp(of_sets[i], name) == 0)
            return true;
    return is_field(name);
}

/* Objects of known members; what they hold is checked with the request. */
static tb_status check_rows(const json_t *rows, const char *what, tb_error *err)
{
    size_t i;
    const json_t *row;
    if (!json_is_array(rows) || json_array_size(rows) == 0)
        return tb_fail(err, TIMBRE_BAD_INPUT, "%s is not a list of objects", what);
    json_array_foreach(rows, i, row)
    {
        const char *name;
        json_t *value;
        if (!json_is_object(row))
            return tb_fail(err, TIMBRE_BAD_INPUT, "%s[%zu] is not an object", what, i);
        json_object_foreach(
            (json_t *)row, name,
            value) if (!is_known(name, what[0] == 'p')) return tb_fail(err, TIMBRE_BAD_INPUT,
                                                                       "%s[%zu].%.64s is not known",
                                                                       what, i, name);
    }
    return TIMBRE_OK;
}

static tb_status check_entries(const json_t *entries, tb_error *err)
{
    size_t i;
    const json_t *entry;
    tb_status st = check_rows(entries, "entries", err);
    if (st != TIMBRE_OK)
        return st;
    json_array_foreach(entries, i, entry)
    {
        if (!json_is_string(json_object_get(entry, "prompt")))
            return tb_fail(err, TIMBRE_BAD_INPUT, "entries[%zu].prompt is not a text", i);
    }
    return TIMBRE_OK;
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
    file->sets = json_object_get(file->json, "params");
    file->entries = json_object_get(file->json, "entries");
    if (!json_is_array(file->sets)) { /* one set, or none at all */
        file->one_set = file->sets == NULL ? json_pack("[{}]") : json_pack("[O]", file->sets);
        if (file->one_set == NULL)
            return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a batch");
        file->sets = file->one_set;
    }
    st = check_rows(file->sets, "params", err);
    return st == TIMBRE_OK ? check_entries(file->entries, err) : st;
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

const char *tb_batch_file_model(const tb_batch_file *file, size_t i_set)
{
    const json_t *set = json_array_get(file->sets, i_set);
    const char *model = NULL;
    for (size_t i = 0; checkpoint_names[i] != NULL && model == NULL; i++)
        model = json_string_value(json_object_get(set, checkpoint_names[i]));
    return model;
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

/* ---- the fields ---- */

static bool put(json_t *fields, const char *name, json_t *value)
{
    return json_object_set_new(fields, name, value) == 0;
}

/* Our own fields as they are, but for the model. */
static bool copy_fields(json_t *fields, const json_t *from)
{
    const char *name;
    json_t *value;
    bool is_whole = true;
    json_object_foreach((json_t *)from, name,
                        value) if (is_field(name) && strcmp(name, "model_id") != 0)
        is_whole &= json_object_set(fields, name, value) == 0;
    return is_whole;
}

static const char *our_scheduler(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof schedulers / sizeof *schedulers; i++)
        if (strcmp(schedulers[i].theirs, name) == 0)
            return schedulers[i].ours;
    return name;
}

/* riffusion's names; a set that has ours instead is taken at its word. */
static bool translate(json_t *fields, const json_t *set)
{
    bool is_whole = true;
    const json_t *width = json_object_get(set, "width");
    const char *scheduler = json_string_value(json_object_get(set, "scheduler"));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        json_t *value = json_object_get(set, numbers[i].theirs);
        if (value != NULL)
            is_whole &= json_object_set(fields, numbers[i].ours, value) == 0;
        else if (json_object_get(fields, numbers[i].ours) == NULL)
            is_whole &= put(fields, numbers[i].ours, json_real(numbers[i].otherwise));
    }
    if (scheduler != NULL)
        is_whole &= put(fields, "scheduler", json_string(our_scheduler(scheduler)));
    bool has_length = json_object_get(fields, "duration_seconds") != NULL ||
                      json_object_get(fields, "init") != NULL ||
                      json_object_get(fields, "prompt_b") != NULL;
    if (width != NULL || !has_length) {
        double columns = width != NULL ? json_number_value(width) : DEFAULT_WIDTH;
        is_whole &= put(fields, "duration_seconds", json_real((columns - 1) / COLUMNS_PER_SECOND));
    }
    return is_whole;
}

static bool raise_seed(json_t *fields, int extra)
{
    const json_t *seed = json_object_get(fields, "seed");
    json_int_t n = json_is_integer(seed) ? json_integer_value(seed) : DEFAULT_SEED;
    bool is_other = seed != NULL && !json_is_integer(seed) && !json_is_null(seed);
    return is_other || put(fields, "seed", json_integer(n + extra)); /* the request refuses it */
}

tb_status tb_batch_file_fields(const tb_batch_file *file, size_t i_set, size_t i_entry, int extra,
                               json_t **fields, tb_error *err)
{
    const json_t *set = json_array_get(file->sets, i_set);
    const json_t *entry = json_array_get(file->entries, i_entry);
    *fields = json_object();
    bool is_whole = *fields != NULL && copy_fields(*fields, set) && copy_fields(*fields, entry) &&
                    translate(*fields, set) && raise_seed(*fields, extra);
    if (is_whole)
        return TIMBRE_OK;
    json_decref(*fields);
    *fields = NULL;
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a batch");
}
