#include "tests/models/small_weights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/str.h"

static int64_t n_elements(const small_tensor *tensor)
{
    int64_t n = 1;
    for (int i = 0; i < tensor->rank; i++)
        n *= tensor->shape[i];
    return n;
}

static int element_bytes(const char *dtype)
{
    return strcmp(dtype, "I64") == 0 ? 8 : strcmp(dtype, "F32") == 0 ? 4 : 2;
}

/* Whole numbers below 128: exact in all types. */
static uint64_t bits_of(const char *dtype, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (strcmp(dtype, "F32") == 0)
        return bits;
    if (strcmp(dtype, "BF16") == 0)
        return bits >> 16;
    if (strcmp(dtype, "I64") == 0)
        return (uint64_t)value;
    uint32_t exponent = (bits >> 23) - 127 + 15;
    return exponent << 10 | (bits >> 13 & 0x3ff);
}

static void append_little(tb_str *s, uint64_t value, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++)
        tb_str_append_bytes(s, &(unsigned char){(unsigned char)(value >> (8 * i))}, 1);
}

static void append_data(tb_str *s, const small_tensor *tensor)
{
    for (int64_t i = 0; i < n_elements(tensor); i++)
        append_little(s, bits_of(tensor->dtype, (float)(i % 100 + 1)),
                      element_bytes(tensor->dtype));
}

static void append_entry(tb_str *s, const small_tensor *tensor, size_t begin, size_t end)
{
    tb_str_appendf(s, "\"%s\":{\"dtype\":\"%s\",\"shape\":[", tensor->name, tensor->dtype);
    for (int i = 0; i < tensor->rank; i++)
        tb_str_appendf(s, "%s%lld", i > 0 ? "," : "", (long long)tensor->shape[i]);
    tb_str_appendf(s, "],\"data_offsets\":[%zu,%zu]}", begin, end);
}

void small_weights_write(const char *path, const small_tensor *tensors, size_t n)
{
    tb_str header = {0}, data = {0}, length = {0};
    for (size_t i = 0; i < n; i++) {
        size_t begin = data.len;
        append_data(&data, &tensors[i]);
        tb_str_append(&header, i == 0 ? "{" : ",");
        append_entry(&header, &tensors[i], begin, data.len);
    }
    tb_str_append(&header, n == 0 ? "{}" : "}");
    append_little(&length, header.len, 8);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(length.bytes, 1, 8, file), 8);
    assert_int_equal(fwrite(header.bytes, 1, header.len, file), header.len);
    assert_int_equal(fwrite(tb_str_text(&data), 1, data.len, file), data.len);
    assert_int_equal(fclose(file), 0);
    tb_str_deinit(&header);
    tb_str_deinit(&data);
    tb_str_deinit(&length);
}

void small_values(const small_tensor *tensor, float *out)
{
    for (int64_t i = 0; i < n_elements(tensor); i++)
        out[i] = (float)(i % 100 + 1);
}
