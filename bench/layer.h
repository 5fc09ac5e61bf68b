/*
 * One layer of a network with random inputs and weights, for benchmarks and the guard of
 * instruction counts. A layer's numbers mean nothing; its sizes are those of Stable Diffusion 1.5
 * or smaller.
 */
#ifndef TB_BENCH_LAYER_H
#define TB_BENCH_LAYER_H

#include <stddef.h>

#include "engine/nn/conv.h"

typedef enum layer_kind {
    LAYER_LINEAR,
    LAYER_CONV,       /* 3x3 */
    LAYER_ATTENTION,  /* n batches of h queries and w keys, c_in heads of c_out */
    LAYER_GROUP_NORM, /* of 32 groups, with silu */
    LAYER_LAYER_NORM,
    LAYER_GEGLU, /* a linear layer and its gate */
    LAYER_GELU,
    LAYER_N_KINDS
} layer_kind;

typedef struct layer {
    layer_kind kind;
    int n, h, w; /* pictures; rows in h where there are none */
    int c_in, c_out, stride;
} layer;

typedef struct layer_run {
    const layer *l;
    tb_conv conv;     /* linear: its matrix alone */
    tb_matrix gate;   /* geglu */
    float *gain;      /* [c_in], and shifts behind them: norms */
    float *in, *out;  /* attention: q, k and v behind each other */
    size_t weight_n;  /* elements of the weights; 0: none */
    double pack_time; /* seconds */
} layer_run;

const char *layer_kind_name(layer_kind kind);
/* "conv 3x3, 2 x 64 x 64, 320 -> 320, stride 1". */
void layer_format(const layer *l, char *out, size_t cap);
/* Multiply-adds, direct ones for convolutions; elements of the result for other layers. */
double layer_work(const layer *l);
/* Weights are halves of at most 1/16. Ends the program when there is no memory. */
void layer_start(layer_run *run, const layer *l);
void layer_stop(layer_run *run);
/* A tb_nn_work; user is a layer_run. */
void layer_forward(tb_nn *nn, void *user);
/* Random floats in -1..1; ends the program when there is no memory. */
float *layer_floats(size_t n);

#endif
