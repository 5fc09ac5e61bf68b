/*
 * The networks against the same networks in double precision (diffusers, transformers), and what
 * must not change a bit of their results: threads, kernels, the company in a batch.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/models/networks.h"

#define BOUND 5e-6 /* relative L2 */

enum { N_MODELS = 2, N_CASES = 4 };

static const struct {
    const char *model, *vectors;
} models[N_MODELS] = {{"tiny", "network_tiny"}, {"tiny-v", "network_tiny_v"}};

typedef struct {
    networks all;
    vectors file;
} subject;

static subject subjects[N_MODELS];
static machine best;

static int open_subjects(void **state)
{
    (void)state;
    best = machine_new(getenv("TIMBRE_CPU"), 2);
    for (int i = 0; i < N_MODELS; i++) {
        networks_load(&subjects[i].all, models[i].model);
        vectors_open(&subjects[i].file, models[i].vectors);
    }
    return 0;
}

static int close_subjects(void **state)
{
    (void)state;
    for (int i = 0; i < N_MODELS; i++) {
        networks_free(&subjects[i].all);
        vectors_close(&subjects[i].file);
    }
    machine_free(&best);
    return 0;
}

static void at_most(const subject *s, const char *what, double measured, double bound)
{
    printf("# %s: %s: %.3g (at most %g)\n", s->all.model, what, measured, bound);
    if (!(measured <= bound))
        fail_msg("%s: %s: %g exceeds %g", s->all.model, what, measured, bound);
}

/* Values of one picture. */
static size_t picture_len(const int shape[VECTORS_RANK])
{
    return (size_t)shape[1] * (size_t)shape[2] * (size_t)shape[3];
}

static void check_text(const subject *s, const char *name, int clip_skip)
{
    int shape[VECTORS_RANK];
    const double *want = vectors_doubles(&s->file, name, shape);
    const int32_t *tokens = vectors_ints(&s->file, "text_tokens", NULL);
    float *got = run_text(&s->all, &best, tokens, shape[0], clip_skip);
    int flat[VECTORS_RANK] = {shape[0] * shape[1] * shape[2], 1, 1, 1};
    at_most(s, name, vectors_distance(got, want, flat), BOUND);
    free(got);
}

static void test_text(void **state)
{
    (void)state;
    for (int i = 0; i < N_MODELS; i++) {
        check_text(&subjects[i], "text_hidden", 0);
        check_text(&subjects[i], "text_skip1", 1);
    }
}

static void test_unet(void **state)
{
    (void)state;
    for (int i = 0; i < N_MODELS * N_CASES; i++) {
        const subject *s = &subjects[i / N_CASES];
        unet_case c;
        unet_case_open(&c, &s->file, i % N_CASES);
        float *got = run_unet(&s->all, &best, &c);
        char what[32];
        snprintf(what, sizeof what, "unet_%d, %dx%d", i % N_CASES, c.input.h, c.input.w);
        at_most(s, what, vectors_distance(got, c.out, c.out_shape), BOUND);
        free(got);
        unet_case_close(&c);
    }
}

static void check_pixels(const subject *s, const float *image, size_t n)
{
    const uint8_t *want = vectors_bytes(&s->file, "vae_pixels", NULL);
    uint8_t *got = malloc(n);
    size_t n_other = 0;
    assert_non_null(got);
    tb_vae_to_pixels(image, (int64_t)n, got);
    for (size_t i = 0; i < n; i++) {
        n_other += got[i] != want[i];
        assert_true(abs(got[i] - want[i]) <= 1);
    }
    at_most(s, "share of other pixels", (double)n_other / (double)n, 0.001);
    free(got);
}

static void test_decode(void **state)
{
    (void)state;
    for (int i = 0; i < N_MODELS; i++) {
        const subject *s = &subjects[i];
        int in[VECTORS_RANK], out[VECTORS_RANK];
        float *latents = vectors_pictures(&s->file, "vae_latents", in);
        const double *want = vectors_doubles(&s->file, "vae_image", out);
        float *got = run_decode(&s->all, &best, latents, in[2], in[3]);
        at_most(s, "vae_image", vectors_distance(got, want, out), BOUND);
        check_pixels(s, got, picture_len(out));
        free(got);
        free(latents);
    }
}

static void test_encode(void **state)
{
    (void)state;
    for (int i = 0; i < N_MODELS; i++) {
        const subject *s = &subjects[i];
        int in[VECTORS_RANK], out[VECTORS_RANK];
        float *image = vectors_pictures(&s->file, "vae_input", in);
        float *noise = vectors_pictures(&s->file, "vae_noise", out);
        const double *want = vectors_doubles(&s->file, "vae_sample", out);
        float *moments = run_encode(&s->all, &best, image, in[2], in[3]);
        float *sample = vectors_alloc(picture_len(out));
        tb_vae_sample(&s->all.vae_config, moments, noise, out[2], out[3], sample);
        at_most(s, "vae_sample", vectors_distance(sample, want, out), BOUND);
        want = vectors_doubles(&s->file, "vae_moments", out);
        at_most(s, "vae_moments", vectors_distance(moments, want, out), BOUND);
        free(sample);
        free(moments);
        free(noise);
        free(image);
    }
}

/* Without noise: the mean. Log variances are held between -30 and 20. */
static void test_sample_limits(void **state)
{
    (void)state;
    tb_vae_config config = {.latent_channels = 1, .scaling_factor = 0.5};
    const float moments[] = {3, 1000, 3, -1000}, noise[] = {1, 1};
    float latents[2];
    tb_vae_sample(&config, moments, NULL, 1, 2, latents);
    assert_true(latents[0] == 1.5f && latents[1] == 1.5f);
    tb_vae_sample(&config, moments, noise, 1, 2, latents);
    assert_true(latents[0] > 11014 && latents[0] < 11016); /* (3 + e^10) / 2 */
    assert_true(latents[1] > 1.5f - 1e-6f && latents[1] < 1.5f + 1e-6f);
}

static void test_pixels(void **state)
{
    (void)state;
    const float image[] = {-7, -1, 0, 1, 9, 0.0f / 0.0f, -0x1.b1b1b4p-3f /* 100.5 */};
    const uint8_t want[] = {0, 0, 128, 255, 255, 0, 100}; /* halves go to the even one */
    uint8_t got[sizeof want];
    tb_vae_to_pixels(image, sizeof want, got);
    assert_memory_equal(got, want, sizeof want);
}

/* All results of one model, one behind the other. */
typedef struct {
    float *floats;
    size_t n;
} results;

static void append(results *all, float *floats, size_t n)
{
    all->floats = realloc(all->floats, sizeof *floats * (all->n + n));
    assert_non_null(all->floats);
    memcpy(all->floats + all->n, floats, sizeof *floats * n);
    all->n += n;
    free(floats);
}

static results run_all(const subject *s, const machine *m)
{
    results all = {0};
    int in[VECTORS_RANK];
    const tb_text_config *text = &s->all.text_config;
    append(&all, run_text(&s->all, m, vectors_ints(&s->file, "text_tokens", NULL), 2, 0),
           2 * (size_t)text->n_positions * (size_t)text->width);
    for (int i = 0; i < 2; i++) {
        unet_case c;
        unet_case_open(&c, &s->file, i);
        append(&all, run_unet(&s->all, m, &c), (size_t)c.n * picture_len(c.out_shape));
        unet_case_close(&c);
    }
    size_t factor = (size_t)tb_vae_factor(&s->all.vae_config);
    float *latents = vectors_pictures(&s->file, "vae_latents", in);
    append(&all, run_decode(&s->all, m, latents, in[2], in[3]),
           (size_t)(in[2] * in[3]) * factor * factor * 3);
    free(latents);
    float *image = vectors_pictures(&s->file, "vae_input", in);
    append(&all, run_encode(&s->all, m, image, in[2], in[3]),
           (size_t)(in[2] * in[3]) / (factor * factor) * 2 *
               (size_t)s->all.vae_config.latent_channels);
    free(image);
    return all;
}

static void same_as(const subject *s, const results *want, const char *kernels, int n_threads)
{
    machine m = machine_new(kernels, n_threads);
    results got = run_all(s, &m);
    assert_int_equal(got.n, want->n);
    if (memcmp(got.floats, want->floats, sizeof *got.floats * got.n) != 0)
        fail_msg("%s: other bytes with %s kernels and %d threads", s->all.model,
                 tb_kernels_name(m.kernels), n_threads);
    free(got.floats);
    machine_free(&m);
}

/* Also twice the same: the first comparison is with as many threads. */
static void test_same_bytes(void **state)
{
    (void)state;
    static const int n_threads[] = {2, 1, 3, 8};
    for (int i = 0; i < N_MODELS; i++) {
        results want = run_all(&subjects[i], &best);
        for (size_t k = 0; k < sizeof n_threads / sizeof *n_threads; k++)
            same_as(&subjects[i], &want, getenv("TIMBRE_CPU"), n_threads[k]);
        same_as(&subjects[i], &want, "ref", 2);
        free(want.floats);
    }
}

/* A batch of two is two batches of one. */
static void test_batch(void **state)
{
    (void)state;
    for (int i = 0; i < N_MODELS; i++) {
        const subject *s = &subjects[i];
        const int32_t *tokens = vectors_ints(&s->file, "text_tokens", NULL);
        unet_case c;
        unet_case_open(&c, &s->file, 0);
        size_t n_tokens = (size_t)s->all.text_config.n_positions;
        size_t n_text = n_tokens * (size_t)s->all.text_config.width;
        size_t n_out = picture_len(c.out_shape);
        float *text = run_text(&s->all, &best, tokens, 2, 0), *both = run_unet(&s->all, &best, &c);
        size_t n_context = (size_t)c.n_tokens * (size_t)s->all.unet_config.cross_width;
        c.n = 1;
        for (size_t k = 0; k < 2; k++) {
            float *one = run_text(&s->all, &best, tokens + k * n_tokens, 1, 0);
            assert_memory_equal(one, text + k * n_text, sizeof *one * n_text);
            free(one);
            one = run_unet(&s->all, &best, &c);
            assert_memory_equal(one, both + k * n_out, sizeof *one * n_out);
            free(one);
            c.input.latents += n_out; /* as many channels in as out */
            c.context += n_context;
        }
        free(text);
        free(both);
        unet_case_close(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),          cmocka_unit_test(test_unet),
        cmocka_unit_test(test_decode),        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_sample_limits), cmocka_unit_test(test_pixels),
        cmocka_unit_test(test_same_bytes),    cmocka_unit_test(test_batch),
    };
    return cmocka_run_group_tests(tests, open_subjects, close_subjects);
}
