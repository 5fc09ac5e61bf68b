/* CLIP's byte-pair encoding, equal to transformers' CLIPTokenizerFast. */
#ifndef TB_MODELS_TOKENIZER_H
#define TB_MODELS_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

typedef struct tb_tokenizer tb_tokenizer;

/* Reads vocab.json and merges.txt of `folder` (and tokenizer_config.json or special_tokens_map.json
 * for the pad token where they are). Returns owned. BAD_FILE names file, line and limit;
 * MODEL_MISSING where there is no vocabulary. */
TB_MUST_USE tb_status tb_tokenizer_open(const char *folder, tb_tokenizer **out, tb_error *err);
void tb_tokenizer_free(tb_tokenizer *tokenizer); /* accepts NULL */

int tb_tokenizer_vocab_size(const tb_tokenizer *tokenizer);
int32_t tb_tokenizer_bos(const tb_tokenizer *tokenizer);
int32_t tb_tokenizer_eos(const tb_tokenizer *tokenizer);
int32_t tb_tokenizer_pad(const tb_tokenizer *tokenizer);

/* The tokens of a text without bos and eos; text that spells a special token becomes it, as in
 * transformers. *tokens is owned by the caller (free). The text is UTF-8, checked. */
TB_MUST_USE tb_status tb_tokenizer_encode(const tb_tokenizer *tokenizer, const char *text,
                                          size_t len_bytes, int32_t **tokens, size_t *n,
                                          tb_error *err);

#endif
