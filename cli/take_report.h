/* What is said about a take: as JSON for programs, as a few lines on standard error for people. */
#ifndef TB_CLI_TAKE_REPORT_H
#define TB_CLI_TAKE_REPORT_H

#include <jansson.h>

#include "cli/app.h"
#include "timbre/engine.h"

/* {"path","id","seed","sha256","sidecar","metadata","recipe"}: new reference, NULL for memory. */
json_t *tb_take_to_json(const timbre_take *take, bool has_sidecar);

/* Seed, length and time; what kind of thing it is; with --verbose what was understood. */
void tb_take_note(tb_app *app, const timbre_take *take, double elapsed_s, bool is_first);

/* Compare with the recipe that was repeated: each ingredient that differs is a warning.
 * VERIFY_FAILED when all agree and the samples do not. */
TB_MUST_USE tb_status tb_take_compare(tb_app *app, const char *old_recipe, const timbre_take *take,
                                      tb_error *err);

#endif
