/*
 * Reads a prompt with the lexicon (data/lexicon.txt, compiled in) into a brief. Word order,
 * capitals, accents, punctuation and one-letter typos do not matter; unknown words are no error.
 */
#ifndef TB_SKETCH_PROMPT_H
#define TB_SKETCH_PROMPT_H

#include "engine/base/arena.h"
#include "engine/base/error.h"
#include "engine/sketch/brief.h"

typedef struct tb_lexicon tb_lexicon;

/* Parse the compiled-in lexicon. Returns owned; read-only afterwards, so any number of threads may
 * share it. Fails only for memory or (our bug, named with its line) a bad lexicon line. */
TB_MUST_USE tb_status tb_lexicon_new(tb_lexicon **out, tb_error *err);
void tb_lexicon_free(tb_lexicon *lexicon);

/*
 * Read `prompt` and `negative_prompt` (valid UTF-8, NUL-terminated, at most TB_PROMPT_MAX_BYTES;
 * negative_prompt may be NULL or empty) into *out. Never fails on content: an empty or meaningless
 * prompt gives a brief with nothing asked.
 */
TB_MUST_USE tb_status tb_prompt_read(const tb_lexicon *lexicon, const char *prompt,
                                     const char *negative_prompt, tb_brief *out, tb_error *err);

#endif
