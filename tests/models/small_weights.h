/* Safetensors files written for a test, by code of its own: little-endian, values 1, 2, 3, ... */
#ifndef TESTS_MODELS_SMALL_WEIGHTS_H
#define TESTS_MODELS_SMALL_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

typedef struct small_tensor {
    const char *name, *dtype; /* as safetensors spells it: F32, F16, BF16, I64 */
    int rank;
    int64_t shape[4];
} small_tensor;

/* Fails the running test when it cannot. */
void small_weights_write(const char *path, const small_tensor *tensors, size_t n);
/* What a tensor has: 1, 2, 3, ... as floats. */
void small_values(const small_tensor *tensor, float *out);

#endif
