#include "engine/models/model_hints.h"

#include <limits.h>
#include <stdlib.h>

#include "engine/base/path.h"
#include "engine/base/str.h"
#include "engine/models/json_config.h"
#include "engine/models/model_inside.h"
#include "engine/tensor/inside.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { TEXT_MAX_BYTES = 200, STEPS_MAX = 1000, CFG_SCALE_MAX = 20 /* a request's */ };

static const char *const texts[] = {"name", "licence", "scheduler"};

/* Of "spectrogram"; whether they make a spectrogram together is for others to say. */
static const char *const numbers[] = {"step_size_ms",    "window_duration_ms", "padded_duration_ms",
                                      "num_frequencies", "min_frequency",      "max_frequency"};

static void check_text(tb_json_reader *r, const char *key)
{
    const json_t *value = json_object_get(r->json, key);
    if (value != NULL && !json_is_string(value))
        tb_json_refuse(r, key, value, "is not a string");
    else if (json_string_length(value) > TEXT_MAX_BYTES)
        tb_json_refuse(r, key, value, "has %zu bytes, more than %d", json_string_length(value),
                       TEXT_MAX_BYTES);
}

static void check_spectrogram(tb_json_reader *r)
{
    const json_t *members = json_object_get(r->json, "spectrogram");
    if (members == NULL)
        return;
    if (!json_is_object(members)) {
        tb_json_refuse(r, "spectrogram", members, "is not an object");
        return;
    }
    tb_json_reader inner = *r;
    inner.json = members;
    for (size_t i = 0; i < COUNT(numbers); i++)
        (void)tb_json_int(&inner, numbers[i], 0, INT_MAX, 0);
    r->status = inner.status;
}

static tb_status check_members(const json_t *json, const char *path, tb_error *err)
{
    tb_json_reader r = {json, path, TIMBRE_OK, err};
    for (size_t i = 0; i < COUNT(texts); i++)
        check_text(&r, texts[i]);
    (void)tb_json_int(&r, "steps", 1, STEPS_MAX, 1);
    (void)tb_json_double(&r, "cfg_scale", 0, CFG_SCALE_MAX, 0);
    tb_model_check_prediction(&r);
    check_spectrogram(&r);
    return r.status;
}

char *tb_model_root(const char *model_path)
{
    return tb_model_is_folder(model_path) ? tb_strdup(model_path) : tb_path_folder(model_path);
}

char *tb_model_hints_path(const char *model_path)
{
    char *root = tb_model_root(model_path);
    char *path = root == NULL ? NULL : tb_strf("%s/timbre.json", root);
    free(root);
    return path;
}

static tb_status read_inside(const char *path, json_t **out, tb_error *err)
{
    char *root = tb_path_folder(path);
    if (root == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    tb_status st = tb_path_require_inside(path, root, err);
    free(root);
    if (st == TIMBRE_OK)
        st = tb_json_config_read(path, out, err);
    if (st == TIMBRE_OK)
        st = check_members(*out, path, err);
    if (st != TIMBRE_NOT_FOUND)
        return st;
    return tb_fail(err, TIMBRE_BAD_FILE, "'%s' is a link that leads nowhere", path);
}

tb_status tb_model_hints_read(const char *model_path, json_t **out, tb_error *err)
{
    *out = NULL;
    char *path = tb_model_hints_path(model_path);
    if (path == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    tb_status st = tb_model_has_path(path) ? read_inside(path, out, err) : TIMBRE_OK;
    if (st != TIMBRE_OK) {
        json_decref(*out);
        *out = NULL;
    }
    free(path);
    return st;
}
