/* Starting a worker for a data folder, as a program of its own that outlives this one. */
#ifndef TB_CLI_CLIENT_START_H
#define TB_CLI_CLIENT_START_H

#include <stdbool.h>

#include "cli/app.h"

/* Whether somebody accepts connections on the socket. */
bool tb_worker_answers(const char *socket_path);

/* Start `timbre serve --on-demand` and wait until it answers. WORKER_UNREACHABLE with the last line
 * of its log. CANCELLED. */
TB_MUST_USE tb_status tb_worker_start(tb_app *app, const char *data_dir, const char *socket_path,
                                      tb_error *err);

#endif
