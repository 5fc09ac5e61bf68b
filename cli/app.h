/*
 * What every command gets: its arguments, the settings in force, and the only ways to speak.
 * Results go to standard output, everything else to standard error and, with --log, to the log
 * file.
 */
#ifndef TB_CLI_APP_H
#define TB_CLI_APP_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/options.h"
#include "cli/settings.h"
#include "timbre/log.h"

typedef enum tb_style {
    TB_STYLE_PLAIN,
    TB_STYLE_BOLD,
    TB_STYLE_OK,
    TB_STYLE_WARN,
    TB_STYLE_FAIL
} tb_style;

enum { TB_TAKE_PATHS_MAX = 6 };

typedef struct tb_app {
    tb_args args;
    tb_settings settings;
    tb_error settings_error; /* code OK when the settings are right */
    bool is_quiet, is_verbose;
    bool wants_json;   /* errors also go to standard output as JSON */
    bool is_utf8;      /* the locale's encoding */
    bool has_color[3]; /* by file descriptor; 1 and 2 are used */
    FILE *log;         /* NULL: none */
    char *take_title;  /* owned: that of the last such take in the history; NULL: none */
    const struct timbre_cancel
        *cancel; /* of what a worker's client waits for; NULL: the signals' */
    char *take_paths[TB_TAKE_PATHS_MAX]; /* owned: files that arguments such as "#12" mean; NULL:
                                            none */
} tb_app;

/* Report `err` in its parts; returns the exit code that belongs to it. With --json it goes to
 * standard output too, in one line for a batch. */
int tb_app_fail(tb_app *app, const tb_error *err);
/* As tb_app_fail, never on standard output: for commands that write their own JSON. */
int tb_app_report(tb_app *app, const tb_error *err);

/* One line on standard error; not with --quiet. */
void tb_app_note(tb_app *app, const char *fmt, ...) TB_PRINTF(2, 3);
void tb_app_warn(tb_app *app, const char *fmt, ...) TB_PRINTF(2, 3);
/* Only with --verbose. */
/* The same, said also when the program is quiet: what the user must not miss. */
void tb_app_alert(tb_app *app, const char *fmt, ...) TB_PRINTF(2, 3);
void tb_app_detail(tb_app *app, const char *fmt, ...) TB_PRINTF(2, 3);
/* Only in the log file. */
void tb_app_log(tb_app *app, const char *fmt, ...) TB_PRINTF(2, 3);
/* For timbre_engine_options.log; user is the tb_app. May be called from any thread. Warnings are
 * shown, what is for information only with --verbose, the rest stands only in the log file. */
void tb_app_engine_log(timbre_log_level level, const char *message, void *user);

/* Escape sequence that begins a style on descriptor fd (1 or 2); "" without colour. */
const char *tb_app_style(const tb_app *app, int fd, tb_style style);

/* Flush standard output and report what failed; the exit code. */
int tb_app_finish(tb_app *app, int exit_code);

/* An error as a JSON object {"code","message","fix"}: new reference, NULL for memory. */
struct json_t *tb_error_to_json(const tb_error *err);
/* Print a JSON value with a newline on standard output. Takes the reference. INTERNAL for NULL,
 * which json_pack makes of a number that JSON does not have. */
TB_MUST_USE tb_status tb_json_print(struct json_t *value, tb_error *err);
/* The same in one line, for a batch. */
TB_MUST_USE tb_status tb_json_print_line(struct json_t *value, tb_error *err);

#endif
