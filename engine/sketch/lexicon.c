/*
 * Parser of the lexicon. Columns and attributes are tables; every mistake in the file is
 * reported with its line.
 */
#include "engine/sketch/lexicon.h"

#include <stdlib.h>
#include <string.h>

#include "engine/sketch/words.h"

extern const unsigned char tb_data_lexicon[];
extern const unsigned tb_data_lexicon_len;

typedef struct kind_info {
    const char *name;
    bool has_meaning;
} kind_info;

static const kind_info kinds[TB_LEXICON_KIND_COUNT] = {
#define X(id, name, has_meaning) {name, has_meaning},
    TB_LEXICON_KIND_LIST(X)
#undef X
};

typedef struct parser {
    tb_lexicon *lexicon;
    const char *at, *end; /* what is left of the file */
    int line;
    tb_error *err;
} parser;

typedef struct span {
    const char *s;
    size_t len;
} span;

static tb_status bad_line(parser *p, const char *what, span found)
{
    return tb_fail(p->err, TIMBRE_INTERNAL, "lexicon line %d: %s '%.*s'", p->line, what,
                   found.len > 60 ? 60 : (int)found.len, found.s);
}

static tb_status no_memory(parser *p)
{
    return tb_fail(p->err, TIMBRE_NO_MEMORY, "no memory for the lexicon at line %d", p->line);
}

static span trim(span t)
{
    while (t.len > 0 && (t.s[0] == ' ' || t.s[0] == '\t'))
        t.s++, t.len--;
    while (t.len > 0 && (t.s[t.len - 1] == ' ' || t.s[t.len - 1] == '\t'))
        t.len--;
    return t;
}

/* Cut the part before `separator` off the front of *rest; false when nothing is left. */
static bool next_part(span *rest, char separator, span *part)
{
    if (rest->s == NULL)
        return false;
    const char *cut = memchr(rest->s, separator, rest->len);
    size_t len = cut == NULL ? rest->len : (size_t)(cut - rest->s);
    *part = trim((span){rest->s, len});
    if (cut == NULL)
        *rest = (span){NULL, 0};
    else
        *rest = (span){cut + 1, rest->len - len - 1};
    return true;
}

static bool span_is(span t, const char *text)
{
    return strlen(text) == t.len && memcmp(t.s, text, t.len) == 0;
}

static int find_style(span t)
{
    for (int i = 0; i < TB_STYLE_COUNT; i++)
        if (span_is(t, tb_style_name((tb_style)i)))
            return i;
    return -1;
}

static int find_mode(span t)
{
    for (int i = 0; i < TB_MODE_COUNT; i++)
        if (span_is(t, tb_mode_name((tb_mode)i)))
            return i;
    return -1;
}

static int find_texture(span t)
{
    for (int i = 0; i < TB_TEXTURE_COUNT; i++)
        if (span_is(t, tb_texture_name((tb_texture)i)))
            return i;
    return -1;
}

static int find_instrument(span t)
{
    for (int i = 0; i < TB_INSTRUMENT_COUNT; i++)
        if (span_is(t, tb_instrument_get((tb_instrument_id)i)->name))
            return i;
    return -1;
}

/* Decimal of at most five digits with an optional sign and fraction: no locale, no overflow. */
static bool parse_number(span t, double *out)
{
    double value = 0, place = 0;
    size_t i = t.len > 0 && t.s[0] == '-';
    if (t.len == i || t.len > i + 6)
        return false;
    for (size_t k = i; k < t.len; k++) {
        if (t.s[k] == '.' && place == 0) {
            place = 1;
            continue;
        }
        if (t.s[k] < '0' || t.s[k] > '9')
            return false;
        value = value * 10 + (t.s[k] - '0');
        place *= 10;
    }
    if (place > 0)
        value /= place;
    *out = i ? -value : value;
    return true;
}

static bool parse_metre(span t, int *beats, int *unit)
{
    span part;
    double n, m;
    if (!next_part(&t, '/', &part) || !parse_number(part, &n) || t.s == NULL ||
        !parse_number(t, &m) || n < 2 || n > 12 || (m != 4 && m != 8))
        return false;
    *beats = (int)n;
    *unit = (int)m;
    return true;
}

static bool parse_instruments(span list, tb_instrument_set *set)
{
    span part;
    while (next_part(&list, ',', &part)) {
        int id = find_instrument(part);
        if (id < 0)
            return false;
        *set |= (tb_instrument_set)1 << id;
    }
    return true;
}

/* "for STYLE = INSTRUMENT" */
static bool parse_by_style(span value, tb_lexicon_entry *e)
{
    span name;
    if (!next_part(&value, '=', &name) || value.s == NULL)
        return false;
    int style = find_style(name);
    int instrument = find_instrument(trim(value));
    if (style < 0 || instrument < 0)
        return false;
    e->by_style[style] = instrument;
    e->has_by_style = true;
    e->covers |= (tb_instrument_set)1 << instrument;
    return true;
}

typedef struct number_attribute {
    const char *name;
    double min, max;
    size_t offset; /* of a double in tb_lexicon_entry */
} number_attribute;

static const number_attribute number_attributes[] = {
    {"tempo", 30, 300, offsetof(tb_lexicon_entry, tempo_bpm)},
    {"bias", -1, 1, offsetof(tb_lexicon_entry, bias)},
    {"energy", 0, 1, offsetof(tb_lexicon_entry, energy)},
    {"brightness", 0, 1, offsetof(tb_lexicon_entry, brightness)},
    {"amount", 0.1, 1.5, offsetof(tb_lexicon_entry, amount)},
    {"degree", 0.1, 2, offsetof(tb_lexicon_entry, degree)},
    {"low", 30, 300, offsetof(tb_lexicon_entry, low_bpm)},
    {"high", 30, 300, offsetof(tb_lexicon_entry, high_bpm)},
    {"players", 1, TB_BRIEF_MAX_INSTRUMENTS, offsetof(tb_lexicon_entry, n_players)},
};

static const struct {
    const char *name;
    size_t offset; /* of a bool in tb_lexicon_entry */
} flag_attributes[] = {
    {"flavour", offsetof(tb_lexicon_entry, flavour)},
    {"without", offsetof(tb_lexicon_entry, without)},
    {"alone", offsetof(tb_lexicon_entry, alone)},
    {"silent", offsetof(tb_lexicon_entry, silent)},
};

static bool parse_number_attribute(span name, span value, tb_lexicon_entry *e)
{
    for (size_t i = 0; i < sizeof number_attributes / sizeof *number_attributes; i++) {
        const number_attribute *a = &number_attributes[i];
        double number;
        if (!span_is(name, a->name))
            continue;
        if (!parse_number(value, &number) || number < a->min || number > a->max)
            return false;
        memcpy((char *)e + a->offset, &number, sizeof number);
        e->has_bias |= a->offset == offsetof(tb_lexicon_entry, bias);
        return true;
    }
    return false;
}

static bool parse_flag_attribute(span name, tb_lexicon_entry *e)
{
    for (size_t i = 0; i < sizeof flag_attributes / sizeof *flag_attributes; i++)
        if (span_is(name, flag_attributes[i].name)) {
            *(bool *)((char *)e + flag_attributes[i].offset) = true;
            return true;
        }
    return false;
}

static bool parse_attribute(span attribute, tb_lexicon_entry *e)
{
    span name, value = attribute;
    if (!next_part(&value, ' ', &name))
        return false;
    if (value.s == NULL)
        return parse_flag_attribute(name, e);
    value = trim(value);
    if (span_is(name, "metre"))
        return parse_metre(value, &e->beats_per_bar, &e->beat_unit);
    if (span_is(name, "with"))
        return parse_instruments(value, &e->with);
    if (span_is(name, "for"))
        return parse_by_style(value, e);
    if (span_is(name, "style"))
        return e->flavour = (e->style = find_style(value)) >= 0;
    return parse_number_attribute(name, value, e);
}

/* The second column must name a thing that exists. */
static bool parse_meaning(span meaning, tb_lexicon_entry *e)
{
    span first = meaning, rest = meaning;
    if ((meaning.len > 0) != kinds[e->kind].has_meaning || meaning.len > 150)
        return false;
    switch (e->kind) {
    case TB_LEXICON_STYLE:
        return (e->style = find_style(meaning)) >= 0;
    case TB_LEXICON_MODE:
        return (e->mode = find_mode(meaning)) >= 0;
    case TB_LEXICON_TEXTURE:
        e->amount = 1;
        return (e->texture = find_texture(meaning)) >= 0;
    case TB_LEXICON_METRE:
        return parse_metre(meaning, &e->beats_per_bar, &e->beat_unit);
    case TB_LEXICON_INSTRUMENT:
        return next_part(&rest, ',', &first) && (e->instrument = find_instrument(first)) >= 0 &&
               parse_instruments(meaning, &e->covers);
    default:
        return true;
    }
}

/* A mere word never replaces a phrase; a phrase takes over the key of a mere word. */
static tb_status add_key(parser *p, const char *text, const char *spelling, int entry, span where)
{
    tb_lexicon *x = p->lexicon;
    size_t len = strlen(text);
    int32_t *slot = tb_lexicon_slot(x, text, len);
    if (*slot == 0) {
        x->keys[x->n_keys++] = (tb_lexicon_key){text, (int)len, spelling, entry};
        *slot = x->n_keys;
        return TIMBRE_OK;
    }
    tb_lexicon_key *old = &x->keys[*slot - 1];
    if (entry < 0)
        return TIMBRE_OK;
    if (old->entry >= 0)
        return bad_line(p, "phrase already stands on another line or twice here", where);
    old->spelling = spelling;
    old->entry = entry;
    return TIMBRE_OK;
}

static tb_status add_phrase(parser *p, span phrase, int entry)
{
    tb_lexicon *x = p->lexicon;
    tb_word *words;
    int n_words;
    tb_status status = tb_words_split(phrase.s, phrase.len, &x->arena, &words, &n_words, p->err);
    if (status == TIMBRE_BAD_INPUT)
        return bad_line(p, "phrase is not UTF-8:", (span){"", 0});
    if (status != TIMBRE_OK)
        return status;
    if (n_words < 1 || n_words > TB_LEXICON_PHRASE_MAX_WORDS || phrase.len > 39)
        return bad_line(p, "phrase is empty or too long (5 words, 39 bytes):", phrase);
    size_t len = 0;
    for (int i = 0; i < n_words; i++)
        len += strlen(words[i].text);
    char *joined = tb_arena_push(&x->arena, len + 1, 1);
    char *spelling = tb_arena_push_str(&x->arena, phrase.s, phrase.len);
    if (joined == NULL || spelling == NULL)
        return no_memory(p);
    for (int i = 0, at = 0; i < n_words; at += (int)strlen(words[i].text), i++)
        memcpy(joined + at, words[i].text, strlen(words[i].text));
    status = add_key(p, joined, spelling, entry, phrase);
    for (int i = 0; n_words > 1 && i < n_words && status == TIMBRE_OK; i++)
        status = add_key(p, words[i].text, NULL, -1, phrase);
    return status;
}

static bool parse_kind(span name, tb_lexicon_kind *kind)
{
    for (int i = 0; i < TB_LEXICON_KIND_COUNT; i++)
        if (span_is(name, kinds[i].name)) {
            *kind = (tb_lexicon_kind)i;
            return true;
        }
    return false;
}

static tb_lexicon_entry blank_entry(int line)
{
    tb_lexicon_entry e = {.line = line,
                          .style = -1,
                          .mode = -1,
                          .texture = -1,
                          .instrument = -1,
                          .energy = -1,
                          .brightness = -1,
                          .degree = 1};
    for (int i = 0; i < TB_STYLE_COUNT; i++)
        e.by_style[i] = -1;
    return e;
}

/* KIND | MEANING | ATTRIBUTE; ATTRIBUTE | PHRASE, PHRASE */
static tb_status parse_entry(parser *p, span line)
{
    tb_lexicon *x = p->lexicon;
    tb_lexicon_entry e = blank_entry(p->line);
    span column[4], part, rest = line;
    for (int i = 0; i < 4; i++)
        if (!next_part(&rest, '|', &column[i]))
            return bad_line(p, "four columns wanted:", line);
    if (rest.s != NULL || column[3].len == 0)
        return bad_line(p, "four columns wanted:", line);
    if (!parse_kind(column[0], &e.kind))
        return bad_line(p, "unknown kind", column[0]);
    if (!parse_meaning(column[1], &e))
        return bad_line(p, "meaning does not fit the kind:", column[1]);
    while (column[2].len > 0 && next_part(&column[2], ';', &part))
        if (!parse_attribute(part, &e))
            return bad_line(p, "bad attribute", part);
    e.meaning = tb_arena_push_str(&x->arena, column[1].s, column[1].len);
    if (e.meaning == NULL)
        return no_memory(p);
    x->entries[x->n_entries++] = e;
    tb_status status = TIMBRE_OK;
    while (status == TIMBRE_OK && next_part(&column[3], ',', &part))
        status = add_phrase(p, part, x->n_entries - 1);
    return status;
}

static tb_status parse_lines(parser *p)
{
    span rest = {p->at, (size_t)(p->end - p->at)}, line;
    tb_status status = TIMBRE_OK;
    while (status == TIMBRE_OK && next_part(&rest, '\n', &line)) {
        p->line++;
        if (line.len > 0 && line.s[0] != '#')
            status = parse_entry(p, line);
    }
    return status;
}

/* Room from upper bounds: an entry takes a line; before every phrase and every word stands a byte
 * that is no ASCII letter or digit. */
static tb_status reserve(parser *p)
{
    tb_lexicon *x = p->lexicon;
    size_t n_lines = 1, n_keys = 2;
    for (const char *c = p->at; c < p->end; c++) {
        bool is_plain = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9');
        n_lines += *c == '\n';
        n_keys += is_plain ? 0 : 2;
    }
    x->n_slots = 64;
    while (x->n_slots <= n_keys)
        x->n_slots *= 2;
    x->entries = tb_arena_push(&x->arena, n_lines, sizeof *x->entries);
    x->keys = tb_arena_push(&x->arena, n_keys, sizeof *x->keys);
    x->slots = tb_arena_push(&x->arena, x->n_slots, sizeof *x->slots);
    return x->entries == NULL || x->keys == NULL || x->slots == NULL ? no_memory(p) : TIMBRE_OK;
}

tb_status tb_lexicon_parse(const char *bytes, size_t len_bytes, tb_lexicon **out, tb_error *err)
{
    *out = NULL;
    if (len_bytes > TB_LEXICON_MAX_BYTES)
        return tb_fail(err, TIMBRE_INTERNAL, "lexicon of %zu bytes exceeds %d bytes", len_bytes,
                       TB_LEXICON_MAX_BYTES);
    parser p = {.at = bytes, .end = bytes + len_bytes, .err = err};
    p.lexicon = calloc(1, sizeof *p.lexicon);
    if (p.lexicon == NULL)
        return no_memory(&p);
    tb_status status = reserve(&p);
    if (status == TIMBRE_OK)
        status = parse_lines(&p);
    if (status == TIMBRE_OK)
        *out = p.lexicon;
    else
        tb_lexicon_free(p.lexicon);
    return status;
}

tb_status tb_lexicon_new(tb_lexicon **out, tb_error *err)
{
    return tb_lexicon_parse((const char *)tb_data_lexicon, tb_data_lexicon_len, out, err);
}

void tb_lexicon_free(tb_lexicon *lexicon)
{
    if (lexicon == NULL)
        return;
    tb_arena_deinit(&lexicon->arena);
    free(lexicon);
}
