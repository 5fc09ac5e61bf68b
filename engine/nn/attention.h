/* Scaled dot-product attention (Vaswani et al. 2017). */
#ifndef TB_NN_ATTENTION_H
#define TB_NN_ATTENTION_H

#include "engine/nn/nn.h"

typedef struct tb_attention {
    int n;                 /* batch */
    int n_queries, n_keys; /* positions of each */
    int n_heads, head_dim; /* channels = n_heads * head_dim, heads side by side */
    bool is_causal;        /* query i sees keys 0..i */
    float scale;           /* head_dim^-1/2 */
    /* Rows of q, k, v and out in floats: channels, or more where several stand side by side. */
    size_t ldq, ldk, ldv, ldo;
} tb_attention;

/*
 * out[n, n_queries, channels] = softmax(q k^T * scale) v. Scores by the gemm kernel; each row is
 * exp((s - max) * scale); the product with v by the gemm kernel; then a true division by the row's
 * sum. Rows of scores live in scratch, a few at a time.
 */
void tb_attention_run(tb_nn *nn, float *out, const float *q, const float *k, const float *v,
                      const tb_attention *attention);

#endif
