#include "engine/models/clip_text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "engine/base/utf8.h"

typedef enum { O, L, N, S, M } text_class; /* other, letter, number, space, mark */

static const struct {
    uint32_t first;
    uint16_t count;
    uint8_t kind;
} classes[] = {
#include "engine/models/text_class.inc"
};

static text_class class_of(int32_t code)
{
    size_t low = 0, high = sizeof classes / sizeof classes[0];
    while (low < high) { /* the last run that begins at or before the code is low - 1 */
        size_t middle = (low + high) / 2;
        if (classes[middle].first <= (uint32_t)code)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || (uint32_t)code - classes[low - 1].first >= classes[low - 1].count)
        return O;
    return (text_class)classes[low - 1].kind;
}

/* ---- normal form ----------------------------------------------------------------------------- */

enum { DOTTED_I = 0x130, COMBINING_DOT = 0x307, CIRCLED_A = 0x24b6, CIRCLED_Z = 0x24cf };

/* Simple mapping. Circled letters are the only cased characters that are no letter or number; what
 * is newer than our classes keeps its case, though newer tables may know one. */
static int32_t lower(int32_t code)
{
    if (code < 0x80)
        return code >= 'A' && code <= 'Z' ? code + ('a' - 'A') : code;
    text_class kind = class_of(code);
    bool is_cased = kind == L || kind == N || (code >= CIRCLED_A && code <= CIRCLED_Z);
    return is_cased ? utf8proc_tolower(code) : code;
}

static size_t utf8_len(int32_t code)
{
    return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

static tb_status check(const char *utf8, size_t len_bytes, tb_error *err)
{
    if (len_bytes > TB_TEXT_MAX_BYTES)
        return tb_fail(err, TIMBRE_BAD_INPUT, "text of %zu bytes exceeds %d bytes", len_bytes,
                       TB_TEXT_MAX_BYTES);
    size_t bad = tb_utf8_check(utf8, len_bytes);
    if (bad < len_bytes)
        return tb_fail(err, TIMBRE_BAD_INPUT, "text is not UTF-8: byte 0x%02x at offset %zu",
                       (unsigned char)utf8[bad], bad);
    int n_marks = 0;
    for (size_t at = 0; at < len_bytes;) {
        utf8proc_int32_t code = 0;
        at += (size_t)utf8proc_iterate((const utf8proc_uint8_t *)utf8 + at,
                                       (utf8proc_ssize_t)(len_bytes - at), &code);
        n_marks = utf8proc_get_property(code)->combining_class != 0 ? n_marks + 1 : 0;
        if (n_marks > TB_TEXT_MAX_MARKS)
            return tb_fail(err, TIMBRE_BAD_INPUT,
                           "more than %d combining marks in a row end at offset %zu",
                           TB_TEXT_MAX_MARKS, at);
    }
    return TIMBRE_OK;
}

/* What the reference leaves in its place though newer tables sort or compose it: marks that came
 * after Unicode 9. They end what is composed. */
static bool is_apart(int32_t code)
{
    enum { DIVES_AKURU_AA = 0x11930 }; /* U+11935 U+11930 is one character since Unicode 13 */
    return code == DIVES_AKURU_AA ||
           (utf8proc_get_property(code)->combining_class != 0 && class_of(code) != M);
}

/* Codes of the part in normal form; there is room for all of it decomposed. */
static size_t compose_part(const char *utf8, size_t len_bytes, int32_t *codes, size_t room)
{
    const utf8proc_option_t options = UTF8PROC_COMPOSE | UTF8PROC_STABLE;
    utf8proc_ssize_t n = utf8proc_decompose((const utf8proc_uint8_t *)utf8,
                                            (utf8proc_ssize_t)len_bytes, codes,
                                            (utf8proc_ssize_t)room, options);
    return n <= 0 ? 0 : (size_t)utf8proc_normalize_utf32(codes, n, options);
}

static size_t compose_parts(const char *utf8, size_t len_bytes, int32_t *codes, size_t room)
{
    size_t n = 0, from = 0;
    for (size_t at = 0; at < len_bytes;) {
        utf8proc_int32_t code = 0;
        size_t len = (size_t)utf8proc_iterate((const utf8proc_uint8_t *)utf8 + at,
                                              (utf8proc_ssize_t)(len_bytes - at), &code);
        if (is_apart(code)) {
            n += compose_part(utf8 + from, at - from, codes + n, room - n);
            codes[n++] = code;
            from = at + len;
        }
        at += len;
    }
    return n + compose_part(utf8 + from, len_bytes - from, codes + n, room - n);
}

/* NFC. *codes is owned by the caller. */
static tb_status compose(const char *utf8, size_t len_bytes, int32_t **codes, size_t *n,
                         tb_error *err)
{
    utf8proc_ssize_t size = utf8proc_decompose((const utf8proc_uint8_t *)utf8,
                                               (utf8proc_ssize_t)len_bytes, NULL, 0,
                                               UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    if (size < 0)
        return tb_fail(err, TIMBRE_BAD_INPUT, "text cannot be composed: %s", utf8proc_errmsg(size));
    *codes = malloc(((size_t)size + 1) * sizeof **codes);
    if (*codes == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %zu characters", (size_t)size);
    *n = compose_parts(utf8, len_bytes, *codes, (size_t)size);
    return TIMBRE_OK;
}

/* Spaces and case; `text` has room for every code twice. */
static void simplify(tb_clip_text *text, const int32_t *codes, size_t n)
{
    bool was_space = false;
    for (size_t i = 0; i < n; i++) {
        bool is_space = class_of(codes[i]) == S;
        if (is_space && was_space)
            continue;
        was_space = is_space;
        int32_t code = is_space ? ' ' : lower(codes[i]);
        text->codes[text->n++] = code;
        text->n_bytes += utf8_len(code);
        if (codes[i] != DOTTED_I) /* the only one that is two in lower case: i and the dot */
            continue;
        text->codes[text->n++] = COMBINING_DOT;
        text->n_bytes += utf8_len(COMBINING_DOT);
    }
}

tb_status tb_clip_text_init(tb_clip_text *text, const char *utf8, size_t len_bytes, tb_error *err)
{
    *text = (tb_clip_text){0};
    int32_t *codes = NULL;
    size_t n = 0;
    tb_status st = check(utf8, len_bytes, err);
    if (st == TIMBRE_OK)
        st = compose(utf8, len_bytes, &codes, &n, err);
    if (st == TIMBRE_OK) {
        text->codes = malloc((n + 1) * 2 * sizeof *text->codes);
        if (text->codes == NULL)
            st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %zu characters", n);
        else
            simplify(text, codes, n);
    }
    free(codes);
    return st;
}

void tb_clip_text_deinit(tb_clip_text *text)
{
    free(text->codes);
    *text = (tb_clip_text){0};
}

/* ---- pieces ---------------------------------------------------------------------------------- */

/* For pieces a mark is one of the other characters. */
static text_class kind_of(int32_t code)
{
    text_class kind = class_of(code);
    return kind == M ? O : kind;
}

/* Characters of the English ending at codes[0]; 0: none. */
static size_t ending_len(const int32_t *codes, size_t n)
{
    static const char endings[][4] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t e = 0; e < sizeof endings / sizeof endings[0]; e++) {
        size_t len = 0;
        while (endings[e][len] != '\0' && len < n && codes[len] == endings[e][len])
            len++;
        if (endings[e][len] == '\0')
            return len;
    }
    return 0;
}

size_t tb_clip_text_piece(const int32_t *codes, size_t *begin, size_t end)
{
    while (*begin < end && class_of(codes[*begin]) == S)
        (*begin)++;
    if (*begin == end)
        return end;
    size_t len = ending_len(codes + *begin, end - *begin);
    if (len > 0)
        return *begin + len;
    text_class kind = kind_of(codes[*begin]);
    size_t at = *begin + 1;
    while (kind != N && at < end && kind_of(codes[at]) == kind)
        at++;
    return at;
}
