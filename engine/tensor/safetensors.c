/*
 * The safetensors format: u64 length of a JSON header, the header, the data. Every tensor's range
 * is checked, and that the ranges fill the data without a hole or an overlap: otherwise two
 * readers could see two models in one file. huggingface.co/docs/safetensors
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/tensor/json_limits.h"
#include "engine/tensor/weights_file.h"

enum {
    LENGTH_BYTES = 8,
    MAX_DEPTH = 3, /* header, tensor, shape */
};

static const struct {
    const char *name;
    tb_dtype dtype;
} dtypes[] = {
    {"F32", TB_DTYPE_F32},
    {"F16", TB_DTYPE_F16},
    {"BF16", TB_DTYPE_BF16},
    {"F64", TB_DTYPE_F64},
    {"I64", TB_DTYPE_I64},
    {"I32", TB_DTYPE_I32},
    {"I16", TB_DTYPE_I16},
    {"I8", TB_DTYPE_I8},
    {"U8", TB_DTYPE_U8},
    {"BOOL", TB_DTYPE_BOOL},
    /* of the format, not of ours */
    {"U16", TB_DTYPE_COUNT},
    {"U32", TB_DTYPE_COUNT},
    {"U64", TB_DTYPE_COUNT},
    {"F8_E5M2", TB_DTYPE_COUNT},
    {"F8_E4M3", TB_DTYPE_COUNT},
    {"F8_E8M0", TB_DTYPE_COUNT},
    {"F6_E2M3", TB_DTYPE_COUNT},
    {"F6_E3M2", TB_DTYPE_COUNT},
    {"F4", TB_DTYPE_COUNT},
    {"C64", TB_DTYPE_COUNT},
};

typedef struct {
    int64_t begin, end; /* bytes of the data */
    const char *name;   /* in the JSON */
} range;

typedef struct {
    tb_weights *weights;
    const unsigned char *data; /* what follows the header */
    int64_t len_data;
    range *ranges;
    size_t n_ranges;
} reader;

static tb_status parse_dtype(const json_t *value, tb_dtype *dtype, tb_error *err)
{
    const char *text = json_string_value(value);
    char shown[TB_WEIGHTS_CLEAN_BYTES];
    if (text == NULL)
        return tb_fail(err, TIMBRE_BAD_FILE, "there is no 'dtype' text");
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        if (strcmp(text, dtypes[i].name) != 0)
            continue;
        *dtype = dtypes[i].dtype;
        if (*dtype != TB_DTYPE_COUNT)
            return TIMBRE_OK;
        tb_fail(err, TIMBRE_BAD_FILE, "the type %s is not supported", text);
        tb_fix(err, "take the fp32, fp16 or bf16 form of the model");
        return TIMBRE_BAD_FILE;
    }
    return tb_fail(err, TIMBRE_BAD_FILE, "unknown dtype '%s'",
                   tb_weights_clean(text, strlen(text), shown));
}

/* Integers >= 0 of an array of at most max. *n: how many. */
static tb_status parse_integers(const json_t *array, const char *what, size_t max, int64_t *out,
                                size_t *n, tb_error *err)
{
    if (!json_is_array(array))
        return tb_fail(err, TIMBRE_BAD_FILE, "there is no '%s' array", what);
    *n = json_array_size(array);
    if (*n > max)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' has %zu numbers, possible are %zu", what, *n,
                       max);
    for (size_t i = 0; i < *n; i++) {
        const json_t *value = json_array_get(array, i);
        if (!json_is_integer(value))
            return tb_fail(err, TIMBRE_BAD_FILE, "'%s' has something other than an integer", what);
        out[i] = json_integer_value(value);
        if (out[i] < 0)
            return tb_fail(err, TIMBRE_BAD_FILE, "%lld in '%s' is negative", (long long)out[i],
                           what);
    }
    return TIMBRE_OK;
}

static tb_status check_range(const reader *r, const tb_tensor *tensor, const int64_t offsets[2],
                             tb_error *err)
{
    char shape[160];
    int64_t len_bytes;
    tb_shape_format(tensor->shape, tensor->rank, shape, sizeof shape);
    if (offsets[0] > offsets[1] || offsets[1] > r->len_data)
        return tb_fail(err, TIMBRE_BAD_FILE,
                       "the bytes %lld to %lld are out of range, the file has %lld bytes of data",
                       (long long)offsets[0], (long long)offsets[1], (long long)r->len_data);
    if (__builtin_mul_overflow(tensor->n_elements, (int64_t)tb_dtype_size(tensor->dtype),
                               &len_bytes) ||
        len_bytes != offsets[1] - offsets[0])
        return tb_fail(err, TIMBRE_BAD_FILE,
                       "the shape %s of %s does not make the %lld bytes given", shape,
                       tb_dtype_name(tensor->dtype), (long long)(offsets[1] - offsets[0]));
    return TIMBRE_OK;
}

static tb_status set_shape(tb_tensor *tensor, size_t rank, tb_error *err)
{
    tensor->rank = (int)rank;
    if (!tb_shape_product(tensor->shape, tensor->rank, &tensor->n_elements)) {
        char shape[160];
        tb_shape_format(tensor->shape, tensor->rank, shape, sizeof shape);
        return tb_fail(err, TIMBRE_BAD_FILE, "the product of the shape %s is too large", shape);
    }
    int64_t stride = 1;
    for (int d = tensor->rank - 1; d >= 0; d--) {
        tensor->stride[d] = stride;
        stride *= tensor->shape[d] > 0 ? tensor->shape[d] : 1;
    }
    return TIMBRE_OK;
}

static tb_status parse_tensor(const json_t *value, const reader *r, tb_tensor *tensor,
                              int64_t offsets[2], tb_error *err)
{
    size_t rank = 0, n_offsets = 0;
    if (!json_is_object(value))
        return tb_fail(err, TIMBRE_BAD_FILE, "its description is not an object");
    tb_status st = parse_dtype(json_object_get(value, "dtype"), &tensor->dtype, err);
    if (st == TIMBRE_OK)
        st = parse_integers(json_object_get(value, "shape"), "shape", TB_TENSOR_MAX_RANK,
                            tensor->shape, &rank, err);
    if (st == TIMBRE_OK)
        st = set_shape(tensor, rank, err);
    if (st == TIMBRE_OK)
        st = parse_integers(json_object_get(value, "data_offsets"), "data_offsets", 2, offsets,
                            &n_offsets, err);
    if (st == TIMBRE_OK && n_offsets != 2)
        st = tb_fail(err, TIMBRE_BAD_FILE, "'data_offsets' has %zu numbers in place of 2",
                     n_offsets);
    return st == TIMBRE_OK ? check_range(r, tensor, offsets, err) : st;
}

static tb_status read_tensor(reader *r, const char *name, const json_t *value, tb_error *err)
{
    tb_tensor tensor = {0};
    int64_t offsets[2] = {0};
    if (parse_tensor(value, r, &tensor, offsets, err) != TIMBRE_OK)
        return tb_weights_blame(name, strlen(name), err);
    tensor.data = r->data + offsets[0];
    r->ranges[r->n_ranges++] = (range){offsets[0], offsets[1], name};
    return tb_weights_add(r->weights, &tensor, name, strlen(name), err);
}

static tb_status read_metadata(reader *r, json_t *object, tb_error *err)
{
    const char *key;
    json_t *value;
    char shown[TB_WEIGHTS_CLEAN_BYTES];
    if (!json_is_object(object))
        return tb_fail(err, TIMBRE_BAD_FILE, "'__metadata__' is not an object");
    json_object_foreach(object, key, value)
    {
        if (!json_is_string(value))
            return tb_fail(err, TIMBRE_BAD_FILE, "'%s' in '__metadata__' is not a text",
                           tb_weights_clean(key, strlen(key), shown));
        tb_status st = tb_weights_add_metadata(r->weights, key, json_string_value(value), err);
        if (st != TIMBRE_OK)
            return st;
    }
    return TIMBRE_OK;
}

static int by_begin(const void *a, const void *b)
{
    const range *left = a, *right = b;
    if (left->begin != right->begin)
        return left->begin < right->begin ? -1 : 1;
    return (left->end > right->end) - (left->end < right->end);
}

/* The ranges follow each other from the first byte of the data to its last. */
static tb_status check_ranges(const reader *r, tb_error *err)
{
    int64_t at = 0;
    if (r->n_ranges > 1)
        qsort(r->ranges, r->n_ranges, sizeof *r->ranges, by_begin);
    for (size_t i = 0; i < r->n_ranges; i++) {
        const range *here = &r->ranges[i];
        if (here->begin != at) {
            bool is_hole = here->begin > at;
            tb_fail(err, TIMBRE_BAD_FILE, "it begins at byte %lld, %s", (long long)here->begin,
                    is_hole ? "after a hole in the data" : "inside another tensor: they overlap");
            return tb_weights_blame(here->name, strlen(here->name), err);
        }
        at = here->end;
    }
    if (at != r->len_data)
        return tb_fail(err, TIMBRE_BAD_FILE,
                       "the tensors end at byte %lld of the data, the file at byte %lld",
                       (long long)at, (long long)r->len_data);
    return TIMBRE_OK;
}

static tb_status read_header(reader *r, json_t *header, tb_error *err)
{
    const char *key;
    json_t *value;
    r->ranges = calloc(json_object_size(header) + 1, sizeof *r->ranges);
    if (r->ranges == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the list of tensors");
    json_object_foreach(header, key, value)
    {
        tb_status st = strcmp(key, "__metadata__") == 0 ? read_metadata(r, value, err)
                                                        : read_tensor(r, key, value, err);
        if (st != TIMBRE_OK)
            return st;
    }
    return check_ranges(r, err);
}

tb_status tb_safetensors_read(tb_weights *weights, const unsigned char *bytes, size_t len_bytes,
                              tb_error *err)
{
    uint64_t len_header = 0;
    if (len_bytes < LENGTH_BYTES)
        return tb_fail(err, TIMBRE_BAD_FILE, "%zu bytes are too short for safetensors", len_bytes);
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        len_header = len_header << 8 | bytes[i];
    if (len_header > TB_SAFETENSORS_MAX_HEADER_BYTES)
        return tb_fail(err, TIMBRE_BAD_FILE, "the header of %llu bytes exceeds %d",
                       (unsigned long long)len_header, TB_SAFETENSORS_MAX_HEADER_BYTES);
    if (len_header > len_bytes - LENGTH_BYTES)
        return tb_fail(err, TIMBRE_BAD_FILE,
                       "the header of %llu bytes is longer than the file of %zu bytes",
                       (unsigned long long)len_header, len_bytes);
    const char *text = (const char *)bytes + LENGTH_BYTES;
    reader r = {.weights = weights,
                .data = bytes + LENGTH_BYTES + len_header,
                .len_data = (int64_t)(len_bytes - LENGTH_BYTES - len_header)};
    json_t *header;
    tb_status st = tb_json_parse(text, (size_t)len_header, MAX_DEPTH, TB_TENSOR_JSON_MAX_VALUES,
                                 &header, err);
    if (st == TIMBRE_OK)
        st = read_header(&r, header, err);
    free(r.ranges);
    json_decref(header);
    return st;
}
