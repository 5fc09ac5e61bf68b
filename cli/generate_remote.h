/*
 * Takes made by the worker of this data folder, where one runs: it has the model in memory. What
 * comes out is what this process would have made.
 */
#ifndef TB_CLI_GENERATE_REMOTE_H
#define TB_CLI_GENERATE_REMOTE_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/client/client.h"
#include "cli/meter.h"
#include "cli/take_output.h"
#include "cli/take_request.h"

/* Whether a running worker shall make the takes: it writes into the same folder, and nothing is
 * asked for that only this process can do. Then *client is open. None is ever started. */
bool tb_generate_remote_open(tb_app *app, const tb_take_request *request,
                             const tb_take_output *place, tb_client *client);

/* Make one take with this seed. *take (owned) is as tb_take_to_json makes it. The worker's job is
 * cancelled with the program. */
TB_MUST_USE tb_status tb_generate_remote(tb_app *app, tb_client *client,
                                         const tb_take_request *request, int64_t seed,
                                         tb_meter *meter, tb_meter *events, json_t **take,
                                         tb_error *err);

#endif
