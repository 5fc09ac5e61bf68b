/*
 * Normal numbers beside torch.randn's (tools/golden/reference/diffusion_vectors.py), the published
 * first values of both generators, and guidance.
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

#include "engine/diffusion/guidance.h"
#include "engine/diffusion/noise.h"
#include "tests/spectrogram/reference.h"

enum { C = 4, H = 64, W = 8, N_LATENTS = C * H * W, RANDN_MAX = 40 };

static const char *const seeds[] = {"0", "42", "4294967295"};
enum { N_SEEDS = sizeof seeds / sizeof *seeds };

static tb_noise start(tb_generator generator, uint64_t seed)
{
    tb_noise noise;
    tb_error err = {0};
    assert_int_equal(tb_noise_init(&noise, generator, seed, &err), TIMBRE_OK);
    return noise;
}

static tb_noise start_text(const char *seed)
{
    return start(TB_GENERATOR_TORCH_CPU, strtoull(seed, NULL, 10));
}

/* The largest |difference| / max(1, |z|) */
static double distance(const float *got, const float *want, int n)
{
    double most = 0;
    for (int i = 0; i < n; i++)
        most = fmax(most, fabs((double)got[i] - want[i]) / fmax(1, fabs((double)want[i])));
    return most;
}

static void test_randn(void **state)
{
    (void)state;
    reference file;
    reference_open(&file, "diffusion_noise");
    double most = 0;
    for (int s = 0; s < N_SEEDS; s++) {
        char name[32];
        snprintf(name, sizeof name, "randn %s", seeds[s]);
        const float *want = reference_floats(&file, name, NULL);
        for (int n = 1; n <= RANDN_MAX; n++) {
            float got[RANDN_MAX];
            tb_noise noise = start_text(seeds[s]);
            tb_noise_draw(&noise, got, n);
            most = fmax(most, distance(got, want + (n - 1) * RANDN_MAX, n));
        }
    }
    reference_at_most("torch.randn, 1 to 40 values", most, 1e-6);
    reference_close(&file);
}

/* Latents, then smaller draws from the same generator: the sine that waits after 5 survives a draw
 * of 16. */
static void test_consecutive(void **state)
{
    (void)state;
    static const int sizes[] = {5, 3, 16, 20, 4, 5, 16, 3};
    reference file;
    reference_open(&file, "diffusion_noise");
    double most = 0;
    for (int s = 0; s < N_SEEDS; s++) {
        char name[32];
        float got[N_LATENTS];
        tb_noise noise = start_text(seeds[s]);
        tb_noise_draw(&noise, got, N_LATENTS);
        snprintf(name, sizeof name, "latents %s", seeds[s]);
        most = fmax(most, distance(got, reference_floats(&file, name, NULL), N_LATENTS));
        snprintf(name, sizeof name, "after %s", seeds[s]);
        const float *want = reference_floats(&file, name, NULL);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; want += sizes[i++]) {
            tb_noise_draw(&noise, got, sizes[i]);
            most = fmax(most, distance(got, want, sizes[i]));
        }
    }
    reference_at_most("torch.randn, one after the other", most, 1e-6);
    reference_close(&file);
}

static void test_channels_last(void **state)
{
    (void)state;
    static float plain[N_LATENTS], turned[N_LATENTS], scratch[N_LATENTS];
    tb_noise a = start(TB_GENERATOR_TORCH_CPU, 5), b = a;
    tb_noise_draw(&a, plain, N_LATENTS);
    tb_noise_draw_latents(&b, turned, scratch, C, H, W);
    for (int k = 0; k < C; k++)
        for (int p = 0; p < H * W; p++)
            assert_true(turned[p * C + k] == plain[k * H * W + p]);
    assert_memory_equal(&a, &b, sizeof a);
}

/* Printed by PyTorch on a CPU and on CUDA, six decimals. */
static const struct {
    tb_generator generator;
    uint64_t seed;
    int n;
    double first[8];
} published[] = {
    {TB_GENERATOR_TORCH_CPU, 0, 4, {1.540996, -0.293429, -2.178789, 0.568431}},
    {TB_GENERATOR_TORCH_CPU,
     0,
     16,
     {-1.125840, -1.152360, -0.250579, -0.433879, 0.848710, 0.692009, -0.316013, -2.115219}},
    {TB_GENERATOR_TORCH_CPU, 0, 16384, {-1.125840, -1.152360, -0.250579, -0.433879}},
    {TB_GENERATOR_TORCH_CPU, 42, 4, {0.336690, 0.128809, 0.234462, 0.230333}},
    {TB_GENERATOR_TORCH_CPU,
     42,
     16,
     {1.926915, 1.487284, 0.900717, -2.105521, 0.678418, -1.234545, -0.043067, -1.604667}},
    {TB_GENERATOR_TORCH_CUDA, 0, 16384, {-0.924663, -0.425344, -2.643846, 0.145184}},
    {TB_GENERATOR_TORCH_CUDA, 42, 4, {0.194019, 2.161374, -0.172051, 0.849060}},
};

static void test_published(void **state)
{
    (void)state;
    static float got[16384];
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        tb_noise noise = start(published[i].generator, published[i].seed);
        tb_noise_draw(&noise, got, published[i].n);
        for (int k = 0; k < 8 && published[i].first[k] != 0; k++)
            assert_true(fabs(got[k] - published[i].first[k]) < 1.5e-6);
    }
}

/* A second draw is other numbers, a large seed is not cut, and the numbers are normal. */
static void test_cuda(void **state)
{
    (void)state;
    enum { N = 1 << 16 };
    static float a[N], b[N];
    tb_noise noise = start(TB_GENERATOR_TORCH_CUDA, 42);
    tb_noise_draw(&noise, a, N);
    tb_noise_draw(&noise, b, N);
    assert_int_equal(noise.offset, 8);
    double mean = 0, square = 0, both = 0;
    for (int i = 0; i < N; i++) {
        mean += a[i] / (double)N;
        square += (double)a[i] * a[i] / N;
        both += (double)a[i] * b[i] / N;
    }
    reference_at_most("mean", fabs(mean), 4 / sqrt(N));
    reference_at_most("variance less 1", fabs(square - 1), 4 * sqrt(2.0 / N));
    reference_at_most("covariance of two draws", fabs(both), 4 / sqrt(N));
    noise = start(TB_GENERATOR_TORCH_CUDA, 42 + ((uint64_t)1 << 32));
    tb_noise_draw(&noise, b, N);
    assert_memory_not_equal(a, b, sizeof a);
}

static void test_seed_limit(void **state)
{
    (void)state;
    tb_noise noise;
    tb_error err = {0};
    assert_int_equal(tb_noise_init(&noise, TB_GENERATOR_TORCH_CPU, (uint64_t)1 << 32, &err),
                     TIMBRE_BAD_INPUT);
    assert_non_null(strstr(err.message, "4294967296"));
    assert_non_null(strstr(err.message, "4294967295"));
}

static void test_guidance(void **state)
{
    (void)state;
    reference file;
    int shape[3];
    reference_open(&file, "diffusion_noise");
    const float *uncond = reference_floats(&file, "uncond", shape);
    const float *cond = reference_floats(&file, "cond", NULL);
    float out[64];
    assert_int_equal(shape[0], 64);
    tb_guide(out, uncond, cond, 7.5F, 64);
    assert_memory_equal(out, reference_floats(&file, "guided", NULL), sizeof out);
    memcpy(out, cond, sizeof out); /* in place */
    tb_guide(out, uncond, out, 7.5F, 64);
    assert_memory_equal(out, reference_floats(&file, "guided", NULL), sizeof out);
    reference_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_randn),         cmocka_unit_test(test_consecutive),
        cmocka_unit_test(test_channels_last), cmocka_unit_test(test_published),
        cmocka_unit_test(test_cuda),          cmocka_unit_test(test_seed_limit),
        cmocka_unit_test(test_guidance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
