#include "engine/sketch/band.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/math.h"
#include "engine/base/random.h"

/* What a job needs, where it lies and how it stands in the mix. Reverb is added to the style's. */
static const struct job_rules {
    const char *name;
    int role;
    int low, high; /* register, within the instrument's range */
    int volume, pan, reverb, chorus;
} jobs[TB_JOB_COUNT] = {
    [TB_JOB_DRUMS] = {"drums", TB_ROLE_DRUMS, 27, 87, 96, 64, 0, 0},
    [TB_JOB_BASS] = {"bass", TB_ROLE_BASS, 28, 52, 98, 64, -8, 0},
    [TB_JOB_COMP] = {"chords", TB_ROLE_CHORDS, 48, 79, 92, 46, 8, 8},
    [TB_JOB_PAD] = {"pad", TB_ROLE_PAD, 48, 81, 80, 78, 24, 24},
    [TB_JOB_MELODY] = {"melody", TB_ROLE_LEAD, 60, 84, 96, 68, 16, 6},
    [TB_JOB_ANSWER] = {"answer", TB_ROLE_LEAD, 55, 81, 90, 88, 18, 6},
    [TB_JOB_HARMONY] = {"harmony", TB_ROLE_LEAD, 55, 79, 80, 36, 20, 8},
};

/* Decibels that bring an instrument of FluidR3 to the level of the others: -28 LUFS for a scale in
 * its middle at velocity 85, measured. */
static const int8_t trim_db[TB_INSTRUMENT_COUNT] = {
    [TB_INSTRUMENT_PIANO] = 4,
    [TB_INSTRUMENT_ELECTRIC_PIANO] = -2,
    [TB_INSTRUMENT_HARPSICHORD] = 4,
    [TB_INSTRUMENT_CLAVINET] = 3,
    [TB_INSTRUMENT_CELESTA] = 4,
    [TB_INSTRUMENT_VIBRAPHONE] = 3,
    [TB_INSTRUMENT_MARIMBA] = 3,
    [TB_INSTRUMENT_DULCIMER] = 8,
    [TB_INSTRUMENT_ORGAN] = 3,
    [TB_INSTRUMENT_CHURCH_ORGAN] = 1,
    [TB_INSTRUMENT_ACCORDION] = 5,
    [TB_INSTRUMENT_HARMONICA] = 2,
    [TB_INSTRUMENT_NYLON_GUITAR] = 5,
    [TB_INSTRUMENT_ACOUSTIC_GUITAR] = 6,
    [TB_INSTRUMENT_JAZZ_GUITAR] = -1,
    [TB_INSTRUMENT_ELECTRIC_GUITAR] = -4,
    [TB_INSTRUMENT_DISTORTED_GUITAR] = -1,
    [TB_INSTRUMENT_UPRIGHT_BASS] = -1,
    [TB_INSTRUMENT_ELECTRIC_BASS] = -2,
    [TB_INSTRUMENT_SLAP_BASS] = 2,
    [TB_INSTRUMENT_SYNTH_BASS] = 2,
    [TB_INSTRUMENT_VIOLIN] = 1,
    [TB_INSTRUMENT_CELLO] = 2,
    [TB_INSTRUMENT_HARP] = 3,
    [TB_INSTRUMENT_CHOIR] = 2,
    [TB_INSTRUMENT_TRUMPET] = -2,
    [TB_INSTRUMENT_MUTED_TRUMPET] = -3,
    [TB_INSTRUMENT_TROMBONE] = -6,
    [TB_INSTRUMENT_FRENCH_HORN] = -1,
    [TB_INSTRUMENT_BRASS] = -4,
    [TB_INSTRUMENT_OBOE] = -1,
    [TB_INSTRUMENT_FLUTE] = -1,
    [TB_INSTRUMENT_WHISTLE] = -8,
    [TB_INSTRUMENT_SYNTH_LEAD] = -16,
    [TB_INSTRUMENT_SYNTH_PAD] = 8,
    [TB_INSTRUMENT_SITAR] = 3,
    [TB_INSTRUMENT_BANJO] = 1,
    [TB_INSTRUMENT_KOTO] = 2,
    [TB_INSTRUMENT_KALIMBA] = 4,
    [TB_INSTRUMENT_FIDDLE] = 1,
    [TB_INSTRUMENT_STEEL_DRUMS] = 4,
};

static int count_of(const tb_band *band, tb_job job)
{
    int n = 0;
    for (int i = 0; i < band->n; i++)
        n += band->players[i].job == job;
    return n;
}

static bool plays(const tb_band *band, tb_instrument_id instrument)
{
    for (int i = 0; i < band->n; i++)
        if (band->players[i].instrument == instrument)
            return true;
    return false;
}

/* The job's register (comping: the style's; chords moved by `shift`) as far as the instrument
 * reaches; at least an octave and a half of it. */
static void set_register(tb_player *player, const tb_style_rules *rules, int shift)
{
    const tb_instrument *in = tb_instrument_get(player->instrument);
    struct job_rules own = jobs[player->job], *job = &own;
    if (player->job == TB_JOB_COMP) {
        own.low = rules->comp_low;
        own.high = rules->comp_high;
    }
    if (player->job == TB_JOB_COMP || player->job == TB_JOB_PAD) {
        own.low += shift;
        own.high += shift;
    }
    int span = player->job == TB_JOB_BASS ? 12 : 19;
    player->low = job->low > in->low ? job->low : in->low;
    player->high = job->high < in->high ? job->high : in->high;
    if (player->high - player->low < span && player->low > job->low)
        player->high = in->high < player->low + span ? in->high : player->low + span;
    if (player->high - player->low < span)
        player->low = in->low > player->high - span ? in->low : player->high - span;
}

static void add(tb_band *band, const tb_plan *plan, tb_job job, tb_instrument_id instrument,
                bool asked)
{
    if (band->n == TB_SCORE_MAX_PARTS)
        return;
    tb_player *player = &band->players[band->n];
    *player = (tb_player){
        .job = job, .instrument = instrument, .asked = asked, .rank = count_of(band, job)};
    tb_random r = tb_random_init(plan->tune_seed, "register");
    set_register(player, plan->rules, tb_random_range(&r, -4, 4));
    band->n++;
}

/* The job for an asked instrument: its best one that is still free, else the least crowded way to
 * join in. */
static tb_job job_for(const tb_band *band, tb_instrument_id instrument)
{
    static const tb_job order[] = {TB_JOB_DRUMS,  TB_JOB_BASS,   TB_JOB_COMP,   TB_JOB_PAD,
                                   TB_JOB_MELODY, TB_JOB_ANSWER, TB_JOB_HARMONY};
    int roles = tb_instrument_get(instrument)->roles;
    if (roles & TB_ROLE_PAD && count_of(band, TB_JOB_PAD) == 0 && instrument != TB_INSTRUMENT_ORGAN)
        return TB_JOB_PAD; /* what can hold chords does that first, and comps second */
    if (roles & TB_ROLE_LEAD && roles & TB_ROLE_BASS && count_of(band, TB_JOB_MELODY) == 0)
        return TB_JOB_MELODY;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (roles & jobs[order[i]].role && count_of(band, order[i]) == 0)
            return order[i];
    if (roles & TB_ROLE_CHORDS)
        return count_of(band, TB_JOB_PAD) == 0 ? TB_JOB_PAD : TB_JOB_COMP;
    return roles & TB_ROLE_LEAD ? TB_JOB_HARMONY : roles & TB_ROLE_PAD ? TB_JOB_PAD : TB_JOB_BASS;
}

/* Those who have only one way to play choose first. */
static void seat_asked(tb_band *band, const tb_plan *plan, const tb_brief *b)
{
    bool seated[TB_BRIEF_MAX_INSTRUMENTS] = {false};
    for (int n_roles = 1; n_roles <= 4; n_roles++)
        for (int i = 0; i < b->n_instruments; i++) {
            tb_instrument_id id = b->instruments[i];
            int roles = __builtin_popcount(tb_instrument_get(id)->roles);
            if (seated[i] || roles > n_roles || plays(band, id))
                continue;
            seated[i] = true;
            add(band, plan, job_for(band, id), id, true);
        }
}

/* One of the style's choices for a job that nobody has, if chance and exclusions allow. The stream
 * is read the same number of times whatever was asked. */
static void hire(tb_band *band, const tb_plan *plan, const tb_brief *b, tb_random *r, tb_job job,
                 const tb_choice *choices, double chance)
{
    double weights[TB_STYLE_CHOICES] = {0}, sum = 0;
    bool wanted = tb_random_chance(r, chance) && count_of(band, job) == 0;
    for (int i = 0; i < TB_STYLE_CHOICES && choices[i].weight > 0; i++) {
        tb_instrument_id id = choices[i].instrument;
        weights[i] = b->excluded[id] || plays(band, id) ? 0 : choices[i].weight;
        sum += weights[i];
    }
    if (wanted && sum > 0)
        add(band, plan, job, choices[tb_random_weighted(r, weights, TB_STYLE_CHOICES)].instrument,
            false);
    else
        tb_random_next(r);
}

/* An asked instrument takes a free job itself before a stranger is hired for it: who asks for a
 * piano wants the tune on the piano too. */
static void spread_asked(tb_band *band, const tb_plan *plan, const tb_brief *b, tb_job job)
{
    for (int i = 0; i < b->n_instruments && count_of(band, job) == 0; i++)
        if (tb_instrument_get(b->instruments[i])->roles & jobs[job].role)
            add(band, plan, job, b->instruments[i], true);
}

/* Those whom nobody asked for stand behind those who were. */
static void set_back(tb_band *band)
{
    static const int harmonic = 1 << TB_JOB_COMP | 1 << TB_JOB_PAD | 1 << TB_JOB_MELODY |
                                1 << TB_JOB_ANSWER | 1 << TB_JOB_HARMONY;
    bool any_asked = false;
    for (int i = 0; i < band->n; i++)
        any_asked |= band->players[i].asked && (harmonic >> band->players[i].job & 1);
    for (int i = 0; any_asked && i < band->n; i++)
        if (!band->players[i].asked && (harmonic >> band->players[i].job & 1))
            band->players[i].behind_db = 4;
}

/* ---- groups of a certain size ---- */

static int count_instruments(const tb_band *band)
{
    int n = 0;
    for (int i = 0; i < band->n; i++) {
        bool again = false;
        for (int k = 0; k < i; k++)
            again |= band->players[k].instrument == band->players[i].instrument;
        n += !again;
    }
    return n;
}

/* Seats left empty by a quartet of three instruments go to second players of those that lead. */
static void double_asked(tb_band *band, const tb_plan *plan, const tb_brief *b)
{
    for (int i = 0; i < 2 * TB_BRIEF_MAX_INSTRUMENTS && band->n_heads < b->max_players; i++) {
        if (b->n_instruments == 0)
            return;
        tb_instrument_id id = b->instruments[i % b->n_instruments];
        if (!(tb_instrument_get(id)->roles & TB_ROLE_LEAD) ||
            tb_instrument_get(id)->roles & TB_ROLE_CHORDS)
            continue;
        add(band, plan, TB_JOB_HARMONY, id, true);
        band->n_heads++;
    }
}

/* The tune of a small group without a soloist is played by whoever has the chords. */
static void give_tune(tb_band *band, const tb_plan *plan)
{
    for (int i = 0; i < band->n && count_of(band, TB_JOB_MELODY) == 0; i++)
        if (tb_instrument_get(band->players[i].instrument)->roles & TB_ROLE_LEAD)
            add(band, plan, TB_JOB_MELODY, band->players[i].instrument, band->players[i].asked);
}

/* Trios, quartets: the jobs are filled by importance until everybody is there. */
static void hire_group(tb_band *band, const tb_plan *plan, const tb_brief *b, tb_random *r)
{
    const tb_style_rules *rules = plan->rules;
    const struct {
        tb_job job;
        const tb_choice *choices;
    } wanted[] = {{TB_JOB_COMP, rules->chords},  {TB_JOB_BASS, rules->bass},
                  {TB_JOB_DRUMS, NULL},          {TB_JOB_MELODY, rules->leads},
                  {TB_JOB_ANSWER, rules->leads}, {TB_JOB_PAD, rules->pads},
                  {TB_JOB_HARMONY, rules->leads}};
    bool may_drum = rules->drums > 0 && !b->excluded[TB_INSTRUMENT_DRUMS];
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (count_instruments(band) >= b->max_players)
            break;
        if (wanted[i].choices != NULL)
            hire(band, plan, b, r, wanted[i].job, wanted[i].choices, 1);
        else if (may_drum && count_of(band, TB_JOB_DRUMS) == 0)
            add(band, plan, TB_JOB_DRUMS, TB_INSTRUMENT_DRUMS, false);
    }
    band->n_heads = count_instruments(band);
    double_asked(band, plan, b);
    give_tune(band, plan);
}

static bool is_named(const tb_brief *b, tb_instrument_id id)
{
    for (int i = 0; i < b->n_instruments; i++)
        if (b->instruments[i] == id)
            return true;
    return false;
}

/* Somebody must play: with everything excluded but what nobody asked for, take what is left. */
static void hire_anybody(tb_band *band, const tb_plan *plan, const tb_brief *b)
{
    for (int id = 0; id < TB_INSTRUMENT_COUNT && band->n == 0; id++)
        if (!b->excluded[id] && tb_instrument_get((tb_instrument_id)id)->roles & TB_ROLE_CHORDS)
            add(band, plan, TB_JOB_COMP, (tb_instrument_id)id, false);
}

/* A band of the size that the style likes. */
static void hire_band(tb_band *band, const tb_plan *plan, const tb_brief *b, tb_random *r)
{
    const tb_style_rules *rules = plan->rules;
    /* half a minute without a tune is an accompaniment */
    double lead_chance = plan->duration_s >= 30 && rules->lead_chance > 0 ? 1 : rules->lead_chance;
    bool calm = b->energy >= 0 && b->energy < 0.12;
    bool drums = tb_random_chance(r, calm ? 0 : rules->drums) &&
                 !b->excluded[TB_INSTRUMENT_DRUMS] && !is_named(b, TB_INSTRUMENT_DRUMS);
    if (drums)
        add(band, plan, TB_JOB_DRUMS, TB_INSTRUMENT_DRUMS, false);
    hire(band, plan, b, r, TB_JOB_BASS, rules->bass, rules->bass_chance);
    hire(band, plan, b, r, TB_JOB_COMP, rules->chords, 1);
    hire(band, plan, b, r, TB_JOB_PAD, rules->pads, rules->pad_chance);
    hire(band, plan, b, r, TB_JOB_MELODY, rules->leads, lead_chance);
    if (count_of(band, TB_JOB_COMP) + count_of(band, TB_JOB_PAD) == 0)
        hire(band, plan, b, r, TB_JOB_PAD, rules->pads, 1);
    band->n_heads = count_instruments(band);
}

void tb_band_gather(tb_band *band, const tb_plan *plan, const tb_brief *b)
{
    tb_random r = tb_random_init(plan->tune_seed, "band");
    *band = (tb_band){0};
    if (b->texture_only)
        return;
    seat_asked(band, plan, b);
    spread_asked(band, plan, b, TB_JOB_MELODY);
    spread_asked(band, plan, b, TB_JOB_COMP);
    if (b->max_players > 0)
        hire_group(band, plan, b, &r);
    else
        hire_band(band, plan, b, &r);
    hire_anybody(band, plan, b);
    set_back(band);
    for (int i = 0; i < band->n; i++)
        band->players[i].behind_db -= b->level_db[band->players[i].instrument];
}

const tb_voicing_rule *tb_band_comp_rule(const tb_plan *plan, const tb_player *player)
{
    bool electric = player->instrument == TB_INSTRUMENT_DISTORTED_GUITAR ||
                    player->instrument == TB_INSTRUMENT_ELECTRIC_GUITAR;
    return plan->style == TB_STYLE_ROCK && !electric ? &plan->rules->pad : &plan->rules->comp;
}

static uint8_t controller(int value)
{
    return (uint8_t)(value < 0 ? 0 : value > 127 ? 127 : value);
}

/* Controller 7 for a job's own value and a trim: its amplitude goes with the square. */
static int volume_of(const tb_plan *plan, const tb_player *player)
{
    bool drums = player->job == TB_JOB_DRUMS;
    int db = drums ? plan->rules->drums_db : trim_db[player->instrument];
    db -= player->behind_db;
    return (int)(jobs[player->job].volume * tb_exp(db * 2.302585092994046 / 40) + 0.5);
}

void tb_band_describe(const tb_band *band, const tb_plan *plan, int i, tb_part *part)
{
    const tb_player *player = &band->players[i];
    const struct job_rules *job = &jobs[player->job];
    const tb_instrument *in = tb_instrument_get(player->instrument);
    bool drums = player->job == TB_JOB_DRUMS;
    int channel = 0; /* parts count 0, 1, ... past the drum channel */
    for (int k = 0; k < i; k++)
        channel += band->players[k].job != TB_JOB_DRUMS;
    channel += channel >= TB_DRUM_CHANNEL;
    int side = job->pan >= 64 ? -14 : 14; /* a second player of a job sits across the first */
    int pan = job->pan + (job->pan == 64 ? 0 : player->rank * side); /* 64 = centre */
    *part = (tb_part){
        .instrument = player->instrument,
        .program = drums ? (uint8_t)plan->rules->drum_kit : in->program,
        .channel = (uint8_t)(drums ? TB_DRUM_CHANNEL : channel),
        .volume = controller(volume_of(plan, player)),
        .pan = controller(band->n_heads <= 1 ? 64 : 64 + (pan - 64) / (band->n_heads == 2 ? 2 : 1)),
        .reverb = controller(plan->rules->reverb + job->reverb),
        .chorus = controller(job->chorus),
    };
    if (player->rank == 0)
        snprintf(part->name, sizeof part->name, "%s", job->name);
    else
        snprintf(part->name, sizeof part->name, "%s %d", job->name, player->rank + 1);
}
