#include "engine/tensor/tensor.h"

#include <stdio.h>

static const struct {
    size_t size;
    const char *name;
    bool is_float;
} dtypes[TB_DTYPE_COUNT] = {
    [TB_DTYPE_F32] = {4, "fp32", true},   [TB_DTYPE_F16] = {2, "fp16", true},
    [TB_DTYPE_BF16] = {2, "bf16", true},  [TB_DTYPE_F64] = {8, "fp64", true},
    [TB_DTYPE_I64] = {8, "int64", false}, [TB_DTYPE_I32] = {4, "int32", false},
    [TB_DTYPE_I16] = {2, "int16", false}, [TB_DTYPE_I8] = {1, "int8", false},
    [TB_DTYPE_U8] = {1, "uint8", false},  [TB_DTYPE_BOOL] = {1, "bool", false},
};

size_t tb_dtype_size(tb_dtype dtype)
{
    return dtypes[dtype].size;
}

const char *tb_dtype_name(tb_dtype dtype)
{
    return dtypes[dtype].name;
}

bool tb_dtype_is_float(tb_dtype dtype)
{
    return dtypes[dtype].is_float;
}

bool tb_tensor_is_contiguous(const tb_tensor *tensor)
{
    int64_t expected = 1;
    if (tensor->n_elements <= 1)
        return true;
    for (int d = tensor->rank - 1; d >= 0; d--) {
        if (tensor->shape[d] != 1 && tensor->stride[d] != expected)
            return false;
        expected *= tensor->shape[d];
    }
    return true;
}

void tb_shape_format(const int64_t *shape, int rank, char *out, size_t cap)
{
    size_t used = 0;
    if (cap == 0)
        return;
    out[0] = '\0';
    for (int d = -1; d <= rank && used < cap; d++) {
        int n;
        if (d < 0 || d == rank)
            n = snprintf(out + used, cap - used, "%s", d < 0 ? "[" : "]");
        else
            n = snprintf(out + used, cap - used, "%s%lld", d > 0 ? ", " : "", (long long)shape[d]);
        used += n > 0 ? (size_t)n : 0;
    }
}
