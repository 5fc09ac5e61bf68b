/* Help, manual pages and completions as a person and as their shells see them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/commands.h"
#include "engine/base/utf8.h"
#include "tests/support/program.h"

static void assert_fits(const char *text, int max_lines)
{
    int lines = 0;
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        if (tb_utf8_columns(text, length) > 80)
            fail_msg("over 80 columns: %.*s", (int)length, text);
        text += length + (text[length] == '\n');
        lines++;
    }
    assert_in_range(lines, 1, max_lines);
}

static void short_help_fits_a_screen_and_begins_with_examples(void **state)
{
    (void)state;
    size_t n;
    const tb_command *commands = tb_commands(&n);
    program_run(&home, &result, "-h", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_fits(result.out, 24);
    for (size_t i = 0; i < n; i++) {
        program_run(&home, &result, commands[i].name, "-h", NULL);
        assert_int_equal(result.exit_code, 0);
        assert_fits(result.out, 24);
        const char *second = strchr(result.out, '\n');
        assert_non_null(strstr(result.out, "timbre "));
        assert_int_equal(strncmp(result.out, commands[i].examples[0].line, 10), 0);
        assert_int_equal(strncmp(second + 1, commands[i].examples[1].line, 10), 0);
    }
}

/* Each row of -h has the whole help text of its option or command; for the options that all
 * commands have, the program's own has room for their names. */
static void short_help_cuts_no_text(void **state)
{
    (void)state;
    size_t n;
    const tb_command *commands = tb_commands(&n);
    for (size_t i = 0; i < n; i++) {
        tb_option_list options;
        size_t n_shown = 0;
        tb_command_options(&commands[i], &options);
        program_run(&home, &result, commands[i].name, "-h", NULL);
        for (size_t o = 0; o < options.n; o++) {
            char row[128];
            snprintf(row, sizeof row, " %s\n", options.items[o].help);
            n_shown += strstr(result.out, row) != NULL;
        }
        bool is_list_cut = strstr(result.out, "\nAll ") != NULL;
        assert_int_equal(n_shown, is_list_cut ? 15 : options.n);
    }
    tb_option_list globals;
    tb_command_options(NULL, &globals);
    program_run(&home, &result, "-h", NULL);
    for (size_t i = 0; i < n; i++)
        assert_true((strstr(result.out, commands[i].summary) != NULL) == !commands[i].is_minor);
    for (size_t i = 0; i < globals.n; i++)
        if (globals.items[i].name != NULL)
            assert_non_null(strstr(result.out, globals.items[i].name));
}

static void manual_names_every_option(void **state)
{
    (void)state;
    size_t n;
    const tb_command *commands = tb_commands(&n);
    for (size_t i = 0; i < n; i++) {
        tb_option_list options;
        program_run(&home, &result, commands[i].name, "--help", NULL);
        assert_int_equal(result.exit_code, 0);
        assert_fits(result.out, 400);
        tb_command_options(&commands[i], &options);
        for (size_t o = 0; o < options.n; o++) {
            char name[64];
            snprintf(name, sizeof name, "--%s",
                     options.items[o].name != NULL ? options.items[o].name : "help");
            assert_non_null(strstr(result.out, name));
        }
        char *text = strdup(result.out);
        program_run(&home, &result, "help", commands[i].name, NULL);
        assert_string_equal(result.out, text); /* the same page both ways */
        free(text);
    }
}

static void without_arguments_it_says_how_it_is_used(void **state)
{
    (void)state;
    program_run(&home, &result, NULL);
    assert_int_equal(result.exit_code, 2);
    assert_int_equal(result.out_length, 0);
    assert_non_null(strstr(result.err, "usage: timbre"));
}

static void mistyped_commands_are_not_run(void **state)
{
    (void)state;
    program_run(&home, &result, "generte", "rain", NULL);
    assert_int_equal(result.exit_code, 2);
    assert_int_equal(result.out_length, 0);
    assert_non_null(strstr(result.err, "did you mean timbre generate?"));
    assert_int_equal(program_count_files(home.path, ".wav"), 0);
    program_run(&home, &result, "help", "exit-code", NULL);
    assert_int_equal(result.exit_code, 2);
    assert_non_null(strstr(result.err, "exit-codes"));
}

static void exit_codes_are_documented(void **state)
{
    (void)state;
    program_run(&home, &result, "help", "exit-codes", NULL);
    assert_int_equal(result.exit_code, 0);
    static const char *const codes[] = {"0", "1", "2",   "3",   "5",   "6",
                                        "7", "8", "129", "130", "131", "143"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        char row[16];
        snprintf(row, sizeof row, "\n    %s\n", codes[i]);
        assert_non_null(strstr(result.out, row));
    }
}

static bool has_program(const char *name)
{
    char probe[64];
    snprintf(probe, sizeof probe, "command -v %s", name);
    const char *argv[] = {"sh", "-c", probe, NULL};
    program_run_argv(&home, &result, argv);
    return result.exit_code == 0;
}

static void lint_page(const char *name)
{
    program_run(&home, &result, "help", "--man", name, NULL);
    assert_int_equal(result.exit_code, 0);
    program_write_file(name, result.out);
    const char *argv[] = {"mandoc", "-T", "lint", "-W", "warning", name, NULL};
    program_run_argv(&home, &result, argv);
    if (result.exit_code != 0 || result.out_length > 0)
        fail_msg("%s", result.out);
}

static void manual_pages_are_clean(void **state)
{
    (void)state;
    if (!has_program("mandoc"))
        skip();
    size_t n;
    const tb_command *commands = tb_commands(&n);
    lint_page("timbre.1");
    lint_page("timbre-config.5");
    for (size_t i = 0; i < n; i++) {
        char name[64];
        snprintf(name, sizeof name, "timbre-%s.1", commands[i].name);
        lint_page(name);
    }
    program_run(&home, &result, "help", "--man", "timbre-nothing.1", NULL);
    assert_int_equal(result.exit_code, 2);
}

static void write_completion(const char *shell, const char *path)
{
    program_run(&home, &result, "completion", shell, NULL);
    assert_int_equal(result.exit_code, 0);
    program_write_file(path, result.out);
}

static void completions_are_valid_scripts(void **state)
{
    (void)state;
    static const char *const shells[] = {"bash", "zsh", "fish"};
    int n_run = 0;
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (!has_program(shells[i]))
            continue;
        n_run++;
        write_completion(shells[i], "script");
        const char *argv[] = {shells[i], "-n", "script", NULL};
        program_run_argv(&home, &result, argv);
        if (result.exit_code != 0 || result.err[0] != '\0')
            fail_msg("%s: %s", shells[i], result.err);
    }
    if (n_run == 0)
        skip();
}

/* What bash offers for the last of the words, a blank after each. */
static const char *complete(const char *words)
{
    char script[512];
    snprintf(script, sizeof script,
             "source ./script; COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _timbre; "
             "printf '%%s ' \"${COMPREPLY[@]}\"",
             words);
    const char *argv[] = {"bash", "--norc", "-c", script, NULL};
    program_run_argv(&home, &result, argv);
    assert_int_equal(result.exit_code, 0);
    return result.out;
}

static void bash_completes_commands_options_and_values(void **state)
{
    (void)state;
    if (!has_program("bash"))
        skip();
    char program[512];
    snprintf(program, sizeof program, "TIMBRE_BIN=%s", program_path());
    home.env[0] = program;
    write_completion("bash", "script");
    program_write_file("take.wav", "");
    assert_string_equal(complete("timbre ge"), "generate gen ");
    assert_string_equal(complete("timbre gen --dry"), "--dry-run ");
    program_write_file("take.png", "");
    assert_string_equal(complete("timbre image-to-audio take"), "take.png ");
    assert_string_equal(complete("timbre encode take"), "take.wav ");
    assert_string_equal(complete("timbre decode x --inverse-mel ''"), "lstsq sgd ");
    assert_string_equal(complete("timbre audio-to-images-b"), "audio-to-images-batch ");
    assert_int_equal(remove("take.png"), 0);
    assert_string_equal(complete("timbre generate rain -f ''"), "wav flac ");
    assert_string_equal(complete("timbre generate --format = fl"), "flac ");
    assert_string_equal(complete("timbre generate --negative ''"), " ");
    assert_string_equal(complete("timbre show ta"), "take.wav ");
    program_write_file("take.wav.json", "");
    assert_string_equal(complete("timbre play ta"), "take.wav ");
    assert_int_equal(remove("take.wav.json"), 0);
    assert_string_equal(complete("timbre config set output.format ''"), "wav flac ");
    assert_string_equal(complete("timbre config set ui.color al"), "always ");
    assert_string_equal(complete("timbre config get output.d"), "output.dir ");
    assert_string_equal(complete("timbre completion z"), "zsh ");
    assert_string_equal(complete("timbre --color n"), "never ");
    assert_string_equal(complete("timbre help exit"), "exit-codes ");
    assert_string_equal(complete("timbre models ver"), "verify ");
    assert_string_equal(complete("timbre models add ta"), "take.wav ");
    assert_string_equal(complete("\"$TIMBRE_BIN\" models pull riffusion-v1-"),
                        "riffusion-v1-original ");
    home.env[0] = NULL;
}

static void fish_completes_commands_and_values(void **state)
{
    (void)state;
    if (!has_program("fish"))
        skip();
    write_completion("fish", "script");
    program_write_file("s.mp3", "");
    program_write_file("s.txt", "");
    const char *script = "source script; complete -C 'timbre ge'; "
                         "complete -C 'timbre generate x -f '; complete -C 'timbre play s.'; "
                         "complete -C 'timbre config set ui.color al'";
    const char *argv[] = {"fish", "--no-config", "-c", script, NULL};
    program_run_argv(&home, &result, argv);
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.out, "generate\tmake a take from a prompt"));
    assert_non_null(strstr(result.out, "\nflac"));
    assert_null(strstr(result.out, "doctor"));
    assert_non_null(strstr(result.out, "s.mp3"));
    assert_null(strstr(result.out, "s.txt"));
    assert_non_null(strstr(result.out, "always"));
}

static void help_names_the_aliases(void **state)
{
    (void)state;
    program_run(&home, &result, "help", NULL);
    assert_non_null(strstr(result.out, "  generate, gen  "));
    assert_non_null(strstr(result.out, "  show, info  "));
    assert_non_null(strstr(result.out, "  encode, audio-to-image  "));
    program_run(&home, &result, "--help", NULL);
    assert_non_null(strstr(result.out, "encode, audio-to-image, audio-to-images-batch\n"));
    program_run(&home, &result, "help", "sample-clips-batch", NULL);
    assert_int_equal(strncmp(result.out, "NAME\n    timbre-sample-clips - ", 31), 0);
    program_run(&home, &result, "help", "files", NULL);
    assert_non_null(strstr(result.out, "TAKE.wav.json"));
}

static void version_says_program_and_engine(void **state)
{
    (void)state;
    program_run(&home, &result, "--version", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_int_equal(strncmp(result.out, "timbre ", 7), 0);
    program_run(&home, &result, "version", "--json", NULL);
    assert_non_null(strstr(result.out, "\"libraries\""));
}

static void color_only_where_asked(void **state)
{
    (void)state;
    program_run(&home, &result, "help", "generate", "--color", "always", NULL);
    assert_non_null(strstr(result.out, "\033[1m"));
    program_run(&home, &result, "help", "generate", NULL); /* a file, not a terminal */
    assert_null(strstr(result.out, "\033"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_help_fits_a_screen_and_begins_with_examples),
        cmocka_unit_test(short_help_cuts_no_text),
        cmocka_unit_test(manual_names_every_option),
        cmocka_unit_test(without_arguments_it_says_how_it_is_used),
        cmocka_unit_test(mistyped_commands_are_not_run),
        cmocka_unit_test(exit_codes_are_documented),
        cmocka_unit_test(manual_pages_are_clean),
        cmocka_unit_test(completions_are_valid_scripts),
        cmocka_unit_test(bash_completes_commands_options_and_values),
        cmocka_unit_test(fish_completes_commands_and_values),
        cmocka_unit_test(help_names_the_aliases),
        cmocka_unit_test(version_says_program_and_engine),
        cmocka_unit_test(color_only_where_asked),
    };
    return cmocka_run_group_tests(tests, program_setup, program_teardown);
}
