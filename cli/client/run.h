/* A job from its request to its end, for commands that wait for what they asked. */
#ifndef TB_CLI_CLIENT_RUN_H
#define TB_CLI_CLIENT_RUN_H

#include "cli/client/client.h"
#include "cli/meter.h"

/* Send `body` to /generate and follow the job. While the connection fails it is sent again for 30
 * s; a key makes one job of all. Meters may be NULL. *id (owned) is the job's, NULL where there is
 * none. CANCELLED: the worker was told to end it. */
TB_MUST_USE tb_status tb_job_run(tb_app *app, tb_client *client, const char *body, tb_meter *meter,
                                 tb_meter *events, char **id, tb_error *err);

#endif
