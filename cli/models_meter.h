/*
 * Progress of fetching and checking models: bytes, rate, time left and files, as a bar, in lines or
 * as JSON, by the same setting as generate's.
 */
#ifndef TB_CLI_MODELS_METER_H
#define TB_CLI_MODELS_METER_H

#include "cli/meter.h"
#include "engine/base/progress.h"
#include "hub/pull.h"

typedef struct tb_models_meter {
    tb_meter meter;
    tb_app *app;
    const char *stage; /* "verify"; borrowed */
    double started_s;
} tb_models_meter;

void tb_models_meter_init(tb_models_meter *m, tb_app *app, const char *stage);
/* For work that reports a fraction; it is cancelled by a signal. Borrows *m. */
tb_progress tb_models_meter_progress(tb_models_meter *m);
/* For tb_pull_options.progress; user is the tb_models_meter. */
void tb_models_meter_fetch(const tb_pull_progress *progress, void *user);
/* Wipe the bar. */
void tb_models_meter_clear(tb_models_meter *m);

#endif
