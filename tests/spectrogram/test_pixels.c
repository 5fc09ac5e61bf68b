/* Pixels are Riffusion's: its arithmetic, its truncation, and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "engine/base/random.h"
#include "engine/spectrogram/pixels.h"

static const float powers[] = {0.25f, 0.5f, 1.0f, 0.3f, 2.0f};

enum { N_POWERS = sizeof powers / sizeof *powers };

static uint8_t pixel_of(float amplitude, float max, float power)
{
    uint8_t pixel;
    tb_pixels_from_amplitudes(&amplitude, 1, max, power, &pixel);
    return pixel;
}

static void silence_is_white_and_the_maximum_is_black(void **state)
{
    (void)state;
    for (int k = 0; k < N_POWERS; k++) {
        assert_int_equal(pixel_of(0, 3e7f, powers[k]), 255);
        assert_int_equal(pixel_of(3e7f, 3e7f, powers[k]), 0);
        assert_int_equal(pixel_of(1e-38f, 1e-38f, powers[k]), 0);
    }
}

/* Fractions are cut off, not rounded: just below 1/255 of the way down from white is 254. */
static void fractions_are_cut_off(void **state)
{
    (void)state;
    assert_int_equal(pixel_of(0.5f, 255, 1), 254);
    assert_int_equal(pixel_of(1, 255, 1), 254);
    assert_int_equal(pixel_of(1.5f, 255, 1), 253);
    assert_int_equal(pixel_of(254.5f, 255, 1), 0);
    assert_int_equal(pixel_of(1, 16, 0.5f), 191);     /* 255 - 63.75 = 191.25 */
    assert_int_equal(pixel_of(1, 65536, 0.25f), 239); /* 255 - 15.9375 */
}

/* Single precision as NumPy has it: the power is rounded to float, then each operation. */
static void pixels_are_those_of_single_precision(void **state)
{
    (void)state;
    enum { N = 20000 };
    int n_equal = 0;
    for (int i = 0; i < N; i++) {
        float max = 4.6801012e7f;
        float a = max * (float)ldexp((double)(tb_random_at(3, (uint64_t)i) >> 11), -53);
        a *= i % 2 ? 1.0f : 1e-4f;
        float power = powers[i % N_POWERS];
        float want = 255.0f - 255.0f * powf(a / max, power);
        int got = pixel_of(a, max, power);
        assert_true(abs(got - (int)want) <= 1);
        n_equal += got == (int)want;
    }
    assert_true(n_equal >= N - 2); /* powf itself may be a bit off */
}

static void the_table_inverts_the_pixels(void **state)
{
    (void)state;
    static float table[65536];
    for (int k = 0; k < N_POWERS; k++) {
        tb_pixels_table(powers[k], 30e6f, table);
        assert_true(table[65535] == 0);
        assert_true(table[0] == 30e6f);
        for (int v = 1; v < 65536; v++)
            assert_true(table[v] <= table[v - 1]);
        for (int p = 0; p < 256; p++) {
            double want = pow((255.0 - p) / 255, 1 / (double)powers[k]) * 30e6;
            assert_true(fabs((double)table[p * 257] - want) <= 3e-6 * want);
            /* into the middle of what is cut off to p, which then comes back */
            float inside = p == 255 ? 0 : table[p * 257 + 128];
            assert_int_equal(pixel_of(inside, 30e6f, powers[k]), p);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_is_white_and_the_maximum_is_black),
        cmocka_unit_test(fractions_are_cut_off),
        cmocka_unit_test(pixels_are_those_of_single_precision),
        cmocka_unit_test(the_table_inverts_the_pixels),
    };
    return cmocka_run_group_tests_name("pixels", tests, NULL, NULL);
}
