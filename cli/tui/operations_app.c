/* Operations on the program: areas, overlays, the worker, the terminal. */
#include <stdlib.h>
#include <string.h>

#include "cli/tui/operation_list.h"
#include "cli/tui/studio.h"
#include "engine/base/clock.h"
#include "engine/base/program.h"

enum { CONFIRM_S = 2 };

const char *tb_why_nothing_runs(tb_studio *studio)
{
    return tb_collection_count_active(&studio->collection, NULL) > 0 ? NULL
                                                                     : "nothing is being made";
}

TB_DO(help)
{
    (void)self, (void)argument;
    tb_open_help(studio);
}

TB_DO(palette)
{
    (void)self, (void)argument;
    tb_open_palette(studio);
}

TB_DO(settings)
{
    (void)self, (void)argument;
    tb_open_settings(studio);
}

TB_DO(search_history)
{
    (void)self, (void)argument;
    tb_open_history(studio);
}

TB_DO(log)
{
    (void)self, (void)argument;
    tb_open_log(studio);
}

TB_DO(download)
{
    (void)self, (void)argument;
    tb_studio_ask_models(studio);
    tb_open_models(studio);
}

TB_DO(next_area)
{
    (void)self, (void)argument;
    bool has_takes = studio->collection.n_rows > 0;
    if (studio->focus == TB_FOCUS_PROMPT && !has_takes &&
        tb_editor_text(&studio->editor)[0] == '\0') {
        tb_editor_set(&studio->editor, tb_example_text(studio));
        tb_studio_prompt_changed(studio);
        return;
    }
    studio->focus = studio->focus == TB_FOCUS_PROMPT && has_takes ? TB_FOCUS_TAKES
                                                                  : TB_FOCUS_PROMPT;
}

TB_DO(back)
{
    (void)self, (void)argument;
    if (studio->overlay != NULL)
        tb_studio_close_overlay(studio);
    else if (studio->collection.search != NULL && studio->focus == TB_FOCUS_TAKES)
        tb_collection_set_search(&studio->collection, "");
    else
        tb_do_next_area(studio, self, NULL);
}

TB_DO(redraw)
{
    (void)self, (void)argument;
    if (studio->terminal != NULL)
        tb_terminal_redraw(studio->terminal);
    studio->has_picture = false;
    studio->must_redraw = true;
}

static bool is_recent(double asked_s)
{
    return asked_s > 0 && tb_clock_seconds() - asked_s < CONFIRM_S;
}

/* What Ctrl+C would cancel: the one that runs, else the newest that waits. */
static tb_take *cancellable(tb_studio *studio)
{
    tb_take *take = tb_collection_running(&studio->collection);
    for (size_t i = studio->collection.n; take == NULL && i > 0; i--)
        if (tb_take_is_active(studio->collection.takes[i - 1]))
            take = studio->collection.takes[i - 1];
    return take;
}

static void end(tb_studio *studio)
{
    studio->must_quit = true;
    studio->exit_code = 0;
}

TB_DO(interrupt)
{
    (void)self, (void)argument;
    double now_s = tb_clock_seconds();
    const char *text = tb_editor_text(&studio->editor);
    const tb_take *take = cancellable(studio);
    if (studio->overlay != NULL) {
        tb_studio_close_overlay(studio);
    } else if (text[0] != '\0') {
        tb_history_add(&studio->history, text);
        tb_editor_set(&studio->editor, "");
        tb_studio_prompt_changed(studio);
        if (take != NULL) {
            studio->cancel_asked_s = now_s;
            tb_studio_toast(studio, TB_ROLE_WARN,
                            "prompt cleared (Up brings it back); "
                            "Ctrl+C again to cancel the take");
        }
    } else if (take != NULL && is_recent(studio->cancel_asked_s)) {
        studio->cancel_asked_s = 0;
        tb_studio_cancel(studio, take);
    } else if (take != NULL) {
        studio->cancel_asked_s = now_s;
        tb_studio_toast(studio, TB_ROLE_WARN, "Ctrl+C again to cancel the take");
    } else if (is_recent(studio->quit_asked_s)) {
        end(studio);
    } else {
        studio->quit_asked_s = now_s;
        tb_studio_toast(studio, TB_ROLE_WARN, "Ctrl+C again to quit");
    }
}

TB_DO(cancel)
{
    (void)self, (void)argument;
    const tb_take *take = cancellable(studio);
    if (take != NULL)
        tb_studio_cancel(studio, take);
}

TB_DO(suspend)
{
    (void)self, (void)argument;
    tb_studio_suspend(studio);
}

TB_DO(quit)
{
    (void)self, (void)argument;
    if (tb_collection_count_active(&studio->collection, NULL) > 0)
        tb_open_quit(studio);
    else
        end(studio);
}

TB_DO(end_of_input)
{
    if (tb_editor_text(&studio->editor)[0] == '\0')
        tb_do_quit(studio, self, argument);
    else
        (void)tb_editor_edit(&studio->editor, TB_EDIT_DELETE_AFTER);
}

TB_DO(retry)
{
    (void)self, (void)argument;
    tb_link_retry(studio->link);
}

static void reconnect(tb_studio *studio, const char *url)
{
    tb_error err = {0};
    int i = tb_setting_find("worker.url");
    tb_studio_radio_stop(studio);
    tb_link_free(studio->link); /* its threads read the settings */
    studio->link = NULL;
    char *copy = tb_strdup(url);
    if (copy != NULL) {
        free(studio->app->settings.text[i]);
        studio->app->settings.text[i] = copy;
        studio->app->settings.origin[i] = TB_ORIGIN_FLAG;
    }
    tb_collection_keep_unsent(&studio->collection); /* another worker, other takes */
    studio->selected[0] = '\0';
    studio->contact.was_online = false;
    if (tb_studio_connect(studio, &err) != TIMBRE_OK)
        tb_studio_toast_error(studio, &err);
}

TB_DO(worker)
{
    (void)self;
    if (argument == NULL || argument[0] == '\0') {
        const char *url = tb_settings_text(&studio->app->settings, "worker.url");
        tb_studio_toast(studio, TB_ROLE_TEXT, "worker: %s",
                        url[0] != '\0' ? url : "this computer's");
    } else if (strncmp(argument, "http://", 7) != 0 && strncmp(argument, "https://", 8) != 0) {
        tb_studio_toast(studio, TB_ROLE_ERROR, "'%s' is no URL: http://HOST:8000", argument);
    } else {
        reconnect(studio, argument);
    }
}

TB_DO(local)
{
    (void)self, (void)argument;
    reconnect(studio, "");
}

TB_DO(mouse)
{
    (void)self;
    bool is_on = argument != NULL && strcmp(argument, "on") == 0;
    bool is_off = argument != NULL && strcmp(argument, "off") == 0;
    studio->has_mouse = is_on || (!is_off && !studio->has_mouse);
    if (studio->terminal != NULL)
        tb_terminal_set_mouse(studio->terminal, studio->has_mouse);
    tb_studio_toast(studio, TB_ROLE_OK, "mouse %s", studio->has_mouse ? "on" : "off");
}

TB_DO(theme)
{
    (void)self;
    bool is_light = argument != NULL && strcmp(argument, "light") == 0;
    bool is_dark = argument != NULL && strcmp(argument, "dark") == 0;
    studio->is_light = is_light || (!is_dark && !studio->is_light);
    if (studio->terminal != NULL)
        tb_terminal_set_light(studio->terminal, studio->is_light);
}

/* ---- timbre doctor, with its answer on the screen ---- */

typedef struct {
    tb_studio *studio;
    tb_str text;
} checkup;

static void check(void *state, const timbre_cancel *cancel)
{
    (void)cancel;
    checkup *c = state;
    char *program = tb_program_path();
    char *command = program != NULL ? tb_strf("'%s' doctor --color never 2>&1", program) : NULL;
    FILE *out = command != NULL ? popen(command, "r") : NULL;
    char bytes[1024];
    for (size_t n; out != NULL && (n = fread(bytes, 1, sizeof bytes, out)) > 0;)
        tb_str_append_bytes(&c->text, bytes, n);
    if (out != NULL)
        (void)pclose(out);
    free(command);
    free(program);
}

static void show_checkup(void *user, void *state)
{
    checkup *c = state;
    tb_open_text(user, "timbre doctor", tb_str_text(&c->text));
    tb_str_deinit(&c->text);
    free(c);
}

TB_DO(doctor)
{
    (void)self, (void)argument;
    checkup *c = calloc(1, sizeof *c);
    if (c != NULL && tb_tasks_start(&studio->tasks, check, show_checkup, c) == NULL)
        free(c);
    tb_studio_toast(studio, TB_ROLE_TEXT, "checking");
}
