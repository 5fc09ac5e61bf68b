/* What is said about a take: as JSON for programs, as a few lines on standard error for people. */
#ifndef TB_CLI_TAKE_REPORT_H
#define TB_CLI_TAKE_REPORT_H

#include <jansson.h>

#include "cli/app.h"
#include "cli/take_request.h"
#include "timbre/engine.h"

/* {"path","id","seed","sha256","sidecar","metadata","recipe"}: new reference, NULL for memory. */
json_t *tb_take_to_json(const timbre_take *take, bool has_sidecar);

/* Seed, length and time; what kind of thing it is; with --verbose what was understood. */
void tb_take_note(tb_app *app, const timbre_take *take, double elapsed_s, bool is_first);

/* The same of a take whose metadata are these. */
void tb_take_note_metadata(tb_app *app, const json_t *metadata, double elapsed_s, bool is_first);

/* Compare with the recipe of --from: each ingredient that differs is a warning; fields of the
 * request that were changed on purpose are none. VERIFY_FAILED when all that decides about the
 * samples agrees and they do not. */
TB_MUST_USE tb_status tb_take_compare(tb_app *app, const tb_take_request *from,
                                      const timbre_take *take, tb_error *err);

#endif
