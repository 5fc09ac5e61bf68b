#include "cli/tui/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#define NCURSES_WIDECHAR 1
#include <curses.h>

#include "cli/tui/terminal_paint.h"

/* Modes of ours that ncurses does not know: pasted text is bracketed, focus is told; mouse with
 * drags, in SGR form. */
#define MODES_ON   "\033[?2004h\033[?1004h"
#define MODES_OFF  "\033[?2004l\033[?1004l"
#define MOUSE_ON   "\033[?1002h\033[?1006h"
#define MOUSE_OFF  "\033[?1006l\033[?1002l"
#define KEYS_ON    "\033[>1u" /* kitty: keys that are told apart; others do not know it */
#define KEYS_OFF   "\033[<u"
#define TITLE_PUSH "\033[22;0t"
#define TITLE_POP  "\033[23;0t"

struct tb_terminal {
    int fd;       /* of /dev/tty */
    FILE *stream; /* what ncurses writes, until it is sent: it would send it in small pieces */
    SCREEN *screen;
    struct termios before;
    tb_terminal_options options;
    bool is_modern; /* knows control sequences of xterm beyond the VT's */
    bool has_sync, is_entered;
    int saved_fds[3]; /* what 1 and 2 were */
    tb_paint paint;
};

/* For the handler of crashes, which can be given no argument. */
static struct {
    int fd;
    bool is_modern;
    struct termios before;
} crash = {.fd = -1};

static void write_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, bytes, n);
        if (done < 0 && errno != EINTR)
            return;
        bytes += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
}

/* Put the terminal back with what is safe in a signal handler, then die of the signal. */
static void on_crash(int number)
{
    static const char plain[] = "\033[0m\033[?25h\033[?1l\033>\r\n";
    static const char modern[] = "\033[?2026l" MOUSE_OFF MODES_OFF KEYS_OFF "\033[0m\033[?1049l"
                                 "\033[?25h\033[?1l\033>" TITLE_POP;
    if (crash.fd >= 0) {
        write_all(crash.fd, crash.is_modern ? modern : plain,
                  crash.is_modern ? sizeof modern - 1 : sizeof plain - 1);
        (void)tcsetattr(crash.fd, TCSANOW, &crash.before);
    }
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void set_crash_handlers(bool is_on)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = is_on ? on_crash : SIG_DFL;
    action.sa_flags = (int)SA_RESETHAND;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        (void)sigaction(numbers[i], &action, NULL);
}

/* ncurses knows neither kitty's nor ghostty's name on Debian 12; all such terminals understand
 * xterm's sequences. */
static SCREEN *open_screen(FILE *stream, const char **used)
{
    const char *term = getenv("TERM"), *true_color = getenv("COLORTERM");
    bool has_many = strstr(term != NULL ? term : "", "256") != NULL ||
                    (true_color != NULL && true_color[0] != '\0') ||
                    strstr(term != NULL ? term : "", "kitty") != NULL ||
                    strstr(term != NULL ? term : "", "ghostty") != NULL;
    const char *const names[] = {term, has_many ? "xterm-256color" : "xterm", "xterm", "vt100"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i] == NULL || names[i][0] == '\0')
            continue;
        SCREEN *screen = newterm(names[i], stream, stream);
        *used = names[i];
        if (screen != NULL && tigetstr("cup") != NULL)
            return screen;
        if (screen != NULL) { /* it cannot put the cursor anywhere */
            (void)endwin();
            delscreen(screen);
        }
    }
    return NULL;
}

static bool is_modern_name(const char *name)
{
    static const char *const plain[] = {"linux", "vt", "ansi", "cons", "dumb"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strncmp(name, plain[i], strlen(plain[i])) == 0)
            return false;
    return true;
}

static void redirect(tb_terminal *t)
{
    int target = t->options.log_fd;
    if (target < 0)
        target = open("/dev/null", O_WRONLY | O_CLOEXEC);
    for (int fd = 1; fd <= 2; fd++) {
        t->saved_fds[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (target >= 0)
            (void)dup2(target, fd);
    }
    if (target >= 0 && target != t->options.log_fd)
        (void)close(target);
}

static void restore(tb_terminal *t)
{
    for (int fd = 1; fd <= 2; fd++) {
        if (t->saved_fds[fd] < 0)
            continue;
        (void)dup2(t->saved_fds[fd], fd);
        (void)close(t->saved_fds[fd]);
        t->saved_fds[fd] = -1;
    }
}

static void send(const tb_terminal *t, const char *text)
{
    if (t->is_modern)
        write_all(t->fd, text, strlen(text));
}

/* A file in memory where there is such a thing. */
static FILE *open_frame(void)
{
#ifdef __linux__
    int fd = memfd_create("frame", MFD_CLOEXEC);
    FILE *stream = fd >= 0 ? fdopen(fd, "r+") : NULL;
    if (stream != NULL)
        return stream;
#endif
    return tmpfile();
}

/* Append what ncurses wrote since the last time. */
static void take_frame(const tb_terminal *t, tb_str *out)
{
    int fd = fileno(t->stream);
    off_t n = lseek(fd, 0, SEEK_CUR);
    char *bytes = n > 0 ? malloc((size_t)n) : NULL;
    if (bytes != NULL && pread(fd, bytes, (size_t)n, 0) == n)
        tb_str_append_bytes(out, bytes, (size_t)n);
    free(bytes);
    (void)lseek(fd, 0, SEEK_SET);
}

static void send_frame(const tb_terminal *t)
{
    tb_str frame = {0};
    take_frame(t, &frame);
    write_all(t->fd, tb_str_text(&frame), frame.len);
    tb_str_deinit(&frame);
}

/* Ctrl-C, Ctrl-Z, Ctrl-S and Ctrl-Q are keys; a byte at a time. ncurses cannot do this: what it
 * writes to is no terminal. */
static void set_raw(const tb_terminal *t)
{
    struct termios raw = t->before;
    raw.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | INLCR | IGNCR | ISTRIP | IXON);
    raw.c_oflag &= ~(tcflag_t)OPOST;
    raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN | ISIG);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    (void)tcsetattr(t->fd, TCSADRAIN, &raw);
}

/* LINES and COLUMNS, for as long as ncurses looks there. */
static void hold_size(const tb_terminal *t, bool is_on)
{
    char lines[16], columns[16];
    int n_rows, n_columns;
    if (!is_on) {
        (void)unsetenv("LINES");
        (void)unsetenv("COLUMNS");
        return;
    }
    tb_terminal_get_size(t, &n_rows, &n_columns);
    (void)snprintf(lines, sizeof lines, "%d", n_rows);
    (void)snprintf(columns, sizeof columns, "%d", n_columns);
    (void)setenv("LINES", lines, 1);
    (void)setenv("COLUMNS", columns, 1);
}

static tb_status open_device(tb_terminal *t, tb_error *err)
{
    t->fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (t->fd < 0)
        return tb_fail_errno(err, errno, "cannot open the terminal");
    (void)tcgetattr(t->fd, &t->before);
    t->stream = open_frame();
    if (t->stream == NULL)
        return tb_fail_errno(err, errno, "cannot make a place for a frame");
    const char *used = NULL;
    hold_size(t, true); /* ncurses cannot ask what it writes to */
    t->screen = open_screen(t->stream, &used);
    hold_size(t, false);
    if (t->screen == NULL) {
        tb_status st = tb_fail(err, TIMBRE_UNSUPPORTED, "the terminal '%.60s' cannot be driven",
                               getenv("TERM") != NULL ? getenv("TERM") : "");
        tb_fix(err, "timbre chat works in any; or set TERM=xterm");
        return st;
    }
    t->is_modern = is_modern_name(used);
    return TIMBRE_OK;
}

static void set_modes(const tb_terminal *t)
{
    set_raw(t);
    (void)keypad(stdscr, TRUE);
    (void)leaveok(stdscr, FALSE);
    (void)typeahead(-1); /* never break off in the middle of a frame */
}

tb_status tb_terminal_open(const tb_terminal_options *options, tb_terminal **out, tb_error *err)
{
    *out = NULL;
    tb_terminal *t = calloc(1, sizeof *t);
    if (t == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the terminal");
    t->fd = -1;
    t->saved_fds[1] = t->saved_fds[2] = -1;
    t->options = *options;
    tb_status st = open_device(t, err);
    if (st != TIMBRE_OK) {
        tb_terminal_close(t);
        return st;
    }
    crash.before = t->before;
    crash.is_modern = t->is_modern;
    crash.fd = t->fd;
    set_crash_handlers(true);
    redirect(t);
    set_modes(t);
    tb_paint_init(&t->paint, options->colors, options->is_light, options->is_utf8);
    send(t, TITLE_PUSH MODES_ON KEYS_ON);
    tb_terminal_set_mouse(t, options->has_mouse);
    t->is_entered = true;
    *out = t;
    return TIMBRE_OK;
}

void tb_terminal_close(tb_terminal *t)
{
    if (t == NULL)
        return;
    tb_terminal_leave(t);
    send(t, TITLE_POP);
    if (t->screen != NULL) {
        tb_paint_deinit(&t->paint);
        delscreen(t->screen);
    }
    crash.fd = -1;
    set_crash_handlers(false);
    if (t->stream != NULL)
        (void)fclose(t->stream);
    if (t->fd >= 0)
        (void)close(t->fd);
    free(t);
}

void tb_terminal_leave(tb_terminal *t)
{
    if (!t->is_entered)
        return;
    t->is_entered = false;
    send(t, MOUSE_OFF KEYS_OFF MODES_OFF);
    (void)endwin();
    send_frame(t);
    (void)tcsetattr(t->fd, TCSADRAIN, &t->before);
    restore(t);
    crash.fd = -1;
}

void tb_terminal_enter(tb_terminal *t)
{
    if (t->is_entered)
        return;
    crash.fd = t->fd;
    redirect(t);
    set_modes(t);
    (void)clearok(curscr, TRUE);
    (void)refresh();
    send_frame(t);
    send(t, MODES_ON KEYS_ON);
    t->is_entered = true;
    tb_terminal_set_mouse(t, t->options.has_mouse);
    tb_terminal_redraw(t);
}

int tb_terminal_fd(const tb_terminal *t)
{
    return t->fd;
}

void tb_terminal_get_size(const tb_terminal *t, int *rows, int *columns)
{
    struct winsize size = {0};
    (void)ioctl(t->fd, TIOCGWINSZ, &size);
    *rows = size.ws_row > 0 ? size.ws_row : 24;
    *columns = size.ws_col > 0 ? size.ws_col : 80;
}

void tb_terminal_show(tb_terminal *t, const tb_canvas *canvas, const tb_str *after)
{
    if (canvas->rows != LINES || canvas->columns != COLS) {
        (void)resizeterm(canvas->rows, canvas->columns);
        tb_terminal_redraw(t);
    }
    tb_str frame = {0}, tail = {0};
    if (t->has_sync)
        tb_str_append(&frame, "\033[?2026h");
    tb_paint_show(&t->paint, canvas, &tail);
    take_frame(t, &frame);
    tb_str_append_bytes(&frame, tb_str_text(&tail), tail.len);
    if (after != NULL && after->len > 0)
        tb_str_append_bytes(&frame, after->bytes, after->len);
    if (t->has_sync)
        tb_str_append(&frame, "\033[?2026l");
    write_all(t->fd, tb_str_text(&frame), frame.len);
    tb_str_deinit(&frame);
    tb_str_deinit(&tail);
}

void tb_terminal_redraw(tb_terminal *t)
{
    tb_paint_forget(&t->paint);
}

void tb_terminal_set_mouse(tb_terminal *t, bool is_on)
{
    t->options.has_mouse = is_on;
    if (t->is_modern)
        send(t, is_on ? MOUSE_ON : MOUSE_OFF);
}

void tb_terminal_set_light(tb_terminal *t, bool is_light)
{
    tb_paint_set_light(&t->paint, is_light);
}

void tb_terminal_set_color_map(tb_terminal *t, tb_color_map map)
{
    tb_paint_set_map(&t->paint, map);
}

void tb_terminal_set_sync(tb_terminal *t, bool is_on)
{
    t->has_sync = is_on;
}

void tb_terminal_set_title(tb_terminal *t, const char *title)
{
    char *text = tb_strf("\033]2;%s\033\\", title);
    if (text != NULL)
        send(t, text);
    free(text);
}

void tb_terminal_ask(tb_terminal *t)
{
    /* the last one is answered by every terminal, so it ends the answers */
    send(t, "\033[>0q\033]11;?\033\\\033[?2026$p\033[16t"
            "\033_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\033\\\033[c");
}

void tb_terminal_write(tb_terminal *t, const void *bytes, size_t n)
{
    write_all(t->fd, bytes, n);
}
