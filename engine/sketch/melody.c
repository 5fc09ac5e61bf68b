/*
 * The melody: a motif of two bars per section letter, developed over phrases of four bars (stated,
 * continued, varied, brought to rest). One line is composed from the seed; whoever plays takes its
 * share: the melody states it, an answer replies in the second half of a phrase, a harmony moves
 * along under it in chord tones.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/sketch/writer.h"

enum { RHYTHMS_MAX = 6, MOTIF_NOTES = 16, PHRASE_BARS = 4 };

static const struct melody_style {
    const char *rhythms[RHYTHMS_MAX]; /* 'x' onset, '-' held, '.' rest */
    const char *rests[2];             /* the rhythm of a phrase's last bar */
    double leap;                      /* chance of a step wider than a second */
    double silence;                   /* chance that a phrase is left to the others */
    bool pentatonic;
    double legato; /* part of a note's time that it sounds */
    double velocity;
} styles[TB_STYLE_COUNT] = {
    [TB_STYLE_LOFI] = {{"..x-x---..x-x---", "x--x--x-----....", "....x-x-x---x-..",
                        "x-----..x-x-....", "..x---x-..x-----", "x-x---......x-x-"},
                       {"x-------........", "x-x-----........"},
                       0.3,
                       0.25,
                       true,
                       0.9,
                       78},
    [TB_STYLE_JAZZ] = {{"x-x-x-x---x-x---", "..x-x-x-x-x-x---", "x---x-x-..x-x-x-",
                        "....x-x-x-x---x-", "x-x-x-x-x-x-x-x-", "x-----x-x---..x-"},
                       {"x-x-x-----......", "..x-x-x---......"},
                       0.35,
                       0.08,
                       false,
                       0.92,
                       88},
    [TB_STYLE_FUNK] = {{
                           "x.x..x..x.......",
                           "..x.xx..x..x....",
                           "x..x..x.........",
                           "....xx.x..x.x...",
                           "x.xx....x..x.x..",
                           "......xxx.......",
                       },
                       {"x..x............", "xx.x....x......."},
                       0.4,
                       0.25,
                       true,
                       0.75,
                       98},
    [TB_STYLE_HOUSE] = {{"x--x--x-....x---", "x-..x--x--x-....", "..x-..x-..x-x---",
                         "x--x--x--x--x---", "x-------..x-x-x-", "x-x-..x-x-..x---"},
                        {"x-------........", "x--x--x---......"},
                        0.25,
                        0.25,
                        true,
                        0.85,
                        86},
    [TB_STYLE_ROCK] = {{"x---x-x---x-x---", "x-x-x---x---x-x-", "x-----x-x-------",
                        "x-x-x-x-x---x---", "..x-x-x-x-------", "x---x---x-x-x---"},
                       {"x---x-------....", "x-----------...."},
                       0.3,
                       0.12,
                       true,
                       0.93,
                       94},
    [TB_STYLE_BOSSA] = {{"..x-..x---x-..x-", "x---..x-..x-..x-", "x-----x-..x-----",
                         "..x-x---..x-x---", "x-..x---x-..x---", "....x---x-..x---"},
                        {"x-----------....", "..x-..x-----...."},
                        0.25,
                        0.1,
                        false,
                        0.96,
                        82},
    [TB_STYLE_CLASSICAL] = {{"x---x---x---x---", "x-----x-x---x---", "x-x-x---x-x-x---",
                             "x-------x---x---", "x---x-x-x-------", "x---xxxxx---x---"},
                            {"x---x---x-------", "x-------x---...."},
                            0.25,
                            0.05,
                            false,
                            0.96,
                            80},
    [TB_STYLE_AMBIENT] = {{"x-------x-------", "x-----------x---", "x---x---x-------",
                           "....x---x-------", "x-------x---x---", "x---x-----------"},
                          {"x---------------", "x-------x-------"},
                          0.5,
                          0.15,
                          true,
                          1.0,
                          66},
};

/* Ambient on what is struck or plucked: tones that die away have to be more. */
static const struct melody_style struck_ambient = {
    {"x---x-x-x---x-x-", "x-x-x---x-x-x---", "x---x---x---x-x-", "x-x-x-x-x---x---",
     "x---x---x-x-x---", "x-x-x---x---x-x-"},
    {"x---x-x-x---x---", "x-x-x---x-------"},
    0.5,
    0.08,
    true,
    1.0,
    68,
};

typedef struct motif {
    int rhythm[2];
    int8_t steps[2][MOTIF_NOTES]; /* scale steps from the anchor, note by note */
    int8_t rise;                  /* of the whole section */
} motif;

typedef struct line {
    tb_writer *w;
    const tb_plan *plan;
    const tb_band *band;
    const struct melody_style *style;
    int part; /* who plays */
    bool has_answer;
    tb_random r;
    motif motif;
    char letter;              /* the section that `motif` belongs to */
    int sequence, sign, rest; /* how this bar varies it */
    bool silent;              /* the phrase is left to the others */
    bool sits_out;            /* this player does not play in this bar */
    int low, high;            /* register of the line */
    int last;                 /* the key before */
} line;

/* By General MIDI's families: keys and mallets, guitars, harp, plucked, steel drums. */
static bool is_struck(tb_instrument_id instrument)
{
    int program = tb_instrument_get(instrument)->program;
    return program < 16 || (program >= 24 && program < 32) || program == 46 ||
           (program >= 104 && program <= 108) || program == 114;
}

static void invent(line *l, char letter, int variant)
{
    char label[16] = "motif ";
    label[6] = letter;
    label[7] = (char)('a' + variant % 26);
    tb_random r = tb_random_init(l->plan->tune_seed, label);
    l->motif.rise = (int8_t)(letter == 'B' || letter == 'S' ? tb_random_range(&r, 1, 3)
                                                            : tb_random_range(&r, -1, 1));
    for (int bar = 0; bar < 2; bar++) {
        int at = bar == 0 ? 0 : tb_random_range(&r, -2, 2);
        l->motif.rhythm[bar] = tb_random_range(&r, 0, RHYTHMS_MAX - 1);
        for (int i = 0; i < MOTIF_NOTES; i++) {
            l->motif.steps[bar][i] = (int8_t)at;
            int size = tb_random_chance(&r, l->style->leap) ? tb_random_range(&r, 2, 4) : 1;
            bool back = at > 3 || (at > -3 && tb_random_chance(&r, 0.5));
            at += back ? -size : size;
        }
    }
    l->letter = letter;
}

/* What this bar does with the motif: state, continue, then repeat it lower or higher, or turned
 * upside down. */
static void develop(line *l, int i_in_phrase, int i_phrase)
{
    static const int sequences[5] = {-2, -1, 1, 2, 0};
    int pick = tb_random_range(&l->r, 0, 4);
    bool invert = tb_random_chance(&l->r, 0.3);
    if (i_in_phrase == 0) {
        double silence = l->style->silence + 0.3 * (0.5 - l->plan->energy); /* calm: more room */
        l->silent = tb_random_chance(&l->r, silence) && i_phrase > 0 && l->band->n_heads > 1;
        l->rest = tb_random_range(&l->r, 0, 1);
    }
    bool vary = i_in_phrase >= 2 || i_phrase % 4 == 2;
    l->sequence = vary ? sequences[pick] : 0;
    l->sign = vary && invert ? -1 : 1;
}

static unsigned melody_scale(const line *l, const tb_chord *chord)
{
    static const uint16_t pentatonic[2] = {0x295, 0x4A9}; /* major: 1 2 3 5 6, minor: 1 b3 4 5 b7 */
    unsigned scale = tb_chord_scale(chord, l->plan->key);
    tb_key key = l->plan->key;
    if (!l->style->pentatonic || key.mode > TB_MODE_MINOR)
        return scale;
    unsigned five = pentatonic[key.mode == TB_MODE_MINOR];
    five = ((five << key.root) | (five >> (12 - key.root))) & 0xFFF;
    return (five & scale) | tb_chord_tones(chord);
}

static int into(int key, int low, int high)
{
    while (key > high)
        key -= 12;
    while (key < low)
        key += 12;
    return key > high ? high : key;
}

/* The tone that ends a phrase: the tonic where the chord has it, else the chord's nearest. */
static int resting_key(const line *l, const tb_chord *chord, int near)
{
    unsigned tonic = 1u << l->plan->key.root, tones = tb_chord_tones(chord);
    return tb_pitch_snap(tones & tonic ? tonic : tones, near);
}

static int line_key(line *l, int i_bar, int step, int scale_steps, bool strong, bool rests)
{
    const tb_chord *chord = tb_plan_chord(l->plan, i_bar, step);
    unsigned scale = melody_scale(l, chord);
    int middle = (l->low + l->high) / 2;
    int anchor = tb_pitch_snap(1u << l->plan->key.root | 1u << (l->plan->key.root + 7) % 12,
                               middle);
    int key = tb_pitch_walk(scale, anchor, scale_steps + l->motif.rise + l->sequence);
    if (rests)
        key = resting_key(l, chord, key);
    else if (strong)
        key = tb_pitch_snap(tb_chord_tones(chord), key);
    while (key - l->last > 9)
        key -= 12;
    while (l->last - key > 9)
        key += 12;
    l->last = into(key, l->low, l->high);
    return l->last;
}

/* Who plays what of the line. */
static void hand_out(line *l, int i_bar, int i_in_phrase, int step, int held, int key,
                     double velocity)
{
    const tb_player *player = &l->band->players[l->part];
    bool reply = l->has_answer && i_in_phrase >= PHRASE_BARS / 2;
    if ((player->job == TB_JOB_MELODY && reply) || (player->job == TB_JOB_ANSWER && !reply))
        return;
    if (player->job == TB_JOB_HARMONY) {
        unsigned tones = tb_chord_tones(tb_plan_chord(l->plan, i_bar, step));
        key = tb_pitch_walk(tones, key - 3 - 3 * player->rank, 0);
        velocity -= 12;
    }
    int32_t tick = tb_plan_tick(l->plan, i_bar, step);
    int32_t end = tb_plan_tick(l->plan, i_bar, step + held);
    tb_writer_note(l->w, l->part, tick, (int32_t)((end - tick) * l->style->legato),
                   into(key, player->low, player->high), velocity, l->plan->rules->laid_back_ms);
}

/* A soloist on something struck, whose tones die away, keeps time below the tune with the tones of
 * the chord. */
static void accompany(line *l, int i_bar, const char *steps)
{
    const tb_plan *p = l->plan;
    const tb_player *player = &l->band->players[l->part];
    for (int i = 0; i < p->metre.n_pulses; i++) {
        int s = p->metre.pulses[i].start;
        if (steps[s] == 'x')
            continue;
        unsigned tones = tb_chord_tones(tb_plan_chord(p, i_bar, s));
        int key = tb_pitch_walk(tones, player->low + 3, i % 3);
        tb_writer_note(l->w, l->part, tb_plan_tick(p, i_bar, s), 6 * TB_STEP_TICKS,
                       into(key, player->low, player->high), l->style->velocity - 16, 0);
    }
}

static void play_bar(line *l, int i_bar)
{
    const tb_plan *p = l->plan;
    const tb_bar *bar = &p->bars[i_bar];
    int i_in_phrase = bar->i_in_section % PHRASE_BARS, i_phrase = bar->i_in_section / PHRASE_BARS;
    if (bar->letter == 'S' && i_in_phrase == 0) /* a solo goes on inventing */
        invent(l, bar->letter, i_phrase + 2 * bar->visit);
    else if (bar->letter != 'S' && (bar->letter != l->letter || bar->i_in_section == 0))
        invent(l, bar->letter, bar->visit / 2); /* a theme comes twice, then another */
    develop(l, i_in_phrase, i_phrase + bar->visit);
    bool last = i_in_phrase == PHRASE_BARS - 1 || bar->i_in_section == bar->n_in_section - 1;
    const char *rhythm = last && bar->n_in_section > 1
                             ? l->style->rests[l->rest]
                             : l->style->rhythms[l->motif.rhythm[i_in_phrase % 2]];
    char steps[TB_METRE_MAX_STEPS + 1];
    tb_metre_fit(&p->metre, rhythm, 0, steps);
    for (int s = 0, n = 0; s < p->metre.n_steps; s++) {
        if (steps[s] != 'x')
            continue;
        int held = tb_metre_held(steps, s);
        const struct tb_pulse *pulse = tb_metre_pulse_at(&p->metre, s);
        bool strong = (pulse->start == s && pulse->cell % 2 == 0) || held >= 6;
        bool rests = last && strchr(steps + s + 1, 'x') == NULL;
        int offset = l->sign * l->motif.steps[i_in_phrase % 2][n++ % MOTIF_NOTES];
        int key = line_key(l, i_bar, s, offset, strong, rests);
        double arc = (i_in_phrase == 1 || i_in_phrase == 2 ? 5 : 0) + (strong ? 5 : 0);
        double lift = 0.76 + 0.38 * (double)bar->intensity;
        if (!l->silent && !l->sits_out)
            hand_out(l, i_bar, i_in_phrase, s, held, key, (l->style->velocity + arc) * lift);
    }
    const tb_player *player = &l->band->players[l->part];
    if (l->band->n == 1 && player->job == TB_JOB_MELODY && is_struck(player->instrument))
        accompany(l, i_bar, steps);
}

void tb_play_melody(tb_writer *w, const tb_band *band, int i)
{
    line l = {.w = w,
              .plan = w->plan,
              .band = band,
              .style = &styles[w->plan->style],
              .part = i,
              .r = tb_random_init(w->plan->tune_seed, "melody")};
    for (int k = band->n - 1; k >= 0; k--) {
        l.has_answer |= band->players[k].job == TB_JOB_ANSWER;
        if (band->players[k].job == TB_JOB_MELODY) {
            l.low = band->players[k].low;
            l.high = band->players[k].high;
            if (w->plan->style == TB_STYLE_AMBIENT && is_struck(band->players[k].instrument))
                l.style = &struck_ambient;
        }
    }
    l.last = (l.low + l.high) / 2;
    for (int bar = 0; bar < w->plan->n_bars && !tb_plan_is_over(w->plan, bar); bar++) {
        /* Composed whether played or not, so that all who share the line agree on it. */
        l.sits_out = !tb_player_is_on(w->plan, &band->players[i], bar);
        play_bar(&l, bar);
    }
}
