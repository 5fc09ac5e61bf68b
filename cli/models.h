/*
 * What the actions of `timbre models` share. cmd_models.c has the table of actions and opens the
 * hub; each action is one function in a file of its group.
 */
#ifndef TB_CLI_MODELS_H
#define TB_CLI_MODELS_H

#include "cli/app.h"
#include "hub/hub.h"
#include "hub/installed.h"
#include "hub/pull.h"

struct json_t;

typedef struct tb_models {
    tb_app *app;
    tb_hub hub;
    tb_installed_list list;      /* empty until tb_models_read */
    const char *const *operands; /* behind the action; borrowed */
    size_t n_operands;
} tb_models;

/* Each returns the status, which becomes the exit code, or sets *exit_code on success. */
tb_status tb_models_list(tb_models *m, int *exit_code, tb_error *err);
tb_status tb_models_path(tb_models *m, int *exit_code, tb_error *err);
tb_status tb_models_pull(tb_models *m, int *exit_code, tb_error *err);
tb_status tb_models_show(tb_models *m, int *exit_code, tb_error *err);
tb_status tb_models_verify(tb_models *m, int *exit_code, tb_error *err);
tb_status tb_models_remove(tb_models *m, int *exit_code, tb_error *err);
tb_status tb_models_add(tb_models *m, int *exit_code, tb_error *err);
tb_status tb_models_convert(tb_models *m, int *exit_code, tb_error *err);

/* The places of the hub: data folder from --data-dir, the environment or the usual place. Without
 * any of these nothing is recorded. */
TB_MUST_USE tb_status tb_models_open_hub(tb_app *app, tb_hub *hub, tb_error *err);

/* What is installed, in m->list; what is damaged is said as a warning. */
TB_MUST_USE tb_status tb_models_read(tb_models *m, tb_error *err);
/* The model `name` of m->list, which is read first. MODEL_MISSING with the nearest name. */
TB_MUST_USE tb_status tb_models_find(tb_models *m, const char *name, const tb_installed **out,
                                     tb_error *err);

/* "whole", "partial", "absent"; "known", "pulled", "added", "shipped", "cache". */
const char *tb_models_state_name(tb_installed_state state);
const char *tb_models_provenance_name(tb_provenance provenance);

/* What `list --json` says of a model: new reference, NULL for memory. */
struct json_t *tb_models_to_json(const tb_installed *model, bool is_default);
/* JSON text, or null for NULL. */
struct json_t *tb_text_or_null(const char *text);
/* A number, or null where it is not measured (0). */
struct json_t *tb_bytes_or_null(int64_t n_bytes);

enum { TB_BYTES_TEXT_MAX = 16 };
/* "2.13 GB", "12 kB": decimal units, as sellers of disks count. */
void tb_bytes_format(int64_t n_bytes, char out[TB_BYTES_TEXT_MAX]);

/* The title of a licence, else its id. `id` is borrowed. */
const char *tb_licence_name(const char *id);

/*
 * Consent to the licence of what a plan would fetch: given before, by --accept-license, or by the
 * answer to one question on a terminal. It is recorded. BAD_INPUT: not given, or refused;
 * CANCELLED: Ctrl-C.
 */
TB_MUST_USE tb_status tb_models_consent(tb_models *m, const tb_pull_plan *plan, tb_error *err);

/* Open the model as `generate` would and check every tensor: its facts as JSON text, owned, in
 * *facts. */
TB_MUST_USE tb_status tb_models_describe(tb_app *app, const char *path, const char *tokenizer,
                                         char **facts, tb_error *err);

#endif
