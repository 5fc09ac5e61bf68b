/*
 * The innermost part of every matrix product, written once over `lanes`: a tile of C, TILE_ROWS
 * rows by two lanes of columns, stays in registers while k runs; and what fills the panels that it
 * reads. Lanes of 8 are two to a panel, of 16 one to each of two panels: 6x16 or 12x32 numbers.
 *
 * Twelve accumulators or more hide the latency of fused multiply-add; a tile needs 2 loads of B and
 * a number of A for each row. A is read where it lies, so its next rows are prefetched. Where
 * arithmetic takes one number of a register (LANES_QUAD), A is read four numbers at a time.
 */
#ifndef TB_KERNELS_GEMM_BODY_H
#define TB_KERNELS_GEMM_BODY_H

#include <string.h>

#include "engine/kernels/table.h"

enum {
    LINE_FLOATS = 16 /* of a cache line of 64 bytes: a row of a panel, too */
};

_Static_assert(TB_GEMM_ROWS % TILE_ROWS == 0, "multiples for callers are those of tiles");

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
        if ((m) > 6)                                                                               \
            step(6);                                                                               \
        if ((m) > 7)                                                                               \
            step(7);                                                                               \
        if ((m) > 8)                                                                               \
            step(8);                                                                               \
        if ((m) > 9)                                                                               \
            step(9);                                                                               \
        if ((m) > 10)                                                                              \
            step(10);                                                                              \
        if ((m) > 11)                                                                              \
            step(11);                                                                              \
    } while (0)

LANES_INLINE void row_add(lanes row[2], float x, lanes low, lanes high, int width)
{
    row[0] = lanes_fma_one(x, low, row[0]);
    if (width > 1)
        row[1] = lanes_fma_one(x, high, row[1]);
}

/* tile += a[m rows][1] * b[1][width lanes], the second lanes `apart` from the first */
LANES_INLINE void tile_step(tile *t, const float *a, size_t lda, const float *b, size_t apart,
                            int m, int width)
{
    lanes low = lanes_load(b), high = width > 1 ? lanes_load(b + apart) : low;
#define STEP(i) row_add(t->row[i], a[(i)*lda], low, high, width)
    FOR_ROWS(m, STEP);
#undef STEP
}

#ifdef LANES_QUAD
/* Four steps of up to three rows: numbers of A come four at a time, and are used where they stand.
 */
LANES_INLINE void rows_quad_step(lanes row[][2], const float *a, size_t lda, const float *b, int m)
{
    lanes_quad quad[3];
    quad[0] = lanes_quad_load(a);
    if (m > 1)
        quad[1] = lanes_quad_load(a + lda);
    if (m > 2)
        quad[2] = lanes_quad_load(a + 2 * lda);
#define STEP(i, p)                                                                                 \
    if (m > (i))                                                                                   \
    row[i][0] = lanes_fma_quad(quad[i], p, low, row[i][0]),                                        \
    row[i][1] = lanes_fma_quad(quad[i], p, high, row[i][1])
#define STEPS(p)                                                                                   \
    do {                                                                                           \
        lanes low = lanes_load(b + (p)*TB_GEMM_COLUMNS);                                           \
        lanes high = lanes_load(b + (p)*TB_GEMM_COLUMNS + LANES);                                  \
        STEP(0, p);                                                                                \
        STEP(1, p);                                                                                \
        STEP(2, p);                                                                                \
    } while (0)
    STEPS(0);
    STEPS(1);
    STEPS(2);
    STEPS(3);
}

LANES_INLINE void tile_quad_step(tile *t, const float *a, size_t lda, const float *b, int m)
{
    rows_quad_step(t->row, a, lda, b, m < 3 ? m : 3);
    __asm__("" : "+r"(b)); /* load b again: 16 registers of it would push out sums */
    if (m > 3)
        rows_quad_step(t->row + 3, a + 3 * lda, lda, b, m - 3);
}
#endif

LANES_INLINE void tile_run(tile *t, const float *a, size_t lda, const float *b, size_t apart, int m,
                           int width, int k)
{
#define CLEAR(i)    t->row[i][0] = t->row[i][1] = lanes_set(0)
#define PREFETCH(i) __builtin_prefetch((const void *)(next + (i) * sizeof *a * lda))
    FOR_ROWS(m, CLEAR);
    for (int p = 0; p < k; p += LINE_FLOATS) {
        const float *b_end = b + (k - p < LINE_FLOATS ? k - p : LINE_FLOATS) * TB_GEMM_COLUMNS;
        /* as a number: what is behind the last rows is no part of A */
        uintptr_t next = (uintptr_t)a + sizeof *a * (size_t)m * lda;
        FOR_ROWS(m, PREFETCH);
#ifdef LANES_QUAD
        for (; b + 4 * TB_GEMM_COLUMNS <= b_end; a += 4, b += 4 * TB_GEMM_COLUMNS)
            tile_quad_step(t, a, lda, b, m);
#endif
        for (; b < b_end; a++, b += TB_GEMM_COLUMNS)
            tile_step(t, a, lda, b, apart, m, width);
    }
#undef CLEAR
#undef PREFETCH
}

LANES_INLINE void row_store(float *c, const lanes row[2], int width, bool adds)
{
    lanes_store(c, adds ? lanes_add(lanes_load(c), row[0]) : row[0]);
    c += LANES;
    if (width > 1)
        lanes_store(c, adds ? lanes_add(lanes_load(c), row[1]) : row[1]);
}

LANES_INLINE void tile_store(float *c, size_t ldc, const tile *t, int m, int width, bool adds)
{
#define STORE(i) row_store(c + (i)*ldc, t->row[i], width, adds)
    FOR_ROWS(m, STORE);
#undef STORE
}

/* Rows of C by those of A and one panel of B, or two that are ldb apart. */
typedef void gemm_rows(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb,
                       int k, bool adds);

/* A function for each number of rows: the tile must be of constant size to live in registers. */
#define DEFINE_GEMM(name, m, width)                                                                \
    static void name(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb, \
                     int k, bool adds)                                                             \
    {                                                                                              \
        tile t;                                                                                    \
        tile_run(&t, a, lda, b, TILE_PANELS > 1 ? ldb : LANES, m, width, k);                       \
        tile_store(c, ldc, &t, m, width, adds);                                                    \
    }

DEFINE_GEMM(gemm_1, 1, 2)
DEFINE_GEMM(gemm_2, 2, 2)
DEFINE_GEMM(gemm_3, 3, 2)
DEFINE_GEMM(gemm_4, 4, 2)
DEFINE_GEMM(gemm_5, 5, 2)
DEFINE_GEMM(gemm_6, 6, 2)
#if TILE_PANELS > 1
DEFINE_GEMM(gemm_7, 7, 2)
DEFINE_GEMM(gemm_8, 8, 2)
DEFINE_GEMM(gemm_9, 9, 2)
DEFINE_GEMM(gemm_10, 10, 2)
DEFINE_GEMM(gemm_11, 11, 2)
DEFINE_GEMM(gemm_12, 12, 2)
DEFINE_GEMM(gemm_1_odd, 1, 1)
DEFINE_GEMM(gemm_2_odd, 2, 1)
DEFINE_GEMM(gemm_3_odd, 3, 1)
DEFINE_GEMM(gemm_4_odd, 4, 1)
DEFINE_GEMM(gemm_5_odd, 5, 1)
DEFINE_GEMM(gemm_6_odd, 6, 1)
DEFINE_GEMM(gemm_7_odd, 7, 1)
DEFINE_GEMM(gemm_8_odd, 8, 1)
DEFINE_GEMM(gemm_9_odd, 9, 1)
DEFINE_GEMM(gemm_10_odd, 10, 1)
DEFINE_GEMM(gemm_11_odd, 11, 1)
DEFINE_GEMM(gemm_12_odd, 12, 1)
#endif

/* [panels - 1][rows - 1] */
static gemm_rows *const gemm_tiles[TILE_PANELS][TILE_ROWS] = {
#if TILE_PANELS > 1
    {gemm_1_odd, gemm_2_odd, gemm_3_odd, gemm_4_odd, gemm_5_odd, gemm_6_odd, gemm_7_odd, gemm_8_odd,
     gemm_9_odd, gemm_10_odd, gemm_11_odd, gemm_12_odd},
    {gemm_1, gemm_2, gemm_3, gemm_4, gemm_5, gemm_6, gemm_7, gemm_8, gemm_9, gemm_10, gemm_11,
     gemm_12},
#else
    {gemm_1, gemm_2, gemm_3, gemm_4, gemm_5, gemm_6},
#endif
};

/* Panels in turn: they stay in the first-level cache while all rows pass. Tiles are about equally
 * high, for a low one waits for its sums. */
static void gemm(const tb_gemm_block *g)
{
    int n_tiles = (g->m + TILE_ROWS - 1) / TILE_ROWS;
    for (int p = 0; p < g->n_panels; p += TILE_PANELS) {
        int n_panels = g->n_panels - p < TILE_PANELS ? g->n_panels - p : TILE_PANELS;
        const float *a = g->a, *b = g->b + (size_t)p * g->ldb;
        float *c = g->c + (size_t)p * TB_GEMM_COLUMNS;
        for (int tiles = n_tiles, rows = g->m; tiles > 0; tiles--) {
            int m = (rows + tiles - 1) / tiles;
            gemm_tiles[n_panels - 1][m - 1](c, g->ldc, a, g->lda, b, g->ldb, g->k, g->adds);
            rows -= m;
            a += (size_t)m * g->lda;
            c += (size_t)m * g->ldc;
        }
    }
}

/* A square of LANES columns from p and rows (NULL: none) to as many parts of rows of a panel. */
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
    for (int half = 0; half < TB_GEMM_COLUMNS / LANES; half++, panel += LANES) {
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
