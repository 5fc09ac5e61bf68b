#include "tests/spectrogram/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/spectrogram/analyzer.h"

enum { FILE_MAX_BYTES = 1 << 21 };

typedef struct {
    char name[32];
    uint32_t type, offset, shape[3], none;
} entry;

static const struct {
    char type;
    size_t size;
} types[] = {{'f', 4}, {'h', 2}, {'i', 4}, {'B', 1}};

static char *read_vectors(const char *name, const char *ending, size_t *len_bytes)
{
    const char *folder = getenv("TIMBRE_TESTS_DIR");
    assert_non_null(folder);
    char path[4096];
    snprintf(path, sizeof path, "%s/vectors/%s.%s", folder, name, ending);
    char *bytes = NULL;
    tb_error err = {0};
    assert_int_equal(tb_file_read(path, FILE_MAX_BYTES, &bytes, len_bytes, &err), TIMBRE_OK);
    return bytes;
}

void reference_open(reference *file, const char *name)
{
    file->bytes = read_vectors(name, "bin", &file->len_bytes);
    size_t len_json;
    char *json = read_vectors(name, "json", &len_json);
    char hex[TB_SHA256_HEX_BYTES];
    assert_int_equal(tb_sha256_bytes(file->bytes, file->len_bytes, hex, NULL), TIMBRE_OK);
    assert_non_null(strstr(json, hex));
    free(json);
}

void reference_close(reference *file)
{
    free(file->bytes);
    *file = (reference){0};
}

static const void *find(const reference *file, const char *name, char type, int shape[3])
{
    uint32_t count;
    memcpy(&count, file->bytes + 8, sizeof count);
    for (uint32_t i = 0; i < count; i++) {
        entry e;
        memcpy(&e, file->bytes + 16 + i * sizeof e, sizeof e);
        if (strcmp(e.name, name) != 0)
            continue;
        assert_int_equal(e.type, type);
        size_t size = 0;
        for (size_t k = 0; k < sizeof types / sizeof *types; k++)
            if (types[k].type == type)
                size = types[k].size;
        assert_true(e.offset + size * e.shape[0] * e.shape[1] * e.shape[2] <= file->len_bytes);
        for (int k = 0; k < 3 && shape != NULL; k++)
            shape[k] = (int)e.shape[k];
        return file->bytes + e.offset;
    }
    fail_msg("no array '%s' in the reference values", name);
    return NULL;
}

const float *reference_floats(const reference *file, const char *name, int shape[3])
{
    return find(file, name, 'f', shape);
}

const int16_t *reference_shorts(const reference *file, const char *name, int shape[3])
{
    return find(file, name, 'h', shape);
}

const int32_t *reference_ints(const reference *file, const char *name, int shape[3])
{
    return find(file, name, 'i', shape);
}

const uint8_t *reference_bytes(const reference *file, const char *name, int shape[3])
{
    return find(file, name, 'B', shape);
}

float *reference_alloc(size_t n_floats)
{
    size_t n_bytes = (sizeof(float) * n_floats + 63) / 64 * 64;
    float *data = aligned_alloc(64, n_bytes);
    assert_non_null(data);
    memset(data, 0, n_bytes);
    return data;
}

double reference_l2(const float *got, const float *want, size_t n)
{
    double noise = 0, signal = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)got[i] - want[i];
        noise += d * d;
        signal += (double)want[i] * want[i];
    }
    assert_true(signal > 0);
    return sqrt(noise / signal);
}

double reference_snr_db(const float *got, const float *want, size_t n)
{
    return -20 * log10(reference_l2(got, want, n));
}

void reference_at_most(const char *what, double measured, double bound)
{
    printf("# %s: %.3g (at most %g)\n", what, measured, bound);
    if (!(measured <= bound))
        fail_msg("%s: %g exceeds %g", what, measured, bound);
}

void reference_at_least(const char *what, double measured, double bound)
{
    printf("# %s: %.6g (at least %g)\n", what, measured, bound);
    if (!(measured >= bound))
        fail_msg("%s: %g is below %g", what, measured, bound);
}

float *reference_sound(int n_channels, int *n_samples)
{
    reference file;
    reference_open(&file, "spectrogram_sound");
    int shape[3];
    const int16_t *stereo = reference_shorts(&file, "stereo", shape);
    int n = *n_samples = shape[1];
    float *sound = reference_alloc((size_t)n * (size_t)n_channels);
    for (int i = 0; i < n; i++) {
        int left = stereo[i], right = stereo[n + i];
        if (n_channels == 1) {
            sound[i] = (float)((left + right) >> 1);
        } else {
            sound[2 * i] = (float)left;
            sound[2 * i + 1] = (float)right;
        }
    }
    reference_close(&file);
    return sound;
}

typedef struct {
    const float *sound;
    int n_samples, n_channels, n_mels, n_frames, at;
    float *bands; /* [n_channels][n_mels][n_frames] */
} analysis;

static tb_status give_sound(void *user, float *out, int64_t n, int64_t *n_read, tb_error *err)
{
    analysis *a = user;
    (void)err;
    int64_t left = a->n_samples - a->at;
    *n_read = n < left ? n : left;
    size_t width = (size_t)a->n_channels;
    memcpy(out, a->sound + (size_t)a->at * width, sizeof *out * (size_t)*n_read * width);
    a->at += (int)*n_read;
    return TIMBRE_OK;
}

static tb_status take_bands(void *user, int channel, int64_t t, int n_frames, const float *bands,
                            tb_error *err)
{
    analysis *a = user;
    (void)err;
    assert_true(t + n_frames <= a->n_frames);
    for (int i = 0; i < a->n_mels; i++)
        for (int l = 0; l < n_frames; l++)
            a->bands[((size_t)channel * (size_t)a->n_mels + (size_t)i) * (size_t)a->n_frames +
                     (size_t)t + (size_t)l] = bands[i * TB_BATCH_FRAMES + l];
    return TIMBRE_OK;
}

float *reference_analyze(const tb_spectrogram_lengths *lengths, const tb_mel *mel,
                         const float *sound, int n_samples, int n_channels, int *n_frames)
{
    int n = *n_frames = 1 + n_samples / lengths->hop_length;
    analysis a = {.sound = sound,
                  .n_samples = n_samples,
                  .n_channels = n_channels,
                  .n_mels = mel->n_mels,
                  .n_frames = n};
    a.bands = reference_alloc((size_t)n_channels * (size_t)mel->n_mels * (size_t)n);
    tb_analyzer_spec spec = {.n_fft = lengths->n_fft,
                             .win_length = lengths->win_length,
                             .hop_length = lengths->hop_length,
                             .mel = mel,
                             .n_channels = n_channels};
    tb_analyzer_io io = {.read = give_sound, .write = take_bands, .user = &a};
    tb_pool *pool = NULL;
    int64_t n_done = 0;
    tb_error err = {0};
    assert_int_equal(tb_pool_new(2, &pool, &err), TIMBRE_OK);
    assert_int_equal(tb_analyzer_run(&spec, reference_kernels(), pool, &io, NULL, &n_done, &err),
                     TIMBRE_OK);
    assert_int_equal(n_done, n);
    tb_pool_free(pool);
    return a.bands;
}

void reference_mel(tb_mel *mel)
{
    reference file;
    int shape[3] = {0};
    reference_open(&file, "spectrogram_banks");
    const int16_t *filter = reference_shorts(&file, "default_filter", shape);
    const float *weights = reference_floats(&file, "default_weights", NULL);
    enum { N_STFT = 8821, N_MELS = 512 };
    float *fb = reference_alloc((size_t)N_STFT * N_MELS);
    for (int k = 0; k < shape[0]; k++)
        for (int w = 0; w < 2 && filter[k] >= 0 && filter[k] + w < N_MELS; w++)
            fb[(size_t)k * N_MELS + (size_t)(filter[k] + w)] = weights[2 * k + w];
    tb_error err = {0};
    assert_int_equal(tb_mel_init_matrix(mel, fb, N_STFT, N_MELS, &err), TIMBRE_OK);
    free(fb);
    reference_close(&file);
}

const tb_kernels *reference_kernels(void)
{
    const tb_kernels *kernels = NULL;
    tb_error err = {0};
    assert_int_equal(tb_kernels_choose(getenv("TIMBRE_CPU"), &kernels, &err), TIMBRE_OK);
    return kernels;
}
