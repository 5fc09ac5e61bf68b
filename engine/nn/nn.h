/*
 * What runs a network: kernels, threads, and memory for activations that is planned by a dry run of
 * the same code and reserved once. Nothing is allocated while a network runs.
 *
 * Activations are fp32, channels last: [n, h*w, c] for pictures, [n, tokens, c] for texts.
 */
#ifndef TB_NN_NN_H
#define TB_NN_NN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/progress.h"
#include "engine/kernels/kernels.h"
#include "engine/os/pool.h"
#include "engine/os/scratch.h"

enum { TB_NN_MAX_BLOCKS = 256 }; /* activations alive at a time, and the gaps between them */

typedef struct tb_nn_block {
    size_t at, n; /* in floats */
    bool is_free;
} tb_nn_block;

typedef struct tb_nn {
    const tb_kernels *kernels;
    tb_pool *pool;
    const tb_progress *progress; /* may be NULL; its cancel flag is polled between layers */
    bool is_dry;                 /* no arithmetic: only takes and gives */
    bool is_stopped;             /* cancelled: what follows does nothing */
    float *memory;               /* owned; NULL in a dry run */
    size_t n_floats, peak_floats;
    size_t scratch_floats; /* the largest piece a task asked for */
    tb_scratch scratch;
    int n_blocks;
    tb_nn_block blocks[TB_NN_MAX_BLOCKS]; /* in order of `at`, covering [0, n_floats) */
} tb_nn;

/* A network's forward pass: takes its activations from nn and gives them back. The same sequence
 * of takes, gives and operations whether dry or not. */
typedef void (*tb_nn_work)(tb_nn *nn, void *user);

/* Borrows all. Holds no memory yet. */
void tb_nn_init(tb_nn *nn, const tb_kernels *kernels, tb_pool *pool);
void tb_nn_deinit(tb_nn *nn); /* accepts a zeroed object */

/* Bytes that `work` needs, scratch of all threads included, by a dry run. Keeps the reservation. */
size_t tb_nn_measure(tb_nn *nn, tb_nn_work work, void *user);
/* Dry run, then one reservation in place of an earlier one. NO_MEMORY names the bytes. */
TB_MUST_USE tb_status tb_nn_reserve(tb_nn *nn, tb_nn_work work, void *user, tb_error *err);
/* Run `work`, which must fit what was reserved. CANCELLED: its results are not to be used. */
TB_MUST_USE tb_status tb_nn_run(tb_nn *nn, tb_nn_work work, void *user, const tb_progress *progress,
                                tb_error *err);
/* Let the reservation go. */
void tb_nn_release(tb_nn *nn);

/* n_floats, 64-byte aligned, not cleared. In a dry run the address must not be touched. */
float *tb_nn_take(tb_nn *nn, size_t n_floats);
void tb_nn_give(tb_nn *nn, float *floats);

/*
 * For operations. Begins one: false when there is nothing to compute (dry or stopped). A task may
 * then take pieces of scratch_floats from nn->scratch, one at a time.
 */
bool tb_nn_begin(tb_nn *nn, size_t scratch_floats);
/* tb_pool_run for an operation that has begun: once it is cancelled, what has not started is left
 * out, and nn is stopped. */
void tb_nn_tasks(tb_nn *nn, int n_tasks, void (*fn)(int i_task, void *user), void *user);

#endif
