/*
 * A growing arena: many small allocations, one free. Memory is zeroed and 16-byte aligned.
 * Not thread safe; a pointer is valid until tb_arena_deinit.
 */
#ifndef TB_BASE_ARENA_H
#define TB_BASE_ARENA_H

#include <stddef.h>

#include "engine/base/error.h"

typedef struct tb_arena_block tb_arena_block;

typedef struct tb_arena {
    tb_arena_block *head; /* newest block; NULL when empty */
    size_t used_bytes;    /* sum over all blocks, for limits and statistics */
    size_t limit_bytes;   /* 0: no limit */
} tb_arena;

/* limit_bytes: a ceiling for everything pushed; 0 for none. */
void tb_arena_init(tb_arena *a, size_t limit_bytes);
/* Free everything. Accepts a zeroed arena; leaves it zeroed. */
void tb_arena_deinit(tb_arena *a);

/* n_items * item_bytes zeroed bytes, or NULL (out of memory, over the limit, or the product wraps).
 */
void *tb_arena_push(tb_arena *a, size_t n_items, size_t item_bytes) TB_MUST_USE;
/* A NUL-terminated copy of len_bytes bytes of s, or NULL. */
char *tb_arena_push_str(tb_arena *a, const char *s, size_t len_bytes) TB_MUST_USE;

#endif
