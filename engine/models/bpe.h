/*
 * Byte-pair encoding of one word: symbols of single bytes, of which the adjacent pair that comes
 * first in the list of merges becomes one, until no pair is in the list.
 */
#ifndef TB_MODELS_BPE_H
#define TB_MODELS_BPE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

typedef struct tb_bpe_merge {
    int32_t left, right, merged; /* tokens */
    uint32_t rank;               /* place in the list, from 0 */
} tb_bpe_merge;

typedef struct tb_bpe {
    int32_t bytes[256], last_bytes[256]; /* token of a byte; of the last byte of a word */
    tb_bpe_merge *merges;                /* owned [n_merges]: sorted by left and right */
    size_t n_merges;
} tb_bpe;

/* Sort the merges after they were filled in. The later of two merges of the same pair: its rank,
 * for a message; -1 when each pair is there once. */
int64_t tb_bpe_sort(tb_bpe *bpe);
void tb_bpe_deinit(tb_bpe *bpe); /* accepts a zeroed one */

/* Room to work on words of up to max_bytes. */
typedef struct tb_bpe_space tb_bpe_space;

TB_MUST_USE tb_status tb_bpe_space_new(size_t max_bytes, tb_bpe_space **out, tb_error *err);
void tb_bpe_space_free(tb_bpe_space *space); /* accepts NULL */

/* Tokens of a word of 1 to max_bytes bytes; out has room for n_bytes. O(n log n). */
size_t tb_bpe_encode(const tb_bpe *bpe, tb_bpe_space *space, const uint8_t *word, size_t n_bytes,
                     int32_t *out);

#endif
