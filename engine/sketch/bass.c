/*
 * The bassist: figures of sixteenths per style, and a walking line for jazz. Figures name what to
 * play on the chord of the moment: R root, 3 5 7 its tones, 8 the octave, 'a' a step into the next
 * root, 's' a root slid into, r and o softly muted root and octave.
 */
#include <string.h>

#include "engine/sketch/writer.h"

enum { FIGURES_MAX = 4, CHAPTER_BARS = 16 };

static const struct bass_style {
    const char *figures[FIGURES_MAX]; /* the last for sections that lift */
    bool walks;
    double velocity;
} styles[TB_STYLE_COUNT] = {
    [TB_STYLE_LOFI] = {{"R-----..s-----..R-----....5---a-", "R---.....5--..a.s-------..R-5---",
                        "R-......R-..5-..", "R-----.R..5-..8-R-----.s....a-a-"},
                       false,
                       84},
    [TB_STYLE_JAZZ] = {{"R---5---3---5-a-", "R-------5-----a-", "R-------R---5-a-",
                        "R---3---5---a---"},
                       true,
                       86},
    [TB_STYLE_FUNK] = {{"R..o..8r..7-8..a", "R-.r.R8..r.5.78.R-.r.R8..r3.a.a.", "R-..rR.8..7-.5.a",
                        "R.r8.r7.R.r8.5.a"},
                       false,
                       98},
    [TB_STYLE_HOUSE] = {{"..R-..R-..R-..R-", "..RR..R8..RR..8R", "..R-..8-..R-.5R-",
                         "..R-.RR...R-.R8."},
                        false,
                        96},
    [TB_STYLE_ROCK] = {{"R-R-R-R-R-R-R-R-", "R-R-R-R-R-R-5-a-", "R-----R-R---8-R-",
                        "R-R-R-R-8-R-5-R-"},
                       false,
                       98},
    [TB_STYLE_BOSSA] = {{"R-----5-5-----R-", "R-----5-5-----a-", "R-----8-5-----5-",
                         "R-----5-8-----5-"},
                        false,
                        84},
    [TB_STYLE_CLASSICAL] = {{"R-------5-------", "R---------------", "R---5---3---5---",
                             "R-----3-5-----3-"},
                            false,
                            78},
    [TB_STYLE_AMBIENT] = {{"R---------------", "R---------------", "R---------------",
                           "R-----------5---"},
                          false,
                          70},
};

typedef struct bassist {
    tb_writer *w;
    const tb_plan *plan;
    const tb_player *player;
    const struct bass_style *style;
    int part;
    tb_random r;
    int figure, lifted; /* for sections that rest and that lift */
    int last;           /* the key played before */
} bassist;

/* The root's lowest key in the register: what the line is built on. */
static int low_key(const bassist *b, int pitch_class)
{
    return b->player->low + (((pitch_class - b->player->low) % 12) + 12) % 12;
}

static int fold(const bassist *b, int key)
{
    while (key > b->player->high)
        key -= 12;
    while (key < b->player->low)
        key += 12;
    return key;
}

/* The bass note of the chord that follows this step's. */
static int next_root(const bassist *b, int i_bar, int step)
{
    const tb_bar *bar = &b->plan->bars[i_bar];
    if (bar->n_chords > 1 && step < b->plan->metre.pulses[bar->split].start)
        return bar->chords[1].bass;
    return b->plan->bars[(i_bar + 1) % b->plan->n_bars].chords[0].bass;
}

static int approach(bassist *b, int i_bar, int step)
{
    int target = low_key(b, next_root(b, i_bar, step));
    unsigned scale = tb_chord_scale(tb_plan_chord(b->plan, i_bar, step), b->plan->key);
    bool above = tb_random_chance(&b->r, 0.4), near = tb_random_chance(&b->r, 0.5);
    int key = near ? target + (above ? 1 : -1) : tb_pitch_walk(scale, target, above ? 1 : -1);
    return fold(b, key);
}

static int key_of(bassist *b, int i_bar, int step, char c)
{
    const tb_chord *chord = tb_plan_chord(b->plan, i_bar, step);
    int root = low_key(b, chord->bass), chord_root = low_key(b, chord->root);
    switch (c) {
    case '3':
        return fold(b, chord_root + (chord->third >= 0 ? chord->third : chord->fifth));
    case '5':
        return fold(b, chord_root + chord->fifth - (chord_root - b->player->low > 9 ? 12 : 0));
    case '7':
        return fold(b, chord_root + (chord->seventh >= 0 ? chord->seventh : 10));
    case '8':
    case 'o':
        return fold(b, root + 12);
    case 'a':
        return approach(b, i_bar, step);
    default:
        return root;
    }
}

/* Slide into the note at `tick` from a whole tone below; the wheel's range is two semitones. */
static void slide(bassist *b, int32_t tick)
{
    int32_t unit = (int32_t)tb_plan_ms_ticks(b->plan, 25);
    if (tick < 1 || tick + 4 * unit >= b->plan->body_ticks)
        return;
    tb_writer_bend(b->w, b->part, tick - 1, -8192);
    for (int i = 1; i <= 4; i++)
        tb_writer_bend(b->w, b->part, tick + i * unit, -8192 + 2048 * i);
}

/* The last bar of a phrase leads on: its last note steps into what comes. */
static void lead_on(char *steps)
{
    for (size_t s = strlen(steps); s-- > 1;)
        if (steps[s] != '.' && steps[s] != '-') {
            steps[s] = 'a';
            return;
        }
}

static void play_figure(bassist *b, int i_bar, const char *pattern)
{
    char steps[TB_METRE_MAX_STEPS + 1];
    const tb_bar *bar = &b->plan->bars[i_bar];
    tb_metre_fit(&b->plan->metre, pattern, i_bar, steps);
    if (i_bar % 4 == 3 && b->plan->style == TB_STYLE_HOUSE) /* its figures have few tones */
        lead_on(steps);
    double lift = 0.85 + 0.2 * (double)bar->intensity;
    for (int s = 0; s < b->plan->metre.n_steps; s++) {
        if (steps[s] == '.' || steps[s] == '-')
            continue;
        bool soft = steps[s] == 'r' || steps[s] == 'o';
        int32_t tick = tb_plan_tick(b->plan, i_bar, s);
        int32_t end = tb_plan_tick(b->plan, i_bar, s + tb_metre_held(steps, s));
        int key = key_of(b, i_bar, s, steps[s]);
        if (steps[s] == 's')
            slide(b, tick);
        double accent = s == 0 ? 6 : 0;
        tb_writer_note(b->w, b->part, tick, (end - tick) * (soft ? 6 : 9) / 10, key,
                       (b->style->velocity + accent) * lift * (soft ? 0.7 : 1.0), 0);
    }
}

/* A walking line: the root where the chord changes, a step into the next root before it does, and
 * between them chord and scale tones in the direction of travel. */
static int walking_key(bassist *b, int i_bar, int i_pulse)
{
    const tb_plan *p = b->plan;
    const tb_bar *bar = &p->bars[i_bar];
    int step = p->metre.pulses[i_pulse].start;
    const tb_chord *chord = tb_plan_chord(p, i_bar, step);
    bool change = i_pulse == 0 || (bar->n_chords > 1 && i_pulse == bar->split);
    bool before = i_pulse == p->metre.n_pulses - 1 ||
                  (bar->n_chords > 1 && i_pulse + 1 == bar->split);
    if (change)
        return low_key(b, chord->bass);
    if (before)
        return approach(b, i_bar, step);
    bool chord_tone = tb_random_chance(&b->r, 0.6);
    int n = tb_random_range(&b->r, 1, 2);
    unsigned set = chord_tone ? tb_chord_tones(chord) : tb_chord_scale(chord, p->key);
    int direction = b->last > (b->player->low + b->player->high) / 2 ? -1 : 1;
    return fold(b, tb_pitch_walk(set, b->last, direction * (chord_tone ? 1 : n)));
}

static void walk(bassist *b, int i_bar)
{
    const tb_plan *p = b->plan;
    for (int i = 0; i < p->metre.n_pulses; i++) {
        const struct tb_pulse *pulse = &p->metre.pulses[i];
        int32_t tick = tb_plan_tick(p, i_bar, pulse->start);
        int key = walking_key(b, i_bar, i);
        bool skip = tb_random_chance(&b->r, 0.12);
        tb_writer_note(b->w, b->part, tick, pulse->n_steps * TB_STEP_TICKS * 92 / 100, key,
                       b->style->velocity + (i % 2 == 1 ? 6 : 0), 0);
        if (skip && pulse->n_steps == 4) /* a dead note on the swung eighth */
            tb_writer_note(b->w, b->part, tb_plan_tick(p, i_bar, pulse->start + 2),
                           TB_STEP_TICKS / 2, key, 50, 0);
        b->last = key;
    }
}

/* Drones change only with the harmony: hold the root while it stays. */
static void drone(bassist *b, int i_bar)
{
    const tb_plan *p = b->plan;
    int root = p->bars[i_bar].chords[0].bass, n = 1;
    if (i_bar % 2 == 1 && i_bar > 0 && p->bars[i_bar - 1].chords[0].bass == root &&
        tb_player_is_on(p, b->player, i_bar - 1))
        return;
    if (i_bar + 1 < p->n_bars && i_bar % 2 == 0 && p->bars[i_bar + 1].chords[0].bass == root &&
        tb_player_is_on(p, b->player, i_bar + 1))
        n = 2;
    int32_t tick = i_bar * p->ticks_per_bar, length = n * p->ticks_per_bar;
    int key = low_key(b, root);
    double velocity = b->style->velocity * (0.8 + 0.4 * (double)p->bars[i_bar].intensity);
    tb_writer_note(b->w, b->part, tick, length, key, velocity, 0);
    if (key + 7 <= b->player->high && p->bars[i_bar].intensity > 0.4F)
        tb_writer_note(b->w, b->part, tick + p->ticks_per_bar / 2, length - p->ticks_per_bar / 2,
                       key + p->bars[i_bar].chords[0].fifth, velocity - 12, 0);
}

/* By the section; any of them in the last bar of four. */
static const char *figure_for(bassist *b, int i_bar)
{
    int turn = tb_random_range(&b->r, 0, FIGURES_MAX - 1);
    bool lifted = b->plan->bars[i_bar].intensity > 0.66F;
    return b->style->figures[i_bar % 4 == 3 ? turn : lifted ? b->lifted : b->figure];
}

void tb_play_bass(tb_writer *w, const tb_band *band, int i)
{
    bassist b = {.w = w,
                 .plan = w->plan,
                 .player = &band->players[i],
                 .style = &styles[w->plan->style],
                 .part = i,
                 .r = tb_random_init(w->plan->tune_seed, "bass")};
    b.last = (b.player->low + b.player->high) / 2;
    for (int bar = 0; bar < w->plan->n_bars; bar++) {
        if (bar % CHAPTER_BARS ==
            0) { /* other figures, so that a long piece does not stand still */
            b.figure = tb_random_range(&b.r, 0, FIGURES_MAX - 2);
            b.lifted = tb_random_range(&b.r, FIGURES_MAX - 2, FIGURES_MAX - 1);
        }
        if (!tb_player_is_on(w->plan, b.player, bar))
            continue;
        if (b.style->walks && w->plan->bars[bar].letter != 'T')
            walk(&b, bar);
        else if (w->plan->style == TB_STYLE_AMBIENT)
            drone(&b, bar);
        else
            play_figure(&b, bar, figure_for(&b, bar));
    }
}
