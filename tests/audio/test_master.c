/*
 * Levels: whatever comes in, what goes out has the asked loudness and never a peak above the
 * ceiling, as an independent meter (libebur128) sees it after rounding to 16 bits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ebur128.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/audio/master.h"
#include "engine/base/limits.h"
#include "engine/base/random.h"

static const tb_master_options plain = {.target_lufs = -16, .ceiling_dbtp = -1};
static const tb_master_options as_loop = {.target_lufs = -16, .ceiling_dbtp = -1, .loop = true};

/* A signal: value in [-1, 1] of frame i, channel c. */
typedef double (*source)(int64_t i, int c);

static double noise_at(int64_t i, int c)
{
    return (double)(int64_t)tb_random_at(7 + (uint64_t)c, (uint64_t)i) * 0x1p-63;
}

static double tone_at(int64_t i, double hz)
{
    return sin(6.283185307179586 * hz * (double)i / TB_SAMPLE_RATE_HZ);
}

static double quiet_chord(int64_t i, int c)
{
    return 0.01 * (tone_at(i, 220) + tone_at(i, 277.2 + c) + tone_at(i, 329.6));
}

/* A hard drum every half second over almost nothing. */
static double sparse_drums(int64_t i, int c)
{
    int64_t at = i % (TB_SAMPLE_RATE_HZ / 2);
    return 0.9 * exp(-(double)at / 1500) * noise_at(i, c) + 0.002 * tone_at(i, 200);
}

/* Ten seconds quiet, ten seconds loud. */
static double swings(int64_t i, int c)
{
    return (i / (10 * TB_SAMPLE_RATE_HZ) % 2 ? 0.7 : 0.02) * noise_at(i, c);
}

/* A quarter of the sample rate at 45 degrees: the peaks lie between the samples. */
static double between_samples(int64_t i, int c)
{
    static const double period[4] = {1, 1, -1, -1};
    return 0.1 * period[i % 4] * (i / 4410 % 3 == 0 ? 1 : 0.1) + 0 * c;
}

static double hot_square(int64_t i, int c)
{
    return (i / 50 + c) % 2 ? 3.0 : -3.0;
}

/* Square waves of full scale that are there a sixteenth of the time. */
static double pulses(int64_t i, int c)
{
    return i / 1000 % 16 == 0 ? hot_square(i, c) : 0.01 * noise_at(i, c);
}

/* Five milliseconds, four times a second, 20 dB above the rest. */
static double bursts(int64_t i, int c)
{
    return (i % 11025 < 220 ? 1 : 0.1) * noise_at(i, c);
}

static const struct {
    const char *name;
    source fn;
} sources[] = {
    {"noise", noise_at},
    {"quiet chord", quiet_chord},
    {"sparse drums", sparse_drums},
    {"swings", swings},
    {"between samples", between_samples},
    {"hot square", hot_square},
    {"pulses", pulses},
    {"bursts", bursts},
};

enum { N_SOURCES = sizeof sources / sizeof *sources };

static float *make(source fn, int64_t n_frames)
{
    float *pcm = malloc(sizeof *pcm * 2 * (size_t)n_frames);
    assert_non_null(pcm);
    for (int64_t i = 0; i < 2 * n_frames; i++)
        pcm[i] = (float)fn(i / 2, (int)(i % 2));
    return pcm;
}

/* What a listener's meter reads on the 16-bit file, played `times` over. */
static void meter(const float *pcm, int64_t n_frames, int times, double *lufs, double *dbtp)
{
    int16_t *pcm16 = malloc(sizeof *pcm16 * 2 * (size_t)n_frames);
    assert_non_null(pcm16);
    tb_pcm_to_int16(pcm, 2 * n_frames, pcm16);
    ebur128_state *state = ebur128_init(2, TB_SAMPLE_RATE_HZ,
                                        EBUR128_MODE_I | EBUR128_MODE_TRUE_PEAK);
    assert_non_null(state);
    for (int i = 0; i < times; i++)
        assert_int_equal(ebur128_add_frames_short(state, pcm16, (size_t)n_frames), 0);
    double left, right;
    assert_int_equal(ebur128_loudness_global(state, lufs), 0);
    assert_int_equal(ebur128_true_peak(state, 0, &left), 0);
    assert_int_equal(ebur128_true_peak(state, 1, &right), 0);
    *dbtp = 20 * log10(fmax(left, right));
    ebur128_destroy(&state);
    free(pcm16);
}

static void master(float *pcm, int64_t n_frames, const tb_master_options *options,
                   tb_master_report *report)
{
    tb_error err = {0};
    if (tb_master_run(pcm, n_frames, options, NULL, report, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
}

static void loudness_and_peak_hold_for_all_kinds_of_sound(void **state)
{
    (void)state;
    static const double seconds[] = {1, 5, 23};
    for (int s = 0; s < N_SOURCES; s++) {
        for (int k = 0; k < 6; k++) {
            int64_t n_frames = (int64_t)(seconds[k / 2] * TB_SAMPLE_RATE_HZ);
            float *pcm = make(sources[s].fn, n_frames);
            tb_master_report report;
            master(pcm, n_frames, k % 2 ? &as_loop : &plain, &report);
            double lufs, dbtp;
            meter(pcm, n_frames, 1, &lufs, &dbtp);
            if (fabs(lufs + 16) > 1 || dbtp > -1)
                fail_msg("%s, %.0f s, loop %d: %.2f LUFS, %.3f dBTP", sources[s].name,
                         seconds[k / 2], k % 2, lufs, dbtp);
            assert_true(fabs(lufs - report.output_lufs) < 0.05);
            assert_true(fabs(dbtp - report.output_dbtp) < 0.05);
            free(pcm);
        }
    }
}

static void gain_is_rounded_to_hundredths(void **state)
{
    (void)state;
    float *pcm = make(quiet_chord, TB_SAMPLE_RATE_HZ);
    tb_master_report report;
    master(pcm, TB_SAMPLE_RATE_HZ, &plain, &report);
    assert_true(fabs(report.gain_db * 100 - round(report.gain_db * 100)) < 1e-9);
    assert_true(fabs(report.gain_db - (report.output_lufs - report.input_lufs)) < 0.02);
    free(pcm);
}

/* Shorter than a block of BS.1770: levelled by RMS rather than refused. */
static void a_tenth_of_a_second_is_levelled(void **state)
{
    (void)state;
    int64_t n_frames = TB_SAMPLE_RATE_HZ / 10;
    float *pcm = make(noise_at, n_frames);
    tb_master_report report;
    master(pcm, n_frames, &plain, &report);
    double square_sum = 0;
    for (int64_t i = 0; i < 2 * n_frames; i++)
        square_sum += (double)pcm[i] * pcm[i];
    double rms_db = 10 * log10(square_sum / (double)n_frames) - 0.691;
    assert_true(fabs(rms_db + 16) < 1);
    assert_true(report.output_dbtp <= -1);
    free(pcm);
}

static void a_loop_has_no_seam_in_gain_or_peak(void **state)
{
    (void)state;
    /* 900 ms whose loudest pulse straddles the seam: it must be limited before the end as after */
    int64_t n_frames = 40000;
    float *pcm = make(quiet_chord, n_frames);
    for (int64_t i = 0; i < 2 * n_frames; i++) {
        int64_t distance = i / 2 < n_frames / 2 ? i / 2 : n_frames - i / 2;
        pcm[i] = 0.05f * (float)noise_at(i / 2, (int)(i % 2)) +
                 (distance < 300 ? 2.0f * (i / 80 % 2 ? 1 : -1) : 0.0f);
    }
    float *input = malloc(sizeof *input * 2 * (size_t)n_frames);
    assert_non_null(input);
    memcpy(input, pcm, sizeof *input * 2 * (size_t)n_frames);
    tb_master_report report;
    master(pcm, n_frames, &as_loop, &report);
    double first = pcm[0] / input[0], last = pcm[2 * n_frames - 1] / input[2 * n_frames - 1];
    assert_true(fabs(first / last - 1) < 0.01);
    double second = pcm[2] / input[2], before = pcm[2 * n_frames - 3] / input[2 * n_frames - 3];
    assert_true(fabs(second / before - 1) < 0.03);
    double lufs, dbtp;
    meter(pcm, n_frames, 4, &lufs, &dbtp);
    assert_true(dbtp <= -1);
    free(input);
    free(pcm);
}

/* The limiter turns the level, it does not clip: the gain moves by little from frame to frame. */
static void limiting_is_smooth(void **state)
{
    (void)state;
    int64_t n_frames = 2 * TB_SAMPLE_RATE_HZ;
    float *pcm = make(bursts, n_frames), *input = make(bursts, n_frames);
    tb_master_report report;
    master(pcm, n_frames, &plain, &report);
    double last = 0, most = 0, lowest = INFINITY, highest = 0;
    for (int64_t i = 0; i < n_frames; i++) {
        if (fabsf(input[2 * i]) < 1e-4f)
            continue;
        double gain = pcm[2 * i] / input[2 * i];
        if (last != 0)
            most = fmax(most, fabs(20 * log10(gain / last)));
        lowest = fmin(lowest, gain);
        highest = fmax(highest, gain);
        last = gain;
    }
    assert_true(20 * log10(highest / lowest) > 6); /* it had work to do */
    assert_true(most < 0.3);
    free(input);
    free(pcm);
}

static void a_fade_ends_at_silence_and_keeps_the_loudness(void **state)
{
    (void)state;
    int64_t n_frames = 4 * TB_SAMPLE_RATE_HZ;
    tb_master_options options = plain;
    options.fade_out_s = 2;
    float *pcm = make(noise_at, n_frames);
    tb_master_report report;
    master(pcm, n_frames, &options, &report);
    assert_true(pcm[2 * n_frames - 2] == 0 && pcm[2 * n_frames - 1] == 0);
    double lufs, dbtp;
    meter(pcm, n_frames, 1, &lufs, &dbtp);
    assert_true(fabs(lufs + 16) < 1);
    options.loop = true; /* a loop has no end to fade */
    float *loop = make(noise_at, n_frames);
    master(loop, n_frames, &options, &report);
    assert_true(fabsf(loop[2 * n_frames - 1]) > 0.001f);
    free(loop);
    free(pcm);
}

static void silence_and_broken_numbers_are_errors(void **state)
{
    (void)state;
    static const float bad[] = {0, 1e-7f, NAN, INFINITY, -INFINITY};
    enum { N_FRAMES = 20000 };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        float *pcm = make(noise_at, N_FRAMES);
        for (int i = 0; i < 2 * N_FRAMES; i++)
            if (k < 2)
                pcm[i] = bad[k];
        pcm[12345] = bad[k];
        tb_master_report report;
        tb_error err = {0};
        assert_int_equal(tb_master_run(pcm, N_FRAMES, &plain, NULL, &report, &err), TIMBRE_FAILED);
        assert_non_null(strstr(err.message, k < 2 ? "silent" : "not finite"));
        free(pcm);
    }
}

static void cancel_stops_it(void **state)
{
    (void)state;
    timbre_cancel cancel = {0};
    timbre_cancel_request(&cancel);
    tb_progress progress = {.cancel = &cancel};
    float *pcm = make(noise_at, TB_SAMPLE_RATE_HZ);
    tb_master_report report;
    assert_int_equal(tb_master_run(pcm, TB_SAMPLE_RATE_HZ, &plain, &progress, &report, NULL),
                     TIMBRE_CANCELLED);
    free(pcm);
}

static void int16_rounds_to_even_and_saturates(void **state)
{
    (void)state;
    const float unit = 1.0f / 32768;
    const float in[] = {0,    0.5f * unit, 1.5f * unit, 2.5f * unit, -0.5f * unit, -1.5f * unit,
                        1.0f, -1.0f,       7.0f,        -7.0f};
    const int16_t want[] = {0, 0, 2, 2, 0, -2, 32767, -32768, 32767, -32768};
    int16_t got[sizeof in / sizeof *in];
    tb_pcm_to_int16(in, sizeof in / sizeof *in, got);
    assert_memory_equal(got, want, sizeof want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loudness_and_peak_hold_for_all_kinds_of_sound),
        cmocka_unit_test(gain_is_rounded_to_hundredths),
        cmocka_unit_test(a_tenth_of_a_second_is_levelled),
        cmocka_unit_test(a_loop_has_no_seam_in_gain_or_peak),
        cmocka_unit_test(limiting_is_smooth),
        cmocka_unit_test(a_fade_ends_at_silence_and_keeps_the_loudness),
        cmocka_unit_test(silence_and_broken_numbers_are_errors),
        cmocka_unit_test(cancel_stops_it),
        cmocka_unit_test(int16_rounds_to_even_and_saturates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
