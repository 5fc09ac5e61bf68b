/* The first byte chooses lengths and channels, the others are an audio file: read as a source,
 * analysed, made pixels. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/audio/audio_file.h"
#include "engine/audio/source.h"
#include "engine/spectrogram/analyzer.h"
#include "engine/spectrogram/pixels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_MELS = 24, MAX_FRAMES = 1 << 13 }; /* more sound only takes longer */

typedef struct {
    int n_fft, win_length, hop_length, n_channels, rate_hz;
} layout;

static const layout layouts[] = {
    {256, 128, 64, 1, 0}, {255, 101, 32, 2, 8000}, {1024, 256, 700, 1, 44100},
    {48, 48, 8, 2, 0},    {510, 2, 255, 1, 1000},
};

typedef struct {
    tb_source *source;
    const layout *layout;
    int64_t n_read, n_written;
} job;

static tb_status read_sound(void *user, float *out, int64_t n, int64_t *n_read, tb_error *err)
{
    job *j = user;
    int64_t left = MAX_FRAMES - j->n_read;
    *n_read = 0;
    tb_status st = tb_source_read(j->source, out, n < left ? n : left, n_read, err);
    j->n_read += *n_read;
    return st;
}

/* Amplitudes are numbers from 0 on; the loudest is black, silence white. */
static tb_status write_bands(void *user, int channel, int64_t t, int n_frames, const float *bands,
                             tb_error *err)
{
    enum { N = N_MELS * TB_BATCH_FRAMES };
    job *j = user;
    uint8_t pixels[N];
    float max = 0;
    for (int i = 0; i < N; i++) {
        if (!isfinite(bands[i]) || bands[i] < 0)
            abort();
        max = fmaxf(max, bands[i]);
    }
    if (max > 0)
        tb_pixels_from_amplitudes(bands, N, max, 0.25f, pixels);
    for (int i = 0; i < N && max > 0; i++)
        if ((bands[i] == max && pixels[i] != 0) || (bands[i] == 0 && pixels[i] != 255))
            abort();
    j->n_written += channel == 0 ? n_frames : 0;
    return TIMBRE_OK;
}

static tb_status analyze(job *j, const tb_mel *mel, tb_error *err)
{
    const layout *l = j->layout;
    tb_analyzer_spec spec = {l->n_fft, l->win_length, l->hop_length, mel, l->n_channels};
    tb_analyzer_io io = {read_sound, write_bands, j};
    const tb_kernels *kernels;
    int64_t n_frames = 0;
    tb_status st = tb_kernels_choose(NULL, &kernels, err);
    if (st == TIMBRE_OK)
        st = tb_analyzer_run(&spec, kernels, NULL, &io, NULL, &n_frames, err);
    int64_t wanted = 1 + (j->n_read - l->n_fft % 2) / l->hop_length;
    if (st == TIMBRE_OK && (n_frames != wanted || j->n_written != wanted))
        abort();
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    job j = {.layout = &layouts[data[0] % (sizeof layouts / sizeof *layouts)]};
    tb_source_spec wanted = {.n_channels = j.layout->n_channels, .rate_hz = j.layout->rate_hz};
    tb_source_info info;
    timbre_audio *audio;
    tb_mel mel = {0};
    timbre_error err = {0};
    tb_status st = tb_audio_open_memory(data + 1, size - 1, &audio, &err);
    if (st == TIMBRE_OK)
        st = tb_source_new(audio, &wanted, &j.source, &err);
    if (st == TIMBRE_OK) {
        tb_source_get_info(j.source, &info);
        tb_mel_spec spec = {.sample_rate_hz = info.rate_hz,
                            .n_fft = j.layout->n_fft,
                            .n_mels = N_MELS,
                            .max_hz = info.rate_hz / 2.0};
        st = tb_mel_init(&mel, &spec, &err);
    }
    if (st == TIMBRE_OK)
        st = analyze(&j, &mel, &err);
    if (st != TIMBRE_OK && err.message[0] == '\0')
        abort(); /* every refusal says why */
    tb_mel_deinit(&mel);
    tb_source_close(j.source);
    return 0;
}
