#include "tests/models/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "engine/base/file.h"
#include "engine/base/hash.h"

enum { FILE_MAX_BYTES = 1 << 20 };

static char *read_file(const char *name, const char *ending, size_t *len_bytes)
{
    const char *folder = getenv("TIMBRE_TESTS_DIR");
    assert_non_null(folder);
    char path[4096];
    snprintf(path, sizeof path, "%s/vectors/%s.%s", folder, name, ending);
    char *bytes = NULL;
    tb_error err = {0};
    assert_int_equal(tb_file_read(path, FILE_MAX_BYTES, &bytes, len_bytes, &err), TIMBRE_OK);
    return bytes;
}

void vectors_open(vectors *file, const char *name)
{
    size_t len_json;
    char hex[TB_SHA256_HEX_BYTES], *json = read_file(name, "json", &len_json);
    file->bytes = read_file(name, "bin", &file->len_bytes);
    file->json = json_loadb(json, len_json, 0, NULL);
    free(json);
    assert_non_null(file->json);
    assert_int_equal(tb_sha256_bytes(file->bytes, file->len_bytes, hex, NULL), TIMBRE_OK);
    assert_string_equal(hex, json_string_value(json_object_get(file->json, "sha256")));
}

void vectors_close(vectors *file)
{
    free(file->bytes);
    json_decref(file->json);
    *file = (vectors){0};
}

static const json_t *find_array(const vectors *file, const char *name)
{
    size_t i;
    const json_t *array;
    json_array_foreach(json_object_get(file->json, "arrays"), i, array)
    {
        if (strcmp(json_string_value(json_object_get(array, "name")), name) == 0)
            return array;
    }
    fail_msg("no array '%s' in the reference values", name);
    return NULL;
}

static const void *find(const vectors *file, const char *name, const char *type, size_t size,
                        int shape[VECTORS_RANK])
{
    const json_t *array = find_array(file, name), *dims = json_object_get(array, "shape");
    size_t offset = (size_t)json_integer_value(json_object_get(array, "offset")), n_bytes = size;
    assert_string_equal(json_string_value(json_object_get(array, "dtype")), type);
    assert_true(json_array_size(dims) <= VECTORS_RANK);
    for (size_t i = 0; i < VECTORS_RANK; i++) {
        int dim = i < json_array_size(dims) ? (int)json_integer_value(json_array_get(dims, i)) : 1;
        n_bytes *= (size_t)dim;
        if (shape != NULL)
            shape[i] = dim;
    }
    assert_true(n_bytes > 0 && offset + n_bytes <= file->len_bytes);
    return file->bytes + offset;
}

const float *vectors_floats(const vectors *file, const char *name, int shape[VECTORS_RANK])
{
    return find(file, name, "float32", sizeof(float), shape);
}

const double *vectors_doubles(const vectors *file, const char *name, int shape[VECTORS_RANK])
{
    return find(file, name, "float64", sizeof(double), shape);
}

const int32_t *vectors_ints(const vectors *file, const char *name, int shape[VECTORS_RANK])
{
    return find(file, name, "int32", sizeof(int32_t), shape);
}

const uint8_t *vectors_bytes(const vectors *file, const char *name, int shape[VECTORS_RANK])
{
    return find(file, name, "uint8", 1, shape);
}

float *vectors_alloc(size_t n_floats)
{
    float *floats = calloc(n_floats, sizeof *floats);
    assert_non_null(floats);
    return floats;
}

float *vectors_pictures(const vectors *file, const char *name, int shape[VECTORS_RANK])
{
    const float *in = vectors_floats(file, name, shape);
    size_t n = (size_t)shape[0], c = (size_t)shape[1], hw = (size_t)shape[2] * (size_t)shape[3];
    float *out = vectors_alloc(n * c * hw);
    for (size_t i = 0; i < n * c * hw; i++)
        out[(i / (c * hw) * hw + i % hw) * c + i / hw % c] = in[i];
    return out;
}

double vectors_distance(const float *got, const double *want, const int shape[VECTORS_RANK])
{
    size_t n = (size_t)shape[0], c = (size_t)shape[1], hw = (size_t)shape[2] * (size_t)shape[3];
    double noise = 0, signal = 0;
    for (size_t i = 0; i < n * c * hw; i++) {
        double d = (double)got[(i / (c * hw) * hw + i % hw) * c + i / hw % c] - want[i];
        noise += d * d;
        signal += want[i] * want[i];
    }
    assert_true(signal > 0);
    return sqrt(noise / signal);
}
