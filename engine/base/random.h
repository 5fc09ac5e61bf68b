/*
 * Random numbers that are the same everywhere: a counter-based generator (SplitMix64, Steele,
 * Lea & Flood 2014). Value i of a stream is a pure function of (key, i), so streams can be read in
 * any order and by any thread. Not for cryptography, and not the model's noise: that is
 * torch-compatible and lives in diffusion/.
 */
#ifndef TB_BASE_RANDOM_H
#define TB_BASE_RANDOM_H

#include <stdint.h>

#include "engine/base/error.h"

typedef struct tb_random {
    uint64_t key;
    uint64_t counter;
} tb_random;

/* Value `index` of the SplitMix64 sequence that starts at `key`. */
uint64_t tb_random_at(uint64_t key, uint64_t index);
/* A key for one purpose: the same seed gives unrelated streams for different labels. */
uint64_t tb_random_key(uint64_t seed, const char *label);

tb_random tb_random_init(uint64_t seed, const char *label);
uint64_t tb_random_next(tb_random *r);
/* Uniform in [0, 1) with 53 bits. */
double tb_random_unit(tb_random *r);
/* Uniform integer in [lo, hi]; lo <= hi. No modulo bias (Lemire 2019). */
int tb_random_range(tb_random *r, int lo, int hi);
/* True with probability p. */
_Bool tb_random_chance(tb_random *r, double p);
/* Index drawn in proportion to weights[n]; weights >= 0, sum > 0. */
int tb_random_weighted(tb_random *r, const double *weights, int n);
/* About normal, mean 0, deviation 1, within +-4 (sum of uniforms: no log or cos needed). */
double tb_random_normal(tb_random *r);

/* Fill out[n] with system entropy: for drawn seeds and UUIDs. */
TB_MUST_USE tb_status tb_entropy(void *out, unsigned n, tb_error *err);

#endif
