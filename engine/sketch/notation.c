/*
 * Small readers, one per notation, each tried at every word. A reader looks ahead through a cursor
 * that never crosses a comma.
 */
#include "engine/sketch/notation.h"

#include <string.h>

enum { MIN_BPM = 30, MAX_BPM = 300 };

typedef struct cursor {
    const tb_lexicon *lexicon;
    const tb_word *words;
    int n_words, at;
} cursor;

/* Text of the word `ahead` words on in the same phrase, or "" past its end. */
static const char *peek(const cursor *c, int ahead)
{
    for (int i = 1; i <= ahead; i++)
        if (c->at + i >= c->n_words || c->words[c->at + i].after_break)
            return "";
    return c->words[c->at + ahead].text;
}

/* The word before this one in the same phrase, or "". */
static const char *previous(const cursor *c)
{
    return c->at == 0 || c->words[c->at].after_break ? "" : c->words[c->at - 1].text;
}

static bool is_one_of(const char *word, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

/* Digits with at most one point, at most seven bytes; returns the bytes read, 0 for none. */
static size_t read_number(const char *s, double *out)
{
    double value = 0, place = 0;
    size_t i = 0;
    for (; i < 7 && ((s[i] >= '0' && s[i] <= '9') || (s[i] == '.' && i > 0 && place == 0)); i++) {
        if (s[i] == '.') {
            place = 1;
            continue;
        }
        value = value * 10 + (s[i] - '0');
        place *= 10;
    }
    *out = place > 0 ? value / place : value;
    return i;
}

static bool is_number(const char *s, double *out)
{
    size_t n = read_number(s, out);
    return n > 0 && s[n] == '\0';
}

static int take_tempo(double bpm, int n_taken, tb_notation *out)
{
    out->kind = bpm >= MIN_BPM && bpm <= MAX_BPM ? TB_NOTATION_TEMPO : TB_NOTATION_BAD;
    out->bpm = bpm;
    return n_taken;
}

/* "84 bpm", "84bpm", "84 beats per minute" */
static int read_tempo_number_first(const cursor *c, tb_notation *out)
{
    double bpm;
    const char *word = peek(c, 0);
    size_t n = read_number(word, &bpm);
    if (n == 0)
        return 0;
    if (strcmp(word + n, "bpm") == 0)
        return take_tempo(bpm, 1, out);
    if (word[n] != '\0')
        return 0;
    if (strcmp(peek(c, 1), "bpm") == 0)
        return take_tempo(bpm, 2, out);
    bool is_spelled_out = strcmp(peek(c, 1), "beats") == 0 &&
                          is_one_of(peek(c, 2), (const char *const[]){"per", "a", NULL}) &&
                          strcmp(peek(c, 3), "minute") == 0;
    return is_spelled_out ? take_tempo(bpm, 4, out) : 0;
}

/* "tempo 120", "bpm: 140", "tempo of around 90 bpm" */
static int read_tempo_word_first(const cursor *c, tb_notation *out)
{
    static const char *const fillers[] = {"of", "is", "at", "around", "about", "bpm", NULL};
    double bpm;
    int i = 1;
    if (!is_one_of(peek(c, 0), (const char *const[]){"tempo", "bpm", NULL}))
        return 0;
    while (i < 4 && is_one_of(peek(c, i), fillers))
        i++;
    if (!is_number(peek(c, i), &bpm))
        return 0;
    return take_tempo(bpm, strcmp(peek(c, i + 1), "bpm") == 0 ? i + 2 : i + 1, out);
}

/* "3/4", "7/8" */
static int read_metre(const cursor *c, tb_notation *out)
{
    const char *word = peek(c, 0);
    const char *slash = strchr(word, '/');
    double beats, unit;
    if (slash == NULL || word + read_number(word, &beats) != slash || !is_number(slash + 1, &unit))
        return 0;
    bool is_known = beats >= 2 && beats <= 12 && beats == (int)beats && (unit == 4 || unit == 8);
    out->kind = is_known ? TB_NOTATION_METRE : TB_NOTATION_BAD;
    out->beats_per_bar = is_known ? (int)beats : 0;
    out->beat_unit = is_known ? (int)unit : 0;
    return 1;
}

/* Mode spelled by the words from `ahead` on ("major", "min", "natural minor"); returns how many. */
static int read_mode(const cursor *c, int ahead, int *mode)
{
    for (int n = 2; n >= 1; n--) {
        char joined[64] = "";
        const char *last = peek(c, ahead + n - 1);
        for (int i = 0; i < n; i++)
            strncat(joined, peek(c, ahead + i), sizeof joined - strlen(joined) - 1);
        const tb_lexicon_key *key = tb_lexicon_find(c->lexicon, joined, strlen(joined));
        if (last[0] == '\0' || key == NULL || key->entry < 0)
            continue;
        *mode = c->lexicon->entries[key->entry].mode;
        if (*mode >= 0)
            return n;
    }
    return 0;
}

/* A note name being read: "c", "f#", "bb", with "m", "min" or "maj" written on to it. */
typedef struct note {
    int root;      /* 0 .. 11 after the accidental */
    int n_words;   /* 1, or 2 with "sharp" or "flat" */
    bool is_plain; /* a single letter and nothing else */
    bool is_short; /* "Am": one m stands for minor */
    int mode;      /* from the suffix, or -1 */
} note;

static bool read_suffix(const char *s, note *out)
{
    static const struct {
        const char *suffix;
        int mode;
    } suffixes[] = {
        {"", -1},
        {"m", TB_MODE_MINOR},
        {"min", TB_MODE_MINOR},
        {"minor", TB_MODE_MINOR},
        {"maj", TB_MODE_MAJOR},
        {"major", TB_MODE_MAJOR},
    };
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (strcmp(s, suffixes[i].suffix) == 0) {
            out->mode = suffixes[i].mode;
            out->is_short = i == 1;
            return true;
        }
    return false;
}

static bool read_note(const cursor *c, note *out)
{
    static const int roots[7] = {9, 11, 0, 2, 4, 5, 7}; /* a .. g */
    const char *word = peek(c, 0);
    if (word[0] < 'a' || word[0] > 'g')
        return false;
    int root = roots[word[0] - 'a'];
    int sign = word[1] == '#' ? 1 : word[1] == 'b' ? -1 : 0;
    *out = (note){.n_words = 1, .mode = -1};
    if (!read_suffix(word + 1 + (sign != 0), out))
        return false;
    if (word[1] == '\0') {
        sign = strcmp(peek(c, 1), "sharp") == 0 ? 1 : strcmp(peek(c, 1), "flat") == 0 ? -1 : 0;
        out->n_words += sign != 0;
        out->is_plain = sign == 0;
    }
    out->root = (root + sign + 12) % 12;
    return true;
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* Written as a musician writes it: capital letter, then a small m or b: "Am", "Bb", "F#m". */
static bool is_spelled_as_key(const char *typed)
{
    return is_upper(typed[0]) && !is_upper(typed[1]);
}

/*
 * Whether a note without a mode word is meant as a key. Letters are words ("a piano", "I am"), so
 * something must say so: "key of" or "in" before it, or a spelling that nothing else has.
 */
static bool is_meant(const cursor *c, const note *found)
{
    const char *before = previous(c);
    bool is_called_key = strcmp(before, "key") == 0 ||
                         (strcmp(before, "of") == 0 && c->at >= 2 &&
                          strcmp(c->words[c->at - 2].text, "key") == 0);
    bool is_letter_a = c->words[c->at].text[0] == 'a';
    if (is_called_key)
        return true;
    if (strcmp(before, "in") == 0)
        return !is_letter_a || peek(c, found->n_words)[0] == '\0' || !found->is_plain;
    if (found->is_plain || (found->is_short && strcmp(before, "i") == 0))
        return false;
    if (found->n_words == 2)
        return !is_letter_a || is_upper(c->words[c->at].typed[0]);
    if (strchr(c->words[c->at].text, '#') != NULL || (found->mode >= 0 && !found->is_short))
        return true;
    return is_spelled_as_key(c->words[c->at].typed);
}

/* "a minor problem": a small letter a, and after the mode a word that has no place in music. */
static bool is_article(const cursor *c, int n)
{
    const char *next = peek(c, n);
    if (c->words[c->at].typed[0] != 'a' || c->words[c->at].text[1] != '\0' || next[0] == '\0' ||
        (next[0] >= '0' && next[0] <= '9'))
        return false;
    const tb_lexicon_key *key = tb_lexicon_find(c->lexicon, next, strlen(next));
    return key == NULL ||
           (key->entry >= 0 && c->lexicon->entries[key->entry].kind == TB_LEXICON_COMMON);
}

/* "A minor", "c sharp minor", "E-flat", "Am", "in G", "key of D dorian" */
static int read_key(const cursor *c, tb_notation *out)
{
    note found;
    int mode;
    if (!read_note(c, &found))
        return 0;
    int n_mode = found.mode >= 0 ? 0 : read_mode(c, found.n_words, &mode);
    if (n_mode == 0 && !is_meant(c, &found))
        return 0;
    if (n_mode > 0 && is_article(c, found.n_words + n_mode)) {
        out->kind = TB_NOTATION_BAD;
        return found.n_words + n_mode;
    }
    out->kind = TB_NOTATION_KEY;
    out->key_root = found.root;
    out->mode = n_mode > 0 ? mode : found.mode;
    return found.n_words + n_mode;
}

int tb_notation_read(const tb_lexicon *lexicon, const tb_word *words, int n_words, int at,
                     tb_notation *out)
{
    static int (*const readers[])(const cursor *, tb_notation *) = {
        read_tempo_number_first, read_tempo_word_first, read_metre, read_key};
    cursor c = {lexicon, words, n_words, at};
    *out = (tb_notation){.mode = -1, .key_root = -1};
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
        int n = readers[i](&c, out);
        if (n > 0)
            return n;
    }
    return 0;
}
