#include "engine/sketch/taste.h"

#include "engine/base/random.h"
#include "engine/sketch/styles.h"

/* How much an asked instrument pulls towards a style; those not listed pull nowhere. */
static const struct pull {
    tb_instrument_id instrument;
    tb_style style;
    double weight;
} pulls[] = {
#define P(instrument, style, weight)                                                               \
    {                                                                                              \
        TB_INSTRUMENT_##instrument, TB_STYLE_##style, weight                                       \
    }
    P(PIANO, CLASSICAL, 4),
    P(PIANO, LOFI, 3.4),
    P(PIANO, JAZZ, 3.4),
    P(PIANO, AMBIENT, 2.8),
    P(ELECTRIC_PIANO, LOFI, 3),
    P(ELECTRIC_PIANO, JAZZ, 2),
    P(HARPSICHORD, CLASSICAL, 8),
    P(CLAVINET, FUNK, 6),
    P(CELESTA, CLASSICAL, 3),
    P(MUSIC_BOX, LOFI, 2),
    P(MUSIC_BOX, AMBIENT, 2),
    P(VIBRAPHONE, JAZZ, 4),
    P(MARIMBA, LOFI, 2),
    P(MARIMBA, HOUSE, 1),
    P(BELLS, AMBIENT, 3),
    P(ORGAN, JAZZ, 4),
    P(ORGAN, CLASSICAL, 3),
    P(ORGAN, FUNK, 2),
    P(CHURCH_ORGAN, CLASSICAL, 9),
    P(ACCORDION, CLASSICAL, 4),
    P(ACCORDION, BOSSA, 3),
    P(HARMONICA, JAZZ, 4),
    P(HARMONICA, ROCK, 3),
    P(NYLON_GUITAR, BOSSA, 5),
    P(ACOUSTIC_GUITAR, CLASSICAL, 4),
    P(ACOUSTIC_GUITAR, BOSSA, 3),
    P(ACOUSTIC_GUITAR, LOFI, 3),
    P(JAZZ_GUITAR, JAZZ, 6),
    P(ELECTRIC_GUITAR, ROCK, 4),
    P(ELECTRIC_GUITAR, FUNK, 2),
    P(DISTORTED_GUITAR, ROCK, 9),
    P(UPRIGHT_BASS, JAZZ, 5),
    P(ELECTRIC_BASS, FUNK, 2),
    P(ELECTRIC_BASS, ROCK, 2),
    P(SLAP_BASS, FUNK, 8),
    P(SYNTH_BASS, HOUSE, 5),
    P(VIOLIN, CLASSICAL, 6),
    P(CELLO, CLASSICAL, 6),
    P(HARP, CLASSICAL, 5),
    P(HARP, AMBIENT, 4),
    P(STRINGS, CLASSICAL, 4),
    P(STRINGS, AMBIENT, 1),
    P(CHOIR, AMBIENT, 4),
    P(CHOIR, CLASSICAL, 3),
    P(TRUMPET, JAZZ, 5),
    P(TRUMPET, CLASSICAL, 4),
    P(MUTED_TRUMPET, JAZZ, 8),
    P(TROMBONE, JAZZ, 4),
    P(FRENCH_HORN, CLASSICAL, 6),
    P(BRASS, FUNK, 6),
    P(SAXOPHONE, JAZZ, 6),
    P(SAXOPHONE, FUNK, 3),
    P(OBOE, CLASSICAL, 7),
    P(CLARINET, JAZZ, 3),
    P(CLARINET, CLASSICAL, 3),
    P(FLUTE, CLASSICAL, 3),
    P(FLUTE, BOSSA, 3),
    P(PAN_FLUTE, AMBIENT, 5),
    P(WHISTLE, AMBIENT, 2),
    P(SYNTH_LEAD, HOUSE, 5),
    P(SYNTH_PAD, AMBIENT, 5),
    P(SYNTH_PAD, HOUSE, 2),
    P(SITAR, AMBIENT, 3),
    P(BANJO, ROCK, 3),
    P(BANJO, CLASSICAL, 3),
    P(KOTO, AMBIENT, 3),
    P(KALIMBA, AMBIENT, 3),
    P(KALIMBA, LOFI, 2),
    P(FIDDLE, CLASSICAL, 5),
    P(DULCIMER, CLASSICAL, 4),
    P(STEEL_DRUMS, BOSSA, 3),
    P(DRUMS, ROCK, 1),
    P(DRUMS, FUNK, 1),
    P(DRUMS, HOUSE, 1),
    P(DRUMS, LOFI, 1),
#undef P
};

/* What each style is like: where it sits between calm and wild, dark and bright, and which sounds
 * of the world go with it. */
static const struct character {
    double energy, brightness;
    double texture[TB_TEXTURE_COUNT];
} characters[TB_STYLE_COUNT] = {
    [TB_STYLE_LOFI] = {0.3, 0.4, {3, 6, 1, 1}},      [TB_STYLE_JAZZ] = {0.5, 0.6, {1, 2, 0, 0}},
    [TB_STYLE_FUNK] = {0.8, 0.7, {0, 0, 0, 0}},      [TB_STYLE_HOUSE] = {0.9, 0.6, {0, 0, 0, 0}},
    [TB_STYLE_ROCK] = {0.9, 0.5, {0, 0, 0, 0}},      [TB_STYLE_BOSSA] = {0.4, 0.8, {0, 0, 0, 2}},
    [TB_STYLE_CLASSICAL] = {0.4, 0.6, {0, 0, 0, 0}}, [TB_STYLE_AMBIENT] = {0.1, 0.3, {5, 0, 6, 6}},
};

static double closeness(double asked, double own)
{
    double d = asked - own;
    return 4 * (1 - 2 * (d < 0 ? -d : d));
}

static double score_of(const tb_brief *b, tb_style style)
{
    const struct character *c = &characters[style];
    const tb_style_rules *rules = tb_style_rules_get(style);
    double score = 0;
    if (b->energy >= 0)
        score += closeness(b->energy, c->energy);
    if (b->brightness >= 0)
        score += 0.5 * closeness(b->brightness, c->brightness);
    if (b->tempo_bpm > 0 &&
        (b->tempo_bpm < 0.9 * rules->tempo_low_bpm || b->tempo_bpm > 1.1 * rules->tempo_high_bpm))
        score -= 3;
    if ((b->tempo_high_bpm > 0 && rules->tempo_low_bpm > b->tempo_high_bpm) ||
        (b->tempo_low_bpm > 0 && rules->tempo_high_bpm < b->tempo_low_bpm))
        score -= 6;
    score += 3 * closeness(0.5 + b->tempo_bias / 2, c->energy) * (b->tempo_bias != 0) / 4;
    for (int t = 0; t < TB_TEXTURE_COUNT; t++)
        score += b->texture_level[t] > 0 ? c->texture[t] : 0;
    for (size_t i = 0; i < sizeof pulls / sizeof pulls[0]; i++)
        for (int k = 0; k < b->n_instruments; k++)
            if (pulls[i].style == style && pulls[i].instrument == b->instruments[k])
                score += pulls[i].weight;
    return score;
}

tb_style tb_taste_style(const tb_brief *brief, uint64_t seed)
{
    if (brief->style >= 0 && brief->style < TB_STYLE_COUNT)
        return (tb_style)brief->style;
    double scores[TB_STYLE_COUNT], best = -1e9, weights[TB_STYLE_COUNT];
    for (int s = 0; s < TB_STYLE_COUNT; s++) {
        scores[s] = score_of(brief, (tb_style)s);
        best = scores[s] > best ? scores[s] : best;
    }
    for (int s = 0; s < TB_STYLE_COUNT; s++)
        weights[s] = scores[s] > best - 1.5 ? 1 : 0;
    tb_random r = tb_random_init(seed, "style");
    return (tb_style)tb_random_weighted(&r, weights, TB_STYLE_COUNT);
}
