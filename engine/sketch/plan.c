#include "engine/sketch/plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/sketch/taste.h"

static const double tempo_flex = 0.03; /* a tempo that was not asked may bend by this much */

enum {
    EVERYBODY = (1 << TB_JOB_COUNT) - 1,
    LEADS = 1 << TB_JOB_MELODY | 1 << TB_JOB_ANSWER | 1 << TB_JOB_HARMONY,
    RHYTHM = 1 << TB_JOB_DRUMS | 1 << TB_JOB_BASS,
};

/* Sections by the letter used in a style's form; `progression` counts from the seed's choice. */
static const struct section {
    char letter;
    float intensity;
    int jobs;
    int progression;
} sections[] = {
    {'A', 0.60F, EVERYBODY, 0},
    {'B', 0.85F, EVERYBODY, 1},
    {'C', 0.70F, EVERYBODY, 2},
    {'S', 0.80F, EVERYBODY, 0},                               /* solo */
    {'I', 0.45F, EVERYBODY & ~LEADS, 0},                      /* introduction */
    {'T', 0.45F, EVERYBODY & ~LEADS, 0},                      /* the same on the turnaround */
    {'D', 0.40F, EVERYBODY & ~(1 << TB_JOB_DRUMS), 0},        /* drop-out */
    {'K', 0.35F, EVERYBODY & ~RHYTHM, 1},                     /* break */
    {'U', 0.65F, EVERYBODY & ~(1 << TB_JOB_BASS | LEADS), 1}, /* build-up */
};

static const struct section *section_find(char letter)
{
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        if (sections[i].letter == letter)
            return &sections[i];
    return &sections[0];
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* ---- key, metre, tempo ---- */

static void choose_key(tb_plan *p, const tb_brief *b)
{
    static const double roots[12] = {4, 1, 3, 3, 3, 4, 1, 4, 2, 4, 3, 1}; /* friendly keys first */
    tb_random r = tb_random_init(p->seed, "key");
    int root = tb_random_weighted(&r, roots, 12);
    bool minor = tb_random_chance(&r, p->rules->minor);
    if (b->brightness >= 0)
        minor = b->brightness < 0.4 || (b->brightness < 0.6 && minor);
    p->key.root = b->key_root >= 0 ? b->key_root % 12 : root;
    p->key.mode = minor ? TB_MODE_MINOR : TB_MODE_MAJOR;
    if (b->mode >= 0 && b->mode < TB_MODE_COUNT)
        p->key.mode = (tb_mode)b->mode;
}

static void choose_metre(tb_plan *p, const tb_brief *b)
{
    tb_random r = tb_random_init(p->seed, "metre");
    int unit = b->beat_unit == 8 ? 8 : 4;
    int beats = b->beats_per_bar;
    if (beats == 0)
        beats = unit == 8 ? 6 : tb_random_chance(&r, p->rules->waltz) ? 3 : 4;
    tb_metre_init(&p->metre, (int)clamp(beats, 2, 12), unit);
    p->ticks_per_bar = p->metre.n_steps * TB_STEP_TICKS;
}

/*
 * A tempo word is a request, and the style bends to it. A mark ("andante") is kept to its range,
 * within which the style has a say; "slow" is the lower third of the style's range or less, "fast"
 * the upper third or more. The ends stay clear of what fitting the bars may bend.
 */
static double worded_tempo(const tb_plan *p, const tb_brief *b, double luck)
{
    double style_low = p->rules->tempo_low_bpm, style_high = p->rules->tempo_high_bpm;
    double low = b->tempo_low_bpm, high = b->tempo_high_bpm;
    if (b->tempo_hint_bpm > 0) {
        style_low = 0.94 * b->tempo_hint_bpm;
        style_high = 1.06 * b->tempo_hint_bpm;
    }
    double third = (style_high - style_low) / 3;
    if (low <= 0) {
        high = fmin(high, style_low + third);
        low = fmin(style_low, 0.85 * high);
    } else if (high <= 0) {
        low = fmax(low, style_high - third);
        high = fmax(style_high, 1.15 * low);
    } else if (fmin(high, style_high) - fmax(low, style_low) > 0.25 * (high - low)) {
        low = fmax(low, style_low);
        high = fmin(high, style_high);
    }
    low *= 1 + 1.1 * tempo_flex;
    high *= 1 - 1.1 * tempo_flex;
    return low < high ? low + luck * (high - low) : (low + high) / 2;
}

/* Beats per minute: of quarters, in 6/8, 9/8 and 12/8 of dotted quarters. */
static double choose_tempo(const tb_plan *p, const tb_brief *b)
{
    tb_random r = tb_random_init(p->seed, "tempo");
    double luck = 0.5 * tb_random_unit(&r);
    luck += 0.5 * tb_random_unit(&r); /* the middle is likelier than the ends */
    if (b->tempo_bpm > 0)
        return b->tempo_bpm;
    if (b->tempo_low_bpm + b->tempo_high_bpm > 0)
        return worded_tempo(p, b, luck);
    if (b->tempo_hint_bpm > 0)
        return b->tempo_hint_bpm * (1 + 0.08 * b->tempo_bias + 0.06 * (luck - 0.5));
    double place = luck, beyond = b->tempo_bias != 0 ? 0.25 : 0;
    if (b->energy >= 0)
        place += 0.4 * (b->energy - 0.5);
    place = clamp(place, 0, 1) + 0.5 * b->tempo_bias;
    double low = p->rules->tempo_low_bpm, high = p->rules->tempo_high_bpm;
    double bpm = low + clamp(place, -beyond, 1 + beyond) * (high - low);
    bpm *= 1 + 0.08 * b->tempo_bias; /* also where the style's own range is narrow */
    return tb_metre_is_compound(&p->metre) ? bpm * 0.7 : bpm;
}

static void set_tempo(tb_plan *p, double bpm)
{
    double quarters = tb_metre_is_compound(&p->metre) ? bpm * 1.5 : bpm;
    p->usec_per_quarter = (int32_t)floor(60e6 / quarters + 0.5);
}

/* ---- length ---- */

static double bar_seconds(const tb_plan *p)
{
    return (double)p->ticks_per_bar * p->usec_per_quarter * 1e-6 / TB_PPQ;
}

/* Bend the tempo so that `n_bars` take `seconds`; false, and nothing changed, when that would bend
 * it too far. */
static bool bend_tempo(tb_plan *p, double n_bars, double seconds)
{
    double factor = seconds / (n_bars * bar_seconds(p));
    if (n_bars < 1 || factor < 1 - tempo_flex || factor > 1 + tempo_flex)
        return false;
    p->usec_per_quarter = (int32_t)floor(p->usec_per_quarter * factor + 0.5);
    return true;
}

/* Bend the tempo so that about seconds / bar_seconds bars fit, of fours if possible, else twos. */
static bool fit_bars(tb_plan *p, double seconds)
{
    for (int group = 4; group >= 1; group /= 2) {
        double n = group * floor(seconds / bar_seconds(p) / group + 0.5);
        if (bend_tempo(p, n, seconds))
            return true;
    }
    return false;
}

static void measure_loop(tb_plan *p, bool may_bend)
{
    if (may_bend)
        fit_bars(p, p->duration_s);
    double n = floor(p->duration_s / bar_seconds(p) + 0.5);
    p->n_bars = n < 1 ? 1 : (int)n;
    p->end_ticks = p->body_ticks = p->n_bars * p->ticks_per_bar;
}

/* The latest downbeat from which the last chord can ring, or the latest pulse when the downbeat
 * would make it ring too long. */
static int32_t last_chord_tick(const tb_plan *p, double ring_s)
{
    int32_t ring = (int32_t)tb_plan_ms_ticks(p, 1000 * ring_s);
    double longest_s = p->duration_s < 8 ? 2 : fmax(3.5, ring_s + 1);
    int32_t longest = (int32_t)tb_plan_ms_ticks(p, 1000 * longest_s);
    int32_t latest = p->end_ticks - ring;
    int32_t bar = latest / p->ticks_per_bar * p->ticks_per_bar;
    if (p->end_ticks - bar <= longest)
        return bar;
    int step = (latest - bar) / TB_STEP_TICKS;
    return bar + tb_metre_pulse_at(&p->metre, step)->start * TB_STEP_TICKS;
}

static void measure_take(tb_plan *p, bool may_bend)
{
    bool has_ending = p->duration_s >= 2 * bar_seconds(p);
    double ring_s = clamp(0.8 * bar_seconds(p), 1.2, 3.0);
    if (p->style == TB_STYLE_AMBIENT && p->duration_s >= 20)
        ring_s = clamp(bar_seconds(p), 3, 4);
    if (p->duration_s < 8)
        ring_s = 1.0;
    if (may_bend && has_ending)
        fit_bars(p, p->duration_s - ring_s);
    p->end_ticks = (int32_t)ceil(p->duration_s * 1e6 * TB_PPQ / p->usec_per_quarter);
    p->n_bars = (p->end_ticks + p->ticks_per_bar - 1) / p->ticks_per_bar;
    p->body_ticks = p->end_ticks;
    if (has_ending) {
        int32_t tick = last_chord_tick(p, ring_s - 0.05); /* the bend is not exact to the tick */
        p->has_ending = tick > 0;
        p->body_ticks = tick > 0 ? tick : p->end_ticks;
    }
}

/* ---- form and chords ---- */

static const char *next_section(const char *form, int *n_bars)
{
    int n = 0;
    for (form++; *form >= '0' && *form <= '9'; form++)
        n = 10 * n + (*form - '0');
    *n_bars = n;
    while (*form == ' ')
        form++;
    return form;
}

static int form_bars(const char *form)
{
    int total = 0, n;
    while (*form != '\0') {
        form = next_section(form, &n);
        total += n;
    }
    return total;
}

static void lay_section(tb_plan *p, const struct section *s, int first, int n, int visit)
{
    for (int i = 0; i < n; i++) {
        tb_bar *bar = &p->bars[first + i];
        bar->letter = s->letter;
        bar->i_in_section = (int8_t)i;
        bar->n_in_section = (int8_t)n;
        bar->visit = (uint8_t)visit;
        bar->jobs = (uint8_t)s->jobs;
        bar->fill = i == n - 1;
        bar->intensity = (float)(0.55 * (double)s->intensity + 0.45 * p->energy);
    }
}

/* Sections one after the other over the body, halved when the whole form would be cut in two;
 * a take under 12 seconds has no time for an introduction. */
static void lay_form(tb_plan *p, int n_body)
{
    const char *form = p->rules->form, *at = form;
    int halve = 2 * n_body < form_bars(form) + 8, visits[128] = {0};
    bool skip_intro = p->duration_s < 12 || n_body < 8;
    for (int bar = 0; bar < n_body;) {
        int n;
        const struct section *s = section_find(*at);
        at = next_section(at, &n);
        if (*at == '\0')
            at = form;
        if ((s->letter == 'I' || s->letter == 'T') && (bar > 0 || skip_intro))
            continue;
        n = halve ? (n + 1) / 2 : n;
        if (n_body - bar - n < 2) /* no section of a single bar */
            n = n_body - bar < n + 2 ? n_body - bar : n;
        lay_section(p, s, bar, n, visits[(unsigned char)s->letter]++);
        bar += n;
    }
}

/* One bar's text of a progression ("1-6!") into the bar; returns the next bar's. */
static const char *read_chords(const tb_plan *p, const char *at, tb_bar *bar)
{
    bar->n_chords = 0;
    bar->split = (int8_t)((p->metre.n_pulses + 1) / 2);
    do {
        at += *at == '-';
        bar->chords[bar->n_chords++] = tb_chord_parse(at, p->key, p->rules->chord_size, &at);
    } while (*at == '-' && bar->n_chords < 2);
    if (p->metre.n_pulses < 2)
        bar->n_chords = 1;
    while (*at == ' ')
        at++;
    return at;
}

static const char *const *progressions_of(const tb_plan *p)
{
    if (p->key.mode == TB_MODE_MAJOR)
        return p->rules->major;
    return p->key.mode == TB_MODE_MINOR ? p->rules->minor_key : tb_mode_progressions(p->key.mode);
}

/* The last n bars of a progression, or all of it: an introduction leads into its beginning. */
static const char *tail_of(const tb_plan *p, const char *progression, int n)
{
    tb_bar scratch;
    int total = 0;
    for (const char *at = progression; *at != '\0'; total++)
        at = read_chords(p, at, &scratch);
    for (; total > n; total--)
        progression = read_chords(p, progression, &scratch);
    return progression;
}

static void lay_chords(tb_plan *p, int n_body)
{
    tb_random r = tb_random_init(p->tune_seed, "chords");
    const char *const *choice = progressions_of(p);
    int first = tb_random_range(&r, 0, TB_STYLE_PROGRESSIONS - 2); /* the last is for bridges */
    int bridge = first + tb_random_range(&r, 1, TB_STYLE_PROGRESSIONS - 1);
    int third = tb_random_range(&r, 0, TB_STYLE_PROGRESSIONS - 2);
    int turn = tb_random_range(&r, 1, TB_STYLE_PROGRESSIONS - 2);
    const int parts[3] = {first, bridge % TB_STYLE_PROGRESSIONS, third};
    const char *at = choice[first];
    for (int i = 0; i < p->n_bars; i++) {
        tb_bar *bar = &p->bars[i];
        int slot = section_find(bar->letter)->progression;
        int index = parts[slot];
        if (bar->visit >= 2) /* a section that comes a third time comes in other chords */
            index = (index + bar->visit / 2 * turn) % (TB_STYLE_PROGRESSIONS - 1);
        const char *part = choice[index];
        if (bar->i_in_section == 0 || *at == '\0')
            at = part;
        if (bar->i_in_section == 0 && bar->letter == 'T')
            at = tail_of(p, part, bar->n_in_section);
        if (i < n_body)
            at = read_chords(p, at, bar);
        else
            read_chords(p, "1", bar);
    }
}

/* The bars before the last chord lead to it; the last bars of a loop lead to its first. */
static void lay_cadence(tb_plan *p, int n_body)
{
    bool bare = p->key.mode != TB_MODE_MAJOR && p->key.mode != TB_MODE_MINOR;
    const char *cadence = bare ? progressions_of(p)[0] : p->rules->cadence;
    tb_bar scratch;
    int n = 0;
    for (const char *at = cadence; *at != '\0'; n++)
        at = read_chords(p, at, &scratch);
    int room = n_body / 2 < 2 ? n_body / 2 : 2, skip = n - room;
    const char *at = cadence;
    for (int i = 0; i < n; i++)
        at = read_chords(p, at, i < skip ? &scratch : &p->bars[n_body - n + i]);
}

/*
 * The prompt enters the tune: what was understood, in a canonical form, so that neither the order
 * nor the spelling of words matters. Key, tempo, metre, energy, levels and exclusions are left
 * out: they change how a tune is played, not which it is.
 */
static uint64_t tune_seed_of(const tb_brief *b, tb_style style, uint64_t seed)
{
    char label[256];
    size_t n = (size_t)snprintf(label, sizeof label, "style %d mode %d mood %d players %d of",
                                (int)style, b->mode, (int)floor(b->brightness * 4 + 0.5),
                                b->max_players);
    for (int i = 0; i < b->n_instruments; i++)
        n += (size_t)snprintf(label + n, sizeof label - n, " %d", (int)b->instruments[i]);
    for (int i = 0; i < TB_TEXTURE_COUNT; i++)
        n += (size_t)snprintf(label + n, sizeof label - n, " %c",
                              b->texture_level[i] > 0 ? 'y' : 'n');
    return tb_random_key(seed, label);
}

tb_status tb_plan_make(tb_plan *p, const tb_brief *b, const tb_arrange_options *options,
                       tb_arena *arena, tb_error *err)
{
    *p = (tb_plan){.seed = options->seed, .loop = options->loop, .duration_s = options->duration_s};
    p->style = tb_taste_style(b, p->seed);
    p->tune_seed = tune_seed_of(b, p->style, p->seed);
    p->rules = tb_style_rules_get(p->style);
    p->energy = b->energy >= 0 ? clamp(b->energy, 0, 1) : 0.5;
    choose_key(p, b);
    choose_metre(p, b);
    set_tempo(p, choose_tempo(p, b));
    if (p->loop)
        measure_loop(p, b->tempo_bpm <= 0);
    else
        measure_take(p, b->tempo_bpm <= 0);
    p->bars = tb_arena_push(arena, (size_t)p->n_bars, sizeof p->bars[0]);
    if (p->bars == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a plan of %d bars", p->n_bars);
    int n_body = (p->body_ticks + p->ticks_per_bar - 1) / p->ticks_per_bar;
    lay_form(p, n_body);
    lay_chords(p, n_body);
    if (p->has_ending || p->loop) /* too short a take has nothing to lead to */
        lay_cadence(p, n_body);
    return TIMBRE_OK;
}

/* ---- questions ---- */

int32_t tb_plan_tick(const tb_plan *p, int i_bar, int step)
{
    const struct tb_pulse *pulse = tb_metre_pulse_at(&p->metre, step);
    int in_pulse = step - pulse->start, pair = 2 * p->rules->swing_steps;
    double at = in_pulse;
    if (pulse->n_steps == 4) { /* three eighths swing by themselves */
        double half = p->rules->swing_steps, into = in_pulse % pair;
        double turn = p->rules->swing * pair;
        into = into < half ? into / half * turn : turn + (into - half) / half * (pair - turn);
        at = in_pulse - in_pulse % pair + into;
    }
    return i_bar * p->ticks_per_bar + pulse->start * TB_STEP_TICKS +
           (int32_t)floor(at * TB_STEP_TICKS + 0.5);
}

const tb_chord *tb_plan_chord(const tb_plan *p, int i_bar, int step)
{
    const tb_bar *bar = &p->bars[i_bar];
    bool second = bar->n_chords > 1 && step >= p->metre.pulses[bar->split].start;
    return &bar->chords[second];
}

bool tb_plan_is_over(const tb_plan *p, int i_bar)
{
    return i_bar >= p->n_bars || i_bar * p->ticks_per_bar >= p->body_ticks;
}

double tb_plan_ms_ticks(const tb_plan *p, double ms)
{
    return ms * 1000 * TB_PPQ / p->usec_per_quarter;
}
