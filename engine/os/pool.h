/*
 * A thread pool that splits outputs, never sums: tasks are numbered, each writes its own place, so
 * results are the same for any number of threads. Sleeps between jobs (no spinning).
 */
#ifndef TB_OS_POOL_H
#define TB_OS_POOL_H

#include "engine/base/error.h"

typedef struct tb_pool tb_pool;

/* n_threads includes the caller; 0: as many as the affinity mask and cgroup quota allow
 * (tb_cpu_count). At most TB_THREADS_MAX. Returns owned. */
TB_MUST_USE tb_status tb_pool_new(int n_threads, tb_pool **out, tb_error *err);
void tb_pool_free(tb_pool *pool);
int tb_pool_n_threads(const tb_pool *pool);

/* Run fn(i, user) for i in [0, n_tasks), each once, on all threads and the caller; returns when all
 * are done. One caller at a time. A NULL pool runs in the caller. */
void tb_pool_run(tb_pool *pool, int n_tasks, void (*fn)(int i_task, void *user), void *user);

#endif
