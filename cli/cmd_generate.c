/*
 * timbre generate: a prompt becomes a file. Standard output carries the path of each take and
 * nothing else, or the sound (-o -), or JSON.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/commands.h"
#include "cli/inbox.h"
#include "cli/meter.h"
#include "cli/paths.h"
#include "cli/play_file.h"
#include "cli/signals.h"
#include "cli/take_report.h"
#include "cli/take_request.h"
#include "engine/base/clock.h"
#include "engine/base/file.h"

typedef struct {
    tb_app *app;
    tb_take_request take;
    timbre_engine *engine;
    timbre_output output;
    char *folder;    /* owned: output folder */
    char *soundfont; /* owned */
    char *data_dir;  /* owned; NULL: none, and said so */
    tb_meter meter, events;
    json_t *takes; /* for --json; else NULL */
    int count;
    bool wants_events, to_stdout;
} generation;

static void deinit(generation *g)
{
    timbre_engine_free(g->engine);
    tb_take_request_deinit(&g->take);
    json_decref(g->takes);
    free(g->folder);
    free(g->soundfont);
    free(g->data_dir);
}

static tb_status check_stdout(const generation *g, tb_error *err)
{
    const tb_args *args = &g->app->args;
    tb_status st = TIMBRE_OK;
    if (g->app->wants_json || g->wants_events)
        st = tb_fail(err, TIMBRE_BAD_INPUT, "-o - and %s both want standard output",
                     g->wants_events ? "--events" : "--json");
    else if (g->count > 1)
        st = tb_fail(err, TIMBRE_BAD_INPUT, "-o - carries one take, and --count is %d", g->count);
    else if (isatty(STDOUT_FILENO) && !tb_args_has(args, "force")) {
        st = tb_fail(err, TIMBRE_BAD_INPUT, "standard output is a terminal; it cannot show sound");
        tb_fix(err, "pipe it into a program, or name a file with -o FILE");
    }
    return st;
}

/* Options that contradict each other, before anything is made. */
static tb_status check_options(const generation *g, tb_error *err)
{
    const tb_args *args = &g->app->args;
    const char *path = g->output.path;
    const char *midi = tb_args_value(args, "midi");
    if (g->app->wants_json && g->wants_events)
        return tb_fail(err, TIMBRE_BAD_INPUT, "--json and --events both want standard output");
    if (g->to_stdout)
        return check_stdout(g, err);
    if (midi != NULL && g->count > 1)
        return tb_fail(err, TIMBRE_BAD_INPUT, "--midi names one file, and --count is %d", g->count);
    if (path != NULL && g->count > 1 && strstr(path, "{seed}") == NULL &&
        strstr(path, "{n}") == NULL) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "'%s' names one file, and --count is %d",
                               path, g->count);
        tb_fix(err, "put {n} or {seed} into the name, such as take-{n}.wav");
        return st;
    }
    return TIMBRE_OK;
}

static tb_status check_midi(const generation *g, tb_error *err)
{
    const char *midi = tb_args_value(&g->app->args, "midi");
    if (midi == NULL || tb_args_has(&g->app->args, "force") || access(midi, F_OK) != 0)
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_EXISTS, "'%s' exists already", midi);
    tb_fix(err, "choose another name, or overwrite it with --force");
    return st;
}

/* Where the take goes: stdout, a file, a folder given with -o, or the folder of the settings. */
static tb_status choose_output(generation *g, tb_error *err)
{
    const tb_args *args = &g->app->args;
    const char *path = tb_args_value(args, "output");
    g->output = (timbre_output){
        .struct_size = sizeof g->output,
        .pattern = tb_settings_text(&g->app->settings, "output.name"),
        .replace = tb_args_has(args, "force"),
        .sidecar = !tb_args_has(args, "no-sidecar"),
    };
    if (path != NULL && path[0] == '\0')
        return tb_fail(err, TIMBRE_BAD_INPUT, "--output is empty");
    if (path != NULL && strcmp(path, "-") == 0) {
        g->to_stdout = true;
        g->output.in_memory = 1;
        return TIMBRE_OK;
    }
    if (path != NULL && path[strlen(path) - 1] != '/' && !tb_path_is_folder(path)) {
        g->output.path = path;
        return TIMBRE_OK;
    }
    const char *folder = path != NULL ? path : tb_settings_text(&g->app->settings, "output.dir");
    tb_status st = tb_path_expand("output folder", folder, &g->folder, err);
    if (st == TIMBRE_BAD_INPUT)
        tb_fix(err, "set HOME, or name a place with -o or TIMBRE_OUTPUT_DIR");
    g->output.dir = g->folder;
    return st;
}

static tb_status prepare(generation *g, tb_error *err)
{
    const tb_args *args = &g->app->args;
    g->count = (int)tb_args_number(args, "count", 1);
    g->wants_events = tb_args_has(args, "events");
    tb_status st = choose_output(g, err);
    if (st == TIMBRE_OK)
        st = check_options(g, err);
    if (st == TIMBRE_OK)
        st = check_midi(g, err);
    if (st == TIMBRE_OK)
        st = tb_path_expand("SoundFont", tb_settings_text(&g->app->settings, "engine.soundfont"),
                            &g->soundfont, err);
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

/* The last seed must be in range before the first take is made. */
static tb_status check_last_seed(const generation *g, tb_error *err)
{
    timbre_request *last = NULL;
    tb_status st = timbre_request_copy(g->take.request, &last, err);
    if (st == TIMBRE_OK && g->count > 1)
        st = set_seed(g, last, g->count - 1, err);
    timbre_request_free(last);
    return st;
}

static void on_progress(const timbre_progress *progress, void *user)
{
    generation *g = user;
    tb_meter_update(&g->meter, progress);
    tb_meter_update(&g->events, progress);
}

static tb_status write_sound(const timbre_take *take, tb_error *err)
{
    size_t len_bytes;
    const unsigned char *bytes = timbre_take_bytes(take, &len_bytes);
    errno = 0;
    if (fwrite(bytes, 1, len_bytes, stdout) == len_bytes && fflush(stdout) == 0)
        return TIMBRE_OK;
    return tb_fail_errno(err, errno, "cannot write the sound to standard output");
}

static tb_status write_midi(const generation *g, const timbre_take *take, tb_error *err)
{
    const char *path = tb_args_value(&g->app->args, "midi");
    if (path == NULL)
        return TIMBRE_OK;
    size_t len_bytes;
    const unsigned char *midi = timbre_take_midi(take, &len_bytes);
    if (midi == NULL)
        return tb_fail(err, TIMBRE_UNSUPPORTED, "this model makes no MIDI file");
    return tb_file_write(path, midi, len_bytes, g->output.replace, err);
}

static void write_inbox(const generation *g, const timbre_take *take)
{
    tb_error err = {0};
    if (g->data_dir == NULL || timbre_take_path(take) == NULL)
        return;
    if (tb_inbox_write(g->data_dir, take, &err) != TIMBRE_OK)
        tb_app_warn(g->app, "the take is not noted for the history: %s", err.message);
}

/* One line of --events. Takes the reference to `value`. */
static tb_status print_event(const char *event, const char *name, json_t *value, tb_error *err)
{
    json_t *line = json_pack("{s:i, s:s, s:o}", "schema", 1, "event", event, name, value);
    char *text = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
    json_decref(line);
    if (text == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an event");
    printf("%s\n", text);
    (void)fflush(stdout);
    free(text);
    return TIMBRE_OK;
}

static tb_status print_result(generation *g, const timbre_take *take, tb_error *err)
{
    if (g->to_stdout)
        return write_sound(take, err);
    if (g->wants_events)
        return print_event("done", "take", tb_take_to_json(take, g->output.sidecar != 0), err);
    if (g->app->wants_json)
        return json_array_append_new(g->takes, tb_take_to_json(take, g->output.sidecar != 0)) == 0
                   ? TIMBRE_OK
                   : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the JSON answer");
    printf("%s\n", timbre_take_path(take));
    (void)fflush(stdout);
    return TIMBRE_OK;
}

static tb_status report_take(generation *g, const timbre_take *take, double elapsed_s, int i,
                             tb_error *err)
{
    tb_meter_clear(&g->meter);
    write_inbox(g, take);
    tb_take_note(g->app, take, elapsed_s, i == 0);
    tb_status st = print_result(g, take, err);
    if (st == TIMBRE_OK)
        st = write_midi(g, take, err);
    if (st == TIMBRE_OK && g->take.is_repeat && i == 0)
        st = tb_take_compare(g->app, g->take.from_recipe, take, err);
    if (st == TIMBRE_OK && tb_args_has(&g->app->args, "play") && timbre_take_path(take) != NULL)
        st = tb_play_file(g->app, timbre_take_path(take), &(tb_play_options){0}, err);
    return st;
}

static tb_status make_take(generation *g, int i, tb_error *err)
{
    timbre_request *request = NULL;
    timbre_take *take = NULL;
    timbre_generate_options options = {
        .struct_size = sizeof options,
        .output = g->output,
        .progress = on_progress,
        .progress_user = g,
        .cancel = tb_signals_cancel(),
    };
    options.output.index = i + 1;
    double started_s = tb_clock_seconds();
    tb_status st = timbre_request_copy(g->take.request, &request, err);
    if (st == TIMBRE_OK && i > 0)
        st = set_seed(g, request, i, err);
    if (st == TIMBRE_OK)
        st = timbre_generate(g->engine, request, &options, &take, err);
    if (st == TIMBRE_OK)
        st = report_take(g, take, tb_clock_seconds() - started_s, i, err);
    tb_meter_clear(&g->meter);
    tb_meter_clear(&g->events);
    timbre_take_free(take);
    timbre_request_free(request);
    return st;
}

static tb_status make_all(generation *g, tb_error *err)
{
    timbre_engine_options options = {
        .struct_size = sizeof options,
        .n_threads = (int)tb_settings_number(&g->app->settings, "engine.threads"),
        .soundfont = g->soundfont,
        .data_dir = g->data_dir,
        .log = tb_app_engine_log,
        .log_user = g->app,
        .log_level = TIMBRE_LOG_INFO,
    };
    tb_signals_catch(); /* before this there is nothing to undo: signals end the process */
    double limit_s = tb_args_number(&g->app->args, "timeout", 0);
    if (limit_s > 0)
        tb_signals_set_deadline(limit_s);
    tb_meter_init(&g->meter, g->app);
    if (g->wants_events)
        tb_meter_init_json(&g->events, stdout);
    tb_status st = check_last_seed(g, err);
    if (st == TIMBRE_OK)
        st = timbre_engine_new(&options, &g->engine, err);
    for (int i = 0; st == TIMBRE_OK && i < g->count; i++)
        st = make_take(g, i, err);
    return st;
}

/* Where the takes would go; names are still patterns, because they hold the time. Owned. */
static char *describe_output(const generation *g)
{
    if (g->to_stdout)
        return tb_strdup("standard output");
    if (g->output.path != NULL)
        return tb_strdup(g->output.path);
    return tb_strf("%s/%s.%s", g->output.dir, g->output.pattern,
                   timbre_request_text(g->take.request, "output_format"));
}

static void print_fields(const json_t *request)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)request, name, value)
    {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        printf("%-17s %s\n", name, text == NULL ? "" : text);
        free(text);
    }
}

static int dry_run(const generation *g)
{
    tb_error err = {0};
    tb_status st = TIMBRE_OK;
    char *text = timbre_request_format(g->take.request);
    char *output = describe_output(g);
    json_t *request = text == NULL ? NULL : json_loads(text, 0, NULL);
    if (request == NULL || output == NULL) {
        st = tb_fail(&err, TIMBRE_NO_MEMORY, "no memory to describe the request");
    } else if (g->app->wants_json) {
        st = tb_json_print(json_pack("{s:i, s:b, s:O, s:s, s:i}", "schema", 1, "dry_run", 1,
                                     "request", request, "output", output, "count", g->count),
                           &err);
    } else {
        print_fields(request);
        printf("%-17s %d\n%-17s %s\n", "count", g->count, "output", output);
    }
    json_decref(request);
    free(output);
    free(text);
    return st == TIMBRE_OK ? 0 : tb_app_report(g->app, &err);
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

int tb_cmd_generate(tb_app *app)
{
    generation g = {.app = app};
    tb_error err = {0};
    tb_status st = prepare(&g, &err);
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
