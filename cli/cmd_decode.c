/* timbre decode: a spectrogram image becomes sound. */
#include <math.h>
#include <string.h>

#include "cli/codec.h"
#include "cli/codec_params.h"
#include "cli/commands.h"
#include "cli/endings.h"
#include "cli/file_kind.h"
#include "cli/signals.h"
#include "timbre/spectrogram.h"

typedef struct {
    const tb_args *args;
    bool replace;
} decoding;

/* Parameters of the image, else the defaults; what was given on the command line beats both. */
static tb_status read_params(const tb_codec_task *task, const tb_args *args,
                             timbre_spectrogram_params *params, tb_codec_result *result,
                             tb_error *err)
{
    timbre_image_info info = {.struct_size = sizeof info, .params.struct_size = sizeof info.params};
    tb_status st = timbre_image_read_info(task->input, &info, err);
    if (st != TIMBRE_OK)
        return st;
    *params = info.params;
    if (!info.has_params)
        tb_codec_result_warn(result,
                             "no spectrogram parameters in it, riffusion's defaults are used");
    (void)json_object_set_new(result->facts, "used_defaults", json_boolean(!info.has_params));
    tb_codec_params_apply(params, args);
    return timbre_spectrogram_params_check(params, err);
}

/* Silence has no level. */
static json_t *level_to_json(double level)
{
    return isfinite(level) ? json_real(level) : json_null();
}

static tb_status add_facts(const timbre_decode_report *report, tb_codec_result *result,
                           tb_error *err)
{
    enum { MUCH_DB = 60 };
    if (isfinite(report->gain_db) && report->gain_db > MUCH_DB)
        tb_codec_result_warn(result, "almost blank image, raised by %.0f dB", report->gain_db);
    return tb_codec_result_add_facts(
        result,
        json_pack("{s:i, s:i, s:i, s:f, s:i, s:o, s:I, s:s, s:o, s:o}", "width", report->width,
                  "height", report->height, "channels", report->n_channels, "duration_seconds",
                  report->duration_seconds, "sample_rate_hz", report->sample_rate_hz, "gain_db",
                  level_to_json(report->gain_db), "clipped_samples", (json_int_t)report->n_clipped,
                  "pcm_sha256", report->pcm_sha256, "lufs", level_to_json(report->lufs),
                  "peak_dbtp", level_to_json(report->peak_dbtp)),
        err);
}

static tb_status run(const tb_codec_task *task, const void *user, tb_codec_result *result,
                     tb_error *err)
{
    const decoding *d = user;
    timbre_spectrogram_params params;
    tb_status st = read_params(task, d->args, &params, result, err);
    if (st != TIMBRE_OK)
        return st;
    timbre_decode_options options = {
        .struct_size = sizeof options,
        .params = &params,
        .output = task->output,
        .replace = d->replace,
        .phase = tb_args_value(d->args, "phase"),
        .inverse_mel = tb_args_value(d->args, "inverse-mel"),
        .master = tb_args_value(d->args, "master"),
        .seed = (int64_t)tb_args_number(d->args, "seed", 0),
        .progress = task->progress,
        .progress_user = task->progress_user,
        .cancel = tb_signals_cancel(),
    };
    timbre_decode_report report = {.struct_size = sizeof report};
    st = timbre_decode(task->engine, task->input, &options, &report, err);
    if (st != TIMBRE_OK)
        return st;
    tb_codec_result_add_path(result, task->output, false);
    return add_facts(&report, result, err);
}

static void describe(const json_t *facts, tb_str *out)
{
    long long n_clipped = (long long)json_integer_value(json_object_get(facts, "clipped_samples"));
    tb_str_appendf(out, "%.2f s of %s sound at %lld Hz from %lld x %lld pixels",
                   json_number_value(json_object_get(facts, "duration_seconds")),
                   json_integer_value(json_object_get(facts, "channels")) > 1 ? "stereo" : "mono",
                   (long long)json_integer_value(json_object_get(facts, "sample_rate_hz")),
                   (long long)json_integer_value(json_object_get(facts, "width")),
                   (long long)json_integer_value(json_object_get(facts, "height")));
    if (n_clipped > 0)
        tb_str_appendf(out, ", %lld samples clipped", n_clipped);
}

static tb_status check_options(const tb_args *args, tb_error *err)
{
    const char *inverse = tb_args_value(args, "inverse-mel");
    if (tb_args_has(args, "mel-iterations") && (inverse == NULL || strcmp(inverse, "sgd") != 0)) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "--mel-iterations is for --inverse-mel sgd");
        tb_fix(err, "add --inverse-mel sgd; lstsq has no iterations");
        return st;
    }
    if (tb_args_has(args, "play") && tb_args_has(args, "batch"))
        return tb_fail(err, TIMBRE_BAD_INPUT, "--play is for one file, and --batch makes several");
    return TIMBRE_OK;
}

int tb_cmd_decode(tb_app *app)
{
    decoding d = {.args = &app->args, .replace = tb_args_has(&app->args, "force")};
    tb_error err = {0};
    if (check_options(&app->args, &err) != TIMBRE_OK)
        return tb_app_fail(app, &err);
    const char *ending = tb_args_value(&app->args, "extension");
    tb_codec_work work = {
        .input_name = "image",
        .input_endings = tb_image_endings,
        .ending = ending != NULL ? ending : timbre_audio_formats()[0],
        .endings = timbre_audio_formats(),
        .check_kind = tb_file_kind_want_image,
        .needs_engine = true,
        .user = &d,
        .run = run,
        .describe = describe,
    };
    return tb_codec_run(app, &work);
}
