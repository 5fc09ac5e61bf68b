/* How people call what the sketch composer can play. Every phrase means the same in
 * data/lexicon.txt (tests/train holds them to it), so that a caption is also the order of its clip.
 */
#ifndef TB_TRAIN_WORDS_H
#define TB_TRAIN_WORDS_H

#include "engine/sketch/brief.h"

enum { TB_MAX_PROGRAMS = 9, TB_ANY_PROGRAM = 255 };

typedef struct tb_instrument_word {
    const char *text;
    uint8_t program; /* of General MIDI; TB_ANY_PROGRAM: one of the instrument's */
} tb_instrument_word;

/* Lists end with NULL. */
extern const char *const *const tb_style_words[TB_STYLE_COUNT];
extern const tb_instrument_word *const tb_instrument_words[TB_INSTRUMENT_COUNT];
/* "gentle rain": laid under music. */
extern const char *const *const tb_texture_words[TB_TEXTURE_COUNT];
/* "only rain": nothing else is heard. */
extern const char *const *const tb_texture_alone_words[TB_TEXTURE_COUNT];

typedef struct tb_mood_words {
    const char *name; /* of the lexicon */
    const char *const *words;
} tb_mood_words;

extern const tb_mood_words tb_moods[];
extern const int tb_n_moods;
extern const char *const tb_tempo_words[];

/* Programs that go by an instrument's name besides its own; TB_ANY_PROGRAM ends the row. */
extern const uint8_t tb_instrument_programs[TB_INSTRUMENT_COUNT][TB_MAX_PROGRAMS];

#endif
