/* Any bytes as a small spectrogram image: its pixels to amplitudes, these to magnitudes with either
 * inverse, and with one round of Griffin-Lim to sound. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/spectrogram/image_file.h"
#include "engine/spectrogram/params.h"
#include "engine/spectrogram/pixels.h"
#include "engine/spectrogram/vocoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_SIDE = 48, MAX_TRANSFORM = 4096, MAX_WINDOW = 1024 }; /* more only takes longer */

#define MAX_VALUE 30e6f /* amplitude of a black pixel, as timbre_decode has it */

typedef struct {
    timbre_spectrogram_params params;
    tb_spectrogram_lengths lengths;
    int width, height;
    float *amplitudes; /* [height][width], row 0 is the lowest band */
    tb_mel mel;
    int64_t n_samples;
} job;

/* Of the image, where they are small enough. */
static void choose_params(job *j, const tb_image_info *info)
{
    timbre_spectrogram_params small = info->params;
    j->params = info->params;
    small.sample_rate_hz = 8000;
    small.step_size_ms = 4;
    small.window_duration_ms = 16;
    small.padded_duration_ms = 33;
    small.min_frequency_hz = 0;
    small.max_frequency_hz = 4000;
    tb_spectrogram_lengths lengths = tb_spectrogram_get_lengths(&j->params);
    if (!info->has_params || lengths.n_fft > MAX_TRANSFORM || lengths.win_length > MAX_WINDOW)
        j->params = small;
    j->params.num_frequencies = info->height;
    j->lengths = tb_spectrogram_get_lengths(&j->params);
    j->width = info->width;
    j->height = info->height;
}

static tb_status load(job *j, tb_image_reader *reader, tb_error *err)
{
    static float table[65536];
    uint16_t row[3 * MAX_SIDE];
    tb_pixels_table((float)j->params.power_for_image, MAX_VALUE, table);
    tb_status st = TIMBRE_OK;
    for (int y = j->height - 1; st == TIMBRE_OK && y >= 0; y--) {
        st = tb_image_read_row(reader, row, err);
        for (int x = 0; st == TIMBRE_OK && x < j->width; x++)
            j->amplitudes[y * j->width + x] = table[row[3 * x]];
    }
    return st == TIMBRE_OK ? tb_image_finish(reader, err) : st;
}

static tb_status read_bands(void *user, int64_t t, int n_frames, float *bands, tb_error *err)
{
    const job *j = user;
    (void)err;
    for (int i = 0; i < j->height; i++)
        for (int l = 0; l < TB_BATCH_FRAMES; l++)
            bands[i * TB_BATCH_FRAMES + l] = l < n_frames ? j->amplitudes[i * j->width + t + l] : 0;
    return TIMBRE_OK;
}

static tb_status write_samples(void *user, const float *samples, int64_t n, tb_error *err)
{
    job *j = user;
    (void)err;
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(samples[i]))
            abort();
    j->n_samples += n;
    return TIMBRE_OK;
}

static float *new_floats(size_t n)
{
    float *out = aligned_alloc(64, (n * sizeof *out + 63) / 64 * 64);
    if (out == NULL)
        abort();
    return out;
}

/* Every magnitude of the first frames is a number from 0 on. */
static void check_magnitudes(job *j, const tb_mel_inverse *inverse)
{
    size_t n_bands = (size_t)j->height * TB_BATCH_FRAMES;
    size_t n_magnitudes = (size_t)j->mel.n_bins * TB_BATCH_FRAMES;
    float *bands = new_floats(n_bands), *magnitudes = new_floats(n_magnitudes);
    float *scratch = new_floats(tb_mel_inverse_scratch_len(inverse));
    int n_frames = j->width < TB_BATCH_FRAMES ? j->width : TB_BATCH_FRAMES;
    (void)!read_bands(j, 0, n_frames, bands, NULL);
    tb_mel_inverse_run(inverse, 0, 0, bands, magnitudes, scratch);
    for (size_t i = 0; i < n_magnitudes; i++)
        if (!isfinite(magnitudes[i]) || magnitudes[i] < 0)
            abort();
    free(bands);
    free(magnitudes);
    free(scratch);
}

static tb_status vocode(job *j, const tb_mel_inverse *inverse, tb_error *err)
{
    const tb_vocoder_spec spec = {.n_fft = j->lengths.n_fft,
                                  .win_length = j->lengths.win_length,
                                  .hop_length = j->lengths.hop_length,
                                  .inverse = inverse,
                                  .n_mels = j->mel.n_mels,
                                  .n_bins = j->mel.n_bins,
                                  .n_frames = j->width,
                                  .n_iter = 1,
                                  .momentum = 0.99,
                                  .start = j->width % 2 ? TB_PHASE_SPSI : TB_PHASE_RANDOM};
    tb_vocoder_io io = {read_bands, write_samples, j};
    const tb_kernels *kernels;
    tb_status st = tb_kernels_choose(NULL, &kernels, err);
    if (st == TIMBRE_OK)
        st = tb_vocoder_run(&spec, kernels, NULL, &io, NULL, err);
    if (st == TIMBRE_OK && j->n_samples != (int64_t)j->lengths.hop_length * (j->width - 1))
        abort();
    return st;
}

static tb_status invert(job *j, tb_mel_inverse_method method, tb_error *err)
{
    tb_mel_inverse_spec spec = {
        .method = method, .n_iter = 3, .n_frames = j->width, .n_channels = 1};
    tb_mel_inverse *inverse = NULL;
    tb_status st = tb_mel_inverse_new(&j->mel, &spec, &inverse, err);
    if (st == TIMBRE_OK) {
        check_magnitudes(j, inverse);
        if (method == TB_MEL_LSTSQ)
            st = vocode(j, inverse, err);
    }
    tb_mel_inverse_free(inverse);
    return st;
}

static tb_status decode(job *j, tb_image_reader *reader, tb_error *err)
{
    choose_params(j, tb_image_get_info(reader));
    tb_status st = timbre_spectrogram_params_check(&j->params, err);
    if (st != TIMBRE_OK)
        return st;
    j->amplitudes = new_floats((size_t)j->width * (size_t)j->height);
    st = load(j, reader, err);
    tb_mel_spec mel = tb_spectrogram_mel_spec(&j->params);
    if (st == TIMBRE_OK)
        st = tb_mel_init(&j->mel, &mel, err);
    if (st == TIMBRE_OK)
        st = invert(j, TB_MEL_LSTSQ, err);
    if (st == TIMBRE_OK)
        st = invert(j, TB_MEL_SGD, err);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tb_image_reader *reader;
    tb_error err = {0};
    job j = {0};
    tb_status st = tb_image_open_memory(data, size, &reader, &err);
    if (st == TIMBRE_OK) {
        const tb_image_info *info = tb_image_get_info(reader);
        if (info->width >= 2 && info->width <= MAX_SIDE && info->height <= MAX_SIDE)
            st = decode(&j, reader, &err);
        tb_image_close(reader);
    }
    if (st != TIMBRE_OK && err.message[0] == '\0')
        abort(); /* every refusal says why */
    tb_mel_deinit(&j.mel);
    free(j.amplitudes);
    return 0;
}
