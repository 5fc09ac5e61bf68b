#include "network_cases.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"

enum {
    PANEL_FLOATS = TB_GEMM_DEPTH * TB_GEMM_COLUMNS,
    MAX_PANELS = CASE_GEMM_WIDTH / TB_GEMM_COLUMNS
};

static void run_gemm(const tb_network_kernels *k, float *out, const case_inputs *in)
{
    k->gemm(&(tb_gemm_block){.c = out,
                             .ldc = in->ld,
                             .a = in->a,
                             .lda = in->lda,
                             .b = in->panels,
                             .ldb = (size_t)in->depth * TB_GEMM_COLUMNS,
                             .m = in->n_rows,
                             .n_panels = in->width / TB_GEMM_COLUMNS,
                             .k = in->depth,
                             .adds = in->flag});
}

static void run_widen_f16(const tb_network_kernels *k, float *out, const case_inputs *in)
{
    k->widen_f16(out, in->halves, (size_t)in->width);
}

static void run_widen_bf16(const tb_network_kernels *k, float *out, const case_inputs *in)
{
    k->widen_bf16(out, in->halves, (size_t)in->width);
}

/* Rows of the output are those of the panel, so the depth. */
static void run_pack_rows(const tb_network_kernels *k, float *out, const case_inputs *in)
{
    k->pack_rows(out, in->a, in->lda, 1 + in->depth % TB_GEMM_COLUMNS, in->n_rows);
}

static void run_add(const tb_network_kernels *k, float *out, const case_inputs *in)
{
    k->add(out, in->a, in->b, (size_t)in->width);
}

static void run_add_twice(const tb_network_kernels *k, float *out, const case_inputs *in)
{
    k->add_twice(out, in->a, in->b, in->c, (size_t)in->width);
}

static void run_silu(const tb_network_kernels *k, float *out, const case_inputs *in)
{
    k->silu(out, in->a, (size_t)in->width);
}

static void run_quick_gelu(const tb_network_kernels *k, float *out, const case_inputs *in)
{
    k->quick_gelu(out, in->a, (size_t)in->width);
}

static void run_gelu(const tb_network_kernels *k, float *out, const case_inputs *in)
{
    k->gelu(out, in->a, (size_t)in->width);
}

static void run_geglu(const tb_network_kernels *k, float *out, const case_inputs *in)
{
    k->geglu(out, in->a, in->b, (size_t)in->width);
}

static void run_scale(const tb_network_kernels *k, float *out, const case_inputs *in)
{
    k->scale(out, in->a, in->b[0], (size_t)in->width);
}

static void run_scale_shift(const tb_network_kernels *k, float *out, const case_inputs *in)
{
    k->scale_shift(out, in->a, in->ld, in->b, in->c, in->n_rows, in->width, in->flag);
}

/* Two rows of output: the sums, the squares. */
static void run_channel_moments(const tb_network_kernels *k, float *out, const case_inputs *in)
{
    k->channel_moments(out, out + in->ld, in->a, in->lda, 1 + in->depth % TB_MOMENT_ROWS,
                       in->width);
}

static void run_layer_norm(const tb_network_kernels *k, float *out, const case_inputs *in)
{
    k->layer_norm(out, in->a, in->b, in->c, in->width, 1e-5f);
}

/* Weights, then rows of largest scores, sums and factors; -FLT_MAX for the first of blocks. */
static void run_softmax(const tb_network_kernels *k, float *out, const case_inputs *in)
{
    int n = in->n_rows - 3;
    float *state = out + (size_t)n * TB_GEMM_COLUMNS;
    for (int i = 0; i < TB_GEMM_COLUMNS; i++) {
        state[i] = in->flag ? -FLT_MAX : in->b[i];
        state[TB_GEMM_COLUMNS + i] = in->flag ? 0 : in->c[i];
    }
    k->softmax(&(tb_softmax_block){.weights = out,
                                   .scores = in->a,
                                   .ld = in->lda,
                                   .n = n,
                                   .max = state,
                                   .sum = state + TB_GEMM_COLUMNS,
                                   .factor = state + 2 * TB_GEMM_COLUMNS});
}

const network_case network_cases[] = {
    {"gemm", run_gemm, 1, CASE_MAX_ROWS, CASE_GEMM_WIDTH,
     .digest = "c22bfb9e5ac9787db2a99457ff650cbe0b7acaefb1c6ab1e5632a61a4b5c5036"},
    {"widen_f16", run_widen_f16, 1, 1, CASE_MAX_WIDTH,
     .digest = "def653d8f9ecafe1157ea68ef9670937361bf1eb154a43ab492e6dce5b2dfbc6"},
    {"widen_bf16", run_widen_bf16, 1, 1, CASE_MAX_WIDTH,
     .digest = "1cdcddddaa5fde3292962a82461e1f51facbf75351e7036acb1fc1386b009515"},
    {"pack_rows", run_pack_rows, 1, CASE_MAX_ROWS, -TB_GEMM_COLUMNS, true,
     .digest = "0f9ae291beb3a42e977759af6956e92ed1aea73ea706b2517dec5701e063238f"},
    {"add", run_add, 1, 1, CASE_MAX_WIDTH, .is_map = true,
     .digest = "42233495d8c02cba383a63419d9e6e4d06da756d0eaa9311b835271f1a2f66dd"},
    {"add_twice", run_add_twice, 1, 1, CASE_MAX_WIDTH, .is_map = true,
     .digest = "6a8b2e713a26d2dae13c24a85c4fb3ff0fff0aa57393789693dbd2ce877a2225"},
    {"silu", run_silu, 1, 1, CASE_MAX_WIDTH, .is_map = true,
     .digest = "d18d24d8eacb70992dbeaf84a7f8983861c870b55ac7fada422d7dd042a0c2ea"},
    {"quick_gelu", run_quick_gelu, 1, 1, CASE_MAX_WIDTH, .is_map = true,
     .digest = "30b9bf04fa7c10bb769f68509a3a223faca069868bd5b46bb9deaf9e967d83e9"},
    {"gelu", run_gelu, 1, 1, CASE_MAX_WIDTH, .is_map = true,
     .digest = "fe165118f7f118b07fa16a3bd65b0cd1818747359423da03c47d23233729a35e"},
    {"geglu", run_geglu, 1, 1, CASE_MAX_WIDTH, .is_map = true,
     .digest = "d7f076a28c34f472f8475aaf302ee66395b6059d4f712cb8b4da9370b781a4d2"},
    {"scale", run_scale, 1, 1, CASE_MAX_WIDTH, .is_map = true,
     .digest = "75700afb8fb058e2544430b13bfbaf48ffec66e0571d07d94d84ab0d560e7b5d"},
    {"scale_shift", run_scale_shift, 1, 12, CASE_MAX_WIDTH, .is_map = true,
     .digest = "42c76eca9b634d9e3377c4b328a77c2d4b95d2b0717673dd22177b213c8ed631"},
    {"channel_moments", run_channel_moments, 2, 2, CASE_MAX_WIDTH,
     .digest = "b86105101d7652778c87c6e46625aee3896998e3ce7d274fe826d6980c29cf8b"},
    {"layer_norm", run_layer_norm, 1, 1, CASE_MAX_WIDTH, .is_map = true,
     .digest = "31550dfcdefbfb8cdc63777b689732a4e937e905bff621f335ef7309d6355b0d"},
    {"softmax", run_softmax, 4, CASE_MAX_ROWS, -TB_GEMM_COLUMNS, true,
     .digest = "bc6ae86cccd396d95d9f675bb25d89d732d44eef3c0f3b8d1fb37357b4c07b0d"},
};
const int n_network_cases = sizeof network_cases / sizeof *network_cases;

static int draw_int(uint64_t seed, uint64_t index, int from, int to)
{
    return from + (int)(tb_random_at(seed, index) % (uint64_t)(to - from + 1));
}

static float draw_value(uint64_t seed, uint64_t index, case_values values)
{
    static const float extremes[] = {INFINITY,     -INFINITY, NAN,    0.0f,    -0.0f,   0x1p-149f,
                                     -0x1.8p-130f, 0x1p-126f, 3e38f,  -3e38f,  88.72f,  88.73f,
                                     -87.33f,      -87.34f,   200.0f, -200.0f, -88.4f,  88.4f,
                                     0x1p-70f,     -1e-20f,   1e20f,  -13.2f,  -700.0f, 0.5f};
    uint64_t drawn = tb_random_at(seed, index);
    if (values == CASE_EXTREMES && drawn % 5 == 0)
        return extremes[drawn / 5 % (sizeof extremes / sizeof *extremes)];
    return (float)((double)(int64_t)drawn * 0x1p-60);
}

void case_fill(float *out, size_t n, uint64_t seed, case_values values)
{
    for (size_t i = 0; i < n; i++)
        out[i] = draw_value(seed, i, values);
}

static void draw_shape(case_inputs *in, const network_case *c, uint64_t seed)
{
    in->n_rows = draw_int(seed, 0, c->min_rows, c->max_rows);
    in->width = c->max_width < 0 ? -c->max_width : draw_int(seed, 1, 1, c->max_width);
    if (c->max_width == CASE_GEMM_WIDTH) /* whole panels */
        in->width = TB_GEMM_COLUMNS * draw_int(seed, 2, 1, MAX_PANELS);
    in->depth = draw_int(seed, 3, 1, TB_GEMM_DEPTH);
    in->ld = (size_t)in->width + (size_t)(c->is_packed ? 0 : draw_int(seed, 4, 0, 9));
    int least = c->max_width == CASE_MAX_WIDTH ? in->width : TB_GEMM_DEPTH;
    in->lda = (size_t)least + (size_t)draw_int(seed, 5, 0, 9);
    in->flag = draw_int(seed, 6, 0, 1) == 1;
}

case_inputs *case_inputs_new(const network_case *c, uint64_t seed, case_values values)
{
    case_inputs *in = calloc(1, sizeof *in);
    size_t each = sizeof(float) * (CASE_FLOATS + 32),
           panels = sizeof(float) * MAX_PANELS * PANEL_FLOATS;
    char *memory = in != NULL ? aligned_alloc(64, panels + 4 * each) : NULL;
    if (memory == NULL) {
        free(in);
        return NULL;
    }
    in->memory = memory;
    in->panels = (float *)memory;
    case_fill(in->panels, MAX_PANELS * PANEL_FLOATS, tb_random_at(seed, 24), values);
    float **const arrays[] = {&in->a, &in->b, &in->c};
    for (uint64_t i = 0; i < 3; i++) {
        *arrays[i] = (float *)(memory + panels + i * each) + draw_int(seed, 10 + i, 0, 15);
        case_fill(*arrays[i], i == 0 ? CASE_FLOATS : CASE_ROW_FLOATS, tb_random_at(seed, 20 + i),
                  values);
    }
    in->halves = (uint16_t *)(memory + panels + 3 * each) + draw_int(seed, 13, 0, 15);
    for (size_t i = 0; i < CASE_ROW_FLOATS; i++)
        in->halves[i] = (uint16_t)tb_random_at(seed ^ 1, i);
    draw_shape(in, c, seed);
    return in;
}

void case_inputs_free(case_inputs *in)
{
    if (in != NULL)
        free(in->memory);
    free(in);
}

void case_join_nans(float *v, size_t n)
{
    static const uint32_t bits = 0x7fc00000;
    for (size_t i = 0; i < n; i++)
        if (isnan(v[i]))
            memcpy(&v[i], &bits, sizeof bits);
}
