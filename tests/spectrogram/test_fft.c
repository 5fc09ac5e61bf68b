/*
 * Transforms of any length: against a DFT in double precision, there and back, in the plan's order
 * and in the natural one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/spectrogram/fft.h"

enum { ELEMENT = 2 * TB_LANES };

static const double two_pi = 6.28318530717958647692;

typedef struct transform {
    int n;
    tb_fft *fft;
    const tb_kernels *kernels;
    float *data, *input;
} transform;

static float *new_floats(size_t n)
{
    float *out = aligned_alloc(64, (n * sizeof *out + 63) / 64 * 64);
    assert_non_null(out);
    return out;
}

static float noise(uint64_t key, uint64_t i)
{
    return (float)((double)(int64_t)tb_random_at(key, i) * 0x1p-63);
}

static transform start(int n)
{
    transform t = {.n = n};
    tb_error err = {0};
    if (tb_fft_new(n, &t.fft, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    assert_int_equal(tb_kernels_choose(NULL, &t.kernels, &err), TIMBRE_OK);
    size_t used = (size_t)n * ELEMENT, len = tb_fft_data_len(t.fft);
    t.data = new_floats(len);
    t.input = new_floats(used);
    for (size_t i = 0; i < len; i++)
        t.data[i] = i < used ? noise((uint64_t)n, i) : NAN; /* what is behind must not matter */
    memcpy(t.input, t.data, sizeof *t.input * used);
    return t;
}

static void stop(transform *t)
{
    tb_fft_free(t->fft);
    free(t->data);
    free(t->input);
}

static double cosine(int64_t j, int64_t k, int64_t n)
{
    return cos(two_pi * (double)(j * k % n) / (double)n);
}

static double sine(int64_t j, int64_t k, int64_t n)
{
    return sin(two_pi * (double)(j * k % n) / (double)n);
}

/* One frequency of one lane in double precision. */
static void dft(const transform *t, int k, int lane, double *re, double *im)
{
    *re = *im = 0;
    for (int j = 0; j < t->n; j++) {
        const float *x = t->input + (size_t)j * ELEMENT + lane;
        double c = cosine(j, k, t->n), s = sine(j, k, t->n);
        *re += x[0] * c + x[TB_LANES] * s;
        *im += x[TB_LANES] * c - x[0] * s;
    }
}

static double tolerance(int n)
{
    return 5e-7 * fmax(1, log2(n));
}

/* n_checked frequencies (all, when there are fewer) of a lane are those of the definition. */
static void check_definition(int n, int n_checked)
{
    transform t = start(n);
    tb_fft_forward(t.fft, t.kernels, t.data);
    double error = 0, power = 0;
    for (int i = 0; i < (n < n_checked ? n : n_checked); i++) {
        int k = n <= n_checked ? i : (int)((int64_t)i * 7919 % n), lane = (i + n) % TB_LANES;
        double re, im;
        dft(&t, k, lane, &re, &im);
        const float *got = t.data + (size_t)tb_fft_position(t.fft, k) * ELEMENT + lane;
        error += (got[0] - re) * (got[0] - re) + (got[TB_LANES] - im) * (got[TB_LANES] - im);
        power += re * re + im * im;
    }
    if (!(sqrt(error / power) <= tolerance(n)))
        fail_msg("length %d: relative error %g", n, sqrt(error / power));
    stop(&t);
}

static void every_small_length_is_the_definition(void **state)
{
    (void)state;
    for (int n = 1; n <= 64; n++)
        check_definition(n, n);
}

static void random_lengths_are_the_definition(void **state)
{
    (void)state;
    static const int primes[] = {67, 127, 257, 521, 997, 1009, 2003};
    for (size_t i = 0; i < sizeof primes / sizeof *primes; i++)
        check_definition(primes[i], 64);
    for (uint64_t i = 0; i < 93; i++)
        check_definition(65 + (int)(tb_random_at(1, i) % 4000), 64);
}

static void lengths_of_spectrograms_are_the_definition(void **state)
{
    (void)state;
    static const int lengths[] = {2205, 4410, 8820, 17640, 16384, 19200, 8821};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        check_definition(lengths[i], 200);
}

/* A length of 2^20 has blocks on every level of the caches. */
static void the_longest_impulse_is_a_tone(void **state)
{
    (void)state;
    transform t = start(TB_FFT_MAX_LENGTH);
    memset(t.data, 0, sizeof *t.data * tb_fft_data_len(t.fft));
    t.data[12345 * ELEMENT] = 1;
    tb_fft_forward(t.fft, t.kernels, t.data);
    for (int i = 0; i < 1000; i++) {
        int k = (int)((int64_t)i * 999983 % t.n);
        const float *got = t.data + (size_t)tb_fft_position(t.fft, k) * ELEMENT;
        assert_true(fabs(got[0] - cosine(12345, k, t.n)) < 1e-6);
        assert_true(fabs(got[TB_LANES] + sine(12345, k, t.n)) < 1e-6);
    }
    stop(&t);
}

static void there_and_back_is_n_times_the_input(void **state)
{
    (void)state;
    static const int lengths[] = {1, 2, 3, 11, 49, 360, 1001, 2205, 4097, 17640};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        transform t = start(lengths[i]);
        tb_fft_forward(t.fft, t.kernels, t.data);
        tb_fft_inverse(t.fft, t.kernels, t.data);
        double error = 0, power = 0;
        for (size_t j = 0; j < (size_t)t.n * ELEMENT; j++) {
            double difference = (double)t.data[j] / t.n - t.input[j];
            error += difference * difference;
            power += (double)t.input[j] * t.input[j];
        }
        if (!(sqrt(error / power) <= 2 * tolerance(t.n)))
            fail_msg("length %d: relative error %g", t.n, sqrt(error / power));
        stop(&t);
    }
}

static void each_position_is_taken_once(void **state)
{
    (void)state;
    static const int lengths[] = {1, 23, 630, 2205, 17640};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        transform t = start(lengths[i]);
        char *taken = calloc((size_t)t.n, 1);
        assert_non_null(taken);
        for (int k = 0; k < t.n; k++) {
            int at = tb_fft_position(t.fft, k);
            assert_in_range(at, 0, t.n - 1);
            assert_int_equal(taken[at]++, 0);
        }
        free(taken);
        stop(&t);
    }
}

/* Sixteen rows: one bin of each against the definition, and all of them back again. */
static void check_real(int n)
{
    transform t = start(n);
    size_t n_bins = (size_t)n / 2 + 1, size = (size_t)n;
    float *bins = new_floats(TB_BATCH_FRAMES * n_bins * 2);
    float *back = new_floats(TB_BATCH_FRAMES * size);
    tb_fft_real_forward(t.fft, t.kernels, t.input, bins, t.data);
    for (size_t row = 0; row < TB_BATCH_FRAMES; row++) {
        for (size_t k = row % n_bins; k < n_bins; k += 1 + n_bins / 5) {
            double re = 0, im = 0;
            for (size_t j = 0; j < size; j++) {
                re += t.input[row * size + j] * cosine((int64_t)j, (int64_t)k, n);
                im -= t.input[row * size + j] * sine((int64_t)j, (int64_t)k, n);
            }
            const float *got = bins + (row * n_bins + k) * 2;
            double scale = sqrt(n / 3.0);
            if (!(hypot(got[0] - re, got[1] - im) <= 4 * tolerance(n) * scale))
                fail_msg("length %d, row %zu, bin %zu", n, row, k);
        }
        bins[row * n_bins * 2 + 1] = 1e6f; /* not looked at */
        if (n % 2 == 0)
            bins[(row * n_bins + n_bins - 1) * 2 + 1] = -1e6f;
    }
    tb_fft_real_inverse(t.fft, t.kernels, bins, back, t.data);
    for (size_t i = 0; i < TB_BATCH_FRAMES * size; i++)
        assert_true(fabs((double)back[i] / n - t.input[i]) <= 4 * tolerance(n));
    free(bins);
    free(back);
    stop(&t);
}

static void real_transforms_are_in_natural_order(void **state)
{
    (void)state;
    static const int lengths[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 29, 210, 441, 1000, 17640};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        check_real(lengths[i]);
}

static void impossible_lengths_are_refused(void **state)
{
    (void)state;
    static const int lengths[] = {0, -5, TB_FFT_MAX_LENGTH + 1};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        tb_fft *fft;
        tb_error err = {0};
        assert_int_equal(tb_fft_new(lengths[i], &fft, &err), TIMBRE_BAD_INPUT);
        assert_null(fft);
        assert_non_null(strstr(err.message, "1048576"));
    }
    tb_fft_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_small_length_is_the_definition),
        cmocka_unit_test(random_lengths_are_the_definition),
        cmocka_unit_test(lengths_of_spectrograms_are_the_definition),
        cmocka_unit_test(the_longest_impulse_is_a_tone),
        cmocka_unit_test(there_and_back_is_n_times_the_input),
        cmocka_unit_test(each_position_is_taken_once),
        cmocka_unit_test(real_transforms_are_in_natural_order),
        cmocka_unit_test(impossible_lengths_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
