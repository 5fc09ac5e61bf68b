/* A job followed until it ends, with its progress shown as that of work done here. */
#ifndef TB_CLI_CLIENT_FOLLOW_H
#define TB_CLI_CLIENT_FOLLOW_H

#include "cli/client/client.h"
#include "cli/meter.h"

/* Meters may be NULL. *last (owned) is the job's last status, also after a failure; NULL: none
 * came. Returns how the following went, not the job. */
TB_MUST_USE tb_status tb_job_follow(tb_app *app, tb_client *client, const char *job_id,
                                    tb_meter *meter, tb_meter *events, json_t **last,
                                    tb_error *err);

/* How the job ended: OK when it succeeded. */
TB_MUST_USE tb_status tb_job_result(const json_t *status, tb_error *err);

/* Ask the worker to cancel it, even after Ctrl-C. */
TB_MUST_USE tb_status tb_job_cancel(tb_client *client, const char *job_id, tb_error *err);

#endif
