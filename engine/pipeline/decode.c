/* Spectrogram image to sound: rows onto a spool, the vocoder by columns, levels, the file. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/audio/levels.h"
#include "engine/base/limits.h"
#include "engine/base/path.h"
#include "engine/pipeline/decode_recipe.h"
#include "engine/pipeline/engine.h"
#include "engine/pipeline/image_spool.h"
#include "engine/pipeline/sound_target.h"
#include "engine/pipeline/stages.h"
#include "engine/pipeline/vocode.h"

static const tb_stage stages[] = {
    {"load", 0.03}, {"vocode", 0.82}, {"master", 0.1}, {"save", 0.05}};

enum { MASTER_CLEAN, MASTER_RIFFUSION };

/* Names of choices, as the options and the recipe have them; the first is the default. */
static const char *const phase_names[] = {
    [TB_PHASE_RANDOM] = "griffin-lim", [TB_PHASE_SPSI] = "spsi", NULL};
static const char *const inverse_names[] = {[TB_MEL_LSTSQ] = "lstsq", [TB_MEL_SGD] = "sgd", NULL};
static const char *const master_names[] = {
    [MASTER_CLEAN] = "clean", [MASTER_RIFFUSION] = "riffusion", NULL};

typedef struct {
    timbre_decode_options options;
    tb_decode_choices choices;
    tb_spectrogram_lengths lengths;
    tb_image_info image;
    char image_sha256[TB_SHA256_HEX_BYTES];
    bool used_defaults;
    int n_channels;
    int64_t n_samples; /* per channel */
    tb_image_spool pixels;
    tb_spool sound[2]; /* float samples of a channel */
    tb_sound_target target;
    tb_levels_report levels;
    tb_stages stages;
} decode_job;

const char *const *timbre_phase_names(void)
{
    return phase_names;
}

static tb_status choose(const char *what, const char *name, const char *const *names, int *out,
                        tb_error *err)
{
    *out = 0;
    if (name == NULL)
        return TIMBRE_OK;
    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(names[i], name) == 0) {
            *out = i;
            return TIMBRE_OK;
        }
    return tb_fail(err, TIMBRE_BAD_INPUT, "%s '%s' is not '%s' or '%s'", what, name, names[0],
                   names[1]);
}

static tb_status prepare(decode_job *job, const timbre_decode_options *options, tb_error *err)
{
    const tb_spool closed = {.fd = -1};
    tb_copy_options(&job->options, sizeof job->options, options, options->struct_size);
    job->pixels.spool = job->sound[0] = job->sound[1] = job->target.spool = closed;
    tb_decode_choices *choices = &job->choices;
    choices->seed = job->options.seed;
    if (choices->seed < 0 || choices->seed > TB_SEED_MAX)
        return tb_fail(err, TIMBRE_BAD_INPUT, "seed %lld is not in 0..%lld",
                       (long long)choices->seed, TB_SEED_MAX);
    tb_status st = choose("phase", job->options.phase, phase_names, &choices->phase, err);
    if (st == TIMBRE_OK)
        st = choose("inverse_mel", job->options.inverse_mel, inverse_names, &choices->inverse, err);
    if (st == TIMBRE_OK)
        st = choose("master", job->options.master, master_names, &choices->master, err);
    choices->phase_name = phase_names[choices->phase];
    choices->inverse_name = inverse_names[choices->inverse];
    choices->master_name = master_names[choices->master];
    return st == TIMBRE_OK ? tb_sound_target_check(job->options.output, job->options.replace, err)
                           : st;
}

/* The parameters: what the caller says, else the image, else the defaults. */
static tb_status choose_params(decode_job *job, tb_error *err)
{
    timbre_spectrogram_params *params = &job->choices.params;
    const timbre_spectrogram_params *given = job->options.params;
    *params = job->image.params;
    job->used_defaults = given == NULL && !job->image.has_params;
    if (given != NULL) {
        timbre_spectrogram_params_init(params);
        tb_copy_options(params, sizeof *params, given, given->struct_size);
    }
    tb_status st = timbre_spectrogram_params_check(params, err);
    if (st != TIMBRE_OK)
        return st;
    if (job->image.height != params->num_frequencies) {
        st = tb_fail(err, TIMBRE_BAD_INPUT,
                     "the image is %d pixels high, not %d, one for each band", job->image.height,
                     params->num_frequencies);
        tb_fix(err, "was it scaled? else say --num-frequencies %d", job->image.height);
        return st;
    }
    if (job->image.width < 2)
        return tb_fail(err, TIMBRE_BAD_INPUT,
                       "an image of %d pixel is no time: sound needs at least 2", job->image.width);
    job->lengths = tb_spectrogram_get_lengths(params);
    job->n_channels = params->stereo ? 2 : 1;
    job->n_samples = (int64_t)job->lengths.hop_length * (job->image.width - 1);
    tb_audio_spec spec = {.format = tb_audio_format_of_path(job->options.output),
                          .rate_hz = params->sample_rate_hz,
                          .n_channels = job->n_channels,
                          .n_frames = job->n_samples};
    return tb_audio_format_check(&spec, err);
}

/* Of what would make silence or noise and nothing else. */
static tb_status check_pixels(const decode_job *job, const char *path, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    if (job->pixels.looks_stereo) {
        st = tb_fail(err, TIMBRE_BAD_INPUT, "'%s' has no red: it looks like a stereo image", path);
        tb_fix(err, "decode it with --stereo");
    } else if (job->pixels.is_blank) {
        st = tb_fail(err, TIMBRE_BAD_INPUT, "'%s' is white all over: there is no sound in it",
                     path);
    }
    return st;
}

static tb_status open_image(decode_job *job, const char *path, tb_error *err)
{
    tb_image_reader *reader = NULL;
    tb_status st = tb_image_open(path, &reader, err);
    if (st == TIMBRE_OK) {
        job->image = *tb_image_get_info(reader);
        st = choose_params(job, err);
    }
    char *folder = tb_path_folder(job->options.output);
    if (st == TIMBRE_OK && folder == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    if (st == TIMBRE_OK)
        st = tb_image_spool_load(&job->pixels, reader, folder, job->n_channels,
                                 &job->stages.progress, err);
    if (st == TIMBRE_OK)
        st = check_pixels(job, path, err);
    for (int c = 0; st == TIMBRE_OK && c < job->n_channels; c++)
        st = tb_spool_open(&job->sound[c], folder, err);
    free(folder);
    tb_image_close(reader);
    return st == TIMBRE_OK ? tb_sha256_file(path, job->image_sha256, err) : st;
}

/* ---- vocode: columns of one channel in, its samples out ---- */

typedef struct {
    decode_job *job;
    int channel;
    const float *table; /* [65536] amplitude of a pixel */
    uint16_t *columns;  /* [height][n] of the tile column that begins at `x` */
    int64_t x;          /* -1: none */
    int n;
    int64_t n_written;
} channel_job;

static tb_status load_columns(channel_job *c, int64_t t, tb_error *err)
{
    int64_t x = t - t % TB_TILE_COLUMNS;
    if (x == c->x)
        return TIMBRE_OK;
    c->x = x;
    return tb_image_spool_read(&c->job->pixels, c->channel, x, &c->n, c->columns, err);
}

static tb_status read_bands(void *user, int64_t t, int n_frames, float *bands, tb_error *err)
{
    channel_job *c = user;
    int n_bands = c->job->image.height;
    tb_status st = load_columns(c, t, err);
    for (int band = 0; st == TIMBRE_OK && band < n_bands; band++) {
        const uint16_t *row = c->columns + (size_t)(n_bands - 1 - band) * (size_t)c->n + (t - c->x);
        float *out = bands + (size_t)band * TB_BATCH_FRAMES;
        for (int i = 0; i < TB_BATCH_FRAMES; i++)
            out[i] = i < n_frames ? c->table[row[i]] : 0;
    }
    return st;
}

static tb_status write_samples(void *user, const float *samples, int64_t n, tb_error *err)
{
    channel_job *c = user;
    int64_t offset = c->n_written * (int64_t)sizeof *samples;
    c->n_written += n;
    return tb_spool_write(&c->job->sound[c->channel], offset, samples, (size_t)n * sizeof *samples,
                          err);
}

static void report_channel(double fraction, void *user)
{
    const channel_job *c = user;
    tb_progress_report(&c->job->stages.progress, (c->channel + fraction) / c->job->n_channels);
}

static tb_status vocode_channel(timbre_engine *engine, channel_job *c, const tb_vocode *vocode,
                                tb_error *err)
{
    tb_vocoder_io io = {.read = read_bands, .write = write_samples, .user = c};
    tb_progress progress = {
        .fn = report_channel, .user = c, .cancel = c->job->stages.progress.cancel};
    return tb_vocode_run(vocode, c->channel, tb_engine_kernels(engine), tb_engine_pool(engine), &io,
                         &progress, err);
}

static tb_status vocode(timbre_engine *engine, decode_job *job, tb_error *err)
{
    tb_vocode_choices choices = {.params = job->choices.params,
                                 .phase = (tb_phase_start)job->choices.phase,
                                 .inverse = (tb_mel_inverse_method)job->choices.inverse,
                                 .seed = (uint64_t)job->choices.seed};
    tb_vocode vocode;
    uint16_t *columns = malloc((size_t)job->image.height * TB_TILE_COLUMNS * sizeof *columns);
    tb_status st = tb_vocode_init(&vocode, &choices, job->image.width, job->n_channels, err);
    if (st == TIMBRE_OK && columns == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the image's columns");
    for (int i = 0; st == TIMBRE_OK && i < job->n_channels; i++) {
        channel_job c = {
            .job = job, .channel = i, .table = vocode.table, .columns = columns, .x = -1};
        st = vocode_channel(engine, &c, &vocode, err);
    }
    free(columns);
    tb_vocode_deinit(&vocode);
    return st;
}

/* ---- master and save ---- */

/* Samples of both channels, interleaved. */
static tb_status read_sound(void *user, int64_t frame, int64_t n, float *out, tb_error *err)
{
    enum { BLOCK = 4096 };
    const decode_job *job = user;
    float block[BLOCK];
    tb_status st = TIMBRE_OK;
    for (int64_t at = 0; st == TIMBRE_OK && at < n; at += BLOCK) {
        int64_t m = n - at < BLOCK ? n - at : BLOCK;
        for (int c = 0; st == TIMBRE_OK && c < job->n_channels; c++) {
            st = tb_spool_read(&job->sound[c], (frame + at) * (int64_t)sizeof *block, block,
                               (size_t)m * sizeof *block, err);
            for (int64_t i = 0; i < m; i++)
                out[(at + i) * job->n_channels + c] = block[i];
        }
    }
    return st;
}

static tb_status write_pcm(void *user, const int16_t *pcm, int64_t n, tb_error *err)
{
    return tb_sound_target_append(&((decode_job *)user)->target, pcm, n, err);
}

static tb_status master(decode_job *job, tb_error *err)
{
    int rate_hz = job->choices.params.sample_rate_hz;
    tb_levels_io io = {.read = read_sound,
                       .write = write_pcm,
                       .user = job,
                       .n_frames = job->n_samples,
                       .n_channels = job->n_channels,
                       .rate_hz = rate_hz};
    tb_status st = tb_sound_target_begin(&job->target, job->options.output, job->n_channels,
                                         rate_hz, err);
    if (st == TIMBRE_OK && job->choices.master == MASTER_RIFFUSION)
        st = tb_levels_riffusion(&io, &job->stages.progress, &job->levels, err);
    else if (st == TIMBRE_OK)
        st = tb_levels_clean(&io, &job->stages.progress, &job->levels, err);
    return st == TIMBRE_OK ? tb_sound_target_end(&job->target, err) : st;
}

static tb_status save(decode_job *job, const char *image_path, tb_error *err)
{
    char *recipe = NULL;
    tb_decode_facts facts = {.choices = &job->choices,
                             .image_sha256 = job->image_sha256,
                             .target = &job->target,
                             .gain_db = job->levels.gain_db};
    tb_status st = tb_decode_recipe_format(&facts, &recipe, err);
    if (st == TIMBRE_OK)
        st = tb_sound_target_commit(&job->target, recipe, tb_path_name(image_path),
                                    job->options.replace, &job->stages.progress, err);
    free(recipe);
    return st;
}

static void fill_report(const decode_job *job, timbre_decode_report *report)
{
    timbre_decode_report full = {.struct_size = report->struct_size,
                                 .used_defaults = job->used_defaults,
                                 .width = job->image.width,
                                 .height = job->image.height,
                                 .n_channels = job->n_channels,
                                 .duration_seconds = (double)job->n_samples /
                                                     job->choices.params.sample_rate_hz,
                                 .sample_rate_hz = job->choices.params.sample_rate_hz,
                                 .gain_db = job->levels.gain_db,
                                 .lufs = job->levels.lufs,
                                 .peak_dbtp = job->levels.peak_dbtp,
                                 .n_clipped = job->levels.n_clipped};
    memcpy(full.pcm_sha256, job->target.pcm_sha256, sizeof full.pcm_sha256);
    tb_copy_options(report, sizeof full, &full, report->struct_size);
}

static void deinit(decode_job *job)
{
    tb_image_spool_deinit(&job->pixels);
    for (int c = 0; c < 2; c++)
        tb_spool_close(&job->sound[c]);
    tb_sound_target_deinit(&job->target);
}

static tb_status run(timbre_engine *engine, decode_job *job, const char *image_path, tb_error *err)
{
    tb_stages_next(&job->stages);
    tb_status st = open_image(job, image_path, err);
    if (st == TIMBRE_OK) {
        tb_stages_next(&job->stages);
        st = vocode(engine, job, err);
    }
    if (st == TIMBRE_OK) {
        tb_stages_next(&job->stages);
        st = master(job, err);
    }
    if (st == TIMBRE_OK) {
        tb_stages_next(&job->stages);
        st = save(job, image_path, err);
    }
    if (st == TIMBRE_OK)
        tb_stages_finish(&job->stages);
    return st;
}

tb_status timbre_decode(timbre_engine *engine, const char *image_path,
                        const timbre_decode_options *options, timbre_decode_report *report,
                        tb_error *err)
{
    decode_job job = {0};
    tb_status st = prepare(&job, options, err);
    if (st == TIMBRE_OK) {
        tb_stages_listener listener = {job.options.progress, job.options.progress_user,
                                       job.options.cancel};
        tb_stages_init(&job.stages, stages, sizeof stages / sizeof *stages, &listener,
                       tb_engine_log(engine));
        st = run(engine, &job, image_path, err);
    }
    if (st == TIMBRE_OK)
        fill_report(&job, report);
    deinit(&job);
    return st;
}
