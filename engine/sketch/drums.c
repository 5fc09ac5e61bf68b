/*
 * The drummer: a grammar of grooves and fills per style. A groove is lanes of sixteenths over one
 * or two bars of 4/4; a fill replaces the end of a section.
 */
#include <string.h>

#include "engine/sketch/writer.h"

enum { /* General MIDI percussion keys */
       KICK = 36,
       RIM = 37,
       SNARE = 38,
       CLAP = 39,
       HAT = 42,
       PEDAL = 44,
       OPEN = 46,
       CRASH = 49,
       RIDE = 51,
       BELL = 53,
       LOW_TOM = 43,
       MID_TOM = 47,
       HIGH_TOM = 50,
       TAMBOURINE = 54,
       SHAKER = 70,
       CONGA = 63,
       LOW_CONGA = 64,
       TRIANGLE = 81,
       COWBELL = 56,
       FLOOR_TOM = 41,
       ORCHESTRA_SNARE = 40,
};

enum { LANES_MAX = 6, GROOVES_MAX = 3, FILLS_MAX = 3 };

/* 'X' accent, 'x' plain, 'o' soft, '?' soft and only now and then. */
typedef struct lane {
    uint8_t key;
    const char *steps;
} lane;

typedef struct grammar {
    lane grooves[GROOVES_MAX][LANES_MAX]; /* the last is the fullest: for sections that lift */
    const char *fills[FILLS_MAX];         /* '=' as before, then k s h m l, S accent, '.' silence */
    uint8_t crash;                        /* marks a new section; 0: nothing does */
    uint8_t time_keeper;                  /* key that gets busier with energy */
    double level;                         /* of all velocities */
    double syncopation;                   /* chance of an extra kick every fourth bar */
} grammar;

static const grammar grammars[TB_STYLE_COUNT] = {
    [TB_STYLE_LOFI] =
        {{{{KICK, "X......x..X....."}, {SNARE, "....X..?....X..o"}, {HAT, "x.o.x.o.x.o.x.oo"}},
          {{KICK, "X.....x...x...?."},
           {SNARE, "....X.......X?.."},
           {HAT, "x.x.o.x.x.x.o.x."},
           {SHAKER, "..?...o...?...o."}},
          {{KICK, "X..x......X..x.."},
           {SNARE, "....X..o.o..X..?"},
           {HAT, "xox.x.o.xox.x.o."},
           {RIM, "..?....?..?....o"}}},
         {"============..ss", "==========s.sh.m", "============...."},
         0,
         HAT,
         0.82,
         0.3},
    [TB_STYLE_JAZZ] = {{{{RIDE, "x...X.x.x...X.x."},
                         {PEDAL, "....x.......x..."},
                         {KICK, "o...o...o...o..."},
                         {SNARE, "..?.......?...?."}},
                        {{RIDE, "x...X.o.x.o.X.x."},
                         {PEDAL, "....x.......x..."},
                         {KICK, "o...o...o.?.o.?."},
                         {SNARE, "..?...o...?....."}},
                        {{RIDE, "X...X.x.x...X.x.x.o.X.x.X...x.x."},
                         {PEDAL, "....x.......x..."},
                         {KICK, "o.?...?...x...?."},
                         {SNARE, "..o...?...o...x."},
                         {BELL, "......?.......?."}}},
                       {"========..ssS.hm", "======ss..hhmmll", "============s.sS"},
                       RIDE,
                       RIDE,
                       0.8,
                       0.2},
    [TB_STYLE_FUNK] =
        {{{{KICK, "X.x...x...x..x.."}, {SNARE, "....X..o.o..X..o"}, {HAT, "xoxoxoxoxoxoxoxo"}},
          {{KICK, "X..x..x...x....x"},
           {SNARE, "....X..o.oo.X.o."},
           {HAT, "x.xox.xox.xox.x."},
           {OPEN, "..............x."}},
          {{KICK, "X.x....x..X..x.."},
           {SNARE, "..o.X..o.o..X..o"},
           {HAT, "XoxoXoxoXoxoXoxo"},
           {COWBELL, "x...x...x...x..."},
           {CONGA, "..x..xo...x..oxo"}}},
         {"========s.ssS.ss", "======s.s.shhmml", "========s..s..sS"},
         CRASH,
         HAT,
         1,
         0.6},
    [TB_STYLE_HOUSE] = {{{{KICK, "X...X...X...X..."},
                          {CLAP, "....x.......x..."},
                          {OPEN, "..x...x...x...x."},
                          {HAT, "o..oo..oo..oo..o"}},
                         {{KICK, "X...X...X...X..."},
                          {CLAP, "....x.......x..?"},
                          {OPEN, "..x...x...x...x."},
                          {SHAKER, "oooxoooxoooxooox"},
                          {RIM, "...?..?....?..?."}},
                         {{KICK, "X...X...X...X..?"},
                          {CLAP, "....X.......X..."},
                          {OPEN, "..X...X...X...X."},
                          {HAT, "xoxxxoxxxoxxxoxx"},
                          {TAMBOURINE, "....o...o...o..."},
                          {CONGA, "...x..x....x..xx"}}},
                        {"========c.c.cccc", "============....", "k...k.k.kskskkkk"},
                        CRASH,
                        HAT,
                        1.02,
                        0.1},
    [TB_STYLE_ROCK] =
        {{{{KICK, "X.......X.x....."}, {SNARE, "....X.......X..."}, {HAT, "X.x.X.x.X.x.X.x."}},
          {{KICK, "X.....x.X......."},
           {SNARE, "....X.......X..."},
           {HAT, "X.x.X.x.X.x.X.x."},
           {OPEN, "..............?."}},
          {{KICK, "X..x..x.X.x..x.."},
           {SNARE, "....X.......X..."},
           {RIDE, "X.x.X.x.X.x.X.x."},
           {CRASH, "?..............."}}},
         {"========sssshhll", "============ssss", "====s.sshhmmllSS"},
         CRASH,
         HAT,
         1.08,
         0.4},
    [TB_STYLE_BOSSA] = {{{{KICK, "X.....x.x.....x."},
                          {RIM, "x.....x.....x.......x.....x....."},
                          {HAT, "x.o.x.o.x.o.x.o."},
                          {PEDAL, "....o.......o..."}},
                         {{KICK, "X.....x.x.....x."},
                          {RIM, "....x.....x.....x.....x.....x..."},
                          {SHAKER, "x.o.x.o.x.o.x.o."}},
                         {{KICK, "X.....x.x.....x."},
                          {RIM, "x.....x.....x.......x.....x..x.."},
                          {SHAKER, "xoooxoooxoooxooo"},
                          {LOW_CONGA, "....?.......x.x."},
                          {RIDE, "..?...?...?....."}}},
                        {"============x.x.", "==========x.x.xx", "============..ss"},
                        0,
                        SHAKER,
                        0.78,
                        0},
    [TB_STYLE_CLASSICAL] = {{{{KICK, "o..............."}, {TRIANGLE, "........?......."}},
                             {{KICK, "x.......o......."}, {ORCHESTRA_SNARE, "....o.oo....o.o."}},
                             {{KICK, "x.......x......."},
                              {ORCHESTRA_SNARE, "o...x.oooo..x.oo"},
                              {57, "x..............."}}},
                            {"============oooo", "========o.ooooox", "================"},
                            0,
                            0,
                            0.7,
                            0},
    [TB_STYLE_AMBIENT] = {{{{KICK, "o..............................."},
                            {SHAKER, "........?......."}},
                           {{KICK, "o...................?..........."},
                            {LOW_TOM, "..........o...............?....."},
                            {SHAKER, "....o.......o..."}},
                           {{KICK, "x.........o....."},
                            {RIM, "............o..............?...."},
                            {SHAKER, "o...o...o...o..."}}},
                          {"================", "============..mm", "================"},
                          0,
                          0,
                          0.6,
                          0},
};

typedef struct drummer {
    tb_writer *w;
    const tb_plan *plan;
    const grammar *grammar;
    int part;
    tb_random r;
    int grooves[3]; /* for calm, middle and lifted sections */
    int fill;
} drummer;

static uint8_t fill_key(char c)
{
    static const struct {
        char mark;
        uint8_t key;
    } keys[] = {{'k', KICK},    {'s', SNARE}, {'S', SNARE}, {'h', HIGH_TOM},       {'m', MID_TOM},
                {'l', LOW_TOM}, {'c', CLAP},  {'x', RIM},   {'o', ORCHESTRA_SNARE}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (keys[i].mark == c)
            return keys[i].key;
    return 0;
}

static void strike(drummer *d, int i_bar, int step, int key, double velocity)
{
    double lift = 0.72 + 0.4 * (double)d->plan->bars[i_bar].intensity;
    double late = key == SNARE || key == RIM ? d->plan->rules->laid_back_ms : 0;
    tb_writer_note(d->w, d->part, tb_plan_tick(d->plan, i_bar, step), TB_STEP_TICKS / 2, key,
                   velocity * lift * d->grammar->level, late);
}

static void play_lane(drummer *d, int i_bar, const lane *part, const char *keep)
{
    char steps[TB_METRE_MAX_STEPS + 1];
    const tb_bar *bar = &d->plan->bars[i_bar];
    tb_metre_fit(&d->plan->metre, part->steps, i_bar, steps);
    bool busier = part->key == d->grammar->time_keeper && d->plan->energy > 0.72;
    bool sparser = part->key == d->grammar->time_keeper && d->plan->energy < 0.25;
    for (int s = 0; s < d->plan->metre.n_steps; s++) {
        bool chance = tb_random_chance(&d->r, 0.2 + 0.4 * (double)bar->intensity);
        char c = steps[s];
        if (keep[s] != '=' || (c == '?' && !chance) || (sparser && c == 'o'))
            continue;
        if (c == '.' && busier && s % 2 == 1 && chance)
            c = 'o';
        double velocity = c == 'X' ? 108 : c == 'x' ? 88 : c == '.' ? 0 : 52;
        if (velocity > 0)
            strike(d, i_bar, s, part->key, velocity);
    }
}

/* Which steps of the bar keep the groove: all, or those before a fill. */
static void write_fill(drummer *d, int i_bar, char *keep)
{
    const tb_plan *p = d->plan;
    memset(keep, '=', (size_t)p->metre.n_steps);
    keep[p->metre.n_steps] = '\0';
    if (!p->bars[i_bar].fill)
        return;
    tb_metre_fit(&p->metre, d->grammar->fills[d->fill], i_bar, keep);
    d->fill = tb_random_range(&d->r, 0, FILLS_MAX - 1);
    for (int s = 0; s < p->metre.n_steps; s++)
        if (fill_key(keep[s]) != 0) /* growing towards the new section */
            strike(d, i_bar, s, fill_key(keep[s]),
                   (keep[s] == 'S' ? 100 : 70) + 30.0 * s / p->metre.n_steps);
}

/* A build-up: snare or clap rolls from quarters to sixteenths over the section. */
static void play_build(drummer *d, int i_bar)
{
    const tb_bar *bar = &d->plan->bars[i_bar];
    double done = (bar->i_in_section + 1.0) / bar->n_in_section;
    int every = done > 0.74 ? 1 : done > 0.4 ? 2 : 4;
    for (int s = 0; s < d->plan->metre.n_steps; s += every)
        strike(d, i_bar, s, SNARE, 50 + 45 * done * (s % 4 == 0 ? 1.0 : 0.8));
    for (int i = 0; i < d->plan->metre.n_pulses && done < 0.9; i++)
        strike(d, i_bar, d->plan->metre.pulses[i].start, KICK, 100);
}

/* Something small every fourth bar, so that eight bars are not the same bar eight times. */
static void play_variation(drummer *d, int i_bar)
{
    int step = 2 * tb_random_range(&d->r, 1, d->plan->metre.n_steps / 2) - 1;
    bool kick = tb_random_chance(&d->r, d->grammar->syncopation);
    bool open = tb_random_chance(&d->r, d->grammar->syncopation);
    if (i_bar % 4 != 3 || d->plan->bars[i_bar].fill)
        return;
    if (kick)
        strike(d, i_bar, step, KICK, 78);
    if (open)
        strike(d, i_bar, d->plan->metre.n_steps - 2, OPEN, 70);
}

static void play_bar(drummer *d, int i_bar)
{
    const tb_bar *bar = &d->plan->bars[i_bar];
    if (bar->letter == 'U') {
        play_build(d, i_bar);
        return;
    }
    char keep[TB_METRE_MAX_STEPS + 1];
    write_fill(d, i_bar, keep);
    int level = bar->intensity < 0.48F ? 0 : bar->intensity < 0.66F ? 1 : 2;
    const lane *lanes = d->grammar->grooves[d->grooves[level]];
    for (int i = 0; i < LANES_MAX && lanes[i].steps != NULL; i++)
        play_lane(d, i_bar, &lanes[i], keep);
    play_variation(d, i_bar);
    if (bar->i_in_section == 0 && i_bar > 0 && d->grammar->crash != 0)
        strike(d, i_bar, 0, d->grammar->crash, 96);
}

void tb_play_drums(tb_writer *w, const tb_band *band, int i)
{
    drummer d = {.w = w,
                 .plan = w->plan,
                 .grammar = &grammars[w->plan->style],
                 .part = i,
                 .r = tb_random_init(w->plan->tune_seed, "drums")};
    int first = tb_random_range(&d.r, 0, 1);
    d.grooves[0] = first;
    d.grooves[1] = tb_random_chance(&d.r, 0.5) ? first : 1 - first;
    d.grooves[2] = GROOVES_MAX - 1;
    d.fill = tb_random_range(&d.r, 0, FILLS_MAX - 1);
    for (int bar = 0; bar < w->plan->n_bars; bar++)
        if (tb_player_is_on(w->plan, &band->players[i], bar))
            play_bar(&d, bar);
}
