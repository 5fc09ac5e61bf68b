#include "engine/models/prompt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "engine/base/number.h"
#include "engine/base/str.h"
#include "engine/base/utf8.h"
#include "engine/models/clip_text.h"

enum { NUMBER_MAX_BYTES = 64, SHOWN_MAX_BYTES = 40 };

static const double round_weight = 1.1;
static const double square_weight = 1 / 1.1;

typedef struct {
    const char *text; /* in the prompt */
    size_t len_bytes;
    double weight;
} span;

/* Spans that were there when each bracket opened. */
typedef struct {
    size_t *opened; /* owned */
    size_t n;
} brackets;

typedef struct {
    span *spans; /* owned */
    size_t n_spans;
    brackets round, square;
    bool has_no_memory;
} parser;

/* ---- weights --------------------------------------------------------------------------------- */

/* Value of a decimal digit of any script, or -1. Unicode has the ten of each one after the other,
 * and blocks of them begin with a zero. */
static int digit_of(utf8proc_int32_t code)
{
    utf8proc_int32_t first = code;
    while (first >= 0 && utf8proc_category(first) == UTF8PROC_CATEGORY_ND)
        first--;
    return first == code ? -1 : (int)(code - first - 1) % 10;
}

/* [+-]?[.\d]+ at the begin of text, in ASCII; the bytes it takes there, 0 when it is not there or
 * longer than any weight. */
static size_t read_digits(const char *text, char out[NUMBER_MAX_BYTES + 1])
{
    size_t at = 0, n = 0;
    if (text[at] == '+' || text[at] == '-')
        out[n++] = text[at++];
    size_t n_sign = n;
    for (size_t left = strlen(text); n < NUMBER_MAX_BYTES && at < left;) {
        utf8proc_int32_t code = 0;
        utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
                                                (utf8proc_ssize_t)(left - at), &code);
        int digit = digit_of(code);
        if (len <= 0 || (digit < 0 && code != '.'))
            break;
        out[n++] = digit < 0 ? '.' : (char)('0' + digit);
        at += (size_t)len;
    }
    out[n] = '\0';
    return n > n_sign ? at : 0;
}

/* Bytes of ":NUMBER)" at the begin of text and its number; 0 when it is not there. */
static size_t read_weight(parser *p, const char *text, double *weight)
{
    char number[NUMBER_MAX_BYTES + 1];
    size_t len = text[0] == ':' ? read_digits(text + 1, number) : 0;
    if (len == 0 || text[1 + len] != ')')
        return 0;
    const char *point = strchr(number, '.');
    bool is_number = number[strcspn(number, "0123456789")] != '\0' &&
                     (point == NULL || strchr(point + 1, '.') == NULL);
    if (!is_number)
        return 0;
    p->has_no_memory |= !tb_number_parse(number, weight);
    return len + 2;
}

/* ---- spans ----------------------------------------------------------------------------------- */

static void add_text(parser *p, const char *text, size_t len_bytes)
{
    p->spans[p->n_spans++] = (span){.text = text, .len_bytes = len_bytes, .weight = 1};
}

static void multiply(parser *p, size_t from, double weight)
{
    for (size_t i = from; i < p->n_spans; i++)
        p->spans[i].weight *= weight;
}

static void open_bracket(parser *p, brackets *b)
{
    b->opened[b->n++] = p->n_spans;
}

/* False when none is open. */
static bool close_bracket(parser *p, brackets *b, double weight)
{
    if (b->n == 0)
        return false;
    multiply(p, b->opened[--b->n], weight);
    return true;
}

/* One element of the syntax; returns its bytes. A lone backslash is an empty text. */
static size_t read_element(parser *p, const char *text)
{
    double weight = 1;
    size_t len = 1;
    switch (text[0]) {
    case '\\':
        len = text[1] != '\0' && strchr("()[]\\", text[1]) != NULL ? 2 : 1;
        add_text(p, text + 1, len - 1);
        return len;
    case '(':
        open_bracket(p, &p->round);
        return 1;
    case '[':
        open_bracket(p, &p->square);
        return 1;
    case ')':
        if (!close_bracket(p, &p->round, round_weight))
            add_text(p, text, 1);
        return 1;
    case ']':
        if (!close_bracket(p, &p->square, square_weight))
            add_text(p, text, 1);
        return 1;
    case ':':
        len = read_weight(p, text, &weight);
        if (len == 0 || !close_bracket(p, &p->round, weight))
            add_text(p, text, len == 0 ? 1 : len);
        return len == 0 ? 1 : len;
    default:
        len = strcspn(text, "\\()[]:");
        add_text(p, text, len);
        return len;
    }
}

/* Brackets that nobody closed, in the order they were opened. */
static void close_rest(parser *p)
{
    for (size_t i = 0; i < p->round.n; i++)
        multiply(p, p->round.opened[i], round_weight);
    for (size_t i = 0; i < p->square.n; i++)
        multiply(p, p->square.opened[i], square_weight);
    if (p->n_spans == 0)
        add_text(p, "", 0);
}

static tb_status check_weights(const parser *p, tb_error *err)
{
    for (size_t i = 0; i < p->n_spans; i++) {
        const span *s = &p->spans[i];
        if (fabs(s->weight) <= TB_PROMPT_MAX_WEIGHT) /* not so when it is no number */
            continue;
        size_t len = s->len_bytes < SHOWN_MAX_BYTES ? s->len_bytes : SHOWN_MAX_BYTES;
        len = tb_utf8_check(s->text, len);
        return tb_fail(err, TIMBRE_BAD_INPUT, "weight %g of '%.*s' exceeds %d", s->weight, (int)len,
                       s->text, TB_PROMPT_MAX_WEIGHT);
    }
    return TIMBRE_OK;
}

/* ---- pieces ---------------------------------------------------------------------------------- */

/* The spans of equal weight from *i on as one piece; *i moves behind them. */
static bool make_piece(const parser *p, size_t *i, tb_prompt_piece *piece)
{
    tb_str text = {0};
    piece->weight = p->spans[*i].weight;
    for (; *i < p->n_spans && p->spans[*i].weight == piece->weight; (*i)++)
        tb_str_append_bytes(&text, p->spans[*i].text, p->spans[*i].len_bytes);
    piece->text = tb_str_take(&text);
    return piece->text != NULL;
}

static tb_status make_pieces(const parser *p, tb_prompt_piece **pieces, size_t *n, tb_error *err)
{
    tb_prompt_piece *list = calloc(p->n_spans, sizeof *list);
    size_t n_pieces = 0;
    for (size_t i = 0; list != NULL && i < p->n_spans;) {
        if (make_piece(p, &i, &list[n_pieces++]))
            continue;
        tb_prompt_pieces_free(list, n_pieces);
        list = NULL;
    }
    if (list == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %zu pieces", p->n_spans);
    *pieces = list;
    *n = n_pieces;
    return TIMBRE_OK;
}

/* Every element takes a byte or more. */
static tb_status parser_init(parser *p, size_t len_bytes, tb_error *err)
{
    if (len_bytes > TB_TEXT_MAX_BYTES)
        return tb_fail(err, TIMBRE_BAD_INPUT, "prompt of %zu bytes exceeds %d bytes", len_bytes,
                       TB_TEXT_MAX_BYTES);
    size_t n = len_bytes + 1;
    p->spans = malloc(n * sizeof *p->spans);
    p->round.opened = malloc(n * sizeof *p->round.opened);
    p->square.opened = malloc(n * sizeof *p->square.opened);
    if (p->spans == NULL || p->round.opened == NULL || p->square.opened == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a prompt of %zu bytes", len_bytes);
    return TIMBRE_OK;
}

static void parser_deinit(parser *p)
{
    free(p->spans);
    free(p->round.opened);
    free(p->square.opened);
}

tb_status tb_prompt_parse(const char *text, tb_prompt_piece **pieces, size_t *n, tb_error *err)
{
    parser p = {0};
    tb_status st = parser_init(&p, strlen(text), err);
    if (st == TIMBRE_OK) {
        while (*text != '\0')
            text += read_element(&p, text);
        close_rest(&p);
        st = p.has_no_memory ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory to read a weight")
                             : check_weights(&p, err);
    }
    if (st == TIMBRE_OK)
        st = make_pieces(&p, pieces, n, err);
    parser_deinit(&p);
    return st;
}

void tb_prompt_pieces_free(tb_prompt_piece *pieces, size_t n)
{
    for (size_t i = 0; pieces != NULL && i < n; i++)
        free(pieces[i].text);
    free(pieces);
}
