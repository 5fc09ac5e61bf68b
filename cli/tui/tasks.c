#include "cli/tui/tasks.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "cli/tui/wake.h"

static void *run(void *user)
{
    tb_task *task = user;
    task->work(task->state, &task->cancel);
    __atomic_store_n(&task->is_over, 1, __ATOMIC_RELEASE);
    tb_wake();
    return NULL;
}

tb_task *tb_tasks_start(tb_tasks *tasks, void (*work)(void *state, const timbre_cancel *cancel),
                        void (*done)(void *user, void *state), void *state)
{
    tb_task *task = calloc(1, sizeof *task);
    if (task == NULL)
        return NULL;
    *task = (tb_task){.next = tasks->first, .work = work, .done = done, .state = state};
    tasks->first = task;
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all); /* signals are the studio thread's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    task->has_thread = pthread_create(&thread, NULL, run, task) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (task->has_thread)
        task->thread = thread;
    else
        (void)run(task);
    return task;
}

static void finish(tb_task *task, void *user)
{
    if (task->has_thread)
        (void)pthread_join(task->thread, NULL);
    task->done(user, task->state);
    free(task);
}

void tb_tasks_dispatch(tb_tasks *tasks, void *user)
{
    for (tb_task **at = &tasks->first; *at != NULL;) {
        tb_task *task = *at;
        if (__atomic_load_n(&task->is_over, __ATOMIC_ACQUIRE) == 0) {
            at = &task->next;
            continue;
        }
        *at = task->next;
        finish(task, user);
    }
}

void tb_tasks_end(tb_tasks *tasks, void *user)
{
    for (tb_task *task = tasks->first; task != NULL; task = task->next)
        timbre_cancel_request(&task->cancel);
    while (tasks->first != NULL) {
        tb_task *task = tasks->first;
        tasks->first = task->next;
        finish(task, user);
    }
}
