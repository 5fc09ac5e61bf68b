/*
 * Music theory of the arranger: keys, chords built on scale degrees, and voicings that lead
 * smoothly from one chord to the next. Knows nothing of styles, bars or instruments.
 */
#ifndef TB_SKETCH_THEORY_H
#define TB_SKETCH_THEORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/sketch/brief.h"

typedef struct tb_key {
    int root; /* pitch class 0 = C .. 11 = B */
    tb_mode mode;
} tb_key;

/* A chord: pitch classes of root and bass, and its tones in semitones above the root; -1: absent.
 */
typedef struct tb_chord {
    int root, bass;
    int third, fifth, seventh, ninth;
} tb_chord;

enum { TB_CHORD_POWER = 2, TB_CHORD_TRIAD = 3, TB_CHORD_SEVENTH = 4, TB_CHORD_NINTH = 5 };

/* Absolute pitch classes of the key's scale; bit 0 = C. */
unsigned tb_key_scale(tb_key key);
/* Sharps (positive) or flats (negative) of the key signature, -6..6. */
int tb_key_signature(tb_key key);

/* The tonic as musicians spell it in that key: "Bb" for B flat major, "C#" for C sharp minor. */
const char *tb_key_tonic_name(tb_key key);

/*
 * The chord that `text` names: a scale degree 1..7, stacked in thirds within the key up to `size`
 * (TB_CHORD_*). Before the degree 'b': root a semitone lower, major. After it: '!' major third and
 * minor seventh (a dominant), 'm' minor, '7' with its seventh whatever the size, "/N" over scale
 * degree N. *end (may be NULL) receives where reading stopped.
 */
tb_chord tb_chord_parse(const char *text, tb_key key, int size, const char **end);
/* "Am7", "Fmaj7", "G/B"; flats in flat keys. */
void tb_chord_format(const tb_chord *chord, tb_key key, char *out, size_t cap);
/* Absolute pitch classes of the chord's third, fifth, root and seventh. */
unsigned tb_chord_tones(const tb_chord *chord);
/* The scale to play over the chord: the key's, bent where the chord leaves it. */
unsigned tb_chord_scale(const tb_chord *chord, tb_key key);

/* The key nearest to `near` whose pitch class is in `set` (12-bit, not 0); ties go down. */
int tb_pitch_snap(unsigned set, int near);
/* The key `n_steps` members of `set` above (or below) `from`, which is snapped first. */
int tb_pitch_walk(unsigned set, int from, int n_steps);

enum { TB_VOICES_MAX = 5 };

typedef struct tb_voicing {
    int n;                      /* 0: none yet */
    int8_t keys[TB_VOICES_MAX]; /* ascending MIDI keys */
} tb_voicing;

/* How a style spells chords: which tones ("1 3 5 7 9" as digits, 6 the thirteenth), and how far
 * neighbouring voices may lie apart, in semitones. */
typedef struct tb_voicing_rule {
    const char *tones;
    int min_gap, max_gap;
} tb_voicing_rule;

/*
 * The voicing of `chord` by `rule` within keys low..high whose voices move least from `previous`
 * (n == 0: that lies nearest to the middle of the range).
 */
tb_voicing tb_voicing_next(const tb_voicing_rule *rule, const tb_chord *chord, int low, int high,
                           const tb_voicing *previous);

#endif
