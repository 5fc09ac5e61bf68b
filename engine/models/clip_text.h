/*
 * Text as CLIP's tokenizer wants it before any vocabulary is asked: composed (NFC), runs of white
 * space made one space, lower case without the rule of the final sigma; then cut into pieces.
 * Letters, numbers and spaces are those of Unicode 14 and marks those of Unicode 9
 * (text_class.inc), as in the reference and whatever the version of the system's tables, so that a
 * prompt means the same everywhere. Facts: CLIPConverter of transformers 4.36.2, tokenizers 0.15.2.
 */
#ifndef TB_MODELS_CLIP_TEXT_H
#define TB_MODELS_CLIP_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/base/limits.h"

typedef struct tb_clip_text {
    int32_t *codes; /* owned [n]: code points */
    size_t n;
    size_t n_bytes; /* of the same text in UTF-8 */
} tb_clip_text;

/* BAD_INPUT: no UTF-8, or over a limit above. */
TB_MUST_USE tb_status tb_clip_text_init(tb_clip_text *text, const char *utf8, size_t len_bytes,
                                        tb_error *err);
void tb_clip_text_deinit(tb_clip_text *text); /* accepts a zeroed one */

/* The first piece of codes[*begin, end): moves *begin to it and returns its end; *begin == end when
 * only spaces are left. Pieces: 's 't 're 've 'm 'll 'd, letters, one number, other characters. */
size_t tb_clip_text_piece(const int32_t *codes, size_t *begin, size_t end);

#endif
