/*
 * What bench/guard.py counts the instructions of: each row of the table is computed once in
 * guard_run, whose calls callgrind dumps one by one. Prints "ROW WORK" in that order, WORK being
 * multiply-adds, or elements where none are counted. One thread, kernels of AVX2: valgrind knows no
 * wider ones.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/kernels/table.h"
#include "layer.h"

enum { BLOCK_ROWS = 96, BLOCK_COLUMNS = 128, BLOCK_CALLS = 3 };

typedef struct row {
    const char *name;
    layer l;
} row;

/* Large enough that what a call costs besides does not matter, small because valgrind computes a
 * fused multiply-add in some hundred instructions. */
static const row rows[] = {
    {"linear, fp16 weights", {LAYER_LINEAR, 1, 48, 1, 320, 1280, 1}},
    {"linear, few rows", {LAYER_LINEAR, 1, 2, 1, 1280, 1280, 1}},
    {"conv 3x3, stride 2", {LAYER_CONV, 1, 16, 16, 160, 160, 2}},
    {"conv 3x3, 8 pixels", {LAYER_CONV, 2, 8, 8, 160, 160, 1}},
    {"conv 3x3, 32 pixels", {LAYER_CONV, 1, 32, 32, 96, 96, 1}},
    {"conv 3x3, few channels", {LAYER_CONV, 1, 32, 32, 4, 320, 1}},
    {"attention, many keys", {LAYER_ATTENTION, 1, 96, 4096, 1, 40, 1}},
    {"attention, keys of a text", {LAYER_ATTENTION, 1, 1536, 77, 1, 40, 1}},
    {"group norm and silu", {LAYER_GROUP_NORM, 1, 32, 32, 320, 320, 1}},
    {"layer norm", {LAYER_LAYER_NORM, 1, 1024, 1, 320, 320, 1}},
    {"geglu", {LAYER_GEGLU, 1, 48, 1, 320, 640, 1}},
    {"gelu", {LAYER_GELU, 1, 256, 1, 1280, 1280, 1}},
};

typedef struct block {
    const tb_kernels *kernels;
    float *a, *b, *c; /* [rows][depth], [columns / 16][depth][16], [rows][columns] */
} block;

/* A tb_nn_work; user is a block. */
static void multiply(tb_nn *nn, void *user)
{
    const block *x = user;
    if (!tb_nn_begin(nn, 0))
        return;
    tb_gemm_block g = {.c = x->c,
                       .ldc = BLOCK_COLUMNS,
                       .a = x->a,
                       .lda = TB_GEMM_DEPTH,
                       .b = x->b,
                       .ldb = TB_GEMM_COLUMNS * TB_GEMM_DEPTH,
                       .m = BLOCK_ROWS,
                       .n_panels = BLOCK_COLUMNS / TB_GEMM_COLUMNS,
                       .k = TB_GEMM_DEPTH};
    for (int i = 0; i < BLOCK_CALLS; i++)
        x->kernels->network->gemm(&g);
}

static void ok(tb_status st, const tb_error *err)
{
    if (st == TIMBRE_OK)
        return;
    fprintf(stderr, "guard: %s\n", err->message);
    exit(EXIT_FAILURE);
}

/* Named on callgrind's command line. */
__attribute__((noinline)) void guard_run(tb_nn *nn, tb_nn_work work, void *user);
void guard_run(tb_nn *nn, tb_nn_work work, void *user)
{
    tb_error err = {0};
    ok(tb_nn_run(nn, work, user, NULL, &err), &err);
}

static void count(tb_nn *nn, const char *name, double work, tb_nn_work forward, void *user)
{
    tb_error err = {0};
    ok(tb_nn_reserve(nn, forward, user, &err), &err);
    guard_run(nn, forward, user);
    printf("%s\t%.0f\n", name, work);
    tb_nn_release(nn);
}

static void count_block(tb_nn *nn)
{
    block x = {nn->kernels, layer_floats((size_t)BLOCK_ROWS * TB_GEMM_DEPTH),
               layer_floats((size_t)BLOCK_COLUMNS * TB_GEMM_DEPTH),
               layer_floats((size_t)BLOCK_ROWS * BLOCK_COLUMNS)};
    count(nn, "gemm block", (double)BLOCK_CALLS * BLOCK_ROWS * BLOCK_COLUMNS * TB_GEMM_DEPTH,
          multiply, &x);
    free(x.a);
    free(x.b);
    free(x.c);
}

int main(void)
{
    const tb_kernels *kernels;
    tb_error err = {0};
    tb_nn nn;
    ok(tb_kernels_choose("avx2", &kernels, &err), &err);
    tb_nn_init(&nn, kernels, NULL);
    count_block(&nn);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        layer_run run;
        layer_start(&run, &rows[i].l);
        count(&nn, rows[i].name, layer_work(&rows[i].l), layer_forward, &run);
        layer_stop(&run);
    }
    tb_nn_deinit(&nn);
    return EXIT_SUCCESS;
}
