/*
 * Loading and preparing with a fault at every allocation: NO_MEMORY, nothing held, until it works;
 * and no allocation at all while a network runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/models/model.h"
#include "engine/models/model_hints.h"
#include "tests/models/networks.h"
#include "tests/support/faults.h"

#define NEVER (1L << 30)

static networks tiny;
static machine m;

static int open_all(void **state)
{
    (void)state;
    m = machine_new(getenv("TIMBRE_CPU"), 1);
    networks_load(&tiny, "tiny");
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    networks_free(&tiny);
    machine_free(&m);
    return 0;
}

typedef struct {
    tb_parameters *parameters;
    tb_network network;
} source;

typedef tb_status (*attempt)(const void *user, tb_error *err);

/* Every allocation in turn; so many that a loop which never ends is seen. */
static void with_faults(const char *what, attempt run, const void *user, long n_least)
{
    tb_status status = TIMBRE_NO_MEMORY;
    long n = 0;
    while (status != TIMBRE_OK) {
        tb_error err = {0};
        calls_until_fault = ++n;
        status = run(user, &err);
        calls_until_fault = 0;
        if (status != TIMBRE_OK)
            assert_int_equal(status, TIMBRE_NO_MEMORY);
        assert_true(n < 10000);
    }
    printf("# %s: %ld allocations\n", what, n - 1);
    assert_true(n > n_least);
}

/* Loads anew and lets go. */
static tb_status load(const void *user, tb_error *err)
{
    const source *s = user;
    tb_text_encoder *text = NULL;
    tb_unet *unet = NULL;
    tb_vae *vae = NULL;
    tb_status status;
    if (s->network == TB_NETWORK_TEXT)
        status = tb_text_encoder_load(&tiny.text_config, s->parameters, &text, err);
    else if (s->network == TB_NETWORK_UNET)
        status = tb_unet_load(&tiny.unet_config, s->parameters, &unet, err);
    else
        status = tb_vae_load(&tiny.vae_config, s->parameters, TB_VAE_ENCODER | TB_VAE_DECODER, &vae,
                             err);
    assert_int_equal(status == TIMBRE_OK, text != NULL || unet != NULL || vae != NULL);
    tb_text_encoder_free(text);
    tb_unet_free(unet);
    tb_vae_free(vae);
    return status;
}

static void test_load(void **state)
{
    (void)state;
    for (int network = 0; network < TB_NETWORK_COUNT; network++) {
        char path[4096];
        tb_error err = {0};
        tb_weights *weights = NULL;
        source s = {.network = (tb_network)network};
        networks_path(&tiny, s.network, path, sizeof path);
        assert_int_equal(tb_weights_open(path, &weights, &err), TIMBRE_OK);
        assert_int_equal(tb_parameters_new(weights, s.network, &s.parameters, &err), TIMBRE_OK);
        with_faults(path, load, &s, 40);
        tb_parameters_free(s.parameters);
        tb_weights_close(weights);
    }
}

/* A model from its folder to its hash. */
static tb_status open_model(const void *user, tb_error *err)
{
    char hex[TB_SHA256_HEX_BYTES];
    tb_model *model = NULL;
    tb_status status = tb_model_open(user, NULL, &model, err);
    if (status == TIMBRE_OK) {
        assert_true(tb_model_is_unchanged(model));
        status = tb_model_sha256(model, NULL, hex, err);
    }
    tb_model_close(model);
    return status;
}

static tb_status read_hints(const void *user, tb_error *err)
{
    json_t *hints = NULL;
    tb_status status = tb_model_hints_read(user, &hints, err);
    assert_int_equal(status == TIMBRE_OK, hints != NULL);
    json_decref(hints);
    return status;
}

static tb_status check_rest(const void *user, tb_error *err)
{
    return tb_model_check_rest(user, err);
}

static void test_model(void **state)
{
    (void)state;
    char path[4096];
    tb_error err = {0};
    tb_model *model = NULL;
    snprintf(path, sizeof path, "%s/models/tiny-v", getenv("TIMBRE_TESTS_DIR"));
    with_faults("hints", read_hints, path, 3);
    with_faults("model", open_model, path, 100);
    assert_int_equal(tb_model_open(path, NULL, &model, &err), TIMBRE_OK);
    with_faults("rest", check_rest, model, 10);
    tb_model_close(model);
}

static tb_status prepare(const void *user, tb_error *err)
{
    tb_unet_context *context = NULL;
    tb_status status = tb_unet_context_new(tiny.unet, m.kernels, m.pool, user, 2, 77, &context,
                                           err);
    assert_int_equal(status == TIMBRE_OK, context != NULL);
    tb_unet_context_free(context);
    return status;
}

static void test_context(void **state)
{
    (void)state;
    float *texts = vectors_alloc((size_t)2 * 77 * (size_t)tiny.unet_config.cross_width);
    with_faults("context", prepare, texts, 4);
    free(texts);
}

typedef struct {
    const tb_unet_context *context;
    float *latents, *out;
} job;

static void denoise(tb_nn *nn, void *user)
{
    const job *j = user;
    tb_unet_input input = {
        .latents = j->latents, .h = 8, .w = 12, .timestep = 500, .context = j->context};
    tb_unet_forward(nn, tiny.unet, &input, j->out);
}

static void decode(tb_nn *nn, void *user)
{
    const job *j = user;
    tb_vae_decode(nn, tiny.vae, j->latents, 8, 12, j->out);
}

static void test_no_allocation(void **state)
{
    (void)state;
    static const tb_nn_work works[] = {denoise, decode};
    float *texts = vectors_alloc((size_t)2 * 77 * (size_t)tiny.unet_config.cross_width);
    tb_unet_context *context = NULL;
    tb_error err = {0};
    assert_int_equal(
        tb_unet_context_new(tiny.unet, m.kernels, m.pool, texts, 2, 77, &context, &err), TIMBRE_OK);
    job j = {.context = context,
             .latents = vectors_alloc((size_t)2 * 4 * 8 * 12),
             .out = vectors_alloc((size_t)64 * 96 * 3)};
    for (int i = 0; i < 2; i++) {
        tb_nn nn;
        tb_nn_init(&nn, m.kernels, m.pool);
        assert_int_equal(tb_nn_reserve(&nn, works[i], &j, &err), TIMBRE_OK);
        calls_until_fault = NEVER;
        assert_int_equal(tb_nn_run(&nn, works[i], &j, NULL, &err), TIMBRE_OK);
        assert_int_equal(calls_until_fault, NEVER);
        calls_until_fault = 0;
        tb_nn_deinit(&nn);
    }
    tb_unet_context_free(context);
    free(texts);
    free(j.latents);
    free(j.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_context),
        cmocka_unit_test(test_no_allocation),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
