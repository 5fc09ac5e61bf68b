/*
 * Elements of a tensor, as floats or as they are, whatever their type, order and alignment. The
 * files are little-endian and so are the machines that this runs on.
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
typedef void take(const unsigned char *from, int64_t step_bytes, int64_t n, void *out);

#define TAKE(name, from_type, to_type, expression)                                                 \
    static void name(const unsigned char *from, int64_t step_bytes, int64_t n, void *out)          \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                          \
            from_type v;                                                                           \
            memcpy(&v, from + i * step_bytes, sizeof v);                                           \
            to_type taken = (expression);                                                          \
            memcpy((unsigned char *)out + (size_t)i * sizeof taken, &taken, sizeof taken);         \
        }                                                                                          \
    }

TAKE(widen_f32, float, float, v)
TAKE(widen_f16, uint16_t, float, float_of_half(v))
TAKE(widen_bf16, uint16_t, float, float_of_bfloat(v))
TAKE(widen_f64, double, float, (float)v)
TAKE(widen_i64, int64_t, float, (float)v)
TAKE(widen_i32, int32_t, float, (float)v)
TAKE(widen_i16, int16_t, float, (float)v)
TAKE(widen_i8, int8_t, float, (float)v)
TAKE(widen_u8, uint8_t, float, (float)v)
TAKE(widen_bool, uint8_t, float, float_of_bool(v))
TAKE(copy_1, uint8_t, uint8_t, v)
TAKE(copy_2, uint16_t, uint16_t, v)
TAKE(copy_4, uint32_t, uint32_t, v)
TAKE(copy_8, uint64_t, uint64_t, v)

static take *const widen_table[TB_DTYPE_COUNT] = {
    [TB_DTYPE_F32] = widen_f32,   [TB_DTYPE_F16] = widen_f16, [TB_DTYPE_BF16] = widen_bf16,
    [TB_DTYPE_F64] = widen_f64,   [TB_DTYPE_I64] = widen_i64, [TB_DTYPE_I32] = widen_i32,
    [TB_DTYPE_I16] = widen_i16,   [TB_DTYPE_I8] = widen_i8,   [TB_DTYPE_U8] = widen_u8,
    [TB_DTYPE_BOOL] = widen_bool,
};

/* By the size of an element. */
static take *const copy_table[] = {[1] = copy_1, [2] = copy_2, [4] = copy_4, [8] = copy_8};

static void read_contiguous(const tb_tensor *tensor, int64_t at, int64_t n, float *out)
{
    int64_t size = (int64_t)tb_dtype_size(tensor->dtype);
    const unsigned char *from = (const unsigned char *)tensor->data + at * size;
    if (tensor->dtype == TB_DTYPE_F32)
        memcpy(out, from, (size_t)n * sizeof *out);
    else
        widen_table[tensor->dtype](from, size, n, out);
}

/* Runs along the last dimension; `index` counts like an odometer over the others. What is taken of
 * an element has out_bytes. */
static void read_strided(const tb_tensor *tensor, int64_t at, int64_t n, take *run,
                         size_t out_bytes, void *out)
{
    int last = tensor->rank - 1;
    int64_t size = (int64_t)tb_dtype_size(tensor->dtype), index[TB_TENSOR_MAX_RANK];
    unsigned char *to = out;
    for (int d = last; d >= 0; d--) {
        index[d] = at % tensor->shape[d];
        at /= tensor->shape[d];
    }
    while (n > 0) {
        int64_t offset = 0, n_run = tensor->shape[last] - index[last];
        if (n_run > n)
            n_run = n;
        for (int d = 0; d <= last; d++)
            offset += index[d] * tensor->stride[d];
        run((const unsigned char *)tensor->data + offset * size, tensor->stride[last] * size, n_run,
            to);
        to += (size_t)n_run * out_bytes;
        n -= n_run;
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
        read_strided(tensor, at, n, widen_table[tensor->dtype], sizeof *out, out);
}

void tb_tensor_copy(const tb_tensor *tensor, int64_t at, int64_t n, void *out)
{
    size_t size = tb_dtype_size(tensor->dtype);
    if (n <= 0)
        return;
    if (tb_tensor_is_contiguous(tensor))
        memcpy(out, (const unsigned char *)tensor->data + (size_t)at * size, (size_t)n * size);
    else
        read_strided(tensor, at, n, copy_table[size], size, out);
}
