#include "tests/spectrogram/quality.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/spectrogram/analyzer.h"
#include "engine/spectrogram/image_file.h"
#include "engine/spectrogram/params.h"
#include "engine/spectrogram/pixels.h"
#include "timbre/audio.h"

#define RANGE 1e-3 /* 60 dB */
#define FLOOR 1e-9f

enum { MAX_CHANNELS = 8, READ_FRAMES = 4096 };

static tb_status alloc_bands(quality_bands *bands, int n_mels, int width, tb_error *err)
{
    *bands = (quality_bands){.n_mels = n_mels, .width = width};
    bands->amplitudes = calloc((size_t)n_mels * (size_t)width, sizeof *bands->amplitudes);
    if (bands->amplitudes == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %d columns", width);
    return TIMBRE_OK;
}

void quality_deinit(quality_bands *bands)
{
    free(bands->amplitudes);
    *bands = (quality_bands){0};
}

static tb_status read_rows(tb_image_reader *reader, quality_bands *bands, tb_error *err)
{
    size_t width = (size_t)bands->width;
    float *table = malloc(sizeof *table * 65536);
    uint16_t *rgb = malloc(sizeof *rgb * 3 * width);
    tb_status st = TIMBRE_OK;
    if (table == NULL || rgb == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a row of %d pixels", bands->width);
    else
        tb_pixels_table(0.25f, 30e6f, table);
    for (int i = bands->n_mels - 1; i >= 0 && st == TIMBRE_OK; i--) {
        st = tb_image_read_row(reader, rgb, err);
        for (size_t x = 0; x < width && st == TIMBRE_OK; x++)
            bands->amplitudes[(size_t)i * width + x] = table[rgb[3 * x]];
    }
    free(table);
    free(rgb);
    return st;
}

tb_status quality_load_image(const char *path, quality_bands *bands, tb_error *err)
{
    *bands = (quality_bands){0};
    tb_image_reader *reader = NULL;
    tb_status st = tb_image_open(path, &reader, err);
    if (st != TIMBRE_OK)
        return st;
    const tb_image_info *info = tb_image_get_info(reader);
    st = alloc_bands(bands, info->height, info->width, err);
    if (st == TIMBRE_OK)
        st = read_rows(reader, bands, err);
    tb_image_close(reader);
    if (st != TIMBRE_OK)
        quality_deinit(bands);
    return st;
}

typedef struct {
    timbre_audio *audio;
    int n_channels;
    float block[READ_FRAMES * MAX_CHANNELS];
    quality_bands *bands;
} loader;

static tb_status read_mixed(void *user, float *out, int64_t n, int64_t *n_read, tb_error *err)
{
    loader *l = user;
    *n_read = 0;
    while (*n_read < n) {
        int64_t want = n - *n_read < READ_FRAMES ? n - *n_read : READ_FRAMES, got;
        tb_status st = timbre_audio_read(l->audio, l->block, want, &got, err);
        if (st != TIMBRE_OK)
            return st;
        for (int64_t i = 0; i < got; i++) {
            float sum = 0;
            for (int c = 0; c < l->n_channels; c++)
                sum += l->block[i * l->n_channels + c];
            out[*n_read + i] = sum / (float)l->n_channels;
        }
        *n_read += got;
        if (got < want)
            break;
    }
    return TIMBRE_OK;
}

static tb_status keep_bands(void *user, int channel, int64_t t, int n_frames, const float *bands,
                            tb_error *err)
{
    quality_bands *b = ((loader *)user)->bands;
    (void)channel;
    if (t + n_frames > b->width)
        return tb_fail(err, TIMBRE_BAD_FILE, "more sound than the file says");
    for (size_t i = 0; i < (size_t)b->n_mels; i++)
        memcpy(b->amplitudes + i * (size_t)b->width + (size_t)t, bands + i * TB_BATCH_FRAMES,
               sizeof *bands * (size_t)n_frames);
    return TIMBRE_OK;
}

static tb_status analyze(loader *l, tb_pool *pool, int64_t n_samples, tb_error *err)
{
    timbre_spectrogram_params params;
    timbre_spectrogram_params_init(&params);
    tb_spectrogram_lengths lengths = tb_spectrogram_get_lengths(&params);
    tb_mel_spec mel_spec = tb_spectrogram_mel_spec(&params);
    tb_mel mel;
    const tb_kernels *kernels;
    tb_status st = tb_kernels_choose(NULL, &kernels, err);
    if (st == TIMBRE_OK)
        st = tb_mel_init(&mel, &mel_spec, err);
    if (st != TIMBRE_OK)
        return st;
    tb_analyzer_spec spec = {.n_fft = lengths.n_fft,
                             .win_length = lengths.win_length,
                             .hop_length = lengths.hop_length,
                             .mel = &mel,
                             .n_channels = 1};
    tb_analyzer_io io = {.read = read_mixed, .write = keep_bands, .user = l};
    int64_t n_frames;
    st = alloc_bands(l->bands, mel.n_mels, (int)(1 + n_samples / lengths.hop_length), err);
    if (st == TIMBRE_OK)
        st = tb_analyzer_run(&spec, kernels, pool, &io, NULL, &n_frames, err);
    if (st == TIMBRE_OK && n_frames != l->bands->width)
        st = tb_fail(err, TIMBRE_BAD_FILE, "less sound than the file says");
    tb_mel_deinit(&mel);
    return st;
}

tb_status quality_load_sound(const char *path, tb_pool *pool, quality_bands *bands, tb_error *err)
{
    *bands = (quality_bands){0};
    loader l = {.bands = bands};
    tb_status st = timbre_audio_open(path, &l.audio, err);
    if (st != TIMBRE_OK)
        return st;
    timbre_audio_info info = {.struct_size = sizeof info};
    timbre_audio_get_info(l.audio, &info);
    l.n_channels = info.n_channels;
    if (info.rate_hz != 44100 || info.n_channels > MAX_CHANNELS)
        st = tb_fail(err, TIMBRE_UNSUPPORTED, "%d Hz, %d channels", info.rate_hz, info.n_channels);
    else
        st = analyze(&l, pool, info.n_frames, err);
    timbre_audio_close(l.audio);
    if (st != TIMBRE_OK)
        quality_deinit(bands);
    return st;
}

static float largest(const quality_bands *bands)
{
    float max = 0;
    for (size_t i = 0; i < (size_t)bands->n_mels * (size_t)bands->width; i++)
        max = fmaxf(max, bands->amplitudes[i]);
    return max;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Differences of the cells that count, into d; how many. */
static int fill_differences(const quality_bands *image, const quality_bands *sound, int shift,
                            double *d)
{
    float least = largest(image) * (float)RANGE, floor_of_sound = largest(sound) * FLOOR;
    int n = 0;
    for (size_t i = 0; i < (size_t)image->n_mels; i++)
        for (int t = 0; t < image->width; t++) {
            float want = image->amplitudes[i * (size_t)image->width + (size_t)t];
            if (want < least || want == 0 || t + shift < 0 || t + shift >= sound->width)
                continue;
            float got = sound->amplitudes[i * (size_t)sound->width + (size_t)(t + shift)];
            d[n++] = 20 * log10((double)fmaxf(got, floor_of_sound) / want);
        }
    return n;
}

tb_status quality_compare(const quality_bands *image, const quality_bands *sound,
                          quality_distance *distance, tb_error *err)
{
    *distance = (quality_distance){.db = INFINITY};
    if (image->n_mels != sound->n_mels || abs(image->width - sound->width) > 1)
        return tb_fail(err, TIMBRE_BAD_INPUT, "an image of %d x %d and a sound of %d x %d",
                       image->width, image->n_mels, sound->width, sound->n_mels);
    double *d = malloc(sizeof *d * (size_t)image->n_mels * (size_t)image->width);
    if (d == NULL || !(largest(sound) > 0)) {
        free(d);
        return tb_fail(err, TIMBRE_BAD_INPUT, "nothing to compare");
    }
    for (int shift = -1; shift <= 1; shift++) {
        int n = fill_differences(image, sound, shift, d);
        qsort(d, (size_t)n, sizeof *d, by_value);
        double gain_db = n > 0 ? d[n / 2] : 0, sum = 0;
        for (int i = 0; i < n; i++)
            sum += fabs(d[i] - gain_db);
        if (n > 0 && sum / n < distance->db)
            *distance = (quality_distance){sum / n, gain_db, shift, n};
    }
    free(d);
    return TIMBRE_OK;
}
