/*
 * The one matrix product behind linear layers and convolutions: rows of A from anywhere, times the
 * panels of a tb_matrix. Tiles of rows and groups of panels are the tasks; the order of operations
 * for each element is that of tb_linear whatever the tiles are.
 */
#ifndef TB_NN_PRODUCT_H
#define TB_NN_PRODUCT_H

#include "engine/nn/matrix.h"

typedef struct tb_product_rows {
    const float *at; /* the first row's first element */
    size_t ld;       /* floats from row to row */
} tb_product_rows;

typedef struct tb_product {
    const tb_matrix *w;
    int64_t n_rows;
    float *out;            /* [n_rows][w->n_out] */
    const float *residual; /* as out, may be out; NULL: none */
    /* Rows row .. row+n_rows-1 (n_rows <= TB_PRODUCT_ROWS), columns k .. k+n_k-1 of A; `room` has
     * n_rows * n_k floats for those that are put together. Called by many threads. */
    tb_product_rows (*rows)(const void *user, int64_t row, int n_rows, int k, int n_k, float *room);
    const void *user;
} tb_product;

enum { TB_PRODUCT_ROWS = 96 };

void tb_product_run(tb_nn *nn, const tb_product *product);

#endif
