/*
 * The one matrix product behind linear layers and convolutions: rows of A from anywhere, times the
 * panels of a tb_matrix. Tiles of rows and groups of panels are the tasks; the order of operations
 * for each element is that of tb_linear whatever the tiles are.
 */
#ifndef TB_NN_PRODUCT_H
#define TB_NN_PRODUCT_H

#include "engine/kernels/network.h"
#include "engine/nn/matrix.h"

typedef struct tb_product_rows {
    const float *at; /* the first row's first element */
    size_t ld;       /* floats from row to row */
} tb_product_rows;

typedef struct tb_product {
    const tb_matrix *w;
    const tb_matrix *gate; /* of w's shape: out = (A W^T + bias) * gelu(A G^T + bias); NULL: none */
    int64_t n_rows;
    float *out;            /* [n_rows][w->n_out] */
    const float *residual; /* as out, may be out; NULL: none */
    /* Rows row .. row+n_rows-1 (n_rows <= TB_PRODUCT_ROWS), columns k .. k+n_k-1 of A; `room` has
     * n_rows * n_k floats for those that are put together. Called by many threads. */
    tb_product_rows (*rows)(const void *user, int64_t row, int n_rows, int k, int n_k, float *room);
    const void *user;
} tb_product;

enum { TB_PRODUCT_ROWS = 192 };

/* A sum of n products is made of equal blocks, as few as hold TB_GEMM_DEPTH of them. */
static inline int tb_product_depth(int n)
{
    enum { STEP = 4 }; /* some kernels load four numbers of A at once */
    int n_blocks = (n + TB_GEMM_DEPTH - 1) / TB_GEMM_DEPTH;
    return ((n + n_blocks - 1) / n_blocks + STEP - 1) / STEP * STEP;
}

void tb_product_run(tb_nn *nn, const tb_product *product);

#endif
