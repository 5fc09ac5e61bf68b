#include "engine/pipeline/sound_picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/audio/source.h"
#include "engine/spectrogram/analyzer.h"
#include "engine/spectrogram/pixels.h"

enum { SKIP_FRAMES = 16384 };

typedef struct {
    const tb_sound_picture *spec;
    /* n frames of one channel, in units of 16-bit samples; fewer only at the end */
    tb_status (*read)(void *user, float *out, int64_t n, int64_t *n_read, tb_error *err);
    void *user;
    int64_t n_left; /* frames that the picture takes */
    int n_loud;     /* columns that count for the loudest */
    float max;
    float *amplitudes; /* [num_frequencies][n_columns], row 0 the highest band */
} drawing;

/* Behind the sound stands silence, as far as the picture goes. */
static tb_status read_sound(void *user, float *out, int64_t n, int64_t *n_read, tb_error *err)
{
    drawing *d = user;
    int64_t n_wanted = n < d->n_left ? n : d->n_left, n_got = 0;
    tb_status st = d->read(d->user, out, n_wanted, &n_got, err);
    for (int64_t i = n_got; st == TIMBRE_OK && i < n_wanted; i++)
        out[i] = 0;
    d->n_left -= n_wanted;
    *n_read = n_wanted;
    return st;
}

static tb_status write_bands(void *user, int channel, int64_t t, int n_frames, const float *bands,
                             tb_error *err)
{
    drawing *d = user;
    int n_bands = d->spec->params->num_frequencies, n_columns = d->spec->n_columns;
    for (int band = 0; band < n_bands; band++)
        for (int i = 0; i < n_frames && t + i < n_columns; i++) {
            float a = bands[(size_t)band * TB_BATCH_FRAMES + (size_t)i];
            d->amplitudes[(size_t)(n_bands - 1 - band) * (size_t)n_columns + (size_t)(t + i)] = a;
            if (t + i < d->n_loud)
                d->max = fmaxf(d->max, a);
        }
    return TIMBRE_OK;
}

/* What is louder than the loudest that counts is as dark as that. */
static void paint(drawing *d, tb_raster *out)
{
    size_t n = (size_t)out->width;
    for (int y = 0; y < out->height; y++) {
        float *row = d->amplitudes + (size_t)y * n;
        for (size_t x = 0; x < n; x++)
            row[x] = fminf(row[x], d->max);
        tb_pixels_from_amplitudes(row, out->width, d->max, (float)d->spec->params->power_for_image,
                                  out->pixels + (size_t)y * n);
    }
}

static tb_status analyze(drawing *d, tb_error *err)
{
    const timbre_spectrogram_params *params = d->spec->params;
    tb_spectrogram_lengths lengths = tb_spectrogram_get_lengths(params);
    tb_mel_spec mel_spec = tb_spectrogram_mel_spec(params);
    tb_mel mel = {0};
    int64_t n_frames = 0;
    int64_t n_loud = d->spec->n_frames / lengths.hop_length + 1;
    d->n_loud = n_loud < d->spec->n_columns ? (int)n_loud : d->spec->n_columns;
    d->n_left = (int64_t)lengths.hop_length * (d->spec->n_columns - 1);
    tb_status st = tb_mel_init(&mel, &mel_spec, err);
    tb_analyzer_spec spec = {.n_fft = lengths.n_fft,
                             .win_length = lengths.win_length,
                             .hop_length = lengths.hop_length,
                             .mel = &mel,
                             .n_channels = 1};
    tb_analyzer_io io = {.read = read_sound, .write = write_bands, .user = d};
    if (st == TIMBRE_OK)
        st = tb_analyzer_run(&spec, d->spec->kernels, d->spec->pool, &io, d->spec->progress,
                             &n_frames, err);
    tb_mel_deinit(&mel);
    return st;
}

static tb_status draw(drawing *d, tb_raster *out, tb_error *err)
{
    int height = d->spec->params->num_frequencies, width = d->spec->n_columns;
    tb_status st = tb_raster_new(width, height, 1, out, err);
    d->amplitudes = st == TIMBRE_OK ? malloc((size_t)height * (size_t)width * sizeof *d->amplitudes)
                                    : NULL;
    if (st == TIMBRE_OK && d->amplitudes == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a spectrogram of %d columns", width);
    if (st == TIMBRE_OK)
        st = analyze(d, err);
    if (st == TIMBRE_OK && !(d->max > 0))
        st = tb_fail(err, TIMBRE_BAD_INPUT, "there is nothing but silence to begin with");
    if (st == TIMBRE_OK)
        paint(d, out);
    free(d->amplitudes);
    if (st != TIMBRE_OK)
        tb_raster_deinit(out);
    return st;
}

static tb_status read_file(void *user, float *out, int64_t n, int64_t *n_read, tb_error *err)
{
    return tb_source_read(user, out, n, n_read, err);
}

static tb_status skip(tb_source *source, int64_t n, tb_error *err)
{
    float *scrap = malloc(SKIP_FRAMES * sizeof *scrap);
    tb_status st = scrap != NULL ? TIMBRE_OK
                                 : tb_fail(err, TIMBRE_NO_MEMORY, "no memory to read a sound");
    while (st == TIMBRE_OK && n > 0) {
        int64_t n_read = 0, n_wanted = n < SKIP_FRAMES ? n : SKIP_FRAMES;
        st = tb_source_read(source, scrap, n_wanted, &n_read, err);
        n -= n_read;
        if (st == TIMBRE_OK && n_read < n_wanted)
            st = tb_fail(err, TIMBRE_BAD_INPUT, "the sound ends before that");
    }
    free(scrap);
    return st;
}

tb_status tb_sound_picture_read(const tb_sound_picture *spec, const char *path, int64_t start,
                                tb_raster *out, tb_error *err)
{
    *out = (tb_raster){0};
    tb_source *source = NULL;
    tb_source_spec wanted = {.n_channels = 1, .rate_hz = spec->params->sample_rate_hz};
    tb_status st = tb_source_open(path, &wanted, &source, err);
    if (st == TIMBRE_OK)
        st = skip(source, start, err);
    drawing d = {.spec = spec, .read = read_file, .user = source};
    if (st == TIMBRE_OK)
        st = draw(&d, out, err);
    tb_source_close(source);
    return st;
}

typedef struct {
    const int16_t *pcm;
    int64_t n, at;
    int n_channels;
} memory_sound;

/* Two channels become one as in tb_channels_convert: rounded down. */
static tb_status read_memory(void *user, float *out, int64_t n, int64_t *n_read, tb_error *err)
{
    memory_sound *m = user;
    int64_t n_left = m->n - m->at;
    *n_read = n < n_left ? n : n_left;
    for (int64_t i = 0; i < *n_read; i++, m->at++) {
        const int16_t *frame = m->pcm + m->at * m->n_channels;
        out[i] = m->n_channels == 1 ? frame[0] : floorf(0.5F * frame[0] + 0.5F * frame[1]);
    }
    return TIMBRE_OK;
}

tb_status tb_sound_picture_draw(const tb_sound_picture *spec, const int16_t *pcm, int64_t n,
                                int n_channels, tb_raster *out, tb_error *err)
{
    *out = (tb_raster){0};
    memory_sound m = {.pcm = pcm, .n = n, .n_channels = n_channels};
    drawing d = {.spec = spec, .read = read_memory, .user = &m};
    return draw(&d, out, err);
}
