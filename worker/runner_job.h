/* One job from claim to its end, for the runner's thread. */
#ifndef TB_WORKER_RUNNER_JOB_H
#define TB_WORKER_RUNNER_JOB_H

#include "worker/runner.h"

/* Whatever becomes of the job is in the store afterwards. An error is trouble of the store or the
 * disk: the job went back to the queue, or the recovery of the next start brings it there. */
TB_MUST_USE tb_status tb_runner_run_job(tb_runner *runner, const tb_stored_job *job, tb_error *err);
/* Load a model; what goes wrong is in the journal. */
void tb_runner_run_warm(tb_runner *runner, const tb_model_place *place);
/* End the child, counting the cause ("idle"; NULL: how the process ended, unless that was well). */
void tb_runner_end_child(tb_runner *runner, bool is_now, const char *cause);

#endif
