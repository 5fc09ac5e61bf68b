#include "engine/nn/nn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN_FLOATS = 16, DRY_BASE = 4096 };

/* A dry run has as much as it takes; addresses of it still fit a pointer. */
#define UNLIMITED (SIZE_MAX / 16 / ALIGN_FLOATS * ALIGN_FLOATS)

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN
#endif

#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#endif

/* Under AddressSanitizer, what is not taken may not be touched. */
static void poison(float *at, size_t n)
{
#ifdef HAS_ASAN
    if (at != NULL)
        __asan_poison_memory_region(at, sizeof *at * n);
#endif
}

static void unpoison(float *at, size_t n)
{
#ifdef HAS_ASAN
    if (at != NULL)
        __asan_unpoison_memory_region(at, sizeof *at * n);
#endif
}

void tb_nn_init(tb_nn *nn, const tb_kernels *kernels, tb_pool *pool)
{
    memset(nn, 0, sizeof *nn);
    nn->kernels = kernels;
    nn->pool = pool;
    nn->is_dry = true;
}

void tb_nn_release(tb_nn *nn)
{
    unpoison(nn->memory, nn->n_floats);
    free(nn->memory);
    nn->memory = NULL;
    nn->n_floats = nn->peak_floats = nn->scratch_floats = 0;
    nn->n_blocks = 0;
    tb_scratch_deinit(&nn->scratch);
}

void tb_nn_deinit(tb_nn *nn)
{
    tb_nn_release(nn);
    memset(nn, 0, sizeof *nn);
}

/* One free block: nothing is taken. */
static void clear_blocks(tb_nn *nn)
{
    nn->n_blocks = 1;
    nn->blocks[0] = (tb_nn_block){.n = nn->n_floats, .is_free = true};
    poison(nn->memory, nn->n_floats);
}

/* What a work needs, in floats. */
typedef struct need {
    size_t memory, scratch;
} need;

static need find_need(tb_nn *nn, tb_nn_work work, void *user)
{
    float *memory = nn->memory;
    need before = {nn->n_floats, nn->scratch_floats}, out;
    nn->memory = NULL;
    nn->n_floats = UNLIMITED;
    nn->peak_floats = nn->scratch_floats = 0;
    nn->is_dry = true;
    nn->is_stopped = false;
    clear_blocks(nn);
    work(nn, user);
    assert(nn->n_blocks == 1 && nn->blocks[0].is_free); /* all is given back */
    out = (need){nn->peak_floats, nn->scratch_floats};
    nn->memory = memory;
    nn->n_floats = nn->peak_floats = before.memory;
    nn->scratch_floats = before.scratch;
    return out;
}

static size_t need_bytes(const tb_nn *nn, const need *n)
{
    size_t scratch, floats, bytes;
    size_t n_threads = (size_t)tb_pool_n_threads(nn->pool);
    if (__builtin_mul_overflow(n->scratch, n_threads, &scratch) ||
        __builtin_add_overflow(n->memory, scratch, &floats) ||
        __builtin_mul_overflow(floats, sizeof(float), &bytes))
        return SIZE_MAX;
    return bytes;
}

size_t tb_nn_measure(tb_nn *nn, tb_nn_work work, void *user)
{
    need n = find_need(nn, work, user);
    return need_bytes(nn, &n);
}

tb_status tb_nn_reserve(tb_nn *nn, tb_nn_work work, void *user, tb_error *err)
{
    need n = find_need(nn, work, user);
    tb_nn_release(nn);
    size_t n_scratch = n.scratch > 0 ? n.scratch : ALIGN_FLOATS;
    nn->memory = tb_floats_alloc(n.memory > 0 ? n.memory : ALIGN_FLOATS);
    tb_status st = TIMBRE_OK;
    if (nn->memory == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %zu bytes of activations",
                     need_bytes(nn, &n));
    else
        st = tb_scratch_init(&nn->scratch, tb_pool_n_threads(nn->pool), n_scratch, err);
    nn->n_floats = nn->peak_floats = n.memory;
    nn->scratch_floats = n.scratch;
    if (st != TIMBRE_OK)
        tb_nn_release(nn);
    return st;
}

tb_status tb_nn_run(tb_nn *nn, tb_nn_work work, void *user, const tb_progress *progress,
                    tb_error *err)
{
    assert(nn->memory != NULL); /* reserved */
    nn->progress = progress;
    nn->is_dry = false;
    nn->is_stopped = false;
    clear_blocks(nn);
    work(nn, user);
    assert(nn->n_blocks == 1 && nn->blocks[0].is_free);
    nn->is_dry = true;
    nn->progress = NULL;
    return nn->is_stopped ? tb_fail(err, TIMBRE_CANCELLED, "interrupted") : TIMBRE_OK;
}

/* In a dry run an address that is never touched. */
static float *address_of(const tb_nn *nn, size_t at)
{
    if (nn->memory != NULL)
        return nn->memory + at;
    return (float *)(uintptr_t)(DRY_BASE + sizeof(float) * at);
}

static void insert_block(tb_nn *nn, int i, tb_nn_block block)
{
    assert(nn->n_blocks < TB_NN_MAX_BLOCKS);
    memmove(&nn->blocks[i + 1], &nn->blocks[i], sizeof block * (size_t)(nn->n_blocks - i));
    nn->blocks[i] = block;
    nn->n_blocks++;
}

static void remove_block(tb_nn *nn, int i)
{
    nn->n_blocks--;
    memmove(&nn->blocks[i], &nn->blocks[i + 1], sizeof nn->blocks[0] * (size_t)(nn->n_blocks - i));
}

/* First fit: offsets follow from the order of takes and gives alone, so that those of a run are
 * those of its dry run. */
float *tb_nn_take(tb_nn *nn, size_t n_floats)
{
    assert(n_floats <= UNLIMITED - ALIGN_FLOATS);
    size_t n = (n_floats / ALIGN_FLOATS + (n_floats % ALIGN_FLOATS != 0)) * ALIGN_FLOATS;
    if (n == 0) /* addresses of its own */
        n = ALIGN_FLOATS;
    int i = 0;
    while (i < nn->n_blocks && !(nn->blocks[i].is_free && nn->blocks[i].n >= n))
        i++;
    assert(i < nn->n_blocks); /* more than its dry run took */
    tb_nn_block *b = &nn->blocks[i];
    size_t at = b->at, left = b->n - n;
    b->n = n;
    b->is_free = false;
    if (left > 0)
        insert_block(nn, i + 1, (tb_nn_block){.at = at + n, .n = left, .is_free = true});
    if (nn->is_dry && at + n > nn->peak_floats)
        nn->peak_floats = at + n;
    float *floats = address_of(nn, at);
    if (!nn->is_dry)
        unpoison(floats, n_floats);
    return floats;
}

void tb_nn_give(tb_nn *nn, float *floats)
{
    int i = 0;
    while (i < nn->n_blocks &&
           (nn->blocks[i].is_free || address_of(nn, nn->blocks[i].at) != floats))
        i++;
    assert(i < nn->n_blocks); /* it was taken */
    tb_nn_block *b = &nn->blocks[i];
    b->is_free = true;
    if (!nn->is_dry)
        poison(floats, b->n);
    if (i + 1 < nn->n_blocks && nn->blocks[i + 1].is_free) {
        b->n += nn->blocks[i + 1].n;
        remove_block(nn, i + 1);
    }
    if (i > 0 && nn->blocks[i - 1].is_free) {
        nn->blocks[i - 1].n += b->n;
        remove_block(nn, i);
    }
}

bool tb_nn_begin(tb_nn *nn, size_t scratch_floats)
{
    if (nn->is_dry) {
        if (scratch_floats > nn->scratch_floats)
            nn->scratch_floats = scratch_floats;
        return false;
    }
    assert(scratch_floats <= nn->scratch_floats); /* its dry run said so */
    if (tb_progress_is_cancelled(nn->progress))
        nn->is_stopped = true;
    return !nn->is_stopped;
}

typedef struct tasks {
    const tb_progress *progress;
    void (*fn)(int i_task, void *user);
    void *user;
    bool is_left_out; /* atomic: by any thread */
} tasks;

static void run_task(int i_task, void *user)
{
    tasks *t = user;
    if (tb_progress_is_cancelled(t->progress))
        __atomic_store_n(&t->is_left_out, true, __ATOMIC_RELAXED);
    else
        t->fn(i_task, t->user);
}

void tb_nn_tasks(tb_nn *nn, int n_tasks, void (*fn)(int i_task, void *user), void *user)
{
    tasks t = {nn->progress, fn, user, false};
    if (nn->is_dry || nn->is_stopped)
        return;
    tb_pool_run(nn->pool, n_tasks, run_task, &t);
    if (__atomic_load_n(&t.is_left_out, __ATOMIC_RELAXED))
        nn->is_stopped = true;
}
