/*
 * What a terminal sends, as events: keys (legacy sequences of xterm, VT, rxvt and the Linux
 * console, and kitty's CSI u), SGR mouse reports, pasted text, focus, and answers to what was
 * asked. Several may come in one read and one in many. Never waits, never fails: unknown sequences
 * are dropped whole, so that no byte of one becomes text.
 */
#ifndef TB_CLI_TUI_INPUT_H
#define TB_CLI_TUI_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/str.h"

enum { TB_MOD_SHIFT = 1, TB_MOD_ALT = 2, TB_MOD_CTRL = 4 };

/* Keys without a character; above all code points. */
enum {
    TB_KEY_NONE = 0,
    TB_KEY_FIRST = 0x110000,
    TB_KEY_ENTER = TB_KEY_FIRST,
    TB_KEY_TAB,
    TB_KEY_BACKSPACE,
    TB_KEY_ESCAPE,
    TB_KEY_UP,
    TB_KEY_DOWN,
    TB_KEY_LEFT,
    TB_KEY_RIGHT,
    TB_KEY_HOME,
    TB_KEY_END,
    TB_KEY_PAGE_UP,
    TB_KEY_PAGE_DOWN,
    TB_KEY_INSERT,
    TB_KEY_DELETE,
    TB_KEY_F1, /* .. F12 */
    TB_KEY_F12 = TB_KEY_F1 + 11,
};

/*
 * A key as it is bound: letters with Ctrl in lower case ({'t', TB_MOD_CTRL}), Shift only where the
 * character does not say it (Shift+Tab, Shift+Left). Ctrl+H and DEL are TB_KEY_BACKSPACE, Ctrl+I is
 * TB_KEY_TAB, Ctrl+M is TB_KEY_ENTER; Ctrl+J stays {'j', TB_MOD_CTRL}; Ctrl+_ and Ctrl+/ are
 * {'_', TB_MOD_CTRL}; Ctrl+Space is {' ', TB_MOD_CTRL}.
 */
typedef struct tb_key {
    uint32_t code; /* code point or TB_KEY_* */
    uint32_t mods; /* TB_MOD_* */
} tb_key;

typedef enum tb_mouse_kind {
    TB_MOUSE_PRESS,
    TB_MOUSE_RELEASE,
    TB_MOUSE_DRAG,
    TB_MOUSE_WHEEL_UP,
    TB_MOUSE_WHEEL_DOWN
} tb_mouse_kind;

typedef struct tb_mouse {
    tb_mouse_kind kind;
    int button;      /* 0 left, 1 middle, 2 right */
    int row, column; /* from 0 */
    uint32_t mods;
} tb_mouse;

/* What a terminal says of itself. */
typedef enum tb_answer {
    TB_ANSWER_NONE,
    TB_ANSWER_ATTRIBUTES,  /* DA1: the last; number 1: it draws sixels */
    TB_ANSWER_KITTY_IMAGE, /* graphics protocol: number 1: OK */
    TB_ANSWER_BACKGROUND,  /* OSC 11; number: 0xRRGGBB */
    TB_ANSWER_NAME,        /* XTVERSION; text */
    TB_ANSWER_SYNC,        /* DECRPM of mode 2026; number 1: known */
    TB_ANSWER_CELL_PIXELS, /* CSI 6 ; height ; width t; number: height << 16 | width */
} tb_answer;

typedef enum tb_input_kind {
    TB_INPUT_NONE,
    TB_INPUT_KEY,
    TB_INPUT_PASTE, /* text: clean UTF-8; line breaks are \n, no other control characters but tab */
    TB_INPUT_MOUSE,
    TB_INPUT_FOCUS, /* is_focused */
    TB_INPUT_ANSWER,
} tb_input_kind;

typedef struct tb_input {
    tb_input_kind kind;
    tb_key key;
    tb_mouse mouse;
    bool is_focused;
    tb_answer answer;
    uint32_t number;
    const char *text; /* PASTE, NAME: valid until the next call of the decoder */
    size_t len_bytes;
} tb_input;

enum { TB_INPUT_PENDING_MAX = 4096, TB_PASTE_MAX_BYTES = 1 << 20 };

/* Zero-initialise. */
typedef struct tb_decoder {
    tb_str pending; /* bytes that are not decoded yet; its front is cut when an event is taken */
    tb_str paste;   /* of the paste that is going on, or was last taken */
    bool is_pasting;
    bool is_utf8_off; /* bytes from 0x80 on are no text (a locale that is not UTF-8) */
} tb_decoder;

void tb_decoder_deinit(tb_decoder *decoder);
/* Add what was read. A sequence longer than TB_INPUT_PENDING_MAX is dropped, a longer paste cut. */
void tb_decoder_push(tb_decoder *decoder, const char *bytes, size_t n);
/* The next whole event; NONE: more bytes are needed. `is_late`: nothing came for 25 ms, so a lone
 * ESC is the key. */
tb_input tb_decoder_next(tb_decoder *decoder, bool is_late);
/* Whether an ESC waits for what may follow: call again with is_late after 25 ms. */
bool tb_decoder_is_waiting(const tb_decoder *decoder);

#endif
