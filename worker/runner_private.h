/* The runner's state, for its own files. */
#ifndef TB_WORKER_RUNNER_PRIVATE_H
#define TB_WORKER_RUNNER_PRIVATE_H

#include <pthread.h>

#include "worker/child.h"
#include "worker/runner.h"

enum { TB_TROUBLE_MAX = 160 };

struct tb_runner {
    tb_worker *worker;
    pthread_t thread;
    tb_child child;      /* the thread's own */
    bool has_stray_rows; /* the same: jobs that ended, and whose rows could not say so */

    pthread_mutex_t mutex; /* guards all below */
    char id[TB_ID_BYTES];  /* of the running job; "": none */
    bool is_cancelled;     /* it */
    bool is_draining;
    double deadline_s;   /* of draining */
    tb_model_place warm; /* to be loaded; id NULL: none */
    char *loaded;        /* what the child has; NULL: no child */
    char trouble[TB_TROUBLE_MAX];
};

bool tb_runner_is_cancelled(tb_runner *r);
bool tb_runner_is_draining(tb_runner *r, double *left_s);
/* "": none runs. */
void tb_runner_set_job(tb_runner *r, const char *id);
void tb_runner_set_loaded(tb_runner *r, const char *model_id);

#endif
