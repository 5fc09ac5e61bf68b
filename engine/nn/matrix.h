/*
 * Weights of a linear layer or convolution, packed for the kernels: panels of 16 outputs, [ceil(
 * n_out / 16)][n_in][16], in the width that the file has them (halves stay halves).
 */
#ifndef TB_NN_MATRIX_H
#define TB_NN_MATRIX_H

#include "engine/nn/nn.h"
#include "engine/tensor/tensor.h"

typedef struct tb_matrix {
    tb_dtype dtype; /* F32, F16 or BF16 */
    int n_out, n_in;
    void *panels; /* owned, 64-byte aligned */
    float *bias;  /* owned [n_out]; NULL: none */
} tb_matrix;

/*
 * weight: [out, in], or [out, in, kh, kw] whose inputs are then ordered (ky, kx, in); bias: [out]
 * or NULL. Shapes are the caller's to check. Other types than F16 and BF16 become F32. BAD_FILE
 * names a tensor with a value that is not finite. NO_MEMORY. On failure nothing is held.
 */
TB_MUST_USE tb_status tb_matrix_pack(tb_matrix *matrix, const tb_tensor *weight,
                                     const tb_tensor *bias, tb_error *err);
/* Rows first .. first+n-1 of weight (and bias) only: for one of several layers in one tensor. */
TB_MUST_USE tb_status tb_matrix_pack_rows(tb_matrix *matrix, const tb_tensor *weight,
                                          const tb_tensor *bias, int first, int n, tb_error *err);
void tb_matrix_deinit(tb_matrix *matrix); /* accepts a zeroed one */
size_t tb_matrix_bytes(const tb_matrix *matrix);

/* All of a tensor as floats, finite or BAD_FILE; owned (free). For gains, shifts, tables. */
TB_MUST_USE tb_status tb_floats_load(const tb_tensor *tensor, float **out, tb_error *err);

/* out[rows][n_out] = in[rows][n_in] W^T + bias (+ residual[rows][n_out], which may be out or NULL).
 * Each element: blocks of tb_product_depth(n_in) products summed by the kernel and added in order;
 * then the bias; then the residual. out is not in. */
void tb_linear(tb_nn *nn, float *out, const float *in, int64_t rows, const tb_matrix *w,
               const float *residual);
/* out[rows][n_out] = (in W^T + bias) * gelu(in G^T + bias of the gate), as tb_linear makes both;
 * the gate G has w's shape (GEGLU, Shazeer 2020). out is not in. */
void tb_linear_geglu(tb_nn *nn, float *out, const float *in, int64_t rows, const tb_matrix *w,
                     const tb_matrix *gate);

#endif
