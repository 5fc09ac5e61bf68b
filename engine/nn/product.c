#include "engine/nn/product.h"

#include <string.h>

#include "engine/kernels/table.h"

/*
 * A tile of 96 rows by 512 columns is summed in scratch: with a block of A (96 KB) and one widened
 * block of a panel (16 KB) it fits a second-level cache of 512 KB.
 */
enum {
    GROUP_PANELS = 32, /* at most, in one task */
    TASKS_PER_THREAD = 6,
    PANEL_FLOATS = TB_GEMM_DEPTH * TB_GEMM_COLUMNS,
    ROOM_FLOATS = TB_PRODUCT_ROWS * TB_GEMM_DEPTH,
    LD_SPARE = 16, /* rows of the tile never share sets of a cache */
    TILE_FLOATS = TB_PRODUCT_ROWS * (GROUP_PANELS * TB_GEMM_COLUMNS + LD_SPARE),
    SCRATCH_FLOATS = PANEL_FLOATS + ROOM_FLOATS + TILE_FLOATS
};

typedef struct run {
    tb_nn *nn;
    const tb_product *p;
    int64_t n_tiles;
    int tile_rows, n_panels, group_panels;
} run;

/* What one task computes, and where. */
typedef struct tile {
    const run *r;
    int64_t row;
    int n_rows, panel, n_panels;
    float *widened; /* [TB_GEMM_DEPTH][16] */
    float *room;    /* [n_rows][TB_GEMM_DEPTH] */
    float *sums;    /* [n_rows][ld] */
    size_t ld;
} tile;

/* Equal tiles; columns are split as far as it takes to keep all threads busy. */
static run split(tb_nn *nn, const tb_product *p)
{
    run r = {.nn = nn, .p = p};
    r.n_panels = (p->w->n_out + TB_GEMM_COLUMNS - 1) / TB_GEMM_COLUMNS;
    r.n_tiles = (p->n_rows + TB_PRODUCT_ROWS - 1) / TB_PRODUCT_ROWS;
    int64_t rows = (p->n_rows + r.n_tiles - 1) / r.n_tiles;
    r.tile_rows = (int)((rows + TB_GEMM_ROWS - 1) / TB_GEMM_ROWS) * TB_GEMM_ROWS;
    r.n_tiles = (p->n_rows + r.tile_rows - 1) / r.tile_rows;
    int64_t n_wanted = (int64_t)TASKS_PER_THREAD * tb_pool_n_threads(nn->pool);
    int64_t n_groups = (r.n_panels + GROUP_PANELS - 1) / GROUP_PANELS;
    int64_t n_more = (n_wanted + r.n_tiles - 1) / r.n_tiles;
    n_groups = n_more > n_groups ? n_more : n_groups;
    n_groups = n_groups > r.n_panels ? r.n_panels : n_groups;
    r.group_panels = (int)((r.n_panels + n_groups - 1) / n_groups);
    return r;
}

/* Products k .. k+n_k-1 of a panel's columns as floats. */
static const float *panel_block(const tile *t, int panel, int k, int n_k)
{
    const tb_matrix *w = t->r->p->w;
    const tb_network_kernels *kernels = t->r->nn->kernels->network;
    size_t at = ((size_t)panel * (size_t)w->n_in + (size_t)k) * TB_GEMM_COLUMNS;
    size_t n = (size_t)n_k * TB_GEMM_COLUMNS;
    if (w->dtype == TB_DTYPE_F32)
        return (const float *)w->panels + at;
    const uint16_t *halves = (const uint16_t *)w->panels + at;
    if (w->dtype == TB_DTYPE_F16)
        kernels->widen_f16(t->widened, halves, n);
    else
        kernels->widen_bf16(t->widened, halves, n);
    return t->widened;
}

/* One block of products of the whole tile. */
static void add_block(const tile *t, int k, int n_k)
{
    const tb_product *p = t->r->p;
    const tb_network_kernels *kernels = t->r->nn->kernels->network;
    tb_product_rows rows = p->rows(p->user, t->row, t->n_rows, k, n_k, t->room);
    for (int i = 0; i < t->n_panels; i++) {
        const float *b = panel_block(t, t->panel + i, k, n_k);
        kernels->gemm(&(tb_gemm_block){.c = t->sums + (size_t)i * TB_GEMM_COLUMNS,
                                       .ldc = t->ld,
                                       .a = rows.at,
                                       .lda = rows.ld,
                                       .b = b,
                                       .m = t->n_rows,
                                       .n_panels = 1,
                                       .k = n_k,
                                       .adds = k > 0});
    }
}

/* out = sums + bias + residual, which may be out. */
static void write_tile(const tile *t)
{
    const tb_product *p = t->r->p;
    const tb_network_kernels *kernels = t->r->nn->kernels->network;
    int column = t->panel * TB_GEMM_COLUMNS, n = t->n_panels * TB_GEMM_COLUMNS;
    size_t len = (size_t)(p->w->n_out - column < n ? p->w->n_out - column : n);
    for (int i = 0; i < t->n_rows; i++) {
        size_t at = (size_t)(t->row + i) * (size_t)p->w->n_out + (size_t)column;
        float *sums = t->sums + (size_t)i * t->ld;
        if (p->w->bias != NULL)
            kernels->add(sums, sums, p->w->bias + column, len);
        if (p->residual != NULL)
            kernels->add(p->out + at, sums, p->residual + at, len);
        else
            memcpy(p->out + at, sums, sizeof *sums * len);
    }
}

static void run_tile(int i_task, void *user)
{
    const run *r = user;
    tile t = {.r = r}; /* tiles that run at the same time share panels */
    t.row = i_task % r->n_tiles * r->tile_rows;
    t.n_rows = (int)(r->p->n_rows - t.row < r->tile_rows ? r->p->n_rows - t.row : r->tile_rows);
    t.panel = (int)(i_task / r->n_tiles) * r->group_panels;
    t.n_panels = r->n_panels - t.panel < r->group_panels ? r->n_panels - t.panel : r->group_panels;
    t.ld = (size_t)r->group_panels * TB_GEMM_COLUMNS + LD_SPARE;
    t.widened = tb_scratch_take(&r->nn->scratch);
    t.room = t.widened + PANEL_FLOATS;
    t.sums = t.room + ROOM_FLOATS;
    int n_in = r->p->w->n_in;
    for (int k = 0; k < n_in; k += TB_GEMM_DEPTH)
        add_block(&t, k, n_in - k < TB_GEMM_DEPTH ? n_in - k : TB_GEMM_DEPTH);
    write_tile(&t);
    tb_scratch_give(&r->nn->scratch, t.widened);
}

void tb_product_run(tb_nn *nn, const tb_product *product)
{
    if (!tb_nn_begin(nn, SCRATCH_FLOATS) || product->n_rows == 0)
        return;
    run r = split(nn, product);
    int n_groups = (r.n_panels + r.group_panels - 1) / r.group_panels;
    tb_nn_tasks(nn, (int)r.n_tiles * n_groups, run_tile, &r);
}
