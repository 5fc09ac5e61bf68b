#include "engine/nn/attention.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "engine/kernels/table.h"

/*
 * A task is a tile of queries of one head. Queries are columns: 16 of them, times scale * log2(e),
 * are a panel of the gemm kernel, keys are rows read where they lie, and the scores of a block of
 * keys come out as [keys][16], which once they are weights are a panel again. Values are the rows
 * of its product: packed once for each batch and head as their transpose. So no channel is padded,
 * and largest scores and sums go down columns, never across lanes.
 */
enum {
    COLUMNS = TB_GEMM_COLUMNS,
    BLOCK_FLOATS = 40 << 10, /* of keys, and of values: both stay in a second-level cache */
    MIN_BLOCK = 64,          /* keys: products that sums of values are loaded and stored for */
    MAX_BLOCK = TB_GEMM_DEPTH,
    TILE_FLOATS = 32 << 10, /* of queries, and of sums */
    MAX_PANELS = 8,         /* of a tile */
    MAX_GROUP = 4,          /* panels that one call of the gemm kernel takes */
    LINE_FLOATS = 16,       /* of a cache */
    LD_SPARE = 16           /* rows never share sets of a cache */
};

#define LOG2_E 1.4426950408889634 /* scores are logarithms to base 2 */

typedef struct run {
    const tb_attention *a;
    tb_nn *nn;
    float *out;
    const float *q, *k, *v;
    float *values;          /* [n, heads, blocks, head_dim, ld_values] */
    int block_keys;         /* the last block has fewer */
    int n_blocks;           /* of one head */
    int n_tiles;            /* of one head */
    int tile_panels, group; /* of 16 queries: in a tile, in a call of the gemm kernel */
    size_t ld_values;
} run;

static int ceil_div(int a, int b)
{
    return a / b + (a % b != 0);
}

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

/* The part of a head in rows of ld floats: of the first of n_rows rows of its batch. */
static size_t offset_of(const tb_attention *a, int head, int n_rows, size_t ld)
{
    return (size_t)(head / a->n_heads) * (size_t)n_rows * ld +
           (size_t)(head % a->n_heads) * (size_t)a->head_dim;
}

static float *values_of(const run *r, int head, int block)
{
    return r->values + ((size_t)head * (size_t)r->n_blocks + (size_t)block) *
                           (size_t)r->a->head_dim * r->ld_values;
}

/* Task: the values of a block of keys of one head, a row for each channel. */
static void pack_block(int i_task, void *user)
{
    const run *r = user;
    const tb_attention *a = r->a;
    int head = i_task / r->n_blocks, block = i_task % r->n_blocks;
    int from = block * r->block_keys, n = min_int(r->block_keys, a->n_keys - from);
    const float *v = r->v + offset_of(a, head, a->n_keys, a->ldv) + (size_t)from * a->ldv;
    float *values = values_of(r, head, block), *panel = tb_scratch_take(&r->nn->scratch);
    for (int key = 0; key < n; key += COLUMNS) {
        r->nn->kernels->network->pack_rows(panel, v + (size_t)key * a->ldv, a->ldv,
                                           min_int(COLUMNS, n - key), a->head_dim);
        for (int c = 0; c < a->head_dim; c++)
            memcpy(values + (size_t)c * r->ld_values + key, panel + c * COLUMNS,
                   sizeof *panel * COLUMNS);
    }
    tb_scratch_give(&r->nn->scratch, panel);
}

/* Some panels of queries of one head, which go through all blocks of keys together. */
typedef struct group {
    const run *r;
    int head, first, n_panels; /* of the batch and its heads; the first query */
    float *queries;            /* [n_panels][head_dim][16] */
    float *sums;               /* of values: [head_dim][16 n_panels] */
    float *max, *weight_sum;   /* [16 n_panels] */
} group;

/* Scratch of a task: that of its groups, and what one group after the other uses. */
typedef struct tile {
    const run *r;
    int n_groups, n_keys; /* keys that any of the queries sees */
    group groups[MAX_PANELS];
    float *scores;  /* [block_keys][16 n_panels] */
    float *weights; /* [n_panels][block_keys][16]; the scores where there is one panel */
} tile;

/* Rows from .. to-1 of a head, of which it has few lines each: no processor guesses them. */
static void prefetch_rows(const float *part, size_t ld, int from, int to, int head_dim)
{
    for (int row = from; row < to; row++) {
        const float *at = part + (size_t)row * ld;
        for (int c = 0; c < head_dim; c += LINE_FLOATS)
            __builtin_prefetch(at + c);
        __builtin_prefetch(at + head_dim - 1);
    }
}

/* Queries of the group, and in advance those of the next one and where this one's results go. */
static void pack_queries(const group *g)
{
    const run *r = g->r;
    const tb_attention *a = r->a;
    const tb_network_kernels *kernels = r->nn->kernels->network;
    const float *q = r->q + offset_of(a, g->head, a->n_queries, a->ldq);
    const float *out = r->out + offset_of(a, g->head, a->n_queries, a->ldo);
    size_t len = (size_t)a->head_dim * COLUMNS;
    int end = min_int(g->first + g->n_panels * COLUMNS, a->n_queries);
    int next_end = min_int(end + g->n_panels * COLUMNS, a->n_queries);
    prefetch_rows(q, a->ldq, end, next_end, a->head_dim);
    prefetch_rows(out, a->ldo, g->first, end, a->head_dim);
    for (int p = 0; p < g->n_panels; p++) {
        int row = g->first + p * COLUMNS;
        kernels->pack_rows(g->queries + (size_t)p * len, q + (size_t)row * a->ldq, a->ldq,
                           min_int(COLUMNS, end - row), a->head_dim);
    }
    kernels->scale(g->queries, g->queries, (float)((double)a->scale * LOG2_E),
                   (size_t)g->n_panels * len);
    for (int i = 0; i < g->n_panels * COLUMNS; i++) {
        g->max[i] = -FLT_MAX;
        g->weight_sum[i] = 0;
    }
}

/* scores[n keys from `from`][16 n_panels], in logarithms to base 2 */
static void find_scores(const tile *t, const group *g, int from, int n)
{
    const run *r = g->r;
    const tb_attention *a = r->a;
    const float *k = r->k + offset_of(a, g->head, a->n_keys, a->ldk) + (size_t)from * a->ldk;
    for (int c = 0; c < a->head_dim; c += TB_GEMM_DEPTH)
        r->nn->kernels->network->gemm(&(tb_gemm_block){.c = t->scores,
                                                       .ldc = (size_t)g->n_panels * COLUMNS,
                                                       .a = k + c,
                                                       .lda = a->ldk,
                                                       .b = g->queries + c * COLUMNS,
                                                       .ldb = (size_t)a->head_dim * COLUMNS,
                                                       .m = n,
                                                       .n_panels = g->n_panels,
                                                       .k = min_int(TB_GEMM_DEPTH, a->head_dim - c),
                                                       .adds = c > 0});
}

/* Queries do not see the keys behind them. */
static void mask_scores(const tile *t, const group *g, int from, int n)
{
    int width = g->n_panels * COLUMNS;
    for (int key = from > g->first ? from : g->first + 1; key < from + n; key++)
        for (int i = 0; i < min_int(width, key - g->first); i++)
            t->scores[(size_t)(key - from) * (size_t)width + (size_t)i] = -INFINITY;
}

/* sums[head_dim][16 n_panels] *= factors[16 n_panels] */
static void scale_sums(const group *g, const float *factors)
{
    float nothing[MAX_GROUP * COLUMNS];
    int width = g->n_panels * COLUMNS;
    for (int i = 0; i < width; i++)
        nothing[i] = -0.0f; /* even of -0 */
    g->r->nn->kernels->network->scale_shift(g->sums, g->sums, (size_t)width, factors, nothing,
                                            g->r->a->head_dim, width, false);
}

/* Scores become weights; what is there of the blocks before is scaled to them. */
static void weigh_scores(const tile *t, const group *g, int n, bool is_first)
{
    float factors[MAX_GROUP * COLUMNS];
    bool is_scaled = false;
    for (int p = 0; p < g->n_panels; p++)
        g->r->nn->kernels->network->softmax(&(tb_softmax_block){
            .weights = t->weights + (size_t)p * (size_t)g->r->block_keys * COLUMNS,
            .scores = t->scores + p * COLUMNS,
            .ld = (size_t)g->n_panels * COLUMNS,
            .n = n,
            .max = g->max + p * COLUMNS,
            .sum = g->weight_sum + p * COLUMNS,
            .factor = factors + p * COLUMNS});
    for (int i = 0; i < g->n_panels * COLUMNS; i++)
        is_scaled |= factors[i] != 1; /* NaN too */
    if (is_scaled && !is_first)
        scale_sums(g, factors);
}

static void sum_values(const tile *t, const group *g, int block, int n)
{
    const run *r = g->r;
    r->nn->kernels->network->gemm(&(tb_gemm_block){.c = g->sums,
                                                   .ldc = (size_t)g->n_panels * COLUMNS,
                                                   .a = values_of(r, g->head, block),
                                                   .lda = r->ld_values,
                                                   .b = t->weights,
                                                   .ldb = (size_t)r->block_keys * COLUMNS,
                                                   .m = r->a->head_dim,
                                                   .n_panels = g->n_panels,
                                                   .k = n,
                                                   .adds = block > 0});
}

/* All groups of a tile while a block of keys and values is in a cache. */
static void attend_block(const tile *t, int block)
{
    int from = block * t->r->block_keys, n = min_int(t->r->block_keys, t->n_keys - from);
    for (int i = 0; i < t->n_groups; i++) {
        const group *g = &t->groups[i];
        if (block == 0)
            pack_queries(g);
        find_scores(t, g, from, n);
        if (t->r->a->is_causal)
            mask_scores(t, g, from, n);
        weigh_scores(t, g, n, block == 0);
        sum_values(t, g, block, n);
    }
}

/* Up to 16 rows of channels from .. from+15. */
static void write_square(const group *g, int panel, int from, float *out, int n_rows)
{
    const tb_attention *a = g->r->a;
    size_t ld = (size_t)g->n_panels * COLUMNS;
    int n = min_int(COLUMNS, a->head_dim - from);
    float square[COLUMNS * COLUMNS]; /* [queries][channels] */
    g->r->nn->kernels->network->pack_rows(
        square, g->sums + (size_t)from * ld + (size_t)(panel * COLUMNS), ld, n, COLUMNS);
    for (int i = 0; i < n_rows; i++)
        if (n == COLUMNS)
            memcpy(out + (size_t)i * a->ldo, square + i * COLUMNS, sizeof *out * COLUMNS);
        else
            memcpy(out + (size_t)i * a->ldo, square + i * COLUMNS, sizeof *out * (size_t)n);
}

static void write_group(const group *g)
{
    const run *r = g->r;
    const tb_attention *a = r->a;
    float *out = r->out + offset_of(a, g->head, a->n_queries, a->ldo) + (size_t)g->first * a->ldo;
    float factors[MAX_GROUP * COLUMNS];
    for (int i = 0; i < g->n_panels * COLUMNS; i++)
        factors[i] = 1 / g->weight_sum[i];
    scale_sums(g, factors);
    for (int p = 0; p < g->n_panels; p++) {
        int n_rows = min_int(COLUMNS, a->n_queries - g->first - p * COLUMNS);
        float *rows = out + (size_t)(p * COLUMNS) * a->ldo;
        for (int c = 0; c < a->head_dim; c += COLUMNS)
            write_square(g, p, c, rows + c, n_rows);
    }
}

/* The groups of a tile, and what they own of its scratch. */
static void start_tile(tile *t, const run *r, int i_tile, float *scratch)
{
    int head = i_tile / r->n_tiles, first_panel = i_tile % r->n_tiles * r->tile_panels;
    int n_panels = min_int(r->tile_panels, ceil_div(r->a->n_queries, COLUMNS) - first_panel);
    size_t panel = (size_t)r->a->head_dim * COLUMNS, scores = (size_t)r->block_keys * COLUMNS;
    t->r = r;
    t->n_groups = ceil_div(n_panels, r->group);
    t->n_keys = r->a->n_keys;
    if (r->a->is_causal)
        t->n_keys = min_int(t->n_keys, (first_panel + n_panels) * COLUMNS);
    t->scores = scratch;
    t->weights = r->group == 1 ? scratch : scratch + (size_t)r->group * scores;
    float *own = t->weights + (size_t)r->group * scores;
    for (int i = 0; i < t->n_groups; i++) {
        int n = min_int(r->group, n_panels - i * r->group);
        t->groups[i] = (group){.r = r, .head = head, .n_panels = n, .queries = own};
        t->groups[i].first = (first_panel + i * r->group) * COLUMNS;
        t->groups[i].sums = own + (size_t)n * panel;
        t->groups[i].max = t->groups[i].sums + (size_t)n * panel;
        t->groups[i].weight_sum = t->groups[i].max + n * COLUMNS;
        own = t->groups[i].weight_sum + n * COLUMNS;
    }
}

static void attend_tile(int i_task, void *user)
{
    const run *r = user;
    float *scratch = tb_scratch_take(&r->nn->scratch);
    tile t;
    start_tile(&t, r, i_task, scratch);
    for (int block = 0; block < ceil_div(t.n_keys, r->block_keys); block++)
        attend_block(&t, block);
    for (int i = 0; i < t.n_groups; i++)
        write_group(&t.groups[i]);
    tb_scratch_give(&r->nn->scratch, scratch);
}

/* How many of `floats` floats each fit, in steps, between least and most. */
static int choose_size(int total, int floats, int step, int least, int most)
{
    int n = total / floats / step * step;
    return n < least ? least : n > most ? most : n;
}

/* The shape alone decides about the blocks of keys, whose order is in the result, and about tiles;
 * the kernels about groups, which are not. */
static run plan(tb_nn *nn, const tb_attention *a)
{
    run r = {.a = a, .nn = nn};
    int n_panels = ceil_div(a->n_queries, COLUMNS);
    r.block_keys = choose_size(BLOCK_FLOATS, a->head_dim, COLUMNS, MIN_BLOCK, MAX_BLOCK);
    r.block_keys = min_int(r.block_keys, ceil_div(a->n_keys, COLUMNS) * COLUMNS);
    r.n_blocks = ceil_div(a->n_keys, r.block_keys);
    r.ld_values = (size_t)r.block_keys + LD_SPARE;
    r.tile_panels = choose_size(TILE_FLOATS / COLUMNS, a->head_dim, 2, 2, MAX_PANELS);
    r.tile_panels = ceil_div(n_panels, ceil_div(n_panels, r.tile_panels));
    r.n_tiles = ceil_div(n_panels, r.tile_panels);
    r.group = min_int(nn->kernels->network->gemm_panels, MAX_GROUP);
    return r;
}

/* Floats: of scores, of all groups of a tile; packing takes a panel of values. */
static size_t scratch_of(const run *r)
{
    size_t scores = (size_t)r->block_keys * COLUMNS * (size_t)r->group;
    return scores * (r->group == 1 ? 1 : 2) +
           (size_t)r->tile_panels * COLUMNS * (2 * (size_t)r->a->head_dim + 2);
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
    r.values = tb_nn_take(nn,
                          (size_t)n_heads * (size_t)r.n_blocks * (size_t)a->head_dim * r.ld_values);
    if (tb_nn_begin(nn, scratch_of(&r))) {
        tb_nn_tasks(nn, n_heads * r.n_blocks, pack_block, &r);
        tb_nn_tasks(nn, n_heads * r.n_tiles, attend_tile, &r);
    }
    tb_nn_give(nn, r.values);
}
