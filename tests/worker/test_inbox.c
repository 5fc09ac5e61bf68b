/* Notes of takes that were made without a worker: good ones come in by time, damaged ones never. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/worker/kept.h"
#include "worker/take_file.h"

#define SHA "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" /* of "hello" */

static char note_path[300];

static const char *path_of_note(kept *k, const char *name)
{
    (void)snprintf(note_path, sizeof note_path, "%s/%s", k->worker.inbox, name);
    return note_path;
}

/* A note of take `number`, made at second `second`. */
static void write_note(kept *k, int number, int second)
{
    char text[1000], name[60];
    (void)snprintf(text, sizeof text,
                   "{\"schema\":1,\"id\":\"%s\",\"made_at\":\"2026-11-22T10:00:%02dZ\","
                   "\"length_bytes\":5,\"sha256\":\"" SHA "\",\"recipe\":{},\"metadata\":{"
                   "\"prompt\":\"harp\",\"seed\":1,\"model_id\":\"sketch\","
                   "\"duration_seconds\":1.0,\"extras\":{}},\"path\":\"%s/%d.wav\"}",
                   id_of(number), second, k->out, number);
    (void)snprintf(name, sizeof name, "%s.json", id_of(number));
    write_text(path_of_note(k, name), text);
}

static void write_sound(kept *k, int number)
{
    char path[200];
    (void)snprintf(path, sizeof path, "%s/%d.wav", k->out, number);
    write_text(path, "hello");
}

static int import(kept *k)
{
    tb_error err = {0};
    int n = -1;
    assert_int_equal(tb_inbox_import(&k->worker, &n, &err), TIMBRE_OK);
    return n;
}

static bool has_note(kept *k, int number)
{
    char name[60];
    (void)snprintf(name, sizeof name, "%s.json", id_of(number));
    return is_there(path_of_note(k, name));
}

static void numbers_follow_time(void **state)
{
    kept *k = *state;
    static const int seconds[] = {30, 10, 20};
    for (int i = 0; i < 3; i++) {
        write_sound(k, i + 1);
        write_note(k, i + 1, seconds[i]);
    }
    assert_int_equal(import(k), 3);
    static const int numbers[] = {3, 1, 2};
    for (int i = 0; i < 3; i++) {
        tb_stored_take take = take_of(k, i + 1);
        assert_int_equal(take.number, numbers[i]);
        assert_string_equal(take.prompt, "harp");
        assert_string_equal(take.format, "wav");
        assert_false(has_note(k, i + 1));
        tb_stored_take_deinit(&take);
    }
}

static void a_note_twice_is_one_take(void **state)
{
    kept *k = *state;
    write_sound(k, 1);
    write_note(k, 1, 0);
    assert_int_equal(import(k), 1);
    write_note(k, 1, 0);
    assert_int_equal(import(k), 0);
    assert_false(has_note(k, 1));
}

static void a_take_that_is_gone_is_dropped_and_a_lost_disk_is_waited_for(void **state)
{
    kept *k = *state;
    write_note(k, 1, 0);
    assert_int_equal(import(k), 0);
    assert_false(has_note(k, 1)); /* the folder is there, the file is not */
    write_note(k, 2, 0);
    assert_int_equal(rename("out", "away"), 0);
    assert_int_equal(import(k), 0);
    assert_true(has_note(k, 2));
    assert_int_equal(rename("away", "out"), 0);
    write_sound(k, 2);
    assert_int_equal(import(k), 1);
}

static void damaged_notes_are_put_aside(void **state)
{
    kept *k = *state;
    static const char *const texts[] = {
        "",
        "no json",
        "[]",
        "{}",
        "{\"id\":\"x\",\"id\":\"y\"}",
        /* another id, a path that is not absolute, a length, a hash, a time, metadata */
        "{\"id\":\"00000000-0000-4000-8000-000000000099\"}",
        "{\"id\":\"ID\",\"path\":\"a.wav\",\"length_bytes\":5,\"sha256\":\"" SHA
        "\",\"made_at\":\"2026-11-22T10:00:00Z\",\"metadata\":{\"prompt\":\"a\",\"seed\":1,"
        "\"duration_seconds\":1},\"recipe\":{}}",
        "{\"id\":\"ID\",\"path\":\"/a.wav\",\"length_bytes\":-5,\"sha256\":\"" SHA
        "\",\"made_at\":\"2026-11-22T10:00:00Z\",\"metadata\":{\"prompt\":\"a\",\"seed\":1,"
        "\"duration_seconds\":1},\"recipe\":{}}",
        "{\"id\":\"ID\",\"path\":\"/a.wav\",\"length_bytes\":5,\"sha256\":\"../x\","
        "\"made_at\":\"2026-11-22T10:00:00Z\",\"metadata\":{\"prompt\":\"a\",\"seed\":1,"
        "\"duration_seconds\":1},\"recipe\":{}}",
        "{\"id\":\"ID\",\"path\":\"/a.wav\",\"length_bytes\":5,\"sha256\":\"" SHA
        "\",\"made_at\":\"yesterday\",\"metadata\":{\"prompt\":\"a\",\"seed\":1,"
        "\"duration_seconds\":1},\"recipe\":{}}",
        "{\"id\":\"ID\",\"path\":\"/a.wav\",\"length_bytes\":5,\"sha256\":\"" SHA
        "\",\"made_at\":\"2026-11-22T10:00:00Z\",\"metadata\":{\"prompt\":1},\"recipe\":{}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char name[60], text[800];
        const char *mark = strstr(texts[i], "ID\"");
        (void)snprintf(name, sizeof name, "%s.json", id_of(1));
        if (mark == NULL)
            (void)snprintf(text, sizeof text, "%s", texts[i]);
        else
            (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(mark - texts[i]), texts[i],
                           id_of(1), mark + 2);
        write_text(path_of_note(k, name), text);
        assert_int_equal(import(k), 0);
        assert_false(has_note(k, 1));
        char aside[400];
        (void)snprintf(aside, sizeof aside, "%s/refused/%s", k->worker.inbox, name);
        assert_true(is_there(aside));
        assert_int_equal(unlink(aside), 0);
    }
}

static void what_is_no_note_is_left_alone(void **state)
{
    kept *k = *state;
    write_text(path_of_note(k, "README"), "x");
    write_text(path_of_note(k, ".timbre-abc.part"), "x");
    write_text(path_of_note(k, "00000000-0000-4000-8000-00000000000X.json"), "x");
    assert_int_equal(import(k), 0);
    assert_true(is_there(path_of_note(k, "README")));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, kept_set_up, kept_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(numbers_follow_time),
        CASE(a_note_twice_is_one_take),
        CASE(a_take_that_is_gone_is_dropped_and_a_lost_disk_is_waited_for),
        CASE(damaged_notes_are_put_aside),
        CASE(what_is_no_note_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
