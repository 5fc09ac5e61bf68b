#include "engine/nn/matrix.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/nn/product.h"
#include "engine/os/scratch.h"

enum { LANES = 16, CHUNK = 64 /* inputs of 16 rows and 9 taps stay in the first-level cache */ };

/* Rows of a weight as they are found in memory: element (row, c, y, x) is data[row * rows + c *
 * inputs + y * taps_y + x * taps_x], of 2 or 4 bytes. */
typedef struct rows_view {
    const unsigned char *data;
    int64_t rows, inputs, taps_y, taps_x; /* strides in elements */
    int c_in, h, w;
} rows_view;

static rows_view view_of(const tb_tensor *weight)
{
    rows_view v = {.data = weight->data, .rows = weight->stride[0], .inputs = weight->stride[1]};
    int x = weight->rank - 1;
    v.c_in = (int)weight->shape[1];
    v.h = weight->rank > 3 ? (int)weight->shape[2] : 1;
    v.w = weight->rank > 2 ? (int)weight->shape[x] : 1;
    v.taps_y = weight->rank > 3 ? weight->stride[2] : 0;
    v.taps_x = weight->rank > 2 ? weight->stride[x] : 0;
    return v;
}

/* Of rows that were copied one behind the other. */
static rows_view view_of_copy(const tb_tensor *weight, const float *copy)
{
    rows_view v = view_of(weight);
    v.data = (const unsigned char *)copy;
    v.taps_x = 1;
    v.taps_y = v.w;
    v.inputs = (int64_t)v.w * v.h;
    v.rows = v.inputs * v.c_in;
    return v;
}

static uint16_t load_16(const unsigned char *at)
{
    uint16_t x;
    memcpy(&x, at, sizeof x);
    return x;
}

static uint32_t load_32(const unsigned char *at)
{
    uint32_t x;
    memcpy(&x, at, sizeof x);
    return x;
}

/* Inputs of one tap of 16 rows to out[n][16]: lane[l] is the first one's byte of row l, the next is
 * `step` bytes on. Four rows at a time, so that few passes write each line of the panel. */
static void pack_16(uint16_t *out, const unsigned char *const lane[LANES], int64_t step, int n)
{
    for (int l = 0; l < LANES; l += 4) {
        const unsigned char *a = lane[l], *b = lane[l + 1], *c = lane[l + 2], *d = lane[l + 3];
        uint16_t *at = out + l;
        for (int i = 0; i < n; i++, at += LANES, a += step, b += step, c += step, d += step) {
            at[0] = load_16(a);
            at[1] = load_16(b);
            at[2] = load_16(c);
            at[3] = load_16(d);
        }
    }
}

static void pack_32(uint32_t *out, const unsigned char *const lane[LANES], int64_t step, int n)
{
    for (int l = 0; l < LANES; l += 4) {
        const unsigned char *a = lane[l], *b = lane[l + 1], *c = lane[l + 2], *d = lane[l + 3];
        uint32_t *at = out + l;
        for (int i = 0; i < n; i++, at += LANES, a += step, b += step, c += step, d += step) {
            at[0] = load_32(a);
            at[1] = load_32(b);
            at[2] = load_32(c);
            at[3] = load_32(d);
        }
    }
}

/* What an exponent of ones does to words of values: one more of it carries to the sign's place. */
typedef struct finite_test {
    uint64_t exponents, ones, signs;
} finite_test;

static finite_test finite_test_of(tb_dtype dtype)
{
    static const finite_test f16 = {0x7c007c007c007c00, 0x0400040004000400, 0x8000800080008000};
    static const finite_test bf16 = {0x7f807f807f807f80, 0x0080008000800080, 0x8000800080008000};
    static const finite_test f32 = {0x7f8000007f800000, 0x0080000000800000, 0x8000000080000000};
    return dtype == TB_DTYPE_F16 ? f16 : dtype == TB_DTYPE_BF16 ? bf16 : f32;
}

/* No value of `n_bytes`, a multiple of 8, is infinite or none. */
static bool all_finite(const void *values, size_t n_bytes, tb_dtype dtype)
{
    finite_test t = finite_test_of(dtype);
    uint64_t carries = 0;
    for (size_t i = 0; i < n_bytes; i += sizeof carries) {
        uint64_t word;
        memcpy(&word, (const char *)values + i, sizeof word);
        carries |= (word & t.exponents) + t.ones;
    }
    return (carries & t.signs) == 0;
}

/* n inputs of one tap at panel position `at`; zeros behind the last row. */
static bool pack_part(const tb_matrix *m, size_t at, const unsigned char *const lane[LANES],
                      int n_lanes, int64_t inputs, int n)
{
    size_t size = tb_dtype_size(m->dtype);
    unsigned char *out = (unsigned char *)m->panels + at * size;
    if (size == sizeof(float))
        pack_32((uint32_t *)out, lane, inputs * (int64_t)size, n);
    else
        pack_16((uint16_t *)out, lane, inputs * (int64_t)size, n);
    for (int c = 0; c < n && n_lanes < LANES; c++)
        memset(out + (size_t)(c * LANES + n_lanes) * size, 0, (size_t)(LANES - n_lanes) * size);
    return all_finite(out, (size_t)n * LANES * size, m->dtype);
}

/* Rows first .. of the view to the panel `panel`. */
static bool pack_panel(const tb_matrix *m, const rows_view *v, int64_t first, int n_lanes,
                       int panel)
{
    int64_t size = (int64_t)tb_dtype_size(m->dtype);
    const unsigned char *lane[LANES];
    bool is_finite = true;
    for (int c = 0; c < v->c_in; c += CHUNK)
        for (int tap = 0; tap < v->h * v->w; tap++) {
            int64_t offset = c * v->inputs + tap / v->w * v->taps_y + tap % v->w * v->taps_x;
            for (int l = 0; l < LANES; l++) { /* lanes behind the last row are cleared later */
                int64_t row = first + (l < n_lanes ? l : 0);
                lane[l] = v->data + (row * v->rows + offset) * size;
            }
            size_t k = (size_t)tap * (size_t)v->c_in + (size_t)c;
            int n = v->c_in - c < CHUNK ? v->c_in - c : CHUNK;
            is_finite &= pack_part(m, ((size_t)panel * (size_t)m->n_in + k) * LANES, lane, n_lanes,
                                   v->inputs, n);
        }
    return is_finite;
}

/* Names the first value of at .. at+n-1 that is not finite. */
static tb_status fail_not_finite(const tb_tensor *tensor, int64_t at, int64_t n, tb_error *err)
{
    float values[256];
    for (int64_t end = at + n; at < end; at += 256) {
        int len = end - at < 256 ? (int)(end - at) : 256, i = 0;
        tb_tensor_read(tensor, at, len, values);
        while (i < len && isfinite(values[i]))
            i++;
        if (i == len)
            continue;
        int64_t index[TB_TENSOR_MAX_RANK], left = at + i;
        for (int d = tensor->rank - 1; d >= 0; d--) {
            index[d] = left % tensor->shape[d];
            left /= tensor->shape[d];
        }
        char text[160];
        tb_shape_format(index, tensor->rank, text, sizeof text);
        tb_status st = tb_fail(err, TIMBRE_BAD_FILE, "tensor '%.200s' has the value %g at %s",
                               tensor->name, (double)values[i], text);
        tb_fix(err, "the model's file is damaged, or was saved from a training that failed: get "
                    "another copy");
        return st;
    }
    return TIMBRE_OK;
}

/* at .. at+n-1 of a tensor as floats, owned. */
static tb_status load_range(const tb_tensor *tensor, int64_t at, int64_t n, float **out,
                            tb_error *err)
{
    *out = tb_floats_alloc((size_t)n + 1); /* a whole number of words */
    if (*out == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %lld values of '%.200s'", (long long)n,
                       tensor->name);
    tb_tensor_read(tensor, at, n, *out);
    (*out)[n] = 0;
    if (all_finite(*out, ((size_t)n + 1) / 2 * sizeof(uint64_t), TB_DTYPE_F32))
        return TIMBRE_OK;
    free(*out);
    *out = NULL;
    return fail_not_finite(tensor, at, n, err);
}

tb_status tb_floats_load(const tb_tensor *tensor, float **out, tb_error *err)
{
    return load_range(tensor, 0, tensor->n_elements, out, err);
}

/* Types that are kept go straight from the file; others by a copy of 16 rows as floats. */
static tb_status pack_panels(tb_matrix *m, const tb_tensor *weight, int first, tb_error *err)
{
    bool is_kept = weight->dtype == m->dtype;
    rows_view direct = view_of(weight);
    bool is_finite = true;
    tb_status st = TIMBRE_OK;
    for (int row = 0; row < m->n_out && is_finite && st == TIMBRE_OK; row += LANES) {
        int n = m->n_out - row < LANES ? m->n_out - row : LANES;
        if (is_kept) {
            is_finite = pack_panel(m, &direct, first + row, n, row / LANES);
            continue;
        }
        float *copy;
        st = load_range(weight, (int64_t)(first + row) * m->n_in, (int64_t)n * m->n_in, &copy, err);
        if (st != TIMBRE_OK)
            break;
        rows_view copied = view_of_copy(weight, copy);
        is_finite = pack_panel(m, &copied, 0, n, row / LANES);
        free(copy);
    }
    if (st == TIMBRE_OK && !is_finite)
        st = fail_not_finite(weight, (int64_t)first * m->n_in, (int64_t)m->n_out * m->n_in, err);
    return st;
}

static size_t panels_bytes(const tb_matrix *m)
{
    size_t n_panels = ((size_t)m->n_out + LANES - 1) / LANES;
    return n_panels * LANES * (size_t)m->n_in * tb_dtype_size(m->dtype);
}

/* Inputs of a row; false: more than an int counts. */
static bool count_inputs(const tb_tensor *weight, int *n_in)
{
    int64_t n = 1;
    for (int d = 1; d < weight->rank; d++)
        if (__builtin_mul_overflow(n, weight->shape[d], &n))
            return false;
    *n_in = (int)n;
    return n >= 0 && n <= INT_MAX / 2;
}

tb_status tb_matrix_pack_rows(tb_matrix *matrix, const tb_tensor *weight, const tb_tensor *bias,
                              int first, int n, tb_error *err)
{
    assert(weight->rank >= 2 && weight->rank <= 4 && first >= 0 && n >= 0);
    assert(first <= weight->shape[0] - n);
    bool is_half = weight->dtype == TB_DTYPE_F16 || weight->dtype == TB_DTYPE_BF16;
    *matrix = (tb_matrix){.dtype = is_half ? weight->dtype : TB_DTYPE_F32, .n_out = n};
    if (!count_inputs(weight, &matrix->n_in))
        return tb_fail(err, TIMBRE_BAD_FILE, "tensor '%.200s' has more than %d inputs",
                       weight->name, INT_MAX / 2);
    size_t bytes = panels_bytes(matrix);
    tb_status st = TIMBRE_OK;
    matrix->panels = tb_floats_alloc(bytes / sizeof(float) + 1);
    if (matrix->panels == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %zu bytes of '%.200s'", bytes,
                     weight->name);
    if (st == TIMBRE_OK)
        st = pack_panels(matrix, weight, first, err);
    if (st == TIMBRE_OK && bias != NULL)
        st = load_range(bias, first, n, &matrix->bias, err);
    if (st != TIMBRE_OK)
        tb_matrix_deinit(matrix);
    return st;
}

tb_status tb_matrix_pack(tb_matrix *matrix, const tb_tensor *weight, const tb_tensor *bias,
                         tb_error *err)
{
    if (weight->shape[0] > INT_MAX / 2) {
        *matrix = (tb_matrix){0};
        return tb_fail(err, TIMBRE_BAD_FILE, "tensor '%.200s' has more than %d outputs",
                       weight->name, INT_MAX / 2);
    }
    return tb_matrix_pack_rows(matrix, weight, bias, 0, (int)weight->shape[0], err);
}

void tb_matrix_deinit(tb_matrix *matrix)
{
    free(matrix->panels);
    free(matrix->bias);
    *matrix = (tb_matrix){0};
}

size_t tb_matrix_bytes(const tb_matrix *matrix)
{
    return panels_bytes(matrix) +
           (matrix->bias != NULL ? sizeof(float) * (size_t)matrix->n_out : 0);
}

typedef struct linear {
    const float *in;
    size_t n_in;
} linear;

static tb_product_rows linear_rows(const void *user, int64_t row, int n_rows, int k, int n_k,
                                   float *room)
{
    const linear *l = user;
    return (tb_product_rows){l->in + (size_t)row * l->n_in + k, l->n_in};
}

void tb_linear(tb_nn *nn, float *out, const float *in, int64_t rows, const tb_matrix *w,
               const float *residual)
{
    linear l = {in, (size_t)w->n_in};
    tb_product_run(nn, &(tb_product){.w = w,
                                     .n_rows = rows,
                                     .out = out,
                                     .residual = residual,
                                     .rows = linear_rows,
                                     .user = &l});
}

void tb_linear_geglu(tb_nn *nn, float *out, const float *in, int64_t rows, const tb_matrix *w,
                     const tb_matrix *gate)
{
    assert(gate->n_in == w->n_in && gate->n_out == w->n_out);
    linear l = {in, (size_t)w->n_in};
    tb_product_run(
        nn, &(tb_product){
                .w = w, .gate = gate, .n_rows = rows, .out = out, .rows = linear_rows, .user = &l});
}
