#include "engine/sketch/theory.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint16_t mode_masks[TB_MODE_COUNT] = {
#define X(id, name, mask) mask,
    TB_MODE_LIST(X)
#undef X
};

/* Fifths between a mode and the major key of the same signature. */
static const int8_t mode_fifths[TB_MODE_COUNT] = {
    [TB_MODE_MAJOR] = 0,     [TB_MODE_MINOR] = -3, [TB_MODE_DORIAN] = -2,
    [TB_MODE_PHRYGIAN] = -4, [TB_MODE_LYDIAN] = 1, [TB_MODE_MIXOLYDIAN] = -1,
    [TB_MODE_LOCRIAN] = -5,
};

static int wrap12(int n)
{
    return ((n % 12) + 12) % 12;
}

static unsigned bit_of(int pitch_class)
{
    return 1u << wrap12(pitch_class);
}

unsigned tb_key_scale(tb_key key)
{
    unsigned mask = mode_masks[key.mode];
    return ((mask << key.root) | (mask >> (12 - key.root))) & 0xFFF;
}

int tb_key_signature(tb_key key)
{
    int fifths = wrap12(key.root * 7) + mode_fifths[key.mode];
    return (fifths + 5 + 12) % 12 - 5; /* -5..6: B major has five sharps, not seven flats */
}

/* Semitones of scale degree 0..6 (beyond: the octave above) over the tonic. */
static int degree_semitones(tb_mode mode, int degree)
{
    int octaves = degree / 7, found = -1;
    for (int s = 0; s < 12; s++)
        if (mode_masks[mode] >> s & 1 && ++found == degree % 7)
            return s + 12 * octaves;
    return 0;
}

static int stacked(tb_mode mode, int degree, int thirds)
{
    return degree_semitones(mode, degree + 2 * thirds) - degree_semitones(mode, degree);
}

static void make_dominant(tb_chord *c, bool with_seventh)
{
    c->third = 4;
    c->fifth = 7;
    c->seventh = with_seventh ? 10 : -1;
}

static void apply_mark(tb_chord *c, char mark, int size, int natural_seventh)
{
    if (mark == '!')
        make_dominant(c, size >= TB_CHORD_SEVENTH);
    if (mark == 'm') {
        c->third = 3;
        c->fifth = 7;
        c->seventh = size >= TB_CHORD_SEVENTH ? 10 : -1;
    }
    if (mark == '7')
        c->seventh = (c->third == 4 && c->seventh < 0 ? 10 : natural_seventh);
}

tb_chord tb_chord_parse(const char *text, tb_key key, int size, const char **end)
{
    bool flat = *text == 'b';
    text += flat;
    int degree = *text >= '1' && *text <= '7' ? *text++ - '1' : 0;
    int root = degree_semitones(key.mode, degree);
    if (flat) /* counted from the major scale, so that b7 means the same in every mode */
        root = degree_semitones(TB_MODE_MAJOR, degree) - 1;
    int seventh = stacked(key.mode, degree, 3), ninth = stacked(key.mode, degree, 4);
    tb_chord c = {
        .root = wrap12(key.root + root),
        .third = (size == TB_CHORD_POWER ? -1 : stacked(key.mode, degree, 1)),
        .fifth = stacked(key.mode, degree, 2),
        .seventh = (size >= TB_CHORD_SEVENTH ? seventh : -1),
        .ninth = (size >= TB_CHORD_NINTH && ninth == 14 ? ninth : -1), /* no minor ninths */
    };
    c.bass = c.root;
    if (flat)
        make_dominant(&c, false);
    for (; *text == '!' || *text == 'm' || *text == '7'; text++)
        apply_mark(&c, *text, size, seventh);
    if (*text == '/' && text[1] >= '1' && text[1] <= '7') {
        c.bass = wrap12(key.root + degree_semitones(key.mode, text[1] - '1'));
        text += 2;
    }
    if (end != NULL)
        *end = text;
    return c;
}

static const char *spelled(int pitch_class, tb_key key)
{
    static const char *const flats[12] = {"C",  "Db", "D",  "Eb", "E",  "F",
                                          "Gb", "G",  "Ab", "A",  "Bb", "B"};
    return tb_key_signature(key) < 0 ? flats[pitch_class] : tb_pitch_class_name(pitch_class);
}

const char *tb_key_tonic_name(tb_key key)
{
    return spelled(key.root, key);
}

static const char *quality_name(const tb_chord *c)
{
    static const struct {
        int8_t third, fifth, seventh;
        const char *plain, *with_ninth;
    } names[] = {
        {4, 7, -1, "", "add9"},         {3, 7, -1, "m", "madd9"}, {3, 6, -1, "dim", "dim"},
        {4, 8, -1, "aug", "aug"},       {-1, 7, -1, "5", "sus2"}, {-1, 6, -1, "dim", "dim"},
        {4, 7, 11, "maj7", "maj9"},     {4, 7, 10, "7", "9"},     {3, 7, 10, "m7", "m9"},
        {3, 6, 10, "m7b5", "m9b5"},     {3, 7, 11, "mM7", "mM9"}, {3, 6, 9, "dim7", "dim7"},
        {4, 8, 11, "maj7#5", "maj9#5"}, {4, 6, 10, "7b5", "9b5"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].third == c->third && names[i].fifth == c->fifth &&
            names[i].seventh == c->seventh)
            return c->ninth >= 0 ? names[i].with_ninth : names[i].plain;
    return "";
}

void tb_chord_format(const tb_chord *c, tb_key key, char *out, size_t cap)
{
    const char *quality = quality_name(c);
    if (c->bass != c->root)
        snprintf(out, cap, "%s%s/%s", spelled(c->root, key), quality, spelled(c->bass, key));
    else
        snprintf(out, cap, "%s%s", spelled(c->root, key), quality);
}

unsigned tb_chord_tones(const tb_chord *c)
{
    unsigned set = bit_of(c->root) | bit_of(c->root + c->fifth);
    if (c->third >= 0)
        set |= bit_of(c->root + c->third);
    if (c->seventh >= 0)
        set |= bit_of(c->root + c->seventh);
    return set;
}

unsigned tb_chord_scale(const tb_chord *c, tb_key key)
{
    unsigned scale = tb_key_scale(key), tones = tb_chord_tones(c);
    for (int pc = 0; pc < 12; pc++) {
        if (!(tones & bit_of(pc)) || scale & bit_of(pc))
            continue;
        /* A raised third displaces the note below it, any other stranger the note above. */
        bool raised = c->third == 4 && pc == wrap12(c->root + 4);
        unsigned displaced = bit_of(raised ? pc - 1 : pc + 1);
        scale &= ~(displaced & ~tones);
    }
    return scale | tones;
}

int tb_pitch_snap(unsigned set, int near)
{
    for (int d = 0; d < 12; d++) {
        if (set & bit_of(near - d))
            return near - d;
        if (set & bit_of(near + d))
            return near + d;
    }
    return near;
}

int tb_pitch_walk(unsigned set, int from, int n_steps)
{
    int key = tb_pitch_snap(set, from), direction = n_steps < 0 ? -1 : 1;
    for (int left = abs(n_steps); left > 0; left--)
        do
            key += direction;
        while (!(set & bit_of(key)));
    return key;
}

/* ---- voicings ---- */

typedef struct search {
    const tb_voicing_rule *rule;
    int n, low, high, min_gap, max_gap;
    int pitch_class[TB_VOICES_MAX];
    bool used[TB_VOICES_MAX];
    const tb_voicing *previous;
    tb_voicing current, best;
    int best_cost;
} search;

/* Without its root a major seventh sounds like the minor chord on its third: it keeps the root and
 * leaves the seventh out. */
static int tone_of(const tb_chord *c, char tone, bool rootless)
{
    if (rootless && c->third == 4 && c->seventh == 11)
        tone = tone == '7' ? '1' : tone;
    switch (tone) {
    case '3':
        return c->third;
    case '5':
        return c->fifth;
    case '6':
        return c->third == 4 && c->seventh == 10 ? 9 : c->fifth;
    case '7':
        return c->seventh;
    case '9':
        return c->ninth;
    default:
        return 0;
    }
}

/* Pitch classes of the rule's tones; an absent tone becomes the root, or the fifth if that is
 * there already, so that the number of voices never changes. */
static void choose_tones(search *s, const tb_chord *c)
{
    bool has_root = strchr(s->rule->tones, '1') != NULL, rootless = !has_root;
    for (const char *t = s->rule->tones; *t != '\0' && s->n < TB_VOICES_MAX; t++) {
        int interval = tone_of(c, *t, rootless);
        if (interval < 0) {
            interval = has_root ? c->fifth : 0;
            has_root = true;
        }
        s->pitch_class[s->n++] = wrap12(c->root + interval);
    }
}

/* Movement from the previous voicing, and a mild pull to the middle of the range, in half
 * semitones. */
static int cost_of(const search *s)
{
    int cost = 0, sum = 0;
    for (int v = 0; v < s->n; v++) {
        sum += s->current.keys[v];
        if (s->previous->n == s->n)
            cost += 4 * abs(s->current.keys[v] - s->previous->keys[v]);
    }
    return cost + abs(2 * sum - (s->low + s->high) * s->n) / 2;
}

static void place_voice(search *s, int v)
{
    if (v == s->n) {
        int cost = cost_of(s);
        if (cost < s->best_cost) {
            s->best_cost = cost;
            s->best = s->current;
        }
        return;
    }
    int from = v == 0 ? s->low : s->current.keys[v - 1] + s->min_gap;
    int to = v == 0 ? s->high : s->current.keys[v - 1] + s->max_gap;
    for (int i = 0; i < s->n; i++) {
        if (s->used[i])
            continue;
        s->used[i] = true;
        int key = from + wrap12(s->pitch_class[i] - from);
        for (; key <= to && key <= s->high; key += 12) {
            s->current.keys[v] = (int8_t)key;
            place_voice(s, v + 1);
        }
        s->used[i] = false;
    }
}

tb_voicing tb_voicing_next(const tb_voicing_rule *rule, const tb_chord *chord, int low, int high,
                           const tb_voicing *previous)
{
    search s = {.rule = rule, .low = low, .high = high, .previous = previous};
    choose_tones(&s, chord);
    s.current.n = s.n;
    s.best_cost = INT_MAX;
    for (int wider = 0; s.best_cost == INT_MAX && s.n > 0; wider++) {
        s.min_gap = rule->min_gap > wider ? rule->min_gap - wider : 1;
        s.max_gap = rule->max_gap + 2 * wider;
        if (s.max_gap > 24) /* a register too narrow for so many voices */
            s.current.n = --s.n;
        place_voice(&s, 0);
    }
    return s.best;
}
