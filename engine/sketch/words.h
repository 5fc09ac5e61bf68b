/*
 * Splits text into folded words, the same way for prompts and for the lexicon, so that case,
 * accents, hyphens and apostrophes can never make the two differ. Knows no meanings.
 */
#ifndef TB_SKETCH_WORDS_H
#define TB_SKETCH_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/arena.h"
#include "engine/base/error.h"

typedef struct tb_word {
    const char
        *text; /* folded (tb_utf8_fold); apostrophes dropped, sharp sign '#', flat sign 'b' */
    const char *typed; /* first byte in the caller's text; its case tells "Am" from "am" */
    int typed_bytes;
    bool after_break; /* a comma, full stop, bracket or newline stands before it, or nothing */
} tb_word;

/*
 * The words of text[len_bytes] (valid UTF-8) into an array in `arena`. Words are runs of letters
 * and digits ("84.5", "3/4", "F#" are one word; "&" and "+" are the word "and") or runs of symbols
 * such as emoji. Hyphens, colons and spaces only separate; other punctuation also breaks the
 * phrase.
 */
TB_MUST_USE tb_status tb_words_split(const char *text, size_t len_bytes, tb_arena *arena,
                                     tb_word **words, int *n_words, tb_error *err);

#endif
