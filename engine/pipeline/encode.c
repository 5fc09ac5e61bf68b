/* Sound to spectrogram image: analysis onto a spool, then the picture by rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/audio/source.h"
#include "engine/base/file.h"
#include "engine/base/limits.h"
#include "engine/base/path.h"
#include "engine/pipeline/engine.h"
#include "engine/pipeline/image_target.h"
#include "engine/pipeline/stages.h"
#include "engine/spectrogram/analyzer.h"
#include "engine/spectrogram/params.h"
#include "engine/spectrogram/pixels.h"
#include "engine/spectrogram/tiles.h"
#include "timbre/spectrogram.h"

static const tb_stage stages[] = {{"analyze", 0.7}, {"save", 0.3}};

enum { ROWS_BYTES = 4 << 20 }; /* of amplitudes that are read back at once, per channel */

/* Amplitudes of one channel on their way to the spool: columns are collected to whole tiles. */
typedef struct {
    tb_spool spool;
    float *columns; /* [num_frequencies][TB_TILE_COLUMNS], owned; row 0 is the highest band */
    int64_t x;      /* first column in `columns` */
    int n;
} plane;

typedef struct {
    timbre_encode_options options;
    timbre_spectrogram_params params;
    const char *audio_path;
    tb_source *source;
    int64_t n_read;    /* frames of sound */
    double sums[2];    /* of the samples, per channel */
    double n_expected; /* as the file claims, for the progress */
    int n_channels;
    plane planes[2];
    float max;
    int64_t width;
    int max_width; /* of the image's format */
    tb_mel mel;
    tb_stages stages;
} encode_job;

static tb_tiles tiles_of(encode_job *job, int channel)
{
    return (tb_tiles){.spool = &job->planes[channel].spool,
                      .n_rows = job->params.num_frequencies,
                      .element_bytes = sizeof(float)};
}

static tb_status read_sound(void *user, float *out, int64_t n, int64_t *n_read, tb_error *err)
{
    encode_job *job = user;
    tb_status st = tb_source_read(job->source, out, n, n_read, err);
    if (st != TIMBRE_OK)
        tb_error_name(err, job->audio_path);
    job->n_read += *n_read;
    for (int64_t i = 0; i < *n_read * job->n_channels; i++)
        job->sums[i % job->n_channels] += out[i];
    if (job->n_expected > 0)
        tb_progress_report(&job->stages.progress, fmin(1, (double)job->n_read / job->n_expected));
    return st;
}

/* The collected columns to the spool: rows lie TB_TILE_COLUMNS apart and are moved together. */
static tb_status flush_plane(encode_job *job, int channel, tb_error *err)
{
    plane *p = &job->planes[channel];
    if (p->n == 0)
        return TIMBRE_OK;
    for (int row = 1; p->n < TB_TILE_COLUMNS && row < job->params.num_frequencies; row++)
        memmove(p->columns + (size_t)row * (size_t)p->n, p->columns + (size_t)row * TB_TILE_COLUMNS,
                (size_t)p->n * sizeof *p->columns);
    tb_tiles tiles = tiles_of(job, channel);
    tb_status st = tb_tiles_write_columns(&tiles, p->x, p->n, p->columns, err);
    p->x += p->n;
    p->n = 0;
    return st;
}

static tb_status fail_width(const encode_job *job, tb_error *err)
{
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "the image would be wider than %d pixels",
                           job->max_width);
    if (job->max_width == TB_JPEG_MAX_SIDE)
        tb_fix(err, "a .png may be %d wide; or take a longer --step-size-ms", TB_IMAGE_MAX_WIDTH);
    else
        tb_fix(err, "take a longer --step-size-ms, or a part of the sound");
    return st;
}

static tb_status write_bands(void *user, int channel, int64_t t, int n_frames, const float *bands,
                             tb_error *err)
{
    encode_job *job = user;
    plane *p = &job->planes[channel];
    int n_bands = job->params.num_frequencies;
    if (t + n_frames > job->max_width)
        return fail_width(job, err);
    for (int band = 0; band < n_bands; band++) {
        const float *from = bands + (size_t)band * TB_BATCH_FRAMES;
        float *to = p->columns + (size_t)(n_bands - 1 - band) * TB_TILE_COLUMNS + p->n;
        for (int i = 0; i < n_frames; i++) {
            to[i] = from[i];
            job->max = fmaxf(job->max, from[i]);
        }
    }
    p->n += n_frames;
    return p->n == TB_TILE_COLUMNS ? flush_plane(job, channel, err) : TIMBRE_OK;
}

static tb_status open_planes(encode_job *job, tb_error *err)
{
    char *folder = tb_path_folder(job->options.output);
    tb_status st = folder != NULL ? TIMBRE_OK
                                  : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    for (int c = 0; st == TIMBRE_OK && c < job->n_channels; c++) {
        plane *p = &job->planes[c];
        p->columns = calloc((size_t)job->params.num_frequencies * TB_TILE_COLUMNS,
                            sizeof *p->columns);
        if (p->columns == NULL)
            st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %d columns", TB_TILE_COLUMNS);
        else
            st = tb_spool_open(&p->spool, folder, err);
    }
    free(folder);
    return st;
}

static tb_status analyze(timbre_engine *engine, encode_job *job, tb_error *err)
{
    tb_spectrogram_lengths lengths = tb_spectrogram_get_lengths(&job->params);
    tb_mel_spec mel_spec = tb_spectrogram_mel_spec(&job->params);
    tb_status st = tb_mel_init(&job->mel, &mel_spec, err);
    if (st == TIMBRE_OK)
        st = open_planes(job, err);
    if (st != TIMBRE_OK)
        return st;
    tb_analyzer_spec spec = {.n_fft = lengths.n_fft,
                             .win_length = lengths.win_length,
                             .hop_length = lengths.hop_length,
                             .mel = &job->mel,
                             .n_channels = job->n_channels};
    tb_analyzer_io io = {.read = read_sound, .write = write_bands, .user = job};
    st = tb_analyzer_run(&spec, tb_engine_kernels(engine), tb_engine_pool(engine), &io,
                         &job->stages.progress, &job->width, err);
    if (st == TIMBRE_BAD_INPUT)
        tb_error_name(err, job->audio_path);
    for (int c = 0; st == TIMBRE_OK && c < job->n_channels; c++)
        st = flush_plane(job, c, err);
    return st;
}

/* One row of pixels from the amplitudes of the channels, which stand `plane_len` apart: grey, or
 * left in G and right in B. */
static void make_row(const encode_job *job, const float *amplitudes, size_t plane_len,
                     uint8_t *grey, uint8_t *rgb)
{
    int width = (int)job->width;
    float power = (float)job->params.power_for_image;
    memset(rgb, 0, (size_t)width * 3);
    for (int c = 0; c < job->n_channels; c++) {
        if (job->max > 0)
            tb_pixels_from_amplitudes(amplitudes + (size_t)c * plane_len, width, job->max, power,
                                      grey);
        else
            memset(grey, 255, (size_t)width);
        int first = job->n_channels == 2 ? 1 + c : 0;
        int last = job->n_channels == 2 ? 1 + c : 2;
        for (int color = first; color <= last; color++)
            for (int x = 0; x < width; x++)
                rgb[3 * x + color] = grey[x];
    }
}

/* rows: [n_channels][rows_max][width]; pixels: [width] of grey, then [width][3] of RGB. */
static tb_status write_rows(encode_job *job, tb_image_target *target, float *rows, int rows_max,
                            uint8_t *pixels, tb_error *err)
{
    int height = job->params.num_frequencies;
    size_t width = (size_t)job->width, plane_len = (size_t)rows_max * width;
    tb_status st = TIMBRE_OK;
    for (int y = 0; st == TIMBRE_OK && y < height; y += rows_max) {
        int n = height - y < rows_max ? height - y : rows_max;
        for (int c = 0; st == TIMBRE_OK && c < job->n_channels; c++) {
            tb_tiles tiles = tiles_of(job, c);
            st = tb_tiles_read_rows(&tiles, y, n, job->width, rows + (size_t)c * plane_len, err);
        }
        for (size_t i = 0; st == TIMBRE_OK && i < (size_t)n; i++) {
            make_row(job, rows + i * width, plane_len, pixels, pixels + width);
            st = tb_image_target_write_row(target, pixels + width, err);
        }
        tb_progress_report(&job->stages.progress, (double)(y + n) / height);
        if (st == TIMBRE_OK)
            st = tb_progress_check(&job->stages.progress, err);
    }
    return st;
}

static tb_status write_image(encode_job *job, tb_image_target *target, tb_error *err)
{
    size_t width = (size_t)job->width;
    int rows_max = (int)(ROWS_BYTES / (width * sizeof(float)));
    rows_max = rows_max < 1 ? 1 : rows_max > TB_TILE_ROWS ? TB_TILE_ROWS : rows_max;
    float *rows = malloc((size_t)job->n_channels * (size_t)rows_max * width * sizeof *rows);
    uint8_t *pixels = malloc(width * 4);
    tb_status st = rows != NULL && pixels != NULL
                       ? write_rows(job, target, rows, rows_max, pixels, err)
                       : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for rows of %zu pixels", width);
    free(rows);
    free(pixels);
    return st;
}

static tb_status save(encode_job *job, tb_error *err)
{
    unsigned char exif[TB_EXIF_BYTES];
    tb_exif_format(&job->params, job->max, exif);
    tb_image_spec spec = {.is_jpeg = tb_image_target_is_jpeg(job->options.output),
                          .quality = job->options.jpeg_quality,
                          .width = (int)job->width,
                          .height = job->params.num_frequencies,
                          .exif = exif};
    tb_image_target target;
    tb_status st = tb_image_target_begin(&target, job->options.output, &spec, err);
    if (st == TIMBRE_OK)
        st = write_image(job, &target, err);
    if (st == TIMBRE_OK)
        st = tb_image_target_commit(&target, job->options.replace, err);
    tb_image_target_abort(&target);
    return st;
}

/* Filters come in ascending order over the bins. */
static int count_empty_bands(const tb_mel *mel)
{
    int n_touched = 0, last = -1;
    for (int bin = 0; bin < mel->n_bins; bin++)
        for (int i = 0; i < 2; i++)
            if (mel->filter[bin] + i > last && mel->weights[2 * bin + i] > 0) {
                last = mel->filter[bin] + i;
                n_touched++;
            }
    return mel->n_mels - n_touched;
}

static double offset_of(const encode_job *job)
{
    double most = fmax(fabs(job->sums[0]), fabs(job->sums[1]));
    return job->n_read > 0 ? most / (double)job->n_read / 32768 : 0;
}

static void fill_report(const encode_job *job, timbre_encode_report *report)
{
    timbre_encode_report full = {.struct_size = report->struct_size,
                                 .width = (int)job->width,
                                 .height = job->params.num_frequencies,
                                 .max_value = job->max,
                                 .duration_seconds = (double)job->n_read /
                                                     job->params.sample_rate_hz,
                                 .sample_rate_hz = job->params.sample_rate_hz,
                                 .offset = offset_of(job),
                                 .n_empty_bands = count_empty_bands(&job->mel)};
    tb_copy_options(report, sizeof full, &full, report->struct_size);
}

static void deinit(encode_job *job)
{
    tb_source_close(job->source);
    tb_mel_deinit(&job->mel);
    for (int c = 0; c < 2; c++) {
        tb_spool_close(&job->planes[c].spool);
        free(job->planes[c].columns);
    }
}

/* Open the sound; its rate is the image's where none is wished. */
static tb_status open_sound(encode_job *job, tb_error *err)
{
    tb_source_spec spec = {.n_channels = job->n_channels, .rate_hz = job->params.sample_rate_hz};
    tb_source_info info;
    tb_status st = tb_source_open(job->audio_path, &spec, &job->source, err);
    if (st != TIMBRE_OK) {
        tb_error_name(err, job->audio_path);
        return st;
    }
    tb_source_get_info(job->source, &info);
    job->params.sample_rate_hz = info.rate_hz;
    job->n_expected = (double)info.n_frames * info.rate_hz / info.file_rate_hz;
    return timbre_spectrogram_params_check(&job->params, err);
}

static tb_status prepare(encode_job *job, const timbre_encode_options *options, tb_error *err)
{
    tb_copy_options(&job->options, sizeof job->options, options, options->struct_size);
    timbre_spectrogram_params_init(&job->params);
    job->params.sample_rate_hz = 0;
    const timbre_spectrogram_params *given = job->options.params;
    if (given != NULL)
        tb_copy_options(&job->params, sizeof job->params, given, given->struct_size);
    job->n_channels = job->params.stereo ? 2 : 1;
    job->planes[0].spool.fd = job->planes[1].spool.fd = -1;
    job->max_width = TB_IMAGE_MAX_WIDTH;
    if (job->options.output != NULL && tb_image_target_is_jpeg(job->options.output))
        job->max_width = TB_JPEG_MAX_SIDE;
    if (job->options.jpeg_quality == 0)
        job->options.jpeg_quality = 75; /* Pillow's default */
    if (job->options.jpeg_quality < 1 || job->options.jpeg_quality > 100)
        return tb_fail(err, TIMBRE_BAD_INPUT, "jpeg_quality %d is not in 1..100",
                       job->options.jpeg_quality);
    return tb_image_target_check(job->options.output, job->options.replace, err);
}

tb_status timbre_encode(timbre_engine *engine, const char *audio_path,
                        const timbre_encode_options *options, timbre_encode_report *report,
                        tb_error *err)
{
    encode_job job = {.audio_path = audio_path};
    tb_status st = prepare(&job, options, err);
    if (st == TIMBRE_OK)
        st = open_sound(&job, err);
    if (st == TIMBRE_OK) {
        tb_stages_listener listener = {job.options.progress, job.options.progress_user,
                                       job.options.cancel};
        tb_stages_init(&job.stages, stages, 2, &listener, tb_engine_log(engine));
        tb_stages_next(&job.stages);
        st = analyze(engine, &job, err);
    }
    if (st == TIMBRE_OK) {
        tb_stages_next(&job.stages);
        st = save(&job, err);
    }
    if (st == TIMBRE_OK) {
        tb_stages_finish(&job.stages);
        fill_report(&job, report);
    }
    deinit(&job);
    return st;
}
