/*
 * Chords: in the style's rhythm (comp) or held (pad). A comping pattern of sixteenths says when to
 * strike the whole voicing ('X' accent, 'x' plain, 'o' soft, 's' strummed, 'm' muted and short) or
 * one of its voices (0 lowest, 1, 2, ...).
 */
#include <string.h>

#include "engine/sketch/writer.h"

enum { PATTERNS_MAX = 5, CHAPTER_BARS = 16 };

static const struct comp_style {
    const char *patterns[PATTERNS_MAX]; /* the last for sections that lift */
    const char *broken;                 /* for a second player beside the first */
    double velocity;
    int strum_ms; /* between the voices of a strummed chord */
} styles[TB_STYLE_COUNT] = {
    [TB_STYLE_LOFI] = {{"s---------..o---", "..s-------....o-", "s-..o-....s---..",
                        "s-----.o-----...x-------..o---..", "s-----o-..x---.."},
                       "0-2-3-1-2---3-..",
                       68,
                       22},
    [TB_STYLE_JAZZ] = {{"x---..x.........", "......x-......x-", "....x-....x---..",
                        "x---..x.......x-..x-........x...", "..x-..x.....x.x-"},
                       "x-......3-2-1...",
                       72,
                       6},
    [TB_STYLE_FUNK] = {{"X.mm.mx.mmX.mxmm", "..x.m.xm..x.m.xm", "x..mx..mx.mmxm.m",
                        "mmxmmmx.mmxmmxm.", "X.mxmmx.X.mxmxxm"},
                       "..x.....x..x....",
                       80,
                       0},
    [TB_STYLE_HOUSE] = {{"x--x--x---x--x--", "..x...x...x..x..", "x--x----x--x--x-",
                         "x...x..x...x..x.", "x..x..x.x..x..x."},
                        "0.1.2.3.2.1.0.2.",
                        82,
                        0},
    [TB_STYLE_ROCK] = {{"X--x--x-------x-", "s-----x-s---x---", "X-----------x-x-",
                        "X-m-m-m-X-m-m-m-", "X-x-x-x-X-x-x-x-"},
                       "0-1-2-1-0-1-2-1-",
                       78,
                       4},
    [TB_STYLE_BOSSA] = {{"x...x--.x-..x--.x-..x--....x-..x", "x-....x---..x-....x-..x---..x-..",
                         "x---..x-..x-....x---..x-....x-..", "x-..x-....x-..x-..x-..x-..x-....",
                         "x-..x-....x-..x-..x-..x-x-..x-.."},
                        "0-..2-..1-..3-..",
                        70,
                        5},
    [TB_STYLE_CLASSICAL] = {{"0-2-1-2-0-2-1-2-", "0-1-2-1-0-1-2-1-", "0---2---1---2---",
                             "012-012-012-012-", "0-1-2-1-2-1-2-1-"},
                            "0-..2-..1-..2-..",
                            72,
                            0},
    [TB_STYLE_AMBIENT] = {{"0---1---2---3---", "s-------1---2---s-------2---3---",
                           "3---2---1---0---", "0---2-------3-------1---2-------",
                           "0---2---1---3---2---3---1---2---"},
                          "..3-....2-....1-",
                          66,
                          60},
};

typedef struct comper {
    tb_writer *w;
    const tb_plan *plan;
    const tb_player *player;
    const struct comp_style *style;
    int part;
    tb_random r;
    int calm, middle, lifted; /* the patterns of its sections */
    tb_voicing voicing;
    tb_chord voiced; /* the chord that `voicing` is of */
} comper;

static bool same_chord(const tb_chord *a, const tb_chord *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static void follow(comper *c, const tb_chord *chord, const tb_voicing_rule *rule)
{
    if (c->voicing.n > 0 && same_chord(chord, &c->voiced))
        return;
    c->voicing = tb_voicing_next(rule, chord, c->player->low, c->player->high, &c->voicing);
    c->voiced = *chord;
}

static void strike(comper *c, int32_t tick, int32_t length, double velocity, int strum_ms)
{
    int32_t apart = (int32_t)tb_plan_ms_ticks(c->plan, strum_ms);
    for (int v = 0; v < c->voicing.n; v++) {
        double voice = v == c->voicing.n - 1 ? 3 : v == 0 ? 0 : -4; /* the top sings */
        tb_writer_note(c->w, c->part, tick + v * apart, length - v * apart, c->voicing.keys[v],
                       velocity + voice, c->plan->rules->laid_back_ms);
    }
}

static void play_step(comper *c, int i_bar, const char *steps, int s)
{
    static const struct {
        char mark;
        double level, held;
    } marks[] = {
        {'X', 1.15, 0.9}, {'x', 1.0, 0.9}, {'o', 0.75, 0.9}, {'s', 1.0, 0.98}, {'m', 0.55, 0.3}};
    double lift = 0.82 + 0.3 * (double)c->plan->bars[i_bar].intensity;
    int32_t tick = tb_plan_tick(c->plan, i_bar, s);
    int32_t length = tb_plan_tick(c->plan, i_bar, s + tb_metre_held(steps, s)) - tick;
    if (steps[s] >= '0' && steps[s] <= '9') {
        int v = (steps[s] - '0') % c->voicing.n;
        tb_writer_note(c->w, c->part, tick, length, c->voicing.keys[v],
                       c->style->velocity * lift + (v == 0 ? 6 : 0), 0);
        return;
    }
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (marks[i].mark == steps[s])
            strike(c, tick, (int32_t)(length * marks[i].held),
                   c->style->velocity * lift * marks[i].level,
                   steps[s] == 's' ? c->style->strum_ms : 0);
}

static const char *pattern_for(comper *c, int i_bar)
{
    const tb_bar *bar = &c->plan->bars[i_bar];
    int turn = tb_random_range(&c->r, 0, PATTERNS_MAX - 1); /* for the last bar of four */
    if (c->player->rank > 0)
        return c->style->broken;
    if (bar->letter == 'K' || bar->letter == 'D' || bar->letter == 'I' || bar->letter == 'T')
        return c->style->patterns[c->calm];
    if (i_bar % 4 == 3)
        return c->style->patterns[turn];
    return c->style->patterns[bar->intensity > 0.66F ? c->lifted : c->middle];
}

static void comp_bar(comper *c, int i_bar)
{
    const tb_plan *p = c->plan;
    char steps[TB_METRE_MAX_STEPS + 1];
    tb_metre_fit(&p->metre, pattern_for(c, i_bar), i_bar, steps);
    bool push = tb_random_chance(&c->r, 0.25), rest = tb_random_chance(&c->r, 0.12);
    for (int s = 0; s < p->metre.n_steps; s++) {
        if (steps[s] == '.' || steps[s] == '-')
            continue;
        /* Now and then a jazz player leaves the second chord of a bar out. */
        if (p->style == TB_STYLE_JAZZ && rest && s >= p->metre.n_steps / 2)
            continue;
        follow(c, tb_plan_chord(p, i_bar, s), tb_band_comp_rule(p, c->player));
        play_step(c, i_bar, steps, s);
    }
    /* ... or anticipates the next bar by an eighth. */
    int last = p->metre.n_steps - 2;
    if (p->style == TB_STYLE_JAZZ && push && steps[last] == '.' && !tb_plan_is_over(p, i_bar + 1)) {
        follow(c, &p->bars[i_bar + 1].chords[0], tb_band_comp_rule(p, c->player));
        strike(c, tb_plan_tick(p, i_bar, last), 2 * TB_STEP_TICKS, c->style->velocity * 0.95, 0);
    }
}

/* Strings of a piano ring on: the pedal goes down with each chord and comes up before the next. */
static void pedal_bar(comper *c, int i_bar)
{
    const tb_plan *p = c->plan;
    const tb_bar *bar = &p->bars[i_bar];
    for (int k = 0; k < bar->n_chords; k++) {
        int from = k == 0 ? 0 : p->metre.pulses[bar->split].start;
        int to = k + 1 < bar->n_chords ? p->metre.pulses[bar->split].start : p->metre.n_steps;
        int32_t down = i_bar * p->ticks_per_bar + from * TB_STEP_TICKS + TB_STEP_TICKS / 4;
        int32_t up = i_bar * p->ticks_per_bar + to * TB_STEP_TICKS - TB_STEP_TICKS / 8;
        if (up < p->body_ticks) {
            tb_writer_control(c->w, c->part, down, 64, 127);
            tb_writer_control(c->w, c->part, up, 64, 0);
        }
    }
}

static bool has_pedal(const comper *c)
{
    tb_instrument_id id = c->player->instrument;
    return c->plan->rules->pedal &&
           (id == TB_INSTRUMENT_PIANO || id == TB_INSTRUMENT_ELECTRIC_PIANO);
}

static comper comper_for(tb_writer *w, const tb_band *band, int i, const char *label)
{
    return (comper){
        .w = w,
        .plan = w->plan,
        .player = &band->players[i],
        .style = &styles[w->plan->style],
        .part = i,
        .r = tb_random_init(w->plan->tune_seed + (uint64_t)band->players[i].rank, label)};
}

/* Other patterns in each chapter, so that a long piece does not stand still. */
static void choose_patterns(comper *c, int chapter)
{
    tb_random r = tb_random_init(c->plan->tune_seed + (uint64_t)(c->player->rank + 16 * chapter),
                                 "patterns");
    c->middle = tb_random_range(&r, 0, PATTERNS_MAX - 2);
    c->lifted = tb_random_range(&r, PATTERNS_MAX - 2, PATTERNS_MAX - 1);
    c->calm = tb_random_range(&r, 0, PATTERNS_MAX - 2);
}

void tb_play_comp(tb_writer *w, const tb_band *band, int i)
{
    comper c = comper_for(w, band, i, "comp");
    for (int bar = 0; bar < w->plan->n_bars; bar++) {
        if (bar % CHAPTER_BARS == 0)
            choose_patterns(&c, bar / CHAPTER_BARS);
        if (!tb_player_is_on(w->plan, c.player, bar))
            continue;
        comp_bar(&c, bar);
        if (has_pedal(&c))
            pedal_bar(&c, bar);
    }
}

/* A swell over one held chord: expression rises to its middle and falls back. */
static void swell(comper *c, int32_t from, int32_t length)
{
    for (int i = 0; i <= 8; i++) {
        int rise = i <= 4 ? i : 8 - i;
        int32_t tick = from + (int32_t)((int64_t)length * i / 9);
        if (tick < c->plan->body_ticks)
            tb_writer_control(c->w, c->part, tick, 11, 84 + 9 * rise);
    }
}

static bool pad_moves(const comper *c, int i_bar, int k)
{
    const tb_bar *bar = &c->plan->bars[i_bar];
    if (k > 0 || i_bar == 0 || !tb_player_is_on(c->plan, c->player, i_bar - 1))
        return true;
    const tb_bar *before = bar - 1;
    return i_bar % 4 == 0 || !same_chord(&bar->chords[0], &before->chords[before->n_chords - 1]);
}

void tb_play_pad(tb_writer *w, const tb_band *band, int i)
{
    const tb_plan *p = w->plan;
    comper c = comper_for(w, band, i, "pad");
    int32_t start = -1;
    for (int bar = 0; bar <= p->n_bars; bar++) {
        bool on = bar < p->n_bars && tb_player_is_on(p, c.player, bar);
        for (int k = 0; k < (on ? p->bars[bar].n_chords : 1); k++) {
            int step = k == 0 ? 0 : p->metre.pulses[p->bars[bar].split].start;
            int32_t tick = bar * p->ticks_per_bar + step * TB_STEP_TICKS;
            if (on && start >= 0 && !pad_moves(&c, bar, k))
                continue;
            if (start >= 0) { /* what sounded until here */
                double lift = 0.8 + 0.4 * (double)p->bars[start / p->ticks_per_bar].intensity;
                strike(&c, start, tick - start, 66 * lift, 0);
                swell(&c, start, tick - start);
            }
            start = on ? tick : -1;
            if (on)
                follow(&c, &p->bars[bar].chords[k], &p->rules->pad);
        }
    }
}
