/*
 * What the tests of layers share: random inputs and weights, whose values are known in double
 * precision too, and runs on all kernels and numbers of threads.
 */
#ifndef TESTS_NN_LAYERS_H
#define TESTS_NN_LAYERS_H

#include "engine/nn/matrix.h"

/* Uniform in [-1, 1), the same for a key; free with free(). */
float *new_floats(uint64_t key, size_t n);

/* A tensor of a file: its bytes one off alignment, and what they say. */
typedef struct weight {
    tb_tensor tensor;
    unsigned char *memory; /* owned */
    double *values;        /* owned, in row-major order */
} weight;

/* F32, F16, BF16 or F64 with values in [-1, 1). shape ends with 0. */
weight new_weight(uint64_t key, tb_dtype dtype, const int64_t *shape);
void free_weight(weight *w);

/* ||out - expected|| / ||expected|| */
double relative_l2(const float *out, const double *expected, size_t n);

/* Runs `work` by the plain kernels on one thread, then by the best ones on 1, 2, 3 and 8 and by all
 * others that this machine has on two, and fails when out[n] is not the same bytes. */
void run_everywhere(tb_nn_work work, void *user, float *out, size_t n);
/* One run, which must succeed. */
void run_once(const char *kernels, int n_threads, tb_nn_work work, void *user);

#endif
