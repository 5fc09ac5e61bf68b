#include "cli/tui/input_sequence.h"

#include <ctype.h>
#include <string.h>

#include <utf8proc.h>

size_t tb_sequence_scan_csi(const char *s, size_t n, bool *is_broken)
{
    size_t at = 2;
    *is_broken = false;
    while (at < n && (unsigned char)s[at] >= 0x20 && (unsigned char)s[at] < 0x40)
        at++;
    if (at == n)
        return 0;
    *is_broken = (unsigned char)s[at] < 0x40 || (unsigned char)s[at] > 0x7E;
    return *is_broken ? at : at + 1;
}

void tb_sequence_parse(const char *s, size_t n, tb_sequence *out)
{
    *out = (tb_sequence){.final = s[n - 1]};
    size_t at = 2;
    if (at < n && strchr("<?>=", s[at]) != NULL)
        out->lead = s[at++];
    for (int i = 0; i < TB_SEQUENCE_PARAMS_MAX; i++)
        out->params[i] = out->subs[i] = -1;
    for (bool is_sub = false; at + 1 < n; at++) {
        char c = s[at];
        int i = out->n_params;
        long *value = is_sub ? &out->subs[i] : &out->params[i];
        if (c == ';' || c == ':')
            is_sub = c == ':';
        if (c == ';' && out->n_params < TB_SEQUENCE_PARAMS_MAX - 1)
            out->n_params++;
        if (isdigit((unsigned char)c) && *value < 100000000)
            *value = (*value < 0 ? 0 : *value) * 10 + (c - '0');
        if (c >= 0x20 && c < 0x30)
            out->intermediate = c;
    }
    out->n_params++;
}

bool tb_sequence_begins_string(char c)
{
    return c != '\0' && strchr("]P_^X", c) != NULL;
}

size_t tb_sequence_scan_string(const char *s, size_t n)
{
    for (size_t at = 2; at < n; at++) {
        if (s[at] == 0x07)
            return at + 1;
        if (s[at] == ESC && at + 1 < n)
            return s[at + 1] == '\\' ? at + 2 : at;
    }
    return 0;
}

/* ---- keys ---- */

tb_input tb_input_of_key(uint32_t code, uint32_t mods)
{
    return (tb_input){.kind = TB_INPUT_KEY, .key = {code, mods}};
}

tb_input tb_input_of_code(uint32_t code, uint32_t mods)
{
    if (code == 0)
        return tb_input_of_key(' ', mods | TB_MOD_CTRL);
    if (code == '\r')
        return tb_input_of_key(TB_KEY_ENTER, mods);
    if (code == '\t')
        return tb_input_of_key(TB_KEY_TAB, mods);
    if (code == 0x7F || code == 0x08)
        return tb_input_of_key(TB_KEY_BACKSPACE, mods);
    if (code == ESC)
        return tb_input_of_key(TB_KEY_ESCAPE, mods);
    if (code == 0x1F)
        return tb_input_of_key('_', mods | TB_MOD_CTRL);
    if (code < 0x20)
        return tb_input_of_key(code < 27 ? code + 'a' - 1 : code + '@', mods | TB_MOD_CTRL);
    return tb_input_of_key(code, mods);
}

static uint32_t mods_of(long param)
{
    uint32_t bits = param > 1 ? (uint32_t)(param - 1) : 0;
    return (bits & 1 ? TB_MOD_SHIFT : 0) | (bits & (2 | 32) ? TB_MOD_ALT : 0) |
           (bits & 4 ? TB_MOD_CTRL : 0);
}

uint32_t tb_sequence_letter_key(char final)
{
    static const struct {
        char final;
        uint32_t code;
    } letters[] = {{'A', TB_KEY_UP},     {'B', TB_KEY_DOWN},   {'C', TB_KEY_RIGHT},
                   {'D', TB_KEY_LEFT},   {'H', TB_KEY_HOME},   {'F', TB_KEY_END},
                   {'P', TB_KEY_F1},     {'Q', TB_KEY_F1 + 1}, {'R', TB_KEY_F1 + 2},
                   {'S', TB_KEY_F1 + 3}, {'M', TB_KEY_ENTER},  {'E', TB_KEY_NONE}};
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (letters[i].final == final)
            return letters[i].code;
    return TB_KEY_NONE;
}

static uint32_t tilde_key(long number)
{
    static const struct {
        long number;
        uint32_t code;
    } numbers[] = {
        {1, TB_KEY_HOME},    {2, TB_KEY_INSERT},    {3, TB_KEY_DELETE},   {4, TB_KEY_END},
        {5, TB_KEY_PAGE_UP}, {6, TB_KEY_PAGE_DOWN}, {7, TB_KEY_HOME},     {8, TB_KEY_END},
        {11, TB_KEY_F1},     {12, TB_KEY_F1 + 1},   {13, TB_KEY_F1 + 2},  {14, TB_KEY_F1 + 3},
        {15, TB_KEY_F1 + 4}, {17, TB_KEY_F1 + 5},   {18, TB_KEY_F1 + 6},  {19, TB_KEY_F1 + 7},
        {20, TB_KEY_F1 + 8}, {21, TB_KEY_F1 + 9},   {23, TB_KEY_F1 + 10}, {24, TB_KEY_F1 + 11}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].number == number)
            return numbers[i].code;
    return TB_KEY_NONE;
}

/* kitty's "CSI code ; mods : event u", xterm's "CSI 27 ; mods ; code ~". Shift alone stands in the
 * character. */
static tb_input coded_key(long code, uint32_t mods)
{
    bool is_private = code >= 57344 && code <= 63743; /* keys that no keyboard of ours has */
    bool is_c1 = code >= 0x80 && code < 0xA0;
    if (code < 0 || is_private || is_c1 || !utf8proc_codepoint_valid((utf8proc_int32_t)code))
        return (tb_input){0};
    if (code >= 'A' && code <= 'Z' && mods & TB_MOD_CTRL)
        code += 'a' - 'A';
    bool is_letter = code >= 'a' && code <= 'z';
    if (mods == TB_MOD_CTRL && (code == 'h' || code == 'i' || code == 'm' || code == '['))
        return tb_input_of_code((uint32_t)code & 0x1F,
                                0); /* as terminals send them without a protocol */
    if (is_letter && mods & TB_MOD_SHIFT && !(mods & TB_MOD_CTRL)) {
        code -= 'a' - 'A';
        mods &= ~(uint32_t)TB_MOD_SHIFT;
    }
    if (code >= ' ' && code != 0x7F && !is_letter)
        mods &= ~(uint32_t)TB_MOD_SHIFT;
    if (code == '/' && mods == TB_MOD_CTRL)
        code = '_';
    return tb_input_of_code((uint32_t)code, mods);
}

static tb_input mouse_event(const tb_sequence *q)
{
    if (q->n_params < 3 || q->params[0] < 0 || q->params[1] < 1 || q->params[2] < 1)
        return (tb_input){0};
    long b = q->params[0];
    bool is_wheel = b & 64; /* 66 and 67 turn sideways */
    if (b > 127 || (is_wheel ? (b & 2) || q->final == 'm' : (b & 3) == 3))
        return (tb_input){0};
    tb_input out = {.kind = TB_INPUT_MOUSE};
    out.mouse = (tb_mouse){.button = (int)(b & 3),
                           .column = (int)q->params[1] - 1,
                           .row = (int)q->params[2] - 1,
                           .mods = (b & 4 ? TB_MOD_SHIFT : 0U) | (b & 8 ? TB_MOD_ALT : 0U) |
                                   (b & 16 ? TB_MOD_CTRL : 0U)};
    if (is_wheel)
        out.mouse.kind = b & 1 ? TB_MOUSE_WHEEL_DOWN : TB_MOUSE_WHEEL_UP;
    else if (q->final == 'm')
        out.mouse.kind = TB_MOUSE_RELEASE;
    else
        out.mouse.kind = b & 32 ? TB_MOUSE_DRAG : TB_MOUSE_PRESS;
    return out;
}

/* ---- answers ---- */

static tb_input answer(tb_answer which, uint32_t number)
{
    return (tb_input){.kind = TB_INPUT_ANSWER, .answer = which, .number = number};
}

static tb_input csi_answer(const tb_sequence *q)
{
    if (q->lead == '?' && q->final == 'c') {
        uint32_t has_sixel = 0;
        for (int i = 1; i < q->n_params; i++)
            has_sixel |= q->params[i] == 4;
        return answer(TB_ANSWER_ATTRIBUTES, has_sixel);
    }
    if (q->lead == '?' && q->final == 'y' && q->params[0] == 2026)
        return answer(TB_ANSWER_SYNC, q->params[1] == 1 || q->params[1] == 2);
    if (q->lead == 0 && q->final == 't' && q->params[0] == 6 && q->params[1] > 0 &&
        q->params[2] > 0 && q->params[1] < 1000 && q->params[2] < 1000)
        return answer(TB_ANSWER_CELL_PIXELS, (uint32_t)q->params[1] << 16 | (uint32_t)q->params[2]);
    return (tb_input){0};
}

/* "RRRR/GGGG/BBBB" with 1 to 4 hexadecimal digits each, to 0xRRGGBB; -1: it is none. */
static long parse_color(const char *s, size_t n)
{
    long rgb = 0;
    size_t at = 0;
    for (int i = 0; i < 3; i++) {
        long value = 0, most = 0;
        for (; at < n && isxdigit((unsigned char)s[at]) && most < 0xFFFF; at++) {
            int digit = isdigit((unsigned char)s[at]) ? s[at] - '0' : (s[at] | 0x20) - 'a' + 10;
            value = value << 4 | digit;
            most = most << 4 | 0xF;
        }
        if (most == 0 || at == n || (i < 2 && s[at++] != '/'))
            return -1;
        rgb = rgb << 8 | value * 255 / most;
    }
    return s[at] == 0x07 || s[at] == ESC ? rgb : -1;
}

static tb_input color_answer(const char *s, size_t n)
{
    static const char head[] = "11;rgb:";
    enum { HEAD_BYTES = sizeof head - 1 };
    if (n < HEAD_BYTES || memcmp(s, head, HEAD_BYTES) != 0)
        return (tb_input){0};
    long rgb = parse_color(s + HEAD_BYTES, n - HEAD_BYTES);
    return rgb >= 0 ? answer(TB_ANSWER_BACKGROUND, (uint32_t)rgb) : (tb_input){0};
}

tb_input tb_sequence_string_event(const char *s, size_t n, tb_str *text)
{
    if (s[1] == ']')
        return color_answer(s + 2, n - 2);
    if (s[1] == '_' && n > 3 && s[2] == 'G') {
        bool is_ok = memmem(s, n, ";OK", 3) != NULL;
        return answer(TB_ANSWER_KITTY_IMAGE, is_ok);
    }
    if (s[1] == 'P' && n > 4 && s[2] == '>' && s[3] == '|') {
        size_t end = 4;
        while (end < n && (unsigned char)s[end] >= ' ' && (unsigned char)s[end] < 0x7F)
            end++;
        tb_str_deinit(text);
        tb_str_append_bytes(text, s + 4, end - 4);
        tb_input out = answer(TB_ANSWER_NAME, 0);
        out.text = tb_str_text(text);
        out.len_bytes = text->len;
        return out;
    }
    return (tb_input){0};
}

/* ---- a whole sequence to an event ---- */

tb_input tb_sequence_csi_event(const tb_sequence *q)
{
    if (q->lead == '<' && (q->final == 'M' || q->final == 'm'))
        return mouse_event(q);
    if (q->lead != 0 || q->final == 't')
        return csi_answer(q);
    if (q->final == 'I' || q->final == 'O')
        return (tb_input){.kind = TB_INPUT_FOCUS, .is_focused = q->final == 'I'};
    if (q->params[1] > 1 && (q->params[1] - 1) & (8 | 16)) /* Super and Hyper are the desktop's */
        return (tb_input){0};
    if (q->final == 'u' && q->subs[1] != 3) /* 3: the release of a key */
        return coded_key(q->params[0], mods_of(q->params[1]));
    if (q->final == '~' && q->params[0] == 27 && q->n_params >= 3)
        return coded_key(q->params[2], mods_of(q->params[1]));
    if (q->final == 'Z')
        return tb_input_of_key(TB_KEY_TAB, TB_MOD_SHIFT);
    uint32_t mods = mods_of(q->params[1]);
    if (strchr("abcd", q->final) != NULL && q->final != '\0') /* rxvt: with Shift */
        return tb_input_of_key(tb_sequence_letter_key((char)(q->final - 32)), TB_MOD_SHIFT);
    uint32_t code = q->final == '~' ? tilde_key(q->params[0]) : tb_sequence_letter_key(q->final);
    bool is_key = code != TB_KEY_NONE && q->subs[1] != 3 && q->final != 'M';
    return is_key ? tb_input_of_key(code, mods) : (tb_input){0};
}
