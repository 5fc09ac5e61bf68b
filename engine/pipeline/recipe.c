#include "engine/pipeline/recipe.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/limits.h"
#include "engine/base/str.h"
#include "engine/pipeline/json.h"
#include "engine/pipeline/request.h"
#include "engine/pipeline/version.h"

static json_t *pcm_object(const tb_result *result, const char *sha256)
{
    return json_pack("{s:i, s:i, s:i, s:I, s:s}", "rate_hz", TB_SAMPLE_RATE_HZ, "channels",
                     result->n_channels, "bits", 16, "frames", (json_int_t)result->n_frames,
                     "sha256", sha256);
}

/* The request, the model by its name alone: a path is nobody else's business. */
static json_t *request_object(const timbre_request *request)
{
    char name[TB_MODEL_ID_MAX_BYTES + 1];
    json_t *object = tb_request_to_object(request);
    tb_request_model_name(request, name, sizeof name);
    if (object != NULL && json_object_set_new(object, "model_id", json_string(name)) != 0) {
        json_decref(object);
        object = NULL;
    }
    return object;
}

/* Are the bits promised, or only how near they are? A backend names the BLAS that it used. */
static const char *kernels_of(const tb_result *result)
{
    return json_object_get(result->ingredients, "blas") != NULL ? "blas" : "exact";
}

tb_status tb_recipe_format(const tb_backend *backend, const timbre_request *request,
                           const tb_result *result, char **recipe, tb_error *err)
{
    char sha256[TB_SHA256_HEX_BYTES];
    size_t n_samples = (size_t)result->n_frames * (size_t)result->n_channels;
    tb_status st = tb_sha256_bytes(result->pcm, n_samples * sizeof *result->pcm, sha256, err);
    if (st != TIMBRE_OK)
        return st;
    json_t *j = json_pack("{s:i, s:s, s:i, s:s, s:s, s:o, s:O, s:o}", "timbre", TB_RECIPE_SCHEMA,
                          "version", tb_version_base(), "engine", TIMBRE_ENGINE_VERSION, "backend",
                          backend->name, "kernels", kernels_of(result), "request",
                          request_object(request), "ingredients", result->ingredients, "pcm",
                          pcm_object(result, sha256));
    char *text = tb_json_format(j);
    json_decref(j);
    if (text == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the recipe");
    if (strlen(text) > TB_RECIPE_MAX_BYTES) {
        st = tb_fail(err, TIMBRE_BAD_INPUT, "recipe of %zu bytes exceeds %d bytes", strlen(text),
                     TB_RECIPE_MAX_BYTES);
        tb_fix(err, "use a shorter prompt");
        free(text);
        return st;
    }
    *recipe = text;
    return TIMBRE_OK;
}

static json_t *parse_recipe(const char *recipe)
{
    json_t *j = json_loads(recipe, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(j) && json_is_integer(json_object_get(j, "timbre")))
        return j;
    json_decref(j);
    return NULL;
}

/* At most `max` bytes of an outside text, kept on its line. */
static void append_text(tb_str *out, const char *text, int max)
{
    for (int i = 0; i < max && text[i] != '\0'; i++) {
        bool is_control = (unsigned char)text[i] < 0x20 || text[i] == 0x7f;
        tb_str_append_bytes(out, is_control ? "?" : &text[i], 1);
    }
}

/* A value as a short text for a person; objects such as the SoundFont's as "name sha256...". */
static void append_value(tb_str *out, const json_t *j)
{
    const char *name = json_string_value(json_object_get(j, "name"));
    const char *sha = json_string_value(json_object_get(j, "sha256"));
    if (j == NULL)
        tb_str_append(out, "nothing");
    else if (json_is_string(j))
        append_text(out, json_string_value(j), 64);
    else if (sha != NULL) {
        append_text(out, name == NULL ? "" : name, 64);
        tb_str_append(out, name == NULL ? "" : " ");
        append_text(out, sha, 12);
    } else {
        char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        tb_str_appendf(out, "%.64s", text == NULL ? "?" : text);
        free(text);
    }
}

/* Files are the same when their contents are, whatever they are called. */
static bool is_same(const json_t *was, const json_t *is)
{
    const char *sha_was = json_string_value(json_object_get(was, "sha256"));
    const char *sha_is = json_string_value(json_object_get(is, "sha256"));
    if (sha_was != NULL && sha_is != NULL)
        return strcmp(sha_was, sha_is) == 0;
    return was == is || (was != NULL && is != NULL && json_equal(was, is));
}

static void compare_values(tb_str *out, const char *name, const json_t *was, const json_t *is)
{
    if (is_same(was, is))
        return;
    append_text(out, name, 64);
    tb_str_append(out, ": ");
    append_value(out, was);
    tb_str_append(out, " was, ");
    append_value(out, is);
    tb_str_append(out, " is\n");
}

/* Members of either object, those of `was` first. */
static void compare_members(tb_str *out, const json_t *was, const json_t *is)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)was, name, value)
        compare_values(out, name, value, json_object_get(is, name));
    json_object_foreach((json_t *)is, name, value) if (json_object_get(was, name) == NULL)
        compare_values(out, name, NULL, value);
}

char *timbre_recipe_compare(const char *old_recipe, const char *new_recipe)
{
    static const char *const top_level[] = {"engine", "version", "backend", "kernels"};
    json_t *was = parse_recipe(old_recipe);
    json_t *is = parse_recipe(new_recipe);
    char *text = NULL;
    if (was != NULL && is != NULL) {
        tb_str out = {0};
        for (size_t i = 0; i < sizeof top_level / sizeof *top_level; i++)
            compare_values(&out, top_level[i], json_object_get(was, top_level[i]),
                           json_object_get(is, top_level[i]));
        compare_members(&out, json_object_get(was, "request"), json_object_get(is, "request"));
        compare_members(&out, json_object_get(was, "ingredients"),
                        json_object_get(is, "ingredients"));
        compare_values(&out, "pcm", json_object_get(was, "pcm"), json_object_get(is, "pcm"));
        text = tb_str_take(&out);
    }
    json_decref(was);
    json_decref(is);
    return text;
}

int timbre_recipe_is_blas(const char *recipe)
{
    json_t *j = parse_recipe(recipe);
    const char *kernels = json_string_value(json_object_get(j, "kernels"));
    int is_blas = kernels != NULL && strcmp(kernels, "blas") == 0;
    json_decref(j);
    return is_blas;
}

/* "riffusion-v1", or "org/name" of the Hub: nothing that could lead anywhere in a file system but
 * below the current folder, and whoever repeats a take looks only among installed models. */
static bool is_model_name(const char *name)
{
    const char *slash = strchr(name, '/');
    return name[0] != '.' && slash != name &&
           (slash == NULL ||
            (strchr(slash + 1, '/') == NULL && slash[1] != '.' && slash[1] != '\0'));
}

char *timbre_recipe_request(const char *recipe, tb_error *err)
{
    json_t *j = parse_recipe(recipe);
    json_t *request = json_object_get(j, "request");
    const char *model = json_string_value(json_object_get(request, "model_id"));
    char *text = NULL;
    if (model != NULL && !is_model_name(model))
        (void)tb_fail(err, TIMBRE_BAD_FILE, "the recipe names a path, '%.200s', for its model",
                      model);
    else if (json_is_object(json_object_get(j, "decode"))) {
        (void)tb_fail(err, TIMBRE_BAD_FILE,
                      "the recipe is that of a decoded image, not of a prompt");
        tb_fix(err, "timbre decode IMAGE makes it again; timbre show names the image's SHA-256");
    } else if (!json_is_object(request))
        (void)tb_fail(err, TIMBRE_BAD_FILE, "the recipe has no request");
    else if ((text = tb_json_format(request)) == NULL)
        (void)tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request");
    json_decref(j);
    return text;
}
