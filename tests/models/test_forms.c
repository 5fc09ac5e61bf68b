/*
 * One model in all the forms that it comes in: PyTorch's files give the bits of safetensors, and
 * halves what their widened weights give in double precision (diffusers, transformers).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/models/networks.h"

#define BOUND 5e-6 /* relative L2 */

enum { N_RESULTS = 4 };

/* What a form computes of the inputs of network_tiny. */
typedef struct {
    float *values[N_RESULTS]; /* owned */
    size_t n[N_RESULTS];
} results;

static const char *const names[N_RESULTS] = {"text_hidden", "unet_0_out", "vae_moments",
                                             "vae_image"};

/* Weights of the three networks below tests/data/models/. */
typedef struct {
    const char *files[TB_NETWORK_COUNT];
} form;

static void load(networks *all, const form *f)
{
    networks_load(all, "tiny");
    for (tb_network i = 0; i < TB_NETWORK_COUNT; i++) {
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/models/%s", getenv("TIMBRE_TESTS_DIR"), f->files[i]);
        networks_load_one(all, i, path);
    }
}

static size_t product(int a, int b, int c)
{
    return (size_t)a * (size_t)b * (size_t)c;
}

static results run(const networks *all, const machine *m)
{
    vectors file;
    unet_case unet;
    int shape[VECTORS_RANK];
    results r = {0};
    vectors_open(&file, "network_tiny");
    unet_case_open(&unet, &file, 0);
    r.values[0] = run_text(all, m, vectors_ints(&file, "text_tokens", shape), 2, 0);
    r.n[0] = product(2, all->text_config.n_positions, all->text_config.width);
    r.values[1] = run_unet(all, m, &unet);
    r.n[1] = product(2 * unet.input.h, unet.input.w, all->unet_config.out_channels);
    float *picture = vectors_pictures(&file, "vae_input", shape);
    r.values[2] = run_encode(all, m, picture, shape[2], shape[3]);
    int factor = tb_vae_factor(&all->vae_config);
    r.n[2] = product(2 * all->vae_config.latent_channels, shape[2] / factor, shape[3] / factor);
    free(picture);
    float *latents = vectors_pictures(&file, "vae_latents", shape);
    r.values[3] = run_decode(all, m, latents, shape[2], shape[3]);
    r.n[3] = product(3, shape[2] * factor, shape[3] * factor);
    free(latents);
    unet_case_close(&unet);
    vectors_close(&file);
    return r;
}

static void results_free(results *r)
{
    for (int i = 0; i < N_RESULTS; i++)
        free(r->values[i]);
}

static results run_form(const form *f, const machine *m)
{
    networks all = {0};
    load(&all, f);
    results r = run(&all, m);
    networks_free(&all);
    return r;
}

static const form safetensors = {{"tiny/text_encoder/model.safetensors",
                                  "tiny/unet/diffusion_pytorch_model.safetensors",
                                  "tiny/vae/diffusion_pytorch_model.safetensors"}};

static void files_of_pytorch_give_the_same_bits(void **state)
{
    (void)state;
    static const form forms[] = {
        {{"forms/bin/text_encoder/pytorch_model.bin", "forms/bin/unet/diffusion_pytorch_model.bin",
          "forms/bin/vae/diffusion_pytorch_model.bin"}},
        {{"forms/single/tiny.ckpt", "forms/single/tiny.ckpt", "forms/single/tiny.ckpt"}},
        {{"forms/legacy.bin", "forms/single/tiny.ckpt",
          "forms/bin/vae/diffusion_pytorch_model.bin"}},
    };
    machine m = machine_new(getenv("TIMBRE_CPU"), 2);
    results want = run_form(&safetensors, &m);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        results got = run_form(&forms[i], &m);
        for (int k = 0; k < N_RESULTS; k++) {
            assert_int_equal(got.n[k], want.n[k]);
            assert_memory_equal(got.values[k], want.values[k], got.n[k] * sizeof(float));
        }
        results_free(&got);
    }
    results_free(&want);
    machine_free(&m);
}

static void halves_are_their_widened_weights(void **state)
{
    (void)state;
    static const struct {
        const char *prefix;
        form form;
    } rows[] = {
        {"fp16",
         {{"forms/single/tiny-fp16.safetensors", "forms/single/tiny-fp16.safetensors",
           "forms/single/tiny-fp16.safetensors"}}},
        {"bf16",
         {{"forms/bf16-sharded/text_encoder/model.safetensors",
           "forms/bf16-sharded/unet/diffusion_pytorch_model.safetensors.index.json",
           "forms/bf16-sharded/vae/diffusion_pytorch_model.safetensors"}}},
    };
    machine m = machine_new(getenv("TIMBRE_CPU"), 2);
    vectors file;
    vectors_open(&file, "network_forms");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        results got = run_form(&rows[i].form, &m);
        for (int k = 0; k < N_RESULTS; k++) {
            char name[64];
            int shape[VECTORS_RANK];
            (void)snprintf(name, sizeof name, "%s_%s", rows[i].prefix, names[k]);
            const double *want = vectors_doubles(&file, name, shape);
            if (k == 0) /* [n, tokens, width] has no channels to turn */
                memcpy(shape, (int[]){shape[0] * shape[1] * shape[2], 1, 1, 1}, sizeof shape);
            double distance = vectors_distance(got.values[k], want, shape);
            printf("# %s: %.2g (at most %g)\n", name, distance, BOUND);
            if (!(distance <= BOUND))
                fail_msg("%s: %g", name, distance);
        }
        results_free(&got);
    }
    vectors_close(&file);
    machine_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_pytorch_give_the_same_bits),
        cmocka_unit_test(halves_are_their_widened_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
