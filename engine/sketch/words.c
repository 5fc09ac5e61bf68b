/*
 * The word splitter: one pass over code points, each put in a class by a few exceptions and its
 * Unicode category; a word ends where the class changes.
 */
#include "engine/sketch/words.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "engine/base/utf8.h"

typedef enum char_class {
    CLASS_SPACE,  /* separates words */
    CLASS_BREAK,  /* separates phrases */
    CLASS_AND,    /* a word of its own */
    CLASS_LETTER, /* letters, digits */
    CLASS_SYMBOL, /* emoji and the like: words that nobody understands */
    CLASS_EXTEND, /* combining marks, joiners, apostrophes: part of the word they stand in */
} char_class;

enum { SHARP_SIGN = 0x266F, FLAT_SIGN = 0x266D, RIGHT_QUOTE = 0x2019 };

typedef struct splitter {
    const char *text;
    size_t len_bytes, at;
    tb_arena *arena;
    tb_word *words; /* [n_words], room for every second byte */
    int n_words;
    bool after_break;
} splitter;

static char_class class_of_category(utf8proc_category_t category)
{
    switch (category) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return CLASS_LETTER;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
        return CLASS_EXTEND;
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_SM:
        return CLASS_SPACE;
    case UTF8PROC_CATEGORY_SO:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
        return CLASS_SYMBOL;
    default:
        return CLASS_BREAK;
    }
}

static char_class class_of(utf8proc_int32_t code)
{
    static const struct {
        utf8proc_int32_t code;
        char_class class;
    } exceptions[] = {
        {'\'', CLASS_EXTEND},
        {'`', CLASS_EXTEND},
        {RIGHT_QUOTE, CLASS_EXTEND},
        {'#', CLASS_EXTEND},
        {SHARP_SIGN, CLASS_EXTEND},
        {FLAT_SIGN, CLASS_EXTEND},
        {'&', CLASS_AND},
        {'+', CLASS_AND},
        {':', CLASS_SPACE},
        {'/', CLASS_SPACE},
        {'\t', CLASS_SPACE},
        {0x2014 /* em dash */, CLASS_BREAK},
        {0x2013 /* en dash */, CLASS_BREAK},
    };
    for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++)
        if (exceptions[i].code == code)
            return exceptions[i].class;
    return class_of_category(utf8proc_category(code));
}

static size_t decode(const splitter *s, size_t at, utf8proc_int32_t *code)
{
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s->text + at,
                                          (utf8proc_ssize_t)(s->len_bytes - at), code);
    return n > 0 ? (size_t)n : 0;
}

static bool is_digit_at(const splitter *s, size_t at)
{
    return at < s->len_bytes && s->text[at] >= '0' && s->text[at] <= '9';
}

/* "84.5" and "3/4" stay whole. */
static bool is_inside_number(const splitter *s, size_t at)
{
    char c = s->text[at];
    return (c == '.' || c == '/') && at > 0 && is_digit_at(s, at - 1) && is_digit_at(s, at + 1);
}

/* End of the run of `class` that begins at s->at. */
static size_t run_end(const splitter *s, char_class class)
{
    size_t at = s->at;
    while (at < s->len_bytes) {
        utf8proc_int32_t code;
        size_t n = decode(s, at, &code);
        if (n == 0)
            return at; /* split_step reports it */
        char_class next = class_of(code);
        if (next != class && next != CLASS_EXTEND && !is_inside_number(s, at))
            return at;
        at += n;
    }
    return at;
}

/* Copy without apostrophes, accidentals spelled in ASCII. `out` has room for len_bytes + 1. */
static size_t plain_copy(const splitter *s, size_t from, size_t to, char *out)
{
    size_t len = 0;
    while (from < to) {
        utf8proc_int32_t code;
        size_t n = decode(s, from, &code);
        if (code == SHARP_SIGN)
            out[len++] = '#';
        else if (code == FLAT_SIGN)
            out[len++] = 'b';
        else if (code != '\'' && code != '`' && code != RIGHT_QUOTE) {
            memcpy(out + len, s->text + from, n);
            len += n;
        }
        from += n;
    }
    out[len] = '\0';
    return len;
}

static tb_status push_word(splitter *s, size_t from, size_t to, tb_error *err)
{
    char *plain = tb_arena_push(s->arena, to - from + 1, 1);
    char *folded = NULL;
    const char *kept = NULL;
    if (plain != NULL)
        folded = tb_utf8_fold(plain, plain_copy(s, from, to, plain));
    if (folded != NULL)
        kept = tb_arena_push_str(s->arena, folded, strlen(folded));
    free(folded);
    if (kept == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a word of %zu bytes", to - from);
    if (kept[0] == '\0')
        return TIMBRE_OK; /* only invisible code points */
    s->words[s->n_words++] = (tb_word){kept, s->text + from, (int)(to - from), s->after_break};
    s->after_break = false;
    return TIMBRE_OK;
}

static tb_status push_and(splitter *s)
{
    s->words[s->n_words++] = (tb_word){"and", s->text + s->at, 1, s->after_break};
    s->after_break = false;
    return TIMBRE_OK;
}

/* One word or separator. */
static tb_status split_step(splitter *s, tb_error *err)
{
    utf8proc_int32_t code;
    size_t n = decode(s, s->at, &code);
    if (n == 0)
        return tb_fail(err, TIMBRE_BAD_INPUT, "text is not UTF-8 at offset %zu", s->at);
    tb_status status = TIMBRE_OK;
    size_t end = s->at + n;
    switch (class_of(code)) {
    case CLASS_SPACE:
    case CLASS_EXTEND: /* not in a word: "#1", a stray apostrophe */
        break;
    case CLASS_BREAK:
        s->after_break = true;
        break;
    case CLASS_AND:
        status = push_and(s);
        break;
    case CLASS_LETTER:
        end = run_end(s, CLASS_LETTER);
        status = push_word(s, s->at, end, err);
        break;
    case CLASS_SYMBOL:
        end = run_end(s, CLASS_SYMBOL);
        status = push_word(s, s->at, end, err);
        break;
    }
    s->at = end;
    return status;
}

tb_status tb_words_split(const char *text, size_t len_bytes, tb_arena *arena, tb_word **words,
                         int *n_words, tb_error *err)
{
    splitter s = {.text = text, .len_bytes = len_bytes, .arena = arena, .after_break = true};
    s.words = tb_arena_push(arena, len_bytes + 1, sizeof *s.words);
    if (s.words == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the words of %zu bytes", len_bytes);
    tb_status status = TIMBRE_OK;
    while (status == TIMBRE_OK && s.at < len_bytes)
        status = split_step(&s, err);
    *words = s.words;
    *n_words = s.n_words;
    return status;
}
