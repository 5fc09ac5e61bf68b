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

#include "cli/keys.h"
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

/* Run in a terminal of 80 columns; when `prompt` has come to the screen type `keys`, or where they
 * are NULL send the signal `number` (0: none). */
static void run_and_act(const char *const argv[], const char *prompt, const char *keys, int number)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    int terminal;
    size_t length = 0;
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
        if (prompt == NULL || strstr(screen, prompt) == NULL)
            continue;
        prompt = NULL; /* once */
        if (keys != NULL)
            assert_true(write(terminal, keys, strlen(keys)) > 0);
        else if (number != 0)
            assert_int_equal(kill(pid, number), 0);
    }
    int status;
    (void)tcgetattr(terminal, &settings);
    has_echo = (settings.c_lflag & (ECHO | ICANON)) == (ECHO | ICANON);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    alarm(0);
    close(terminal);
    exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void run_in_terminal(const char *const argv[], const char *prompt, const char *keys)
{
    run_and_act(argv, prompt, keys, 0);
}

static void the_bar_is_one_line_and_goes_away(void **state)
{
    (void)state;
    const char *argv[] = {program_path(), "generate", "piano", "-l", "3", "-o", "bar.wav", NULL};
    run_in_terminal(argv, "", NULL);
    assert_int_equal(exit_code, 0);
    assert_non_null(strstr(screen, "\rrender "));
    assert_null(strstr(screen, "timbre: render")); /* no lines beside the bar */
    const char *wiped = strstr(screen, "\r\033[Ktimbre: ");
    assert_non_null(wiped);
    assert_null(memchr(screen, '\n', (size_t)(wiped - screen)));
    assert_non_null(strstr(wiped, "bar.wav\r\n"));
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

static void keys_come_out_whole(void **state)
{
    (void)state;
    static const struct {
        const char *reads[3]; /* what the terminal sends */
        const char *keys;     /* what comes out, each with a comma */
    } cases[] = {
        {{" q"}, " ,q,"},
        {{"\033[C\033[1;2Dq"}, "\033[C,\033[1;2D,q,"},
        {{"\033", "[", "Cq"}, "\033[C,q,"},
        {{"\033", "q"}, "\033,q,"},
        {{"\033OC\033\033[D"}, "\033OC,\033,\033[D,"},
        {{"\033[\033[C"}, "\033[,\033[C,"}, /* cut short */
        {{"\033[11111111111111111111q"}, "\033[1111111111111,1,1,1,1,1,1,1,q,"},
        {{"\033"}, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tb_keys keys = {0};
        char key[TB_KEY_MAX_BYTES], all[128] = "";
        for (size_t k = 0; k < 3 && cases[i].reads[k] != NULL; k++) {
            tb_keys_push(&keys, cases[i].reads[k], strlen(cases[i].reads[k]));
            for (size_t n; tb_keys_next(&keys, key);) {
                n = strlen(all);
                snprintf(all + n, sizeof all - n, "%s,", key);
            }
        }
        assert_string_equal(all, cases[i].keys);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bar_is_one_line_and_goes_away),
        cmocka_unit_test(sound_is_not_poured_onto_a_terminal),
        cmocka_unit_test(a_prompt_is_asked_for_and_read),
        cmocka_unit_test(ctrl_c_at_the_prompt_ends_it),
        cmocka_unit_test(keys_steer_play_and_the_terminal_is_given_back),
        cmocka_unit_test(keys_typed_ahead_count),
        cmocka_unit_test(keys_come_out_whole),
        cmocka_unit_test(every_signal_gives_the_terminal_back),
    };
    return cmocka_run_group_tests(tests, setup, program_teardown);
}
