/* An offset goes, what is heard stays, and a loop has no seam. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "engine/audio/highpass.h"

enum { N = 88200 };

static float pcm[2 * N];

/* Level of `hz` in the second half of the left channel after filtering, relative to before, in dB.
 */
static double response_db(double hz)
{
    for (int i = 0; i < N; i++)
        pcm[2 * i] = pcm[2 * i + 1] = (float)sin(2 * M_PI * hz * i / 44100);
    tb_highpass_run(pcm, N, 20, false);
    double re = 0, im = 0;
    for (int i = N / 2; i < N; i++) {
        re += (double)pcm[2 * i] * cos(2 * M_PI * hz * i / 44100);
        im += (double)pcm[2 * i] * sin(2 * M_PI * hz * i / 44100);
    }
    return 20 * log10(sqrt(re * re + im * im) / (N / 4.0));
}

/* |H|^2 = 1 / (1 + (fc/f)^4), Butterworth 1930. */
static void the_response_is_butterworths(void **state)
{
    (void)state;
    static const double frequencies[] = {2, 5, 10, 20, 40, 100, 1000, 10000};
    for (size_t i = 0; i < sizeof frequencies / sizeof *frequencies; i++) {
        double want = -10 * log10(1 + pow(20 / frequencies[i], 4));
        double got = response_db(frequencies[i]);
        if (fabs(want - got) > 0.1)
            fail_msg("%g Hz: %.2f dB instead of %.2f", frequencies[i], got, want);
    }
}

static void an_offset_goes(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * N; i++)
        pcm[i] = 0.5F;
    tb_highpass_run(pcm, N, 20, false);
    for (int i = N; i < 2 * N; i++)
        assert_true(fabsf(pcm[i]) < 1e-6F);
    for (int i = 0; i < 2 * N; i++)
        pcm[i] = i % 2 == 0 ? 0.5F : -0.25F;
    tb_highpass_run(pcm, N, 20, true);
    for (int i = 0; i < 2 * N; i++) /* a loop never had a beginning */
        assert_true(fabsf(pcm[i]) < 1e-6F);
}

/* Filtering a loop is filtering the second of many rounds, whatever the loop's length. */
static void a_loop_is_periodic(void **state)
{
    (void)state;
    static const int lengths[] = {100, 441, 22050, 22051, 30000};
    static float rounds[2 * 6 * N];
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        int n = lengths[k], total = 6 * N / n * n;
        for (int i = 0; i < total; i++)
            for (int c = 0; c < 2; c++)
                rounds[2 * i + c] = (float)((i % n) * 7919 % 1000 + c) / 1000;
        for (int i = 0; i < 2 * n; i++)
            pcm[i] = rounds[i];
        tb_highpass_run(pcm, n, 20, true);
        tb_highpass_run(rounds, total, 20, false);
        for (int i = 0; i < 2 * n; i++)
            assert_true(fabsf(pcm[i] - rounds[2 * (total - n) + i]) < 1e-6F);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_response_is_butterworths),
        cmocka_unit_test(an_offset_goes),
        cmocka_unit_test(a_loop_is_periodic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
