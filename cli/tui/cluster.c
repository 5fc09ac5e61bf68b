#include "cli/tui/cluster.h"

#include <stdbool.h>

#include <utf8proc.h>

enum { REPLACEMENT = 0xFFFD };

/* The code point at the front and its bytes; an invalid byte is -1 and one byte. */
static size_t decode(const char *text, size_t n, int32_t *code)
{
    if (n == 0)
        return 0;
    utf8proc_ssize_t taken = utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)n,
                                              code);
    if (taken > 0)
        return (size_t)taken;
    *code = -1;
    return 1;
}

size_t tb_cluster_next(const char *text, size_t n)
{
    int32_t code = -1, next = -1, state = 0;
    size_t at = decode(text, n, &code);
    while (at < n && code >= 0) {
        size_t taken = decode(text + at, n - at, &next);
        if (next < 0 || utf8proc_grapheme_break_stateful(code, next, &state))
            break;
        at += taken;
        code = next;
    }
    return at;
}

size_t tb_cluster_before(const char *text, size_t at)
{
    size_t line = at; /* a line break always ends a cluster: no need to look further back */
    while (line > 1 && text[line - 2] != '\n')
        line--;
    size_t begin = line > 0 ? line - 1 : 0, last = begin;
    while (begin < at) {
        last = begin;
        begin += tb_cluster_next(text + begin, at - begin);
    }
    return at - last;
}

typedef enum { CODE_SPACING, CODE_MARK, CODE_DROPPED } code_kind;

/* Variation selectors would make a terminal choose another width, and skin tones are wide where
 * they do not combine. Format characters include those that reverse the direction of a row. */
static bool is_dropped(int32_t code)
{
    bool is_selector = (code >= 0xFE00 && code <= 0xFE0F) || (code >= 0xE0100 && code <= 0xE01EF);
    return is_selector || utf8proc_category(code) == UTF8PROC_CATEGORY_CF;
}

static bool is_skin_tone(int32_t code)
{
    return code >= 0x1F3FB && code <= 0x1F3FF;
}

/* What to draw for a code point. */
static code_kind classify(int32_t *code)
{
    if (*code == '\n' || *code == '\t' || *code == '\r')
        *code = ' ';
    if (*code < ' ' || (*code >= 0x7F && *code < 0xA0) || !utf8proc_codepoint_valid(*code) ||
        utf8proc_category(*code) == UTF8PROC_CATEGORY_CN)
        *code = REPLACEMENT;
    if (*code >= 0x1F1E6 && *code <= 0x1F1FF)
        *code = 'A' + (*code - 0x1F1E6);
    if (is_dropped(*code))
        return CODE_DROPPED;
    bool is_jamo = (*code >= 0x1160 && *code <= 0x11FF) || (*code >= 0xD7B0 && *code <= 0xD7FB);
    if (is_jamo) /* vowels and ends of a syllable stand in its first letter's cells */
        return CODE_MARK;
    return utf8proc_charwidth(*code) > 0 ? CODE_SPACING : CODE_MARK;
}

size_t tb_piece_next(const char *text, size_t n, tb_piece *piece)
{
    int32_t code;
    *piece = (tb_piece){0};
    size_t at = decode(text, n, &code);
    if (at == 0 || classify(&code) != CODE_SPACING)
        return at;
    piece->code[0] = (uint32_t)code;
    piece->n_codes = 1;
    piece->columns = utf8proc_charwidth(code) > 1 ? 2 : 1;
    while (at < n) {
        size_t taken = decode(text + at, n - at, &code);
        bool is_tone = is_skin_tone(code);
        code_kind kind = classify(&code);
        if (kind == CODE_SPACING && !is_tone)
            break;
        if (kind == CODE_MARK && piece->n_codes < TB_PIECE_CODES_MAX)
            piece->code[piece->n_codes++] = (uint32_t)code;
        at += taken;
    }
    return at;
}

int tb_text_columns(const char *text, size_t n)
{
    int columns = 0;
    tb_piece piece;
    for (size_t taken; (taken = tb_piece_next(text, n, &piece)) > 0; text += taken, n -= taken)
        columns += piece.columns;
    return columns;
}

size_t tb_text_fit(const char *text, size_t n, int columns)
{
    size_t at = 0;
    while (at < n) {
        size_t taken = tb_cluster_next(text + at, n - at);
        columns -= tb_text_columns(text + at, taken);
        if (columns < 0)
            break;
        at += taken;
    }
    return at;
}
