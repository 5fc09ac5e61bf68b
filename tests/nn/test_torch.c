/* The layers beside PyTorch's in double precision (tools/golden/reference/nn_vectors.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernels/table.h"
#include "engine/nn/attention.h"
#include "engine/nn/conv.h"
#include "engine/nn/elementwise.h"
#include "engine/nn/norm.h"
#include "engine/nn/winograd.h"
#include "tests/nn/layers.h"
#include "tests/spectrogram/reference.h"

static const double max_error = 1e-6, max_winograd_error = 3e-6;

/* One layer of the file. */
typedef struct layer {
    reference *file;
    const char *name; /* arrays are NAME_what */
    int shape[3];     /* of the input */
    float *in, *out;  /* the input is copied: nothing of the file is aligned */
    tb_conv conv;
    tb_norm norm;
    tb_attention attention;
    tb_activation activation;
    bool has_silu;
} layer;

static const float *floats_of(const layer *l, const char *what, int shape[3])
{
    char name[64];
    snprintf(name, sizeof name, "%s_%s", l->name, what);
    return reference_floats(l->file, name, shape);
}

static float *copy_of(const layer *l, const char *what)
{
    int shape[3];
    const float *values = floats_of(l, what, shape);
    size_t n = (size_t)shape[0] * (size_t)shape[1] * (size_t)shape[2];
    float *out = reference_alloc(n);
    memcpy(out, values, sizeof *out * n);
    return out;
}

static layer open_layer(reference *file, const char *name)
{
    layer l = {.file = file, .name = name};
    l.in = copy_of(&l, "in");
    (void)floats_of(&l, "in", l.shape);
    return l;
}

/* Runs the layer and compares all of its output. */
static void check_within(layer *l, const char *what, tb_nn_work work, double bound)
{
    int shape[3];
    char name[64];
    const float *expected = floats_of(l, what, shape);
    size_t n = (size_t)shape[0] * (size_t)shape[1] * (size_t)shape[2];
    l->out = reference_alloc(n);
    run_everywhere(work, l, l->out, n);
    snprintf(name, sizeof name, "%s_%s", l->name, what);
    reference_at_most(name, reference_l2(l->out, expected, n), bound);
    free(l->out);
}

static void check(layer *l, const char *what, tb_nn_work work)
{
    check_within(l, what, work, max_error);
}

/* weight_f16 and bias; kernel 1: of a linear layer. */
static void pack(layer *l, int kernel)
{
    int shape[3];
    char name[64];
    snprintf(name, sizeof name, "%s_weight_f16", l->name);
    const int16_t *halves = reference_shorts(l->file, name, shape);
    int64_t n_out = shape[0], n_in = shape[1], n = (int64_t)kernel * kernel;
    tb_tensor w = {.name = name,
                   .dtype = TB_DTYPE_F16,
                   .rank = 4,
                   .shape = {n_out, n_in, kernel, kernel},
                   .stride = {n_in * n, n, kernel, 1},
                   .n_elements = n_out * n_in * n,
                   .data = halves};
    tb_tensor bias = {.name = "bias",
                      .dtype = TB_DTYPE_F32,
                      .rank = 1,
                      .shape = {n_out},
                      .stride = {1},
                      .n_elements = n_out,
                      .data = floats_of(l, "bias", NULL)};
    assert_int_equal(tb_matrix_pack(&l->conv.matrix, &w, &bias, NULL), TIMBRE_OK);
}

enum { CONV_H = 8, CONV_W = 10 }; /* of nn_vectors.py */

static void run_conv(tb_nn *nn, void *user)
{
    layer *l = user;
    tb_conv2d(nn, l->out, l->in, l->shape[0], CONV_H, CONV_W, &l->conv, NULL);
}

static void run_winograd(tb_nn *nn, void *user)
{
    layer *l = user;
    tb_conv_pictures in = {l->in, l->shape[0], CONV_H, CONV_W, false};
    tb_winograd_run(nn, &(tb_winograd){.conv = &l->conv, .out = l->out, .in = &in});
}

static void run_upsample(tb_nn *nn, void *user)
{
    layer *l = user;
    tb_conv_run(nn, l->out, &(tb_conv_pictures){l->in, l->shape[0], 6, 8, true}, &l->conv, NULL);
}

/* What a convolution that sees doubled pictures and leaves them alone makes of them. */
static void check_upsample(reference *file)
{
    layer l = open_layer(file, "upsample");
    int c = l.shape[2];
    float *identity = reference_alloc((size_t)(c * c));
    for (int i = 0; i < c * c; i++)
        identity[i] = i / c == i % c ? 1 : 0;
    tb_tensor w = {.name = "identity",
                   .dtype = TB_DTYPE_F32,
                   .rank = 2,
                   .shape = {c, c},
                   .stride = {c, 1},
                   .n_elements = (int64_t)c * c,
                   .data = identity};
    l.conv = (tb_conv){.c_in = c, .kernel = 1, .stride = 1};
    assert_int_equal(tb_matrix_pack(&l.conv.matrix, &w, NULL, NULL), TIMBRE_OK);
    check(&l, "out", run_upsample);
    tb_matrix_deinit(&l.conv.matrix);
    free(identity);
    free(l.in);
}

static void convolutions_are_those_of_torch(void **state)
{
    static const struct {
        const char *name;
        int stride, before;
    } cases[] = {{"conv_same", 1, 1}, {"conv_half", 2, 1}, {"conv_vae_half", 2, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        layer l = open_layer(*state, cases[i].name);
        l.conv = (tb_conv){.c_in = l.shape[2],
                           .kernel = 3,
                           .stride = cases[i].stride,
                           .pad_before = cases[i].before,
                           .pad_after = 1};
        pack(&l, 3);
        check(&l, "out", run_conv);
        if (i == 0)
            check_within(&l, "out", run_winograd, max_winograd_error);
        tb_matrix_deinit(&l.conv.matrix);
        free(l.in);
    }
    check_upsample(*state);
}

static void run_linear(tb_nn *nn, void *user)
{
    layer *l = user;
    tb_linear(nn, l->out, l->in, l->shape[0], &l->conv.matrix, NULL);
}

static void linear_layers_are_those_of_torch(void **state)
{
    layer l = open_layer(*state, "linear");
    pack(&l, 1);
    check(&l, "out", run_linear);
    tb_matrix_deinit(&l.conv.matrix);
    free(l.in);
}

static void run_group_norm(tb_nn *nn, void *user)
{
    layer *l = user;
    tb_group_norm(nn, l->out, l->in, l->shape[0], l->shape[1], &l->norm, l->has_silu);
}

static void run_layer_norm(tb_nn *nn, void *user)
{
    layer *l = user;
    tb_layer_norm(nn, l->out, l->in, l->shape[0], &l->norm);
}

static void norms_are_those_of_torch(void **state)
{
    layer l = open_layer(*state, "group_norm");
    l.norm = (tb_norm){l.shape[2], 4, 1e-5f, copy_of(&l, "gain"), copy_of(&l, "shift")};
    check(&l, "out", run_group_norm);
    l.has_silu = true;
    check(&l, "silu", run_group_norm);
    tb_norm_deinit(&l.norm);
    free(l.in);
    l = open_layer(*state, "layer_norm");
    l.norm = (tb_norm){l.shape[1], 0, 1e-5f, copy_of(&l, "gain"), copy_of(&l, "shift")};
    check(&l, "out", run_layer_norm);
    tb_norm_deinit(&l.norm);
    free(l.in);
}

static void run_activation(tb_nn *nn, void *user)
{
    layer *l = user;
    tb_activate(nn, l->out, l->in, (size_t)l->shape[0] * (size_t)l->shape[1], l->activation);
}

static void run_geglu(tb_nn *nn, void *user)
{
    layer *l = user;
    size_t c = (size_t)l->shape[1] / 2;
    if (tb_nn_begin(nn, 0)) /* its product is tb_linear_geglu's */
        for (size_t row = 0; row < (size_t)l->shape[0]; row++)
            nn->kernels->network->geglu(l->out + row * c, l->in + 2 * row * c,
                                        l->in + (2 * row + 1) * c, c);
}

static void activations_are_those_of_torch(void **state)
{
    layer l = open_layer(*state, "activation");
    l.activation = TB_ACTIVATION_SILU;
    check(&l, "silu", run_activation);
    l.activation = TB_ACTIVATION_GELU;
    check(&l, "gelu", run_activation);
    l.activation = TB_ACTIVATION_QUICK_GELU;
    check(&l, "quick_gelu", run_activation);
    check(&l, "geglu", run_geglu);
    free(l.in);
}

static void run_attention(tb_nn *nn, void *user)
{
    layer *l = user;
    tb_attention_run(nn, l->out, floats_of(l, "q", NULL), floats_of(l, "k", NULL),
                     floats_of(l, "v", NULL), &l->attention);
}

static void attention_is_that_of_torch(void **state)
{
    static const char *const names[] = {"attention_self", "attention_cross", "attention_causal"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        layer l = {.file = *state, .name = names[i]};
        int q[3], k[3];
        (void)floats_of(&l, "q", q);
        (void)floats_of(&l, "k", k);
        size_t ld = (size_t)q[2];
        l.attention = (tb_attention){q[0],         q[1], k[1], 3,  q[2] / 3, i == 2,
                                     0.353553391f, ld,   ld,   ld, ld};
        check(&l, "out", run_attention);
    }
}

static int open_file(void **state)
{
    static reference file;
    reference_open(&file, "nn");
    *state = &file;
    return 0;
}

static int close_file(void **state)
{
    reference_close(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_are_those_of_torch),
        cmocka_unit_test(linear_layers_are_those_of_torch),
        cmocka_unit_test(norms_are_those_of_torch),
        cmocka_unit_test(activations_are_those_of_torch),
        cmocka_unit_test(attention_is_that_of_torch),
    };
    return cmocka_run_group_tests_name("torch", tests, open_file, close_file);
}
