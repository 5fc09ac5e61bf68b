/*
 * A job on its way in: a JSON object of fields is checked, filled in and entered in the queue; and
 * waiting for what becomes of it.
 */
#ifndef TB_WORKER_SUBMIT_H
#define TB_WORKER_SUBMIT_H

#include "timbre/request.h"
#include "worker/service.h"

enum { TB_PRIORITY_MAX = 10 };

typedef struct tb_submit {
    timbre_request *request;
    char *canonical; /* resolved, as it is stored; owned */
    char body_sha256[TB_SHA256_HEX_BYTES];
    tb_model_place place;
    int priority;
    const char *key; /* Idempotency-Key; NULL: none */
    char param[64];  /* what is wrong, for the error */
} tb_submit;

void tb_submit_deinit(tb_submit *s); /* accepts a zeroed one */

/* The request of the object, whose members are used up: resolved, its model and its inputs placed.
 * BAD_INPUT and MODEL_MISSING name the member in s->param, where it is known. */
TB_MUST_USE tb_status tb_submit_read(tb_worker *worker, json_t *object, tb_submit *s,
                                     tb_error *err);
/* Into the queue. *is_replay: a job of this key is there already, and is the answer. QUEUE_FULL. */
TB_MUST_USE tb_status tb_submit_enter(tb_worker *worker, const tb_submit *s, tb_stored_job *job,
                                      bool *is_replay, tb_error *err);
/* At most so long until the job has ended or the worker stops; *job becomes what it is then. */
TB_MUST_USE tb_status tb_submit_wait(tb_worker *worker, tb_stored_job *job, double seconds,
                                     tb_error *err);

#endif
