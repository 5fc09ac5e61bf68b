#include "worker/python_text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "engine/base/number.h"

/* ---- floats ---- */

enum { DIGITS_MAX = 17, FLOAT_TEXT_BYTES = 48 };

typedef struct decimal {
    char digits[DIGITS_MAX + 1]; /* of 0.DIGITS * 10^point */
    int n, point;
} decimal;

/* `value` >= 0 rounded to n digits. The host's decimal point, whatever it is, is left out. */
static decimal round_to(double value, int n)
{
    decimal d = {0};
    char text[FLOAT_TEXT_BYTES];
    const char *c = text;
    (void)snprintf(text, sizeof text, "%.*e", n - 1, value);
    for (; *c != 'e' && *c != '\0'; c++)
        if (isdigit((unsigned char)*c) && d.n < DIGITS_MAX)
            d.digits[d.n++] = *c;
    d.point = *c == 'e' ? atoi(c + 1) + 1 : 1;
    return d;
}

static bool gives_back(const decimal *d, double value)
{
    char text[FLOAT_TEXT_BYTES];
    double back = 0;
    (void)snprintf(text, sizeof text, "0.%se%d", d->digits, d->point);
    return tb_number_parse(text, &back) && back == value;
}

/* The next larger decimal of as many digits. */
static decimal next_up(decimal d)
{
    int i = d.n - 1;
    for (; i > 0 && d.digits[i] == '9'; i--)
        d.digits[i] = '0';
    if (d.digits[i] == '9') { /* all nines */
        d.digits[i] = '0';
        d.digits[0] = '1';
        d.point++;
        return d;
    }
    d.digits[i]++;
    return d;
}

/* Steele & White 1990: the fewest digits that give it back, of those the nearest. Below a power of
 * two doubles lie closer together, so that the nearest decimal may be another's and the next one
 * up still its own: 2^-44. */
static decimal shortest(double value)
{
    for (int n = 1; n < DIGITS_MAX; n++) {
        decimal near = round_to(value, n), up = next_up(near);
        if (gives_back(&near, value))
            return near;
        if (gives_back(&up, value))
            return up;
    }
    return round_to(value, DIGITS_MAX);
}

static void append_zeros(tb_str *out, int n)
{
    for (int i = 0; i < n; i++)
        tb_str_append(out, "0");
}

static void append_plain(tb_str *out, const decimal *d)
{
    if (d->point <= 0) {
        tb_str_append(out, "0.");
        append_zeros(out, -d->point);
        tb_str_append(out, d->digits);
    } else if (d->n <= d->point) {
        tb_str_append(out, d->digits);
        append_zeros(out, d->point - d->n);
        tb_str_append(out, ".0");
    } else {
        tb_str_appendf(out, "%.*s.%s", d->point, d->digits, d->digits + d->point);
    }
}

void tb_python_append_float(tb_str *out, double value)
{
    enum { PLAIN_MIN = -3, PLAIN_MAX = 16 }; /* CPython, format_float_short with code 'r' */
    const decimal d = shortest(fabs(value));
    if (signbit(value))
        tb_str_append(out, "-");
    if (d.point >= PLAIN_MIN && d.point <= PLAIN_MAX)
        append_plain(out, &d);
    else
        tb_str_appendf(out, "%c%s%se%+03d", d.digits[0], d.n > 1 ? "." : "", d.digits + 1,
                       d.point - 1);
}

/* ---- values ---- */

/* str.isprintable of one character. */
static bool is_printable(utf8proc_int32_t c)
{
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return false;
    case UTF8PROC_CATEGORY_ZS:
        return c == ' ';
    default:
        return true;
    }
}

static void append_character(tb_str *out, utf8proc_int32_t c, const char *bytes, size_t n,
                             char quote)
{
    unsigned u = (unsigned)c;
    if (c == '\n' || c == '\r' || c == '\t')
        tb_str_append(out, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
    else if (c == quote || c == '\\')
        tb_str_appendf(out, "\\%c", (char)c);
    else if (is_printable(c))
        tb_str_append_bytes(out, bytes, n);
    else
        tb_str_appendf(out, u < 0x100 ? "\\x%02x" : u < 0x10000 ? "\\u%04x" : "\\U%08x", u);
}

/* Ends early once `out` has more than max_len bytes; so do the next two. */
static void append_quoted(tb_str *out, const char *text, size_t len, size_t max_len)
{
    char quote = memchr(text, '\'', len) != NULL && memchr(text, '"', len) == NULL ? '"' : '\'';
    tb_str_append_bytes(out, &quote, 1);
    for (size_t i = 0; i < len && out->len <= max_len && !out->failed;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text + i,
                                              (utf8proc_ssize_t)(len - i), &c);
        if (n <= 0) /* never: jansson lets only UTF-8 in */
            break;
        append_character(out, c, text + i, (size_t)n, quote);
        i += (size_t)n;
    }
    tb_str_append_bytes(out, &quote, 1);
}

static void append_repr(tb_str *out, const json_t *value, size_t max_len);

static void append_list(tb_str *out, const json_t *list, size_t max_len)
{
    tb_str_append(out, "[");
    for (size_t i = 0; i < json_array_size(list) && out->len <= max_len && !out->failed; i++) {
        tb_str_append(out, i > 0 ? ", " : "");
        append_repr(out, json_array_get(list, i), max_len);
    }
    tb_str_append(out, "]");
}

static void append_dict(tb_str *out, const json_t *dict, size_t max_len)
{
    const char *between = "";
    json_t *all = (json_t *)(uintptr_t)dict; /* read only: jansson's iterators take no const */
    tb_str_append(out, "{");
    for (void *i = json_object_iter(all); i != NULL && out->len <= max_len && !out->failed;
         i = json_object_iter_next(all, i)) {
        const char *key = json_object_iter_key(i);
        tb_str_append(out, between);
        append_quoted(out, key, strlen(key), max_len);
        tb_str_append(out, ": ");
        append_repr(out, json_object_iter_value(i), max_len);
        between = ", ";
    }
    tb_str_append(out, "}");
}

/* Every level of brackets adds a byte, so max_len limits the depth too. */
static void append_repr(tb_str *out, const json_t *value, size_t max_len)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        append_dict(out, value, max_len);
        break;
    case JSON_ARRAY:
        append_list(out, value, max_len);
        break;
    case JSON_STRING:
        append_quoted(out, json_string_value(value), json_string_length(value), max_len);
        break;
    case JSON_INTEGER:
        tb_str_appendf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        tb_python_append_float(out, json_real_value(value));
        break;
    case JSON_TRUE:
        tb_str_append(out, "True");
        break;
    case JSON_FALSE:
        tb_str_append(out, "False");
        break;
    case JSON_NULL:
        tb_str_append(out, "None");
        break;
    }
}

void tb_python_append_value(tb_str *out, const json_t *value, size_t max_bytes)
{
    size_t max_len = out->len + max_bytes;
    if (json_is_string(value))
        tb_str_append_bytes(out, json_string_value(value), json_string_length(value));
    else
        append_repr(out, value, max_len);
    if (out->failed || out->len <= max_len)
        return;
    out->len = max_len;
    while (out->len > 0 && ((unsigned char)out->bytes[out->len] & 0xc0) == 0x80)
        out->len--;
    tb_str_append(out, "...");
}

const char *tb_python_type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "dict";
    case JSON_ARRAY:
        return "list";
    case JSON_STRING:
        return "str";
    case JSON_INTEGER:
        return "int";
    case JSON_REAL:
        return "float";
    case JSON_TRUE:
    case JSON_FALSE:
        return "bool";
    case JSON_NULL:
        break;
    }
    return "NoneType";
}
