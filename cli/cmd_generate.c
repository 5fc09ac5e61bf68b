/*
 * timbre generate: a prompt becomes a file. Standard output carries the path of each take and
 * nothing else, or the sound (-o -), or JSON.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/app.h"
#include "cli/commands.h"
#include "cli/dry_run.h"
#include "cli/field_error.h"
#include "cli/generate_remote.h"
#include "cli/inbox.h"
#include "cli/meter.h"
#include "cli/paths.h"
#include "cli/play_file.h"
#include "cli/signals.h"
#include "cli/take_output.h"
#include "cli/take_report.h"
#include "cli/take_request.h"
#include "cli/text.h"
#include "engine/base/clock.h"
#include "engine/base/str.h"

typedef struct {
    tb_app *app;
    tb_take_request take;
    timbre_engine *engine;
    tb_client worker; /* open while is_remote */
    bool is_remote;   /* a worker makes the takes */
    tb_take_output place;
    char *soundfont, *tokenizer; /* owned */
    char *data_dir;              /* owned; NULL: none, and said so */
    tb_meter meter, events;
    json_t *takes; /* for --json; else NULL */
    int count;
    bool wants_events;
} generation;

static void deinit(generation *g)
{
    timbre_engine_free(g->engine);
    tb_client_close(&g->worker);
    tb_take_request_deinit(&g->take);
    tb_take_output_deinit(&g->place);
    json_decref(g->takes);
    free(g->soundfont);
    free(g->tokenizer);
    free(g->data_dir);
}

static tb_status prepare(generation *g, tb_error *err)
{
    const tb_args *args = &g->app->args;
    g->count = (int)tb_args_number(args, "count", 1);
    g->wants_events = tb_args_has(args, "events");
    tb_status st = tb_take_output_init(&g->place, g->app, g->count, err);
    if (st == TIMBRE_OK)
        st = tb_path_expand("SoundFont", tb_settings_text(&g->app->settings, "engine.soundfont"),
                            &g->soundfont, err);
    if (st == TIMBRE_OK)
        st = tb_path_expand("tokenizer", tb_settings_text(&g->app->settings, "engine.tokenizer"),
                            &g->tokenizer, err);
    if (st == TIMBRE_OK)
        st = tb_take_request_build(g->app, &g->take, err);
    tb_error why = {0};
    if (st == TIMBRE_OK &&
        tb_path_data(tb_args_value(args, "data-dir"), &g->data_dir, &why) != TIMBRE_OK)
        tb_app_warn(g->app, "the take is not noted for the history: %s", why.message);
    return st;
}

/* The seed of take i of several; the first one's plus i. */
static tb_status set_seed(const generation *g, timbre_request *request, int i, tb_error *err)
{
    char seed[24];
    (void)snprintf(seed, sizeof seed, "%lld",
                   (long long)timbre_request_integer(g->take.request, "seed") + i);
    return timbre_request_set(request, "seed", seed, err);
}

/* The request of take i. Returns owned. */
static tb_status make_request(const generation *g, int i, timbre_request **out, tb_error *err)
{
    tb_status st = timbre_request_copy(g->take.request, out, err);
    if (st == TIMBRE_OK && i > 0)
        st = set_seed(g, *out, i, err);
    return st;
}

static tb_status append_names(const tb_dry_run *plan, const tb_take_names *names, tb_error *err)
{
    const char *path = names->path != NULL ? names->path : "standard output";
    bool is_done = json_array_append_new(plan->outputs, tb_text_to_json(path)) == 0;
    for (timbre_side i = 0; i < TIMBRE_SIDE_COUNT; i++)
        if (names->side[i] != NULL)
            is_done &= json_array_append_new(plan->sides[i], tb_text_to_json(names->side[i])) == 0;
    return is_done ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for file names");
}

/* Every seed must be in range and every name usable before the first take is made. The names are
 * added to `plan` where that is not NULL. */
static tb_status check_takes(const generation *g, const tb_dry_run *plan, tb_error *err)
{
    tb_take_names before = {0};
    tb_status st = TIMBRE_OK;
    for (int i = 0; st == TIMBRE_OK && i < g->count; i++) {
        tb_take_names names = {0};
        timbre_request *request = NULL;
        st = make_request(g, i, &request, err);
        if (st == TIMBRE_OK)
            st = tb_take_names_init(&names, &g->place, request, i + 1, err);
        if (st == TIMBRE_OK)
            st = tb_take_names_check(&names, i > 0 ? &before : NULL, &g->place, request, err);
        if (st == TIMBRE_OK && plan != NULL)
            st = append_names(plan, &names, err);
        timbre_request_free(request);
        tb_take_names_deinit(&before);
        before = names;
    }
    tb_take_names_deinit(&before);
    return st;
}

/* Files are written in the last stage: a second signal waits for them. */
static void on_progress(const timbre_progress *progress, void *user)
{
    generation *g = user;
    tb_signals_hold(!g->place.to_stdout && progress->i_stage == progress->n_stages - 1);
    if (tb_signals_wants_stop()) {
        tb_meter_hide(&g->meter);
        g->meter.stopped_s += tb_signals_stop();
    }
    tb_meter_update(&g->meter, progress);
    tb_meter_update(&g->events, progress);
}

static void write_inbox(const generation *g, const timbre_take *take)
{
    tb_error err = {0};
    if (g->data_dir == NULL || timbre_take_path(take) == NULL)
        return;
    tb_signals_hold(true);
    tb_status st = tb_inbox_write(g->data_dir, take, &err);
    tb_signals_hold(false);
    if (st != TIMBRE_OK)
        tb_app_warn(g->app, "the take is not noted for the history: %s", err.message);
}

/* One line of --events. Takes the reference to `value`. */
static tb_status print_event(const char *event, const char *name, json_t *value, tb_error *err)
{
    json_t *line = json_pack("{s:i, s:s, s:o}", "schema", 1, "event", event, name, value);
    return tb_json_print_line(line, err);
}

/* `take` as tb_take_to_json makes it; takes the reference. */
static tb_status print_take(generation *g, json_t *take, tb_error *err)
{
    if (g->wants_events)
        return print_event("done", "take", take, err);
    if (g->app->wants_json)
        return json_array_append_new(g->takes, take) == 0
                   ? TIMBRE_OK
                   : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the JSON answer");
    json_decref(take);
    return TIMBRE_OK;
}

static tb_status print_result(generation *g, const timbre_take *take, tb_error *err)
{
    if (g->place.to_stdout)
        return TIMBRE_OK; /* the sound was the result */
    if (g->wants_events || g->app->wants_json)
        return print_take(g, tb_take_to_json(take, g->place.output.sidecar != 0), err);
    printf("%s\n", timbre_take_path(take));
    (void)fflush(stdout);
    return TIMBRE_OK;
}

/* The time limit is for making the take, and for handing it to a slow reader. */
static tb_status deliver_take(generation *g, const timbre_take *take, tb_error *err)
{
    tb_meter_clear(&g->meter);
    tb_status st = TIMBRE_OK;
    if (g->place.to_stdout)
        st = tb_take_output_write_sound(take, err);
    if (st == TIMBRE_OK)
        tb_signals_pause_deadline();
    return st;
}

static tb_status report_take(generation *g, const timbre_take *take, const tb_take_names *names,
                             double elapsed_s, int i, tb_error *err)
{
    write_inbox(g, take);
    tb_take_note(g->app, take, elapsed_s, i == 0);
    tb_status st = print_result(g, take, err);
    const char *path = timbre_take_path(take);
    tb_app_log(g->app, "made %s", path != NULL ? path : "sound on standard output");
    if (st == TIMBRE_OK)
        st = tb_take_output_write_sides(&g->place, names, take, err);
    if (st == TIMBRE_OK && g->take.from_recipe != NULL && i == 0)
        st = tb_take_compare(g->app, &g->take, take, err);
    if (st == TIMBRE_OK && tb_args_has(&g->app->args, "play") && path != NULL)
        st = tb_play_file(g->app, path, &(tb_play_options){0}, err);
    return st;
}

static tb_status run_engine(generation *g, const timbre_request *request, int i, timbre_take **take,
                            tb_error *err)
{
    timbre_output output = g->place.output;
    output.index = i + 1;
    timbre_generate_options options = {
        .struct_size = sizeof options,
        .output = &output,
        .progress = on_progress,
        .progress_user = g,
        .cancel = tb_signals_cancel(),
    };
    tb_app_log(g->app, "generate '%s', seed %lld", timbre_request_text(request, "prompt"),
               (long long)timbre_request_integer(request, "seed"));
    tb_status st = timbre_generate(g->engine, request, &options, take, err);
    tb_signals_hold(false);
    if (st != TIMBRE_OK)
        tb_field_error_explain(err, g->app);
    return st;
}

static tb_status make_take(generation *g, int i, tb_error *err)
{
    timbre_request *request = NULL;
    timbre_take *take = NULL;
    tb_take_names names = {0};
    if (i > 0)
        tb_signals_resume_deadline(); /* paused behind the take before */
    double started_s = tb_clock_seconds();
    tb_status st = make_request(g, i, &request, err);
    if (st == TIMBRE_OK)
        st = tb_take_names_init(&names, &g->place, request, i + 1, err);
    if (st == TIMBRE_OK)
        st = run_engine(g, request, i, &take, err);
    double elapsed_s = tb_clock_seconds() - started_s - g->meter.stopped_s;
    if (st == TIMBRE_OK)
        st = deliver_take(g, take, err);
    if (st == TIMBRE_OK)
        st = report_take(g, take, &names, elapsed_s, i, err);
    tb_meter_clear(&g->meter);
    tb_meter_clear(&g->events);
    tb_take_names_deinit(&names);
    timbre_take_free(take);
    timbre_request_free(request);
    return st;
}

static tb_status report_remote(generation *g, json_t *take, double elapsed_s, int i, tb_error *err)
{
    const char *path = json_string_value(json_object_get(take, "path"));
    tb_take_note_metadata(g->app, json_object_get(take, "metadata"), elapsed_s, i == 0);
    tb_app_log(g->app, "the worker made %s", path);
    if (!g->wants_events && !g->app->wants_json) {
        printf("%s\n", path);
        (void)fflush(stdout);
    }
    tb_status st = print_take(g, json_incref(take), err);
    if (st == TIMBRE_OK && tb_args_has(&g->app->args, "play"))
        st = tb_play_file(g->app, path, &(tb_play_options){0}, err);
    return st;
}

static tb_status make_remote(generation *g, int i, tb_error *err)
{
    json_t *take = NULL;
    if (i > 0)
        tb_signals_resume_deadline(); /* paused behind the take before */
    double started_s = tb_clock_seconds();
    int64_t seed = timbre_request_integer(g->take.request, "seed") + i;
    tb_status st = tb_generate_remote(g->app, &g->worker, &g->take, seed, &g->meter, &g->events,
                                      &take, err);
    tb_meter_clear(&g->meter);
    tb_meter_clear(&g->events);
    if (st == TIMBRE_OK) {
        tb_signals_pause_deadline();
        st = report_remote(g, take, tb_clock_seconds() - started_s, i, err);
    } else {
        tb_field_error_explain(err, g->app);
    }
    json_decref(take);
    return st;
}

/* A take of the kernels "blas" is repeated by them, unless others are asked for. */
static const char *choose_kernels(const generation *g)
{
    tb_settings *settings = &g->app->settings;
    const char *asked = tb_settings_text(settings, "engine.cpu");
    if (g->take.from_recipe == NULL ||
        tb_settings_origin(settings, "engine.cpu") != TB_ORIGIN_BUILT_IN ||
        !timbre_recipe_is_blas(g->take.from_recipe))
        return asked;
    tb_error why = {0};
    if (timbre_blas_version(&why) != NULL)
        return "blas";
    tb_app_warn(g->app, "the take was made by another kind of kernels; %s", why.message);
    return asked;
}

static tb_status open_engine(generation *g, tb_error *err)
{
    timbre_engine_options options = {
        .struct_size = sizeof options,
        .n_threads = (int)tb_settings_number(&g->app->settings, "engine.threads"),
        .soundfont = g->soundfont,
        .data_dir = g->data_dir,
        .log = tb_app_engine_log,
        .log_user = g->app,
        .log_level = g->app->log != NULL ? TIMBRE_LOG_DEBUG : TIMBRE_LOG_INFO,
        .cpu = choose_kernels(g),
        .tokenizer = g->tokenizer,
        .memory = tb_settings_text(&g->app->settings, "engine.memory"),
    };
    return timbre_engine_new(&options, &g->engine, err);
}

static tb_status make_all(generation *g, tb_error *err)
{
    tb_signals_catch(); /* before this there is nothing to undo: signals end the process */
    tb_meter_init(&g->meter, g->app);
    if (g->wants_events)
        tb_meter_init_json(&g->events, stdout);
    tb_status st = check_takes(g, NULL, err);
    g->is_remote = st == TIMBRE_OK &&
                   tb_generate_remote_open(g->app, &g->take, &g->place, &g->worker);
    if (st == TIMBRE_OK && !g->is_remote)
        st = open_engine(g, err);
    for (int i = 0; st == TIMBRE_OK && i < g->count; i++)
        st = g->is_remote ? make_remote(g, i, err) : make_take(g, i, err);
    return st;
}

static int dry_run(generation *g)
{
    tb_error err = {0};
    tb_dry_run plan;
    tb_dry_run_init(&plan);
    tb_status st = check_takes(g, &plan, &err);
    if (st == TIMBRE_OK)
        st = open_engine(g, &err);
    if (st == TIMBRE_OK)
        st = tb_dry_run_print(&plan, g->app, g->engine, g->take.request, &err);
    tb_dry_run_deinit(&plan);
    return st == TIMBRE_OK ? 0 : tb_app_fail(g->app, &err);
}

/* A cancelled generation is told apart by what cancelled it; returns the exit code. */
static int exit_code_of(const generation *g, tb_status st, tb_error *err)
{
    int caught = tb_signals_caught();
    if (st == TIMBRE_CANCELLED && caught != 0)
        (void)tb_fail(err, TIMBRE_CANCELLED, "interrupted");
    if (st == TIMBRE_CANCELLED && caught == SIGALRM) {
        (void)tb_fail(err, TIMBRE_TIMED_OUT, "not done after %s s",
                      tb_args_value(&g->app->args, "timeout"));
        tb_fix(err, "give it longer with --timeout, or ask for a shorter take");
    }
    int code = timbre_status_exit_code(err->code);
    return err->code == TIMBRE_CANCELLED && caught != 0 ? 128 + caught : code;
}

/* {"schema","takes"[,"error"]}: takes that were made before a failure are in it. */
static tb_status print_answer(const generation *g, const tb_error *failure, tb_error *err)
{
    json_t *answer = json_pack("{s:i, s:O}", "schema", 1, "takes", g->takes);
    if (failure != NULL && answer != NULL)
        (void)json_object_set_new(answer, "error", tb_error_to_json(failure));
    return tb_json_print(answer, err);
}

static int finish(generation *g, tb_status st, tb_error *err)
{
    int code = st == TIMBRE_OK ? 0 : exit_code_of(g, st, err);
    tb_error why = {0};
    tb_status printed = TIMBRE_OK;
    if (g->wants_events && code != 0)
        printed = print_event("error", "error", tb_error_to_json(err), &why);
    if (g->app->wants_json)
        printed = print_answer(g, code != 0 ? err : NULL, &why);
    if (code != 0)
        (void)tb_app_report(g->app, err);
    return printed == TIMBRE_OK || code != 0 ? code : tb_app_report(g->app, &why);
}

int tb_cmd_riff(tb_app *app)
{
    tb_error err = {0};
    bool has_source = tb_args_has(&app->args, "from") || tb_args_has(&app->args, "prompt-b");
    if (app->args.n_operands == 2 || has_source)
        return tb_cmd_generate(app);
    (void)tb_fail(&err, TIMBRE_BAD_INPUT, "two prompts are wanted, %d came",
                  (int)app->args.n_operands);
    tb_fix(&err, "timbre riff \"church bells\" \"electronic beats\"");
    return tb_app_fail(app, &err);
}

int tb_cmd_generate(tb_app *app)
{
    generation g = {.app = app};
    tb_error err = {0};
    double limit_s = tb_args_number(&app->args, "timeout", 0);
    tb_signals_catch_stop();
    if (limit_s > 0)
        tb_signals_set_deadline(limit_s); /* covers a prompt that never ends */
    tb_status st = prepare(&g, &err);
    if (st != TIMBRE_OK && tb_signals_caught() != 0)
        st = tb_fail(&err, TIMBRE_CANCELLED, "interrupted");
    int code;
    if (st == TIMBRE_OK && tb_args_has(&app->args, "dry-run")) {
        code = dry_run(&g);
    } else {
        if (app->wants_json && g.takes == NULL)
            g.takes = json_array();
        if (st == TIMBRE_OK)
            st = make_all(&g, &err);
        code = finish(&g, st, &err);
    }
    deinit(&g);
    return code;
}
