/*
 * A brief: what the prompt was understood to ask of the sketch backend. The prompt reader fills
 * it, the arranger and the texture layer follow it, metadata and `--verbose` print it. Anything
 * not asked is marked unset, so that the arranger can choose by style and seed.
 */
#ifndef TB_SKETCH_BRIEF_H
#define TB_SKETCH_BRIEF_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/sketch/instruments.h"

/* X(id, name). Each style has its own drum grammar, bass figure, comping, voicing rule, form. */
#define TB_STYLE_LIST(X)                                                                           \
    X(LOFI, "lo-fi")                                                                               \
    X(JAZZ, "jazz")                                                                                \
    X(FUNK, "funk")                                                                                \
    X(HOUSE, "house")                                                                              \
    X(ROCK, "rock")                                                                                \
    X(BOSSA, "bossa nova")                                                                         \
    X(CLASSICAL, "classical")                                                                      \
    X(AMBIENT, "ambient")

/* X(id, name, semitone pattern of the seven-note scale as a 12-bit mask, bit 0 = root). */
#define TB_MODE_LIST(X)                                                                            \
    X(MAJOR, "major", 0xAB5)                                                                       \
    X(MINOR, "minor", 0x5AD)                                                                       \
    X(DORIAN, "dorian", 0x6AD)                                                                     \
    X(PHRYGIAN, "phrygian", 0x5AB)                                                                 \
    X(LYDIAN, "lydian", 0xAD5)                                                                     \
    X(MIXOLYDIAN, "mixolydian", 0x6B5)                                                             \
    X(LOCRIAN, "locrian", 0x56B)

/* X(id, name): sounds that General MIDI lacks. */
#define TB_TEXTURE_LIST(X)                                                                         \
    X(RAIN, "rain")                                                                                \
    X(VINYL, "vinyl crackle")                                                                      \
    X(WIND, "wind")                                                                                \
    X(WAVES, "waves")

typedef enum tb_style {
#define X(id, name) TB_STYLE_##id,
    TB_STYLE_LIST(X)
#undef X
        TB_STYLE_COUNT
} tb_style;

typedef enum tb_mode {
#define X(id, name, mask) TB_MODE_##id,
    TB_MODE_LIST(X)
#undef X
        TB_MODE_COUNT
} tb_mode;

typedef enum tb_texture {
#define X(id, name) TB_TEXTURE_##id,
    TB_TEXTURE_LIST(X)
#undef X
        TB_TEXTURE_COUNT
} tb_texture;

/* English names for metadata, e.g. "bossa nova", "dorian", "rain". Ids must be in range. */
const char *tb_style_name(tb_style style);
const char *tb_mode_name(tb_mode mode);
const char *tb_texture_name(tb_texture texture);
/* "C", "C#", ... "B" for pitch class 0..11. */
const char *tb_pitch_class_name(int pitch_class);

enum { TB_BRIEF_MAX_INSTRUMENTS = 8, TB_BRIEF_MAX_WORDS = 48 };

/* A word or phrase of the prompt and what it was taken for; for --verbose and metadata. */
typedef struct tb_understood {
    char word[40];    /* as the lexicon or the musician spells it */
    char meaning[40]; /* "style lo-fi", "tempo 84 bpm", "texture rain", "key A minor", ... */
} tb_understood;

typedef struct tb_brief {
    int style;             /* tb_style, or -1: not asked */
    double tempo_bpm;      /* asked as a number, 0: not asked */
    double tempo_hint_bpm; /* usual tempo of a named sub-style ("drum and bass" 174), 0: none */
    double tempo_bias;     /* -1 very slow .. +1 very fast, from words; 0: nothing said */
    double tempo_low_bpm;  /* what a tempo word allows ("largo" 40-60), 0: no such end; */
    double tempo_high_bpm; /* with one end only ("slow") the style may narrow it */
    int key_root;          /* pitch class 0 = C .. 11 = B, or -1: not asked */
    int mode;              /* tb_mode, or -1: not asked */
    int beats_per_bar;     /* 2..12, 0: not asked */
    int beat_unit;         /* 4 or 8, 0: not asked */
    double energy;         /* 0 calm .. 1 wild; -1: nothing said */
    double brightness;     /* 0 dark, sad .. 1 bright, happy; -1: nothing said */
    int n_instruments;     /* asked by name, in a fixed order (table order) */
    tb_instrument_id instruments[TB_BRIEF_MAX_INSTRUMENTS];
    bool excluded[TB_INSTRUMENT_COUNT];     /* named in the negative prompt or as "no drums" */
    int8_t level_db[TB_INSTRUMENT_COUNT];   /* "quiet drums": of that instrument alone; 0: plain */
    int max_players;                        /* "trio": 3; doublings count; 0: free */
    bool texture_only;                      /* "only rain": no music at all */
    double texture_level[TB_TEXTURE_COUNT]; /* 0: none; 0.5 gentle; 1 plain; up to 1.5 heavy */
    int n_understood;
    tb_understood understood[TB_BRIEF_MAX_WORDS];
    int n_unknown; /* words that meant nothing to the lexicon: no error */
    char unknown[TB_BRIEF_MAX_WORDS][40];
} tb_brief;

#endif
