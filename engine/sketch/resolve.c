/*
 * Every field of the brief is a small function of the sorted findings. Where two findings disagree
 * (two styles, two tempi) the more specific wins, then the earlier in the tables; the loser is
 * still listed, as overruled.
 */
#include "engine/sketch/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/sketch/theory.h"

/* What the fields were decided to be, for the lists. */
typedef struct choice {
    const tb_finding *tempo, *key, *metre; /* notations; NULL: none */
    const tb_finding *pace;                /* the tempo word that counts; NULL: none */
    tb_instrument_set excluded;
} choice;

static int compare_int(int a, int b)
{
    return (a > b) - (a < b);
}

static int compare_double(double a, double b)
{
    return (a > b) - (a < b);
}

/* Notations first, by kind; a key with its mode before a bare root. */
static int compare_notations(const tb_notation *a, const tb_notation *b)
{
    int order = compare_int(a->kind, b->kind);
    order = order ? order : compare_double(a->bpm, b->bpm);
    order = order ? order : compare_int(b->mode >= 0, a->mode >= 0);
    order = order ? order : compare_int(a->key_root, b->key_root);
    order = order ? order : compare_int(a->mode, b->mode);
    order = order ? order : compare_int(a->beat_unit, b->beat_unit);
    return order ? order : compare_int(a->beats_per_bar, b->beats_per_bar);
}

static int compare_findings(const void *left, const void *right)
{
    const tb_finding *a = left, *b = right;
    if (a->entry == NULL || b->entry == NULL) {
        if (a->entry != NULL || b->entry != NULL)
            return a->entry == NULL ? -1 : 1;
        return compare_notations(&a->notation, &b->notation);
    }
    int order = compare_int(a->entry->kind, b->entry->kind);
    order = order ? order : compare_int(a->entry->line, b->entry->line);
    order = order ? order : compare_int(a->negated, b->negated);
    order = order ? order : compare_double(a->scale, b->scale);
    order = order ? order : compare_int(b->alone, a->alone);
    order = order ? order : compare_int(b->featured, a->featured);
    order = order ? order : compare_int(a->level_db, b->level_db);
    return order ? order : strcmp(a->spelling, b->spelling);
}

/* Whether saying b after a adds nothing: "sad, sorrowful". */
static bool is_repeat(const tb_finding *a, const tb_finding *b)
{
    if (a->entry == NULL || b->entry == NULL)
        return a->entry == b->entry && compare_notations(&a->notation, &b->notation) == 0;
    if (a->entry->instrument >= 0 && strcmp(a->spelling, b->spelling) != 0)
        return false; /* "trombone, tuba": both are to be accounted for */
    return a->entry == b->entry && a->negated == b->negated && a->scale == b->scale &&
           a->level_db == b->level_db;
}

static void sort_and_merge(tb_findings *found)
{
    int n = 0;
    if (found->n == 0)
        return;
    qsort(found->items, (size_t)found->n, sizeof *found->items, compare_findings);
    for (int i = 1; i < found->n; i++) {
        if (!is_repeat(&found->items[n], &found->items[i]))
            found->items[++n] = found->items[i];
    }
    found->n = n + 1;
}

static const tb_finding *first_notation(const tb_findings *found, tb_notation_kind kind)
{
    for (int i = 0; i < found->n && found->items[i].entry == NULL; i++)
        if (found->items[i].notation.kind == kind)
            return &found->items[i];
    return NULL;
}

static void resolve_notation(const tb_findings *found, tb_brief *out, choice *chosen)
{
    chosen->tempo = first_notation(found, TB_NOTATION_TEMPO);
    chosen->key = first_notation(found, TB_NOTATION_KEY);
    chosen->metre = first_notation(found, TB_NOTATION_METRE);
    if (chosen->tempo != NULL)
        out->tempo_bpm = chosen->tempo->notation.bpm;
    if (chosen->key != NULL) {
        out->key_root = chosen->key->notation.key_root;
        out->mode = chosen->key->notation.mode;
    }
    if (chosen->metre != NULL) {
        out->beats_per_bar = chosen->metre->notation.beats_per_bar;
        out->beat_unit = chosen->metre->notation.beat_unit;
    }
    for (int i = 0; i < found->n; i++) {
        const tb_finding *f = &found->items[i];
        if (f->entry == NULL || f->negated)
            continue;
        if (out->mode < 0)
            out->mode = f->entry->mode;
        if (out->beats_per_bar == 0) {
            out->beats_per_bar = f->entry->beats_per_bar;
            out->beat_unit = f->entry->beat_unit;
        }
    }
}

/* Named outright counts more than as a flavour, several words for one style more than one word, a
 * sub-style with a tempo of its own more than a general name; ties go to the table. */
static void resolve_style(const tb_findings *found, tb_brief *out)
{
    int weight[TB_STYLE_COUNT] = {0};
    bool refused[TB_STYLE_COUNT] = {false};
    for (int i = 0; i < found->n; i++) {
        const tb_lexicon_entry *e = found->items[i].entry;
        if (e == NULL || e->style < 0 || (found->items[i].negated && e->instrument >= 0))
            continue; /* "no jazz guitar" may still be jazz */
        refused[e->style] |= found->items[i].negated;
        weight[e->style] += e->flavour ? 1 : e->tempo_bpm > 0 ? 1001 : 1000;
    }
    for (int i = 0; i < TB_STYLE_COUNT; i++)
        if (weight[i] > 0 && !refused[i] && (out->style < 0 || weight[i] > weight[out->style]))
            out->style = i;
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* `value` moved away from `neutral` by the finding's degree; a negated word points halfway the
 * other way. */
static double moved(const tb_finding *f, double value, double neutral, double low, double high)
{
    double scale = f->negated ? -0.5 : f->scale;
    return clamp(neutral + (value - neutral) * scale, low, high);
}

typedef struct mean {
    double sum;
    int n;
} mean;

static void mean_add(mean *m, double value)
{
    m->sum += value;
    m->n++;
}

static double mean_or(const mean *m, double otherwise)
{
    return m->n > 0 ? m->sum / m->n : otherwise;
}

/* Moods, sub-styles and tempo words are averaged. */
static void resolve_feel(const tb_findings *found, tb_brief *out)
{
    mean energy = {0}, brightness = {0}, bias = {0}, tempo = {0};
    for (int i = 0; i < found->n; i++) {
        const tb_finding *f = &found->items[i];
        const tb_lexicon_entry *e = f->entry;
        if (e == NULL || (f->negated && e->kind != TB_LEXICON_MOOD && e->kind != TB_LEXICON_TEMPO))
            continue;
        if (e->energy >= 0)
            mean_add(&energy, moved(f, e->energy, 0.5, 0, 1));
        if (e->brightness >= 0)
            mean_add(&brightness, moved(f, e->brightness, 0.5, 0, 1));
        if (e->has_bias)
            mean_add(&bias, moved(f, e->bias, 0, -1, 1));
        if (e->tempo_bpm > 0 && e->style == out->style)
            mean_add(&tempo, e->tempo_bpm);
    }
    out->energy = mean_or(&energy, -1);
    out->brightness = mean_or(&brightness, -1);
    out->tempo_bias = mean_or(&bias, 0);
    out->tempo_hint_bpm = mean_or(&tempo, 0);
}

/* The tempo word that counts: a mark such as "andante" before "slow", then by the table. "very" and
 * "slightly" move an open end. */
static void resolve_pace(const tb_findings *found, tb_brief *out, choice *chosen)
{
    for (int i = 0; i < found->n; i++) {
        const tb_finding *f = &found->items[i];
        const tb_lexicon_entry *e = f->entry, *best = chosen->pace ? chosen->pace->entry : NULL;
        if (e == NULL || f->negated || e->low_bpm + e->high_bpm <= 0)
            continue;
        bool is_mark = e->low_bpm > 0 && e->high_bpm > 0;
        if (best == NULL || (is_mark && (best->low_bpm <= 0 || best->high_bpm <= 0)))
            chosen->pace = f;
    }
    if (chosen->pace == NULL || out->tempo_bpm > 0)
        return;
    const tb_lexicon_entry *e = chosen->pace->entry;
    double degree = 0.2 * (chosen->pace->scale - 1);
    bool is_mark = e->low_bpm > 0 && e->high_bpm > 0;
    out->tempo_low_bpm = e->low_bpm * (is_mark ? 1 : 1 + degree);
    out->tempo_high_bpm = e->high_bpm * (is_mark ? 1 : 1 - degree);
}

/* Whether a tempo word contradicts what was chosen. */
static bool is_pace_overruled(const tb_lexicon_entry *e, const choice *chosen)
{
    double low = 0, high = 0, own_high = e->high_bpm > 0 ? e->high_bpm : 1000;
    if (e->low_bpm + e->high_bpm <= 0)
        return false;
    if (chosen->tempo != NULL) {
        low = high = chosen->tempo->notation.bpm;
    } else if (chosen->pace != NULL) {
        low = chosen->pace->entry->low_bpm;
        high = chosen->pace->entry->high_bpm > 0 ? chosen->pace->entry->high_bpm : 1000;
    }
    return high > 0 && (high < e->low_bpm || low > own_high);
}

static tb_instrument_set set_of(int id)
{
    return (tb_instrument_set)1 << id;
}

/* "guitar" is another guitar in each style; nothing when a certain guitar is asked for as well. */
static tb_instrument_set pick(const tb_lexicon_entry *e, int style, tb_instrument_set specific,
                              tb_instrument_set excluded)
{
    int id = style >= 0 && e->by_style[style] >= 0 ? e->by_style[style] : e->instrument;
    if (e->has_by_style && (e->covers & specific) != 0)
        return 0;
    if ((set_of(id) & excluded) == 0)
        return set_of(id);
    for (id = 0; id < TB_INSTRUMENT_COUNT; id++)
        if ((e->covers & set_of(id) & ~excluded) != 0)
            return set_of(id);
    return 0;
}

/* Whether more than one instrument or a style is named, so that "violin solo" is a part of a band.
 */
static bool has_company(const tb_findings *found)
{
    int n_instruments = 0;
    for (int i = 0; i < found->n; i++) {
        const tb_lexicon_entry *e = found->items[i].entry;
        if (e == NULL || found->items[i].negated)
            continue;
        n_instruments += e->kind == TB_LEXICON_INSTRUMENT;
        if (e->kind == TB_LEXICON_STYLE || (e->kind == TB_LEXICON_PLAYERS && e->n_players > 1))
            return true;
    }
    return n_instruments > 1;
}

static bool is_alone(const tb_findings *found)
{
    bool has_others = has_company(found);
    for (int i = 0; i < found->n; i++) {
        const tb_finding *f = &found->items[i];
        bool by_itself = f->entry != NULL && f->entry->texture >= 0 && f->entry->alone;
        if (!f->negated && ((f->alone && !by_itself) || (f->featured && !has_others)))
            return true;
    }
    return false;
}

static void set_level(tb_brief *out, tb_instrument_set set, int8_t level_db)
{
    for (int id = 0; id < TB_INSTRUMENT_COUNT; id++)
        if ((set & set_of(id)) != 0 && level_db != 0)
            out->level_db[id] = level_db;
}

static void resolve_instruments(const tb_findings *found, tb_brief *out, choice *chosen)
{
    tb_instrument_set specific = 0, wanted = 0, excluded = 0;
    for (int i = 0; i < found->n; i++) {
        const tb_lexicon_entry *e = found->items[i].entry;
        if (e != NULL && found->items[i].negated)
            excluded |= e->covers;
        if (e != NULL && !found->items[i].negated && !e->has_by_style && e->instrument >= 0)
            specific |= set_of(e->instrument);
    }
    for (int i = 0; i < found->n; i++) {
        const tb_lexicon_entry *e = found->items[i].entry;
        if (e == NULL || found->items[i].negated)
            continue;
        wanted |= e->with & ~excluded;
        if (e->instrument >= 0)
            wanted |= pick(e, out->style, specific, excluded);
        if (e->instrument >= 0)
            set_level(out, pick(e, out->style, specific, excluded), found->items[i].level_db);
        if (e->n_players > 0 && (out->max_players == 0 || e->n_players < out->max_players))
            out->max_players = (int)e->n_players;
    }
    if (is_alone(found) && wanted != 0)
        excluded = ~wanted;
    for (int id = 0; id < TB_INSTRUMENT_COUNT; id++) {
        out->excluded[id] = (excluded & set_of(id)) != 0;
        if ((wanted & set_of(id)) != 0 && out->n_instruments < TB_BRIEF_MAX_INSTRUMENTS)
            out->instruments[out->n_instruments++] = (tb_instrument_id)id;
    }
    chosen->excluded = excluded;
}

static void resolve_textures(const tb_findings *found, tb_brief *out)
{
    bool refused[TB_TEXTURE_COUNT] = {false};
    for (int i = 0; i < found->n; i++) {
        const tb_finding *f = &found->items[i];
        if (f->entry == NULL || f->entry->texture < 0)
            continue;
        double *level = &out->texture_level[f->entry->texture];
        double asked = clamp(f->entry->amount * f->scale, 0.1, 1.5);
        refused[f->entry->texture] |= f->negated;
        *level = asked > *level ? asked : *level;
    }
    bool is_heard = false, is_silent = false, is_wanted = false;
    for (int i = 0; i < TB_TEXTURE_COUNT; i++) {
        out->texture_level[i] = refused[i] ? 0 : out->texture_level[i];
        is_heard |= out->texture_level[i] > 0;
    }
    for (int i = 0; i < found->n; i++) {
        const tb_finding *f = &found->items[i];
        is_silent |= f->entry != NULL && f->entry->silent && !f->negated;
        is_wanted |= f->entry != NULL && f->entry->texture >= 0 && (f->alone || f->featured);
    }
    bool has_music = out->n_instruments > 0 || out->style >= 0;
    out->texture_only = is_heard && (is_silent || (is_wanted && !has_music));
}

/* The brief's fields hold 39 bytes: cut at a code point. The rest is zeros, so that equal briefs
 * are equal bytes. */
static void copy_text(char out[40], const char *text)
{
    size_t len = strlen(text);
    if (len > 39)
        for (len = 39; len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80; len--)
            continue;
    memset(out, 0, 40);
    memcpy(out, text, len);
}

/* "84 bpm", "84.5 bpm": a point in every locale. */
static void format_bpm(double bpm, char *out, size_t cap)
{
    int hundredths = (int)(bpm * 100 + 0.5);
    if (hundredths % 100 == 0)
        snprintf(out, cap, "%d bpm", hundredths / 100);
    else if (hundredths % 10 == 0)
        snprintf(out, cap, "%d.%d bpm", hundredths / 100, hundredths % 100 / 10);
    else
        snprintf(out, cap, "%d.%02d bpm", hundredths / 100, hundredths % 100);
}

/* Without a mode a key is spelled as in major. */
static const char *tonic_name(const tb_notation *n)
{
    tb_mode mode = n->mode < 0 ? TB_MODE_MAJOR : (tb_mode)n->mode;
    return tb_key_tonic_name((tb_key){.root = n->key_root, .mode = mode});
}

static void format_notation(const tb_finding *f, const choice *chosen, tb_understood *out)
{
    char what[80] = "";
    const char *kind = "";
    const char *mode = f->notation.mode < 0 ? "" : tb_mode_name((tb_mode)f->notation.mode);
    bool is_chosen = f == chosen->tempo || f == chosen->key || f == chosen->metre;
    switch (f->notation.kind) {
    case TB_NOTATION_TEMPO:
        kind = "tempo";
        format_bpm(f->notation.bpm, what, sizeof what);
        break;
    case TB_NOTATION_KEY:
        kind = "key";
        snprintf(what, sizeof what, "%s%s%s", tonic_name(&f->notation), mode[0] ? " " : "", mode);
        break;
    default:
        kind = "metre";
        snprintf(what, sizeof what, "%d/%d", f->notation.beats_per_bar, f->notation.beat_unit);
        break;
    }
    char meaning[128];
    snprintf(meaning, sizeof meaning, "%s %s%s", kind, what, is_chosen ? "" : ", overruled");
    copy_text(out->word, what);
    copy_text(out->meaning, meaning);
}

/* The instrument that this word ended up as, for "guitar" in a style. */
static int shown_instrument(const tb_lexicon_entry *e, const tb_brief *brief)
{
    for (int i = 0; i < brief->n_instruments; i++)
        if ((int)brief->instruments[i] == e->instrument)
            return e->instrument;
    for (int i = 0; i < brief->n_instruments; i++)
        if ((e->covers & set_of((int)brief->instruments[i])) != 0)
            return (int)brief->instruments[i];
    return e->instrument;
}

static bool is_in_band(const tb_brief *brief, int id)
{
    for (int i = 0; i < brief->n_instruments; i++)
        if ((int)brief->instruments[i] == id)
            return true;
    return false;
}

/* What became of an entry that was asked for: "" when it is heard. */
static const char *fate_of(const tb_lexicon_entry *e, const tb_brief *brief, const choice *chosen)
{
    if (e->instrument >= 0 && !is_in_band(brief, shown_instrument(e, brief)))
        return ", no room";
    if (e->silent && !brief->texture_only)
        return ", nothing to play instead";
    bool overruled = (e->kind == TB_LEXICON_STYLE && e->style != brief->style) ||
                     (e->texture >= 0 && brief->texture_level[e->texture] == 0) ||
                     (e->kind == TB_LEXICON_MODE && e->mode != brief->mode) ||
                     (e->kind == TB_LEXICON_METRE && (e->beats_per_bar != brief->beats_per_bar ||
                                                      e->beat_unit != brief->beat_unit)) ||
                     is_pace_overruled(e, chosen);
    return overruled ? ", overruled" : "";
}

static void format_entry(const tb_finding *f, const tb_brief *brief, const choice *chosen,
                         tb_understood *out)
{
    static const char *const kinds[TB_LEXICON_KIND_COUNT] = {
#define X(id, name, has_meaning) name,
        TB_LEXICON_KIND_LIST(X)
#undef X
    };
    const tb_lexicon_entry *e = f->entry;
    const char *name = e->meaning, *after = "";
    char meaning[256];
    if (e->instrument >= 0) {
        int id = f->negated ? e->instrument : shown_instrument(e, brief);
        name = f->negated && e->has_by_style ? f->spelling /* "guitar": all of them */
                                             : tb_instrument_get((tb_instrument_id)id)->name;
        after = !f->negated && (chosen->excluded & set_of(id)) != 0 ? ", overruled" : "";
    }
    if (!f->negated && after[0] == '\0')
        after = fate_of(e, brief, chosen);
    snprintf(meaning, sizeof meaning, "%s%s %s%s", f->negated ? "no " : "", kinds[e->kind], name,
             after);
    copy_text(out->word, f->spelling);
    copy_text(out->meaning, meaning);
}

static void list_understood(const tb_findings *found, const choice *chosen, tb_brief *out)
{
    for (int i = 0; i < found->n && i < TB_BRIEF_MAX_WORDS; i++) {
        const tb_finding *f = &found->items[i];
        if (f->entry == NULL)
            format_notation(f, chosen, &out->understood[i]);
        else
            format_entry(f, out, chosen, &out->understood[i]);
        out->n_understood = i + 1;
    }
}

static int compare_unknown(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void list_unknown(tb_findings *found, tb_brief *out)
{
    qsort(found->unknown, (size_t)found->n_unknown, sizeof *found->unknown, compare_unknown);
    for (int i = 0; i < found->n_unknown && out->n_unknown < TB_BRIEF_MAX_WORDS; i++) {
        char text[40];
        copy_text(text, found->unknown[i]);
        if (out->n_unknown == 0 || strcmp(text, out->unknown[out->n_unknown - 1]) != 0)
            memcpy(out->unknown[out->n_unknown++], text, sizeof text);
    }
}

void tb_findings_resolve(tb_findings *found, tb_brief *out)
{
    choice chosen = {0};
    *out = (tb_brief){.style = -1, .key_root = -1, .mode = -1, .energy = -1, .brightness = -1};
    sort_and_merge(found);
    resolve_notation(found, out, &chosen);
    resolve_style(found, out);
    resolve_feel(found, out);
    resolve_pace(found, out, &chosen);
    resolve_instruments(found, out, &chosen);
    resolve_textures(found, out);
    list_understood(found, &chosen, out);
    list_unknown(found, out);
}
