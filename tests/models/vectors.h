/*
 * Reference values of diffusers and transformers (tools/reference/vectors.py says the form) for the
 * tests of the networks. Every function fails the running test when something is amiss.
 */
#ifndef TESTS_MODELS_VECTORS_H
#define TESTS_MODELS_VECTORS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

typedef struct vectors {
    char *bytes; /* owned */
    size_t len_bytes;
    json_t *json; /* owned */
} vectors;

enum { VECTORS_RANK = 4 };

/* tests/data/vectors/NAME.bin; its SHA-256 has to be the one in NAME.json. */
void vectors_open(vectors *file, const char *name);
void vectors_close(vectors *file);

/* The array `name`, valid until close; shape (may be NULL) has 1 behind its rank. */
const float *vectors_floats(const vectors *file, const char *name, int shape[VECTORS_RANK]);
const double *vectors_doubles(const vectors *file, const char *name, int shape[VECTORS_RANK]);
const int32_t *vectors_ints(const vectors *file, const char *name, int shape[VECTORS_RANK]);
const uint8_t *vectors_bytes(const vectors *file, const char *name, int shape[VECTORS_RANK]);

/* Zeroed, owned by the caller. */
float *vectors_alloc(size_t n_floats);
/* [N, C, H, W] as [N, H*W, C], owned by the caller. */
float *vectors_pictures(const vectors *file, const char *name, int shape[VECTORS_RANK]);

/* || got - want || / || want || of [N, H*W, C] beside [N, C, H, W]; the shapes of other arrays have
 * to be given as [n, 1, 1, 1]. */
double vectors_distance(const float *got, const double *want, const int shape[VECTORS_RANK]);

#endif
