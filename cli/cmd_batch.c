/*
 * timbre batch: many takes from a list of prompts, as riffusion's batch page. What is there already
 * is kept, so that a batch that was stopped goes on; index.json says what became of each take.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/batch_file.h"
#include "cli/batch_index.h"
#include "cli/batch_model.h"
#include "cli/commands.h"
#include "cli/inbox.h"
#include "cli/inputs.h"
#include "cli/meter.h"
#include "cli/paths.h"
#include "cli/signals.h"
#include "cli/take_request.h"
#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/path.h"
#include "engine/base/str.h"
#include "timbre/engine.h"

typedef enum { MADE, KEPT, PLANNED, FAILED, N_STATES } outcome;

static const char *const state_names[] = {
    [MADE] = "made", [KEPT] = "kept", [PLANNED] = "planned", [FAILED] = "failed"};

typedef struct {
    tb_app *app;
    tb_batch_file file;
    timbre_engine *engine;
    char *folder, *index_path, *data_dir, *soundfont, *tokenizer; /* owned; data_dir NULL: none */
    json_t *index;          /* array, owned: a row for each take */
    tb_error failure;       /* the first; OK: none */
    char *said;             /* owned: the last failure in words; NULL: none */
    char *unused;           /* owned: the members last said to be without use; NULL: none */
    tb_model_choice choice; /* of the set at work */
    tb_error no_model;      /* why the set at work has none; OK: it has */
    tb_meter meter;
    double started_s;
    int n_seeds, n_takes, n[N_STATES];
    bool is_dry;
} batch;

/* A take on its way. */
typedef struct {
    tb_batch_place place;
    timbre_request *request; /* owned */
    char *path, *picture;    /* owned; picture NULL: the model paints none */
} item;

static void item_deinit(item *it)
{
    timbre_request_free(it->request);
    free(it->path);
    free(it->picture);
}

/* ---- the request ---- */

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
    tb_status st = tb_batch_file_fields(&b->file, &it->place, b->choice.path == NULL, &fields, err);
    if (st == TIMBRE_OK)
        st = timbre_request_new(&it->request, err);
    if (st == TIMBRE_OK)
        st = set_fields(it->request, fields, err);
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
    bool has_picture = timbre_request_makes(it->request, TIMBRE_SIDE_IMAGE);
    tb_batch_file_name(&b->file, it->place.i_set, name);
    char *stem = tb_strf("%s/%s-%03zu-s%lld", b->folder, name, it->place.i_entry + 1,
                         (long long)timbre_request_integer(it->request, "seed"));
    if (stem != NULL) {
        it->path = tb_strf("%s.%s", stem, timbre_request_text(it->request, "output_format"));
        it->picture = has_picture ? tb_strf("%s.png", stem) : NULL;
    }
    free(stem);
    bool is_whole = it->path != NULL && (it->picture != NULL || !has_picture);
    return is_whole ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
}

/* Is the recipe of the file there that of the request? */
static bool is_same(const batch *b, const item *it)
{
    char *recipe = NULL, *was = NULL;
    tb_error ignored = {0};
    if (tb_recipe_load(it->path, &recipe, &ignored) == TIMBRE_OK && recipe != NULL)
        was = timbre_recipe_request(recipe, &ignored);
    char *now = timbre_request_format(it->request);
    json_t *a = was == NULL ? NULL : json_loads(was, 0, NULL);
    json_t *c = now == NULL ? NULL : json_loads(now, 0, NULL);
    if (c != NULL) /* recipes name the model, never its place */
        (void)json_object_set_new(c, "model_id", json_string(b->choice.name));
    bool is_equal = a != NULL && c != NULL && json_equal(a, c);
    json_decref(a);
    json_decref(c);
    free(recipe);
    free(was);
    free(now);
    return is_equal;
}

/* The file there is what would be made? Then it stays; one whose picture is gone is made again. */
static tb_status look_for(const batch *b, const item *it, bool *is_there, tb_error *err)
{
    *is_there = false;
    if (access(it->path, F_OK) != 0)
        return TIMBRE_OK;
    if (!is_same(b, it)) {
        tb_status st = tb_fail(err, TIMBRE_EXISTS, "'%s' is there and is another take", it->path);
        tb_fix(err, "move it away, or name another --output");
        return st;
    }
    *is_there = it->picture == NULL || access(it->picture, F_OK) == 0;
    return TIMBRE_OK;
}

/* ---- one take ---- */

/* Files are written in the last stage: a second signal waits for them. */
static void on_progress(const timbre_progress *progress, void *user)
{
    batch *b = user;
    tb_signals_hold(progress->i_stage == progress->n_stages - 1);
    if (tb_signals_wants_stop()) {
        tb_meter_hide(&b->meter);
        b->meter.stopped_s += tb_signals_stop();
    }
    tb_meter_update(&b->meter, progress);
}

static tb_status save_picture(const item *it, const timbre_take *take, tb_error *err)
{
    size_t n = 0;
    const unsigned char *png = timbre_take_image(take, &n);
    if (png == NULL || it->picture == NULL)
        return TIMBRE_OK;
    return tb_file_write(it->picture, png, n, true, err);
}

static tb_status generate(batch *b, const item *it, tb_error *err)
{
    timbre_take *take = NULL;
    tb_error ignored = {0};
    /* the sound is not there, or lacks its picture; a sidecar that was left alone is of no use */
    timbre_output output = {
        .struct_size = sizeof output, .path = it->path, .sidecar = 1, .replace = 1};
    timbre_generate_options options = {.struct_size = sizeof options,
                                       .output = &output,
                                       .progress = on_progress,
                                       .progress_user = b,
                                       .cancel = tb_signals_cancel()};
    tb_status st = timbre_generate(b->engine, it->request, &options, &take, err);
    tb_signals_hold(true);
    if (st == TIMBRE_OK)
        st = save_picture(it, take, err);
    if (st == TIMBRE_OK && b->data_dir != NULL)
        (void)!tb_inbox_write(b->data_dir, take, &ignored);
    tb_signals_hold(false);
    tb_meter_clear(&b->meter);
    timbre_take_free(take);
    return st;
}

static tb_status make_item(batch *b, item *it, outcome *state, tb_error *err)
{
    bool is_there = false;
    if (b->no_model.code != TIMBRE_OK) {
        *err = b->no_model;
        return err->code;
    }
    tb_status st = make_request(b, it, err);
    if (st == TIMBRE_OK)
        st = name_item(b, it, err);
    if (st == TIMBRE_OK)
        st = look_for(b, it, &is_there, err);
    if (st == TIMBRE_OK && !is_there && !b->is_dry)
        st = generate(b, it, err);
    *state = is_there ? KEPT : b->is_dry ? PLANNED : MADE;
    if (st != TIMBRE_OK && st != TIMBRE_CANCELLED)
        tb_batch_file_explain(&b->file, &it->place, err);
    return st;
}

/* The row of the index. */
static tb_status note(batch *b, const item *it, outcome state, const tb_error *why, tb_error *err)
{
    char name[TB_BATCH_NAME_BYTES];
    const json_t *entry = json_array_get(b->file.entries, it->place.i_entry);
    const json_t *negative = json_object_get(entry, "negative_prompt");
    json_t *seed = tb_batch_file_seed(&b->file, &it->place);
    tb_batch_file_name(&b->file, it->place.i_set, name);
    if (negative == NULL || json_is_null(negative))
        negative = json_object_get(json_array_get(b->file.sets, it->place.i_set),
                                   "negative_prompt");
    tb_batch_row row = {.set = name,
                        .i_entry = it->place.i_entry,
                        .prompt = json_object_get(entry, "prompt"),
                        .negative_prompt = json_is_null(negative) ? NULL : negative,
                        .seed = seed,
                        .status = state_names[state],
                        .audio = state == FAILED ? NULL : it->path,
                        .image = state == FAILED ? NULL : it->picture,
                        .error = why};
    tb_status st = tb_batch_index_add(b->index, &row, err);
    json_decref(seed);
    return st;
}

/* What is wrong with a set is wrong with each of its entries: said once. */
static void report(batch *b, const tb_error *why)
{
    if (b->failure.code == TIMBRE_OK)
        b->failure = *why;
    if (b->said != NULL && strcmp(b->said, why->message) == 0)
        return;
    free(b->said);
    b->said = tb_strdup(why->message);
    tb_error shown = *why;
    (void)tb_app_report(b->app, &shown);
}

static void tell(batch *b, const item *it, outcome state)
{
    int n_done = 0;
    for (int i = 0; i < N_STATES; i++)
        n_done += b->n[i];
    tb_app_note(b->app, "%d of %d: %s%s", n_done, b->n_takes, tb_path_name(it->path),
                state == KEPT ? " is there already" : "");
    if (!b->app->wants_json)
        printf("%s\n", it->path);
    (void)fflush(stdout);
}

/* What goes wrong with one take is told, and the others go on; only a stop and a full disk are the
 * end of all. */
static tb_status run_item(batch *b, item *it, tb_error *err)
{
    tb_error why = {0};
    outcome state = FAILED;
    if (timbre_cancel_is_requested(tb_signals_cancel()))
        return tb_fail(err, TIMBRE_CANCELLED, "interrupted");
    tb_status st = make_item(b, it, &state, &why);
    if (st == TIMBRE_CANCELLED) {
        *err = why;
        return st;
    }
    if (st != TIMBRE_OK) {
        b->n[FAILED]++;
        report(b, &why);
        tb_status noted = note(b, it, FAILED, &why, err);
        if (st == TIMBRE_NO_SPACE && noted == TIMBRE_OK)
            noted = tb_fail(err, st, "the disk is full");
        return noted;
    }
    b->n[state]++;
    tell(b, it, state);
    return note(b, it, state, NULL, err);
}

/* ---- all ---- */

/* The sketch has no steps and no guidance, which every such file has: said, not refused. */
static void tell_unused(batch *b, size_t i_set)
{
    tb_str names = {0};
    tb_batch_file_unused(&b->file, i_set, &names);
    bool is_said = b->unused != NULL && strcmp(b->unused, tb_str_text(&names)) == 0;
    if (names.len > 0 && !is_said) {
        tb_app_note(b->app, "the sketch plays; it does not use %s", tb_str_text(&names));
        free(b->unused);
        b->unused = tb_str_take(&names);
    }
    tb_str_deinit(&names);
}

/* A set's own model that is not here fails its takes; without any other there are none at all. */
static tb_status choose_model(batch *b, size_t i_set, tb_error *err)
{
    tb_error why = {0};
    const char *asked = tb_batch_file_model(&b->file, i_set);
    tb_model_choice_deinit(&b->choice);
    b->no_model = (tb_error){0};
    if (asked == NULL || tb_args_value(&b->app->args, "model") != NULL)
        return tb_model_choose(b->app, &b->choice, err);
    if (tb_batch_model_choose(b->app, asked, &b->choice, &why) == TIMBRE_OK)
        return TIMBRE_OK;
    (void)tb_fail(&b->no_model, why.code, "params[%zu]: %.400s", i_set, why.message);
    if (why.fix[0] != '\0')
        tb_fix(&b->no_model, "%s", why.fix);
    return TIMBRE_OK;
}

static tb_status run_set(batch *b, size_t i_set, tb_error *err)
{
    tb_status st = choose_model(b, i_set, err);
    if (st == TIMBRE_OK && b->no_model.code == TIMBRE_OK && b->choice.path == NULL)
        tell_unused(b, i_set);
    for (size_t i = 0; st == TIMBRE_OK && i < json_array_size(b->file.entries); i++)
        for (int k = 0; st == TIMBRE_OK && k < b->n_seeds; k++) {
            item it = {.place = {.i_set = i_set, .i_entry = i, .extra = k}};
            st = run_item(b, &it, err);
            item_deinit(&it);
        }
    return st;
}

/* --output, else a folder of the file's name, here. */
static tb_status choose_folder(batch *b, const char *file, tb_error *err)
{
    const char *asked = tb_args_value(&b->app->args, "output"), *name = tb_path_name(file);
    const char *dot = strrchr(name, '.');
    size_t stem = dot == NULL || dot == name ? strlen(name) : (size_t)(dot - name);
    tb_status st = TIMBRE_OK;
    if (asked != NULL)
        st = tb_path_expand("--output", asked, &b->folder, err);
    else
        b->folder = tb_strf("%.*s", (int)stem, name);
    if (st == TIMBRE_OK && b->folder != NULL)
        b->index_path = tb_strf("%s/index.json", b->folder);
    if (st == TIMBRE_OK && b->index_path == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    if (st == TIMBRE_OK)
        st = tb_batch_index_check(b->index_path, err);
    return st == TIMBRE_OK && !b->is_dry ? tb_dir_make(b->folder, err) : st;
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

static tb_status count_takes(batch *b, const char *file, tb_error *err)
{
    size_t n = json_array_size(b->file.sets) * json_array_size(b->file.entries) *
               (size_t)b->n_seeds;
    if (n > TB_BATCH_MAX_TAKES)
        return tb_fail(err, TIMBRE_BAD_INPUT, "'%s' asks for %zu takes, more than %d", file, n,
                       TB_BATCH_MAX_TAKES);
    b->n_takes = (int)n;
    return TIMBRE_OK;
}

static tb_status prepare(batch *b, tb_error *err)
{
    const char *file = b->app->args.operands[0];
    tb_status st = tb_batch_file_read(&b->file, file, err);
    if (st == TIMBRE_OK)
        st = count_takes(b, file, err);
    if (st == TIMBRE_OK)
        st = choose_folder(b, file, err);
    if (st == TIMBRE_OK)
        st = open_engine(b, err);
    if (st == TIMBRE_OK && (b->index = json_array()) == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the index");
    return st;
}

/* What came of it, in a line. */
static void summarize(const batch *b)
{
    tb_str line = {0};
    tb_str_appendf(&line, "%d of %d made", b->n[MADE], b->n_takes);
    if (b->n[KEPT] > 0)
        tb_str_appendf(&line, ", %d there already", b->n[KEPT]);
    if (b->n[FAILED] > 0)
        tb_str_appendf(&line, ", %d failed", b->n[FAILED]);
    int n_left = b->n_takes - b->n[MADE] - b->n[KEPT] - b->n[FAILED];
    if (n_left > 0)
        tb_str_appendf(&line, ", %d not done", n_left);
    double elapsed_s = tb_clock_seconds() - b->started_s - b->meter.stopped_s;
    tb_app_note(b->app, "%s, in %.2f s", tb_str_text(&line), elapsed_s);
    tb_str_deinit(&line);
}

/* In a log a line for each take says enough, unless more is asked for. */
static void init_meter(batch *b)
{
    bool is_asked = tb_settings_origin(&b->app->settings, "ui.progress") != TB_ORIGIN_BUILT_IN;
    tb_meter_init(&b->meter, b->app);
    if (b->meter.mode == TB_METER_LINES && !is_asked)
        b->meter.mode = TB_METER_NONE;
}

static tb_status run_all(batch *b, tb_error *err)
{
    tb_error why = {0};
    tb_status st = TIMBRE_OK;
    tb_signals_catch();
    tb_signals_catch_stop();
    init_meter(b);
    for (size_t i = 0; st == TIMBRE_OK && i < json_array_size(b->file.sets); i++)
        st = run_set(b, i, err);
    if (b->is_dry)
        return st;
    tb_signals_hold(true);
    if (tb_batch_index_write(b->index_path, b->index, &why) != TIMBRE_OK && st == TIMBRE_OK) {
        *err = why;
        st = why.code;
    }
    tb_signals_hold(false);
    summarize(b);
    return st;
}

/* {"schema","takes"[,"error"]}: takes that were made before a failure are in it. */
static tb_status print_answer(const batch *b, const tb_error *failure, tb_error *err)
{
    json_t *answer = json_pack("{s:i, s:O}", "schema", 1, "takes", b->index);
    if (failure != NULL && answer != NULL)
        (void)json_object_set_new(answer, "error", tb_error_to_json(failure));
    return tb_json_print(answer, err);
}

/* Returns the exit code: that of what ended the whole, else of the first take that failed. */
static int finish(batch *b, tb_status st, tb_error *err)
{
    tb_error why = {0};
    int caught = tb_signals_caught();
    if (b->index == NULL)
        return tb_app_fail(b->app, err); /* before the first take */
    if (st == TIMBRE_CANCELLED && caught != 0)
        (void)tb_fail(err, TIMBRE_CANCELLED, "interrupted; the same command goes on");
    tb_status printed = b->app->wants_json ? print_answer(b, st != TIMBRE_OK ? err : NULL, &why)
                                           : TIMBRE_OK;
    if (st != TIMBRE_OK) {
        int code = tb_app_report(b->app, err);
        return st == TIMBRE_CANCELLED && caught != 0 ? 128 + caught : code;
    }
    if (b->failure.code != TIMBRE_OK)
        return timbre_status_exit_code(b->failure.code);
    return printed == TIMBRE_OK ? 0 : tb_app_report(b->app, &why);
}

static void deinit(batch *b)
{
    tb_batch_file_deinit(&b->file);
    tb_model_choice_deinit(&b->choice);
    timbre_engine_free(b->engine);
    json_decref(b->index);
    free(b->folder);
    free(b->index_path);
    free(b->data_dir);
    free(b->soundfont);
    free(b->tokenizer);
    free(b->said);
    free(b->unused);
}

int tb_cmd_batch(tb_app *app)
{
    tb_error err = {0};
    if (app->args.n_operands == 0) {
        (void)tb_fail(&err, TIMBRE_BAD_INPUT, "no file was named");
        tb_fix(&err, "timbre batch PROMPTS.json");
        return tb_app_fail(app, &err);
    }
    batch b = {.app = app,
               .n_seeds = (int)tb_args_number(&app->args, "seeds", 1),
               .is_dry = tb_args_has(&app->args, "dry-run"),
               .started_s = tb_clock_seconds()};
    tb_status st = prepare(&b, &err);
    if (st == TIMBRE_OK)
        st = run_all(&b, &err);
    int code = finish(&b, st, &err);
    deinit(&b);
    return code;
}
