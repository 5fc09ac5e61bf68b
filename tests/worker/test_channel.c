/* The channel: frames arrive whole however they are cut, and nothing that is no frame is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/channel.h"

static tb_channel here, there;
static tb_error err;

static int open_both(void **state)
{
    (void)state;
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
        return 1;
    tb_channel_init(&here, fds[0]);
    tb_channel_init(&there, fds[1]);
    return 0;
}

static int close_both(void **state)
{
    (void)state;
    tb_channel_deinit(&here);
    tb_channel_deinit(&there);
    return 0;
}

static void put(const char *bytes, size_t len)
{
    assert_int_equal(write(there.fd, bytes, len), (ssize_t)len);
}

static tb_status get(int timeout_ms, json_t **frame, int64_t *len_bytes)
{
    *len_bytes = -1;
    return tb_channel_receive(&here, timeout_ms, frame, len_bytes, &err);
}

/* The next frame is {"op": op} with `n` bytes behind it. */
static void requires_frame(const char *op, int64_t n)
{
    json_t *frame;
    int64_t len_bytes;
    if (get(1000, &frame, &len_bytes) != TIMBRE_OK)
        fail_msg("%s", err.message);
    assert_string_equal(json_string_value(json_object_get(frame, "op")), op);
    assert_true(len_bytes == n);
    json_decref(frame);
}

static void requires_refusal(tb_status code)
{
    json_t *frame = NULL;
    int64_t len_bytes;
    assert_int_equal(get(1000, &frame, &len_bytes), code);
    assert_null(frame);
}

static void send_op(tb_channel *from, const char *op, const void *bytes, size_t len)
{
    json_t *frame = json_pack("{s:s}", "op", op);
    assert_int_equal(tb_channel_send(from, frame, bytes, len, &err), TIMBRE_OK);
    json_decref(frame);
}

static void frames_go_both_ways(void **state)
{
    (void)state;
    char bytes[5];
    send_op(&there, "one", "ab\n\0c", 5);
    send_op(&there, "two", NULL, 0);
    requires_frame("one", 5);
    assert_int_equal(tb_channel_read(&here, bytes, 5, &err), TIMBRE_OK);
    assert_memory_equal(bytes, "ab\n\0c", 5);
    requires_frame("two", 0);
    send_op(&here, "back", "x", 1);
    tb_channel saved = here;
    here = there;
    there = saved;
    requires_frame("back", 1);
    assert_int_equal(tb_channel_read(&here, bytes, 1, &err), TIMBRE_OK);
    assert_int_equal(bytes[0], 'x');
}

static void a_frame_may_be_cut_anywhere(void **state)
{
    static const char text[] = "{\"op\":\"a\",\"bytes\":3}\n\n{}{\"op\":\"b\"}\n";
    const size_t len = sizeof text - 1;
    (void)state;
    for (size_t cut = 0; cut <= len; cut++) {
        json_t *frame = NULL;
        int64_t n;
        char bytes[3];
        put(text, cut);
        const size_t line = strlen("{\"op\":\"a\",\"bytes\":3}\n");
        if (cut < line) {
            assert_int_equal(get(0, &frame, &n), TIMBRE_TIMED_OUT);
            put(text + cut, len - cut);
        }
        requires_frame("a", 3);
        if (cut >= line)
            put(text + cut, len - cut);
        assert_int_equal(tb_channel_read(&here, bytes, 3, &err), TIMBRE_OK);
        assert_memory_equal(bytes, "\n{}", 3);
        requires_frame("b", 0);
    }
}

static void what_is_no_frame_is_refused(void **state)
{
    static const char *const lines[] = {
        "",
        "{",
        "[]",
        "1",
        "null",
        "\"text\"",
        "{\"op\":\"a\"} {}",
        "{\"op\":\"a\",\"op\":\"b\"}",
        "{\"bytes\":1,\"bytes\":2}",
        "{\"op\":\"a\",\"bytes\":-1}",
        "{\"op\":\"a\",\"bytes\":536870913}",
        "{\"op\":\"a\",\"bytes\":9223372036854775807}",
        "{\"op\":\"a\",\"bytes\":9223372036854775808}",
        "{\"op\":\"a\",\"bytes\":\"3\"}",
        "{\"op\":\"a\",\"bytes\":3.5}",
        "{\"op\":\"a\",\"bytes\":null}",
        "{\"op\":\"\xff\"}",
        "{\"op\":\"\\u0000\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        put(lines[i], strlen(lines[i]));
        put("\n{\"op\":\"next\"}\n", strlen("\n{\"op\":\"next\"}\n"));
        json_t *frame = NULL;
        int64_t n;
        if (get(1000, &frame, &n) != TIMBRE_BAD_FILE)
            fail_msg("taken for a frame: %s", lines[i]);
        requires_frame("next", 0);
    }
    put("{\"op\":\"a\",\"bytes\":536870912}\n", strlen("{\"op\":\"a\",\"bytes\":536870912}\n"));
    requires_frame("a", TB_CHANNEL_BYTES_MAX);
}

static void a_line_has_a_limit(void **state)
{
    char part[4096];
    json_t *frame = NULL;
    int64_t n;
    (void)state;
    memset(part, 'x', sizeof part);
    for (int sent = 0; sent < TB_CHANNEL_LINE_MAX; sent += (int)sizeof part) {
        put(part, sizeof part);
        assert_int_equal(get(0, &frame, &n), TIMBRE_TIMED_OUT);
        assert_null(frame);
    }
    put("x", 1);
    requires_refusal(TIMBRE_BAD_FILE);
    assert_true(here.capacity <= TB_CHANNEL_LINE_MAX);
    char *text = malloc(TB_CHANNEL_LINE_MAX);
    assert_non_null(text);
    memset(text, 'x', TB_CHANNEL_LINE_MAX - 1);
    text[TB_CHANNEL_LINE_MAX - 1] = '\0';
    frame = json_pack("{s:s}", "op", text);
    assert_int_equal(tb_channel_send(&there, frame, NULL, 0, &err), TIMBRE_INTERNAL);
    json_decref(frame);
    free(text);
}

static void an_end_is_told_from_a_silence(void **state)
{
    char bytes[4];
    json_t *frame = NULL;
    int64_t n;
    (void)state;
    assert_int_equal(get(20, &frame, &n), TIMBRE_TIMED_OUT);
    put("{\"op\":\"a\",\"bytes\":4}\nab", 23);
    requires_frame("a", 4);
    tb_channel_deinit(&there);
    assert_int_equal(tb_channel_read(&here, bytes, 4, &err), TIMBRE_NOT_FOUND);
    requires_refusal(TIMBRE_NOT_FOUND);
    frame = json_pack("{s:s}", "op", "late");
    assert_int_equal(tb_channel_send(&here, frame, NULL, 0, &err), TIMBRE_FAILED);
    json_decref(frame);
}

static void an_end_within_a_line_is_no_frame(void **state)
{
    (void)state;
    put("{\"op\":\"a\"}", 10);
    tb_channel_deinit(&there);
    requires_refusal(TIMBRE_NOT_FOUND);
}

int main(void)
{
#define WITH_BOTH(f) cmocka_unit_test_setup_teardown(f, open_both, close_both)
    const struct CMUnitTest tests[] = {
        WITH_BOTH(frames_go_both_ways),           WITH_BOTH(a_frame_may_be_cut_anywhere),
        WITH_BOTH(what_is_no_frame_is_refused),   WITH_BOTH(a_line_has_a_limit),
        WITH_BOTH(an_end_is_told_from_a_silence), WITH_BOTH(an_end_within_a_line_is_no_frame),
    };
    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
