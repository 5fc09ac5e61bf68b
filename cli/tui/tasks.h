/* Work that takes a while and asks no worker, such as the analysis of a sound: each piece on a
 * thread of its own, its end handled on the studio's. */
#ifndef TB_CLI_TUI_TASKS_H
#define TB_CLI_TUI_TASKS_H

#include <pthread.h>
#include <stdbool.h>

#include "timbre/cancel.h"

typedef struct tb_task {
    struct tb_task *next;
    /* On the task's thread; looks at *cancel. */
    void (*work)(void *state, const timbre_cancel *cancel);
    /* On the studio's, also after a cancel; frees the state. */
    void (*done)(void *user, void *state);
    void *state;
    timbre_cancel cancel;
    int is_over; /* atomic */
    bool has_thread;
    pthread_t thread;
} tb_task;

/* Zero-initialise. */
typedef struct tb_tasks {
    tb_task *first;
} tb_tasks;

/* Begin; where no thread can be had, the work is done at once. NULL for memory: nothing happened
 * and the state is still the caller's. */
tb_task *tb_tasks_start(tb_tasks *tasks, void (*work)(void *state, const timbre_cancel *cancel),
                        void (*done)(void *user, void *state), void *state);
/* Handle those that are over. */
void tb_tasks_dispatch(tb_tasks *tasks, void *user);
/* Cancel and wait for all. */
void tb_tasks_end(tb_tasks *tasks, void *user);

#endif
