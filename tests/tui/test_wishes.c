/* Settings of the next take, old prompts: what is asked is what was typed, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/tui/history.h"
#include "cli/tui/wishes.h"

static tb_status set(tb_wishes *wishes, const char *name, const char *text, tb_error *err)
{
    int field = tb_wish_find(name);
    assert_true(field >= 0);
    return tb_wishes_set(wishes, field, text, err);
}

static void fields_go_by_flag_and_name(void **state)
{
    (void)state;
    assert_true(tb_wish_find("length") >= 0);
    assert_int_equal(tb_wish_find("length"), tb_wish_find("duration_seconds"));
    assert_int_equal(tb_wish_find("cfg"), tb_wish_find("cfg_scale"));
    assert_int_equal(tb_wish_find("prompt"), -1); /* is written, not set */
    assert_int_equal(tb_wish_find("nonsense"), -1);
}

static void wrong_values_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"length", "zero"}, {"length", "0"},  {"length", "1e9"}, {"seed", "-1"},
        {"steps", "0"},     {"steps", "1.5"}, {"cfg", "nan"},    {"scheduler", "magic"}};
    tb_wishes w = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tb_error err = {0};
        int field = tb_wish_find(wrong[i][0]);
        assert_int_equal(set(&w, wrong[i][0], wrong[i][1], &err), TIMBRE_BAD_INPUT);
        size_t n;
        assert_non_null(strstr(err.message, timbre_request_fields(&n)[field].name));
        assert_null(w.text[field]); /* nothing was taken */
    }
    tb_wishes_deinit(&w);
}

static void the_body_has_what_was_asked(void **state)
{
    (void)state;
    tb_wishes w = {0};
    tb_error err = {0};
    json_t *body = NULL;
    assert_int_equal(tb_wishes_make_body(&w, "rain", &body, &err), TIMBRE_OK);
    assert_int_equal(json_object_size(body), 1);
    json_decref(body);
    assert_int_equal(set(&w, "length", "3", &err), TIMBRE_OK);
    assert_int_equal(set(&w, "seed", "7", &err), TIMBRE_OK);
    assert_int_equal(set(&w, "steps", "20", &err), TIMBRE_OK);
    assert_int_equal(set(&w, "steps", "default", &err), TIMBRE_OK); /* taken back */
    assert_string_equal(tb_wishes_shown(&w, tb_wish_find("length")), "3");
    assert_string_equal(tb_wishes_shown(&w, tb_wish_find("steps")), "model's own");
    assert_int_equal(tb_wishes_make_body(&w, "rain", &body, &err), TIMBRE_OK);
    assert_int_equal(json_object_size(body), 3);
    assert_true(json_number_value(json_object_get(body, "duration_seconds")) == 3);
    assert_int_equal(json_integer_value(json_object_get(body, "seed")), 7);
    json_decref(body);
    assert_int_equal(set(&w, "seed", "random", &err), TIMBRE_OK);
    assert_string_equal(tb_wishes_shown(&w, tb_wish_find("seed")), "random");
    body = tb_wishes_to_json(&w);
    assert_int_equal(json_object_size(body), 1);
    tb_wishes other = {0};
    assert_int_equal(set(&other, "cfg", "9", &err), TIMBRE_OK);
    tb_wishes_from_json(&other, body); /* what it does not name is not asked */
    assert_null(tb_wishes_text(&other, "cfg_scale"));
    assert_string_equal(tb_wishes_text(&other, "duration_seconds"), "3");
    json_decref(body);
    assert_int_equal(tb_wishes_make_body(&w, "", &body, &err), TIMBRE_BAD_INPUT);
    tb_wishes_deinit(&other);
    tb_wishes_deinit(&w);
}

/* As a shell reads it. */
static void the_command_survives_a_shell(void **state)
{
    (void)state;
    static const char prompt[] = "it's \"$HOME\" `rain` \\ & ; * 비\nsecond";
    json_t *request = json_pack("{s:s, s:f, s:b}", "prompt", prompt, "duration_seconds", 3.5,
                                "loop", 1);
    char *command = tb_wishes_shell(request), line[1024], out[256] = "";
    assert_non_null(command);
    assert_memory_equal(command, "timbre generate ", 16);
    (void)snprintf(line, sizeof line, "printf '%%s' %s", command + 16);
    char *options = strstr(line, " --");
    assert_non_null(options);
    assert_non_null(strstr(options, "--length 3.5"));
    assert_non_null(strstr(options, "--loop"));
    *options = '\0';
    FILE *shell = popen(line, "r");
    assert_non_null(shell);
    assert_true(fread(out, 1, sizeof out - 1, shell) > 0);
    assert_int_equal(pclose(shell), 0);
    assert_string_equal(out, prompt);
    free(command);
    json_decref(request);
}

/* ---- old prompts ---- */

static void a_beginning_is_a_name_a_take_or_a_file(void **state)
{
    (void)state;
    static const char *const as_it_is[] = {"og_beat", "#12", "last",
                                           "0e9a603e-21ff-429a-97d6-751d0be0da00"};
    tb_wishes w = {0};
    tb_error err = {0};
    char folder[] = "/tmp/timbre-wishes-XXXXXX", command[64];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(setenv("TIMBRE_DATA_DIR", folder, 1), 0);
    for (size_t i = 0; i < sizeof as_it_is / sizeof *as_it_is; i++) {
        assert_int_equal(set(&w, "init", as_it_is[i], &err), TIMBRE_OK);
        assert_string_equal(tb_wishes_text(&w, "init"), as_it_is[i]);
    }
    assert_int_equal(set(&w, "init", "/no/such/file.wav", &err), TIMBRE_BAD_INPUT);
    assert_non_null(strstr(err.message, "no file and no name"));
    assert_string_equal(tb_wishes_text(&w, "init"), as_it_is[3]); /* nothing was taken */

    char path[80];
    (void)snprintf(path, sizeof path, "%s/sound.wav", folder);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    (void)fputs("abc", f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(set(&w, "init", path, &err), TIMBRE_OK);
    assert_string_equal(tb_wishes_text(&w, "init"), /* SHA-256 of "abc", FIPS 180-2 */
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(set(&w, "init", "off", &err), TIMBRE_OK);
    assert_null(tb_wishes_text(&w, "init"));
    tb_wishes_deinit(&w);
    (void)unsetenv("TIMBRE_DATA_DIR");
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

static void old_prompts_come_back(void **state)
{
    (void)state;
    char path[] = "/tmp/timbre-history-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    tb_history h = {0};
    tb_history_load(&h, path);
    tb_history_add(&h, "first");
    tb_history_add(&h, "two\nlines \\ and a n");
    tb_history_add(&h, "two\nlines \\ and a n"); /* not twice */
    tb_history_add(&h, "");
    assert_int_equal(h.n, 2);
    tb_history_deinit(&h);

    FILE *file = fopen(path, "ab");
    fputs("\xFF\xFE damaged\n", file);
    (void)fclose(file);
    tb_history_load(&h, path);
    assert_int_equal(h.n, 2);
    assert_null(tb_history_step(&h, 1, "draft"));
    assert_string_equal(tb_history_step(&h, -1, "draft"), "two\nlines \\ and a n");
    assert_string_equal(tb_history_step(&h, -1, "changed"), "first");
    assert_null(tb_history_step(&h, -1, "x"));
    (void)tb_history_step(&h, 1, "x");
    assert_string_equal(tb_history_step(&h, 1, "x"), "draft"); /* what was being written */
    assert_int_equal(tb_history_search(&h, "LINES", 100), 1);
    assert_int_equal(tb_history_search(&h, "", 1), 0);
    assert_int_equal(tb_history_search(&h, "thunder", 100), -1);
    for (int i = 0; i < 2 * TB_HISTORY_MAX + 5; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "prompt %d", i);
        tb_history_add(&h, text);
    }
    assert_int_equal(h.n, TB_HISTORY_MAX);
    tb_history_deinit(&h);
    tb_history_load(&h, path); /* which also makes the file short again */
    assert_int_equal(h.n, TB_HISTORY_MAX);
    assert_string_equal(h.items[h.n - 1], "prompt 2004");
    tb_history_deinit(&h);
    tb_history_load(&h, "/nonexistent/history");
    assert_int_equal(h.n, 0);
    tb_history_add(&h, "kept in memory");
    assert_int_equal(h.n, 1);
    tb_history_deinit(&h);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_go_by_flag_and_name),
        cmocka_unit_test(wrong_values_are_refused_by_name),
        cmocka_unit_test(the_body_has_what_was_asked),
        cmocka_unit_test(the_command_survives_a_shell),
        cmocka_unit_test(a_beginning_is_a_name_a_take_or_a_file),
        cmocka_unit_test(old_prompts_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
