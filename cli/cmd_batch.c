/*
 * timbre batch: many takes from a list of prompts, as riffusion's batch page. What is there already
 * is kept, so that a batch that was stopped goes on; index.json says what became of each take.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/batch_file.h"
#include "cli/commands.h"
#include "cli/field_error.h"
#include "cli/inbox.h"
#include "cli/inputs.h"
#include "cli/model_choice.h"
#include "cli/paths.h"
#include "cli/signals.h"
#include "cli/take_request.h"
#include "cli/text.h"
#include "engine/base/file.h"
#include "engine/base/path.h"
#include "engine/base/str.h"
#include "timbre/engine.h"

typedef struct {
    tb_app *app;
    tb_batch_file file;
    timbre_engine *engine;
    char *folder, *data_dir, *soundfont, *tokenizer; /* owned; data_dir NULL: none */
    json_t *index;                                   /* array, owned: a row for each take */
    tb_error failure;                                /* the first; OK: none */
    tb_model_choice choice;                          /* of the set at work */
    int n_seeds, n_takes, n_done;
    bool said_unused;
} batch;

/* A take on its way. */
typedef struct {
    size_t i_set, i_entry;
    int i_seed;
    timbre_request *request; /* owned */
    char *path;              /* owned */
} item;

static void item_deinit(item *it)
{
    timbre_request_free(it->request);
    free(it->path);
}

/* ---- the request ---- */

/* The sketch has no steps and no guidance, which every such file has: said once, not refused. */
static void drop_unused(batch *b, json_t *fields)
{
    size_t n;
    const timbre_field *table = timbre_request_fields(&n);
    tb_str names = {0};
    for (size_t i = 0; b->choice.path == NULL && i < n; i++) {
        bool is_idle = json_object_get(fields, table[i].name) != NULL &&
                       !(table[i].backends & TIMBRE_BACKEND_SKETCH);
        if (is_idle && json_object_del(fields, table[i].name) == 0)
            tb_str_appendf(&names, "%s%s", names.len > 0 ? ", " : "", table[i].name);
    }
    if (names.len > 0 && !b->said_unused)
        tb_app_note(b->app, "the sketch plays; it does not use %s", tb_str_text(&names));
    b->said_unused |= names.len > 0;
    tb_str_deinit(&names);
}

static tb_status set_fields(timbre_request *request, json_t *fields, tb_error *err)
{
    static const char *const inputs[] = {"init", "mask"};
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && i < sizeof inputs / sizeof *inputs; i++) {
        const char *text = json_string_value(json_object_get(fields, inputs[i]));
        char *value = NULL;
        if (text == NULL)
            continue;
        st = tb_input_keep(NULL, inputs[i], text, &value, err);
        if (st == TIMBRE_OK && json_object_set_new(fields, inputs[i], json_string(value)) != 0)
            st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request");
        free(value);
    }
    char *text = st == TIMBRE_OK ? json_dumps(fields, JSON_COMPACT | JSON_REAL_PRECISION(15))
                                 : NULL;
    if (st == TIMBRE_OK && text == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request");
    if (st == TIMBRE_OK)
        st = timbre_request_set_json(request, text, strlen(text), err);
    free(text);
    return st;
}

static tb_status make_request(batch *b, item *it, tb_error *err)
{
    json_t *fields = NULL;
    const char *format = tb_args_value(&b->app->args, "format");
    tb_status st = tb_batch_file_fields(&b->file, it->i_set, it->i_entry, it->i_seed, &fields, err);
    if (st == TIMBRE_OK)
        st = timbre_request_new(&it->request, err);
    if (st == TIMBRE_OK) {
        drop_unused(b, fields);
        st = set_fields(it->request, fields, err);
    }
    if (st == TIMBRE_OK && format != NULL)
        st = timbre_request_set(it->request, "output_format", format, err);
    if (st == TIMBRE_OK)
        st = tb_model_choice_apply(&b->choice, it->request, err);
    if (st == TIMBRE_OK)
        st = tb_inputs_find(b->app, it->request, err);
    if (st == TIMBRE_OK)
        st = timbre_request_resolve(it->request, err);
    json_decref(fields);
    return st;
}

static tb_status name_item(const batch *b, item *it, tb_error *err)
{
    char name[TB_BATCH_NAME_BYTES];
    tb_batch_file_name(&b->file, it->i_set, name);
    it->path = tb_strf("%s/%s-%03zu-s%lld.%s", b->folder, name, it->i_entry + 1,
                       (long long)timbre_request_integer(it->request, "seed"),
                       timbre_request_text(it->request, "output_format"));
    return it->path != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
}

/* The file there is what would be made? Then it stays. */
static tb_status look_for(const batch *b, const item *it, bool *is_there, tb_error *err)
{
    char *recipe = NULL, *was = NULL;
    tb_error ignored = {0};
    *is_there = access(it->path, F_OK) == 0;
    if (!*is_there)
        return TIMBRE_OK;
    if (tb_recipe_load(it->path, &recipe, &ignored) == TIMBRE_OK && recipe != NULL)
        was = timbre_recipe_request(recipe, &ignored);
    char *now = timbre_request_format(it->request);
    json_t *a = was == NULL ? NULL : json_loads(was, 0, NULL);
    json_t *c = now == NULL ? NULL : json_loads(now, 0, NULL);
    if (c != NULL) /* recipes name the model, never its place */
        (void)json_object_set_new(c, "model_id", json_string(b->choice.name));
    bool is_same = a != NULL && c != NULL && json_equal(a, c);
    json_decref(a);
    json_decref(c);
    free(recipe);
    free(was);
    free(now);
    if (is_same)
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_EXISTS, "'%s' is there and is another take", it->path);
    tb_fix(err, "move it away, or name another --output");
    return st;
}

/* ---- one take ---- */

static tb_status save_picture(const item *it, const timbre_take *take, tb_error *err)
{
    size_t n = 0;
    const unsigned char *png = timbre_take_image(take, &n);
    size_t stem = strlen(it->path) - strlen(strrchr(it->path, '.'));
    char *path = png == NULL ? NULL : tb_strf("%.*s.png", (int)stem, it->path);
    if (png == NULL)
        return TIMBRE_OK;
    tb_status st = path == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                                : tb_file_write(path, png, n, true, err);
    free(path);
    return st;
}

static tb_status generate(batch *b, const item *it, tb_error *err)
{
    timbre_take *take = NULL;
    /* the sound is not there; a sidecar that was left alone is of no use */
    timbre_output output = {
        .struct_size = sizeof output, .path = it->path, .sidecar = 1, .replace = 1};
    timbre_generate_options options = {
        .struct_size = sizeof options, .output = &output, .cancel = tb_signals_cancel()};
    tb_status st = timbre_generate(b->engine, it->request, &options, &take, err);
    if (st == TIMBRE_OK)
        st = save_picture(it, take, err);
    tb_error ignored = {0};
    if (st == TIMBRE_OK && b->data_dir != NULL)
        (void)!tb_inbox_write(b->data_dir, take, &ignored);
    timbre_take_free(take);
    return st;
}

/* The row of the index; `status`: "made", "kept", "failed", "planned". */
static tb_status note(batch *b, const item *it, const char *status, const tb_error *why,
                      tb_error *err)
{
    char name[TB_BATCH_NAME_BYTES];
    tb_batch_file_name(&b->file, it->i_set, name);
    const json_t *entry = json_array_get(b->file.entries, it->i_entry);
    json_t *prompt = json_incref(json_object_get(entry, "prompt"));
    json_t *row = json_pack(
        "{s:s, s:i, s:o, s:s, s:o*, s:o*, s:o*}", "params", name, "entry", (int)it->i_entry,
        "prompt", prompt, "status", status, "seed",
        it->request == NULL ? NULL : json_integer(timbre_request_integer(it->request, "seed")),
        "audio", it->path == NULL ? NULL : tb_text_to_json(tb_path_name(it->path)), "error",
        why == NULL ? NULL : tb_error_to_json(why));
    return json_array_append_new(b->index, row) == 0
               ? TIMBRE_OK
               : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the index");
}

/* What goes wrong with one take is told, and the others go on; only a stop is the end of all. */
static tb_status run_item(batch *b, item *it, tb_error *err)
{
    tb_error why = {0};
    bool is_there = false, is_dry = tb_args_has(&b->app->args, "dry-run");
    tb_status st = make_request(b, it, &why);
    if (st == TIMBRE_OK)
        st = name_item(b, it, &why);
    if (st == TIMBRE_OK)
        st = look_for(b, it, &is_there, &why);
    if (st == TIMBRE_OK && !is_there && !is_dry)
        st = generate(b, it, &why);
    b->n_done++;
    if (st == TIMBRE_CANCELLED) {
        if (err != NULL)
            *err = why;
        return st;
    }
    if (st != TIMBRE_OK) {
        tb_field_error_explain(&why, b->app);
        tb_app_warn(b->app, "entries[%zu]: %s", it->i_entry, why.message);
        if (b->failure.code == TIMBRE_OK)
            b->failure = why;
        return note(b, it, "failed", &why, err);
    }
    tb_app_note(b->app, "%d/%d %s%s", b->n_done, b->n_takes, tb_path_name(it->path),
                is_there ? " is there already" : "");
    if (!b->app->wants_json)
        printf("%s\n", it->path);
    (void)fflush(stdout);
    return note(b, it, is_there ? "kept" : is_dry ? "planned" : "made", NULL, err);
}

/* ---- all ---- */

static tb_status choose_model(batch *b, size_t i_set, tb_error *err)
{
    const char *asked = tb_batch_file_model(&b->file, i_set);
    tb_model_choice_deinit(&b->choice);
    if (asked == NULL || tb_args_value(&b->app->args, "model") != NULL)
        return tb_model_choose(b->app, &b->choice, err);
    if (tb_model_is_name(b->app, asked))
        return tb_model_choose_named(b->app, asked, &b->choice, err);
    return tb_model_choose_at(b->app, asked, &b->choice, err);
}

static tb_status run_set(batch *b, size_t i_set, tb_error *err)
{
    tb_status st = choose_model(b, i_set, err);
    for (size_t i = 0; st == TIMBRE_OK && i < json_array_size(b->file.entries); i++)
        for (int k = 0; st == TIMBRE_OK && k < b->n_seeds; k++) {
            item it = {.i_set = i_set, .i_entry = i, .i_seed = k};
            st = run_item(b, &it, err);
            item_deinit(&it);
        }
    return st;
}

static tb_status write_index(const batch *b, tb_error *err)
{
    json_t *json = json_pack("{s:i, s:O}", "schema", 1, "takes", b->index);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    char *path = tb_strf("%s/index.json", b->folder);
    tb_status st = text == NULL || path == NULL
                       ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the index")
                       : tb_file_write(path, text, strlen(text), true, err);
    free(path);
    free(text);
    json_decref(json);
    return st;
}

/* --output, else a folder of the file's name, here. */
static tb_status choose_folder(batch *b, const char *file, tb_error *err)
{
    const char *asked = tb_args_value(&b->app->args, "output"), *name = tb_path_name(file);
    const char *dot = strrchr(name, '.');
    if (asked != NULL)
        return tb_path_expand("--output", asked, &b->folder, err);
    b->folder = tb_strf("%.*s", dot == NULL || dot == name ? (int)strlen(name) : (int)(dot - name),
                        name);
    if (b->folder == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    return TIMBRE_OK;
}

static tb_status open_engine(batch *b, tb_error *err)
{
    const tb_settings *settings = &b->app->settings;
    tb_error ignored = {0};
    tb_status st = tb_path_expand("SoundFont", tb_settings_text(settings, "engine.soundfont"),
                                  &b->soundfont, err);
    if (st == TIMBRE_OK)
        st = tb_path_expand("tokenizer", tb_settings_text(settings, "engine.tokenizer"),
                            &b->tokenizer, err);
    if (tb_path_data(NULL, &b->data_dir, &ignored) != TIMBRE_OK)
        b->data_dir = NULL;
    timbre_engine_options options = {
        .struct_size = sizeof options,
        .n_threads = (int)tb_settings_number(settings, "engine.threads"),
        .soundfont = b->soundfont,
        .data_dir = b->data_dir,
        .log = tb_app_engine_log,
        .log_user = b->app,
        .log_level = TIMBRE_LOG_WARNING,
        .cpu = tb_settings_text(settings, "engine.cpu"),
        .tokenizer = b->tokenizer,
        .memory = tb_settings_text(settings, "engine.memory")};
    return st == TIMBRE_OK ? timbre_engine_new(&options, &b->engine, err) : st;
}

static tb_status prepare(batch *b, tb_error *err)
{
    const char *file = b->app->args.operands[0];
    tb_status st = tb_batch_file_read(&b->file, file, err);
    if (st != TIMBRE_OK)
        return st;
    size_t n = json_array_size(b->file.sets) * json_array_size(b->file.entries) *
               (size_t)b->n_seeds;
    if (n > TB_BATCH_MAX_TAKES)
        return tb_fail(err, TIMBRE_BAD_INPUT, "'%s' asks for %zu takes, more than %d", file, n,
                       TB_BATCH_MAX_TAKES);
    b->n_takes = (int)n;
    b->index = json_array();
    if (b->index == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the index");
    st = choose_folder(b, file, err);
    if (st == TIMBRE_OK && !tb_args_has(&b->app->args, "dry-run"))
        st = tb_dir_make(b->folder, err);
    return st == TIMBRE_OK ? open_engine(b, err) : st;
}

static tb_status run(batch *b, tb_error *err)
{
    tb_status st = prepare(b, err);
    if (st != TIMBRE_OK)
        return st;
    tb_signals_catch();
    for (size_t i = 0; st == TIMBRE_OK && i < json_array_size(b->file.sets); i++)
        st = run_set(b, i, err);
    tb_error why = {0};
    if (!tb_args_has(&b->app->args, "dry-run") && write_index(b, &why) != TIMBRE_OK &&
        st == TIMBRE_OK) {
        *err = why;
        st = why.code;
    }
    if (st == TIMBRE_OK && b->app->wants_json)
        st = tb_json_print(json_pack("{s:i, s:O}", "schema", 1, "takes", b->index), err);
    return st;
}

static void deinit(batch *b)
{
    tb_batch_file_deinit(&b->file);
    tb_model_choice_deinit(&b->choice);
    timbre_engine_free(b->engine);
    json_decref(b->index);
    free(b->folder);
    free(b->data_dir);
    free(b->soundfont);
    free(b->tokenizer);
}

int tb_cmd_batch(tb_app *app)
{
    tb_error err = {0};
    if (app->args.n_operands == 0) {
        (void)tb_fail(&err, TIMBRE_BAD_INPUT, "no file was named");
        tb_fix(&err, "timbre batch PROMPTS.json");
        return tb_app_fail(app, &err);
    }
    batch b = {.app = app, .n_seeds = (int)tb_args_number(&app->args, "seeds", 1)};
    tb_status st = run(&b, &err);
    int caught = tb_signals_caught(), code = 0;
    if (st == TIMBRE_CANCELLED && caught != 0)
        (void)tb_fail(&err, TIMBRE_CANCELLED, "interrupted after %d of %d takes", b.n_done - 1,
                      b.n_takes);
    if (st != TIMBRE_OK)
        code = tb_app_fail(app, &err);
    else if (b.failure.code != TIMBRE_OK)
        code = timbre_status_exit_code(b.failure.code);
    deinit(&b);
    return st == TIMBRE_CANCELLED && caught != 0 ? 128 + caught : code;
}
