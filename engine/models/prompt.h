/*
 * A prompt with weights in it, as riffusion (diffusers' "long prompt weighting") and A1111 write
 * it: (x) * 1.1, (x:1.5), [x] / 1.1, nested, \( \) \[ \] \\ escaped; cut into chunks of 75 tokens.
 * A bracket that is not closed goes to the end, one that was not opened is text, and so is a weight
 * that is no number or longer than 64 digits: (x:1.2.3) is x:1.2.3 in plain brackets (riffusion
 * breaks off there).
 */
#ifndef TB_MODELS_PROMPT_H
#define TB_MODELS_PROMPT_H

#include <stdbool.h>

#include "engine/base/limits.h"
#include "engine/models/tokenizer.h"

typedef struct tb_prompt_piece {
    char *text; /* owned; brackets and escapes resolved */
    double weight;
} tb_prompt_piece;

/* Pieces in order, neighbours of equal weight merged; at least one, which may be empty. Owned:
 * tb_prompt_pieces_free. BAD_INPUT: too long, or a weight beyond TB_PROMPT_MAX_WEIGHT. */
TB_MUST_USE tb_status tb_prompt_parse(const char *text, tb_prompt_piece **pieces, size_t *n,
                                      tb_error *err);
void tb_prompt_pieces_free(tb_prompt_piece *pieces, size_t n);

typedef struct tb_prompt {
    int n_chunks;    /* >= 1 */
    int n_positions; /* of a chunk, bos and eos included: 77 */
    int32_t *tokens; /* owned [n_chunks * n_positions]: bos, tokens, eos, then pad */
    float *weights;  /* owned [n_chunks * n_positions]; 1 at bos, eos and pads */
    bool has_weights;
    size_t n_tokens;  /* without bos, eos and pads */
    size_t n_dropped; /* tokens beyond the last chunk: for a warning */
} tb_prompt;

/* is_plain: no syntax, every character means itself. */
TB_MUST_USE tb_status tb_prompt_tokenize(const tb_tokenizer *tokenizer, const char *text,
                                         bool is_plain, int n_positions, tb_prompt *out,
                                         tb_error *err);
/* Append chunks of bos, eos and pads up to n_chunks: both sides of the guidance have as many. */
TB_MUST_USE tb_status tb_prompt_pad(const tb_tokenizer *tokenizer, tb_prompt *prompt, int n_chunks,
                                    tb_error *err);
void tb_prompt_deinit(tb_prompt *prompt); /* accepts a zeroed one */

/* embeddings[n_chunks * n_positions, width] *= weight of each position; then all are scaled so that
 * their mean is what it was (riffusion). Nothing without weights; weights that leave a mean of 0
 * are not made up for. */
void tb_prompt_weigh(const tb_prompt *prompt, float *embeddings, int width);

#endif
