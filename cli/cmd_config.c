/* timbre config: the settings in force, where they come from, and changes to the user's file. */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/commands.h"
#include "cli/model_choice.h"
#include "cli/settings_file.h"
#include "cli/text.h"
#include "engine/base/file.h"
#include "engine/base/limits.h"

static const char *const origin_names[] = {"built in", "system file", "user file", "environment",
                                           "flag"};

/* A wrong file never keeps `config` from working: it is said, and what is right is shown. */
static void warn_about_errors(tb_app *app)
{
    if (app->settings_error.code != TIMBRE_OK)
        tb_app_warn(app, "%s", app->settings_error.message);
}

static const char *where_of(const tb_settings *s, size_t i)
{
    return s->where[i] != NULL ? s->where[i] : origin_names[TB_ORIGIN_BUILT_IN];
}

static int list_json(tb_app *app)
{
    size_t n;
    const tb_setting *table = tb_settings_table(&n);
    json_t *values = json_object();
    bool is_whole = true;
    for (size_t i = 0; i < n; i++) {
        char key[64];
        (void)snprintf(key, sizeof key, "%s.%s", table[i].section, table[i].name);
        is_whole &= json_object_set_new(
                        values, key,
                        json_pack("{s:o, s:s, s:o}", "value",
                                  tb_text_to_json(tb_settings_text(&app->settings, key)), "origin",
                                  origin_names[app->settings.origin[i]], "where",
                                  tb_text_to_json(where_of(&app->settings, i)))) == 0;
    }
    tb_error err = {0};
    json_t *answer = is_whole ? json_pack("{s:i, s:O}", "schema", 1, "settings", values) : NULL;
    tb_status st = tb_json_print(answer, &err);
    json_decref(values);
    return st == TIMBRE_OK ? 0 : tb_app_report(app, &err);
}

static int run_list(tb_app *app)
{
    warn_about_errors(app);
    if (app->wants_json)
        return list_json(app);
    size_t n;
    const tb_setting *table = tb_settings_table(&n);
    bool has_origin = tb_args_has(&app->args, "origin");
    for (size_t i = 0; i < n; i++) {
        char key[64];
        (void)snprintf(key, sizeof key, "%s.%s", table[i].section, table[i].name);
        printf("%s = ", key);
        tb_print_clean(stdout, tb_settings_text(&app->settings, key));
        if (has_origin) {
            printf("    (");
            tb_print_clean(stdout, where_of(&app->settings, i));
            printf(")");
        }
        printf("\n");
    }
    return 0;
}

static int find_key(const char *key, tb_error *err)
{
    int i = tb_setting_find(key);
    if (i >= 0)
        return i;
    char near[80];
    const char *best = tb_setting_suggest(key, near);
    (void)tb_fail(err, TIMBRE_BAD_INPUT, "unknown setting '%.80s'", key);
    if (best != NULL)
        tb_fix(err, "did you mean %s?", best);
    else
        tb_fix(err, "timbre config list shows all keys");
    return -1;
}

static int run_get(tb_app *app)
{
    tb_error err = {0};
    if (find_key(app->args.operands[1], &err) < 0)
        return tb_app_fail(app, &err);
    warn_about_errors(app);
    tb_print_clean(stdout, tb_settings_text(&app->settings, app->args.operands[1]));
    printf("\n");
    return 0;
}

/* The user's file as text; "" when there is none yet. Owned. */
static tb_status read_user_file(tb_app *app, char **text, tb_error *err)
{
    const char *path = app->settings.user_path;
    size_t len_bytes = 0;
    if (path == NULL) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "no settings file: HOME is not set");
        tb_fix(err, "set HOME, or name a file with --config");
        return st;
    }
    if (access(path, F_OK) == 0)
        return tb_file_read(path, TB_SETTINGS_MAX_BYTES, text, &len_bytes, err);
    *text = calloc(1, 1);
    return *text != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory");
}

/* A path in the file means the same wherever timbre is started: it cannot be relative. */
static tb_status check_place(tb_app *app, const tb_setting *setting, const char *key,
                             const char *value, tb_error *err)
{
    bool is_path = setting->rule.kind == TB_VALUE_FILE || setting->rule.kind == TB_VALUE_FOLDER;
    if (setting->field != NULL && strcmp(setting->field, "model_id") == 0)
        is_path = !tb_model_is_name(app, value) &&
                  (strchr(value, '/') != NULL || access(value, F_OK) == 0);
    bool is_absolute = value[0] == '/' || strcmp(value, "~") == 0 || strncmp(value, "~/", 2) == 0;
    if (!is_path || is_absolute || value[0] == '\0')
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "%s '%s' is relative to the folder you are in",
                           key, value);
    tb_fix(err, "give the whole path: timbre config set %s \"$PWD/%s\"", key, value);
    return st;
}

/* Set, or with value NULL unset. */
static int change(tb_app *app, const char *key, const char *value)
{
    tb_error err = {0};
    int i = find_key(key, &err);
    if (i < 0)
        return tb_app_fail(app, &err);
    size_t n;
    const tb_setting *setting = &tb_settings_table(&n)[i];
    char *text = NULL, *edited = NULL;
    tb_status st = TIMBRE_OK;
    if (value != NULL)
        st = tb_setting_check(setting, key, value, &err);
    if (st == TIMBRE_OK && value != NULL)
        st = tb_settings_value_check(value, &err);
    if (st == TIMBRE_OK && value != NULL)
        st = check_place(app, setting, key, value, &err);
    if (st == TIMBRE_OK)
        st = read_user_file(app, &text, &err);
    if (st == TIMBRE_OK) {
        edited = tb_settings_text_edit(text, setting->section, setting->name, value);
        st = edited == NULL ? tb_fail(&err, TIMBRE_NO_MEMORY, "no memory for the settings")
             : strcmp(edited, text) == 0
                 ? TIMBRE_OK
                 : tb_settings_file_write(app->settings.user_path, edited, &err);
    }
    free(text);
    free(edited);
    return st == TIMBRE_OK ? 0 : tb_app_fail(app, &err);
}

static int run_set(tb_app *app)
{
    int code = change(app, app->args.operands[1], app->args.operands[2]);
    int i = tb_setting_find(app->args.operands[1]);
    if (code == 0 && app->settings.origin[i] == TB_ORIGIN_ENVIRONMENT)
        tb_app_warn(app, "%s is set and beats the file", app->settings.where[i]);
    return code;
}

static int run_unset(tb_app *app)
{
    return change(app, app->args.operands[1], NULL);
}

static int run_path(tb_app *app)
{
    if (app->settings.user_path != NULL) {
        printf("%s\n", app->settings.user_path);
        return 0;
    }
    tb_error err = {0};
    (void)tb_fail(&err, TIMBRE_BAD_INPUT, "no settings file: HOME is not set");
    tb_fix(&err, "set HOME, or name a file with --config");
    return tb_app_fail(app, &err);
}

static const char *choose_editor(void)
{
    const char *editor = getenv("VISUAL");
    editor = editor != NULL && editor[0] != '\0' ? editor : getenv("EDITOR");
    return editor != NULL && editor[0] != '\0' ? editor : "vi";
}

/* Run the editor and wait for it. Through the shell: EDITOR may hold arguments. */
static tb_status run_editor(const char *editor, const char *path, tb_error *err)
{
    int status = 0;
    char *command = tb_strf("%s \"$1\"", editor);
    pid_t child = command == NULL ? -1 : fork();
    if (child == 0) {
        (void)signal(SIGXFSZ, SIG_DFL);
        execl("/bin/sh", "sh", "-c", command, "sh", path, (char *)NULL);
        _exit(127);
    }
    free(command);
    pid_t ended = child;
    while (child > 0 && (ended = waitpid(child, &status, 0)) < 0 && errno == EINTR)
        continue;
    if (child < 0 || ended < 0)
        return tb_fail_errno(err, errno, "cannot start '%s'", editor);
    tb_status st = TIMBRE_OK;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        st = tb_fail(err, TIMBRE_FAILED, "there is no editor '%s'", editor);
    else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        st = tb_fail(err, TIMBRE_FAILED, "the editor '%s' ended with code %d", editor,
                     WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    if (st != TIMBRE_OK)
        tb_fix(err, "name another one: EDITOR=nano timbre config edit");
    return st;
}

/* Whether the file as it is now can be used. */
static tb_status check_edited(tb_app *app, tb_error *err)
{
    tb_settings edited;
    tb_status st = tb_settings_check_file(&edited, app->settings.user_path, err);
    const char *at = tb_str_text(&edited.warnings);
    for (size_t length; (length = strcspn(at, "\n")) > 0; at += length + 1)
        tb_app_warn(app, "%.*s", (int)length, at);
    tb_settings_deinit(&edited);
    if (st == TIMBRE_BAD_INPUT)
        tb_fix(err, "correct it: timbre config edit");
    return st;
}

static int run_edit(tb_app *app)
{
    tb_error err = {0};
    char *text = NULL;
    tb_status st = read_user_file(app, &text, &err);
    if (st == TIMBRE_OK && text[0] == '\0')
        st = tb_settings_file_write(app->settings.user_path,
                                    "# Settings of timbre; the keys: timbre help settings\n", &err);
    free(text);
    if (st == TIMBRE_OK)
        st = run_editor(choose_editor(), app->settings.user_path, &err);
    if (st == TIMBRE_OK)
        st = check_edited(app, &err);
    return st == TIMBRE_OK ? 0 : tb_app_fail(app, &err);
}

static const struct {
    const char *name;
    size_t n_operands; /* with the action */
    const char *usage;
    int (*run)(tb_app *app);
} actions[] = {
    {"list", 1, "list", run_list},        {"get", 2, "get KEY", run_get},
    {"set", 3, "set KEY VALUE", run_set}, {"unset", 2, "unset KEY", run_unset},
    {"path", 1, "path", run_path},        {"edit", 1, "edit", run_edit},
};

int tb_cmd_config(tb_app *app)
{
    const char *name = app->args.n_operands == 0 ? "list" : app->args.operands[0];
    size_t n_operands = app->args.n_operands == 0 ? 1 : app->args.n_operands;
    tb_suggestion near = tb_suggestion_begin(name);
    tb_error err = {0};
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        tb_suggestion_offer(&near, actions[i].name);
        if (strcmp(actions[i].name, name) != 0)
            continue;
        if (n_operands == actions[i].n_operands)
            return actions[i].run(app);
        (void)tb_fail(&err, TIMBRE_BAD_INPUT, "config %s takes %zu arguments, not %zu", name,
                      actions[i].n_operands - 1, n_operands - 1);
        tb_fix(&err, "timbre config %s", actions[i].usage);
        return tb_app_fail(app, &err);
    }
    (void)tb_fail(&err, TIMBRE_BAD_INPUT, "unknown action '%.80s'", name);
    if (near.best != NULL)
        tb_fix(&err, "did you mean timbre config %s?", near.best);
    else
        tb_fix(&err, "timbre config -h shows how it is used");
    return tb_app_fail(app, &err);
}
