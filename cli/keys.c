#include "cli/keys.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/meter.h"

/* A shell has the terminal: what is written would run into its prompt. */
static bool is_in_background(int fd)
{
    pid_t owner = tcgetpgrp(fd);
    return owner >= 0 && owner != getpgrp();
}

void tb_keys_take(tb_keys *keys, const tb_app *app)
{
    keys->has_keys = false;
    if (keys->is_plain)
        return;
    keys->has_line = isatty(STDERR_FILENO) && tb_terminal_can_draw() && !app->is_quiet;
    if (!isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) != getpgrp())
        return;
    if (!keys->is_saved && tcgetattr(STDIN_FILENO, &keys->saved) != 0)
        return;
    keys->is_saved = true;
    struct termios raw = keys->saved;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (keys->takes_ctrl_z)
        raw.c_cc[VSUSP] = _POSIX_VDISABLE;
    keys->has_keys = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

void tb_keys_hide_line(tb_keys *keys)
{
    if (!keys->has_line || is_in_background(STDERR_FILENO))
        return;
    tb_line_rewind(stderr, keys->drawn_columns);
    fputs("\033[K", stderr);
    keys->drawn_columns = 0;
}

void tb_keys_give_back(tb_keys *keys)
{
    if (keys->is_saved && !is_in_background(STDIN_FILENO))
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &keys->saved);
    tb_keys_hide_line(keys);
    (void)fflush(stderr);
}

void tb_keys_deinit(tb_keys *keys)
{
    tb_decoder_deinit(&keys->decoder);
}

void tb_keys_wait(tb_keys *keys, int timeout_ms)
{
    struct pollfd input = {.fd = keys->has_keys ? STDIN_FILENO : -1, .events = POLLIN};
    char bytes[32];
    keys->is_late = poll(&input, 1, timeout_ms) <= 0;
    ssize_t n = keys->is_late ? 0 : read(STDIN_FILENO, bytes, sizeof bytes);
    if (!keys->is_late && n <= 0)
        keys->has_keys = keys->has_keys && n < 0;
    if (n > 0)
        tb_decoder_push(&keys->decoder, bytes, (size_t)n);
}

bool tb_keys_next(tb_keys *keys, tb_key *key)
{
    for (;;) {
        tb_input next = tb_decoder_next(&keys->decoder, keys->is_late);
        if (next.kind == TB_INPUT_NONE)
            return false;
        if (next.kind != TB_INPUT_KEY)
            continue;
        *key = next.key;
        return true;
    }
}

bool tb_keys_begin_line(tb_keys *keys)
{
    if (!keys->has_line || is_in_background(STDERR_FILENO))
        return false;
    fputs("\033[?2026h", stderr);
    tb_line_rewind(stderr, keys->drawn_columns);
    return true;
}

void tb_keys_end_line(tb_keys *keys, int columns)
{
    keys->drawn_columns = columns;
    fputs("\033[K\033[?2026l", stderr);
    (void)fflush(stderr);
}
