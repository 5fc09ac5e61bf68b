/*
 * Elements of a tensor as floats, whatever their type, order and alignment. The files are
 * little-endian and so are the machines that this runs on.
 */
#include <string.h>

#include "engine/tensor/tensor.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "elements are read as they lie in memory");

static inline float float_of_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* Exponent and mantissa are moved into place and the difference of the biases (127 - 15) is
 * multiplied in: exact, for subnormal halves too. Exponent 31 is infinity or NaN, payload kept. */
static inline float float_of_half(uint16_t half)
{
    uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13, sign = (uint32_t)(half & 0x8000) << 16;
    float scaled = float_of_bits(magnitude) * 0x1p112f;
    uint32_t bits;
    memcpy(&bits, &scaled, sizeof bits);
    if ((half & 0x7c00) == 0x7c00)
        bits = magnitude | 0x7f800000;
    return float_of_bits(bits | sign);
}

static inline float float_of_bfloat(uint16_t bits)
{
    return float_of_bits((uint32_t)bits << 16);
}

static inline float float_of_bool(uint8_t byte)
{
    return byte != 0 ? 1.0F : 0.0F;
}

/* n elements, step_bytes from one to the next, from an address of any alignment. */
typedef void widen(const unsigned char *from, int64_t step_bytes, int64_t n, float *out);

#define WIDEN(name, type, expression)                                                              \
    static void name(const unsigned char *from, int64_t step_bytes, int64_t n, float *out)         \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                          \
            type v;                                                                                \
            memcpy(&v, from + i * step_bytes, sizeof v);                                           \
            out[i] = (expression);                                                                 \
        }                                                                                          \
    }

WIDEN(widen_f32, float, v)
WIDEN(widen_f16, uint16_t, float_of_half(v))
WIDEN(widen_bf16, uint16_t, float_of_bfloat(v))
WIDEN(widen_f64, double, (float)v)
WIDEN(widen_i64, int64_t, (float)v)
WIDEN(widen_i32, int32_t, (float)v)
WIDEN(widen_i16, int16_t, (float)v)
WIDEN(widen_i8, int8_t, (float)v)
WIDEN(widen_u8, uint8_t, (float)v)
WIDEN(widen_bool, uint8_t, float_of_bool(v))

static widen *const widen_table[TB_DTYPE_COUNT] = {
    [TB_DTYPE_F32] = widen_f32,   [TB_DTYPE_F16] = widen_f16, [TB_DTYPE_BF16] = widen_bf16,
    [TB_DTYPE_F64] = widen_f64,   [TB_DTYPE_I64] = widen_i64, [TB_DTYPE_I32] = widen_i32,
    [TB_DTYPE_I16] = widen_i16,   [TB_DTYPE_I8] = widen_i8,   [TB_DTYPE_U8] = widen_u8,
    [TB_DTYPE_BOOL] = widen_bool,
};

static void read_contiguous(const tb_tensor *tensor, int64_t at, int64_t n, float *out)
{
    int64_t size = (int64_t)tb_dtype_size(tensor->dtype);
    const unsigned char *from = (const unsigned char *)tensor->data + at * size;
    if (tensor->dtype == TB_DTYPE_F32)
        memcpy(out, from, (size_t)n * sizeof *out);
    else
        widen_table[tensor->dtype](from, size, n, out);
}

/* Runs along the last dimension; `index` counts like an odometer over the others. */
static void read_strided(const tb_tensor *tensor, int64_t at, int64_t n, float *out)
{
    int last = tensor->rank - 1;
    int64_t size = (int64_t)tb_dtype_size(tensor->dtype), index[TB_TENSOR_MAX_RANK];
    for (int d = last; d >= 0; d--) {
        index[d] = at % tensor->shape[d];
        at /= tensor->shape[d];
    }
    while (n > 0) {
        int64_t offset = 0, run = tensor->shape[last] - index[last];
        if (run > n)
            run = n;
        for (int d = 0; d <= last; d++)
            offset += index[d] * tensor->stride[d];
        widen_table[tensor->dtype]((const unsigned char *)tensor->data + offset * size,
                                   tensor->stride[last] * size, run, out);
        out += run;
        n -= run;
        index[last] = 0;
        for (int d = last - 1; d >= 0; d--) {
            if (++index[d] < tensor->shape[d])
                break;
            index[d] = 0;
        }
    }
}

void tb_tensor_read(const tb_tensor *tensor, int64_t at, int64_t n, float *out)
{
    if (n <= 0)
        return;
    if (tb_tensor_is_contiguous(tensor))
        read_contiguous(tensor, at, n, out);
    else
        read_strided(tensor, at, n, out);
}
