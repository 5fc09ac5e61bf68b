/*
 * The whole way from a prompt to the picture beside diffusers' StableDiffusionPipeline (0.24.0, in
 * single precision on PyTorch 1.13.1; tools/reference/generate_vectors.py): embeddings, noise,
 * latents after 20 steps of every scheduler, pixels.
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

#include "engine/pipeline/riffusion.h"
#include "tests/models/vectors.h"
#include "tests/support/blas.h"

enum { N_STEPS = 20 };

typedef struct {
    tb_riffusion r;
    tb_riffusion_work w;
    tb_job job;
    tb_stages stages;
    timbre_request *request;
    tb_pool *pool;
} run;

static const char *model_path(const char *name)
{
    static char path[4096];
    (void)snprintf(path, sizeof path, "%s/models/%s", getenv("TIMBRE_TESTS_DIR"), name);
    return path;
}

static void ok(tb_status st, const tb_error *err)
{
    if (st != TIMBRE_OK)
        fail_msg("%s", err->message);
}

/* Those of TIMBRE_CPU, so that "blas" can be held to the same bounds. */
static const tb_kernels *choose_kernels(void)
{
    const char *name = getenv("TIMBRE_CPU");
    const tb_kernels *kernels = NULL;
    tb_error err = {0};
    if (name != NULL && strcmp(name, "blas") == 0 && blas_kernels() == NULL)
        skip();
    ok(tb_kernels_choose(name, &kernels, &err), &err);
    return kernels;
}

static void start(run *x, const char *model, const char *scheduler, const char *cfg_scale,
                  double seconds)
{
    static const tb_stage list[] = {{"all", 1}};
    const char *const fields[][2] = {{"prompt", "funk bassline with a jazzy saxophone solo"},
                                     {"negative_prompt", "rain"},
                                     {"seed", "42"},
                                     {"prompt_syntax", "plain"},
                                     {"steps", "20"},
                                     {"scheduler", scheduler},
                                     {"cfg_scale", cfg_scale}};
    char length[16];
    tb_error err = {0};
    *x = (run){0};
    ok(timbre_request_new(&x->request, &err), &err);
    ok(timbre_request_set(x->request, "model_id", model_path(model), &err), &err);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        ok(timbre_request_set(x->request, fields[i][0], fields[i][1], &err), &err);
    (void)snprintf(length, sizeof length, "%.3f", seconds < 1 ? 1 : seconds);
    ok(timbre_request_set(x->request, "duration_seconds", length, &err), &err);
    ok(timbre_request_resolve(x->request, &err), &err);
    ok(tb_pool_new(0, &x->pool, &err), &err);
    tb_stages_init(&x->stages, list, 1, &(tb_stages_listener){0}, NULL);
    tb_stages_next(&x->stages);
    x->job = (tb_job){.request = x->request, .pool = x->pool, .stages = &x->stages};
    x->job.kernels = choose_kernels();
    x->w = (tb_riffusion_work){.job = &x->job};
    ok(tb_riffusion_begin(&x->r, &x->w, &err), &err);
    ok(tb_riffusion_get_size(&x->r, seconds, &x->w.size, &err), &err); /* half a second, too */
    ok(tb_riffusion_load(&x->r, &x->w, &err), &err);
    ok(tb_riffusion_tokenize(&x->r, &x->w, &err), &err);
    ok(tb_riffusion_encode(&x->r, &x->w, &err), &err);
    ok(tb_riffusion_denoise(&x->r, &x->w, &err), &err);
}

static void stop(run *x)
{
    tb_riffusion_work_deinit(&x->w);
    tb_riffusion_unload(&x->r);
    tb_pool_free(x->pool);
    timbre_request_free(x->request);
}

/* [h*w, c] beside [1, c, h, w] */
static double latents_distance(const float *got, const float *want, const int shape[VECTORS_RANK])
{
    int c = shape[1], n = shape[2] * shape[3];
    double sum = 0, all = 0;
    for (int i = 0; i < c; i++)
        for (int p = 0; p < n; p++) {
            double difference = (double)got[p * c + i] - (double)want[i * n + p];
            sum += difference * difference;
            all += (double)want[i * n + p] * (double)want[i * n + p];
        }
    return sqrt(sum / all);
}

static double latents_of(const run *x, const vectors *file, const char *name)
{
    int shape[VECTORS_RANK];
    const float *want = vectors_floats(file, name, shape);
    assert_int_equal(shape[2], x->w.size.h);
    assert_int_equal(shape[3], x->w.size.w);
    return latents_distance(x->w.latents, want, shape);
}

/* Share of pixels that are the same; *most: the largest difference. */
static double same_pixels(const uint8_t *got, const uint8_t *want, int n, int *most)
{
    int n_same = 0;
    *most = 0;
    for (int i = 0; i < n; i++) {
        int difference = abs(got[i] - want[i]);
        n_same += difference == 0;
        *most = difference > *most ? difference : *most;
    }
    return (double)n_same / n;
}

static void latents_of_every_scheduler_agree(void **state)
{
    (void)state;
    static const char *const schedulers[] = {
        "dpmpp_2m", "dpmpp_2m_karras", "euler_a", "euler", "ddim", "pndm", "lms", "unipc"};
    vectors file;
    vectors_open(&file, "network_generate");
    for (size_t i = 0; i < sizeof schedulers / sizeof *schedulers; i++) {
        run x;
        char name[64];
        start(&x, "tiny", schedulers[i], "7", 1);
        (void)snprintf(name, sizeof name, "tiny_%s_latents", schedulers[i]);
        double distance = latents_of(&x, &file, name);
        printf("# %s: latents after %d steps %.2g (bound 1e-4)\n", schedulers[i], N_STEPS,
               distance);
        if (!(distance <= 1e-4))
            fail_msg("%s: %g", schedulers[i], distance);
        stop(&x);
    }
    vectors_close(&file);
}

/* From the prompt to pixels, and from the reference's latents to pixels; the reference has n_rows
 * from first_row on. */
static void check_pixels(run *x, const vectors *file, const char *latents, const char *pixels,
                         int first_row, int n_rows)
{
    int shape[VECTORS_RANK], most;
    tb_error err = {0};
    const uint8_t *want = vectors_bytes(file, pixels, NULL);
    int row = x->w.size.width * 3, n = n_rows * row;
    ok(tb_riffusion_decode(&x->r, &x->w, &err), &err);
    double same = same_pixels(x->w.rgb + first_row * row, want, n, &most);
    printf("# %s: from the prompt %.3f %% of pixels identical, largest difference %d\n", pixels,
           same * 100, most);
    assert_true(same >= 0.97 && most <= 2);

    float *given = vectors_pictures(file, latents, shape);
    memcpy(x->w.latents, given, (size_t)x->w.size.n_latents * sizeof *given);
    free(given);
    free(x->w.rgb);
    x->w.rgb = NULL;
    ok(tb_riffusion_decode(&x->r, &x->w, &err), &err);
    same = same_pixels(x->w.rgb + first_row * row, want, n, &most);
    printf("# %s: from latents %.3f %% of pixels identical, largest difference %d\n", pixels,
           same * 100, most);
    assert_true(same >= 0.999 && most <= 1);
}

static void pixels_agree(void **state)
{
    (void)state;
    vectors file;
    run x;
    vectors_open(&file, "network_generate");
    start(&x, "tiny", "dpmpp_2m", "7", 1);
    check_pixels(&x, &file, "tiny_dpmpp_2m_latents", "tiny_dpmpp_2m_pixels", 0, 512);
    stop(&x);
    start(&x, "tiny", "pndm", "7", 1);
    check_pixels(&x, &file, "tiny_pndm_latents", "tiny_pndm_pixels", 192, 128);
    stop(&x);
    vectors_close(&file);
}

/* Velocity, eight latent channels, a factor of 16. */
static void another_corner_of_the_family_agrees(void **state)
{
    (void)state;
    vectors file;
    run x;
    vectors_open(&file, "network_generate");
    start(&x, "tiny-v", "ddim", "4", 0.5);
    double distance = latents_of(&x, &file, "tiny_v_ddim_latents");
    printf("# tiny-v, ddim: latents after %d steps %.2g (bound 1e-4)\n", N_STEPS, distance);
    assert_true(distance <= 1e-4);
    check_pixels(&x, &file, "tiny_v_ddim_latents", "tiny_v_ddim_pixels", 0, 512);
    stop(&x);
    vectors_close(&file);
}

/* What is stated for a model: each stage alone takes less than all networks at once, and what is
 * loaded already needs no room. */
static void memory_is_stated_and_chosen(void **state)
{
    (void)state;
    tb_error err = {0};
    tb_riffusion r = {0};
    tb_riffusion_size size;
    tb_riffusion_need need, seen;
    const tb_kernels *kernels = NULL;
    ok(tb_kernels_choose(NULL, &kernels, &err), &err);
    ok(tb_riffusion_open(&r, model_path("tiny"), NULL, &err), &err);
    ok(tb_riffusion_get_size(&r, 1, &size, &err), &err);
    tb_riffusion_plan plan = {
        .size = &size, .n_texts = 2, .n_sides = 2, .n_clips = 1, .n_chunks = 1};
    ok(tb_riffusion_measure(r.model, &plan, kernels, NULL, &need, &err), &err);
    int64_t weights = need.encoder + need.unet + need.decoder;
    assert_true(need.encoder > 0 && need.unet > 0 && need.decoder > 0);
    assert_true(need.low_peak < need.peak);
    assert_true(need.peak - need.low_peak <= weights);
    assert_true(need.low_peak >= need.unet + need.denoise);
    assert_true(need.low_peak >= need.decoder + need.decode);
    plan.has_preview = true; /* the decoder beside the UNet */
    ok(tb_riffusion_measure(r.model, &plan, kernels, NULL, &seen, &err), &err);
    assert_true(seen.low_peak >= seen.unet + seen.decoder + seen.denoise);
    plan.has_preview = false; /* a picture to begin with: the autoencoder's other half, alone */
    plan.has_init = true;
    ok(tb_riffusion_measure(r.model, &plan, kernels, NULL, &seen, &err), &err);
    assert_true(need.begin == 0 && seen.begin > 0 && seen.low_peak >= seen.begin);
    plan.n_clips = 100; /* and all pictures of a long sound */
    tb_riffusion_need many;
    ok(tb_riffusion_measure(r.model, &plan, kernels, NULL, &many, &err), &err);
    assert_true(many.decode - seen.decode >= (int64_t)99 * size.height * size.width * 3);
    assert_false(tb_riffusion_is_low(TB_RESIDENCE_AUTO, &need, 0, need.peak));
    assert_true(tb_riffusion_is_low(TB_RESIDENCE_AUTO, &need, 0, need.peak - 1));
    assert_false(tb_riffusion_is_low(TB_RESIDENCE_AUTO, &need, weights, need.peak - weights));
    assert_true(tb_riffusion_is_low(TB_RESIDENCE_LOW, &need, 0, INT64_MAX));
    tb_riffusion_unload(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_stated_and_chosen),
        cmocka_unit_test(latents_of_every_scheduler_agree),
        cmocka_unit_test(pixels_agree),
        cmocka_unit_test(another_corner_of_the_family_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
