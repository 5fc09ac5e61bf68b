/* timbre serve: flags and settings become the options of the worker, which then runs here. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/commands.h"
#include "cli/model_choice.h"
#include "cli/paths.h"
#include "engine/base/str.h"
#include "worker/worker.h"

typedef struct {
    tb_app *app;
    tb_worker_options options;
    tb_model_choice model;
    char *data_dir, *output_dir, *soundfont, *tokenizer, *key_file; /* owned */
} serving;

static void deinit(serving *s)
{
    tb_model_choice_deinit(&s->model);
    free(s->data_dir);
    free(s->output_dir);
    free(s->soundfont);
    free(s->tokenizer);
    free(s->key_file);
}

/* *path is replaced; the worker may change its folder. */
static tb_status make_absolute(char **path, tb_error *err)
{
    char folder[PATH_MAX];
    if ((*path)[0] == '/' || (*path)[0] == '\0')
        return TIMBRE_OK;
    if (getcwd(folder, sizeof folder) == NULL)
        return tb_fail_errno(err, errno, "the working folder has no name");
    char *whole = tb_strf("%s/%s", folder, *path);
    if (whole == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    free(*path);
    *path = whole;
    return TIMBRE_OK;
}

static tb_status find_path(serving *s, const char *name, const char *key, char **out, tb_error *err)
{
    tb_status st = tb_path_expand(name, tb_settings_text(&s->app->settings, key), out, err);
    return st == TIMBRE_OK ? make_absolute(out, err) : st;
}

static tb_status find_paths(serving *s, tb_error *err)
{
    tb_status st = tb_path_data(tb_args_value(&s->app->args, "data-dir"), &s->data_dir, err);
    if (st == TIMBRE_OK)
        st = make_absolute(&s->data_dir, err);
    if (st == TIMBRE_OK)
        st = find_path(s, "output folder", "output.dir", &s->output_dir, err);
    if (st == TIMBRE_OK)
        st = find_path(s, "SoundFont", "engine.soundfont", &s->soundfont, err);
    if (st == TIMBRE_OK)
        st = find_path(s, "tokenizer", "engine.tokenizer", &s->tokenizer, err);
    if (st == TIMBRE_OK)
        st = find_path(s, "API key file", "worker.api_key_file", &s->key_file, err);
    if (st != TIMBRE_OK)
        return st;
    s->options.data_dir = s->data_dir;
    s->options.output_dir = s->output_dir;
    s->options.soundfont = s->soundfont;
    s->options.tokenizer = s->tokenizer;
    s->options.key_file = s->key_file[0] != '\0' ? s->key_file : NULL;
    return TIMBRE_OK;
}

/* All values of an option that may be given several times. NULL-terminated in `out`. */
static tb_status collect(const tb_args *args, const char *name,
                         const char *out[TB_WORKER_NAMES_MAX], tb_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < args->n_items; i++) {
        const char *option = args->items[i].option.name;
        if (option == NULL || strcmp(option, name) != 0)
            continue;
        if (n == TB_WORKER_NAMES_MAX - 1)
            return tb_fail(err, TIMBRE_BAD_INPUT, "--%s is given more than %d times", name,
                           TB_WORKER_NAMES_MAX - 1);
        out[n++] = args->items[i].value;
    }
    return TIMBRE_OK;
}

static tb_status find_addresses(serving *s, tb_error *err)
{
    const char **listen = s->options.listen;
    tb_status st = collect(&s->app->args, "listen", listen, err);
    if (st != TIMBRE_OK)
        return st;
    if (s->options.is_started_by_client) {
        if (listen[0] == NULL)
            return TIMBRE_OK;
        return tb_fail(err, TIMBRE_BAD_INPUT, "--on-demand has only the socket, and no --listen");
    }
    if (listen[0] == NULL)
        listen[0] = tb_settings_text(&s->app->settings, "worker.listen");
    if (listen[1] == NULL && strcmp(listen[0], "none") == 0)
        listen[0] = NULL;
    for (size_t i = 0; listen[i] != NULL; i++)
        if (strcmp(listen[i], "none") == 0)
            return tb_fail(err, TIMBRE_BAD_INPUT, "--listen none contradicts --listen %.100s",
                           listen[i == 0 ? 1 : 0]);
    return TIMBRE_OK;
}

/* The worker's own limit stays where the setting is empty. */
static bool has_number(const serving *s, const char *key, double *out)
{
    if (tb_settings_text(&s->app->settings, key)[0] == '\0')
        return false;
    *out = tb_settings_number(&s->app->settings, key);
    return true;
}

static void set_limits(serving *s)
{
    const tb_args *args = &s->app->args;
    tb_worker_options *o = &s->options;
    double value;
    if (has_number(s, "worker.queue", &value))
        o->queue_limit = (int64_t)value;
    if (has_number(s, "worker.keep_loaded", &value))
        o->keep_loaded_s = value;
    if (has_number(s, "worker.retention_days", &value))
        o->retention_days = value;
    if (has_number(s, "worker.retention_gb", &value))
        o->retention_bytes = (int64_t)(value * 1e9);
    if (has_number(s, "worker.reserve_mb", &value))
        o->reserve_bytes = (int64_t)(value * 1e6);
    if (has_number(s, "worker.trash_days", &value))
        o->trash_days = value;
    o->shutdown_grace_s = tb_args_number(args, "shutdown-grace", o->shutdown_grace_s);
    o->idle_exit_s = tb_args_number(args, "idle-exit", o->idle_exit_s);
    o->watchdog_s = tb_args_number(args, "watchdog", o->watchdog_s);
}

static void set_engine(serving *s)
{
    const tb_settings *settings = &s->app->settings;
    s->options.cpu = tb_settings_text(settings, "engine.cpu");
    s->options.memory = tb_settings_text(settings, "engine.memory");
    s->options.n_threads = (int)tb_settings_number(settings, "engine.threads");
    s->options.name_pattern = tb_settings_text(settings, "output.name");
}

static void set_manner(serving *s)
{
    const tb_args *args = &s->app->args;
    const char *format = tb_args_value(args, "log-format");
    s->options.is_insecure = tb_args_has(args, "insecure-no-auth");
    s->options.is_started_by_client = tb_args_has(args, "on-demand");
    s->options.is_warm = tb_args_has(args, "warm");
    s->options.logs_json = format != NULL && strcmp(format, "json") == 0;
    s->options.log_level = s->app->is_verbose ? TIMBRE_LOG_DEBUG
                           : s->app->is_quiet ? TIMBRE_LOG_WARNING
                                              : TIMBRE_LOG_INFO;
}

/* Only one that somebody names: the best installed one may be another tomorrow. */
static tb_status find_model(serving *s, tb_error *err)
{
    if (tb_args_value(&s->app->args, "model") == NULL &&
        tb_settings_text(&s->app->settings, "generate.model")[0] == '\0')
        return TIMBRE_OK;
    tb_status st = tb_model_choose(s->app, &s->model, err);
    if (st == TIMBRE_OK && s->model.path != NULL)
        st = make_absolute(&s->model.path, err);
    if (st == TIMBRE_OK && s->model.tokenizer != NULL)
        st = make_absolute(&s->model.tokenizer, err);
    s->options.model_id = s->model.id;
    s->options.model_path = s->model.path;
    s->options.model_tokenizer = s->model.tokenizer;
    return st;
}

static tb_status prepare(serving *s, tb_error *err)
{
    const tb_args *args = &s->app->args;
    tb_worker_options_init(&s->options);
    set_limits(s);
    set_engine(s);
    set_manner(s);
    tb_status st = find_paths(s, err);
    if (st == TIMBRE_OK)
        st = find_addresses(s, err);
    if (st == TIMBRE_OK)
        st = collect(args, "allow-host", s->options.hosts, err);
    if (st == TIMBRE_OK)
        st = collect(args, "allow-origin", s->options.origins, err);
    return st == TIMBRE_OK ? find_model(s, err) : st;
}

/* On standard output, for people and for programs that start a worker on any free port. */
static void announce(const char *place, void *user)
{
    (void)user;
    printf("listening on %s\n", place);
    (void)fflush(stdout);
}

int tb_cmd_serve(tb_app *app)
{
    serving s = {.app = app};
    tb_error err = {0};
    tb_status st = prepare(&s, &err);
    s.options.announce = announce;
    if (st == TIMBRE_OK)
        st = tb_worker_main(&s.options, &err);
    deinit(&s);
    return st == TIMBRE_OK ? 0 : tb_app_fail(app, &err);
}
