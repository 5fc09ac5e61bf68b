/*
 * Scratch memory for the tasks of a pool: as many equal pieces as tasks run at once, whatever the
 * number of tasks. A task takes a piece and gives it back; what was in it is not kept.
 */
#ifndef TB_OS_SCRATCH_H
#define TB_OS_SCRATCH_H

#include <pthread.h>
#include <stddef.h>

#include "engine/base/error.h"

typedef struct tb_scratch {
    pthread_mutex_t lock; /* guards n_free and free_ones */
    int n_free;
    float **free_ones; /* [n_pieces] */
    float **pieces;    /* [n_pieces], owned */
    int n_pieces;
} tb_scratch;

/* 64-byte aligned, not cleared: pages that nobody reaches are never there. Returns owned, for free;
 * NULL when there is no memory. */
float *tb_floats_alloc(size_t n_floats);

/* n_floats each, 64-byte aligned. NO_MEMORY; deinit is due then too. */
TB_MUST_USE tb_status tb_scratch_init(tb_scratch *scratch, int n_pieces, size_t n_floats,
                                      tb_error *err);
/* Accepts a zeroed object. */
void tb_scratch_deinit(tb_scratch *scratch);

/* Never more than n_pieces at a time. */
float *tb_scratch_take(tb_scratch *scratch);
void tb_scratch_give(tb_scratch *scratch, float *piece);

#endif
