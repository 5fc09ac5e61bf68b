/*
 * The timbre program: parse, read the settings, run one command. Everything a command needs is in a
 * tb_app on this function's stack.
 */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/meter.h"
#include "cli/signals.h"
#include "cli/take_ref.h"
#include "cli/tui/tui.h"
#include "worker/worker.h"

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);
    return value != NULL && value[0] != '\0';
}

static bool decide_color(const char *when, int fd)
{
    if (strcmp(when, "auto") != 0)
        return strcmp(when, "always") == 0;
    return isatty(fd) && !is_set("NO_COLOR") && tb_terminal_can_draw();
}

static void begin_speaking(tb_app *app)
{
    const char *when = tb_settings_text(&app->settings, "ui.color");
    app->has_color[1] = decide_color(when, 1);
    app->has_color[2] = decide_color(when, 2);
    app->is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    app->is_quiet = tb_args_has(&app->args, "quiet");
    app->is_verbose = tb_args_has(&app->args, "verbose") && !app->is_quiet;
    app->wants_json = tb_args_has(&app->args, "json");
}

static int open_log(tb_app *app)
{
    const char *path = tb_args_value(&app->args, "log");
    if (path == NULL)
        return 0;
    app->log = fopen(path, "ae");
    if (app->log != NULL)
        return 0;
    tb_error err = {0};
    (void)tb_fail_errno(&err, errno, "cannot write the log '%s'", path);
    return tb_app_fail(app, &err);
}

static void show_warnings(tb_app *app)
{
    const char *at = tb_str_text(&app->settings.warnings);
    for (size_t length; (length = strcspn(at, "\n")) > 0; at += length + 1)
        tb_app_warn(app, "%.*s", (int)length, at);
}

static int run_command(tb_app *app)
{
    const tb_command *command = app->args.command;
    int failed = open_log(app);
    if (failed != 0)
        return failed;
    show_warnings(app);
    bool survives = command != NULL && command->survives_bad_settings;
    if (app->settings_error.code != TIMBRE_OK && !survives)
        return tb_app_fail(app, &app->settings_error);
    if (command == NULL)
        return tb_studio_run(app);
    tb_error err = {0};
    if (tb_take_ref_apply(app, &err) != TIMBRE_OK)
        return tb_app_fail(app, &err);
    return command->run(app);
}

/* Without a command, in a terminal that can show it. */
static bool opens_studio(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && tb_terminal_can_draw();
}

/* What needs no settings: help and version. -1 when it is none of these. */
static int answer_early(tb_app *app)
{
    const tb_args *args = &app->args;
    if (args->wants_version)
        return tb_cmd_version(app);
    if (args->wants_help)
        return tb_help_print(app, args->command);
    if (args->wants_short_help)
        return tb_help_print_short(stdout, args->command);
    if (args->command != NULL || opens_studio())
        return -1;
    (void)tb_help_print_short(stderr, NULL);
    return timbre_status_exit_code(TIMBRE_BAD_INPUT);
}

static int run(tb_app *app, int argc, char **argv)
{
    tb_error err = {0};
    tb_status parsed = tb_args_parse(&app->args, argc, argv, &err);
    if (tb_settings_load(&app->settings, tb_args_value(&app->args, "config"),
                         &app->settings_error) == TIMBRE_OK)
        app->settings_error.code = TIMBRE_OK;
    tb_error applied = {0};
    if (tb_settings_apply(&app->settings, &app->args, &applied) != TIMBRE_OK)
        app->settings_error = applied;
    begin_speaking(app);
    if (parsed != TIMBRE_OK)
        return tb_app_fail(app, &err);
    int code = answer_early(app);
    return tb_app_finish(app, code >= 0 ? code : run_command(app));
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], TB_GENERATOR_ARGUMENT) == 0)
        return tb_generator_main();
    char chat[] = "chat";
    if (argc > 1 && strcmp(argv[1], "--plain") == 0) /* the studio's other form */
        argv[1] = chat;
    (void)setlocale(LC_CTYPE, ""); /* numbers stay in the C locale */
    tb_signals_init();
    tb_app app = {0};
    int code = run(&app, argc, argv);
    tb_args_deinit(&app.args);
    tb_settings_deinit(&app.settings);
    free(app.take_title);
    for (size_t i = 0; i < sizeof app.take_paths / sizeof *app.take_paths; i++)
        free(app.take_paths[i]);
    if (app.log != NULL)
        fclose(app.log);
    return code;
}
