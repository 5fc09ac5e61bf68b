#include "engine/os/scratch.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/os/memory.h"

enum { ALIGN_BYTES = 64 };

float *tb_floats_alloc(size_t n_floats)
{
    size_t size, padded;
    if (__builtin_mul_overflow(n_floats, sizeof(float), &size))
        return NULL;
    size_t large = tb_memory_alignment(size), alignment = large > ALIGN_BYTES ? large : ALIGN_BYTES;
    if (__builtin_add_overflow(size, alignment - 1, &padded))
        return NULL;
    void *floats = aligned_alloc(alignment, padded / alignment * alignment);
    if (floats != NULL && large > ALIGN_BYTES)
        tb_memory_use_large_pages(floats, size);
    return floats;
}

tb_status tb_scratch_init(tb_scratch *s, int n_pieces, size_t n_floats, tb_error *err)
{
    *s = (tb_scratch){.n_pieces = n_pieces};
    s->pieces = calloc((size_t)n_pieces, sizeof *s->pieces);
    s->free_ones = calloc((size_t)n_pieces, sizeof *s->free_ones);
    if (s->pieces == NULL || s->free_ones == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %d threads", n_pieces);
    pthread_mutex_init(&s->lock, NULL);
    for (int i = 0; i < n_pieces; i++) {
        s->pieces[i] = tb_floats_alloc(n_floats);
        if (s->pieces[i] == NULL)
            return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %d times %zu bytes", n_pieces,
                           sizeof(float) * n_floats);
        s->free_ones[s->n_free++] = s->pieces[i];
    }
    return TIMBRE_OK;
}

void tb_scratch_deinit(tb_scratch *s)
{
    if (s->pieces != NULL && s->free_ones != NULL)
        pthread_mutex_destroy(&s->lock);
    for (int i = 0; s->pieces != NULL && i < s->n_pieces; i++)
        free(s->pieces[i]);
    free(s->pieces);
    free(s->free_ones);
    *s = (tb_scratch){.n_pieces = 0};
}

float *tb_scratch_take(tb_scratch *s)
{
    pthread_mutex_lock(&s->lock);
    assert(s->n_free > 0);
    float *piece = s->free_ones[--s->n_free];
    pthread_mutex_unlock(&s->lock);
    return piece;
}

void tb_scratch_give(tb_scratch *s, float *piece)
{
    pthread_mutex_lock(&s->lock);
    s->free_ones[s->n_free++] = piece;
    pthread_mutex_unlock(&s->lock);
}
