/* CLIP's byte-pair encoding, equal to transformers' CLIPTokenizerFast. */
#ifndef TB_MODELS_TOKENIZER_H
#define TB_MODELS_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

typedef struct tb_tokenizer tb_tokenizer;

/* Reads vocab.json and merges.txt of `folder`, and for the pad token special_tokens_map.json or,
 * when that names none, tokenizer_config.json, where they are; else it is eos. Returns owned.
 * BAD_FILE names file, line and limit; MODEL_MISSING where there is no vocabulary. */
TB_MUST_USE tb_status tb_tokenizer_open(const char *folder, tb_tokenizer **out, tb_error *err);
void tb_tokenizer_free(tb_tokenizer *tokenizer); /* accepts NULL */

int tb_tokenizer_vocab_size(const tb_tokenizer *tokenizer);
int32_t tb_tokenizer_bos(const tb_tokenizer *tokenizer);
int32_t tb_tokenizer_eos(const tb_tokenizer *tokenizer);
int32_t tb_tokenizer_pad(const tb_tokenizer *tokenizer);

/* The tokens of a text without bos and eos; text that spells a special token (bos, eos, pad) in any
 * case becomes it, as in transformers; a byte without a token becomes eos. *tokens is owned by the
 * caller (free). BAD_INPUT: no UTF-8, over 64 KB, or over 256 combining marks in a row. For any
 * number of threads at a time. */
TB_MUST_USE tb_status tb_tokenizer_encode(const tb_tokenizer *tokenizer, const char *text,
                                          size_t len_bytes, int32_t **tokens, size_t *n,
                                          tb_error *err);

#endif
