#include "cli/take_request.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/field_error.h"
#include "cli/inputs.h"
#include "cli/paths.h"
#include "cli/signals.h"
#include "engine/base/file.h"
#include "engine/base/limits.h"
#include "engine/base/utf8.h"
#include "timbre/audio.h"
#include "timbre/engine.h"

static tb_status load_sidecar_recipe(const char *path, char **out, tb_error *err)
{
    char *text = NULL;
    size_t len_bytes = 0;
    tb_status st = tb_file_read(path, TB_SIDECAR_MAX_BYTES, &text, &len_bytes, err);
    if (st != TIMBRE_OK)
        return st;
    json_t *sidecar = json_loadb(text, len_bytes, JSON_REJECT_DUPLICATES, NULL);
    json_t *recipe = json_object_get(sidecar, "recipe");
    if (json_is_object(recipe))
        *out = json_dumps(recipe, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (*out == NULL)
        st = tb_fail(err, TIMBRE_BAD_FILE, "'%s' is no sidecar of a take", path);
    json_decref(sidecar);
    free(text);
    return st;
}

tb_status tb_recipe_load(const char *path, char **out, tb_error *err)
{
    *out = NULL;
    size_t length = strlen(path);
    if (length > 5 && strcmp(path + length - 5, ".json") == 0)
        return load_sidecar_recipe(path, out, err);
    timbre_audio *audio = NULL;
    tb_status st = timbre_audio_open(path, &audio, err);
    if (st != TIMBRE_OK)
        return st;
    const char *recipe = timbre_audio_recipe(audio);
    if (recipe != NULL && (*out = tb_strdup(recipe)) == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a recipe");
    timbre_audio_close(audio);
    return st;
}

static tb_status load_from(tb_take_request *t, const char *path, tb_error *err)
{
    tb_status st = tb_recipe_load(path, &t->from_recipe, err);
    if (st != TIMBRE_OK)
        return st;
    if (t->from_recipe == NULL) {
        st = tb_fail(err, TIMBRE_BAD_FILE, "'%s' has no recipe inside", path);
        tb_fix(err, "--from needs a take that Timbre made, or the PATH.json beside one");
        return st;
    }
    char *request = timbre_recipe_request(t->from_recipe, err);
    if (request == NULL)
        return err->code;
    st = timbre_request_set_json(t->request, request, strlen(request), err);
    free(request);
    return st;
}

/* The recipe's model is nowhere: what was it, and how can it be told where it is? */
static tb_status explain_model(const tb_take_request *t, const char *name, tb_error *err)
{
    json_t *recipe = json_loads(t->from_recipe, 0, NULL);
    const json_t *model = json_object_get(json_object_get(recipe, "ingredients"), "model");
    const char *sha256 = json_string_value(json_object_get(model, "sha256"));
    if (sha256 != NULL) {
        (void)tb_fail(
            err, TIMBRE_MODEL_MISSING,
            "the take was made by the model '%.100s' (SHA-256 %.12s...), whose place is not "
            "known",
            name, sha256);
        tb_fix(err, "name its folder or file with --model");
    }
    json_decref(recipe);
    return TIMBRE_MODEL_MISSING;
}

/* The recipe's model is the one of that name here; all else is chosen as for any take. Another
 * model than the recipe's makes it no repeat. */
static tb_status choose_model(tb_app *app, tb_take_request *t, tb_error *err)
{
    bool is_known;
    const char *recorded = NULL;
    if (t->from_recipe != NULL && timbre_request_has(t->request, "model_id"))
        recorded = timbre_request_text(t->request, "model_id");
    tb_status st;
    if (recorded != NULL && tb_args_value(&app->args, "model") == NULL) {
        st = tb_model_choose_recorded(app, recorded, &t->choice, &is_known, err);
        return st == TIMBRE_MODEL_MISSING && !is_known ? explain_model(t, recorded, err) : st;
    }
    st = tb_model_choose(app, &t->choice, err);
    if (st == TIMBRE_OK && recorded != NULL)
        t->is_repeat = t->is_repeat && strcmp(recorded, t->choice.name) == 0;
    return st;
}

/* Also says which neural model answers unasked: nobody should take it for the sketch. */
static tb_status apply_model(tb_app *app, tb_take_request *t, tb_error *err)
{
    const tb_model_choice *choice = &t->choice;
    if (choice->why != NULL && !choice->is_named && choice->path != NULL)
        tb_app_note(app, "the model %s answers", choice->name);
    if (choice->why != NULL && !choice->is_named && choice->path == NULL && isatty(STDERR_FILENO))
        tb_app_note(app, "the sketch answers; for Riffusion: timbre models pull riffusion-v1");
    if (choice->why != NULL)
        tb_app_detail(app, "the model is %s: %s", choice->name, choice->why);
    tb_status st = tb_model_choice_apply(choice, t->request, err);
    if (st != TIMBRE_OK && tb_args_value(&app->args, "model") != NULL)
        tb_field_error_rename(err, "model_id", "--model");
    return st;
}

/* A take that begins with something is as long as that, unless this command says otherwise. */
static bool has_own_length(const tb_args *args)
{
    return tb_args_has(args, "init") || tb_args_has(args, "prompt-b") || args->n_operands > 1;
}

/* Settings that are no built-in values; those leave the decision to the engine. */
static tb_status apply_settings(tb_app *app, timbre_request *request, tb_error *err)
{
    size_t n;
    const tb_setting *table = tb_settings_table(&n);
    for (size_t i = 0; i < n; i++) {
        if (table[i].field == NULL || app->settings.text[i] == NULL ||
            app->settings.origin[i] == TB_ORIGIN_FLAG)
            continue;
        if (strcmp(table[i].field, "model_id") == 0)
            continue; /* see choose_model */
        if (strcmp(table[i].field, "duration_seconds") == 0 && has_own_length(&app->args))
            continue;
        tb_status st = timbre_request_set(request, table[i].field, app->settings.text[i], err);
        if (st != TIMBRE_OK)
            return st;
    }
    return TIMBRE_OK;
}

static tb_status read_stdin(char *buffer, size_t size, size_t *len, tb_error *err)
{
    *len = 0;
    while (*len < size) {
        if (!tb_signals_wait(STDIN_FILENO, POLLIN))
            return tb_fail(err, TIMBRE_CANCELLED, "interrupted");
        ssize_t n = read(STDIN_FILENO, buffer + *len, size - *len);
        if (n == 0)
            return TIMBRE_OK;
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return tb_fail_errno(err, errno, "cannot read the prompt from standard input");
        *len += n > 0 ? (size_t)n : 0;
    }
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "prompt on standard input exceeds %d bytes",
                           TB_PROMPT_MAX_BYTES);
    tb_fix(err, "a prompt is a sentence or two; name the sound, not the whole story");
    return st;
}

static tb_status set_prompt_from_stdin(tb_app *app, timbre_request *request, tb_error *err)
{
    if (isatty(STDIN_FILENO))
        tb_app_note(app, "type the prompt, then Return and Ctrl-D");
    enum { SIZE = TB_STDIN_PROMPT_MAX_BYTES + 1 };
    char *text = malloc(SIZE);
    if (text == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the prompt");
    size_t len = 0;
    tb_status st = read_stdin(text, SIZE - 1, &len, err);
    while (st == TIMBRE_OK && len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    if (st == TIMBRE_OK)
        st = tb_utf8_require_text("prompt", text, len, TB_PROMPT_MAX_BYTES, err);
    if (st == TIMBRE_OK) {
        text[len] = '\0';
        st = timbre_request_set(request, "prompt", text, err);
    }
    free(text);
    return st;
}

static bool is_input_field(const char *name)
{
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i].name, name) == 0)
            return fields[i].is_input;
    return false;
}

static tb_status apply_flags(tb_app *app, timbre_request *request, tb_error *err)
{
    const tb_args *args = &app->args;
    for (size_t i = 0; i < args->n_items; i++) {
        const tb_option *option = &args->items[i].option;
        if (option->field == NULL || strcmp(option->field, "model_id") == 0)
            continue; /* the model: see choose_model */
        tb_status st = is_input_field(option->field)
                           ? tb_input_set(app, request, option->field, args->items[i].value, err)
                           : timbre_request_set(request, option->field, args->items[i].value, err);
        if (st != TIMBRE_OK) {
            char shown[40];
            (void)snprintf(shown, sizeof shown, "--%s", option->name);
            tb_field_error_rename(err, option->field, shown);
            return st;
        }
    }
    if (args->n_operands == 0)
        return TIMBRE_OK;
    if (strcmp(args->operands[0], "-") == 0)
        return set_prompt_from_stdin(app, request, err);
    tb_status st = timbre_request_set(request, "prompt", args->operands[0], err);
    if (st == TIMBRE_OK && args->n_operands > 1) /* timbre riff A B */
        st = timbre_request_set(request, "prompt_b", args->operands[1], err);
    return st;
}

/* A variation of a take is the take, so far on the way to another noise. */
static tb_status apply_vary(const tb_args *args, timbre_request *request, tb_error *err)
{
    if (tb_args_value(args, "vary") == NULL || tb_args_has(args, "amount"))
        return TIMBRE_OK;
    return timbre_request_set(request, "variation", "0.3", err);
}

/* A file name given with -o decides the format, over settings and recipe; the engine refuses a name
 * that contradicts an explicit -f. */
static tb_status apply_path(tb_app *app, timbre_request *request, tb_error *err)
{
    const char *path = tb_args_value(&app->args, "output");
    size_t length = path == NULL ? 0 : strlen(path);
    if (length == 0 || strcmp(path, "-") == 0 || path[length - 1] == '/' ||
        tb_args_has(&app->args, "format") || tb_path_is_folder(path))
        return TIMBRE_OK;
    timbre_request *scratch = NULL;
    tb_status st = timbre_request_new(&scratch, err);
    if (st == TIMBRE_OK)
        st = timbre_request_match_path(scratch, path, err);
    if (st != TIMBRE_OK)
        tb_field_error_rename(err, "output_format", "--output");
    if (st == TIMBRE_OK && timbre_request_has(scratch, "output_format"))
        st = timbre_request_set(request, "output_format",
                                timbre_request_text(scratch, "output_format"), err);
    timbre_request_free(scratch);
    return st;
}

static tb_status require_prompt(const timbre_request *request, tb_error *err)
{
    if (timbre_request_has(request, "prompt"))
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "no prompt was given");
    tb_fix(err, "timbre generate \"lo-fi piano over gentle rain\"");
    return st;
}

static tb_status fill(tb_app *app, tb_take_request *t, tb_error *err)
{
    const char *from = tb_args_value(&app->args, "from");
    const char *vary = tb_args_value(&app->args, "vary");
    if (from != NULL && vary != NULL)
        return tb_fail(err, TIMBRE_BAD_INPUT, "--from and --vary cannot both be given");
    from = vary != NULL ? vary : from;
    tb_status st = timbre_request_new(&t->request, err);
    if (st != TIMBRE_OK)
        return st;
    st = from != NULL ? load_from(t, from, err) : apply_settings(app, t->request, err);
    char *before = st == TIMBRE_OK ? timbre_request_format(t->request) : NULL;
    if (st == TIMBRE_OK)
        st = apply_path(app, t->request, err);
    if (st == TIMBRE_OK)
        st = apply_flags(app, t->request, err);
    if (st == TIMBRE_OK)
        st = apply_vary(&app->args, t->request, err);
    char *after = st == TIMBRE_OK ? timbre_request_format(t->request) : NULL;
    if (st == TIMBRE_OK && (before == NULL || after == NULL))
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the request");
    if (st == TIMBRE_OK)
        t->is_repeat = from != NULL && strcmp(before, after) == 0;
    free(before);
    t->asked = after;
    if (st == TIMBRE_OK)
        st = require_prompt(t->request, err);
    if (st == TIMBRE_OK)
        st = choose_model(app, t, err);
    if (st == TIMBRE_OK)
        st = apply_model(app, t, err);
    if (st == TIMBRE_OK)
        st = tb_inputs_find(app, t->request, err);
    if (st == TIMBRE_OK && (st = timbre_request_resolve(t->request, err)) != TIMBRE_OK)
        tb_field_error_explain(err, app);
    return st;
}

tb_status tb_take_request_build(tb_app *app, tb_take_request *out, tb_error *err)
{
    *out = (tb_take_request){0};
    tb_status st = fill(app, out, err);
    if (st != TIMBRE_OK)
        tb_take_request_deinit(out);
    return st;
}

void tb_take_request_deinit(tb_take_request *t)
{
    timbre_request_free(t->request);
    free(t->asked);
    free(t->from_recipe);
    tb_model_choice_deinit(&t->choice);
    *t = (tb_take_request){0};
}
