/*
 * The innermost part of every matrix product, written once over `lanes`: a tile of C, six rows by
 * two lanes, stays in registers while k runs; and what fills the panels that it reads.
 *
 * Twelve accumulators hide the latency of fused multiply-add; a tile needs 2 loads of B and 6
 * numbers of A for 12 of them. A is read where it lies, so its next rows are prefetched.
 */
#ifndef TB_KERNELS_GEMM_BODY_H
#define TB_KERNELS_GEMM_BODY_H

#include <string.h>

#include "engine/kernels/table.h"

enum { LINE_FLOATS = 16 /* of a cache line of 64 bytes: a row of a panel, too */ };

typedef struct tile {
    lanes row[TB_GEMM_ROWS][2];
} tile;

/* step(0) .. step(m - 1), spelled out: compilers keep the tile in registers only where they need
 * not unroll loops first. */
#define FOR_ROWS(m, step)                                                                          \
    do {                                                                                           \
        step(0);                                                                                   \
        if ((m) > 1)                                                                               \
            step(1);                                                                               \
        if ((m) > 2)                                                                               \
            step(2);                                                                               \
        if ((m) > 3)                                                                               \
            step(3);                                                                               \
        if ((m) > 4)                                                                               \
            step(4);                                                                               \
        if ((m) > 5)                                                                               \
            step(5);                                                                               \
    } while (0)

LANES_INLINE void row_add(lanes row[2], float x, lanes low, lanes high)
{
    row[0] = lanes_fma_one(x, low, row[0]);
    row[1] = lanes_fma_one(x, high, row[1]);
}

/* tile += a[m rows][1] * b[1][16] */
LANES_INLINE void tile_step(tile *t, const float *a, size_t lda, const float *b, int m)
{
    lanes low = lanes_load(b), high = lanes_load(b + LANES);
#define STEP(i) row_add(t->row[i], a[(i)*lda], low, high)
    FOR_ROWS(m, STEP);
#undef STEP
}

LANES_INLINE void tile_run(tile *t, const float *a, size_t lda, const float *b, int m, int k)
{
#define CLEAR(i)    t->row[i][0] = t->row[i][1] = lanes_set(0)
#define PREFETCH(i) __builtin_prefetch((const void *)(next + (i) * sizeof *a * lda))
    FOR_ROWS(m, CLEAR);
    for (int p = 0; p < k; p += LINE_FLOATS) {
        const float *b_end = b + (k - p < LINE_FLOATS ? k - p : LINE_FLOATS) * TB_GEMM_COLUMNS;
        /* as a number: what is behind the last rows is no part of A */
        uintptr_t next = (uintptr_t)a + sizeof *a * (size_t)m * lda;
        FOR_ROWS(m, PREFETCH);
        for (; b < b_end; a++, b += TB_GEMM_COLUMNS)
            tile_step(t, a, lda, b, m);
    }
#undef CLEAR
#undef PREFETCH
}

LANES_INLINE void row_store(float *c, const lanes row[2], bool adds)
{
    lanes_store(c, adds ? lanes_add(lanes_load(c), row[0]) : row[0]);
    c += LANES;
    lanes_store(c, adds ? lanes_add(lanes_load(c), row[1]) : row[1]);
}

LANES_INLINE void tile_store(float *c, size_t ldc, const tile *t, int m, bool adds)
{
#define STORE(i) row_store(c + (i)*ldc, t->row[i], adds)
    FOR_ROWS(m, STORE);
#undef STORE
}

typedef void gemm_rows(float *c, size_t ldc, const float *a, size_t lda, const float *b, int k,
                       bool adds);

/* A function for each number of rows: the tile must be of constant size to live in registers. */
#define DEFINE_GEMM(M)                                                                             \
    static void gemm_##M(float *c, size_t ldc, const float *a, size_t lda, const float *b, int k,  \
                         bool adds)                                                                \
    {                                                                                              \
        tile t;                                                                                    \
        tile_run(&t, a, lda, b, M, k);                                                             \
        tile_store(c, ldc, &t, M, adds);                                                           \
    }

DEFINE_GEMM(1)
DEFINE_GEMM(2)
DEFINE_GEMM(3)
DEFINE_GEMM(4)
DEFINE_GEMM(5)
DEFINE_GEMM(6)

/* Panel by panel: one stays in the first-level cache while all rows pass. */
static void gemm(const tb_gemm_block *g)
{
    static gemm_rows *const by_rows[TB_GEMM_ROWS + 1] = {NULL,   gemm_1, gemm_2, gemm_3,
                                                         gemm_4, gemm_5, gemm_6};
    for (int p = 0; p < g->n_panels; p++) {
        const float *b = g->b + (size_t)p * g->ldb;
        float *c = g->c + (size_t)p * TB_GEMM_COLUMNS;
        for (int row = 0; row < g->m; row += TB_GEMM_ROWS) {
            int m = g->m - row < TB_GEMM_ROWS ? g->m - row : TB_GEMM_ROWS;
            by_rows[m](c + (size_t)row * g->ldc, g->ldc, g->a + (size_t)row * g->lda, g->lda, b,
                       g->k, g->adds);
        }
    }
}

/* Columns p .. p+7 of up to 8 rows (NULL: none) to 8 half rows of a panel. */
LANES_INLINE void pack_block(float *panel, const float *const rows[LANES], size_t p)
{
    lanes block[LANES];
    for (int r = 0; r < LANES; r++)
        block[r] = rows[r] != NULL ? lanes_load(rows[r] + p) : lanes_set(0);
    lanes_transpose(block);
    for (size_t j = 0; j < LANES; j++)
        lanes_store(panel + (p + j) * TB_GEMM_COLUMNS, block[j]);
}

static void pack_rows(float *panel, const float *rows, size_t ld, int n_rows, int k)
{
    for (int half = 0; half < 2; half++, panel += LANES) {
        const float *row[LANES];
        for (int r = 0; r < LANES; r++) {
            int i = half * LANES + r;
            row[r] = i < n_rows ? rows + (size_t)i * ld : NULL;
        }
        size_t p = 0;
        for (; p + LANES <= (size_t)k; p += LANES)
            pack_block(panel, row, p);
        for (; p < (size_t)k; p++)
            for (int r = 0; r < LANES; r++)
                panel[p * TB_GEMM_COLUMNS + (size_t)r] = row[r] != NULL ? row[r][p] : 0;
    }
}

typedef lanes load_wide(const uint16_t *p);

LANES_INLINE void widen(float *out, const uint16_t *in, size_t n, load_wide *load)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        lanes_store(out + i, load(in + i));
    if (i < n) {
        uint16_t padded_in[LANES] = {0};
        float padded_out[LANES];
        memcpy(padded_in, in + i, sizeof *in * (n - i));
        lanes_store(padded_out, load(padded_in));
        memcpy(out + i, padded_out, sizeof *out * (n - i));
    }
}

static void widen_f16(float *out, const uint16_t *in, size_t n)
{
    widen(out, in, n, lanes_load_f16);
}

static void widen_bf16(float *out, const uint16_t *in, size_t n)
{
    widen(out, in, n, lanes_load_bf16);
}

#endif
