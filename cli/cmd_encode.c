/* timbre encode: a sound becomes a spectrogram image. */
#include <math.h>
#include <string.h>

#include "cli/codec.h"
#include "cli/codec_params.h"
#include "cli/commands.h"
#include "cli/endings.h"
#include "cli/file_kind.h"
#include "cli/signals.h"
#include "timbre/audio.h"
#include "timbre/spectrogram.h"

typedef struct {
    timbre_spectrogram_params params; /* sample_rate_hz 0: the file's own */
    int jpeg_quality;
    bool replace;
} encoding;

static int count_channels(const char *path)
{
    timbre_audio *audio = NULL;
    timbre_audio_info info = {.struct_size = sizeof info};
    if (timbre_audio_open(path, &audio, NULL) != TIMBRE_OK)
        return 0;
    timbre_audio_get_info(audio, &info);
    timbre_audio_close(audio);
    return info.n_channels;
}

static void add_warnings(const timbre_encode_report *report, const char *input, bool is_stereo,
                         tb_codec_result *result)
{
    if (report->max_value == 0)
        tb_codec_result_warn(result, "the image is blank: the sound is silent%s",
                             !is_stereo && count_channels(input) > 1
                                 ? ", or its channels cancel out: try --stereo"
                                 : "");
    if (report->offset > 0.02)
        tb_codec_result_warn(result,
                             "the samples have an offset of %.0f %% of full scale, which takes the "
                             "place of the sound in the lowest bands: take it away first",
                             100 * report->offset);
    if (report->width == 1)
        tb_codec_result_warn(result, "1 pixel cannot be decoded: the sound is shorter than a step");
    if (report->n_empty_bands > 0)
        tb_codec_result_warn(result,
                             "%d of %d bands stay empty: above half the rate of %d Hz, or narrower "
                             "than the transform can tell",
                             report->n_empty_bands, report->height, report->sample_rate_hz);
}

static tb_status add_facts(const timbre_encode_report *report, tb_codec_result *result,
                           tb_error *err)
{
    return tb_codec_result_add_facts(
        result,
        json_pack("{s:i, s:i, s:f, s:f, s:i, s:i}", "width", report->width, "height",
                  report->height, "max_value", report->max_value, "duration_seconds",
                  report->duration_seconds, "sample_rate_hz", report->sample_rate_hz, "empty_bands",
                  report->n_empty_bands),
        err);
}

static tb_status run(const tb_codec_task *task, const void *user, tb_codec_result *result,
                     tb_error *err)
{
    const encoding *e = user;
    timbre_encode_options options = {
        .struct_size = sizeof options,
        .params = &e->params,
        .output = task->output,
        .replace = e->replace,
        .jpeg_quality = e->jpeg_quality,
        .progress = task->progress,
        .progress_user = task->progress_user,
        .cancel = tb_signals_cancel(),
    };
    timbre_encode_report report = {.struct_size = sizeof report};
    tb_status st = timbre_encode(task->engine, task->input, &options, &report, err);
    if (st != TIMBRE_OK)
        return st;
    tb_codec_result_add_path(result, task->output, false);
    add_warnings(&report, task->input, e->params.stereo != 0, result);
    return add_facts(&report, result, err);
}

/* Whether an image was made with the parameters asked for, as far as its EXIF block says. A batch
 * asks for a rate. */
static bool is_same(const char *output, const void *user)
{
    const timbre_spectrogram_params *p = &((const encoding *)user)->params;
    timbre_image_info info = {.struct_size = sizeof info, .params.struct_size = sizeof info.params};
    const timbre_spectrogram_params *q = &info.params;
    if (timbre_image_read_info(output, &info, NULL) != TIMBRE_OK || !info.has_params)
        return false;
    return p->stereo == q->stereo && p->sample_rate_hz == q->sample_rate_hz &&
           p->step_size_ms == q->step_size_ms && p->window_duration_ms == q->window_duration_ms &&
           p->padded_duration_ms == q->padded_duration_ms &&
           p->num_frequencies == q->num_frequencies && p->min_frequency_hz == q->min_frequency_hz &&
           p->max_frequency_hz == q->max_frequency_hz &&
           fabs(p->power_for_image - q->power_for_image) <= 1e-6 * p->power_for_image;
}

static void describe(const json_t *facts, tb_str *out)
{
    tb_str_appendf(out, "%lld x %lld pixels from %.2f s at %lld Hz",
                   (long long)json_integer_value(json_object_get(facts, "width")),
                   (long long)json_integer_value(json_object_get(facts, "height")),
                   json_number_value(json_object_get(facts, "duration_seconds")),
                   (long long)json_integer_value(json_object_get(facts, "sample_rate_hz")));
}

/* Whether the image will be a JPEG: by the name given, else by the ending asked for. */
static bool makes_jpeg(const tb_args *args)
{
    static const char *const jpeg[] = {"jpg", "jpeg", NULL};
    const char *path = tb_args_value(args, "output");
    const char *ending = tb_args_value(args, "image-extension");
    return (ending != NULL && strcmp(ending, "png") != 0) ||
           (path != NULL && tb_ending_is_one_of(path, jpeg));
}

static tb_status read_options(const tb_args *args, encoding *e, tb_error *err)
{
    enum { BATCH_RATE_HZ = 44100 }; /* riffusion's audio-to-images-batch */
    bool is_batch = tb_args_has(args, "batch");
    timbre_spectrogram_params_init(&e->params);
    e->params.sample_rate_hz = is_batch ? BATCH_RATE_HZ : 0;
    e->params.stereo = is_batch;
    tb_codec_params_apply(&e->params, args);
    e->replace = tb_args_has(args, "force");
    e->jpeg_quality = (int)tb_args_number(args, "jpeg-quality", 0);
    if (e->jpeg_quality > 0 && !makes_jpeg(args)) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "--jpeg-quality is for a JPEG image");
        tb_fix(err, "name a file that ends in .jpg, or add --image-extension jpg");
        return st;
    }
    return e->params.sample_rate_hz == 0 ? TIMBRE_OK
                                         : timbre_spectrogram_params_check(&e->params, err);
}

/* What the options lead to, whatever the sound is. */
static void note_choices(tb_app *app, const encoding *e)
{
    static const char *const options[] = {"mel-scale-type", "mel-scale-norm"};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const char *value = tb_args_value(&app->args, options[i]);
        if (value != NULL && strcmp(value, "slaney") == 0)
            tb_app_note(app, "the image does not say so: give --%s slaney to decode too",
                        options[i]);
    }
    if (e->params.stereo && makes_jpeg(&app->args))
        tb_app_note(app, "in a JPEG the channels run into each other: PNG keeps them apart");
}

int tb_cmd_encode(tb_app *app)
{
    encoding e = {0};
    tb_error err = {0};
    if (read_options(&app->args, &e, &err) != TIMBRE_OK)
        return tb_app_fail(app, &err);
    const char *ending = tb_args_value(&app->args, "image-extension");
    tb_codec_work work = {
        .input_name = "audio file",
        .input_endings = tb_audio_endings,
        .ending = ending != NULL ? ending : tb_image_endings[0],
        .endings = tb_image_endings,
        .check_kind = tb_file_kind_want_sound,
        .needs_engine = true,
        .user = &e,
        .run = run,
        .describe = describe,
        .is_same = is_same,
    };
    note_choices(app, &e);
    return tb_codec_run(app, &work);
}
