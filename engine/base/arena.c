#include "engine/base/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

struct tb_arena_block {
    tb_arena_block *next;
    size_t used, capacity;
    alignas(16) unsigned char bytes[];
};

enum { BLOCK_BYTES = 64 * 1024, ALIGN = 16 };

void tb_arena_init(tb_arena *a, size_t limit_bytes)
{
    *a = (tb_arena){.limit_bytes = limit_bytes};
}

void tb_arena_deinit(tb_arena *a)
{
    while (a->head != NULL) {
        tb_arena_block *next = a->head->next;
        free(a->head);
        a->head = next;
    }
    *a = (tb_arena){0};
}

static tb_arena_block *block_new(size_t need)
{
    size_t capacity = need > BLOCK_BYTES ? need : BLOCK_BYTES;
    size_t total;
    if (__builtin_add_overflow(capacity, sizeof(tb_arena_block), &total))
        return NULL;
    tb_arena_block *b = calloc(1, total);
    if (b != NULL)
        b->capacity = capacity;
    return b;
}

void *tb_arena_push(tb_arena *a, size_t n_items, size_t item_bytes)
{
    size_t need, rounded, total;
    if (__builtin_mul_overflow(n_items, item_bytes, &need) ||
        __builtin_add_overflow(need, (size_t)(ALIGN - 1), &rounded))
        return NULL;
    rounded &= ~(size_t)(ALIGN - 1);
    if (__builtin_add_overflow(a->used_bytes, rounded, &total) ||
        (a->limit_bytes != 0 && total > a->limit_bytes))
        return NULL;
    if (a->head == NULL || a->head->capacity - a->head->used < rounded) {
        tb_arena_block *b = block_new(rounded);
        if (b == NULL)
            return NULL;
        b->next = a->head;
        a->head = b;
    }
    void *p = a->head->bytes + a->head->used;
    a->head->used += rounded;
    a->used_bytes = total;
    return p;
}

char *tb_arena_push_str(tb_arena *a, const char *s, size_t len_bytes)
{
    size_t total;
    if (__builtin_add_overflow(len_bytes, (size_t)1, &total))
        return NULL;
    char *copy = tb_arena_push(a, total, 1);
    if (copy != NULL && len_bytes > 0)
        memcpy(copy, s, len_bytes);
    return copy;
}
