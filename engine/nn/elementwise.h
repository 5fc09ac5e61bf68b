/* What is done to each element, on all threads. */
#ifndef TB_NN_ELEMENTWISE_H
#define TB_NN_ELEMENTWISE_H

#include "engine/nn/nn.h"

typedef enum tb_activation {
    TB_ACTIVATION_SILU,
    TB_ACTIVATION_GELU,
    TB_ACTIVATION_QUICK_GELU
} tb_activation;

/* out may be an input, for all of these. */
void tb_activate(tb_nn *nn, float *out, const float *in, size_t n, tb_activation activation);
/* out[n, positions, c] = in + row[n, c] at every position. */
void tb_add_rows(tb_nn *nn, float *out, const float *in, int n, int64_t positions, int c,
                 const float *row);
/* out[positions, ca + cb] = a[positions, ca] beside b[positions, cb]. */
void tb_concat(tb_nn *nn, float *out, const float *a, int ca, const float *b, int cb,
               int64_t positions);

#endif
