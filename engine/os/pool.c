#include "engine/os/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "engine/base/limits.h"
#include "engine/os/cpu.h"

struct tb_pool {
    int n_threads;
    int n_workers; /* threads started; the caller is one more */
    pthread_t *workers;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t work_ready, work_done;
    void (*fn)(int, void *);
    void *user;
    int n_tasks, next_task, n_running;
    bool stop;
};

/* Take and run tasks until none is left. Called with the lock held; returns with it held. */
static void run_tasks(tb_pool *pool)
{
    while (pool->next_task < pool->n_tasks) {
        int i = pool->next_task++;
        pool->n_running++;
        pthread_mutex_unlock(&pool->lock);
        pool->fn(i, pool->user);
        pthread_mutex_lock(&pool->lock);
        pool->n_running--;
    }
    if (pool->n_running == 0)
        pthread_cond_broadcast(&pool->work_done);
}

static void *worker_main(void *user)
{
    tb_pool *pool = user;
    pthread_mutex_lock(&pool->lock);
    while (!pool->stop) {
        run_tasks(pool);
        if (!pool->stop)
            pthread_cond_wait(&pool->work_ready, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

tb_status tb_pool_new(int n_threads, tb_pool **out, tb_error *err)
{
    *out = NULL;
    if (n_threads < 0 || n_threads > TB_THREADS_MAX)
        return tb_fail(err, TIMBRE_BAD_INPUT, "threads %d is not between 0 and %d", n_threads,
                       TB_THREADS_MAX);
    if (n_threads == 0)
        n_threads = tb_cpu_count();
    if (n_threads > TB_THREADS_MAX)
        n_threads = TB_THREADS_MAX;
    tb_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a thread pool");
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work_ready, NULL);
    pthread_cond_init(&pool->work_done, NULL);
    pool->n_threads = n_threads;
    pool->workers = calloc((size_t)n_threads, sizeof *pool->workers);
    tb_status st = TIMBRE_OK;
    if (pool->workers == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %d threads", n_threads);
    sigset_t all, before; /* workers inherit the mask: a program's signals are not theirs */
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (st == TIMBRE_OK && pool->n_workers < n_threads - 1) {
        int failed = pthread_create(&pool->workers[pool->n_workers], NULL, worker_main, pool);
        if (failed != 0)
            st = tb_fail_errno(err, failed, "cannot start thread %d of %d", pool->n_workers + 1,
                               n_threads);
        else
            pool->n_workers++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (st != TIMBRE_OK)
        tb_pool_free(pool);
    else
        *out = pool;
    return st;
}

void tb_pool_free(tb_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->work_ready);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->n_workers; i++)
        pthread_join(pool->workers[i], NULL);
    pthread_cond_destroy(&pool->work_done);
    pthread_cond_destroy(&pool->work_ready);
    pthread_mutex_destroy(&pool->lock);
    free(pool->workers);
    free(pool);
}

int tb_pool_n_threads(const tb_pool *pool)
{
    return pool == NULL ? 1 : pool->n_threads;
}

void tb_pool_run(tb_pool *pool, int n_tasks, void (*fn)(int i_task, void *user), void *user)
{
    if (pool == NULL || pool->n_workers == 0 || n_tasks <= 1) {
        for (int i = 0; i < n_tasks; i++)
            fn(i, user);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->fn = fn;
    pool->user = user;
    pool->n_tasks = n_tasks;
    pool->next_task = 0;
    pthread_cond_broadcast(&pool->work_ready);
    run_tasks(pool);
    while (pool->n_running > 0)
        pthread_cond_wait(&pool->work_done, &pool->lock);
    pool->n_tasks = pool->next_task = 0;
    pthread_mutex_unlock(&pool->lock);
}
