/*
 * A tensor of a model file: name, type, shape and where its elements are. It owns nothing; the
 * weights file that it comes from keeps the bytes mapped.
 */
#ifndef TB_TENSOR_TENSOR_H
#define TB_TENSOR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

enum { TB_TENSOR_MAX_RANK = 8 };

typedef enum tb_dtype {
    TB_DTYPE_F32,
    TB_DTYPE_F16,
    TB_DTYPE_BF16,
    TB_DTYPE_F64,
    TB_DTYPE_I64,
    TB_DTYPE_I32,
    TB_DTYPE_I16,
    TB_DTYPE_I8,
    TB_DTYPE_U8,
    TB_DTYPE_BOOL,
    TB_DTYPE_COUNT
} tb_dtype;

typedef struct tb_tensor {
    const char *name; /* valid as long as the weights are open */
    tb_dtype dtype;
    int rank; /* 0: one element */
    int64_t shape[TB_TENSOR_MAX_RANK];
    int64_t stride[TB_TENSOR_MAX_RANK]; /* in elements; >= 0 */
    int64_t n_elements;                 /* product of the shape, checked; may be 0 */
    const void *data;                   /* the first element; not necessarily aligned */
    bool is_mapped;                     /* the data are pages of a file, else borrowed memory */
} tb_tensor;

size_t tb_dtype_size(tb_dtype dtype);      /* bytes of an element */
const char *tb_dtype_name(tb_dtype dtype); /* "fp32" "fp16" "bf16" "fp64" "int64" ... */
bool tb_dtype_is_float(tb_dtype dtype);

/* Elements follow each other in row-major order without gaps. */
bool tb_tensor_is_contiguous(const tb_tensor *tensor);

/* Elements at .. at+n-1 in row-major order as floats: halves widened exactly, doubles rounded once,
 * integers converted. at + n <= n_elements. */
void tb_tensor_read(const tb_tensor *tensor, int64_t at, int64_t n, float *out);

/* The same elements as they are stored: n * tb_dtype_size bytes; `out` is aligned for the type. */
void tb_tensor_copy(const tb_tensor *tensor, int64_t at, int64_t n, void *out);

/* The half nearest to a float, ties to even; beyond 65504 infinity, a NaN with the upper bits of
 * its payload. The inverse of what tb_tensor_read does to halves, for all 65,536 of them. */
uint16_t tb_half_of_float(float value);

/* "[320, 4, 3, 3]" for messages; cuts what does not fit. */
void tb_shape_format(const int64_t *shape, int rank, char *out, size_t cap);

#endif
