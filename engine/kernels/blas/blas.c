#include "engine/kernels/blas/blas.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernels/blas/library.h"
#include "engine/kernels/table.h"
#include "engine/os/scratch.h"

/*
 * A library wants rows of B, not panels of 16 columns: panels are put side by side first, in memory
 * of the thread, which is the one allocation of a kernel. Without memory each panel is a product.
 */
enum {
    PIECE_PANELS = 16, /* put side by side at a time; 8 and 32 measured the same */
    PIECE_COLUMNS = PIECE_PANELS * TB_GEMM_COLUMNS,
    PIECE_FLOATS = TB_GEMM_DEPTH * PIECE_COLUMNS /* 256 KB */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all but the thread's own */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER; /* where the library wants it */
static tb_blas blas;
static tb_network_kernels network; /* these four are constant once is_ready is */
static tb_kernels kernels;
static pthread_key_t piece_key;
static bool is_ready;

static _Thread_local bool is_limited;

static void limit_thread(void)
{
    if (blas.limit_thread != NULL)
        blas.limit_thread(1);
    if (blas.limit_threading != NULL)
        (void)blas.limit_threading(1);
    is_limited = true;
}

/* C[m][n] = or += A B[k][n], rows of B ldb apart. */
static void multiply(const tb_gemm_block *g, int m, float *c, const float *a, const float *b, int n,
                     int ldb)
{
    int lda = m == 1 ? g->k : (int)g->lda, ldc = m == 1 ? n : (int)g->ldc; /* unused for a row */
    if (blas.is_locked)
        pthread_mutex_lock(&one_at_a_time);
    blas.sgemm(TB_BLAS_ROW_MAJOR, TB_BLAS_NO_TRANSPOSE, TB_BLAS_NO_TRANSPOSE, m, n, g->k, 1, a, lda,
               b, ldb, g->adds ? 1 : 0, c, ldc);
    if (blas.is_locked)
        pthread_mutex_unlock(&one_at_a_time);
}

/* A library refuses rows of A that lie in each other: these go one by one. */
static void multiply_rows(const tb_gemm_block *g, float *c, const float *b, int n, int ldb)
{
    if (g->lda >= (size_t)g->k)
        multiply(g, g->m, c, g->a, b, n, ldb);
    else
        for (int i = 0; i < g->m; i++)
            multiply(g, 1, c + (size_t)i * g->ldc, g->a + (size_t)i * g->lda, b, n, ldb);
}

static float *piece_of_thread(void)
{
    float *piece = pthread_getspecific(piece_key);
    if (piece == NULL && (piece = tb_floats_alloc(PIECE_FLOATS)) != NULL &&
        pthread_setspecific(piece_key, piece) != 0) {
        free(piece);
        piece = NULL;
    }
    return piece;
}

/* Panels [k][16], ldb apart, to out[k][16 n_panels]. */
static void join_panels(float *out, const float *b, size_t ldb, int n_panels, int k)
{
    for (int i = 0; i < k; i++)
        for (int p = 0; p < n_panels; p++, out += TB_GEMM_COLUMNS)
            memcpy(out, b + (size_t)p * ldb + (size_t)i * TB_GEMM_COLUMNS,
                   sizeof *out * TB_GEMM_COLUMNS);
}

static void gemm(const tb_gemm_block *g)
{
    assert(g->lda <= INT_MAX && g->ldc <= INT_MAX);
    if (!is_limited)
        limit_thread();
    float *piece = g->n_panels > 1 ? piece_of_thread() : NULL;
    int at_once = piece == NULL ? 1 : PIECE_PANELS;
    for (int p = 0; p < g->n_panels; p += at_once) {
        int n_panels = g->n_panels - p < at_once ? g->n_panels - p : at_once;
        const float *b = g->b + (size_t)p * g->ldb;
        if (n_panels > 1) {
            join_panels(piece, b, g->ldb, n_panels, g->k);
            b = piece;
        }
        multiply_rows(g, g->c + (size_t)p * TB_GEMM_COLUMNS, b, n_panels * TB_GEMM_COLUMNS,
                      n_panels * TB_GEMM_COLUMNS);
    }
}

static tb_status prepare(const tb_kernels *best, tb_error *err)
{
    tb_status st = tb_blas_open(&blas, err);
    if (st != TIMBRE_OK)
        return st;
    if (pthread_key_create(&piece_key, free) != 0)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the kernels 'blas'");
    network = *best->network;
    network.gemm = gemm;
    network.gemm_panels = PIECE_PANELS;
    kernels = (tb_kernels){
        .name = "blas", .frames = best->frames, .network = &network, .library = blas.name};
    is_ready = true;
    return TIMBRE_OK;
}

tb_status tb_blas_kernels(const tb_kernels *best, const tb_kernels **out, tb_error *err)
{
    *out = NULL;
    pthread_mutex_lock(&lock);
    tb_status st = is_ready ? TIMBRE_OK : prepare(best, err);
    pthread_mutex_unlock(&lock);
    if (st == TIMBRE_OK)
        *out = &kernels;
    return st;
}
