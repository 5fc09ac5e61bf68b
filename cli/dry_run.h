/* generate --dry-run: the request, what the engine would make of it, and the names of the files. */
#ifndef TB_CLI_DRY_RUN_H
#define TB_CLI_DRY_RUN_H

#include "cli/app.h"
#include "timbre/engine.h"

/* Print `request` (resolved, of the first take). `outputs` and `midis`: arrays of file names, the
 * latter empty when no MIDI file is asked for. */
TB_MUST_USE tb_status tb_dry_run_print(const tb_app *app, timbre_engine *engine,
                                       const timbre_request *request, struct json_t *outputs,
                                       struct json_t *midis, tb_error *err);

#endif
