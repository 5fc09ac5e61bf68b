#include "tools/train/corpus/draw.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/str.h"
#include "engine/sketch/styles.h"
#include "engine/sketch/theory.h"
#include "tools/train/corpus/words.h"

const char *const tb_split_names[TB_SPLIT_COUNT] = {"train", "test", "any"};
const char *const tb_clip_kind_names[TB_CLIP_KIND_COUNT] = {"solo",  "duo",   "band",
                                                            "style", "drums", "texture"};

enum { MAX_TRIES = 1000, HELD_OUT_ONE_IN = 10 };

/* Captions: S a style, A B C instruments, L all instruments as a list, T a texture alone. */
#define FORMS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct kind_rules {
    double weight;
    int min_instruments, max_instruments;
    double style; /* how often a style is named */
    const char *const *plain, *const *styled;
} kinds[TB_CLIP_KIND_COUNT] = {
    [TB_CLIP_SOLO] = {0.32, 1, 1, 0.35,
                      FORMS("solo A", "A solo", "A alone", "only A", "just A", "unaccompanied A",
                            "A playing alone"),
                      FORMS("solo A, S", "S, solo A", "S, A alone", "unaccompanied A, S",
                            "only A, S")},
    [TB_CLIP_DUO] = {0.14, 2, 2, 0.3,
                     FORMS("A and B duet", "A and B duo", "duet of A and B", "A with B, duo",
                           "only A and B", "a duo: A and B"),
                     FORMS("S, A and B duet", "A and B duo, S", "S duo with A and B")},
    [TB_CLIP_BAND] = {0.38, 1, 3, 1, NULL,
                      FORMS("S with L", "S, L", "L, S", "S with L", "S featuring L", "S A",
                            "L in S", "a S track with L", "S song, L", "S, with L playing")},
    [TB_CLIP_STYLE] = {0.06, 0, 0, 1, NULL, FORMS("S", "S music", "S track", "S instrumental")},
    [TB_CLIP_DRUMS] = {0.07, 1, 1, 0.9, FORMS("solo A", "only A", "A alone"),
                       FORMS("only A, S", "solo A, S", "S A alone", "just A, S")},
    [TB_CLIP_TEXTURE] = {0.03, 0, 0, 0, FORMS("T"), NULL},
};

/* ---- drawing ---- */

static int length_of(const char *const *list)
{
    int n = 0;
    while (list[n] != NULL)
        n++;
    return n;
}

static const char *draw_word(tb_random *r, const char *const *list)
{
    return list[tb_random_range(r, 0, length_of(list) - 1)];
}

static tb_clip_kind draw_kind(tb_random *r)
{
    double weights[TB_CLIP_KIND_COUNT];
    for (int i = 0; i < TB_CLIP_KIND_COUNT; i++)
        weights[i] = kinds[i].weight;
    return (tb_clip_kind)tb_random_weighted(r, weights, TB_CLIP_KIND_COUNT);
}

static bool has_instrument(const tb_clip *clip, tb_instrument_id id)
{
    for (int i = 0; i < clip->n_instruments; i++)
        if (clip->instruments[i] == id)
            return true;
    return false;
}

/* "bluegrass" brings a banjo along: only where others may play. */
static tb_status draw_style_word(tb_random *r, const tb_lexicon *lexicon, const tb_clip *clip,
                                 const char **out, tb_error *err)
{
    bool is_open = clip->kind == TB_CLIP_BAND || clip->kind == TB_CLIP_STYLE;
    tb_brief brief = {.n_instruments = 1};
    tb_status st = TIMBRE_OK;
    while (st == TIMBRE_OK && brief.n_instruments > 0) {
        *out = draw_word(r, tb_style_words[clip->style]);
        if (is_open)
            break;
        st = tb_prompt_read(lexicon, *out, NULL, &brief, err);
    }
    return st;
}

/* "bass" beside "slap bass" is read as one of them. */
static bool overlaps(const tb_clip *clip, const char *const names[], const char *name)
{
    for (int i = 0; i < clip->n_instruments; i++)
        if (names[i] != NULL && (strstr(names[i], name) != NULL || strstr(name, names[i]) != NULL))
            return true;
    return false;
}

/* Different ones, each as likely as another; drums only in bands, and alone where they are the
 * kind. */
static void draw_instruments(tb_random *r, tb_clip *clip, const char *names[])
{
    const struct kind_rules *rules = &kinds[clip->kind];
    int n = tb_random_range(r, rules->min_instruments, rules->max_instruments);
    while (clip->n_instruments < n) {
        int id = clip->kind == TB_CLIP_DRUMS ? TB_INSTRUMENT_DRUMS
                                             : tb_random_range(r, 0, TB_INSTRUMENT_COUNT - 1);
        bool is_lone = clip->kind == TB_CLIP_SOLO || clip->kind == TB_CLIP_DUO;
        if (has_instrument(clip, (tb_instrument_id)id) || (is_lone && id == TB_INSTRUMENT_DRUMS))
            continue;
        const tb_instrument_word *words = tb_instrument_words[id];
        int n_words = 0;
        while (words[n_words].text != NULL)
            n_words++;
        const tb_instrument_word *word = &words[tb_random_range(r, 0, n_words - 1)];
        if (overlaps(clip, names, word->text))
            continue;
        names[clip->n_instruments] = word->text;
        clip->programs[clip->n_instruments] = word->program;
        clip->instruments[clip->n_instruments++] = (tb_instrument_id)id;
    }
}

/* ---- the caption ---- */

typedef struct words {
    const char *style, *texture;
    const char *names[TB_CLIP_MAX_INSTRUMENTS];
    int n_names;
} words;

static void append_list(tb_str *s, const words *w)
{
    for (int i = 0; i < w->n_names; i++) {
        tb_str_append(s, i == 0 ? "" : i == w->n_names - 1 ? " and " : ", ");
        tb_str_append(s, w->names[i]);
    }
}

/* A form's capital letters stand for words. */
static void append_form(tb_str *s, const char *form, const words *w)
{
    for (; *form != '\0'; form++) {
        if (*form == 'S')
            tb_str_append(s, w->style);
        else if (*form == 'T')
            tb_str_append(s, w->texture);
        else if (*form == 'L')
            append_list(s, w);
        else if (*form >= 'A' && *form <= 'C')
            tb_str_append(s, w->names[*form - 'A']);
        else
            tb_str_append_bytes(s, form, 1);
    }
}

/* "S A" leaves out further instruments: only for one. */
static const char *draw_form(tb_random *r, const tb_clip *clip)
{
    const struct kind_rules *rules = &kinds[clip->kind];
    const char *const *forms = clip->style >= 0 ? rules->styled : rules->plain;
    const char *form;
    do
        form = draw_word(r, forms);
    while (clip->n_instruments > 1 && strchr(form, 'L') == NULL && strchr(form, 'B') == NULL);
    return form;
}

static int draw_bpm(tb_random *r, const tb_clip *clip)
{
    if (clip->style < 0)
        return tb_random_range(r, 60, 170);
    const tb_style_rules *rules = tb_style_rules_get((tb_style)clip->style);
    return tb_random_range(r, (int)(0.85 * rules->tempo_low_bpm),
                           (int)(1.15 * rules->tempo_high_bpm));
}

static void append_tempo(tb_str *s, tb_random *r, const tb_clip *clip)
{
    static const char *const forms[] = {" at %d bpm", ", %d bpm",   ", %d BPM",
                                        " %d bpm",    ", tempo %d", NULL};
    const char *form = draw_word(r, forms);
    char text[32];
    (void)snprintf(text, sizeof text, form, draw_bpm(r, clip));
    tb_str_append(s, text);
}

static void append_key(tb_str *s, tb_random *r)
{
    static const char *const roots[] = {"C",  "C#", "Db", "D", "Eb", "E", "F",
                                        "F#", "G",  "Ab", "A", "Bb", "B", NULL};
    static const char *const leads[] = {" in ", ", ", NULL};
    static const char *const modes[] = {" major", " minor", " minor", NULL};
    tb_str_append(s, draw_word(r, leads));
    tb_str_append(s, draw_word(r, roots));
    tb_str_append(s, draw_word(r, modes));
}

static void append_texture(tb_str *s, tb_random *r, tb_clip *clip)
{
    static const char *const leads[] = {" over ", " with ", ", ", " and ", NULL};
    clip->texture = tb_random_range(r, 0, TB_TEXTURE_COUNT - 1);
    tb_str_append(s, draw_word(r, leads));
    tb_str_append(s, draw_word(r, tb_texture_words[clip->texture]));
    if (tb_random_chance(r, 0.2))
        tb_str_append(s, " in the background");
}

static const char *draw_mood(tb_random *r, tb_clip *clip)
{
    clip->mood = tb_random_range(r, 0, tb_n_moods - 1);
    return draw_word(r, tb_moods[clip->mood].words);
}

/* Nobody writes "sad only piano". */
static bool takes_front(const char *form)
{
    static const char *const heads[] = {"only ", "just ", "a ", "duet of "};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (strncmp(form, heads[i], strlen(heads[i])) == 0)
            return false;
    return true;
}

/* What comes before the form: "very sad ", "slow ". */
static void append_front(tb_str *s, tb_random *r, tb_clip *clip, bool *has_tempo)
{
    if (tb_random_chance(r, 0.25)) {
        tb_str_append(s, tb_random_chance(r, 0.12) ? "very " : "");
        tb_str_append(s, draw_mood(r, clip));
        tb_str_append(s, " ");
    }
    *has_tempo = tb_random_chance(r, 0.08);
    if (*has_tempo) {
        tb_str_append(s, draw_word(r, tb_tempo_words));
        tb_str_append(s, " ");
    }
}

static void append_tail(tb_str *s, tb_random *r, tb_clip *clip, bool has_tempo)
{
    if (!has_tempo && tb_random_chance(r, 0.3))
        append_tempo(s, r, clip);
    else if (!has_tempo && tb_random_chance(r, 0.08)) {
        tb_str_append(s, ", ");
        tb_str_append(s, draw_word(r, tb_tempo_words));
    }
    if (tb_random_chance(r, 0.12))
        append_key(s, r);
    if (clip->mood < 0 && tb_random_chance(r, 0.2)) {
        tb_str_append(s, tb_random_chance(r, 0.2) ? " and " : ", ");
        tb_str_append(s, draw_mood(r, clip));
    }
    if (tb_random_chance(r, 0.15))
        append_texture(s, r, clip);
}

static void write_caption(tb_str *s, tb_random *r, tb_clip *clip, const words *w)
{
    bool has_tempo = false, is_music = clip->kind != TB_CLIP_TEXTURE;
    const char *form = draw_form(r, clip);
    if (is_music && takes_front(form))
        append_front(s, r, clip, &has_tempo);
    append_form(s, form, w);
    if (is_music)
        append_tail(s, r, clip, has_tempo);
    bool is_capital = tb_random_chance(r, 0.15);
    if (is_capital && s->bytes != NULL && s->bytes[0] >= 'a' && s->bytes[0] <= 'z')
        s->bytes[0] = (char)(s->bytes[0] - 'a' + 'A');
}

/* ---- combinations ---- */

static void name_combination(tb_clip *clip)
{
    int len = snprintf(clip->combination, sizeof clip->combination, "%s",
                       clip->style < 0 ? "-" : tb_style_name((tb_style)clip->style));
    for (int id = 0; id < TB_INSTRUMENT_COUNT; id++) /* in one order, whatever the caption's */
        if (has_instrument(clip, (tb_instrument_id)id))
            len += snprintf(clip->combination + len, sizeof clip->combination - (size_t)len, "/%s",
                            tb_instrument_get((tb_instrument_id)id)->name);
    if (clip->n_instruments == 0)
        clip->combination[0] = '\0';
}

bool tb_combination_is_held_out(const char *combination)
{
    return combination[0] != '\0' &&
           tb_random_key(0, combination) % HELD_OUT_ONE_IN == HELD_OUT_ONE_IN - 1;
}

/* Some words are read as others than they were meant: "solo violin" is in the lexicon as a kind of
 * violin. */
static bool is_as_meant(const tb_clip *clip)
{
    int n_others = 0; /* who must not play */
    for (int id = 0; id < TB_INSTRUMENT_COUNT; id++)
        n_others += clip->brief.excluded[id];
    if (clip->kind == TB_CLIP_SOLO || clip->kind == TB_CLIP_DRUMS)
        return n_others == TB_INSTRUMENT_COUNT - 1;
    return clip->kind != TB_CLIP_DUO || n_others == TB_INSTRUMENT_COUNT - 2 ||
           clip->brief.max_players == 2;
}

static bool is_of_split(const tb_clip *clip, tb_clip_split split)
{
    return split == TB_SPLIT_ANY ||
           tb_combination_is_held_out(clip->combination) == (split == TB_SPLIT_TEST);
}

/* ---- all of it ---- */

static tb_status draw_once(tb_random *r, const tb_lexicon *lexicon, tb_clip *clip, tb_error *err)
{
    words w = {0};
    tb_str caption = {0};
    *clip = (tb_clip){.kind = draw_kind(r), .style = -1, .mood = -1, .texture = -1};
    if (tb_random_chance(r, kinds[clip->kind].style)) {
        clip->style = tb_random_range(r, 0, TB_STYLE_COUNT - 1);
        tb_status st = draw_style_word(r, lexicon, clip, &w.style, err);
        if (st != TIMBRE_OK)
            return st;
    }
    draw_instruments(r, clip, w.names);
    w.n_names = clip->n_instruments;
    if (clip->kind == TB_CLIP_TEXTURE) {
        clip->texture = tb_random_range(r, 0, TB_TEXTURE_COUNT - 1);
        w.texture = draw_word(r, tb_texture_alone_words[clip->texture]);
    }
    write_caption(&caption, r, clip, &w);
    name_combination(clip);
    clip->seed = tb_random_next(r) >> 33;
    (void)snprintf(clip->caption, sizeof clip->caption, "%s", tb_str_text(&caption));
    bool has_failed = caption.failed;
    tb_str_deinit(&caption);
    if (has_failed)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a caption");
    return tb_prompt_read(lexicon, clip->caption, NULL, &clip->brief, err);
}

tb_status tb_clip_draw(const tb_lexicon *lexicon, uint64_t seed, tb_clip_split split, int index,
                       tb_clip *out, tb_error *err)
{
    tb_random r = tb_random_init(
        tb_random_at(tb_random_key(seed, tb_split_names[split]), (uint64_t)index), "clip");
    for (int i = 0; i < MAX_TRIES; i++) {
        tb_status st = draw_once(&r, lexicon, out, err);
        if (st != TIMBRE_OK || (is_as_meant(out) && is_of_split(out, split)))
            return st;
    }
    return tb_fail(err, TIMBRE_INTERNAL, "no clip of the split %s in %d tries",
                   tb_split_names[split], MAX_TRIES);
}
