/*
 * The lexicon in memory: entries (what a phrase means) and phrases (how it is spelled). The file
 * format is described at the top of data/lexicon.txt. Built once, read-only afterwards.
 */
#ifndef TB_SKETCH_LEXICON_H
#define TB_SKETCH_LEXICON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/error.h"
#include "engine/sketch/brief.h"
#include "engine/sketch/prompt.h"

/* X(id, name in the file, whether an entry has a meaning in its second column). In the order in
 * which a brief lists what was understood. */
#define TB_LEXICON_KIND_LIST(X)                                                                    \
    X(STYLE, "style", 1)                                                                           \
    X(INSTRUMENT, "instrument", 1)                                                                 \
    X(TEXTURE, "texture", 1)                                                                       \
    X(TEMPO, "tempo", 1)                                                                           \
    X(MODE, "mode", 1)                                                                             \
    X(METRE, "metre", 1)                                                                           \
    X(PLAYERS, "players", 1)                                                                       \
    X(MOOD, "mood", 1)                                                                             \
    X(DEGREE, "degree", 0)                                                                         \
    X(NO, "no", 0)                                                                                 \
    X(NOT, "not", 0)                                                                               \
    X(OR, "or", 0)                                                                                 \
    X(SOLO, "solo", 0)                                                                             \
    X(STOP, "stop", 0)                                                                             \
    X(COMMON, "common", 0)

typedef enum tb_lexicon_kind {
#define X(id, name, has_meaning) TB_LEXICON_##id,
    TB_LEXICON_KIND_LIST(X)
#undef X
        TB_LEXICON_KIND_COUNT
} tb_lexicon_kind;

enum { TB_LEXICON_MAX_BYTES = 256 * 1024, TB_LEXICON_PHRASE_MAX_WORDS = 5 };

/* A set of instruments: bit i is tb_instrument_id i. */
typedef uint64_t tb_instrument_set;
_Static_assert(TB_INSTRUMENT_COUNT <= 64, "an instrument set is 64 bits");

typedef struct tb_lexicon_entry {
    tb_lexicon_kind kind;
    int line;            /* in the file, from 1 */
    const char *meaning; /* second column: "bossa nova", "rain", "sad", "3/4"; "" without one */
    int style;           /* tb_style, or -1 */
    int mode;            /* tb_mode, or -1 */
    int texture;         /* tb_texture, or -1 */
    int instrument;      /* the one meant when no style says otherwise, or -1 */
    tb_instrument_set covers; /* all that "no ..." takes away */
    tb_instrument_set with;   /* asked for besides */
    bool has_by_style;
    int by_style[TB_STYLE_COUNT]; /* the instrument meant in a style, or -1 */
    int beats_per_bar, beat_unit; /* 0: none */
    double tempo_bpm;             /* usual tempo of a style, 0: none */
    double bias;                  /* tempo, -1 .. 1 */
    bool has_bias;
    double low_bpm, high_bpm;  /* of a tempo word, 0: open */
    double n_players;          /* "trio" 3; 0: says nothing about it */
    double energy, brightness; /* 0 .. 1, -1: none */
    double amount; /* of a texture; of a mood, what it makes of a texture after it; 0: none */
    double degree; /* factor on the word after it */
    bool flavour;  /* its style yields to any other ("jazzy", "jazz guitar") */
    bool without;  /* means the lack of the thing ("drumless") */
    bool alone;    /* nothing else plays ("a cappella") */
    bool silent;   /* no music ("no instruments") */
} tb_lexicon_entry;

/* One key of the vocabulary: a whole phrase without its spaces, or a word of a longer phrase. */
typedef struct tb_lexicon_key {
    const char *text; /* folded, no spaces: "lofi", "bossanova", "bossa" */
    int len_bytes;
    const char *spelling; /* as the file has it: "lo-fi"; NULL for a mere word of a phrase */
    int entry;            /* index into entries, or -1 for a mere word of a phrase */
} tb_lexicon_key;

struct tb_lexicon {
    tb_arena arena; /* holds everything below */
    tb_lexicon_entry *entries;
    int n_entries;
    tb_lexicon_key *keys; /* in file order */
    int n_keys;
    int32_t *slots;   /* hash table of key indexes + 1, 0: free */
    uint32_t n_slots; /* a power of two */
};

/* Parse a lexicon. Errors: INTERNAL naming the line, NO_MEMORY. Returns owned (tb_lexicon_free). */
TB_MUST_USE tb_status tb_lexicon_parse(const char *bytes, size_t len_bytes, tb_lexicon **out,
                                       tb_error *err);

/* The slot that holds this text, or the free one where it belongs; for the parser. */
int32_t *tb_lexicon_slot(const tb_lexicon *lexicon, const char *text, size_t len_bytes);

/* The key with exactly this text, or NULL. */
const tb_lexicon_key *tb_lexicon_find(const tb_lexicon *lexicon, const char *text,
                                      size_t len_bytes);

/*
 * `word` as the vocabulary spells it: itself when it is known or nothing is near; else the first
 * key of at least five letters that is one substitution, insertion, deletion or swap of neighbours
 * away (Damerau-Levenshtein distance 1), whole phrases before words of phrases.
 */
const char *tb_lexicon_correct(const tb_lexicon *lexicon, const char *word);

#endif
