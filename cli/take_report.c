#include "cli/take_report.h"

#include <stdlib.h>
#include <string.h>

#include "cli/music.h"
#include "cli/text.h"
#include "engine/base/str.h"
#include "timbre/request.h"

json_t *tb_take_to_json(const timbre_take *take, bool has_sidecar)
{
    json_t *metadata = json_loads(timbre_take_metadata(take), 0, NULL);
    json_t *recipe = json_loads(timbre_take_recipe(take), 0, NULL);
    const char *path = timbre_take_path(take);
    json_t *j = json_pack("{s:o, s:s, s:O, s:s, s:o, s:o}", "path",
                          path != NULL ? tb_text_to_json(path) : json_null(), "id",
                          timbre_take_id(take), "seed", json_object_get(metadata, "seed"), "sha256",
                          timbre_take_file_sha256(take), "metadata", metadata, "recipe", recipe);
    char *sidecar = has_sidecar && path != NULL ? tb_strf("%s.json", path) : NULL;
    if (j != NULL)
        (void)json_object_set_new(j, "sidecar",
                                  sidecar != NULL ? tb_text_to_json(sidecar) : json_null());
    free(sidecar);
    return j;
}

static void note_words(tb_app *app, const json_t *extras)
{
    tb_str understood = {0}, unknown = {0};
    if (json_object_get(extras, "understood") == NULL)
        return; /* a neural model does not tell */
    tb_music_append_understood(&understood, extras);
    tb_music_append_unknown(&unknown, extras);
    if (understood.len == 0)
        tb_app_note(app, "none of these words are known to the sketch; the seed decides");
    else if (unknown.len > 0)
        tb_app_note(app, "not understood: %s", tb_str_text(&unknown));
    if (understood.len > 0)
        tb_app_detail(app, "understood: %s", tb_str_text(&understood));
    tb_str_deinit(&understood);
    tb_str_deinit(&unknown);
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

/* What a neural model did with the request. */
static void note_model(tb_app *app, const json_t *extras)
{
    static const struct {
        const char *member, *text;
    } sides[] = {{"dropped_tokens", "prompt"}, {"dropped_negative_tokens", "negative prompt"}};
    const char *scheduler = json_string_value(json_object_get(extras, "scheduler"));
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        long long n = json_integer_value(json_object_get(extras, sides[i].member));
        if (n > 0)
            tb_app_warn(app, "the %s is too long: its last %lld tokens are left out", sides[i].text,
                        n);
    }
    if (scheduler != NULL)
        tb_app_detail(app, "%s, %s, steps %lld, guidance %g",
                      json_string_value(json_object_get(extras, "model")), scheduler,
                      (long long)json_integer_value(json_object_get(extras, "steps")),
                      json_number_value(json_object_get(extras, "cfg_scale")));
}

static void note_unused(tb_app *app, const json_t *extras)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(extras, "unused"), i, item)
        tb_app_warn(app, "the %s backend does not use %s",
                    json_string_value(json_object_get(extras, "backend")), json_string_value(item));
}

void tb_take_note_metadata(tb_app *app, const json_t *metadata, double elapsed_s, bool is_first)
{
    const json_t *extras = json_object_get(metadata, "extras");
    const char *label = json_string_value(json_object_get(extras, "label"));
    if (is_first) {
        bool is_sketch = json_object_get(extras, "understood") != NULL;
        if (label != NULL && is_sketch) /* nobody may take it for the AI */
            tb_app_note(app, "this is %s", label);
        else if (label != NULL)
            tb_app_detail(app, "this is %s", label);
        note_unused(app, extras);
        note_words(app, extras);
        note_model(app, extras);
    }
    note_music(app, extras);
    tb_app_note(app, "seed %lld, %.1f s of sound in %.2f s",
                (long long)json_integer_value(json_object_get(metadata, "seed")),
                json_number_value(json_object_get(metadata, "duration_seconds")), elapsed_s);
}

void tb_take_note(tb_app *app, const timbre_take *take, double elapsed_s, bool is_first)
{
    json_t *metadata = json_loads(timbre_take_metadata(take), 0, NULL);
    tb_take_note_metadata(app, metadata, elapsed_s, is_first);
    json_decref(metadata);
}

/* "name: ..." of a line of timbre_recipe_compare. */
static bool is_about(const char *line, const char *name)
{
    size_t length = strlen(name);
    return strncmp(line, name, length) == 0 && line[length] == ':';
}

static bool is_about_request(const char *line)
{
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    for (size_t i = 0; i < n; i++)
        if (is_about(line, fields[i].name))
            return true;
    return false;
}

typedef struct {
    bool has_ingredient; /* one differs */
    bool has_other_pcm;  /* the samples differ */
    bool is_other_sound; /* another sound was asked for: then they may */
} differences;

static void note_difference(tb_app *app, differences *d, bool is_repeat, const char *line)
{
    if (is_about(line, "pcm") || is_about(line, "gain_db")) { /* measured on the samples */
        d->has_other_pcm = true;
        return;
    }
    bool is_asked = !is_repeat && is_about_request(line);
    if (is_asked && !is_about(line, "output_format")) /* the file, not the samples */
        d->is_other_sound = true;
    if (is_asked)
        return;
    d->has_ingredient = true;
    tb_app_alert(app, "not the same take: %s", line);
}

/* The samples of a repeat are others. */
static tb_status judge_samples(tb_app *app, const tb_take_request *from, const differences *d,
                               tb_error *err)
{
    if (d->has_ingredient) {
        tb_app_alert(app, "not the same take: the samples differ");
        return TIMBRE_OK;
    }
    if (timbre_recipe_is_blas(from->from_recipe)) {
        tb_app_alert(app, "not the same take: the samples differ; the kernels 'blas' promise that "
                          "they are near, not that they are the same");
        return TIMBRE_OK;
    }
    tb_status st = tb_fail(err, TIMBRE_VERIFY_FAILED,
                           "same recipe, other samples: this is a defect");
    tb_fix(err, "please report it with both files and the output of: timbre doctor --json");
    return st;
}

tb_status tb_take_compare(tb_app *app, const tb_take_request *from, const timbre_take *take,
                          tb_error *err)
{
    char *text = timbre_recipe_compare(from->from_recipe, timbre_take_recipe(take));
    if (text == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory to compare the recipes");
    differences d = {0};
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        if (line[0] != '\0')
            note_difference(app, &d, from->is_repeat, line);
    free(text);
    if (!d.has_other_pcm || d.is_other_sound)
        return TIMBRE_OK;
    return judge_samples(app, from, &d, err);
}
