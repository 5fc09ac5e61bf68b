/* What terminals send, as keys and other events: the same however the bytes are cut into reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/tui/input.h"

enum { F1 = TB_KEY_F1, SHIFT = TB_MOD_SHIFT, ALT = TB_MOD_ALT, CTRL = TB_MOD_CTRL };

static const char *const kind_names[] = {"none", "key", "paste", "mouse", "focus", "answer"};

/* One event as a line, so that lists of them are compared as text. */
static void write_event(tb_str *out, const tb_input *e)
{
    tb_str_append(out, kind_names[e->kind]);
    if (e->kind == TB_INPUT_KEY)
        tb_str_appendf(out, " %x+%u", (unsigned)e->key.code, (unsigned)e->key.mods);
    if (e->kind == TB_INPUT_MOUSE)
        tb_str_appendf(out, " %d b%d %d,%d +%u", (int)e->mouse.kind, e->mouse.button, e->mouse.row,
                       e->mouse.column, (unsigned)e->mouse.mods);
    if (e->kind == TB_INPUT_FOCUS)
        tb_str_appendf(out, " %d", e->is_focused);
    if (e->kind == TB_INPUT_ANSWER)
        tb_str_appendf(out, " %d %x", (int)e->answer, (unsigned)e->number);
    if (e->text != NULL) {
        tb_str_append(out, " ");
        tb_str_append_bytes(out, e->text, e->len_bytes);
    }
    tb_str_append(out, "\n");
}

static void take_all(tb_decoder *d, bool is_late, tb_str *out)
{
    for (tb_input e; (e = tb_decoder_next(d, is_late)).kind != TB_INPUT_NONE;)
        write_event(out, &e);
}

/* The events of `bytes` that come in two reads. */
static char *decode(const char *bytes, size_t n, size_t split)
{
    tb_decoder d = {0};
    tb_str out = {0};
    tb_decoder_push(&d, bytes, split);
    take_all(&d, false, &out);
    tb_decoder_push(&d, bytes + split, n - split);
    take_all(&d, false, &out);
    take_all(&d, true, &out);
    tb_decoder_deinit(&d);
    char *text = tb_str_take(&out);
    return text != NULL ? text : tb_strdup("");
}

static void assert_events(const char *bytes, size_t n, const char *wanted)
{
    for (size_t split = 0; split <= n; split++) {
        char *found = decode(bytes, n, split);
        if (strcmp(found, wanted) != 0)
            fail_msg("\"%s\" cut at %zu: \"%s\", not \"%s\"", bytes[0] == 27 ? bytes + 1 : bytes,
                     split, found, wanted);
        free(found);
    }
}

static const struct {
    const char *bytes;
    uint32_t code, mods;
} keys[] = {
    {"q", 'q', 0},
    {"\xC3\xA9", 0xE9, 0},
    {"\xF0\x9F\x8E\xB5", 0x1F3B5, 0},
    {"\r", TB_KEY_ENTER, 0},
    {"\n", 'j', CTRL},
    {"\t", TB_KEY_TAB, 0},
    {"\x7F", TB_KEY_BACKSPACE, 0},
    {"\x08", TB_KEY_BACKSPACE, 0},
    {"\x14", 't', CTRL},
    {"\x1F", '_', CTRL},
    {"\033", TB_KEY_ESCAPE, 0},
    {"\033[", '[', ALT},
    {"\033O", 'O', ALT},
    {"\033P", 'P', ALT},
    {"\033]", ']', ALT},
    {"\033f", 'f', ALT},
    {"\033\r", TB_KEY_ENTER, ALT},
    {"\033\x7F", TB_KEY_BACKSPACE, ALT},
    {"\033\xC3\xA9", 0xE9, ALT},
    {"\033[A", TB_KEY_UP, 0},
    {"\033OB", TB_KEY_DOWN, 0},
    {"\033[1;5C", TB_KEY_RIGHT, CTRL},
    {"\033[1;2D", TB_KEY_LEFT, SHIFT},
    {"\033[1;3D", TB_KEY_LEFT, ALT},
    {"\033[H", TB_KEY_HOME, 0},
    {"\033OF", TB_KEY_END, 0},
    {"\033[1~", TB_KEY_HOME, 0},
    {"\033[3;5~", TB_KEY_DELETE, CTRL},
    {"\033[5~", TB_KEY_PAGE_UP, 0},
    {"\033[8~", TB_KEY_END, 0},
    {"\033OP", F1, 0},
    {"\033[15~", F1 + 4, 0},
    {"\033[17~", F1 + 5, 0},
    {"\033[24~", F1 + 11, 0},
    {"\033[[E", F1 + 4, 0},
    {"\033[Z", TB_KEY_TAB, SHIFT},
    {"\033[a", TB_KEY_UP, SHIFT},
    {"\033Oc", TB_KEY_RIGHT, CTRL},
    {"\033Op", '0', 0},
    {"\033OM", TB_KEY_ENTER, 0},
    {"\033[97u", 'a', 0},
    {"\033[97;5u", 'a', CTRL},
    {"\033[97;2u", 'A', 0},
    {"\033[13;2u", TB_KEY_ENTER, SHIFT},
    {"\033[27u", TB_KEY_ESCAPE, 0},
    {"\033[104;5u", TB_KEY_BACKSPACE, 0},
    {"\033[47;5u", '_', CTRL},
    {"\033[32;5u", ' ', CTRL},
    {"\033[97;1:2u", 'a', 0},
    {"\033[27;5;116~", 't', CTRL},
    {"\033[27;6;84~", 't', CTRL | SHIFT},
    {"\033[27;2;13~", TB_KEY_ENTER, SHIFT},
};

static void test_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char wanted[64];
        (void)snprintf(wanted, sizeof wanted, "key %x+%u\n", (unsigned)keys[i].code,
                       (unsigned)keys[i].mods);
        assert_events(keys[i].bytes, strlen(keys[i].bytes), wanted);
    }
}

static void test_ctrl_space_and_its_alt(void **state)
{
    (void)state;
    assert_events("\0", 1, "key 20+4\n");
    assert_events("\033\0", 2, "key 20+6\n");
}

static const struct {
    const char *bytes, *events;
} others[] = {
    {"\033\033", "key 110003+0\nkey 110003+0\n"},
    {"\033O\033[C", "key 4f+2\nkey 110007+0\n"}, /* Alt+O, then Right */
    {"\033[I\033[O", "focus 1\nfocus 0\n"},
    {"\033[<0;5;3M", "mouse 0 b0 2,4 +0\n"},
    {"\033[<2;5;3m", "mouse 1 b2 2,4 +0\n"},
    {"\033[<48;1;1M", "mouse 2 b0 0,0 +4\n"},
    {"\033[<64;9;9M\033[<65;9;9M", "mouse 3 b0 8,8 +0\nmouse 4 b1 8,8 +0\n"},
    {"\033[<66;9;9M\033[<35;2;2M", ""}, /* sideways; moved without a button */
    {"\033[<0;0;3M\033[<0;5M", ""},
    {"\033[?62;4;22c", "answer 1 1\n"},
    {"\033[?62;22c", "answer 1 0\n"},
    {"\033_Gi=1;OK\033\\", "answer 2 1\n"},
    {"\033_Gi=1;ENODATA\033\\", "answer 2 0\n"},
    {"\033]11;rgb:ffff/8080/0000\007", "answer 3 ff8000\n"},
    {"\033]11;rgb:f/8/0\033\\", "answer 3 ff8800\n"},
    {"\033]11;rgb:            1/2/3\007\033]11;rgb:-1/2/3\007", ""},
    {"\033P>|foot(1.2)\033\\", "answer 4 0 foot(1.2)\n"},
    {"\033[?2026;2$y\033[?2026;0$y", "answer 5 1\nanswer 5 0\n"},
    {"\033[6;18;9t", "answer 6 120009\n"},
};

static void test_mouse_focus_and_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_events(others[i].bytes, strlen(others[i].bytes), others[i].events);
}

/* Of what is not understood, nothing becomes text: only the z behind it. */
static void test_unknown_is_dropped_whole(void **state)
{
    (void)state;
    static const char *const unknown[] = {
        "\033[99~",        "\033\xC2\x83",  "\033[?1;2;3h", "\033[57441u",
        "\033[97;1:3u",    "\033[97;9u",    "\033[M !!",    "\033]52;c;YQ==\007",
        "\033X any\033\\", "\033^pm\033\\", "\033[133u",    "\033P1$r0m\033\\",
        "\xC0\xAF",        "\xFF",          "\xED\xA0\x80", "\xC2\x85"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        char bytes[64];
        (void)snprintf(bytes, sizeof bytes, "%sz", unknown[i]);
        assert_events(bytes, strlen(bytes), "key 7a+0\n");
    }
}

static void test_endless_sequence_is_dropped_whole(void **state)
{
    (void)state;
    static const struct {
        const char *head, *tail;
    } forms[] = {{"\033[", "Cz"}, {"\033]11;", "\033\\z"}};
    for (size_t i = 0; i < 2; i++) {
        tb_decoder d = {0};
        tb_str out = {0};
        tb_decoder_push(&d, forms[i].head, strlen(forms[i].head));
        for (int k = 0; k < 100000; k++) {
            tb_decoder_push(&d, "1;", 2);
            take_all(&d, false, &out);
            assert_true(d.pending.len <= TB_INPUT_PENDING_MAX + 2);
        }
        tb_decoder_push(&d, forms[i].tail, strlen(forms[i].tail));
        take_all(&d, false, &out);
        assert_string_equal(tb_str_text(&out), "key 7a+0\n");
        tb_str_deinit(&out);
        tb_decoder_deinit(&d);
    }
}

static const struct {
    const char *pasted, *text;
} pastes[] = {
    {"", ""},
    {"a\r\nb\rc\nd\te", "a\nb\nc\nd\te"},
    {"a\033[31mb\033[0m\033]0;title\007c\033(Bd", "abcd"},
    {"a\001\x7F\xC2\x9B"
     "b",
     "ab"},
    {"\xC3\xA9\xFFx\xE2\x82", "\xC3\xA9\xEF\xBF\xBDx\xEF\xBF\xBD"},
    {"\033[200~a", "a"},
};

static void test_paste(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pastes / sizeof *pastes; i++) {
        char bytes[128], wanted[128];
        (void)snprintf(bytes, sizeof bytes, "\033[200~%s\033[201~z", pastes[i].pasted);
        (void)snprintf(wanted, sizeof wanted, "paste %s\nkey 7a+0\n", pastes[i].text);
        assert_events(bytes, strlen(bytes), wanted);
    }
}

/* The front of what is too long, whole characters. */
static void test_long_paste_is_cut_at_its_end(void **state)
{
    (void)state;
    tb_decoder d = {0};
    tb_decoder_push(&d, "\033[200~first", 11);
    for (int i = 0; i < 40000; i++) {
        static char part[101];
        for (int k = 0; k < 33; k++)
            memcpy(part + 3 * (size_t)k, "\xE2\x82\xAC", 3);
        tb_decoder_push(&d, part, 99);
        if (i % 500 == 0)
            assert_int_equal(tb_decoder_next(&d, true).kind, TB_INPUT_NONE);
    }
    tb_decoder_push(&d, "\033[201~z", 7);
    tb_input e = tb_decoder_next(&d, false);
    assert_int_equal(e.kind, TB_INPUT_PASTE);
    assert_in_range(e.len_bytes, TB_PASTE_MAX_BYTES - 8, TB_PASTE_MAX_BYTES);
    assert_memory_equal(e.text, "first\xE2\x82\xAC", 8);
    assert_memory_equal(e.text + e.len_bytes - 3, "\xE2\x82\xAC", 3);
    assert_int_equal(tb_decoder_next(&d, false).key.code, 'z');
    tb_decoder_deinit(&d);
}

/* A slow line must not cost a letter; only an ESC has to be waited for. */
static void test_half_a_character_waits(void **state)
{
    (void)state;
    tb_decoder d = {0};
    tb_decoder_push(&d, "\xC3", 1);
    assert_false(tb_decoder_is_waiting(&d));
    assert_int_equal(tb_decoder_next(&d, true).kind, TB_INPUT_NONE);
    tb_decoder_push(&d, "\xA9\033", 2);
    assert_int_equal(tb_decoder_next(&d, false).key.code, 0xE9);
    assert_int_equal(tb_decoder_next(&d, false).kind, TB_INPUT_NONE);
    assert_true(tb_decoder_is_waiting(&d));
    assert_int_equal(tb_decoder_next(&d, true).key.code, TB_KEY_ESCAPE);
    assert_false(tb_decoder_is_waiting(&d));
    tb_decoder_deinit(&d);
}

static void test_without_utf8_high_bytes_are_no_text(void **state)
{
    (void)state;
    tb_decoder d = {.is_utf8_off = true};
    tb_decoder_push(&d, "\xC3\xA9z", 3);
    assert_int_equal(tb_decoder_next(&d, false).key.code, 'z');
    tb_decoder_deinit(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_ctrl_space_and_its_alt),
        cmocka_unit_test(test_mouse_focus_and_answers),
        cmocka_unit_test(test_unknown_is_dropped_whole),
        cmocka_unit_test(test_endless_sequence_is_dropped_whole),
        cmocka_unit_test(test_paste),
        cmocka_unit_test(test_long_paste_is_cut_at_its_end),
        cmocka_unit_test(test_half_a_character_waits),
        cmocka_unit_test(test_without_utf8_high_bytes_are_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
