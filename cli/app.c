#include "cli/app.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/text.h"
#include "engine/base/clock.h"
#include "engine/base/str.h"

const char *tb_app_style(const tb_app *app, int fd, tb_style style)
{
    static const char *const codes[] = {"\033[0m", "\033[1m", "\033[32m", "\033[33m", "\033[31m"};
    return app->has_color[fd] ? codes[style] : "";
}

static void log_line(tb_app *app, const char *level, const char *text)
{
    if (app->log == NULL)
        return;
    char now[21];
    tb_clock_format_utc(time(NULL), now);
    flockfile(app->log); /* lines of several threads stay whole */
    fprintf(app->log, "%s %s ", now, level);
    tb_print_clean(app->log, text);
    fputc('\n', app->log);
    (void)fflush(app->log);
    funlockfile(app->log);
}

/* "timbre: " and the text; a label, where there is one, in its style. */
static void say(tb_app *app, const char *label, tb_style style, const char *text)
{
    flockfile(stderr);
    fputs("timbre: ", stderr);
    if (label[0] != '\0')
        fprintf(stderr, "%s%s%s", tb_app_style(app, 2, style), label,
                tb_app_style(app, 2, TB_STYLE_PLAIN));
    tb_print_clean(stderr, text);
    fputc('\n', stderr);
    funlockfile(stderr);
}

static char *format(const char *fmt, va_list args)
{
    char *text = NULL;
    return vasprintf(&text, fmt, args) < 0 ? NULL : text;
}

void tb_app_note(tb_app *app, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = format(fmt, args);
    va_end(args);
    if (text != NULL && !app->is_quiet)
        say(app, "", TB_STYLE_PLAIN, text);
    if (text != NULL)
        log_line(app, "note", text);
    free(text);
}

void tb_app_warn(tb_app *app, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = format(fmt, args);
    va_end(args);
    if (text != NULL && !app->is_quiet)
        say(app, "warning: ", TB_STYLE_WARN, text);
    if (text != NULL)
        log_line(app, "warning", text);
    free(text);
}

void tb_app_alert(tb_app *app, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = format(fmt, args);
    va_end(args);
    if (text != NULL)
        say(app, "warning: ", TB_STYLE_WARN, text);
    if (text != NULL)
        log_line(app, "warning", text);
    free(text);
}

void tb_app_detail(tb_app *app, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = format(fmt, args);
    va_end(args);
    if (text != NULL && app->is_verbose)
        say(app, "", TB_STYLE_PLAIN, text);
    if (text != NULL)
        log_line(app, "detail", text);
    free(text);
}

void tb_app_log(tb_app *app, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = app->log != NULL ? format(fmt, args) : NULL;
    va_end(args);
    if (text != NULL)
        log_line(app, "note", text);
    free(text);
}

void tb_app_engine_log(timbre_log_level level, const char *message, void *user)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    tb_app *app = user;
    log_line(app, names[level], message);
    if (level >= TIMBRE_LOG_WARNING && !app->is_quiet)
        say(app, level == TIMBRE_LOG_WARNING ? "warning: " : "", TB_STYLE_WARN, message);
    else if (level == TIMBRE_LOG_INFO && app->is_verbose)
        say(app, "", TB_STYLE_PLAIN, message);
}

int tb_app_report(tb_app *app, const tb_error *err)
{
    say(app, "", TB_STYLE_PLAIN, err->message);
    log_line(app, "error", err->message);
    if (err->fix[0] != '\0') {
        fprintf(stderr, "  %sfix:%s ", tb_app_style(app, 2, TB_STYLE_BOLD),
                tb_app_style(app, 2, TB_STYLE_PLAIN));
        tb_print_clean(stderr, err->fix);
        fputc('\n', stderr);
    }
    return timbre_status_exit_code(err->code);
}

json_t *tb_error_to_json(const tb_error *err)
{
    return json_pack("{s:s, s:i, s:o, s:o}", "code", timbre_status_name(err->code), "exit_code",
                     timbre_status_exit_code(err->code), "message", tb_text_to_json(err->message),
                     "fix", tb_text_to_json(err->fix));
}

/* Takes the reference. */
static tb_status print_json(json_t *value, size_t layout, tb_error *err)
{
    if (value == NULL) /* a number that is not finite, or no memory */
        return tb_fail(err, TIMBRE_INTERNAL, "the JSON answer could not be put together");
    char *text = json_dumps(value, layout | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
    json_decref(value);
    if (text == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the JSON answer");
    printf("%s\n", text);
    free(text);
    return TIMBRE_OK;
}

tb_status tb_json_print(json_t *value, tb_error *err)
{
    return print_json(value, JSON_INDENT(2), err);
}

tb_status tb_json_print_line(json_t *value, tb_error *err)
{
    tb_status st = print_json(value, JSON_COMPACT, err);
    (void)fflush(stdout); /* who reads lines wants them as they come */
    return st;
}

int tb_app_fail(tb_app *app, const tb_error *err)
{
    if (app->wants_json) {
        json_t *answer = json_pack("{s:i, s:o}", "schema", 1, "error", tb_error_to_json(err));
        bool is_line = tb_args_has(&app->args, "batch");
        tb_status st = is_line ? tb_json_print_line(answer, NULL) : tb_json_print(answer, NULL);
        if (st != TIMBRE_OK)
            return timbre_status_exit_code(st);
    }
    return tb_app_report(app, err);
}

int tb_app_finish(tb_app *app, int exit_code)
{
    errno = 0;
    bool failed = fflush(stdout) != 0 || ferror(stdout) != 0;
    if (!failed || exit_code != 0)
        return exit_code;
    tb_error err = {0};
    (void)tb_fail_errno(&err, errno != 0 ? errno : EIO, "cannot write to standard output");
    return tb_app_report(app, &err);
}
