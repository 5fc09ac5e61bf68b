/*
 * The terminal of a program that is no full screen: keys that come one by one, and one line at the
 * bottom that is drawn anew again and again. Where there is no terminal, nothing happens.
 */
#ifndef TB_CLI_KEYS_H
#define TB_CLI_KEYS_H

#include <stdbool.h>
#include <termios.h>

#include "cli/app.h"
#include "cli/tui/input.h"

/* Zero-initialise. */
typedef struct tb_keys {
    bool is_plain;     /* no line and no keys: what is typed is for somebody else */
    bool takes_ctrl_z; /* Ctrl-Z is a key, not a signal */
    bool has_keys, has_line;
    bool is_late;      /* nothing came in the last wait */
    int drawn_columns; /* width of the line; 0: none stands there */
    tb_decoder decoder;
    bool is_saved; /* `saved` is the terminal as it was found */
    struct termios saved;
} tb_keys;

/* Keys without echo; Ctrl-C stays a signal. Not when in the background, where changing the terminal
 * would stop the process. */
void tb_keys_take(tb_keys *keys, const tb_app *app);
/* The terminal as it was found, and the line wiped. */
void tb_keys_give_back(tb_keys *keys);
void tb_keys_deinit(tb_keys *keys);

/* Wait so long, or less when keys come. */
void tb_keys_wait(tb_keys *keys, int timeout_ms);
/* The next key that came. False: there is none. */
bool tb_keys_next(tb_keys *keys, tb_key *key);

/* Between these two the line is printed on standard error. False: there is no line now. `columns`:
 * how wide it became. */
bool tb_keys_begin_line(tb_keys *keys);
void tb_keys_end_line(tb_keys *keys, int columns);
/* Wipe it, so that other lines can be written; it comes back with the next one. */
void tb_keys_hide_line(tb_keys *keys);

#endif
