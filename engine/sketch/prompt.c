/*
 * The prompt reader. Three steps: split and correct the words; scan them into findings (an entry of
 * the lexicon or a notation, with what modifies it); put the findings in a canonical order without
 * doubles. What the brief says is then a function of that set (resolve.c), so the order of words
 * cannot matter.
 */
#include "engine/sketch/prompt.h"

#include <string.h>

#include "engine/base/limits.h"
#include "engine/base/utf8.h"
#include "engine/sketch/lexicon.h"
#include "engine/sketch/notation.h"
#include "engine/sketch/resolve.h"
#include "engine/sketch/words.h"

/* How far a "no" reaches. */
typedef enum negation {
    NEGATE_NOTHING,
    NEGATE_NEXT, /* "not sad piano": only the sad */
    NEGATE_NOUN, /* "no loud drums": all up to the thing itself */
    NEGATE_DONE, /* used up, but "or" carries it on: "without drums or bass" */
} negation;

typedef struct scanner {
    const tb_lexicon *lexicon;
    tb_findings *found;
    const tb_word *words; /* [n_words], text corrected */
    int n_words;
    bool is_negative_prompt;
    /* What the words so far mean for the next one; forgotten at a comma. */
    negation negate;
    double degree;    /* product of "very", "slightly", ... */
    bool is_solo;     /* "solo" stands right before */
    int first_amount; /* findings from here on are "gentle", "heavy": of what comes next? */
    double more;      /* "more" or "less" right before, as an amount; 0: neither */
    int noun_end;     /* the word after the latest instrument or texture, the last finding */
} scanner;

static void forget(scanner *s)
{
    s->negate = NEGATE_NOTHING;
    s->degree = 1;
    s->is_solo = false;
    s->first_amount = s->found->n;
    s->more = 0;
    s->noun_end = -1;
}

/* Words [at, at + n) meant nothing: listed as typed. */
static void add_unknown(scanner *s, int at, int n)
{
    char *text = s->found->unknown[s->found->n_unknown++];
    size_t len = 0;
    for (int i = at; i < at + n; i++) {
        const tb_word *word = &s->words[i];
        if (len > 0 && len < TB_UNKNOWN_BYTES - 1)
            text[len++] = ' ';
        for (int k = 0; k < word->typed_bytes && len < TB_UNKNOWN_BYTES - 1; k++)
            text[len++] = word->typed[k];
    }
    while (len > 0 && tb_utf8_check(text, len) != len)
        len--; /* cut at a code point */
    text[len] = '\0';
}

static bool is_negated(const scanner *s)
{
    return s->is_negative_prompt || s->negate == NEGATE_NEXT || s->negate == NEGATE_NOUN;
}

/* "gentle" and "heavy" right before a texture or an instrument, "more" and "less", are its level
 * and no moods of the music. */
static double take_amounts(scanner *s)
{
    double sum = s->more;
    int n = s->found->n - s->first_amount + (s->more > 0);
    for (int i = s->first_amount; i < s->found->n; i++)
        sum += s->found->items[i].entry->amount;
    s->found->n = s->first_amount;
    return n > 0 ? sum / n : 1;
}

static void add_entry(scanner *s, const tb_lexicon_entry *entry, const char *spelling)
{
    bool is_texture = entry->kind == TB_LEXICON_TEXTURE;
    bool is_instrument = entry->kind == TB_LEXICON_INSTRUMENT;
    bool is_noun = is_texture || is_instrument;
    bool is_amount = entry->kind == TB_LEXICON_MOOD && entry->amount > 0;
    double amount = is_noun ? take_amounts(s) : 1;
    tb_finding *f = &s->found->items[s->found->n++];
    *f = (tb_finding){.entry = entry,
                      .spelling = spelling,
                      .negated = is_negated(s) || entry->without,
                      .alone = entry->alone || (s->is_solo && is_noun),
                      .level_db = (int8_t)(!is_instrument || amount == 1 ? 0
                                           : amount < 1                  ? -6
                                                                         : 4),
                      .scale = is_texture ? amount * s->degree : s->degree};
    if (s->negate == NEGATE_NEXT || (s->negate == NEGATE_NOUN && is_noun))
        s->negate = NEGATE_DONE;
    else if (s->negate == NEGATE_DONE)
        s->negate = NEGATE_NOTHING;
    s->degree = 1;
    s->is_solo = s->is_solo && !is_instrument;
    s->more = 0;
    if (!is_amount)
        s->first_amount = s->found->n;
}

static void add_notation(scanner *s, const tb_notation *notation, int at, int n)
{
    if (notation->kind == TB_NOTATION_BAD || is_negated(s))
        add_unknown(s, at, n);
    else
        s->found->items[s->found->n++] = (tb_finding){.notation = *notation, .scale = 1};
    forget(s);
}

/* The longest phrase that begins at word `at`, not reaching over a comma. */
static const tb_lexicon_key *longest_phrase(const scanner *s, int at, int *n_taken)
{
    char joined[128];
    const tb_lexicon_key *best = NULL;
    size_t len = 0;
    for (int i = at; i < s->n_words && i < at + TB_LEXICON_PHRASE_MAX_WORDS; i++) {
        size_t more = strlen(s->words[i].text);
        if ((i > at && s->words[i].after_break) || len + more > sizeof joined)
            break;
        memcpy(joined + len, s->words[i].text, more);
        len += more;
        const tb_lexicon_key *key = tb_lexicon_find(s->lexicon, joined, len);
        if (key != NULL && key->entry >= 0) {
            best = key;
            *n_taken = i - at + 1;
        }
    }
    return best;
}

/* "solo", "only": before what plays alone or after it. */
static void scan_solo(scanner *s, const tb_lexicon_entry *entry, int at)
{
    if (s->noun_end != at) {
        s->is_solo = true;
        return;
    }
    tb_finding *before = &s->found->items[s->found->n - 1];
    before->alone |= entry->alone;
    before->featured |= !entry->alone;
}

/* Words that only act on others. Returns false for content. */
static bool scan_function_word(scanner *s, const tb_lexicon_entry *entry, int at)
{
    switch (entry->kind) {
    case TB_LEXICON_NO:
        s->negate = NEGATE_NOUN;
        return true;
    case TB_LEXICON_NOT:
        s->negate = NEGATE_NEXT;
        return true;
    case TB_LEXICON_OR:
        s->negate = s->negate == NEGATE_DONE ? NEGATE_NOUN : s->negate;
        return true;
    case TB_LEXICON_DEGREE:
        s->degree *= entry->degree;
        return true;
    case TB_LEXICON_SOLO:
        scan_solo(s, entry, at);
        return true;
    case TB_LEXICON_STOP:
        s->more = entry->amount;
        return true;
    default:
        return false;
    }
}

/* Read what begins at word `at`; returns the number of words used. */
static int scan_at(scanner *s, int at)
{
    tb_notation notation;
    if (s->words[at].after_break)
        forget(s);
    int n = tb_notation_read(s->lexicon, s->words, s->n_words, at, &notation);
    if (n > 0) {
        add_notation(s, &notation, at, n);
        return n;
    }
    const tb_lexicon_key *key = longest_phrase(s, at, &n);
    const tb_lexicon_entry *entry = key == NULL ? NULL : &s->lexicon->entries[key->entry];
    if (entry == NULL || entry->kind == TB_LEXICON_COMMON) {
        bool is_no = s->negate == NEGATE_NOUN; /* "no annoying drums" */
        add_unknown(s, at, 1);
        forget(s);
        s->negate = is_no ? NEGATE_NOUN : NEGATE_NOTHING;
        return 1;
    }
    if (!scan_function_word(s, entry, at)) {
        add_entry(s, entry, key->spelling);
        if (entry->instrument >= 0 || entry->texture >= 0)
            s->noun_end = at + n;
    }
    return n;
}

/* Split, correct and scan one text. */
static tb_status scan_text(const tb_lexicon *lexicon, const char *text, bool is_negative_prompt,
                           tb_arena *arena, tb_findings *found, tb_error *err)
{
    tb_word *words;
    scanner s = {.lexicon = lexicon, .found = found, .is_negative_prompt = is_negative_prompt};
    tb_status status = tb_words_split(text, strlen(text), arena, &words, &s.n_words, err);
    if (status != TIMBRE_OK)
        return status;
    s.words = words;
    for (int i = 0; i < s.n_words; i++)
        words[i].text = tb_lexicon_correct(lexicon, words[i].text);
    for (int at = 0; at < s.n_words;)
        at += scan_at(&s, at);
    return TIMBRE_OK;
}

static tb_status check_length(const char *name, size_t len_bytes, tb_error *err)
{
    if (len_bytes <= TB_PROMPT_MAX_BYTES)
        return TIMBRE_OK;
    tb_status status = tb_fail(err, TIMBRE_BAD_INPUT, "%s of %zu bytes exceeds %d bytes", name,
                               len_bytes, TB_PROMPT_MAX_BYTES);
    tb_fix(err, "shorten the text: a few phrases say more than a page");
    return status;
}

tb_status tb_prompt_read(const tb_lexicon *lexicon, const char *prompt, const char *negative_prompt,
                         tb_brief *out, tb_error *err)
{
    const char *negative = negative_prompt == NULL ? "" : negative_prompt;
    size_t len_bytes = strlen(prompt) + strlen(negative);
    tb_arena arena;
    tb_findings found = {0};
    tb_status status = check_length("prompt", strlen(prompt), err);
    if (status == TIMBRE_OK)
        status = check_length("negative prompt", strlen(negative), err);
    if (status != TIMBRE_OK)
        return status;
    tb_arena_init(&arena, 0);
    /* A word takes at least one byte, and gives at most one finding or one unknown. */
    found.items = tb_arena_push(&arena, len_bytes + 1, sizeof *found.items);
    found.unknown = tb_arena_push(&arena, len_bytes + 1, sizeof *found.unknown);
    if (found.items == NULL || found.unknown == NULL)
        status = tb_fail(err, TIMBRE_NO_MEMORY, "no memory to read a prompt of %zu bytes",
                         len_bytes);
    if (status == TIMBRE_OK)
        status = scan_text(lexicon, prompt, false, &arena, &found, err);
    if (status == TIMBRE_OK)
        status = scan_text(lexicon, negative, true, &arena, &found, err);
    if (status == TIMBRE_OK)
        tb_findings_resolve(&found, out);
    tb_arena_deinit(&arena);
    return status;
}
