#include "layer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/nn/attention.h"
#include "engine/nn/elementwise.h"
#include "engine/nn/norm.h"
#include "engine/os/scratch.h"

enum { N_GROUPS = 32 };

const char *layer_kind_name(layer_kind kind)
{
    static const char *const names[LAYER_N_KINDS] = {
        "linear", "conv 3x3", "attention", "group norm", "layer norm", "geglu", "gelu"};
    return names[kind];
}

void layer_format(const layer *l, char *out, size_t cap)
{
    const char *name = layer_kind_name(l->kind);
    if (l->kind == LAYER_CONV)
        (void)snprintf(out, cap, "%s, %d x %d x %d, %d -> %d, stride %d", name, l->n, l->h, l->w,
                       l->c_in, l->c_out, l->stride);
    else if (l->kind == LAYER_ATTENTION)
        (void)snprintf(out, cap, "%s, %d x %d heads of %d, %d queries, %d keys", name, l->n,
                       l->c_in, l->c_out, l->h, l->w);
    else
        (void)snprintf(out, cap, "%s, %d rows, %d -> %d", name, l->n * l->h, l->c_in, l->c_out);
}

double layer_work(const layer *l)
{
    double rows = (double)l->n * l->h * l->w / l->stride / l->stride;
    switch (l->kind) {
    case LAYER_ATTENTION:
        return 2 * rows * l->c_in * l->c_out;
    case LAYER_LINEAR:
        return rows * l->c_in * l->c_out;
    case LAYER_GEGLU:
        return 2 * rows * l->c_in * l->c_out;
    case LAYER_CONV:
        return 9 * rows * l->c_in * l->c_out;
    default:
        return rows * l->c_out;
    }
}

float *layer_floats(size_t n)
{
    float *out = tb_floats_alloc(n);
    if (out == NULL) {
        fputs("no memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    for (size_t i = 0; i < n; i++)
        out[i] = (float)((double)(int64_t)tb_random_at(n, i) * 0x1p-63);
    return out;
}

/* Random halves, at most 1/16. */
static uint16_t *new_halves(size_t n)
{
    uint16_t *halves = malloc(sizeof *halves * n);
    for (size_t i = 0; halves != NULL && i < n; i++) {
        uint64_t r = tb_random_at(9, i);
        halves[i] = (uint16_t)((r & 0x83ff) | (8 + (r >> 20) % 3) << 10);
    }
    return halves;
}

static void start_weights(layer_run *run, tb_matrix *matrix)
{
    const layer *l = run->l;
    int side = l->kind == LAYER_CONV ? 3 : 1;
    tb_tensor t = {.name = "weight", .dtype = TB_DTYPE_F16, .rank = 4};
    int64_t shape[] = {l->c_out, l->c_in, side, side};
    t.n_elements = 1;
    for (int d = 3; d >= 0; d--) {
        t.shape[d] = shape[d];
        t.stride[d] = t.n_elements;
        t.n_elements *= shape[d];
    }
    run->weight_n = (size_t)t.n_elements;
    uint16_t *halves = new_halves(run->weight_n);
    t.data = halves;
    double start = tb_clock_seconds();
    tb_error err = {.message = "no memory"};
    if (halves == NULL || tb_matrix_pack(matrix, &t, NULL, &err) != TIMBRE_OK) {
        fprintf(stderr, "%s\n", err.message);
        exit(EXIT_FAILURE);
    }
    run->pack_time = tb_clock_seconds() - start;
    free(halves);
}

void layer_start(layer_run *run, const layer *l)
{
    *run = (layer_run){.l = l, .conv = {.c_in = l->c_in, .kernel = 3, .stride = l->stride}};
    run->conv.pad_before = run->conv.pad_after = 1;
    size_t rows = (size_t)l->n * (size_t)l->h * (size_t)l->w;
    size_t n_in = rows * (size_t)l->c_in, n_out = rows * (size_t)l->c_out;
    if (l->kind == LAYER_ATTENTION) {
        size_t longest = (size_t)l->n * (size_t)(l->h > l->w ? l->h : l->w);
        n_out = longest * (size_t)l->c_in * (size_t)l->c_out;
        n_in = 3 * n_out;
    }
    run->in = layer_floats(n_in);
    run->out = layer_floats(n_out);
    if (l->kind == LAYER_LINEAR || l->kind == LAYER_CONV || l->kind == LAYER_GEGLU)
        start_weights(run, &run->conv.matrix);
    if (l->kind == LAYER_GEGLU)
        start_weights(run, &run->gate);
    if (l->kind == LAYER_GROUP_NORM || l->kind == LAYER_LAYER_NORM)
        run->gain = layer_floats(2 * (size_t)l->c_in);
}

void layer_stop(layer_run *run)
{
    tb_matrix_deinit(&run->conv.matrix);
    tb_matrix_deinit(&run->gate);
    free(run->gain);
    free(run->in);
    free(run->out);
}

static void attend(tb_nn *nn, const layer_run *run)
{
    const layer *l = run->l;
    size_t ld = (size_t)l->c_in * (size_t)l->c_out;
    size_t len = (size_t)l->n * (size_t)(l->h > l->w ? l->h : l->w) * ld;
    tb_attention a = {.n = l->n,
                      .n_queries = l->h,
                      .n_keys = l->w,
                      .n_heads = l->c_in,
                      .head_dim = l->c_out,
                      .scale = 0.15f,
                      .ldq = ld,
                      .ldk = ld,
                      .ldv = ld,
                      .ldo = ld};
    tb_attention_run(nn, run->out, run->in, run->in + len, run->in + 2 * len, &a);
}

void layer_forward(tb_nn *nn, void *user)
{
    const layer_run *run = user;
    const layer *l = run->l;
    int64_t rows = (int64_t)l->n * l->h * l->w;
    tb_norm norm = {.n_channels = l->c_in, .n_groups = N_GROUPS, .eps = 1e-5f};
    if (run->gain != NULL) {
        norm.gain = run->gain;
        norm.shift = run->gain + l->c_in;
    }
    switch (l->kind) {
    case LAYER_LINEAR:
        tb_linear(nn, run->out, run->in, rows, &run->conv.matrix, NULL);
        break;
    case LAYER_CONV:
        tb_conv2d(nn, run->out, run->in, l->n, l->h, l->w, &run->conv, NULL);
        break;
    case LAYER_ATTENTION:
        attend(nn, run);
        break;
    case LAYER_GROUP_NORM:
        tb_group_norm(nn, run->out, run->in, l->n, (int64_t)l->h * l->w, &norm, true);
        break;
    case LAYER_LAYER_NORM:
        tb_layer_norm(nn, run->out, run->in, rows, &norm);
        break;
    case LAYER_GEGLU:
        tb_linear_geglu(nn, run->out, run->in, rows, &run->conv.matrix, &run->gate);
        break;
    default:
        tb_activate(nn, run->out, run->in, (size_t)rows * (size_t)l->c_out, TB_ACTIVATION_GELU);
        break;
    }
}
