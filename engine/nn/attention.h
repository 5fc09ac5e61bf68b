/*
 * Scaled dot-product attention (Vaswani et al. 2017) with online softmax (Milakov & Gimelshein
 * 2018) in tiles of queries and keys (Dao et al. 2022): no row of all scores is ever there.
 *
 * Keys go by in blocks. Of those so far a query has the largest score m, the sum l of the weights
 * 2^(s - m), s being scores times scale * log2(e), and the sum o of weights times values. A block
 * whose largest score is m' takes these to
 *   M = max(m, m'), l = l 2^(m - M) + sum of 2^(s - M), o = o 2^(m - M) + sum of 2^(s - M) v
 * and the result is o * (1 / l).
 */
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
 * out[n, n_queries, channels] = softmax(q k^T * scale) v; out overlaps none of the others.
 *
 * Bits: queries are rounded once when multiplied by scale * log2(e). Blocks of keys are as many as
 * the head's width alone says; their products with queries and values are those of the gemm kernel,
 * what network.h says of its order and of softmax's holds.
 *
 * A key whose score is -infinity counts as if it were not there; where all are, and where a score
 * is +infinity or NaN, the row is NaN. Keys that a causal query does not see have weight 0, which
 * makes NaN of values that are no numbers.
 *
 * Memory: values once more, transposed; scratch of a tile, which does not grow with the keys.
 */
void tb_attention_run(tb_nn *nn, float *out, const float *q, const float *k, const float *v,
                      const tb_attention *attention);

#endif
