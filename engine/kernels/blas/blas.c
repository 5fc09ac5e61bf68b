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
 * A panel is a product that any library can do, but a narrow one: they are put side by side first,
 * in memory of the thread, which is the one allocation of a kernel. OpenBLAS 0.3.21 is 8-15 %
 * faster so with its AVX2 code and as fast with that for AVX-512. Without memory each is a product.
 */
enum {
    PIECE_PANELS = 16, /* put side by side at a time; 8 and 32 measured the same */
    PIECE_COLUMNS = PIECE_PANELS * TB_GEMM_COLUMNS,
    PIECE_FLOATS = TB_GEMM_DEPTH * PIECE_COLUMNS /* 256 KB */
};

/* A kernel has no place for what it needs, and a library is opened once in a process. */
static struct {
    pthread_mutex_t lock; /* guards all below until is_ready; then they are constant */
    pthread_mutex_t turn; /* of the one that multiplies, where the library has is_locked */
    bool is_ready;
    tb_blas blas;
    tb_network_kernels network;
    tb_kernels kernels;
    pthread_key_t piece_key; /* each thread's memory, [PIECE_FLOATS] */
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER, .turn = PTHREAD_MUTEX_INITIALIZER};

static void limit_thread(void)
{
    if (shared.blas.limit_thread != NULL)
        shared.blas.limit_thread(1);
    if (shared.blas.limit_threading != NULL)
        (void)shared.blas.limit_threading(1);
}

/* The thread's memory; NULL: there is none. Makes the library compute in this thread first. */
static float *prepare_thread(void)
{
    float *piece = pthread_getspecific(shared.piece_key);
    if (piece != NULL)
        return piece;
    limit_thread();
    piece = tb_floats_alloc(PIECE_FLOATS);
    if (piece != NULL && pthread_setspecific(shared.piece_key, piece) != 0) {
        free(piece);
        piece = NULL;
    }
    return piece;
}

/* C[m][n] = or += A B[k][n], rows of B ldb apart. */
static void multiply(const tb_gemm_block *g, int m, float *c, const float *a, const float *b, int n,
                     int ldb)
{
    int lda = m == 1 ? g->k : (int)g->lda, ldc = m == 1 ? n : (int)g->ldc; /* unused for a row */
    if (shared.blas.is_locked)
        pthread_mutex_lock(&shared.turn);
    shared.blas.sgemm(TB_BLAS_ROW_MAJOR, TB_BLAS_NO_TRANSPOSE, TB_BLAS_NO_TRANSPOSE, m, n, g->k, 1,
                      a, lda, b, ldb, g->adds ? 1 : 0, c, ldc);
    if (shared.blas.is_locked)
        pthread_mutex_unlock(&shared.turn);
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
    float *piece = prepare_thread();
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
    tb_status st = tb_blas_open(&shared.blas, err);
    if (st != TIMBRE_OK)
        return st;
    if (pthread_key_create(&shared.piece_key, free) != 0)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the kernels 'blas'");
    shared.network = *best->network;
    shared.network.gemm = gemm;
    shared.network.gemm_panels = PIECE_PANELS;
    shared.kernels = (tb_kernels){.name = "blas",
                                  .frames = best->frames,
                                  .network = &shared.network,
                                  .winograd = best->winograd,
                                  .library = shared.blas.name};
    shared.is_ready = true;
    return TIMBRE_OK;
}

tb_status tb_blas_kernels(const tb_kernels *best, const tb_kernels **out, tb_error *err)
{
    *out = NULL;
    pthread_mutex_lock(&shared.lock);
    tb_status st = shared.is_ready ? TIMBRE_OK : prepare(best, err);
    pthread_mutex_unlock(&shared.lock);
    if (st == TIMBRE_OK)
        *out = &shared.kernels;
    return st;
}
