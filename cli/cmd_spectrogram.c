/* timbre spectrogram: a sound to look at, in the terminal or as a picture with axes. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/app.h"
#include "cli/commands.h"
#include "cli/file_kind.h"
#include "cli/meter.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "cli/view_print.h"
#include "engine/base/axis.h"
#include "engine/base/path.h"
#include "engine/base/str.h"
#include "timbre/spectrogram.h"

/* A bar that goes away at once only flickers. */
static const double METER_AFTER_S = 0.5;

typedef struct {
    tb_app *app;
    const char *input, *output; /* output NULL: draw in the terminal */
    const char *other;          /* to compare with; NULL: none */
    char *own_title;            /* owned; NULL: none */
    const char *title;
    double range_db;
    tb_view_paper paper;
    timbre_engine *engine;
    timbre_view *view;
    tb_meter meter;
} look;

static void on_progress(const timbre_progress *progress, void *user)
{
    tb_meter *meter = user;
    if (tb_signals_wants_stop()) {
        tb_meter_hide(meter);
        meter->stopped_s += tb_signals_stop();
    }
    if (progress->elapsed_s - meter->stopped_s >= METER_AFTER_S)
        tb_meter_update(meter, progress);
}

static tb_status open_engine(look *k, tb_error *err)
{
    const tb_settings *settings = &k->app->settings;
    timbre_engine_options options = {
        .struct_size = sizeof options,
        .n_threads = (int)tb_settings_number(settings, "engine.threads"),
        .log = tb_app_engine_log,
        .log_user = k->app,
        .log_level = k->app->log != NULL ? TIMBRE_LOG_DEBUG : TIMBRE_LOG_INFO,
        .cpu = tb_settings_text(settings, "engine.cpu"),
    };
    return timbre_engine_new(&options, &k->engine, err);
}

static void choose_size(look *k, timbre_view_options *options)
{
    const tb_args *args = &k->app->args;
    int width = (int)tb_args_number(args, "width", 0);
    int height = (int)tb_args_number(args, "height", 0);
    options->width = width;
    options->height = height;
    if (k->output != NULL || k->app->wants_json)
        return;
    tb_view_paper_init(&k->paper, k->app->has_color[1], k->app->is_utf8);
    k->paper.columns = width > 0 ? width : k->paper.columns;
    k->paper.lines = height > 0 ? height : k->paper.lines;
    tb_view_paper_cells(&k->paper, &options->width, &options->height);
}

static tb_status look_at(look *k, const char *path, const timbre_view_options *options,
                         timbre_view **out, tb_error *err)
{
    tb_status st = timbre_view_new(k->engine, path, options, out, err);
    if (st == TIMBRE_BAD_FILE && tb_file_kind_want_sound(path, err) != TIMBRE_OK)
        st = err->code; /* in better words */
    return st;
}

/* Again, where less is to be shown than before. */
static tb_status narrow(look *k, const char *path, const timbre_view_options *common,
                        timbre_view **view, tb_error *err)
{
    if ((*view)->duration_s <= common->length_s && (*view)->max_hz <= common->max_hz)
        return TIMBRE_OK;
    timbre_view_free(*view);
    *view = NULL;
    return look_at(k, path, common, view, err);
}

/* Both over the time and the band that they share. */
static tb_status subtract(look *k, const timbre_view_options *asked, tb_error *err)
{
    timbre_view *other = NULL;
    timbre_view_options common = *asked;
    tb_status st = look_at(k, k->other, asked, &other, err);
    if (st != TIMBRE_OK)
        return st;
    common.length_s = fmin(k->view->duration_s, other->duration_s);
    common.max_hz = fmin(k->view->max_hz, other->max_hz);
    st = narrow(k, k->input, &common, &k->view, err);
    if (st == TIMBRE_OK)
        st = narrow(k, k->other, &common, &other, err);
    if (st == TIMBRE_OK)
        st = timbre_view_subtract(k->view, other, err);
    timbre_view_free(other);
    return st;
}

static tb_status make_view(look *k, tb_error *err)
{
    const tb_args *args = &k->app->args;
    timbre_view_options options = {
        .struct_size = sizeof options,
        .min_hz = tb_args_number(args, "min-frequency", 0),
        .max_hz = tb_args_number(args, "max-frequency", 0),
        .start_s = tb_args_number(args, "start", 0),
        .length_s = tb_args_number(args, "length", 0),
        .progress = on_progress,
        .progress_user = &k->meter,
        .cancel = tb_signals_cancel(),
    };
    choose_size(k, &options);
    tb_status st = open_engine(k, err);
    if (st == TIMBRE_OK)
        st = look_at(k, k->input, &options, &k->view, err);
    if (st == TIMBRE_OK && k->other != NULL)
        st = subtract(k, &options, err);
    tb_meter_clear(&k->meter);
    return st;
}

/* {"seconds","frequency_hz"} of the middle of the loudest cell; null for silence. */
static json_t *loudest_of(const timbre_view *v)
{
    for (int y = 0; y < v->height; y++)
        for (int x = 0; x < v->width; x++)
            if (v->db[(size_t)y * (size_t)v->width + (size_t)x] >= 0)
                return json_pack("{s:f, s:f}", "seconds",
                                 v->start_s + v->duration_s * (x + 0.5) / v->width, "frequency_hz",
                                 tb_axis_hz_at(v->min_hz, v->max_hz, 1 - (y + 0.5) / v->height));
    return json_null();
}

static json_t *facts_of(const look *k)
{
    const timbre_view *v = k->view;
    return json_pack("{s:i, s:o, s:o?, s:o?, s:i, s:f, s:f, s:f, s:f, s:i, s:i, s:o}", "schema", 1,
                     "input", tb_text_to_json(k->input), "compare",
                     k->other == NULL ? NULL : tb_text_to_json(k->other), "path",
                     k->output == NULL ? NULL : tb_text_to_json(k->output), "rate_hz",
                     v->sample_rate_hz, "start_seconds", v->start_s, "duration_seconds",
                     v->duration_s, "min_frequency_hz", v->min_hz, "max_frequency_hz", v->max_hz,
                     "width", v->width, "height", v->height, "loudest", loudest_of(v));
}

static tb_status save(const look *k, tb_error *err)
{
    tb_signals_hold(true); /* a second signal waits for the file */
    tb_status st = timbre_view_save(k->view, k->title, k->range_db, k->output,
                                    tb_args_has(&k->app->args, "force"), err);
    tb_signals_hold(false);
    return st;
}

static tb_status show(look *k, tb_error *err)
{
    if (k->output != NULL) {
        tb_status st = save(k, err);
        if (st != TIMBRE_OK)
            return st;
    }
    if (k->app->wants_json)
        return tb_json_print(facts_of(k), err);
    if (k->output != NULL)
        printf("%s\n", k->output);
    else
        tb_view_print(stdout, &k->paper, k->view, k->title, k->range_db);
    return TIMBRE_OK;
}

static tb_status run(look *k, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    if (k->output != NULL)
        st = timbre_view_check_output(k->output, tb_args_has(&k->app->args, "force"), err);
    if (st == TIMBRE_OK) {
        tb_signals_catch_stop();
        tb_signals_catch();
        st = make_view(k, err);
    }
    return st == TIMBRE_OK ? show(k, err) : st;
}

int tb_cmd_spectrogram(tb_app *app)
{
    tb_error err = {0};
    if (app->args.n_operands == 0) {
        (void)tb_fail(&err, TIMBRE_BAD_INPUT, "no audio file was named");
        tb_fix(&err, "timbre spectrogram AUDIO");
        return tb_app_fail(app, &err);
    }
    look k = {.app = app,
              .input = app->args.operands[0],
              .output = tb_args_value(&app->args, "output"),
              .other = tb_args_value(&app->args, "compare"),
              .title = tb_args_value(&app->args, "title"),
              .range_db = tb_args_number(&app->args, "range", 80)};
    if (k.other != NULL && k.title == NULL)
        k.own_title = tb_strf("%s without %s", tb_path_name(k.input), tb_path_name(k.other));
    k.title = k.title != NULL ? k.title : k.own_title != NULL ? k.own_title : tb_path_name(k.input);
    tb_meter_init(&k.meter, app);
    tb_status st = run(&k, &err);
    timbre_view_free(k.view);
    free(k.own_title);
    timbre_engine_free(k.engine);
    if (st == TIMBRE_OK)
        return 0;
    int caught = tb_signals_caught();
    if (st == TIMBRE_CANCELLED && caught != 0)
        (void)tb_fail(&err, TIMBRE_CANCELLED, "interrupted");
    int code = tb_app_fail(app, &err);
    return st == TIMBRE_CANCELLED && caught != 0 ? 128 + caught : code;
}
