#include "cli/codec.h"

#include <stdarg.h>
#include <stdlib.h>

#include "cli/batch.h"
#include "cli/codec_output.h"
#include "cli/commands.h"
#include "cli/meter.h"
#include "cli/play_file.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "engine/base/clock.h"

tb_status tb_codec_open_engine(tb_app *app, int n_threads, timbre_engine **out, tb_error *err)
{
    timbre_engine_options options = {
        .struct_size = sizeof options,
        .n_threads = n_threads,
        .log = tb_app_engine_log,
        .log_user = app,
        .log_level = app->log != NULL ? TIMBRE_LOG_DEBUG : TIMBRE_LOG_INFO,
        .cpu = tb_settings_text(&app->settings, "engine.cpu"),
    };
    return timbre_engine_new(&options, out, err);
}

tb_status tb_codec_result_init(tb_codec_result *result, const char *input, tb_error *err)
{
    *result = (tb_codec_result){
        .facts = json_pack("{s:i, s:o}", "schema", 1, "input", tb_text_to_json(input))};
    return result->facts != NULL ? TIMBRE_OK
                                 : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the answer");
}

void tb_codec_result_deinit(tb_codec_result *result)
{
    json_decref(result->facts);
    tb_str_deinit(&result->paths);
    *result = (tb_codec_result){0};
}

/* Appends to the array `name` of an object, which is made when it is missing. */
static void append_text(json_t *object, const char *name, const char *text)
{
    if (json_object_get(object, name) == NULL)
        (void)json_object_set_new(object, name, json_array());
    (void)json_array_append_new(json_object_get(object, name), tb_text_to_json(text));
}

void tb_codec_result_add_path(tb_codec_result *result, const char *path, bool is_one_of_several)
{
    tb_str_appendf(&result->paths, "%s\n", path);
    if (is_one_of_several)
        append_text(result->facts, "paths", path);
    else
        (void)json_object_set_new(result->facts, "path", tb_text_to_json(path));
}

tb_status tb_codec_result_add_facts(tb_codec_result *result, json_t *facts, tb_error *err)
{
    bool is_whole = facts != NULL && json_object_update(result->facts, facts) == 0;
    json_decref(facts);
    return is_whole ? TIMBRE_OK
                    : tb_fail(err, TIMBRE_INTERNAL, "what was made could not be described");
}

void tb_codec_result_warn(tb_codec_result *result, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    append_text(result->facts, "warnings", text);
}

void tb_codec_print_paths(const tb_codec_result *result)
{
    fputs(tb_str_text(&result->paths), stdout);
    (void)fflush(stdout);
}

void tb_codec_show_warnings(tb_app *app, const tb_codec_result *result, const char *name)
{
    size_t i;
    json_t *text;
    json_array_foreach(json_object_get(result->facts, "warnings"), i, text)
        tb_app_warn(app, "%s: %s", name, json_string_value(text));
}

int tb_codec_exit_code(tb_error *err)
{
    int caught = tb_signals_caught();
    if (err->code != TIMBRE_CANCELLED || caught == 0)
        return timbre_status_exit_code(err->code);
    (void)tb_fail(err, TIMBRE_CANCELLED, "interrupted");
    return 128 + caught;
}

/* The file is written in the last stage: a second signal waits for it. */
static void on_progress(const timbre_progress *progress, void *user)
{
    tb_meter *meter = user;
    tb_signals_hold(progress->i_stage == progress->n_stages - 1);
    if (tb_signals_wants_stop()) {
        tb_meter_hide(meter);
        meter->stopped_s += tb_signals_stop();
    }
    tb_meter_update(meter, progress);
}

static tb_status work_on(tb_app *app, const tb_codec_work *work, const char *output,
                         tb_codec_result *result, tb_error *err)
{
    tb_meter meter;
    tb_codec_task task = {.input = app->args.operands[0],
                          .output = output,
                          .progress = on_progress,
                          .progress_user = &meter};
    tb_status st = TIMBRE_OK;
    tb_signals_catch_stop();
    tb_signals_catch();
    tb_meter_init(&meter, app);
    if (work->needs_engine)
        st = tb_codec_open_engine(app, (int)tb_settings_number(&app->settings, "engine.threads"),
                                  &task.engine, err);
    if (st == TIMBRE_OK)
        st = work->run(&task, work->user, result, err);
    tb_signals_hold(false);
    tb_meter_clear(&meter);
    timbre_engine_free(task.engine);
    return st;
}

static tb_status tell(tb_app *app, const tb_codec_work *work, const tb_codec_result *result,
                      double elapsed_s, tb_error *err)
{
    tb_str line = {0};
    tb_codec_show_warnings(app, result, app->args.operands[0]);
    work->describe(result->facts, &line);
    tb_app_note(app, "%s, in %.2f s", tb_str_text(&line), elapsed_s);
    tb_str_deinit(&line);
    if (app->wants_json)
        return tb_json_print(json_incref(result->facts), err);
    tb_codec_print_paths(result);
    return TIMBRE_OK;
}

/* What was made before a failure stays, and is told. */
static int fail(tb_app *app, const tb_codec_result *result, tb_error *err)
{
    int code = tb_codec_exit_code(err);
    if (result->facts == NULL)
        return tb_app_fail(app, err);
    tb_error ignored = {0};
    (void)json_object_set_new(result->facts, "error", tb_error_to_json(err));
    if (!app->wants_json)
        tb_codec_print_paths(result);
    else if (tb_json_print(json_incref(result->facts), &ignored) != TIMBRE_OK)
        (void)tb_app_report(app, &ignored);
    (void)tb_app_report(app, err);
    return code;
}

static tb_status prepare(const tb_app *app, const tb_codec_work *work, tb_codec_result *result,
                         char **output, tb_error *err)
{
    const char *input = app->args.operands[0];
    tb_status st = tb_codec_result_init(result, input, err);
    if (st == TIMBRE_OK)
        st = tb_codec_check_options(&app->args, err);
    if (st == TIMBRE_OK)
        st = tb_codec_check_input(input, work->input_name, err);
    if (st == TIMBRE_OK)
        st = work->check_kind(input, err);
    return st == TIMBRE_OK ? tb_codec_choose_output(app, work, input, output, err) : st;
}

static int run_one(tb_app *app, const tb_codec_work *work)
{
    tb_error err = {0};
    tb_codec_result result = {0};
    char *output = NULL;
    double started_s = tb_clock_seconds();
    tb_status st = prepare(app, work, &result, &output, &err);
    if (st == TIMBRE_OK)
        st = work_on(app, work, output, &result, &err);
    if (st == TIMBRE_OK)
        st = tell(app, work, &result, tb_clock_seconds() - started_s, &err);
    int code = st == TIMBRE_OK ? 0 : fail(app, &result, &err);
    if (st == TIMBRE_OK && tb_args_has(&app->args, "play") &&
        tb_play_file(app, output, &(tb_play_options){0}, &err) != TIMBRE_OK) {
        code = tb_codec_exit_code(&err);
        (void)tb_app_report(app, &err);
    }
    tb_codec_result_deinit(&result);
    free(output);
    return code;
}

int tb_codec_run(tb_app *app, const tb_codec_work *work)
{
    tb_error err = {0};
    if (app->args.n_operands == 0) {
        const tb_command *command = app->args.command;
        bool is_batch = tb_args_has(&app->args, "batch");
        (void)tb_fail(&err, TIMBRE_BAD_INPUT, "no %s was named",
                      is_batch ? "folder" : work->input_name);
        if (is_batch)
            tb_fix(&err, "timbre %s FOLDER --batch -o DIR", command->name);
        else
            tb_fix(&err, "timbre %s %s%s", command->name, command->operands,
                   work->makes_own_names ? " -o DIR" : "");
        return tb_app_fail(app, &err);
    }
    if (tb_args_has(&app->args, "device"))
        tb_app_note(app, "--device is not used: everything runs on the processor");
    return tb_args_has(&app->args, "batch") ? tb_batch_run(app, work) : run_one(app, work);
}
