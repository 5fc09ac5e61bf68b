#include "engine/nn/attention.h"

#include <string.h>

#include "engine/kernels/table.h"

/*
 * Keys and values are packed once for each batch and head; a task is a tile of queries of one head.
 * Its scores are a few rows of all keys: at most 2 MB, so that they stay in a cache.
 */
enum {
    LANES = TB_GEMM_COLUMNS,
    MAX_ROWS = 48, /* queries of a task; a multiple of TB_GEMM_ROWS */
    SCORES_FLOATS = 2 << 18,
    PACK_KEYS = 512, /* of a packing task; a multiple of 16 */
    LD_SPARE = 16    /* rows never share sets of a cache */
};

typedef struct run {
    const tb_attention *a;
    tb_nn *nn;
    float *out;
    const float *q, *k, *v;
    float *keys;                   /* [n, heads, ceil(n_keys / 16), head_dim, 16] */
    float *values;                 /* [n, heads, ceil(head_dim / 16), n_keys, 16] */
    size_t head_keys, head_values; /* floats of one head in each */
    int key_panels, value_panels;  /* of one head */
    int n_parts;                   /* packing tasks of a head */
    int n_tiles, tile_rows;        /* of one head */
    size_t ld_scores, ld_sums;
} run;

static int ceil_div(int a, int b)
{
    return a / b + (a % b != 0);
}

/* Values of keys from .. to-1 as columns of 16: rows of a panel, zeros behind the last column. */
static void pack_values(const run *r, const float *v, int from, int to, float *values)
{
    const tb_attention *a = r->a;
    for (int p = 0; p < r->value_panels; p++) {
        int n = a->head_dim - p * LANES < LANES ? a->head_dim - p * LANES : LANES;
        float *panel = values + (size_t)p * (size_t)a->n_keys * LANES;
        for (int key = from; key < to; key++) {
            float *out = panel + (size_t)key * LANES;
            memcpy(out, v + (size_t)key * a->ldv + (size_t)p * LANES, sizeof *out * (size_t)n);
            memset(out + n, 0, sizeof *out * (size_t)(LANES - n));
        }
    }
}

static void pack_keys(const run *r, const float *k, int from, int to, float *keys)
{
    const tb_attention *a = r->a;
    for (int key = from; key < to; key += LANES)
        r->nn->kernels->network->pack_rows(keys + (size_t)key * (size_t)a->head_dim,
                                           k + (size_t)key * a->ldk, a->ldk,
                                           to - key < LANES ? to - key : LANES, a->head_dim);
}

/* Task: some keys of one head. */
static void pack_part(int i_task, void *user)
{
    const run *r = user;
    const tb_attention *a = r->a;
    int head = i_task / r->n_parts, from = i_task % r->n_parts * PACK_KEYS;
    int to = a->n_keys - from < PACK_KEYS ? a->n_keys : from + PACK_KEYS;
    size_t key_row = (size_t)(head / a->n_heads) * (size_t)a->n_keys;
    size_t column = (size_t)(head % a->n_heads) * (size_t)a->head_dim;
    pack_keys(r, r->k + key_row * a->ldk + column, from, to, r->keys + head * r->head_keys);
    pack_values(r, r->v + key_row * a->ldv + column, from, to, r->values + head * r->head_values);
}

/* A tile of queries. */
typedef struct tile {
    const run *r;
    int head, first, n_rows; /* of the batch and its heads; queries */
    int n_keys;              /* that any of the queries sees */
    const float *q;          /* the first query's part of this head */
    float *scores;           /* [n_rows][ld_scores] */
    float *sums;             /* [n_rows][ld_sums]: of values */
    float weights[MAX_ROWS]; /* sums of each row of scores */
} tile;

/* c[n_rows][16] = or += a[n_rows][k] b[k][16] */
static void multiply(const tile *t, float *c, size_t ldc, const float *a, size_t lda,
                     const float *b, int k, bool adds)
{
    t->r->nn->kernels->network->gemm(&(tb_gemm_block){.c = c,
                                                      .ldc = ldc,
                                                      .a = a,
                                                      .lda = lda,
                                                      .b = b,
                                                      .m = t->n_rows,
                                                      .n_panels = 1,
                                                      .k = k,
                                                      .adds = adds});
}

static void find_scores(const tile *t)
{
    const run *r = t->r;
    int dim = r->a->head_dim;
    const float *keys = r->keys + (size_t)t->head * r->head_keys;
    for (int p = 0; p < ceil_div(t->n_keys, LANES); p++)
        for (int k = 0; k < dim; k += TB_GEMM_DEPTH)
            multiply(t, t->scores + (size_t)p * LANES, r->ld_scores, t->q + k, r->a->ldq,
                     keys + ((size_t)p * (size_t)dim + (size_t)k) * LANES,
                     dim - k < TB_GEMM_DEPTH ? dim - k : TB_GEMM_DEPTH, k > 0);
}

static void weigh_scores(tile *t)
{
    const run *r = t->r;
    for (int i = 0; i < t->n_rows; i++) {
        float *row = t->scores + (size_t)i * r->ld_scores;
        int n = r->a->is_causal && t->first + i < t->n_keys ? t->first + i + 1 : t->n_keys;
        t->weights[i] = r->nn->kernels->network->softmax(row, n, r->a->scale);
        memset(row + n, 0, sizeof *row * (size_t)(t->n_keys - n));
    }
}

static void sum_values(const tile *t)
{
    const run *r = t->r;
    const float *values = r->values + (size_t)t->head * r->head_values;
    for (int key = 0; key < t->n_keys; key += TB_GEMM_DEPTH)
        for (int p = 0; p < r->value_panels; p++)
            multiply(t, t->sums + (size_t)p * LANES, r->ld_sums, t->scores + key, r->ld_scores,
                     values + ((size_t)p * (size_t)r->a->n_keys + (size_t)key) * LANES,
                     t->n_keys - key < TB_GEMM_DEPTH ? t->n_keys - key : TB_GEMM_DEPTH, key > 0);
}

static void write_tile(const tile *t)
{
    const run *r = t->r;
    const tb_attention *a = r->a;
    size_t row = (size_t)(t->head / a->n_heads) * (size_t)a->n_queries + (size_t)t->first;
    float *out = r->out + row * a->ldo + (size_t)(t->head % a->n_heads) * (size_t)a->head_dim;
    for (int i = 0; i < t->n_rows; i++, out += a->ldo) {
        const float *sums = t->sums + (size_t)i * r->ld_sums;
        for (int c = 0; c < a->head_dim; c++)
            out[c] = sums[c] / t->weights[i];
    }
}

static void attend_tile(int i_task, void *user)
{
    const run *r = user;
    const tb_attention *a = r->a;
    tile t = {.r = r, .head = i_task / r->n_tiles, .first = i_task % r->n_tiles * r->tile_rows};
    t.n_rows = a->n_queries - t.first < r->tile_rows ? a->n_queries - t.first : r->tile_rows;
    t.n_keys = a->n_keys;
    if (a->is_causal && t.first + t.n_rows < t.n_keys)
        t.n_keys = t.first + t.n_rows;
    size_t row = (size_t)(t.head / a->n_heads) * (size_t)a->n_queries + (size_t)t.first;
    t.q = r->q + row * a->ldq + (size_t)(t.head % a->n_heads) * (size_t)a->head_dim;
    t.scores = tb_scratch_take(&r->nn->scratch);
    t.sums = t.scores + (size_t)r->tile_rows * r->ld_scores;
    find_scores(&t);
    weigh_scores(&t);
    sum_values(&t);
    write_tile(&t);
    tb_scratch_give(&r->nn->scratch, t.scores);
}

/* As many queries as SCORES_FLOATS hold, a multiple of TB_GEMM_ROWS: the shape alone decides. */
static int choose_rows(const run *r)
{
    size_t n = SCORES_FLOATS / r->ld_scores / TB_GEMM_ROWS * TB_GEMM_ROWS;
    n = n > MAX_ROWS ? MAX_ROWS : n < TB_GEMM_ROWS ? TB_GEMM_ROWS : n;
    int n_tiles = ceil_div(r->a->n_queries, (int)n); /* of equal sizes */
    return ceil_div(ceil_div(r->a->n_queries, n_tiles), TB_GEMM_ROWS) * TB_GEMM_ROWS;
}

static run plan(tb_nn *nn, const tb_attention *a)
{
    run r = {.a = a, .nn = nn};
    r.key_panels = ceil_div(a->n_keys, LANES);
    r.value_panels = ceil_div(a->head_dim, LANES);
    r.head_keys = (size_t)r.key_panels * LANES * (size_t)a->head_dim;
    r.head_values = (size_t)r.value_panels * LANES * (size_t)a->n_keys;
    r.ld_scores = (size_t)r.key_panels * LANES + LD_SPARE;
    r.ld_sums = (size_t)r.value_panels * LANES;
    r.n_parts = ceil_div(a->n_keys, PACK_KEYS);
    r.tile_rows = choose_rows(&r);
    r.n_tiles = ceil_div(a->n_queries, r.tile_rows);
    return r;
}

void tb_attention_run(tb_nn *nn, float *out, const float *q, const float *k, const float *v,
                      const tb_attention *attention)
{
    const tb_attention *a = attention;
    run r = plan(nn, a);
    int n_heads = a->n * a->n_heads;
    r.out = out;
    r.q = q;
    r.k = k;
    r.v = v;
    r.keys = tb_nn_take(nn, (size_t)n_heads * r.head_keys);
    r.values = tb_nn_take(nn, (size_t)n_heads * r.head_values);
    if (tb_nn_begin(nn, (size_t)r.tile_rows * (r.ld_scores + r.ld_sums))) {
        tb_nn_tasks(nn, n_heads * r.n_parts, pack_part, &r);
        tb_nn_tasks(nn, n_heads * r.n_tiles, attend_tile, &r);
    }
    tb_nn_give(nn, r.values);
    tb_nn_give(nn, r.keys);
}
