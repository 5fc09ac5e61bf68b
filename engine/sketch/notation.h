/* Tempo, key and metre as musicians write them: "84 bpm", "F# minor", "Bbm", "in 6/8". */
#ifndef TB_SKETCH_NOTATION_H
#define TB_SKETCH_NOTATION_H

#include "engine/sketch/lexicon.h"
#include "engine/sketch/words.h"

typedef enum tb_notation_kind {
    TB_NOTATION_TEMPO,
    TB_NOTATION_KEY,
    TB_NOTATION_METRE,
    TB_NOTATION_BAD, /* has the form, but is out of range: "900 bpm", "17/3" */
} tb_notation_kind;

typedef struct tb_notation {
    tb_notation_kind kind;
    double bpm;                   /* TEMPO: 30 .. 300 */
    int key_root;                 /* KEY: 0 = C .. 11 = B */
    int mode;                     /* KEY: tb_mode, or -1 when only the root is named */
    int beats_per_bar, beat_unit; /* METRE: 2 .. 12 over 4 or 8 */
} tb_notation;

/* Read what begins at words[at]. Returns the number of words taken, 0 when it is no notation. The
 * article "a" and "I am" are no keys. */
int tb_notation_read(const tb_lexicon *lexicon, const tb_word *words, int n_words, int at,
                     tb_notation *out);

#endif
