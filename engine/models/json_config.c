#include "engine/models/json_config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/tensor/json_limits.h"

enum { VALUE_MAX_BYTES = 48, REASON_MAX_BYTES = 160 };

tb_status tb_json_config_parse(const char *bytes, size_t len_bytes, const char *what, json_t **out,
                               tb_error *err)
{
    tb_status st = tb_json_parse(bytes, len_bytes, TB_CONFIG_MAX_DEPTH, TB_CONFIG_MAX_VALUES, out,
                                 err);
    if (st != TIMBRE_OK)
        tb_error_name(err, what);
    return st;
}

tb_status tb_json_config_read(const char *path, json_t **out, tb_error *err)
{
    char *bytes = NULL;
    size_t len_bytes = 0;
    tb_status st = tb_file_read(path, TB_CONFIG_MAX_BYTES, &bytes, &len_bytes, err);
    if (st == TIMBRE_OK)
        st = tb_json_config_parse(bytes, len_bytes, path, out, err);
    free(bytes);
    return st;
}

/* A value as people may see it: ASCII, without line breaks, cut. */
static void format_value(const json_t *value, char out[VALUE_MAX_BYTES + 4])
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII |
                                       JSON_REAL_PRECISION(9));
    bool is_cut = text != NULL && strlen(text) > VALUE_MAX_BYTES;
    snprintf(out, VALUE_MAX_BYTES + 4, "%.*s%s", VALUE_MAX_BYTES, text == NULL ? "?" : text,
             is_cut ? "..." : "");
    free(text);
}

void tb_json_refuse(tb_json_reader *reader, const char *key, const json_t *value, const char *fmt,
                    ...)
{
    if (reader->status != TIMBRE_OK)
        return;
    char text[VALUE_MAX_BYTES + 4] = "", reason[REASON_MAX_BYTES];
    if (value != NULL)
        format_value(value, text);
    va_list args;
    va_start(args, fmt);
    vsnprintf(reason, sizeof reason, fmt, args);
    va_end(args);
    reader->status = tb_fail(reader->err, TIMBRE_BAD_FILE, "'%s': %s %s%s%s", reader->what, key,
                             text, value == NULL ? "" : " ", reason);
}

bool tb_json_has(const tb_json_reader *reader, const char *key)
{
    const json_t *value = json_object_get(reader->json, key);
    return value != NULL && !json_is_null(value);
}

static int check_int(tb_json_reader *reader, const char *key, const json_t *value, int min, int max,
                     int fallback)
{
    if (value == NULL)
        return fallback;
    if (!json_is_integer(value))
        tb_json_refuse(reader, key, value, "is not a whole number");
    else if (json_integer_value(value) < min || json_integer_value(value) > max)
        tb_json_refuse(reader, key, value, "is not in %d..%d", min, max);
    else
        return (int)json_integer_value(value);
    return fallback;
}

int tb_json_int(tb_json_reader *reader, const char *key, int min, int max, int fallback)
{
    return check_int(reader, key, json_object_get(reader->json, key), min, max, fallback);
}

double tb_json_double(tb_json_reader *reader, const char *key, double min, double max,
                      double fallback)
{
    const json_t *value = json_object_get(reader->json, key);
    if (value == NULL)
        return fallback;
    double number = json_number_value(value);
    if (!json_is_number(value))
        tb_json_refuse(reader, key, value, "is not a number");
    else if (!(number >= min && number <= max))
        tb_json_refuse(reader, key, value, "is not in %g..%g", min, max);
    else
        return number;
    return fallback;
}

bool tb_json_bool(tb_json_reader *reader, const char *key, bool fallback)
{
    const json_t *value = json_object_get(reader->json, key);
    if (value != NULL && !json_is_boolean(value))
        tb_json_refuse(reader, key, value, "is not true or false");
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

static void list_choices(const char *const *choices, int n, char *out, size_t cap)
{
    size_t len = 0;
    out[0] = '\0';
    for (int i = 0; i < n && len < cap; i++)
        len += (size_t)snprintf(out + len, cap - len, "%s%s", i > 0 ? ", " : "", choices[i]);
}

static int check_choice(tb_json_reader *reader, const char *key, const json_t *value,
                        const char *const *choices, int n, int fallback)
{
    if (value == NULL)
        return fallback;
    const char *text = json_string_value(value);
    for (int i = 0; text != NULL && i < n; i++)
        if (strcmp(text, choices[i]) == 0)
            return i;
    char list[REASON_MAX_BYTES - 16];
    list_choices(choices, n, list, sizeof list);
    tb_json_refuse(reader, key, value, "is none of %s", list);
    return fallback;
}

int tb_json_choice(tb_json_reader *reader, const char *key, const char *const *choices, int n,
                   int fallback)
{
    return check_choice(reader, key, json_object_get(reader->json, key), choices, n, fallback);
}

int tb_json_length(tb_json_reader *reader, const char *key, int max_n, int fallback)
{
    const json_t *value = json_object_get(reader->json, key);
    if (value == NULL)
        return fallback;
    size_t n = json_array_size(value);
    if (!json_is_array(value))
        tb_json_refuse(reader, key, value, "is not a list");
    else if (n < 1 || n > (size_t)max_n)
        tb_json_refuse(reader, key, value, "has %zu items, not 1..%d", n, max_n);
    else
        return (int)n;
    return fallback;
}

static const json_t *item_at(tb_json_reader *reader, const char *key, int i, int n)
{
    const json_t *value = json_object_get(reader->json, key);
    if (!json_is_array(value))
        return value;
    if (json_array_size(value) == (size_t)n)
        return json_array_get(value, (size_t)i);
    tb_json_refuse(reader, key, value, "has %zu items, not one for each of the %d blocks",
                   json_array_size(value), n);
    return NULL;
}

int tb_json_item_int(tb_json_reader *reader, const char *key, int i, int n, int min, int max,
                     int fallback)
{
    return check_int(reader, key, item_at(reader, key, i, n), min, max, fallback);
}

int tb_json_item_choice(tb_json_reader *reader, const char *key, int i, int n,
                        const char *const *choices, int n_choices, int fallback)
{
    const json_t *value = json_object_get(reader->json, key);
    if (value != NULL && !json_is_array(value))
        tb_json_refuse(reader, key, value, "is not a list");
    return check_choice(reader, key, item_at(reader, key, i, n), choices, n_choices, fallback);
}

static bool is_one_of(const char *text, const char *values)
{
    size_t len = strlen(text);
    for (;;) {
        const char *end = values + strcspn(values, "|");
        if ((size_t)(end - values) == len && memcmp(text, values, len) == 0)
            return true;
        if (*end == '\0')
            return false;
        values = end + 1;
    }
}

static void require(tb_json_reader *reader, const tb_json_must *must, const json_t *value)
{
    char text[VALUE_MAX_BYTES + 4];
    format_value(value, text);
    if (!is_one_of(text, must->values))
        tb_json_refuse(reader, must->key, value, "is not supported, only %s", must->values);
}

void tb_json_require(tb_json_reader *reader, const tb_json_must *must, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_object_get(reader->json, must[i].key);
        if (json_is_array(value))
            for (size_t j = 0; j < json_array_size(value); j++)
                require(reader, &must[i], json_array_get(value, j));
        else if (value != NULL)
            require(reader, &must[i], value);
    }
}
