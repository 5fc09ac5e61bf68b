#include "engine/nn/winograd.h"

#include <assert.h>

#include "engine/kernels/table.h"

/*
 * Tiles go in blocks. A round of tasks transforms the inputs of some blocks to V, and does all else
 * for the blocks of the round before: a task takes a group of panels, transforms their filters to U
 * in scratch, a part of 12 values and TB_WINOGRAD_DEPTH channels at a time, multiplies V of all of
 * the block's tiles by it into sums, and writes the outputs. So weights stay in their own width and
 * are transformed once a block, U and the sums stay in second-level caches, and V in those after.
 *
 * In memory, V and the sums are planes of one value: [36][tiles][channels]. Rows and planes are an
 * odd number of cache lines apart, or the planes of one element would share few sets of a cache.
 */
enum {
    LINE_FLOATS = 16,
    GROUP_PANELS = 2,
    GROUP_COLUMNS = GROUP_PANELS * TB_GEMM_COLUMNS,
    MAX_TILES = 192,
    MIN_TILES = 48,
    V_FLOATS = 3 << 20,     /* of a block, about */
    TASKS_PER_THREAD = 4,   /* of a round */
    ROUND_FLOATS = 8 << 20, /* of V for a round, where one block does not take more */
    U_PANEL_FLOATS = TB_WINOGRAD_DEPTH * TB_GEMM_COLUMNS,
    U_PLANE_FLOATS = GROUP_PANELS * U_PANEL_FLOATS + LINE_FLOATS,
    U_FLOATS = TB_WINOGRAD_PART_VALUES * U_PLANE_FLOATS,
};

typedef struct run {
    tb_nn *nn;
    const tb_winograd *w;
    int out_h, out_w, tiles_y, tiles_x; /* of one picture */
    int64_t n_tiles;
    int block_tiles, n_blocks, round_blocks; /* blocks in a round */
    int n_panels, n_groups, input_tiles;     /* tiles of a task that transforms inputs */
    size_t v_row, v_plane, v_block;          /* floats from one to the next */
    size_t sums_plane;
    float *v; /* [2 rounds][round_blocks][36 planes][block_tiles][v_row] */
    int round;
} run;

/* Floats for n, an odd number of cache lines. */
static size_t odd_lines(size_t n)
{
    return ((n + LINE_FLOATS - 1) / LINE_FLOATS | 1) * LINE_FLOATS;
}

static int divide_up(int64_t a, int64_t b)
{
    return (int)((a + b - 1) / b);
}

/* Equal blocks, as many tiles as V's share of the caches allows; but filters are transformed once a
 * block, so not few. */
static int choose_block_tiles(const run *r)
{
    if (r->w->block_tiles > 0)
        return r->w->block_tiles;
    int64_t limit = V_FLOATS / (TB_WINOGRAD_VALUES * (int64_t)r->v_row);
    limit = limit < MIN_TILES ? MIN_TILES : limit > MAX_TILES ? MAX_TILES : limit;
    int64_t n_blocks = divide_up(r->n_tiles, limit);
    int tiles = divide_up(r->n_tiles, n_blocks);
    return n_blocks == 1 ? tiles : divide_up(tiles, TB_GEMM_ROWS) * TB_GEMM_ROWS;
}

/* Enough for `wanted` tasks, if memory of many threads did not grow with them. */
static int choose_round_blocks(const run *r, int wanted)
{
    size_t limit = ROUND_FLOATS / r->v_block;
    int n = divide_up(wanted, r->n_groups);
    n = n > r->n_blocks ? r->n_blocks : n;
    n = (size_t)n > limit ? (int)limit : n;
    return n < 1 ? 1 : n;
}

static run plan(tb_nn *nn, const tb_winograd *w)
{
    run r = {.nn = nn, .w = w};
    r.out_h = tb_conv_size(w->conv, w->in->h);
    r.out_w = tb_conv_size(w->conv, w->in->w);
    r.tiles_y = divide_up(r.out_h, TB_WINOGRAD_OUT);
    r.tiles_x = divide_up(r.out_w, TB_WINOGRAD_OUT);
    r.n_tiles = (int64_t)w->in->n * r.tiles_y * r.tiles_x;
    r.n_panels = divide_up(w->conv->matrix.n_out, TB_GEMM_COLUMNS);
    r.n_groups = divide_up(r.n_panels, GROUP_PANELS);
    r.v_row = odd_lines((size_t)w->conv->c_in);
    r.block_tiles = choose_block_tiles(&r);
    r.n_blocks = divide_up(r.n_tiles, r.block_tiles);
    int wanted = TASKS_PER_THREAD * tb_pool_n_threads(nn->pool);
    r.input_tiles = r.block_tiles >= 8 * wanted ? 4 : 1;
    r.v_plane = odd_lines((size_t)r.block_tiles * r.v_row);
    r.v_block = r.v_plane * TB_WINOGRAD_VALUES;
    r.round_blocks = choose_round_blocks(&r, wanted);
    r.sums_plane = odd_lines((size_t)r.block_tiles * GROUP_COLUMNS);
    return r;
}

static int tiles_of(const run *r, int block)
{
    int64_t left = r->n_tiles - (int64_t)block * r->block_tiles;
    return (int)(left < r->block_tiles ? left : r->block_tiles);
}

static float *v_of(const run *r, int block)
{
    int round = block / r->round_blocks;
    int place = round % 2 * r->round_blocks + block % r->round_blocks;
    return r->v + (size_t)place * r->v_block;
}

/* Where a tile is. */
typedef struct place {
    size_t picture;
    int y, x; /* its first output */
} place;

static place next_place(const run *r, place p)
{
    p.x += TB_WINOGRAD_OUT;
    if (p.x < r->out_w)
        return p;
    p.x = 0;
    p.y += TB_WINOGRAD_OUT;
    return p.y < r->out_h ? p : (place){.picture = p.picture + 1};
}

static place place_of(const run *r, int64_t tile)
{
    int64_t per_picture = (int64_t)r->tiles_y * r->tiles_x, at = tile % per_picture;
    return (place){.picture = (size_t)(tile / per_picture),
                   .y = (int)(at / r->tiles_x) * TB_WINOGRAD_OUT,
                   .x = (int)(at % r->tiles_x) * TB_WINOGRAD_OUT};
}

/* The 6x6 inputs of a tile; those around the picture are zeros[c_in]. */
static void find_pixels(const run *r, int64_t tile, const float *zeros,
                        const float *pixels[TB_WINOGRAD_VALUES])
{
    const tb_conv_pictures *in = r->w->in;
    const tb_conv *conv = r->w->conv;
    place p = place_of(r, tile);
    int shift = in->is_doubled ? 1 : 0;
    size_t c = (size_t)conv->c_in, h = (size_t)(in->h + shift) >> shift;
    size_t w = (size_t)(in->w + shift) >> shift;
    const float *picture = in->x + p.picture * h * w * c;
    for (int i = 0; i < TB_WINOGRAD_VALUES; i++) {
        int y = p.y - conv->pad_before + i / TB_WINOGRAD_TILE;
        int x = p.x - conv->pad_before + i % TB_WINOGRAD_TILE;
        bool is_inside = y >= 0 && y < in->h && x >= 0 && x < in->w;
        pixels[i] = !is_inside ? zeros
                               : picture + ((size_t)(y >> shift) * w + (size_t)(x >> shift)) * c;
    }
}

static void run_input(const run *r, int block, int first)
{
    const tb_winograd_kernels *kernels = r->nn->kernels->winograd;
    int n = tiles_of(r, block), c_in = r->w->conv->c_in;
    if (first >= n) /* the last block has fewer tiles, and tasks */
        return;
    float *zeros = tb_scratch_take(&r->nn->scratch);
    for (int c = 0; c < c_in; c++)
        zeros[c] = 0;
    int end = first + r->input_tiles < n ? first + r->input_tiles : n;
    const float *pixels[2][TB_WINOGRAD_VALUES]; /* of this tile and the next */
    find_pixels(r, (int64_t)block * r->block_tiles + first, zeros, pixels[0]);
    for (int i = first; i < end; i++) {
        int next = i + 1 < end ? i + 1 : i, now = (i - first) % 2;
        find_pixels(r, (int64_t)block * r->block_tiles + next, zeros, pixels[!now]);
        kernels->input(v_of(r, block) + (size_t)i * r->v_row, r->v_plane, pixels[now], pixels[!now],
                       c_in);
    }
    tb_scratch_give(&r->nn->scratch, zeros);
}

/* A group of panels for the tiles of a block. */
typedef struct group {
    const run *r;
    const float *v;
    int n_tiles, panel, n_panels;
    float *u;    /* [12 values][n_panels][n channels][16], U_PLANE_FLOATS from value to value */
    float *sums; /* [36][n_tiles][GROUP_COLUMNS], planes sums_plane apart */
} group;

/* Channels c .. c+n-1 of the group's filters to a part of U. */
static void transform_filters(const group *g, int part, int c, int n)
{
    const tb_winograd_kernels *kernels = g->r->nn->kernels->winograd;
    const tb_conv *conv = g->r->w->conv;
    const tb_matrix *m = &conv->matrix;
    size_t tap_ld = (size_t)conv->c_in * TB_GEMM_COLUMNS;
    for (int i = 0; i < g->n_panels; i++) {
        float *u = g->u + (size_t)i * (size_t)n * TB_GEMM_COLUMNS;
        size_t row = (size_t)(g->panel + i) * (size_t)m->n_in + (size_t)c;
        size_t at = row * TB_GEMM_COLUMNS;
        if (m->dtype == TB_DTYPE_F32)
            kernels->filter_f32(u, U_PLANE_FLOATS, (const float *)m->panels + at, tap_ld, n, part);
        else if (m->dtype == TB_DTYPE_F16)
            kernels->filter_f16(u, U_PLANE_FLOATS, (const uint16_t *)m->panels + at, tap_ld, n,
                                part);
        else
            kernels->filter_bf16(u, U_PLANE_FLOATS, (const uint16_t *)m->panels + at, tap_ld, n,
                                 part);
    }
}

/* Their products with the same channels of V. */
static void add_products(const group *g, int part, int c, int n)
{
    const run *r = g->r;
    for (int i = 0; i < TB_WINOGRAD_PART_VALUES; i++) {
        size_t value = (size_t)part * TB_WINOGRAD_PART_VALUES + (size_t)i;
        r->nn->kernels->network->gemm(&(tb_gemm_block){.c = g->sums + value * r->sums_plane,
                                                       .ldc = GROUP_COLUMNS,
                                                       .a = g->v + value * r->v_plane + c,
                                                       .lda = r->v_row,
                                                       .b = g->u + (size_t)i * U_PLANE_FLOATS,
                                                       .ldb = (size_t)n * TB_GEMM_COLUMNS,
                                                       .m = g->n_tiles,
                                                       .n_panels = g->n_panels,
                                                       .k = n,
                                                       .adds = c > 0});
    }
}

/* The next tile's outputs behind `row`, which stores would otherwise wait for one by one. */
static void expect_outputs(const float *row, size_t n_out)
{
    for (size_t x = TB_WINOGRAD_OUT; x < 2 * TB_WINOGRAD_OUT; x++)
        for (size_t c = 0; c < GROUP_COLUMNS; c += LINE_FLOATS) /* as a number: it may be outside */
            __builtin_prefetch((const void *)((uintptr_t)row + sizeof *row * (x * n_out + c)), 1);
}

/* Where the 4x4 outputs of a tile stand in `base` and their channels from `column` on. */
static void find_outputs(const run *r, place p, float *base, int column,
                         float *out[TB_WINOGRAD_PIXELS])
{
    size_t n_out = (size_t)r->w->conv->matrix.n_out, row_len = (size_t)r->out_w * n_out;
    float *row = base + (p.picture * (size_t)r->out_h + (size_t)p.y) * row_len +
                 (size_t)p.x * n_out + column;
    int n_rows = r->out_h - p.y, n_columns = r->out_w - p.x; /* inside, or more than a tile's */
    for (int y = 0; y < TB_WINOGRAD_OUT; y++) {
        if (y < n_rows)
            expect_outputs(row, n_out);
        for (int x = 0; x < TB_WINOGRAD_OUT; x++) {
            bool is_inside = y < n_rows && x < n_columns;
            out[TB_WINOGRAD_OUT * y + x] = is_inside ? row + (size_t)x * n_out : NULL;
        }
        if (y + 1 < n_rows) /* there is no pointer to behind the picture */
            row += row_len;
    }
}

/* The outputs of the tile at p, whose sums are g->sums + i * GROUP_COLUMNS. */
static void write_tile(const group *g, place p, int i)
{
    const run *r = g->r;
    const tb_winograd *w = r->w;
    const tb_matrix *m = &w->conv->matrix;
    int column = g->panel * TB_GEMM_COLUMNS, n = g->n_panels * TB_GEMM_COLUMNS;
    float *out[TB_WINOGRAD_PIXELS];
    const float *residual[TB_WINOGRAD_PIXELS];
    find_outputs(r, p, w->out, column, out);
    for (int pixel = 0; w->residual != NULL && pixel < TB_WINOGRAD_PIXELS; pixel++)
        residual[pixel] = out[pixel] != NULL ? w->residual + (out[pixel] - w->out) : NULL;
    r->nn->kernels->winograd->output(
        &(tb_winograd_output){.out = out,
                              .residual = w->residual != NULL ? residual : NULL,
                              .bias = m->bias != NULL ? m->bias + column : NULL,
                              .sums = g->sums + (size_t)i * GROUP_COLUMNS,
                              .plane = r->sums_plane,
                              .n = m->n_out - column < n ? m->n_out - column : n});
}

static void run_group(const run *r, int block, int i_group)
{
    group g = {.r = r, .v = v_of(r, block), .n_tiles = tiles_of(r, block)};
    int c_in = r->w->conv->c_in;
    g.panel = i_group * GROUP_PANELS;
    g.n_panels = r->n_panels - g.panel < GROUP_PANELS ? r->n_panels - g.panel : GROUP_PANELS;
    g.u = tb_scratch_take(&r->nn->scratch);
    g.sums = g.u + U_FLOATS;
    for (int part = 0; part < TB_WINOGRAD_PARTS; part++)
        for (int c = 0; c < c_in; c += TB_WINOGRAD_DEPTH) {
            int n = c_in - c < TB_WINOGRAD_DEPTH ? c_in - c : TB_WINOGRAD_DEPTH;
            transform_filters(&g, part, c, n);
            add_products(&g, part, c, n);
        }
    place p = place_of(r, (int64_t)block * r->block_tiles);
    for (int i = 0; i < g.n_tiles; i++, p = next_place(r, p))
        write_tile(&g, p, i);
    tb_scratch_give(&r->nn->scratch, g.u);
}

/* Blocks of round i, which may be before the first or after the last. */
static int blocks_of(const run *r, int round)
{
    int left = r->n_blocks - round * r->round_blocks;
    return round < 0 || left < 0 ? 0 : left < r->round_blocks ? left : r->round_blocks;
}

/* The products of the round before first, they are the longer ones. */
static void run_task(int i_task, void *user)
{
    const run *r = user;
    int n_before = blocks_of(r, r->round - 1) * r->n_groups;
    if (i_task < n_before) {
        int block = (r->round - 1) * r->round_blocks + i_task / r->n_groups;
        run_group(r, block, i_task % r->n_groups);
        return;
    }
    int per_block = divide_up(r->block_tiles, r->input_tiles), i = i_task - n_before;
    run_input(r, r->round * r->round_blocks + i / per_block, i % per_block * r->input_tiles);
}

void tb_winograd_run(tb_nn *nn, const tb_winograd *winograd)
{
    assert(winograd->conv->kernel == 3 && winograd->conv->stride == 1);
    run r = plan(nn, winograd);
    if (r.n_tiles == 0)
        return;
    int n_rounds = divide_up(r.n_blocks, r.round_blocks);
    int n_buffers = n_rounds > 1 ? 2 : 1;
    r.v = tb_nn_take(nn, (size_t)(n_buffers * r.round_blocks) * r.v_block);
    size_t sums = TB_WINOGRAD_VALUES * r.sums_plane, zeros = (size_t)winograd->conv->c_in;
    if (tb_nn_begin(nn, U_FLOATS + sums > zeros ? U_FLOATS + sums : zeros)) {
        int per_block = divide_up(r.block_tiles, r.input_tiles);
        for (r.round = 0; r.round <= n_rounds; r.round++)
            tb_nn_tasks(
                nn, blocks_of(&r, r.round - 1) * r.n_groups + blocks_of(&r, r.round) * per_block,
                run_task, &r);
    }
    tb_nn_give(nn, r.v);
}
