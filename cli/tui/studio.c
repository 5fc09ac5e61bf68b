/* The studio's life: opening, the loop, closing. */
#include "cli/tui/studio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/paths.h"
#include "cli/tui/draft.h"
#include "cli/tui/terminal_kind.h"
#include "cli/tui/tui.h"
#include "cli/tui/wake.h"
#include "engine/base/clock.h"
#include "engine/base/file.h"

enum {
    TOAST_S = 6,
    LONE_ESCAPE_MS = 25,
    PLAYING_MS = 100,
    WORKING_MS = 500,
    DRAFT_PAUSE_MS = 1000,
    COUNTDOWN_MS = 1000,
    LOG_MAX_BYTES = 1 << 20,
};

/* ---- saying ---- */

void tb_studio_toast(tb_studio *studio, tb_role role, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(studio->toast.text, sizeof studio->toast.text, fmt, args);
    va_end(args);
    studio->toast.role = role;
    studio->toast.until_s = tb_clock_seconds() + TOAST_S;
    studio->is_dirty = true;
}

void tb_studio_toast_error(tb_studio *studio, const tb_error *err)
{
    bool has_fix = err->fix[0] != '\0';
    tb_studio_toast(studio, TB_ROLE_ERROR, "%.300s%s%.150s", err->message, has_fix ? "  fix: " : "",
                    err->fix);
    tb_studio_log(studio, "%s%s%s", err->message, has_fix ? "; fix: " : "", err->fix);
}

void tb_studio_toast_saved(tb_studio *studio, const char *what, const char *file)
{
    char folder[512] = "";
    bool is_named = strchr(file, '/') != NULL || getcwd(folder, sizeof folder) == NULL;
    tb_studio_toast(studio, TB_ROLE_OK, "%s %s%s%s", what, is_named ? "" : folder,
                    is_named ? "" : "/", file);
}

void tb_studio_log(tb_studio *studio, const char *fmt, ...)
{
    char text[600], line[700];
    time_t now = time(NULL);
    struct tm parts;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (studio->log_fd < 0 || localtime_r(&now, &parts) == NULL)
        return;
    int n = snprintf(line, sizeof line, "%04d-%02d-%02d %02d:%02d:%02d %s\n", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     text);
    (void)!write(studio->log_fd, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

/* ---- the selected take ---- */

tb_take *tb_studio_selected(tb_studio *studio)
{
    tb_take *take = studio->selected[0] != '\0'
                        ? tb_collection_find(&studio->collection, studio->selected)
                        : NULL;
    if (take != NULL && !take->is_trashed)
        return take;
    tb_collection_update(&studio->collection);
    int row = tb_collection_step(&studio->collection, (int)studio->collection.n_rows, -1);
    return row >= 0 ? studio->collection.rows[row].take : NULL;
}

void tb_studio_select(tb_studio *studio, const tb_take *take)
{
    (void)snprintf(studio->selected, sizeof studio->selected, "%s", take != NULL ? take->id : "");
    studio->is_dirty = true;
}

/* Whatever is on it, draw everything. */
static void forget_screen(tb_studio *studio)
{
    studio->has_picture = false;
    studio->must_redraw = studio->is_dirty = true;
}

/* ---- other programs ---- */

void tb_studio_suspend(tb_studio *studio)
{
    if (studio->terminal == NULL)
        return;
    tb_draft_save(studio);
    tb_terminal_leave(studio->terminal);
    (void)kill(0, SIGSTOP); /* the job, as the shell would; returns when it is continued */
    tb_terminal_enter(studio->terminal);
    forget_screen(studio);
}

int tb_studio_run_program(tb_studio *studio, char *const argv[])
{
    tb_terminal_leave(studio->terminal);
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        (void)execvp(argv[0], argv);
        _exit(127);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    tb_terminal_enter(studio->terminal);
    forget_screen(studio);
    return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Its own process, whose end nobody waits for. */
void tb_studio_reveal(tb_studio *studio, const char *path)
{
#ifdef __APPLE__
    static const char *const opener = "open";
#else
    static const char *const opener = "xdg-open";
#endif
    const char *slash = strrchr(path, '/');
    char *folder = slash != NULL ? strndup(path, (size_t)(slash - path)) : NULL;
    if (folder == NULL || access(folder, F_OK) != 0) {
        tb_studio_toast(studio, TB_ROLE_WARN, "its folder is not on this machine: %s", path);
        free(folder);
        return;
    }
    pid_t child = fork();
    if (child == 0) {
        if (fork() == 0) {
            (void)setsid();
            (void)execlp(opener, opener, folder, (char *)NULL);
        }
        _exit(0);
    }
    if (child > 0)
        (void)waitpid(child, NULL, 0);
    tb_studio_toast(studio, TB_ROLE_TEXT, "%s", folder);
    free(folder);
}

/* ---- the loop ---- */

static bool is_same_frame(const tb_studio *studio)
{
    const tb_canvas *a = &studio->canvas, *b = &studio->shown;
    return a->rows == b->rows && a->columns == b->columns && a->cursor_row == b->cursor_row &&
           a->cursor_column == b->cursor_column &&
           memcmp(a->cells, b->cells, (size_t)a->rows * (size_t)a->columns * sizeof *a->cells) == 0;
}

static void keep_frame(tb_studio *studio)
{
    const tb_canvas *from = &studio->canvas;
    tb_canvas *to = &studio->shown;
    if ((to->rows != from->rows || to->columns != from->columns) &&
        !tb_canvas_resize(to, from->rows, from->columns))
        return;
    memcpy(to->cells, from->cells, (size_t)to->rows * (size_t)to->columns * sizeof *to->cells);
    to->cursor_row = from->cursor_row;
    to->cursor_column = from->cursor_column;
}

static void show(tb_studio *studio)
{
    studio->is_dirty = false;
    tb_studio_draw(studio);
    if (is_same_frame(studio) && studio->after.len == 0 && !studio->must_redraw)
        return;
    tb_terminal_show(studio->terminal, &studio->canvas, &studio->after);
    studio->must_redraw = false;
    tb_str_deinit(&studio->after);
    keep_frame(studio);
}

static void resize(tb_studio *studio)
{
    int rows, columns;
    tb_terminal_get_size(studio->terminal, &rows, &columns);
    rows = rows < 1 ? 1 : rows > 500 ? 500 : rows;
    columns = columns < 1 ? 1 : columns > 1000 ? 1000 : columns;
    if (rows != studio->canvas.rows || columns != studio->canvas.columns)
        (void)tb_canvas_resize(&studio->canvas, rows, columns);
    forget_screen(studio);
}

static void take_signals(tb_studio *studio)
{
    tb_wake_signals signals = tb_wake_take_signals();
    if (signals.has_resized)
        resize(studio);
    if (signals.wants_suspend)
        tb_studio_suspend(studio);
    if (signals.ended_by != 0) {
        studio->must_quit = true;
        studio->exit_code = 128 + signals.ended_by;
    }
}

static void read_input(tb_studio *studio, bool can_read)
{
    char bytes[4096];
    ssize_t n = can_read ? read(tb_terminal_fd(studio->terminal), bytes, sizeof bytes) : 0;
    if (can_read && (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))) {
        studio->must_quit = true; /* the terminal is gone */
        studio->exit_code = 128 + SIGHUP;
        return;
    }
    if (n > 0)
        tb_decoder_push(&studio->decoder, bytes, (size_t)n);
    bool is_late = n <= 0;
    for (tb_input input; !studio->must_quit;) {
        input = tb_decoder_next(&studio->decoder, is_late);
        if (input.kind == TB_INPUT_NONE)
            break;
        tb_studio_handle(studio, &input);
    }
}

static int shorter(int a, int b)
{
    return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

/* How long nothing will change by itself. */
static int timeout_ms(const tb_studio *studio)
{
    int ms = -1;
    if (studio->is_dirty)
        return 0;
    if (tb_decoder_is_waiting(&studio->decoder))
        ms = LONE_ESCAPE_MS;
    if (studio->toast.until_s > 0) {
        double left_s = studio->toast.until_s - tb_clock_seconds();
        ms = shorter(ms, left_s > 0 ? (int)(left_s * 1000) + 1 : 0);
    }
    if (studio->playback.state.is_playing)
        ms = shorter(ms, PLAYING_MS);
    bool is_working = tb_collection_running(&studio->collection) != NULL ||
                      studio->contact.pulling[0] != '\0';
    if (is_working)
        ms = shorter(ms, WORKING_MS);
    if (studio->is_draft_unsaved)
        ms = shorter(ms, DRAFT_PAUSE_MS);
    if (tb_offline_is_shown(studio))
        ms = shorter(ms, COUNTDOWN_MS);
    return ms;
}

/* What time brings. */
static void tick(tb_studio *studio)
{
    double now_s = tb_clock_seconds();
    if (studio->toast.until_s > 0 && now_s >= studio->toast.until_s) {
        studio->toast.until_s = 0;
        studio->is_dirty = true;
    }
    if (studio->is_draft_unsaved && now_s - studio->typed_s >= DRAFT_PAUSE_MS / 1e3)
        tb_draft_save(studio);
    bool is_pulling = studio->contact.pulling[0] != '\0' && studio->link != NULL;
    if (is_pulling && now_s - studio->pull_asked_s >= 1) {
        studio->pull_asked_s = now_s;
        tb_studio_ask_models(studio);
    }
    bool is_moving = studio->playback.state.is_playing || tb_offline_is_shown(studio) ||
                     tb_collection_running(&studio->collection) != NULL || is_pulling;
    studio->is_dirty |= is_moving;
    if (studio->quits_when_idle && tb_collection_count_active(&studio->collection, NULL) == 0)
        studio->must_quit = true;
}

static void name_window(tb_studio *studio)
{
    char title[120] = "timbre";
    const tb_take *running = tb_collection_running(&studio->collection);
    if (running != NULL)
        (void)snprintf(title, sizeof title, "timbre %d%% %.80s", (int)(running->progress * 100),
                       running->prompt);
    for (char *c = title; *c != '\0'; c++)
        *c = (unsigned char)*c < ' ' || *c == 127 ? ' ' : *c;
    if (strcmp(title, studio->window_title) == 0)
        return;
    (void)snprintf(studio->window_title, sizeof studio->window_title, "%s", title);
    tb_terminal_set_title(studio->terminal, title);
}

static void loop(tb_studio *studio)
{
    while (!studio->must_quit) {
        if (studio->is_dirty)
            show(studio);
        if (!studio->has_asked_terminal) { /* after the first frame: nobody waits for answers */
            studio->has_asked_terminal = true;
            tb_terminal_ask(studio->terminal);
        }
        bool can_read = tb_wake_wait(tb_terminal_fd(studio->terminal), timeout_ms(studio));
        take_signals(studio);
        read_input(studio, can_read);
        if (studio->link != NULL)
            tb_link_dispatch(studio->link);
        tb_tasks_dispatch(&studio->tasks, studio);
        tb_studio_sound_changed(studio);
        tb_studio_radio_update(studio);
        tick(studio);
        name_window(studio);
    }
}

/* ---- opening and closing ---- */

static int open_log(const char *data_dir)
{
    char *path = tb_strf("%s/studio.log", data_dir);
    int fd = path != NULL ? open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    struct stat facts;
    if (fd >= 0 && fstat(fd, &facts) == 0 && facts.st_size > LOG_MAX_BYTES)
        (void)!ftruncate(fd, 0);
    free(path);
    return fd;
}

static char *make_cache_dir(void)
{
    const char *tmp = getenv("TMPDIR");
    char *path = tb_strf("%s/timbre-studio-XXXXXX", tmp != NULL && *tmp != '\0' ? tmp : "/tmp");
    if (path != NULL && mkdtemp(path) != NULL)
        return path;
    free(path);
    return NULL;
}

static tb_status open_places(tb_studio *studio, tb_error *err)
{
    tb_status st = tb_path_data(tb_args_value(&studio->app->args, "data-dir"), &studio->data_dir,
                                err);
    if (st == TIMBRE_OK)
        st = tb_dir_make(studio->data_dir, err);
    if (st != TIMBRE_OK)
        return st;
    studio->log_fd = open_log(studio->data_dir);
    studio->cache_dir = make_cache_dir();
    if (studio->cache_dir == NULL)
        return tb_fail_errno(err, errno, "cannot make a folder for sounds");
    char *path = tb_strf("%s/prompt_history", studio->data_dir);
    if (path != NULL)
        tb_history_load(&studio->history, path);
    free(path);
    return TIMBRE_OK;
}

/* [keys] of the settings; what is wrong there is said and the rest holds. */
static void read_keys(tb_studio *studio)
{
    const char *at = tb_str_text(&studio->app->settings.keys);
    while (*at != '\0') {
        char where[300], name[64], keys[200];
        tb_error err = {0};
        if (sscanf(at, "%299[^\t]\t%63[^\t]\t%199[^\n]", where, name, keys) < 2)
            return;
        size_t n = strcspn(at, "\n");
        const char *value = memrchr(at, '\t', n);
        (void)snprintf(keys, sizeof keys, "%.*s", (int)(at + n - value - 1), value + 1);
        if (tb_keymap_set(&studio->keymap, name, keys, &err) != TIMBRE_OK) {
            tb_studio_toast(studio, TB_ROLE_WARN, "%s: %s", where, err.message);
            tb_studio_log(studio, "%s: %s", where, err.message);
        }
        at += n + (at[n] == '\n');
    }
}

static tb_terminal_facts facts_of_environment(bool is_utf8)
{
    return (tb_terminal_facts){.term = getenv("TERM"),
                               .term_program = getenv("TERM_PROGRAM"),
                               .colorterm = getenv("COLORTERM"),
                               .no_color = getenv("NO_COLOR"),
                               .kitty_window_id = getenv("KITTY_WINDOW_ID"),
                               .tmux = getenv("TMUX"),
                               .lc_terminal = getenv("LC_TERMINAL"),
                               .is_utf8 = is_utf8};
}

static void read_settings(tb_studio *studio)
{
    const tb_settings *s = &studio->app->settings;
    tb_keymap_init(&studio->keymap);
    read_keys(studio);
    tb_wishes_init(&studio->wishes, studio->app);
    studio->is_utf8 = studio->app->is_utf8;
    studio->has_motion = strcmp(tb_settings_text(s, "ui.motion"), "on") == 0;
    studio->has_mouse = strcmp(tb_settings_text(s, "ui.mouse"), "on") == 0;
    studio->is_light = strcmp(tb_settings_text(s, "ui.background"), "light") == 0;
    studio->playback.volume = (int)tb_settings_number(s, "play.volume");
    studio->facts = facts_of_environment(studio->is_utf8);
    bool is_plain = strcmp(tb_settings_text(s, "ui.color"), "never") == 0;
    studio->colors = is_plain ? 0 : tb_terminal_colors(&studio->facts);
    studio->picture_form = tb_terminal_picture_form(&studio->facts,
                                                    tb_settings_text(s, "ui.images"));
    studio->canvas.is_utf8 = studio->is_utf8;
    studio->decoder.is_utf8_off = !studio->is_utf8;
}

static tb_status open_screen(tb_studio *studio, tb_error *err)
{
    const tb_terminal_options options = {.colors = studio->colors,
                                         .is_light = studio->is_light,
                                         .has_mouse = studio->has_mouse,
                                         .is_utf8 = studio->is_utf8,
                                         .log_fd = studio->log_fd};
    tb_status st = tb_terminal_open(&options, &studio->terminal, err);
    if (st == TIMBRE_OK)
        resize(studio);
    return st;
}

/* Only files of ours are in it. */
static void remove_cache(const char *folder)
{
    DIR *dir = folder != NULL ? opendir(folder) : NULL;
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir != NULL)
        (void)closedir(dir);
    if (folder != NULL)
        (void)rmdir(folder);
}

static void close_studio(tb_studio *studio)
{
    tb_studio_radio_stop(studio);
    tb_sound_free(studio->playback.sound);
    if (studio->after.len > 0 && studio->terminal != NULL)
        tb_terminal_write(studio->terminal, studio->after.bytes, studio->after.len);
    bool was_open = studio->terminal != NULL;
    tb_terminal_close(studio->terminal); /* the rest may take a moment */
    studio->terminal = NULL;
    while (studio->overlay != NULL)
        tb_studio_close_overlay(studio);
    tb_tasks_end(&studio->tasks, studio);
    if (was_open)
        tb_draft_save_now(studio);
    tb_link_free(studio->link);
    tb_collection_deinit(&studio->collection);
    tb_levels_deinit(&studio->preview.levels);
    tb_editor_deinit(&studio->editor);
    tb_history_deinit(&studio->history);
    tb_wishes_deinit(&studio->wishes);
    tb_decoder_deinit(&studio->decoder);
    tb_canvas_deinit(&studio->canvas);
    tb_canvas_deinit(&studio->shown);
    tb_str_deinit(&studio->after);
    json_decref(studio->contact.health);
    json_decref(studio->contact.models);
    json_decref(studio->contact.pull);
    remove_cache(studio->cache_dir);
    free(studio->cache_dir);
    free(studio->data_dir);
    free(studio->saved);
    if (studio->log_fd >= 0)
        (void)close(studio->log_fd);
    tb_wake_deinit();
}

int tb_studio_run(tb_app *app)
{
    tb_studio *studio = calloc(1, sizeof *studio);
    tb_error err = {0};
    if (studio == NULL) {
        (void)tb_fail(&err, TIMBRE_NO_MEMORY, "no memory for the studio");
        return tb_app_fail(app, &err);
    }
    studio->app = app;
    studio->log_fd = -1;
    studio->first_row = studio->last_operation = -1;
    studio->is_focused = studio->must_redraw = true;
    studio->started_s = tb_clock_seconds();
    tb_status st = open_places(studio, &err);
    if (st == TIMBRE_OK)
        st = tb_wake_init(&err);
    if (st == TIMBRE_OK) {
        read_settings(studio);
        tb_draft_load(studio);
        st = open_screen(studio, &err);
    }
    if (st == TIMBRE_OK) {
        show(studio); /* before anything that could wait */
        st = tb_studio_connect(studio, &err);
    }
    if (st == TIMBRE_OK)
        loop(studio);
    int code = studio->exit_code;
    close_studio(studio);
    free(studio);
    return st == TIMBRE_OK ? code : tb_app_fail(app, &err);
}
