/*
 * The procedural layers: the level, the loop and the colour that a mix relies on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/limits.h"
#include "engine/sketch/texture.h"

static float *make(tb_texture texture, uint64_t seed, bool loop, int64_t n_frames)
{
    float *pcm = calloc((size_t)n_frames, 2 * sizeof *pcm);
    assert_non_null(pcm);
    assert_int_equal(tb_texture_add(texture, seed, 1, loop, pcm, n_frames, NULL, NULL), TIMBRE_OK);
    return pcm;
}

/* Mean product of two strided series. */
static double product(const float *a, const float *b, int64_t n, int stride)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i * stride] * b[i * stride];
    return sum / (double)n;
}

static double rms_db(const float *pcm, int64_t n_frames)
{
    return 10 * log10(product(pcm, pcm, 2 * n_frames, 1));
}

static double correlation(const float *a, const float *b, int64_t n, int stride)
{
    return product(a, b, n, stride) / sqrt(product(a, a, n, stride) * product(b, b, n, stride));
}

/* Wind and waves come and go: they get a longer measure than rain. */
static void natural_level_is_minus_30_dbfs(void **state)
{
    (void)state;
    static const double seconds[2] = {3, 20};
    for (tb_texture t = 0; t < TB_TEXTURE_COUNT; t++) {
        bool moves = t == TB_TEXTURE_WIND || t == TB_TEXTURE_WAVES;
        for (int k = 0; k < 2; k++) {
            double tolerance = moves && k == 0 ? 3.5 : 2;
            for (uint64_t seed = 0; seed < 6; seed++) {
                int64_t n_frames = (int64_t)(seconds[k] * TB_SAMPLE_RATE_HZ);
                float *pcm = make(t, seed, seed % 2, n_frames);
                double level = rms_db(pcm, n_frames);
                if (fabs(level + 30) > tolerance)
                    fail_msg("%s, seed %d, %.0f s: %.2f dBFS", tb_texture_name(t), (int)seed,
                             seconds[k], level);
                free(pcm);
            }
        }
    }
}

static void it_neither_clips_nor_has_dc_and_is_wide(void **state)
{
    (void)state;
    int64_t n_frames = 30 * TB_SAMPLE_RATE_HZ;
    for (tb_texture t = 0; t < TB_TEXTURE_COUNT; t++) {
        float *pcm = make(t, 5, false, n_frames);
        double sum = 0;
        float peak = 0;
        for (int64_t i = 0; i < 2 * n_frames; i++) {
            assert_true(isfinite(pcm[i]));
            sum += pcm[i];
            peak = fmaxf(peak, fabsf(pcm[i]));
        }
        assert_true(peak < 0.7f);
        assert_true(fabs(sum / (double)(2 * n_frames)) < 1e-4);
        assert_true(fabs(correlation(pcm, pcm + 1, n_frames, 2)) < 0.5);
        free(pcm);
    }
}

static void gain_adds_and_seed_decides(void **state)
{
    (void)state;
    int64_t n_frames = 2 * TB_SAMPLE_RATE_HZ;
    for (tb_texture t = 0; t < TB_TEXTURE_COUNT; t++) {
        float *once = make(t, 1, false, n_frames), *again = make(t, 1, false, n_frames);
        float *other = make(t, 2, false, n_frames);
        assert_memory_equal(once, again, sizeof *once * 2 * (size_t)n_frames);
        assert_true(fabs(correlation(once, other, 2 * n_frames, 1)) < 0.2);
        assert_int_equal(tb_texture_add(t, 1, -1, false, again, n_frames, NULL, NULL), TIMBRE_OK);
        for (int64_t i = 0; i < 2 * n_frames; i++)
            assert_true(fabsf(again[i]) < 1e-6f);
        free(once);
        free(again);
        free(other);
    }
}

/* Asking for a longer take does not change its beginning. */
static void a_frame_does_not_depend_on_the_length(void **state)
{
    (void)state;
    for (tb_texture t = 0; t < TB_TEXTURE_COUNT; t++) {
        float *a = make(t, 9, false, 70001), *b = make(t, 9, false, 141414);
        assert_memory_equal(a, b, sizeof *a * 2 * 70001);
        free(a);
        free(b);
    }
}

/* Largest |x[i] - x[i-1]| and |x[i] - 2 x[i-1] + x[i-2]| over the frames around `at`, wrapping. */
static void steps_around(const float *pcm, int64_t n_frames, int64_t at, int radius, double *slope,
                         double *bend)
{
    *slope = *bend = 0;
    for (int64_t i = at - radius; i <= at + radius; i++) {
        for (int c = 0; c < 2; c++) {
            double x[3];
            for (int k = 0; k < 3; k++)
                x[k] = pcm[2 * ((i - k + n_frames) % n_frames) + c];
            *slope = fmax(*slope, fabs(x[0] - x[1]));
            *bend = fmax(*bend, fabs(x[0] - 2 * x[1] + x[2]));
        }
    }
}

/* The seam of a loop must not stand out: its steps are within what other places have. */
static void the_seam_of_a_loop_is_like_any_other_place(void **state)
{
    (void)state;
    static const int64_t lengths[] = {44100, 52920, 100000, 441001};
    for (tb_texture t = 0; t < TB_TEXTURE_COUNT; t++) {
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
            int64_t n = lengths[k];
            float *pcm = make(t, 3, true, n);
            double slope, bend, most_slope = 0, most_bend = 0;
            for (int64_t at = 1000; at < n - 1000; at += 500) {
                steps_around(pcm, n, at, 2, &slope, &bend);
                most_slope = fmax(most_slope, slope);
                most_bend = fmax(most_bend, bend);
            }
            steps_around(pcm, n, 0, 2, &slope, &bend);
            if (slope > most_slope || bend > most_bend)
                fail_msg("%s, %lld frames: step %.5f of %.5f, bend %.5f of %.5f",
                         tb_texture_name(t), (long long)n, slope, most_slope, bend, most_bend);
            free(pcm);
        }
    }
}

/* Zero crossings per second: rain hisses, wind and waves are dark. */
static double crossings_hz(const float *pcm, int64_t n_frames)
{
    int64_t n = 0;
    for (int64_t i = 1; i < n_frames; i++)
        n += (pcm[2 * i] < 0) != (pcm[2 * i - 2] < 0);
    return (double)n * TB_SAMPLE_RATE_HZ / (double)n_frames;
}

/* Fourth moment over squared power: 3 for Gaussian noise, large for sparse clicks. */
static double kurtosis(const float *pcm, int64_t n_frames)
{
    double square = 0, fourth = 0;
    for (int64_t i = 1; i < n_frames; i++) {
        double x = pcm[2 * i] - pcm[2 * i - 2]; /* the difference drops the rumble */
        square += x * x;
        fourth += x * x * x * x;
    }
    return fourth * (double)n_frames / (square * square);
}

static void each_has_its_own_colour(void **state)
{
    (void)state;
    int64_t n_frames = 10 * TB_SAMPLE_RATE_HZ;
    double crossings[TB_TEXTURE_COUNT], peaks[TB_TEXTURE_COUNT];
    for (tb_texture t = 0; t < TB_TEXTURE_COUNT; t++) {
        float *pcm = make(t, 4, false, n_frames);
        crossings[t] = crossings_hz(pcm, n_frames);
        peaks[t] = kurtosis(pcm, n_frames);
        free(pcm);
    }
    assert_true(crossings[TB_TEXTURE_RAIN] > 2 * crossings[TB_TEXTURE_WIND]);
    assert_true(peaks[TB_TEXTURE_VINYL] > 20);
    assert_true(peaks[TB_TEXTURE_RAIN] > 6);
    assert_true(peaks[TB_TEXTURE_WIND] < 6);
}

static void cancel_stops_it(void **state)
{
    (void)state;
    int64_t n_frames = TB_SKETCH_MAX_SECONDS * (int64_t)TB_SAMPLE_RATE_HZ;
    float *pcm = calloc((size_t)n_frames, 2 * sizeof *pcm);
    assert_non_null(pcm);
    timbre_cancel cancel = {0};
    tb_progress progress = {.cancel = &cancel};
    timbre_cancel_request(&cancel);
    double start_s = tb_clock_cpu_seconds();
    assert_int_equal(tb_texture_add(TB_TEXTURE_RAIN, 1, 1, false, pcm, n_frames, &progress, NULL),
                     TIMBRE_CANCELLED);
    assert_true(tb_clock_cpu_seconds() - start_s < 0.1);
    free(pcm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(natural_level_is_minus_30_dbfs),
        cmocka_unit_test(it_neither_clips_nor_has_dc_and_is_wide),
        cmocka_unit_test(gain_adds_and_seed_decides),
        cmocka_unit_test(a_frame_does_not_depend_on_the_length),
        cmocka_unit_test(the_seam_of_a_loop_is_like_any_other_place),
        cmocka_unit_test(each_has_its_own_colour),
        cmocka_unit_test(cancel_stops_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
