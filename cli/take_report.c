#include "cli/take_report.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/str.h"

json_t *tb_take_to_json(const timbre_take *take, bool has_sidecar)
{
    json_t *metadata = json_loads(timbre_take_metadata(take), 0, NULL);
    json_t *recipe = json_loads(timbre_take_recipe(take), 0, NULL);
    const char *path = timbre_take_path(take);
    json_t *j = json_pack("{s:s?, s:s, s:O, s:s, s:o, s:o}", "path", path, "id",
                          timbre_take_id(take), "seed", json_object_get(metadata, "seed"), "sha256",
                          timbre_take_file_sha256(take), "metadata", metadata, "recipe", recipe);
    char *sidecar = has_sidecar && path != NULL ? tb_strf("%s.json", path) : NULL;
    if (j != NULL)
        (void)json_object_set_new(j, "sidecar",
                                  sidecar != NULL ? json_string(sidecar) : json_null());
    free(sidecar);
    return j;
}

static void note_words(tb_app *app, const json_t *extras)
{
    tb_str line = {0};
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(extras, "understood"), i, item) tb_str_appendf(
        &line, "%s%s (%s)", i == 0 ? "" : ", ", json_string_value(json_object_get(item, "word")),
        json_string_value(json_object_get(item, "meaning")));
    tb_app_detail(app, "understood: %s", line.len > 0 ? tb_str_text(&line) : "nothing");
    tb_str_deinit(&line);
    json_array_foreach(json_object_get(extras, "unknown"), i, item)
        tb_str_appendf(&line, "%s%s", i == 0 ? "" : ", ", json_string_value(item));
    if (line.len > 0)
        tb_app_detail(app, "not understood: %s", tb_str_text(&line));
    tb_str_deinit(&line);
}

static void note_music(tb_app *app, const json_t *extras)
{
    const char *style = json_string_value(json_object_get(extras, "style"));
    if (style == NULL)
        return;
    tb_app_detail(app, "%s, %g bpm, %s, %s", style,
                  json_number_value(json_object_get(extras, "tempo_bpm")),
                  json_string_value(json_object_get(extras, "key")),
                  json_string_value(json_object_get(extras, "metre")));
}

static void note_unused(tb_app *app, const json_t *extras)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(extras, "unused"), i, item)
        tb_app_warn(app, "the %s backend does not use %s",
                    json_string_value(json_object_get(extras, "backend")), json_string_value(item));
}

void tb_take_note(tb_app *app, const timbre_take *take, double elapsed_s, bool is_first)
{
    json_t *metadata = json_loads(timbre_take_metadata(take), 0, NULL);
    json_t *extras = json_object_get(metadata, "extras");
    const char *label = json_string_value(json_object_get(extras, "label"));
    if (is_first) {
        if (label != NULL)
            tb_app_note(app, "this is %s", label);
        note_unused(app, extras);
        note_words(app, extras);
    }
    note_music(app, extras);
    tb_app_note(app, "seed %lld, %.1f s of sound in %.2f s",
                (long long)json_integer_value(json_object_get(metadata, "seed")),
                json_number_value(json_object_get(metadata, "duration_seconds")), elapsed_s);
    json_decref(metadata);
}

tb_status tb_take_compare(tb_app *app, const char *old_recipe, const timbre_take *take,
                          tb_error *err)
{
    char *differences = timbre_recipe_compare(old_recipe, timbre_take_recipe(take));
    if (differences == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory to compare the recipes");
    bool has_ingredient = false, has_pcm = false;
    char *rest = differences;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (line[0] == '\0')
            continue;
        bool is_pcm = strncmp(line, "pcm:", 4) == 0;
        has_pcm = has_pcm || is_pcm;
        has_ingredient = has_ingredient || !is_pcm;
        tb_app_warn(app, "not the same take: %s", line);
    }
    free(differences);
    if (has_ingredient || !has_pcm)
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_VERIFY_FAILED,
                           "same recipe, other samples: this is a defect");
    tb_fix(err, "please report it with both files and the output of: timbre doctor --json");
    return st;
}
