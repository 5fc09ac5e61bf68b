/* What a person at a terminal sees: the bar, the questions, the keys of play. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#ifdef __APPLE__
#include <util.h>
#else
#include <pty.h>
#endif

#include <cmocka.h>

#include "cli/meter.h"
#include "cli/player.h"
#include "tests/support/program.h"

/* What came to the screen, and how the program ended. */
static char screen[64 * 1024];
static int exit_code;
static bool has_echo; /* after the end: the terminal is as it was */

static int setup(void **state)
{
    (void)program_setup(state);
    program_run(&home, &result, "generate", "drums", "-l", "1", "-o", "t.wav", "-q", NULL);
    assert_int_equal(result.exit_code, 0);
    return 0;
}

static void run_child(const char *const argv[])
{
    setenv("HOME", home.path, 1);
    setenv("TERM", "xterm", 1);
    setenv("LANG", "C.UTF-8", 1);
    setenv("SDL_AUDIODRIVER", "dummy", 1);
    unsetenv("NO_COLOR");
    execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(99);
}

/* What a person does when `prompt` has come to the screen (again): type `keys`, else send the
 * signal `number` where it is not 0, else make the terminal `columns` wide. */
typedef struct {
    const char *prompt, *keys;
    int number, columns;
} step;

static void act(const step *s, pid_t pid, int terminal)
{
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)s->columns};
    if (s->keys != NULL)
        assert_true(write(terminal, s->keys, strlen(s->keys)) > 0);
    else if (s->number != 0)
        assert_int_equal(kill(pid, s->number), 0);
    else if (s->columns != 0)
        assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
}

/* Run in a terminal of `columns` and take the steps up to one without a prompt. */
static void run_steps(const char *const argv[], int columns, const step *steps)
{
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
    int terminal;
    size_t length = 0, seen = 0; /* bytes on the screen; those that were reacted to */
    pid_t pid = forkpty(&terminal, NULL, NULL, &size);
    assert_true(pid >= 0);
    if (pid == 0)
        run_child(argv);
    struct termios settings = {0};
    alarm(30); /* a program that does not end ends the test */
    for (;;) {
        struct pollfd input = {.fd = terminal, .events = POLLIN};
        assert_true(poll(&input, 1, 20000) > 0);
        (void)tcgetattr(terminal, &settings);
        ssize_t n = read(terminal, screen + length, sizeof screen - 1 - length);
        if (n <= 0) /* EIO: the program has ended */
            break;
        length += (size_t)n;
        screen[length] = '\0';
        if (steps->prompt == NULL || strstr(screen + seen, steps->prompt) == NULL)
            continue;
        seen = length;
        act(steps++, pid, terminal);
    }
    int status;
    (void)tcgetattr(terminal, &settings);
    has_echo = (settings.c_lflag & (ECHO | ICANON)) == (ECHO | ICANON);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    alarm(0);
    close(terminal);
    exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    assert_null(steps->prompt); /* all were taken */
}

static void run_and_act(const char *const argv[], const char *prompt, const char *keys, int number)
{
    const step steps[] = {{prompt, keys, number, 0}, {0}};
    run_steps(argv, 80, steps);
}

static void run_in_terminal(const char *const argv[], const char *prompt, const char *keys)
{
    run_and_act(argv, prompt, keys, 0);
}

static void the_bar_is_one_line_and_goes_away(void **state)
{
    (void)state;
    const char *argv[] = {program_path(), "generate", "piano",   "-l",     "3",
                          "-o",           "bar.wav",  "--model", "sketch", NULL};
    run_in_terminal(argv, "", NULL);
    assert_int_equal(exit_code, 0);
    assert_non_null(strstr(screen, "\rrender "));
    assert_null(strstr(screen, "timbre: render")); /* no lines beside the bar */
    const char *wiped = strstr(screen, "\r\033[Ktimbre: ");
    assert_non_null(wiped);
    assert_null(memchr(screen, '\n', (size_t)(wiped - screen)));
    assert_non_null(strstr(wiped, "bar.wav\r\n"));
}

/* Who gets the sketch for want of a model is told how to get one; who asked for it is not. */
static void the_sketch_says_what_else_there_is(void **state)
{
    (void)state;
    const char *unnamed[] = {program_path(), "generate", "x", "-l", "1", "-o", "a.wav", NULL};
    const char *named[] = {program_path(), "generate", "x",       "-l",     "1",
                           "-o",           "b.wav",    "--model", "sketch", NULL};
    run_in_terminal(unnamed, "", NULL);
    assert_int_equal(exit_code, 0);
    assert_non_null(strstr(screen, "timbre models pull riffusion-v1"));
    run_in_terminal(named, "", NULL);
    assert_int_equal(exit_code, 0);
    assert_null(strstr(screen, "models pull"));
}

static void sound_is_not_poured_onto_a_terminal(void **state)
{
    (void)state;
    const char *argv[] = {program_path(), "generate", "x", "-l", "1", "-o", "-", NULL};
    run_in_terminal(argv, "", NULL);
    assert_int_equal(exit_code, 2);
    assert_null(strstr(screen, "RIFF"));
    assert_non_null(strstr(screen, "standard output is a terminal"));
}

static void a_prompt_is_asked_for_and_read(void **state)
{
    (void)state;
    const char *argv[] = {program_path(), "generate", "-", "--dry-run", NULL};
    run_in_terminal(argv, "type the prompt", "slow waltz\n\004");
    assert_int_equal(exit_code, 0);
    assert_non_null(strstr(screen, "\"slow waltz\""));
}

static void ctrl_c_at_the_prompt_ends_it(void **state)
{
    (void)state;
    const char *argv[] = {program_path(), "generate", "-", NULL};
    run_in_terminal(argv, "type the prompt", "\003");
    assert_int_equal(exit_code, 130);
}

static void keys_steer_play_and_the_terminal_is_given_back(void **state)
{
    (void)state;
    if (!tb_player_is_built_in()) {
        skip();
        return;
    }
    const char *argv[] = {program_path(), "play", "t.wav", "--loop", NULL};
    run_in_terminal(argv, "playing 0:00", "q");
    assert_int_equal(exit_code, 0);
    assert_true(has_echo);
    run_in_terminal(argv, "playing 0:00", "\003");
    assert_int_equal(exit_code, 130);
    assert_true(has_echo);
    const char *once[] = {program_path(), "play", "t.wav", NULL};
    run_in_terminal(once, "playing 0:00", "\033[C"); /* five seconds on: behind the end */
    assert_int_equal(exit_code, 0);
    assert_non_null(strstr(screen, "\033[K"));
}

static void keys_typed_ahead_count(void **state)
{
    (void)state;
    if (!tb_player_is_built_in()) {
        skip();
        return;
    }
    const char *argv[] = {program_path(), "play", "t.wav", "--loop", NULL};
    run_in_terminal(argv, "playing 0:00", "  \033[A\033[Dq"); /* in one read */
    assert_int_equal(exit_code, 0);
}

static void every_signal_gives_the_terminal_back(void **state)
{
    (void)state;
    if (!tb_player_is_built_in()) {
        skip();
        return;
    }
    static const int signals[] = {SIGHUP, SIGQUIT, SIGTERM, SIGINT};
    const char *argv[] = {program_path(), "play", "t.wav", "--loop", NULL};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        run_and_act(argv, "playing 0:00", NULL, signals[i]);
        assert_int_equal(exit_code, 128 + signals[i]);
        assert_true(has_echo);
    }
}

/* As at a shell's prompt: stop with Ctrl-Z, look at the terminal, go on with fg. */
static void keys_work_after_ctrl_z_and_fg(void **state)
{
    (void)state;
    char script[512];
    if (!tb_player_is_built_in() || access("/bin/bash", X_OK) != 0) {
        skip();
        return;
    }
    snprintf(script, sizeof script,
             "set -m; '%s' play t.wav --loop; stty -a | grep -ow -e '-*icanon' -e '-*echo'; "
             "echo stopped; fg; echo ended $?",
             program_path());
    const char *argv[] = {"/bin/bash", "--norc", "-c", script, NULL};
    const step steps[] = {
        {"playing 0:00", "\032", 0, 0}, {"stopped", NULL, 0, 0}, {"playing 0:00", "q", 0, 0}, {0}};
    run_steps(argv, 80, steps);
    assert_non_null(strstr(screen, "icanon"));
    assert_null(strstr(screen, "-icanon")); /* the shell had its terminal as it was */
    assert_null(strstr(screen, "-echo"));
    assert_non_null(strstr(screen, "ended 0")); /* q was read without Return */
    assert_true(has_echo);
}

static void stopped_time_does_not_count(void **state)
{
    (void)state;
    char script[700];
    if (access("/bin/bash", X_OK) != 0) {
        skip();
        return;
    }
    snprintf(script, sizeof script,
             "set -m; '%s' generate x -l 20 --timeout 5 -o z.wav; sleep 5.5; fg > /dev/null; "
             "echo ended $?",
             program_path());
    const char *argv[] = {"/bin/bash", "--norc", "-c", script, NULL};
    const step steps[] = {{"render", "\032", 0, 0}, {0}};
    run_steps(argv, 80, steps);
    assert_non_null(strstr(screen, "ended 0"));
    const char *took = strstr(screen, "20.0 s of sound in ");
    assert_non_null(took);
    assert_true(strtod(took + strlen("20.0 s of sound in "), NULL) < 5);
}

static void dumb_terminals_get_lines(void **state)
{
    (void)state;
    char script[512];
    snprintf(script, sizeof script, "TERM=dumb exec '%s' generate x -l 1 -o dumb.wav",
             program_path());
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    run_in_terminal(argv, "", NULL);
    assert_int_equal(exit_code, 0);
    assert_non_null(strstr(screen, "timbre: render ("));
    assert_null(strchr(screen, '\033'));
}

static void a_line_broken_by_a_narrower_terminal_is_wiped(void **state)
{
    (void)state;
    if (!tb_player_is_built_in()) {
        skip();
        return;
    }
    const char *argv[] = {program_path(), "play", "t.wav", "--loop", NULL};
    const step steps[] = {{"playing 0:00", NULL, 0, 30}, {"\033[1A\033[J", "q", 0, 0}, {0}};
    run_steps(argv, 80, steps); /* the line of 60 columns stands in two rows of 30 */
    assert_int_equal(exit_code, 0);
}

static size_t longest_line(const char *text)
{
    size_t longest = 0;
    for (size_t length; *text != '\0'; text += length + strspn(text + length, "\r\n")) {
        length = strcspn(text, "\r\n");
        longest = length > longest ? length : longest;
    }
    return longest;
}

/* Columns of what a bar writes; sequences of the terminal take none. */
static int count_columns(FILE *out)
{
    int n = 0;
    rewind(out);
    for (int c; (c = fgetc(out)) != EOF;) {
        if (c == '\033') {
            while ((c = fgetc(out)) != EOF && strchr("hlKJA", c) == NULL) {
            }
        } else {
            n += c != '\r';
        }
    }
    return n;
}

static void a_long_stage_leaves_room_in_a_narrow_terminal(void **state)
{
    (void)state;
    static const char *const stages[] = {"render", "3 of 20", "120 of 250", "10000 of 25000"};
    struct winsize size = {.ws_row = 10, .ws_col = 40};
    int terminal, inside, saved = dup(STDERR_FILENO);
    assert_int_equal(openpty(&terminal, &inside, NULL, NULL, &size), 0);
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        FILE *out = tmpfile();
        assert_non_null(out);
        tb_meter meter = {.mode = TB_METER_BAR, .out = out, .i_stage = -1};
        timbre_progress progress = {.struct_size = sizeof progress,
                                    .stage = stages[i],
                                    .n_stages = 1,
                                    .fraction = 0.5,
                                    .elapsed_s = 5999};
        assert_true(dup2(inside, STDERR_FILENO) >= 0);
        tb_meter_update(&meter, &progress);
        assert_true(dup2(saved, STDERR_FILENO) >= 0);
        int n_columns = count_columns(out);
        assert_in_range(n_columns, 20, 40);
        assert_int_equal(n_columns, meter.drawn_columns);
        assert_int_equal(fclose(out), 0);
    }
    close(inside);
    close(terminal);
    close(saved);
}

static void help_is_as_wide_as_the_terminal(void **state)
{
    (void)state;
    char script[512]; /* without the escape sequences of headings */
    snprintf(script, sizeof script, "'%s' help formats --color never", program_path());
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    const step none[] = {{0}};
    static const struct {
        int columns;
        size_t min, max;
    } cases[] = {{50, 40, 50}, {95, 85, 95}, {300, 90, 100}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        run_steps(argv, cases[i].columns, none);
        assert_in_range(longest_line(screen), cases[i].min, cases[i].max);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bar_is_one_line_and_goes_away),
        cmocka_unit_test(the_sketch_says_what_else_there_is),
        cmocka_unit_test(sound_is_not_poured_onto_a_terminal),
        cmocka_unit_test(a_prompt_is_asked_for_and_read),
        cmocka_unit_test(ctrl_c_at_the_prompt_ends_it),
        cmocka_unit_test(keys_steer_play_and_the_terminal_is_given_back),
        cmocka_unit_test(keys_typed_ahead_count),
        cmocka_unit_test(every_signal_gives_the_terminal_back),
        cmocka_unit_test(keys_work_after_ctrl_z_and_fg),
        cmocka_unit_test(stopped_time_does_not_count),
        cmocka_unit_test(dumb_terminals_get_lines),
        cmocka_unit_test(a_line_broken_by_a_narrower_terminal_is_wiped),
        cmocka_unit_test(a_long_stage_leaves_room_in_a_narrow_terminal),
        cmocka_unit_test(help_is_as_wide_as_the_terminal),
    };
    return cmocka_run_group_tests(tests, setup, program_teardown);
}
