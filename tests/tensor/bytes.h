/* Files made in memory, right or wrong in one place, and what reading them says. */
#ifndef TESTS_TENSOR_BYTES_H
#define TESTS_TENSOR_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/base/str.h"
#include "engine/tensor/weights.h"

/* Little-endian. */
void put_number(tb_str *s, uint64_t value, int n_bytes);

/* A safetensors file: length, header, data_bytes bytes 0, 1, 2... */
void put_safetensors(tb_str *s, const char *header, size_t data_bytes);

typedef struct zip_member {
    const char *name;
    const void *data;
    size_t len_bytes;
    const char *local_name;   /* NULL: as name */
    int method, flags, is_64; /* is_64: sizes and place only in the ZIP64 field */
    int64_t size_error;       /* added to both sizes in the directory */
} zip_member;

/* A zip archive; is_64: with a ZIP64 end record. */
void put_zip(tb_str *s, const zip_member *members, size_t n, int is_64);

/* Open an exact copy of the bytes, so that a sanitizer sees a read past the end; *weights stay
 * valid until forget(). */
typedef struct opened {
    tb_status st;
    tb_error err;
    tb_weights *weights;
    void *copy;
} opened;
void open_copy(opened *o, const void *bytes, size_t len_bytes);
void forget(opened *o);

/* Both free `s`. The error has every part, parts divided by '|'. */
void assert_refused(tb_str *s, const char *parts);
void assert_says(const tb_error *err, const char *parts);
/* A path of tests/data. */
const char *data_path(const char *name);

#endif
