/* generate --dry-run: the request, what the engine would make of it, and the names of the files. */
#ifndef TB_CLI_DRY_RUN_H
#define TB_CLI_DRY_RUN_H

#include "cli/app.h"
#include "timbre/engine.h"

/* The files that would be made: arrays of names, NULL when there is no memory. */
typedef struct tb_dry_run {
    struct json_t *outputs, *sides[TIMBRE_SIDE_COUNT];
} tb_dry_run;

void tb_dry_run_init(tb_dry_run *plan);
void tb_dry_run_deinit(tb_dry_run *plan);

/* Print `request` (resolved, of the first take) and the plan. */
TB_MUST_USE tb_status tb_dry_run_print(const tb_dry_run *plan, const tb_app *app,
                                       timbre_engine *engine, const timbre_request *request,
                                       tb_error *err);

#endif
