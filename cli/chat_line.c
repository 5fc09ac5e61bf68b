#include "cli/chat_line.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#if TB_HAVE_LIBEDIT
#include <histedit.h>
#endif

#include "cli/meter.h"
#include "cli/signals.h"
#include "cli/tui/history.h"
#include "engine/base/str.h"
#include "engine/base/utf8.h"

enum { LINE_MAX_BYTES = 64 << 10, READ_BYTES = 4096, TICK_MS = 100 };

struct tb_lines {
    tb_history prompts;          /* of the file, which the studio has too */
    tb_str left;                 /* read and not yet given out */
    bool is_at_end, is_skipping; /* the rest of a line that is too long */
    bool has_prompt;             /* somebody sits there */
#if TB_HAVE_LIBEDIT
    EditLine *editor; /* NULL: lines come as they are */
    History *history;
    mbstate_t state;
    bool had_text; /* when Ctrl-C came */
#endif
};

/* ---- as they come ---- */

static tb_status read_more(tb_lines *lines, tb_error *err)
{
    char bytes[READ_BYTES];
    if (!tb_signals_wait(STDIN_FILENO, POLLIN))
        return tb_fail(err, TIMBRE_CANCELLED, "interrupted");
    ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
    if (n < 0 && errno != EINTR && errno != EAGAIN)
        return tb_fail_errno(err, errno, "cannot read standard input");
    lines->is_at_end = n == 0;
    if (n > 0)
        tb_str_append_bytes(&lines->left, bytes, (size_t)n);
    return lines->left.failed ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a line") : TIMBRE_OK;
}

static void drop(tb_str *s, size_t n)
{
    memmove(s->bytes, s->bytes + n, s->len - n);
    s->len -= n;
    s->bytes[s->len] = '\0';
}

/* Length of the next line, which need not have an end when the input has; -1: not all is here. */
static long whole_line(const tb_lines *lines)
{
    const char *end = lines->left.len > 0 ? memchr(lines->left.bytes, '\n', lines->left.len) : NULL;
    if (end != NULL)
        return end - lines->left.bytes;
    return lines->is_at_end && lines->left.len > 0 ? (long)lines->left.len : -1;
}

static tb_status copy_line(const char *bytes, size_t n, char **line, tb_error *err)
{
    while (n > 0 && strchr(" \t\r\n", bytes[n - 1]) != NULL && bytes[n - 1] != '\0')
        n--;
    while (n > 0 && (bytes[0] == ' ' || bytes[0] == '\t')) {
        bytes++;
        n--;
    }
    tb_status st = tb_utf8_require_text("line", bytes, n, LINE_MAX_BYTES, err);
    if (st != TIMBRE_OK)
        return st;
    *line = calloc(n + 1, 1);
    if (*line == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a line");
    memcpy(*line, bytes, n);
    return TIMBRE_OK;
}

static tb_status read_plain(tb_lines *lines, char **line, tb_error *err)
{
    long n;
    if (lines->has_prompt)
        fputs("> ", stderr);
    while ((n = whole_line(lines)) < 0 && !lines->is_at_end) {
        if (lines->left.len > LINE_MAX_BYTES) {
            drop(&lines->left, lines->left.len);
            lines->is_skipping = true;
        }
        tb_status st = read_more(lines, err);
        if (st != TIMBRE_OK)
            return st;
    }
    bool was_skipping = lines->is_skipping;
    lines->is_skipping = false;
    if (n < 0 && !was_skipping)
        return TIMBRE_OK;
    tb_status st = was_skipping ? tb_fail(err, TIMBRE_BAD_INPUT, "a line exceeds %d bytes",
                                          (int)LINE_MAX_BYTES)
                                : copy_line(lines->left.bytes, (size_t)n, line, err);
    if (n >= 0)
        drop(&lines->left, (size_t)n < lines->left.len ? (size_t)n + 1 : (size_t)n);
    return st;
}

/* ---- edited ---- */

#if TB_HAVE_LIBEDIT
static const char *show_prompt(EditLine *editor)
{
    (void)editor;
    return "> ";
}

/* Ctrl-Z: the shell gets the terminal as it was. */
static void suspend(EditLine *editor)
{
    (void)el_set(editor, EL_PREP_TERM, 0);
    (void)tb_signals_stop();
    (void)el_set(editor, EL_PREP_TERM, 1);
    (void)el_set(editor, EL_REFRESH);
}

/* Wait for a byte; false: a signal came. libedit's own way would go on after the first. */
static bool wait_for_byte(EditLine *editor)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    while (tb_signals_caught() == 0) {
        if (tb_signals_wants_stop())
            suspend(editor);
        if (poll(&input, 1, TICK_MS) > 0)
            return true;
    }
    return false;
}

static int read_character(EditLine *editor, wchar_t *out)
{
    tb_lines *lines = NULL;
    (void)el_get(editor, EL_CLIENTDATA, &lines);
    for (;;) {
        char byte;
        if (!wait_for_byte(editor)) {
            const LineInfo *typed = el_line(editor);
            lines->had_text = typed->lastchar > typed->buffer;
            return -1;
        }
        ssize_t n = read(STDIN_FILENO, &byte, 1);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return (int)n;
        size_t used = mbrtowc(out, &byte, 1, &lines->state);
        if (used == (size_t)-1) /* no UTF-8: as if it had not come */
            memset(&lines->state, 0, sizeof lines->state);
        else if (used != (size_t)-2)
            return 1;
    }
}

static tb_status read_edited(tb_lines *lines, char **line, tb_error *err)
{
    for (;;) {
        int n = 0;
        const char *text = el_gets(lines->editor, &n);
        if (text != NULL && n > 0)
            return copy_line(text, (size_t)n, line, err);
        fputs("\n", stdout);
        (void)fflush(stdout);
        if (tb_signals_caught() == 0)
            return TIMBRE_OK;
        if (tb_signals_caught() != SIGINT || !lines->had_text)
            return tb_fail(err, TIMBRE_CANCELLED, "interrupted");
        (void)tb_signals_forget_interrupt(); /* it was for what was typed */
    }
}

/* An editor shows a line in one row: line breaks of the studio's prompts become blanks. */
static void add_to_editor(tb_lines *lines, const char *text)
{
    HistEvent event;
    char *row = tb_strdup(text);
    if (row == NULL)
        return;
    for (char *at = row; *at != '\0'; at++)
        *at = *at == '\n' ? ' ' : *at;
    if (lines->history != NULL)
        (void)history(lines->history, &event, H_ENTER, row);
    free(row);
}

static bool open_editor(tb_lines *lines)
{
    HistEvent event;
    lines->editor = el_init("timbre", stdin, stdout, stderr);
    lines->history = history_init();
    if (lines->editor == NULL || lines->history == NULL)
        return false;
    (void)history(lines->history, &event, H_SETSIZE, TB_HISTORY_MAX);
    (void)history(lines->history, &event, H_SETUNIQUE, 1);
    bool is_good = el_set(lines->editor, EL_CLIENTDATA, lines) == 0 &&
                   el_set(lines->editor, EL_PROMPT, show_prompt) == 0 &&
                   el_set(lines->editor, EL_EDITOR, "emacs") == 0 &&
                   el_set(lines->editor, EL_HIST, history, lines->history) == 0 &&
                   el_set(lines->editor, EL_GETCFN, read_character) == 0;
    for (size_t i = 0; is_good && i < lines->prompts.n; i++)
        add_to_editor(lines, lines->prompts.items[i]);
    if (is_good)
        (void)el_source(lines->editor, NULL); /* ~/.editrc */
    return is_good;
}

static void close_editor(tb_lines *lines)
{
    if (lines->history != NULL)
        history_end(lines->history);
    if (lines->editor != NULL)
        el_end(lines->editor);
    lines->history = NULL;
    lines->editor = NULL;
}
#endif

/* ---- either ---- */

tb_status tb_lines_open(const tb_app *app, const char *history, tb_lines **out, tb_error *err)
{
    tb_lines *lines = *out = calloc(1, sizeof *lines);
    if (lines == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory to read lines");
    lines->has_prompt = isatty(STDIN_FILENO);
    if (lines->has_prompt && history != NULL)
        tb_history_load(&lines->prompts, history);
    bool can_edit = lines->has_prompt && isatty(STDOUT_FILENO) && tb_terminal_can_draw() &&
                    app->is_utf8;
#if TB_HAVE_LIBEDIT
    if (can_edit && !open_editor(lines))
        close_editor(lines);
#else
    (void)can_edit;
#endif
    return TIMBRE_OK;
}

void tb_lines_close(tb_lines *lines)
{
    if (lines == NULL)
        return;
#if TB_HAVE_LIBEDIT
    close_editor(lines);
#endif
    tb_history_deinit(&lines->prompts);
    tb_str_deinit(&lines->left);
    free(lines);
}

tb_status tb_lines_read(tb_lines *lines, char **line, tb_error *err)
{
    *line = NULL;
#if TB_HAVE_LIBEDIT
    if (lines->editor != NULL)
        return read_edited(lines, line, err);
#endif
    return read_plain(lines, line, err);
}

void tb_lines_remember(tb_lines *lines, const char *line)
{
    if (!lines->has_prompt)
        return;
    if (line[0] != '/')
        tb_history_add(&lines->prompts, line);
#if TB_HAVE_LIBEDIT
    if (lines->editor != NULL)
        add_to_editor(lines, line);
#endif
}
