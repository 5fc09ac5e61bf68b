/* Settings: what wins over what, what a wrong file does, and that edits keep what a person wrote.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/settings_file.h"
#include "engine/base/file.h"
#include "tests/support/program.h"

static int setup(void **state)
{
    (void)program_setup(state);
    assert_int_equal(tb_dir_make("xdg/timbre", NULL), TIMBRE_OK);
    assert_int_equal(tb_dir_make(".config/timbre", NULL), TIMBRE_OK);
    return 0;
}

static int clean(void **state)
{
    remove("xdg/timbre/config.ini");
    remove(".config/timbre/config.ini");
    return program_clean(state);
}

static const char *get(const char *key)
{
    program_run(&home, &result, "config", "get", key, NULL);
    assert_int_equal(result.exit_code, 0);
    result.out[strcspn(result.out, "\n")] = '\0';
    return result.out;
}

static void nearer_sources_win(void **state)
{
    (void)state;
    assert_string_equal(get("engine.threads"), "0");
    program_write_file("xdg/timbre/config.ini", "[engine]\nthreads = 1\n");
    assert_string_equal(get("engine.threads"), "1");
    program_write_file(".config/timbre/config.ini", "[engine]\nthreads = 2\n");
    assert_string_equal(get("engine.threads"), "2");
    home.env[0] = "TIMBRE_THREADS=3";
    assert_string_equal(get("engine.threads"), "3");
    home.env[0] = "TIMBRE_THREADS=";
    assert_string_equal(get("engine.threads"), "2"); /* empty is unset */
    program_run(&home, &result, "config", "get", "ui.color", "--color", "never", NULL);
    assert_string_equal(result.out, "never\n");
}

static void origin_names_file_and_line(void **state)
{
    (void)state;
    program_write_file(".config/timbre/config.ini", "# mine\n\n[output]\nformat = flac\n");
    program_run(&home, &result, "config", "list", "--origin", NULL);
    assert_non_null(strstr(result.out, "output.format = flac    ("));
    assert_non_null(strstr(result.out, "/.config/timbre/config.ini:4)"));
    assert_non_null(strstr(result.out, "engine.threads = 0    (built in)"));
}

static void settings_reach_the_request(void **state)
{
    (void)state;
    program_write_file(".config/timbre/config.ini",
                       "[output]\nformat = flac\n[generate]\nlength = 7.5\n");
    program_run(&home, &result, "generate", "x", "--dry-run", "--json", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.out, "\"duration_seconds\": 7.5"));
    assert_non_null(strstr(result.out, "\"output_format\": \"flac\""));
    program_run(&home, &result, "generate", "x", "-l", "3", "-o", "a.wav", "--dry-run", "--json",
                NULL);
    assert_non_null(strstr(result.out, "\"duration_seconds\": 3"));
    assert_non_null(strstr(result.out, "\"output_format\": \"wav\""));
}

static void unknown_keys_are_warned_about_with_their_line(void **state)
{
    (void)state;
    program_write_file(".config/timbre/config.ini", "[output]\ndirr = /x\n\n[nothing]\na = 1\n");
    program_run(&home, &result, "generate", "x", "--dry-run", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.err, "config.ini:2: unknown setting 'output.dirr', did you mean "
                                       "output.dir?"));
    assert_non_null(strstr(result.err, "config.ini:5: unknown setting 'nothing.a'"));
}

static void wrong_files_are_named_with_line_and_never_crash(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[engine]\n\n; a comment\nthreads = many\n", "config.ini:4: engine.threads 'many' is not"},
        {"[engine]\nthreads = 1000\n", "config.ini:2: engine.threads 1000 is outside 0 to 256"},
        {"[ui]\ncolor = pink\n", "config.ini:2: ui.color 'pink' is not one of"},
        {"[generate]\nlength = 0\n", "config.ini:2: generate.length: 0 is not between 1 and 600"},
        {"[output]\nformat = mp3\n", "config.ini:2: output.format: 'mp3' is not one of"},
        {"[output]\n\nnonsense\n", "config.ini:3: neither [section] nor name = value"},
        {"[output]\nname = \xff\n", "config.ini:2: byte 0xff is not text"},
        {"[output\n", "config.ini:1: neither"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        program_write_file(".config/timbre/config.ini", cases[i].text);
        program_run(&home, &result, "generate", "x", "--dry-run", NULL);
        assert_int_equal(result.exit_code, 2);
        assert_int_equal(result.out_length, 0);
        if (strstr(result.err, cases[i].message) == NULL)
            fail_msg("no '%s' in: %s", cases[i].message, result.err);
        program_run(&home, &result, "config", "list", NULL); /* still there to help */
        assert_int_equal(result.exit_code, 0);
        assert_non_null(strstr(result.err, "warning"));
    }
    program_run(&home, &result, "doctor", NULL);
    assert_int_equal(result.exit_code, 1);
    assert_non_null(strstr(result.out, "fail  settings"));
}

static void long_lines_and_big_files_are_refused(void **state)
{
    (void)state;
    char text[512] = "[output]\nname = ";
    memset(text + strlen(text), 'x', 400);
    program_write_file(".config/timbre/config.ini", text);
    program_run(&home, &result, "generate", "x", "--dry-run", NULL);
    assert_int_equal(result.exit_code, 2);
    assert_non_null(strstr(result.err, "config.ini:2: the line exceeds"));
    FILE *file = fopen("big.ini", "wb");
    for (int i = 0; i < 300 * 1024; i++)
        fputc('\n', file);
    fclose(file);
    program_run(&home, &result, "generate", "x", "--dry-run", "--config", "big.ini", NULL);
    assert_int_equal(result.exit_code, 1);
    assert_non_null(strstr(result.err, "exceeds 262144 bytes"));
    program_run(&home, &result, "generate", "x", "--dry-run", "--config", "absent.ini", NULL);
    assert_int_not_equal(result.exit_code, 0);
    assert_non_null(strstr(result.err, "absent.ini"));
}

static void wrong_environment_is_named(void **state)
{
    (void)state;
    home.env[0] = "TIMBRE_THREADS=lots";
    program_run(&home, &result, "generate", "x", "--dry-run", NULL);
    assert_int_equal(result.exit_code, 2);
    assert_non_null(strstr(result.err, "TIMBRE_THREADS 'lots' is not a whole number"));
}

static void set_keeps_comments_and_order(void **state)
{
    (void)state;
    program_write_file(".config/timbre/config.ini", "# my settings\n"
                                                    "[output]\n"
                                                    "format = wav   ; for the editor\n"
                                                    "; end of output\n"
                                                    "\n"
                                                    "[ui]\n"
                                                    "color = never\n");
    program_run(&home, &result, "config", "set", "output.format", "flac", NULL);
    assert_int_equal(result.exit_code, 0);
    program_run(&home, &result, "config", "set", "output.dir", "/tmp/my takes", NULL);
    assert_int_equal(result.exit_code, 0);
    program_run(&home, &result, "config", "set", "play.volume", "80", NULL);
    assert_int_equal(result.exit_code, 0);
    program_run(&home, &result, "config", "unset", "ui.color", NULL);
    assert_int_equal(result.exit_code, 0);
    char *text = program_read_file(".config/timbre/config.ini", NULL);
    assert_string_equal(text, "# my settings\n"
                              "[output]\n"
                              "format = flac   ; for the editor\n"
                              "; end of output\n"
                              "dir = /tmp/my takes\n"
                              "\n"
                              "[ui]\n"
                              "\n"
                              "[play]\n"
                              "volume = 80\n");
    free(text);
    assert_string_equal(get("output.dir"), "/tmp/my takes");
    assert_string_equal(get("output.format"), "flac");
    assert_string_equal(get("ui.color"), "auto");
}

static void set_refuses_what_reading_would_refuse(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"engine.threads", "-1"},    {"ui.color", "pink"},        {"output.format", "mp3"},
        {"output.name", "a ;b"},     {"output.name", "a\nb = c"}, {"output.dri", "/x"},
        {"output.name", " x"},       {"generate.length", "long"}, {"output.name", "{sead}"},
        {"output.name", "take.wav"}, {"output.dir", "takes"},     {"engine.soundfont", "a.sf2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        program_run(&home, &result, "config", "set", cases[i][0], cases[i][1], NULL);
        if (result.exit_code != 2)
            fail_msg("%s = %s: %d", cases[i][0], cases[i][1], result.exit_code);
    }
    assert_int_equal(program_count_files(".config", ".ini"), 0); /* nothing was written */
}

static void set_writes_the_file_that_a_link_names(void **state)
{
    (void)state;
    program_write_file("real.ini", "");
    assert_int_equal(symlink("../../real.ini", ".config/timbre/config.ini"), 0);
    program_run(&home, &result, "config", "set", "play.volume", "50", NULL);
    assert_int_equal(result.exit_code, 0);
    struct stat info;
    assert_int_equal(lstat(".config/timbre/config.ini", &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    char *text = program_read_file("real.ini", NULL);
    assert_string_equal(text, "[play]\nvolume = 50\n");
    free(text);
}

static void set_keeps_the_mode(void **state)
{
    (void)state;
    struct stat info;
    program_write_file(".config/timbre/config.ini", "");
    assert_int_equal(chmod(".config/timbre/config.ini", 0600), 0);
    program_run(&home, &result, "config", "set", "play.volume", "50", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_int_equal(stat(".config/timbre/config.ini", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void set_follows_links_to_what_is_not_there_yet(void **state)
{
    (void)state;
    struct stat info;
    assert_int_equal(symlink("second", ".config/timbre/config.ini"), 0);
    assert_int_equal(symlink("../../dotfiles/new.ini", ".config/timbre/second"), 0);
    program_run(&home, &result, "config", "set", "play.volume", "50", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_int_equal(lstat(".config/timbre/config.ini", &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    char *text = program_read_file("dotfiles/new.ini", NULL);
    assert_string_equal(text, "[play]\nvolume = 50\n");
    free(text);
    assert_int_equal(symlink("round", "round"), 0);
    program_run(&home, &result, "config", "set", "play.volume", "5", "--config", "round", NULL);
    assert_int_equal(result.exit_code, 1);
    assert_non_null(strstr(result.err, "'round'"));
}

static void the_null_device_is_an_empty_file(void **state)
{
    (void)state;
    program_write_file(".config/timbre/config.ini", "[play]\nvolume = 5\n");
    program_run(&home, &result, "config", "get", "play.volume", "--config", "/dev/null", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_string_equal(result.out, "100\n");
    assert_string_equal(result.err, "");
    /* what is no file is not replaced by one */
    assert_int_equal(mkfifo("fifo", 0600), 0);
    program_run(&home, &result, "config", "set", "play.volume", "5", "--config", "fifo", NULL);
    assert_int_equal(result.exit_code, 1);
    struct stat info;
    assert_int_equal(lstat("fifo", &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
}

static void minus_one_is_a_value_and_no_option(void **state)
{
    (void)state;
    program_run(&home, &result, "config", "set", "engine.threads", "-1", NULL);
    assert_int_equal(result.exit_code, 2);
    assert_non_null(strstr(result.err, "engine.threads -1 is outside 0 to 256"));
}

static void paths_mean_the_same_everywhere(void **state)
{
    (void)state;
    program_run(&home, &result, "config", "set", "output.dir", "takes", NULL);
    assert_int_equal(result.exit_code, 2);
    assert_non_null(strstr(result.err, "fix: give the whole path"));
    program_run(&home, &result, "config", "set", "output.dir", "~/takes", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_string_equal(get("output.dir"), "~/takes");
}

static void edit_checks_what_was_written(void **state)
{
    (void)state;
    home.env[0] = "EDITOR=printf '[play]\\nvolume = loud\\n' >";
    program_run(&home, &result, "config", "edit", NULL);
    assert_int_equal(result.exit_code, 2);
    assert_non_null(strstr(result.err, "config.ini:2: play.volume 'loud'"));
    assert_non_null(strstr(result.err, "fix: correct it"));
    home.env[0] = "EDITOR=no-such-editor";
    program_run(&home, &result, "config", "edit", NULL);
    assert_int_equal(result.exit_code, 1);
    assert_non_null(strstr(result.err, "there is no editor 'no-such-editor'"));
    assert_non_null(strstr(result.err, "fix: "));
    home.env[0] = "EDITOR=false";
    program_run(&home, &result, "config", "edit", NULL);
    assert_int_equal(result.exit_code, 1);
    assert_non_null(strstr(result.err, "'false' ended with code 1"));
}

static void edit_opens_the_editor(void **state)
{
    (void)state;
    home.env[0] = "EDITOR=echo edited";
    program_run(&home, &result, "config", "edit", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_int_equal(strncmp(result.out, "edited /", 8), 0);
    assert_int_equal(program_count_files(".config", "config.ini"), 1);
}

static void without_a_home_it_says_what_to_do(void **state)
{
    (void)state;
    home.env[0] = "HOME=";
    program_run(&home, &result, "generate", "x", NULL);
    assert_int_equal(result.exit_code, 2);
    assert_non_null(strstr(result.err, "HOME is not set"));
    assert_non_null(strstr(result.err, "fix: "));
    program_run(&home, &result, "config", "set", "play.volume", "5", NULL);
    assert_int_equal(result.exit_code, 2);
    assert_non_null(strstr(result.err, "HOME is not set"));
}

static void edits_of_any_text_can_be_read_back(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "\n",
                                        "[a]",
                                        "[a]\n",
                                        "x=1\n[a]\nk=2",
                                        "[a]\n[a]\nk = 1\n",
                                        "[b]\nk=1\n\n\n[a]\n\n",
                                        "  [a]  \n  k : 3 ; c\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *set = tb_settings_text_edit(texts[i], "a", "k", "new");
        assert_non_null(strstr(set, "k = new"));
        char *again = tb_settings_text_edit(set, "a", "k", "new");
        assert_string_equal(again, set);
        char *unset = tb_settings_text_edit(set, "a", "k", NULL);
        assert_null(strstr(unset, "new"));
        free(set);
        free(again);
        free(unset);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(nearer_sources_win, clean),
        cmocka_unit_test_teardown(origin_names_file_and_line, clean),
        cmocka_unit_test_teardown(settings_reach_the_request, clean),
        cmocka_unit_test_teardown(unknown_keys_are_warned_about_with_their_line, clean),
        cmocka_unit_test_teardown(wrong_files_are_named_with_line_and_never_crash, clean),
        cmocka_unit_test_teardown(long_lines_and_big_files_are_refused, clean),
        cmocka_unit_test_teardown(wrong_environment_is_named, clean),
        cmocka_unit_test_teardown(set_keeps_comments_and_order, clean),
        cmocka_unit_test_teardown(set_refuses_what_reading_would_refuse, clean),
        cmocka_unit_test_teardown(set_writes_the_file_that_a_link_names, clean),
        cmocka_unit_test_teardown(set_keeps_the_mode, clean),
        cmocka_unit_test_teardown(set_follows_links_to_what_is_not_there_yet, clean),
        cmocka_unit_test_teardown(the_null_device_is_an_empty_file, clean),
        cmocka_unit_test_teardown(minus_one_is_a_value_and_no_option, clean),
        cmocka_unit_test_teardown(paths_mean_the_same_everywhere, clean),
        cmocka_unit_test_teardown(edit_checks_what_was_written, clean),
        cmocka_unit_test_teardown(edit_opens_the_editor, clean),
        cmocka_unit_test_teardown(without_a_home_it_says_what_to_do, clean),
        cmocka_unit_test(edits_of_any_text_can_be_read_back),
    };
    return cmocka_run_group_tests(tests, setup, program_teardown);
}
