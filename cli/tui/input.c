#include "cli/tui/input.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "cli/tui/input_sequence.h"

void tb_decoder_deinit(tb_decoder *d)
{
    tb_str_deinit(&d->pending);
    tb_str_deinit(&d->paste);
    *d = (tb_decoder){0};
}

static void drop_between(tb_decoder *d, size_t from, size_t to)
{
    memmove(d->pending.bytes + from, d->pending.bytes + to, d->pending.len - to);
    d->pending.len -= to - from;
    d->pending.bytes[d->pending.len] = '\0';
}

static void drop(tb_decoder *d, size_t n)
{
    drop_between(d, 0, n < d->pending.len ? n : d->pending.len);
}

void tb_decoder_push(tb_decoder *d, const char *bytes, size_t n)
{
    tb_str_append_bytes(&d->pending, bytes, n);
    d->pending.failed = false; /* what there is no memory for is as if it was not typed */
}

bool tb_decoder_is_waiting(const tb_decoder *d)
{
    return d->pending.len > 0 && d->pending.bytes[0] == ESC && !d->is_pasting;
}

/* ESC [ ... at the front: the event, the bytes it took in *n (0: more are needed). */
static tb_input take_csi(tb_decoder *d, size_t *n)
{
    const char *s = d->pending.bytes;
    size_t len = d->pending.len;
    bool is_broken;
    if (len >= 3 && s[2] == '[') { /* the Linux console's F1 .. F5: ESC [ [ A */
        *n = len >= 4 ? 4 : 0;
        bool is_key = len >= 4 && s[3] >= 'A' && s[3] <= 'E';
        return is_key ? tb_input_of_key(TB_KEY_F1 + (uint32_t)(s[3] - 'A'), 0) : (tb_input){0};
    }
    if (len >= 3 && s[2] == 'M') { /* a mouse report of old: three bytes more */
        *n = len >= 6 ? 6 : 0;
        return (tb_input){0};
    }
    *n = tb_sequence_scan_csi(s, len, &is_broken);
    if (*n == 0 || is_broken)
        return (tb_input){0};
    tb_sequence q;
    tb_sequence_parse(s, *n, &q);
    if (q.final == '~' && q.lead == 0 && q.params[0] == 200) {
        d->is_pasting = true;
        tb_str_deinit(&d->paste);
        return (tb_input){0};
    }
    return tb_sequence_csi_event(&q);
}

/* The UTF-8 character at `s`; its bytes, 0: more are needed. *code -1: none. */
static size_t take_utf8(const tb_decoder *d, const char *s, size_t n, int32_t *code)
{
    unsigned char lead = (unsigned char)s[0];
    size_t wanted = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    *code = -1;
    if (lead >= 0x80 && (d->is_utf8_off || lead < 0xC2 || lead > 0xF4))
        return 1;
    for (size_t i = 1; i < wanted && i < n; i++)
        if (((unsigned char)s[i] & 0xC0) != 0x80)
            return i; /* cut off by something else */
    if (n < wanted)
        return 0;
    bool is_valid = utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)wanted, code) >
                    0;
    if (!is_valid)
        *code = -1;
    return wanted;
}

/* No keyboard sends the control characters from 0x80 on. */
static bool is_typed(int32_t code)
{
    return code >= 0 && (code < 0x80 || code >= 0xA0);
}

/* ESC O ...: the event, the bytes it took in *n (0: more are needed). */
static tb_input take_ss3(const char *s, size_t len, size_t *n)
{
    *n = len >= 3 ? 3 : 0;
    if (len < 3)
        return (tb_input){0};
    char c = s[2];
    if (c <= ' ' || c == 0x7F) { /* Alt+O, and something else */
        *n = 2;
        return tb_input_of_key('O', TB_MOD_ALT);
    }
    if (c >= 'a' && c <= 'd') /* rxvt: with Ctrl */
        return tb_input_of_key(tb_sequence_letter_key((char)(c - 32)), TB_MOD_CTRL);
    if (c >= 'j' && c <= 'y') /* the keypad: * + , - . / 0 .. 9 */
        return tb_input_of_key((uint32_t)('*' + c - 'j'), 0);
    uint32_t code = tb_sequence_letter_key(c);
    return code != TB_KEY_NONE ? tb_input_of_key(code, 0) : (tb_input){0};
}

/* ESC at the front. *n: bytes taken, 0: more are needed. */
static tb_input take_escape(tb_decoder *d, bool is_late, size_t *n)
{
    const char *s = d->pending.bytes;
    size_t len = d->pending.len;
    if (len == 1) {
        *n = is_late ? 1 : 0;
        return is_late ? tb_input_of_key(TB_KEY_ESCAPE, 0) : (tb_input){0};
    }
    if (is_late && len == 2 && (s[1] == '[' || s[1] == 'O' || tb_sequence_begins_string(s[1]))) {
        *n = 2;
        return tb_input_of_key((uint32_t)s[1], TB_MOD_ALT);
    }
    if (s[1] == '[')
        return take_csi(d, n);
    if (s[1] == 'O')
        return take_ss3(s, len, n);
    if (tb_sequence_begins_string(s[1])) {
        *n = tb_sequence_scan_string(s, len);
        return *n > 0 ? tb_sequence_string_event(s, *n, &d->paste) : (tb_input){0};
    }
    if (s[1] == ESC) { /* Esc pressed twice, or Alt with a sequence: the first stands alone */
        *n = 1;
        return tb_input_of_key(TB_KEY_ESCAPE, 0);
    }
    int32_t code;
    size_t taken = take_utf8(d, s + 1, len - 1, &code);
    *n = taken > 0 ? taken + 1 : 0;
    return taken > 0 && is_typed(code) ? tb_input_of_code((uint32_t)code, TB_MOD_ALT)
                                       : (tb_input){0};
}

/* ---- pasted text ---- */

static const char paste_end[] = "\033[201~";
enum { PASTE_END_BYTES = sizeof paste_end - 1 };

/* Bytes of an escape sequence at s, to be left out. */
static size_t pasted_escape(const char *s, size_t n)
{
    bool is_broken;
    size_t taken = 0;
    n = n < TB_INPUT_PENDING_MAX ? n : TB_INPUT_PENDING_MAX; /* one without an end ends nothing */
    if (n >= 2 && s[1] == '[')
        taken = tb_sequence_scan_csi(s, n, &is_broken);
    else if (n >= 2 && tb_sequence_begins_string(s[1]))
        taken = tb_sequence_scan_string(s, n);
    else if (n >= 3 && s[1] >= ' ' && s[1] < '0' && s[2] >= '0' && s[2] < 0x7F)
        taken = 3; /* the choice of a character set */
    return taken > 0 ? taken : 1;
}

/* Clean text[0 .. n) onto the paste. */
static void add_pasted(tb_decoder *d, const char *text, size_t n)
{
    for (size_t at = 0; at < n && d->paste.len < TB_PASTE_MAX_BYTES - 4;) {
        int32_t code;
        size_t taken = text[at] == ESC ? pasted_escape(text + at, n - at)
                                       : take_utf8(d, text + at, n - at, &code);
        taken = taken > 0 ? taken : n - at;
        if (text[at] == ESC || text[at] == '\n' || text[at] == '\t' || text[at] == '\r') {
            bool is_pair = text[at] == '\r' && at + 1 < n && text[at + 1] == '\n';
            if (text[at] != ESC && !is_pair)
                tb_str_append_bytes(&d->paste, text[at] == '\t' ? "\t" : "\n", 1);
        } else if (code < 0) {
            tb_str_append(&d->paste, "\xEF\xBF\xBD"); /* U+FFFD */
        } else if (code >= ' ' && (code < 0x7F || code >= 0xA0)) {
            tb_str_append_bytes(&d->paste, text + at, taken);
        }
        at += taken;
    }
}

/* Everything up to the closing bracket; without it, more is needed. */
static bool take_paste(tb_decoder *d, tb_input *out)
{
    const char *end = d->pending.len > 0
                          ? memmem(d->pending.bytes, d->pending.len, paste_end, PASTE_END_BYTES)
                          : NULL;
    if (end == NULL) {
        if (d->pending.len > 2 * (size_t)TB_PASTE_MAX_BYTES) /* keep what may begin the bracket */
            drop_between(d, TB_PASTE_MAX_BYTES + 4, d->pending.len - PASTE_END_BYTES);
        return false;
    }
    size_t n = (size_t)(end - d->pending.bytes), most = TB_PASTE_MAX_BYTES;
    while (n > most && most > TB_PASTE_MAX_BYTES - 4 && (d->pending.bytes[most] & 0xC0) == 0x80)
        most--;
    add_pasted(d, d->pending.bytes, n < most ? n : most);
    drop(d, n + PASTE_END_BYTES);
    d->is_pasting = false;
    *out = (tb_input){
        .kind = TB_INPUT_PASTE, .text = tb_str_text(&d->paste), .len_bytes = d->paste.len};
    return true;
}

/* ---- */

/* Of a sequence that is too long, keep what says where it will end but no longer what it means:
 * SOS, and a private lead that nothing uses. */
static void shorten(tb_decoder *d)
{
    bool is_csi = d->pending.bytes[1] == '[';
    size_t tail = d->pending.bytes[d->pending.len - 1] == ESC;
    d->pending.bytes[1] = is_csi ? '[' : 'X';
    d->pending.bytes[2] = '=';
    drop_between(d, 3, d->pending.len - tail);
}

/* The front of what is pending; *n: bytes taken, 0: more are needed. */
static tb_input take_one(tb_decoder *d, bool is_late, size_t *n)
{
    int32_t code;
    if (d->pending.bytes[0] == ESC)
        return take_escape(d, is_late, n);
    *n = take_utf8(d, d->pending.bytes, d->pending.len, &code);
    return *n > 0 && is_typed(code) ? tb_input_of_code((uint32_t)code, 0) : (tb_input){0};
}

tb_input tb_decoder_next(tb_decoder *d, bool is_late)
{
    tb_input out = {0};
    while (d->pending.len > 0) {
        size_t n = 0;
        if (d->is_pasting) {
            (void)take_paste(d, &out);
            if (d->is_pasting || out.kind != TB_INPUT_NONE)
                return out;
            continue;
        }
        out = take_one(d, is_late, &n);
        if (n == 0 && (!is_late || d->pending.bytes[0] != ESC)) { /* more is needed */
            if (d->pending.len > TB_INPUT_PENDING_MAX)
                shorten(d);
            return out;
        }
        drop(d, n > 0 ? n : d->pending.len);
        if (out.kind != TB_INPUT_NONE)
            return out;
    }
    return out;
}
