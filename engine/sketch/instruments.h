/*
 * The instruments that the sketch backend can ask General MIDI for: one table with program,
 * roles and playable range. The lexicon names them, the arranger chooses among them.
 */
#ifndef TB_SKETCH_INSTRUMENTS_H
#define TB_SKETCH_INSTRUMENTS_H

#include <stdint.h>

/* What an instrument can do in an arrangement (bit mask). */
enum {
    TB_ROLE_DRUMS = 1 << 0,
    TB_ROLE_BASS = 1 << 1,
    TB_ROLE_CHORDS = 1 << 2,
    TB_ROLE_PAD = 1 << 3,
    TB_ROLE_LEAD = 1 << 4,
};

/* X(id, name, GM program 0-127, roles, lowest key, highest key). Names are what metadata and
 * lexicon use. Ranges are sounding MIDI keys, 60 = middle C. */
#define TB_INSTRUMENT_LIST(X)                                                                      \
    X(PIANO, "piano", 0, TB_ROLE_CHORDS | TB_ROLE_LEAD, 28, 96)                                    \
    X(ELECTRIC_PIANO, "electric piano", 4, TB_ROLE_CHORDS | TB_ROLE_LEAD, 36, 91)                  \
    X(HARPSICHORD, "harpsichord", 6, TB_ROLE_CHORDS | TB_ROLE_LEAD, 36, 86)                        \
    X(CLAVINET, "clavinet", 7, TB_ROLE_CHORDS | TB_ROLE_LEAD, 36, 84)                              \
    X(CELESTA, "celesta", 8, TB_ROLE_LEAD, 60, 100)                                                \
    X(MUSIC_BOX, "music box", 10, TB_ROLE_LEAD, 60, 96)                                            \
    X(VIBRAPHONE, "vibraphone", 11, TB_ROLE_CHORDS | TB_ROLE_LEAD, 53, 89)                         \
    X(MARIMBA, "marimba", 12, TB_ROLE_CHORDS | TB_ROLE_LEAD, 45, 91)                               \
    X(BELLS, "bells", 14, TB_ROLE_LEAD, 48, 84)                                                    \
    X(DULCIMER, "dulcimer", 15, TB_ROLE_LEAD, 48, 84)                                              \
    X(ORGAN, "organ", 16, TB_ROLE_CHORDS | TB_ROLE_PAD | TB_ROLE_LEAD, 36, 91)                     \
    X(CHURCH_ORGAN, "church organ", 19, TB_ROLE_CHORDS | TB_ROLE_PAD | TB_ROLE_LEAD, 24, 91)       \
    X(ACCORDION, "accordion", 21, TB_ROLE_CHORDS | TB_ROLE_LEAD, 48, 88)                           \
    X(HARMONICA, "harmonica", 22, TB_ROLE_LEAD, 60, 84)                                            \
    X(NYLON_GUITAR, "nylon guitar", 24, TB_ROLE_CHORDS | TB_ROLE_LEAD, 40, 83)                     \
    X(ACOUSTIC_GUITAR, "acoustic guitar", 25, TB_ROLE_CHORDS | TB_ROLE_LEAD, 40, 84)               \
    X(JAZZ_GUITAR, "jazz guitar", 26, TB_ROLE_CHORDS | TB_ROLE_LEAD, 40, 86)                       \
    X(ELECTRIC_GUITAR, "electric guitar", 27, TB_ROLE_CHORDS | TB_ROLE_LEAD, 40, 86)               \
    X(DISTORTED_GUITAR, "distorted guitar", 30, TB_ROLE_CHORDS | TB_ROLE_LEAD, 40, 86)             \
    X(UPRIGHT_BASS, "upright bass", 32, TB_ROLE_BASS, 28, 55)                                      \
    X(ELECTRIC_BASS, "electric bass", 33, TB_ROLE_BASS, 28, 60)                                    \
    X(SLAP_BASS, "slap bass", 36, TB_ROLE_BASS, 28, 60)                                            \
    X(SYNTH_BASS, "synth bass", 38, TB_ROLE_BASS, 28, 60)                                          \
    X(VIOLIN, "violin", 40, TB_ROLE_LEAD, 55, 96)                                                  \
    X(CELLO, "cello", 42, TB_ROLE_LEAD | TB_ROLE_BASS, 36, 72)                                     \
    X(HARP, "harp", 46, TB_ROLE_CHORDS | TB_ROLE_LEAD, 36, 96)                                     \
    X(STRINGS, "strings", 48, TB_ROLE_PAD | TB_ROLE_CHORDS | TB_ROLE_LEAD, 36, 91)                 \
    X(CHOIR, "choir", 52, TB_ROLE_PAD | TB_ROLE_CHORDS, 48, 79)                                    \
    X(TRUMPET, "trumpet", 56, TB_ROLE_LEAD, 55, 82)                                                \
    X(MUTED_TRUMPET, "muted trumpet", 59, TB_ROLE_LEAD, 55, 82)                                    \
    X(TROMBONE, "trombone", 57, TB_ROLE_LEAD, 40, 72)                                              \
    X(FRENCH_HORN, "french horn", 60, TB_ROLE_LEAD | TB_ROLE_PAD, 41, 77)                          \
    X(BRASS, "brass", 61, TB_ROLE_CHORDS | TB_ROLE_LEAD, 43, 84)                                   \
    X(SAXOPHONE, "saxophone", 66, TB_ROLE_LEAD, 46, 80)                                            \
    X(OBOE, "oboe", 68, TB_ROLE_LEAD, 58, 91)                                                      \
    X(CLARINET, "clarinet", 71, TB_ROLE_LEAD, 50, 91)                                              \
    X(FLUTE, "flute", 73, TB_ROLE_LEAD, 60, 96)                                                    \
    X(PAN_FLUTE, "pan flute", 75, TB_ROLE_LEAD, 60, 96)                                            \
    X(WHISTLE, "whistle", 78, TB_ROLE_LEAD, 60, 96)                                                \
    X(SYNTH_LEAD, "synth lead", 81, TB_ROLE_LEAD | TB_ROLE_CHORDS, 36, 96)                         \
    X(SYNTH_PAD, "synth pad", 89, TB_ROLE_PAD | TB_ROLE_CHORDS, 36, 91)                            \
    X(SITAR, "sitar", 104, TB_ROLE_LEAD, 48, 80)                                                   \
    X(BANJO, "banjo", 105, TB_ROLE_CHORDS | TB_ROLE_LEAD, 48, 84)                                  \
    X(KOTO, "koto", 107, TB_ROLE_LEAD, 48, 84)                                                     \
    X(KALIMBA, "kalimba", 108, TB_ROLE_LEAD, 48, 84)                                               \
    X(FIDDLE, "fiddle", 110, TB_ROLE_LEAD, 55, 93)                                                 \
    X(STEEL_DRUMS, "steel drums", 114, TB_ROLE_LEAD | TB_ROLE_CHORDS, 52, 84)                      \
    X(DRUMS, "drums", 0, TB_ROLE_DRUMS, 27, 87)

typedef enum tb_instrument_id {
#define TB_INSTRUMENT_ENUM(id, name, program, roles, low, high) TB_INSTRUMENT_##id,
    TB_INSTRUMENT_LIST(TB_INSTRUMENT_ENUM)
#undef TB_INSTRUMENT_ENUM
        TB_INSTRUMENT_COUNT
} tb_instrument_id;

typedef struct tb_instrument {
    const char *name;
    uint8_t program; /* General MIDI, 0-based; for DRUMS the kit on channel 10 */
    uint8_t roles;   /* TB_ROLE_* */
    uint8_t low, high;
} tb_instrument;

/* The row of an instrument; `id` must be < TB_INSTRUMENT_COUNT. */
const tb_instrument *tb_instrument_get(tb_instrument_id id);

#endif
