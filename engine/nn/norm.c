#include "engine/nn/norm.h"

#include <math.h>
#include <stdlib.h>

#include "engine/kernels/table.h"

enum { NORM_ROWS = 16 }; /* of LayerNorm in one task */

void tb_norm_deinit(tb_norm *norm)
{
    free(norm->gain);
    free(norm->shift);
    *norm = (tb_norm){0};
}

/* Count, mean and sum of squared distances from it. */
typedef struct moments {
    double n, mean, m2;
} moments;

/* Chan, Golub & LeVeque 1983 */
static moments moments_join(moments a, moments b)
{
    if (a.n == 0)
        return b;
    double n = a.n + b.n, distance = b.mean - a.mean;
    return (moments){n, a.mean + distance * (b.n / n),
                     a.m2 + b.m2 + distance * distance * (a.n * b.n / n)};
}

typedef struct group_norm {
    const tb_nn *nn;
    const tb_norm *norm;
    float *out;      /* [n, positions, c] */
    const float *in; /* [n, positions, c] */
    int64_t positions, n_blocks;
    float *partial; /* [n, n_blocks, 2, c]: sums and m2 of blocks of TB_MOMENT_ROWS positions */
    float *factors; /* [n, 2, c]: scale and shift */
    bool has_silu;
} group_norm;

static int block_rows(const group_norm *g, int64_t block)
{
    int64_t left = g->positions - block * TB_MOMENT_ROWS;
    return (int)(left < TB_MOMENT_ROWS ? left : TB_MOMENT_ROWS);
}

/* Floats before the first position of block i_task % n_blocks of picture i_task / n_blocks. */
static size_t block_at(const group_norm *g, int i_task)
{
    int64_t i = i_task / g->n_blocks, block = i_task % g->n_blocks;
    return (size_t)(i * g->positions + block * TB_MOMENT_ROWS) * (size_t)g->norm->n_channels;
}

static void measure_block(int i_task, void *user)
{
    const group_norm *g = user;
    int c = g->norm->n_channels;
    float *sum = g->partial + 2 * (size_t)i_task * (size_t)c;
    g->nn->kernels->network->channel_moments(sum, sum + c, g->in + block_at(g, i_task), (size_t)c,
                                             block_rows(g, i_task % g->n_blocks), c);
}

static moments channel_moments(const group_norm *g, int64_t i, int channel)
{
    size_t c = (size_t)g->norm->n_channels;
    moments all = {0};
    for (int64_t block = 0; block < g->n_blocks; block++) {
        const float *at = g->partial + 2 * c * (size_t)(i * g->n_blocks + block) + channel;
        double n = block_rows(g, block);
        all = moments_join(all, (moments){n, (double)at[0] / n, (double)at[c]});
    }
    return all;
}

/* Task: one group of one picture. */
static void find_factors(int i_task, void *user)
{
    const group_norm *g = user;
    const tb_norm *norm = g->norm;
    int64_t i = i_task / norm->n_groups;
    int n = norm->n_channels / norm->n_groups, first = i_task % norm->n_groups * n;
    moments all = {0};
    for (int c = first; c < first + n; c++)
        all = moments_join(all, channel_moments(g, i, c));
    double deviation = sqrt(all.m2 / all.n + (double)norm->eps);
    float *scale = g->factors + 2 * (size_t)i * (size_t)norm->n_channels;
    float *shift = scale + norm->n_channels;
    for (int c = first; c < first + n; c++) { /* the shift for the scale as it is rounded */
        scale[c] = (float)((double)norm->gain[c] / deviation);
        shift[c] = (float)((double)norm->shift[c] - all.mean * (double)scale[c]);
    }
}

static void apply_block(int i_task, void *user)
{
    const group_norm *g = user;
    int c = g->norm->n_channels;
    size_t at = block_at(g, i_task);
    const float *scale = g->factors + 2 * (size_t)(i_task / g->n_blocks) * (size_t)c;
    g->nn->kernels->network->scale_shift(g->out + at, g->in + at, (size_t)c, scale, scale + c,
                                         block_rows(g, i_task % g->n_blocks), c, g->has_silu);
}

void tb_group_norm(tb_nn *nn, float *out, const float *in, int n, int64_t positions,
                   const tb_norm *norm, bool has_silu)
{
    group_norm g = {.nn = nn, .norm = norm, .in = in, .has_silu = has_silu};
    size_t c = (size_t)norm->n_channels;
    g.out = out;
    g.positions = positions;
    g.n_blocks = (positions + TB_MOMENT_ROWS - 1) / TB_MOMENT_ROWS;
    int n_tasks = n * (int)g.n_blocks;
    g.partial = tb_nn_take(nn, 2 * c * (size_t)n_tasks);
    g.factors = tb_nn_take(nn, 2 * c * (size_t)n);
    if (tb_nn_begin(nn, 0)) {
        tb_nn_tasks(nn, n_tasks, measure_block, &g);
        tb_nn_tasks(nn, n * norm->n_groups, find_factors, &g);
        tb_nn_tasks(nn, n_tasks, apply_block, &g);
    }
    tb_nn_give(nn, g.factors);
    tb_nn_give(nn, g.partial);
}

typedef struct layer_norm {
    const tb_nn *nn;
    const tb_norm *norm;
    float *out;
    const float *in;
    int64_t n_rows;
} layer_norm;

static void normalize_rows(int i_task, void *user)
{
    const layer_norm *l = user;
    const tb_norm *norm = l->norm;
    int64_t first = (int64_t)i_task * NORM_ROWS;
    for (int64_t row = first; row < first + NORM_ROWS && row < l->n_rows; row++) {
        size_t at = (size_t)row * (size_t)norm->n_channels;
        l->nn->kernels->network->layer_norm(l->out + at, l->in + at, norm->gain, norm->shift,
                                            norm->n_channels, norm->eps);
    }
}

void tb_layer_norm(tb_nn *nn, float *out, const float *in, int64_t rows, const tb_norm *norm)
{
    layer_norm l = {.nn = nn, .norm = norm, .in = in, .n_rows = rows};
    l.out = out;
    if (tb_nn_begin(nn, 0))
        tb_nn_tasks(nn, (int)((rows + NORM_ROWS - 1) / NORM_ROWS), normalize_rows, &l);
}
