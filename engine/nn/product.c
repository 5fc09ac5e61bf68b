#include "engine/nn/product.h"

#include <string.h>

#include "engine/kernels/table.h"

/*
 * A tile of 192 rows by 256 columns is summed in scratch: with a block of A (240 KB) and a widened
 * block of a panel or two (20 KB each) it is what a second-level cache of 512 KB holds. A panel is
 * widened once for 192 rows: a fiftieth of the time.
 */
enum {
    GROUP_PANELS = 16, /* at most, in one task; of both matrices */
    TASKS_PER_THREAD = 6,
    PANEL_FLOATS = TB_GEMM_DEPTH * TB_GEMM_COLUMNS,
    ROOM_FLOATS = TB_PRODUCT_ROWS * TB_GEMM_DEPTH,
    LD_SPARE = 16, /* rows of the tile never share sets of a cache */
    TILE_FLOATS = TB_PRODUCT_ROWS * (GROUP_PANELS * TB_GEMM_COLUMNS + LD_SPARE)
};

typedef struct run {
    tb_nn *nn;
    const tb_network_kernels *kernels;
    const tb_product *p;
    int64_t n_tiles;
    int tile_rows, n_panels, group_panels; /* panels: of one matrix */
    int depth;
    bool is_direct; /* sums go where they stay */
} run;

/* What one task computes, and where. */
typedef struct tile {
    const run *r;
    int64_t row;
    int n_rows, panel, n_panels;
    float *widened; /* [gemm_panels][depth][16] */
    float *room;    /* [n_rows][depth] */
    float *sums;    /* [n_rows][ld]: of the matrix, then of its gate */
    size_t ld;
} tile;

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Groups of panels: no more than a task may take, enough to keep all threads busy, and as many
 * tasks for each; what the kernel takes at once is not torn apart where that leaves tasks enough.
 */
static int choose_group(const run *r)
{
    int64_t n_threads = tb_pool_n_threads(r->nn->pool);
    int64_t most = r->p->gate != NULL ? GROUP_PANELS / 2 : GROUP_PANELS;
    int64_t n_groups = ceil_div(r->n_panels, most);
    int64_t n_more = ceil_div(TASKS_PER_THREAD * n_threads, r->n_tiles);
    n_groups = n_more > n_groups ? n_more : n_groups;
    for (int i = 0; i < n_threads && n_groups * r->n_tiles % n_threads != 0; i++)
        n_groups++;
    n_groups = n_groups > r->n_panels ? r->n_panels : n_groups;
    int64_t group = ceil_div(r->n_panels, n_groups), at_once = r->kernels->gemm_panels;
    int64_t whole = ceil_div(group, at_once) * at_once;
    bool is_enough = ceil_div(r->n_panels, whole) * r->n_tiles >= 2 * n_threads;
    return (int)(whole <= most && is_enough ? whole : group);
}

/* Equal tiles. */
static void split(run *r)
{
    r->n_panels = (int)ceil_div(r->p->w->n_out, TB_GEMM_COLUMNS);
    r->n_tiles = ceil_div(r->p->n_rows, TB_PRODUCT_ROWS);
    int64_t rows = ceil_div(r->p->n_rows, r->n_tiles);
    r->tile_rows = (int)ceil_div(rows, TB_GEMM_ROWS) * TB_GEMM_ROWS;
    r->n_tiles = ceil_div(r->p->n_rows, r->tile_rows);
    r->group_panels = choose_group(r);
}

static run plan(tb_nn *nn, const tb_product *p)
{
    run r = {.nn = nn, .kernels = nn->kernels->network, .p = p};
    r.depth = tb_product_depth(p->w->n_in);
    r.is_direct = p->w->bias == NULL && p->residual == NULL && p->gate == NULL &&
                  p->w->n_out % TB_GEMM_COLUMNS == 0;
    split(&r);
    return r;
}

/* Panels of a matrix as floats: products k .. k+n_k-1 of n_panels of them; ldb apart. */
static const float *panel_blocks(const tile *t, const tb_matrix *w, int panel, int n_panels, int k,
                                 int n_k, size_t *ldb)
{
    const tb_network_kernels *kernels = t->r->kernels;
    size_t ld = (size_t)w->n_in * TB_GEMM_COLUMNS, n = (size_t)n_k * TB_GEMM_COLUMNS;
    size_t at = (size_t)panel * ld + (size_t)k * TB_GEMM_COLUMNS;
    if (w->dtype == TB_DTYPE_F32) {
        *ldb = ld;
        return (const float *)w->panels + at;
    }
    const uint16_t *halves = (const uint16_t *)w->panels + at;
    for (int i = 0; i < n_panels; i++)
        (w->dtype == TB_DTYPE_F16 ? kernels->widen_f16 : kernels->widen_bf16)(
            t->widened + (size_t)i * n, halves + (size_t)i * ld, n);
    *ldb = n;
    return t->widened;
}

/* sums += A W^T for products k .. k+n_k-1 of the tile's panels of one matrix. */
static void add_matrix(const tile *t, const tb_matrix *w, float *sums, const tb_product_rows *a,
                       int k, int n_k)
{
    int at_once = t->r->kernels->gemm_panels;
    tb_gemm_block block = {.ldc = t->ld, .a = a->at, .lda = a->ld, .m = t->n_rows};
    block.k = n_k;
    block.adds = k > 0;
    for (int i = 0; i < t->n_panels; i += at_once) {
        block.n_panels = t->n_panels - i < at_once ? t->n_panels - i : at_once;
        block.b = panel_blocks(t, w, t->panel + i, block.n_panels, k, n_k, &block.ldb);
        block.c = sums + (size_t)i * TB_GEMM_COLUMNS;
        t->r->kernels->gemm(&block);
    }
}

/* Of the gate, behind those of the matrix. */
static float *gate_sums(const tile *t)
{
    return t->sums + (size_t)t->r->group_panels * TB_GEMM_COLUMNS;
}

static void sum_tile(const tile *t)
{
    const tb_product *p = t->r->p;
    int n_in = p->w->n_in;
    for (int k = 0; k < n_in; k += t->r->depth) {
        int n_k = n_in - k < t->r->depth ? n_in - k : t->r->depth;
        tb_product_rows a = p->rows(p->user, t->row, t->n_rows, k, n_k, t->room);
        add_matrix(t, p->w, t->sums, &a, k, n_k);
        if (p->gate != NULL)
            add_matrix(t, p->gate, gate_sums(t), &a, k, n_k);
    }
}

/* out = sums + bias + residual, which may be out, of one row's n columns from `column` on. */
static void write_row(const tile *t, float *out, float *sums, const float *residual, size_t column,
                      size_t n)
{
    const tb_network_kernels *kernels = t->r->kernels;
    const float *bias = t->r->p->w->bias;
    if (bias != NULL && residual != NULL)
        kernels->add_twice(out, sums, bias + column, residual, n);
    else if (bias != NULL)
        kernels->add(out, sums, bias + column, n);
    else if (residual != NULL)
        kernels->add(out, sums, residual, n);
    else
        memcpy(out, sums, sizeof *out * n);
}

/* out = (sums + bias) * gelu(those of the gate) */
static void write_gated_row(const tile *t, float *out, float *sums, float *gate, size_t column,
                            size_t n)
{
    const tb_network_kernels *kernels = t->r->kernels;
    const tb_product *p = t->r->p;
    if (p->w->bias != NULL)
        kernels->add(sums, sums, p->w->bias + column, n);
    if (p->gate->bias != NULL)
        kernels->add(gate, gate, p->gate->bias + column, n);
    kernels->geglu(out, sums, gate, n);
}

static void write_tile(const tile *t)
{
    const tb_product *p = t->r->p;
    size_t n_out = (size_t)p->w->n_out, column = (size_t)t->panel * TB_GEMM_COLUMNS;
    size_t n = (size_t)t->n_panels * TB_GEMM_COLUMNS;
    n = n_out - column < n ? n_out - column : n;
    for (int i = 0; i < t->n_rows; i++) {
        size_t at = (size_t)(t->row + i) * n_out + column, sum = (size_t)i * t->ld;
        if (p->gate != NULL)
            write_gated_row(t, p->out + at, t->sums + sum, gate_sums(t) + sum, column, n);
        else
            write_row(t, p->out + at, t->sums + sum, p->residual != NULL ? p->residual + at : NULL,
                      column, n);
    }
}

static void run_tile(int i_task, void *user)
{
    const run *r = user;
    const tb_product *p = r->p;
    tile t = {.r = r}; /* tiles that run at the same time share panels */
    t.row = i_task % r->n_tiles * r->tile_rows;
    t.n_rows = (int)(p->n_rows - t.row < r->tile_rows ? p->n_rows - t.row : r->tile_rows);
    t.panel = (int)(i_task / r->n_tiles) * r->group_panels;
    t.n_panels = r->n_panels - t.panel < r->group_panels ? r->n_panels - t.panel : r->group_panels;
    t.room = tb_scratch_take(&r->nn->scratch);
    t.sums = t.room + ROOM_FLOATS;
    t.widened = t.sums + TILE_FLOATS;
    t.ld = (size_t)(p->gate != NULL ? 2 : 1) * (size_t)r->group_panels * TB_GEMM_COLUMNS + LD_SPARE;
    if (r->is_direct) {
        t.ld = (size_t)p->w->n_out;
        t.sums = p->out + (size_t)t.row * t.ld + (size_t)t.panel * TB_GEMM_COLUMNS;
    }
    sum_tile(&t);
    if (!r->is_direct)
        write_tile(&t);
    tb_scratch_give(&r->nn->scratch, t.room);
}

void tb_product_run(tb_nn *nn, const tb_product *product)
{
    size_t n_widened = (size_t)nn->kernels->network->gemm_panels * PANEL_FLOATS;
    if (!tb_nn_begin(nn, ROOM_FLOATS + TILE_FLOATS + n_widened) || product->n_rows == 0)
        return;
    run r = plan(nn, product);
    tb_nn_tasks(nn, (int)(r.n_tiles * ceil_div(r.n_panels, r.group_panels)), run_tile, &r);
}
