#include "tests/tensor/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/tensor/weights_file.h"

void put_number(tb_str *s, uint64_t value, int n_bytes)
{
    unsigned char bytes[8];
    for (int i = 0; i < n_bytes; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    tb_str_append_bytes(s, bytes, (size_t)n_bytes);
}

void put_safetensors(tb_str *s, const char *header, size_t data_bytes)
{
    put_number(s, strlen(header), 8);
    tb_str_append(s, header);
    for (size_t i = 0; i < data_bytes; i++)
        put_number(s, i, 1);
}

static void put_local(tb_str *s, const zip_member *m)
{
    const char *name = m->local_name != NULL ? m->local_name : m->name;
    tb_str_append(s, "PK\003\004");
    put_number(s, 20, 2);
    put_number(s, (uint64_t)m->flags, 2);
    put_number(s, (uint64_t)m->method, 2);
    put_number(s, 0, 8); /* time, CRC */
    put_number(s, m->len_bytes, 4);
    put_number(s, m->len_bytes, 4);
    put_number(s, strlen(name), 2);
    put_number(s, 6, 2); /* an extra field that the directory has not */
    tb_str_append(s, name);
    tb_str_append_bytes(s, "FB\002\000ZZ", 6);
    tb_str_append_bytes(s, m->data, m->len_bytes);
}

static void put_entry(tb_str *s, const zip_member *m, uint64_t at)
{
    uint64_t size = m->len_bytes + (uint64_t)m->size_error;
    tb_str_append(s, "PK\001\002");
    put_number(s, 20, 2);
    put_number(s, 20, 2);
    put_number(s, (uint64_t)m->flags, 2);
    put_number(s, (uint64_t)m->method, 2);
    put_number(s, 0, 8);
    put_number(s, m->is_64 ? UINT32_MAX : size, 4);
    put_number(s, m->is_64 ? UINT32_MAX : size, 4);
    put_number(s, strlen(m->name), 2);
    put_number(s, m->is_64 ? 28 : 0, 2);
    put_number(s, 0, 2); /* comment */
    put_number(s, 0, 8); /* disk, attributes */
    put_number(s, m->is_64 ? UINT32_MAX : at, 4);
    tb_str_append(s, m->name);
    if (!m->is_64)
        return;
    put_number(s, 1, 2);
    put_number(s, 24, 2);
    put_number(s, size, 8);
    put_number(s, size, 8);
    put_number(s, at, 8);
}

static void put_end64(tb_str *s, size_t n, uint64_t at, uint64_t len)
{
    uint64_t end = s->len;
    tb_str_append(s, "PK\006\006");
    put_number(s, 44, 8);
    put_number(s, 45, 2);
    put_number(s, 45, 2);
    put_number(s, 0, 8);
    put_number(s, n, 8);
    put_number(s, n, 8);
    put_number(s, len, 8);
    put_number(s, at, 8);
    tb_str_append(s, "PK\006\007");
    put_number(s, 0, 4);
    put_number(s, end, 8);
    put_number(s, 1, 4);
}

void put_zip(tb_str *s, const zip_member *members, size_t n, int is_64)
{
    uint64_t at[16];
    assert_true(n <= 16);
    for (size_t i = 0; i < n; i++) {
        at[i] = s->len;
        put_local(s, &members[i]);
    }
    uint64_t begin = s->len;
    for (size_t i = 0; i < n; i++)
        put_entry(s, &members[i], at[i]);
    uint64_t len = s->len - begin;
    if (is_64)
        put_end64(s, n, begin, len);
    tb_str_append(s, "PK\005\006");
    put_number(s, 0, 4);
    put_number(s, is_64 ? UINT16_MAX : n, 2);
    put_number(s, is_64 ? UINT16_MAX : n, 2);
    put_number(s, is_64 ? UINT32_MAX : len, 4);
    put_number(s, is_64 ? UINT32_MAX : begin, 4);
    put_number(s, 0, 2);
}

void open_copy(opened *o, const void *bytes, size_t len_bytes)
{
    void *copy = malloc(len_bytes > 0 ? len_bytes : 1);
    tb_weights *weights = NULL;
    tb_error err = {0};
    assert_non_null(copy);
    if (len_bytes > 0)
        memcpy(copy, bytes, len_bytes);
    tb_status st = tb_weights_open_bytes(copy, len_bytes, &weights, &err);
    *o = (opened){.st = st, .err = err, .weights = weights, .copy = copy};
}

void forget(opened *o)
{
    assert_true((o->st == TIMBRE_OK) == (o->weights != NULL));
    tb_weights_close(o->weights);
    free(o->copy);
}

void assert_says(const tb_error *err, const char *parts)
{
    char copy[256], *rest = copy, *part;
    snprintf(copy, sizeof copy, "%s", parts);
    while ((part = strsep(&rest, "|")) != NULL)
        if (strstr(err->message, part) == NULL)
            fail_msg("'%s' is not in: %s", part, err->message);
}

void assert_refused(tb_str *s, const char *parts)
{
    assert_false(s->failed);
    opened o;
    open_copy(&o, s->bytes, s->len);
    if (o.st == TIMBRE_OK)
        fail_msg("accepted, in place of: %s", parts);
    assert_int_equal(o.st, TIMBRE_BAD_FILE);
    assert_int_equal(o.err.code, TIMBRE_BAD_FILE);
    assert_says(&o.err, parts);
    forget(&o);
    tb_str_deinit(s);
}

const char *data_path(const char *name)
{
    static char path[4096];
    const char *folder = getenv("TIMBRE_TESTS_DIR");
    assert_non_null(folder);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}
