/*
 * From picture to sound, against torch 1.13 and torchaudio 0.13.1 in single precision: both ways
 * from mel bands to bins, and the rounds of Griffin-Lim, each from the very start that the
 * reference had. Each bound is a promise of docs/numerics.md; the measured value is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/spectrogram/vocoder.h"
#include "tests/spectrogram/reference.h"

enum { SEED = 20261122, FRAMES = TB_BATCH_FRAMES };

static reference forward, inverse;

static int open_vectors(void **state)
{
    (void)state;
    reference_open(&forward, "spectrogram_forward");
    reference_open(&inverse, "spectrogram_inverse");
    return 0;
}

static int close_vectors(void **state)
{
    (void)state;
    reference_close(&forward);
    reference_close(&inverse);
    return 0;
}

/* Lanes of a batch from frames t .. t+n-1 of bands[n_mels][width], which repeat; 0 behind them. */
static void fill_batch(float *batch, const float *bands, int n_mels, int width, int t, int n)
{
    for (int i = 0; i < n_mels; i++)
        for (int l = 0; l < FRAMES; l++)
            batch[i * FRAMES + l] = l < n ? bands[i * width + (t + l) % width] : 0;
}

/* Magnitudes of all frames: [n_frames][mel->n_bins], owned by the caller. */
static float *invert(const tb_mel *mel, tb_mel_inverse_method method, const float *bands,
                     int n_frames)
{
    tb_mel_inverse_spec spec = {
        .method = method, .n_iter = 200, .n_frames = n_frames, .n_channels = 1, .seed = SEED};
    tb_mel_inverse *way;
    tb_error err = {0};
    assert_int_equal(tb_mel_inverse_new(mel, &spec, &way, &err), TIMBRE_OK);
    size_t n_bins = (size_t)mel->n_bins;
    float *batch = reference_alloc((size_t)mel->n_mels * FRAMES);
    float *magnitudes = reference_alloc(n_bins * FRAMES);
    float *scratch = reference_alloc(tb_mel_inverse_scratch_len(way));
    float *out = reference_alloc((size_t)n_frames * n_bins);
    for (int t = 0; t < n_frames; t += FRAMES) {
        fill_batch(batch, bands, mel->n_mels, n_frames, t, n_frames - t);
        tb_mel_inverse_run(way, 0, t, batch, magnitudes, scratch);
        for (int l = 0; l < FRAMES && t + l < n_frames; l++)
            for (size_t k = 0; k < n_bins; k++)
                out[(size_t)(t + l) * n_bins + k] = magnitudes[k * FRAMES + (size_t)l];
    }
    free(batch);
    free(magnitudes);
    free(scratch);
    tb_mel_inverse_free(way);
    return out;
}

/* Of the frames that the reference has, over the bins that some filter touches: torchaudio's
 * gradient descent leaves the others where they began. */
static double inverse_error(const tb_mel *mel, tb_mel_inverse_method method, const char *name)
{
    int bands_shape[3], frames_shape[3], shape[3];
    const float *bands = reference_floats(&forward, "mel_mono", bands_shape);
    const int32_t *which = reference_ints(&inverse, "lstsq_frames", frames_shape);
    const float *want = reference_floats(&inverse, name, shape);
    float *all = invert(mel, method, bands, bands_shape[1]);
    float *got = reference_alloc((size_t)shape[0] * (size_t)shape[1]);
    float *kept = reference_alloc((size_t)shape[0] * (size_t)shape[1]);
    assert_true(mel->n_bins <= shape[1]);
    for (int i = 0; i < frames_shape[0]; i++)
        for (int k = 0; k < shape[1]; k++) {
            if (k >= mel->n_bins || mel->filter[k] < 0)
                continue;
            size_t at = (size_t)i * (size_t)shape[1] + (size_t)k;
            got[at] = all[(size_t)which[i] * (size_t)mel->n_bins + (size_t)k];
            kept[at] = want[at];
        }
    double error = reference_l2(got, kept, (size_t)shape[0] * (size_t)shape[1]);
    free(all);
    free(got);
    free(kept);
    return error;
}

/* The reference's small bank: 20 bands over 129 bins, 24 frames; reference [129][24]. */
static double small_error(tb_mel_inverse_method method, const char *name)
{
    int bank_shape[3], shape[3];
    const float *fb = reference_floats(&inverse, "small_bank", bank_shape);
    const float *bands = reference_floats(&inverse, "small_bands", shape);
    int n_frames = shape[1];
    tb_mel mel;
    tb_error err = {0};
    assert_int_equal(tb_mel_init_matrix(&mel, fb, bank_shape[0], bank_shape[1], &err), TIMBRE_OK);
    float *all = invert(&mel, method, bands, n_frames);
    const float *want = reference_floats(&inverse, name, shape);
    size_t n = (size_t)mel.n_bins * (size_t)n_frames;
    float *got = reference_alloc(n), *kept = reference_alloc(n);
    for (int k = 0; k < mel.n_bins; k++)
        for (int t = 0; t < n_frames && mel.filter[k] >= 0; t++) {
            got[k * n_frames + t] = all[t * mel.n_bins + k];
            kept[k * n_frames + t] = want[k * n_frames + t];
        }
    double error = reference_l2(got, kept, n);
    free(all);
    free(got);
    free(kept);
    tb_mel_deinit(&mel);
    return error;
}

static void check_method(tb_mel_inverse_method method, const char *name, double bound)
{
    char small[32], what[64];
    snprintf(small, sizeof small, "small_%s", name);
    snprintf(what, sizeof what, "%s, 20 bands, relative L2", name);
    reference_at_most(what, small_error(method, small), bound);
    tb_mel mel;
    reference_mel(&mel);
    snprintf(what, sizeof what, "%s, 512 bands, relative L2", name);
    reference_at_most(what, inverse_error(&mel, method, name), bound);
    tb_mel_deinit(&mel);
}

static void lstsq_is_torchs_within_1e5(void **state)
{
    (void)state;
    check_method(TB_MEL_LSTSQ, "lstsq", 1e-5);
}

static void sgd_is_torchaudios_within_1e5(void **state)
{
    (void)state;
    check_method(TB_MEL_SGD, "sgd", 1e-5);
}

/* ---- Griffin-Lim --------------------------------------------------------------------------- */

typedef struct {
    const float *bands; /* [n_mels][width] */
    int n_mels, width;
    float *sound; /* [room] */
    int64_t n_samples, room;
} vocoding;

static tb_status give_bands(void *user, int64_t t, int n_frames, float *bands, tb_error *err)
{
    vocoding *v = user;
    (void)err;
    fill_batch(bands, v->bands, v->n_mels, v->width, (int)t, n_frames);
    return TIMBRE_OK;
}

static tb_status take_sound(void *user, const float *samples, int64_t n, tb_error *err)
{
    vocoding *v = user;
    (void)err;
    assert_true(v->n_samples + n <= v->room);
    memcpy(v->sound + v->n_samples, samples, sizeof *samples * (size_t)n);
    v->n_samples += n;
    return TIMBRE_OK;
}

/* The whole way from the reference's mel spectrogram; v->sound is owned by the caller. */
static void vocode(vocoding *v, int n_frames, int n_iter)
{
    int shape[3];
    *v = (vocoding){.bands = reference_floats(&forward, "mel_mono", shape)};
    v->n_mels = shape[0];
    v->width = shape[1];
    v->room = (int64_t)n_frames * 441;
    v->sound = reference_alloc((size_t)v->room);
    tb_mel mel;
    reference_mel(&mel);
    tb_mel_inverse_spec lstsq = {.method = TB_MEL_LSTSQ};
    tb_mel_inverse *way;
    tb_pool *pool;
    tb_error err = {0};
    assert_int_equal(tb_mel_inverse_new(&mel, &lstsq, &way, &err), TIMBRE_OK);
    assert_int_equal(tb_pool_new(2, &pool, &err), TIMBRE_OK);
    tb_vocoder_spec spec = {.n_fft = 17640,
                            .win_length = 4410,
                            .hop_length = 441,
                            .inverse = way,
                            .n_mels = mel.n_mels,
                            .n_bins = mel.n_bins,
                            .n_frames = n_frames,
                            .n_iter = n_iter,
                            .momentum = 0.99,
                            .start = TB_PHASE_RANDOM,
                            .seed = SEED};
    tb_vocoder_io io = {.read = give_bands, .write = take_sound, .user = v};
    assert_int_equal(tb_vocoder_run(&spec, reference_kernels(), pool, &io, NULL, &err), TIMBRE_OK);
    tb_pool_free(pool);
    tb_mel_inverse_free(way);
    tb_mel_deinit(&mel);
}

static void check_rounds(int n_iter)
{
    char array[32], what[64];
    int shape[3];
    snprintf(array, sizeof array, "griffin_lim_%d", n_iter);
    const float *want = reference_floats(&inverse, array, shape);
    vocoding v;
    vocode(&v, 51, n_iter);
    assert_int_equal(v.n_samples, shape[0]);
    snprintf(what, sizeof what, "Griffin-Lim, %d rounds, dB", n_iter);
    reference_at_least(what, reference_snr_db(v.sound, want, (size_t)shape[0]), 80);
    free(v.sound);
}

static void inverse_stft_has_80_db(void **state)
{
    (void)state;
    check_rounds(0);
}

static void one_griffin_lim_round_has_80_db(void **state)
{
    (void)state;
    check_rounds(1);
}

static void three_griffin_lim_rounds_have_80_db(void **state)
{
    (void)state;
    check_rounds(3);
}

/* The bands thrice: most of the batches are in the middle, where every second sample is enough. */
static void long_sound_has_80_db(void **state)
{
    (void)state;
    enum { KEPT = 7 };
    int shape[3];
    const float *want = reference_floats(&inverse, "griffin_lim_long", shape);
    vocoding v;
    vocode(&v, 3 * 51, 3);
    float *got = reference_alloc((size_t)shape[0]);
    assert_true((int64_t)(shape[0] - 1) * KEPT < v.n_samples);
    for (int i = 0; i < shape[0]; i++)
        got[i] = v.sound[i * KEPT];
    reference_at_least("Griffin-Lim, 153 frames, 3 rounds, dB",
                       reference_snr_db(got, want, (size_t)shape[0]), 80);
    free(got);
    free(v.sound);
}

static void length_is_a_hop_less_than_the_width(void **state)
{
    (void)state;
    for (int n_frames = 2; n_frames <= 51; n_frames += 7) {
        vocoding v;
        vocode(&v, n_frames, 1);
        assert_int_equal(v.n_samples, 441 * (n_frames - 1));
        free(v.sound);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lstsq_is_torchs_within_1e5),
        cmocka_unit_test(sgd_is_torchaudios_within_1e5),
        cmocka_unit_test(inverse_stft_has_80_db),
        cmocka_unit_test(one_griffin_lim_round_has_80_db),
        cmocka_unit_test(three_griffin_lim_rounds_have_80_db),
        cmocka_unit_test(long_sound_has_80_db),
        cmocka_unit_test(length_is_a_hop_less_than_the_width),
    };
    return cmocka_run_group_tests(tests, open_vectors, close_vectors);
}
