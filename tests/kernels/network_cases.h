/*
 * Each kernel of the network once on drawn inputs: what test programs compare between variants and
 * with digests. Everything is drawn from counters, so a case is the same everywhere.
 */
#ifndef TB_TESTS_KERNELS_NETWORK_CASES_H
#define TB_TESTS_KERNELS_NETWORK_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/kernels/network.h"

enum {
    CASE_MAX_ROWS = TB_MOMENT_ROWS,
    CASE_MAX_WIDTH = 600,
    CASE_GEMM_WIDTH = 5 * TB_GEMM_COLUMNS,
    CASE_MAX_LD = CASE_MAX_WIDTH + 16,
    CASE_FLOATS = CASE_MAX_ROWS * CASE_MAX_LD + 32,
    CASE_ROW_FLOATS = TB_GEMM_DEPTH * TB_GEMM_COLUMNS /* more than a row: digests know them */
};

typedef enum case_values {
    CASE_NOISE,   /* +-8 */
    CASE_EXTREMES /* with infinities, NaN, subnormal, huge and tiny numbers, zeros of both signs */
} case_values;

/* Inputs of a case; none is aligned, but the panels. */
typedef struct case_inputs {
    float *a, *b, *c;  /* [CASE_FLOATS], [CASE_ROW_FLOATS] twice */
    float *panels;     /* [5][depth][16], aligned */
    uint16_t *halves;  /* [CASE_ROW_FLOATS] */
    int n_rows, width; /* of the output, at most CASE_MAX_ROWS and CASE_MAX_WIDTH */
    size_t ld, lda;    /* of rows of the output and of a */
    int depth;
    bool flag;
    void *memory;
} case_inputs;

typedef struct network_case {
    const char *name;
    /* Runs on the inputs; out [n_rows][ld], of which width columns are written. */
    void (*run)(const tb_network_kernels *kernels, float *out, const case_inputs *in);
    int min_rows, max_rows, max_width; /* what may be drawn */
    bool is_packed;                    /* ld is the width */
    bool is_map;                       /* one row; out may be a */
    const char *digest;                /* SHA-256 of the outputs, see test_network.c */
} network_case;

extern const network_case network_cases[];
extern const int n_network_cases;

/* NULL without memory. */
case_inputs *case_inputs_new(const network_case *c, uint64_t seed, case_values values);
void case_inputs_free(case_inputs *in);
/* n numbers that a seed stands for. */
void case_fill(float *out, size_t n, uint64_t seed, case_values values);
/* One bit pattern for all NaN: their signs and payloads are the processor's. */
void case_join_nans(float *v, size_t n);

#endif
