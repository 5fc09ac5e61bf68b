/*
 * The thread that takes jobs from the queue and has the generator child make them. One job at a
 * time; the child starts with the first, stays warm for keep_loaded and is replaced when it dies.
 */
#ifndef TB_WORKER_RUNNER_H
#define TB_WORKER_RUNNER_H

#include <stdbool.h>

#include "engine/base/error.h"
#include "worker/service.h"

typedef struct tb_runner tb_runner;

TB_MUST_USE tb_status tb_runner_start(tb_worker *worker, tb_runner **out, tb_error *err);
/* The running job `id` was asked to stop in the store: tell the child. Any thread. */
void tb_runner_cancel(tb_runner *runner, const char *id);
/* Load the model as soon as nothing runs, so that its first take needs not wait. Any thread. */
TB_MUST_USE tb_status tb_runner_warm(tb_runner *runner, const tb_model_place *place, tb_error *err);
/* Name of the model that the child has loaded: owned, NULL: none. Any thread. */
char *tb_runner_loaded(tb_runner *runner);
/* Whether nothing runs. Any thread. */
bool tb_runner_is_idle(tb_runner *runner);
/* Why nothing is begun although jobs wait ("the disk is full ..."): copied, "" when all is well. */
void tb_runner_trouble(tb_runner *runner, char out[160]);
/* Begin no more jobs; the running one may take grace_s, then it goes back to the queue, its attempt
 * not counted. Returns at once. */
void tb_runner_drain(tb_runner *runner, double grace_s);
/* Wait for the end, after drain. Accepts NULL. */
void tb_runner_free(tb_runner *runner);

#endif
