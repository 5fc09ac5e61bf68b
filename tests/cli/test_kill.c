/* Ended at any moment, by any signal, generate leaves whole files or none. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/signals.h"
#include "tests/support/program.h"
#include "timbre/audio.h"

enum { SECONDS = 60 }; /* long takes are saved slowly enough to be hit */

/* The moments: how long after which event. The last one finds a take that is there. */
static const struct {
    const char *event;
    double delay_s;
} moments[] = {
    {"\"stage\":\"load\"", 0},     {"\"stage\":\"arrange\"", 0}, {"\"stage\":\"render\"", 0.1},
    {"\"stage\":\"master\"", 0.1}, {"\"stage\":\"save\"", 0},    {"\"stage\":\"save\"", 0.008},
    {"\"stage\":\"save\"", 0.016}, {"\"stage\":\"save\"", 0.03}, {"\"stage\":\"save\"", 0.05},
    {"\"event\":\"done\"", 0},
};

enum { N_MOMENTS = sizeof moments / sizeof moments[0], IN_SAVE = 5 };

/* Start a long take named `name` and send `number` at a moment, `times` times; the exit code. */
static int run_and_signal(const char *name, int number, size_t moment, int times)
{
    const char *argv[] = {program_path(), "generate", "slow solo flute", "-l", "60", "-s", "1",
                          "-o",           name,       "--events",        NULL};
    int events;
    pid_t pid = program_start(&home, argv, &events);
    assert_true(program_read_until(events, moments[moment].event));
    program_sleep(moments[moment].delay_s);
    for (int i = 0; i < times; i++) {
        kill(pid, number);
        program_sleep(i + 1 < times ? 0.002 : 0); /* two at once would arrive as one */
    }
    int code = program_wait(pid, NULL);
    close(events);
    return code;
}

/* A take that is there is whole: it opens, carries its recipe and has all frames. */
static void assert_is_whole(const char *name)
{
    static float frames[2 * 4096];
    int64_t total = 0, n_read = 1;
    timbre_audio *audio = NULL;
    assert_int_equal(timbre_audio_open(name, &audio, NULL), TIMBRE_OK);
    assert_non_null(timbre_audio_recipe(audio));
    for (; n_read > 0; total += n_read)
        assert_int_equal(timbre_audio_read(audio, frames, 4096, &n_read, NULL), TIMBRE_OK);
    assert_int_equal(total, SECONDS * 44100);
    timbre_audio_close(audio);
}

/* Parts may stay behind SIGKILL only where a file cannot be written without a name. */
static void assert_no_parts(int number)
{
#ifndef __linux__
    if (number == SIGKILL)
        return;
#endif
    (void)number;
    assert_int_equal(program_count_files(home.path, ".part"), 0);
}

static void kill_loop(int number)
{
    int n_whole = 0;
    assert_int_equal(mkdir("out", 0777), 0);
    for (size_t i = 0; i < N_MOMENTS; i++) {
        char name[32], sidecar[48];
        snprintf(name, sizeof name, "out/k-%zu.wav", i);
        snprintf(sidecar, sizeof sidecar, "%s.json", name);
        int code = run_and_signal(name, number, i, 1);
        bool is_there = access(name, F_OK) == 0;
        if (code != 0 && code != 128 + number)
            fail_msg("exit code %d at moment %zu", code, i);
        if (code == 0 && !is_there)
            fail_msg("success without a take at moment %zu", i);
        if (is_there)
            assert_is_whole(name);
        if (number != SIGKILL) /* with it the sidecar, too, is there or not */
            assert_int_equal(access(sidecar, F_OK) == 0, is_there);
        n_whole += is_there;
        assert_no_parts(number);
    }
    assert_int_equal(program_count_files("out", ".wav"), n_whole);
    assert_in_range(n_whole, 1, N_MOMENTS - 1); /* both were hit: before and behind the save */
    const char *argv[] = {"rm", "-r", "out", NULL};
    program_run_argv(&home, &result, argv);
}

static void terminated_at_any_moment(void **state)
{
    (void)state;
    kill_loop(SIGTERM);
}

static void killed_at_any_moment(void **state)
{
    (void)state;
    kill_loop(SIGKILL);
}

static void signals_have_their_exit_codes_and_leave_nothing(void **state)
{
    (void)state;
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        const char *argv[] = {program_path(), "generate", "drums",    "-l", "300",
                              "-o",           "i.wav",    "--events", NULL};
        int events;
        bool is_signalled;
        pid_t pid = program_start(&home, argv, &events);
        assert_true(program_read_until(events, "\"event\""));
        kill(pid, signals[i]);
        assert_int_equal(program_wait(pid, &is_signalled), 128 + signals[i]);
        close(events);
        assert_false(is_signalled);
        assert_int_equal(access("i.wav", F_OK), -1);
        assert_int_equal(program_count_files(home.path, ".part"), 0);
    }
}

static void nohup_is_respected(void **state)
{
    (void)state;
    char script[512];
    snprintf(
        script, sizeof script,
        "trap '' HUP; '%s' generate flute -l 60 -o n.wav -q & sleep 0.2; kill -HUP $!; wait $!",
        program_path());
    const char *argv[] = {"sh", "-c", script, NULL};
    program_run_argv(&home, &result, argv);
    assert_int_equal(result.exit_code, 0);
    assert_is_whole("n.wav");
}

/* How a process ends that gets SIGTERM twice. */
static int end_of_two_signals(bool is_held)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        tb_signals_catch();
        tb_signals_hold(is_held);
        (void)raise(SIGTERM);
        (void)raise(SIGTERM);
        _exit(tb_signals_caught() == SIGTERM ? 1 : 2);
    }
    return program_wait(pid, NULL);
}

static void a_second_signal_ends_it_but_for_files_being_written(void **state)
{
    (void)state;
    assert_int_equal(end_of_two_signals(false), 128 + SIGTERM);
    assert_int_equal(end_of_two_signals(true), 1);
    int code = run_and_signal("twice.wav", SIGTERM, IN_SAVE, 2);
    assert_true(code == 0 || code == 128 + SIGTERM);
    assert_int_equal(access("twice.wav", F_OK) == 0, code == 0);
    assert_no_parts(SIGTERM);
}

/* Nobody reads: the pipe is full, and the program waits for room. */
static void a_slow_reader_does_not_keep_it(void **state)
{
    (void)state;
    const char *argv[] = {
        program_path(), "generate", "slow solo flute", "-l", "2", "-o", "-", "-q", NULL,
        NULL,           NULL};
    static const int signals[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < 2; i++) {
        char byte;
        int sound;
        bool is_signalled;
        pid_t pid = program_start(&home, argv, &sound);
        assert_int_equal(read(sound, &byte, 1), 1);
        program_sleep(0.1);
        kill(pid, signals[i]);
        alarm(20); /* a program that does not end ends the test */
        assert_int_equal(program_wait(pid, &is_signalled), 128 + signals[i]);
        alarm(0);
        assert_false(is_signalled);
        close(sound);
    }
    argv[8] = "--timeout";
    argv[9] = "1";
    int sound;
    pid_t pid = program_start(&home, argv, &sound);
    alarm(20);
    assert_int_equal(program_wait(pid, NULL), 7);
    alarm(0);
    close(sound);
}

static void a_reader_that_goes_away_ends_it_quietly(void **state)
{
    (void)state;
    char script[512];
    snprintf(script, sizeof script,
             "set -o pipefail; '%s' generate x -l 2 -q -o - | head -c 100 >/dev/null; exit "
             "${PIPESTATUS[0]}",
             program_path());
    const char *argv[] = {"bash", "-c", script, NULL};
    program_run_argv(&home, &result, argv);
    assert_int_equal(result.exit_code, 128 + SIGPIPE);
    assert_string_equal(result.err, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terminated_at_any_moment),
        cmocka_unit_test(killed_at_any_moment),
        cmocka_unit_test(signals_have_their_exit_codes_and_leave_nothing),
        cmocka_unit_test(nohup_is_respected),
        cmocka_unit_test(a_second_signal_ends_it_but_for_files_being_written),
        cmocka_unit_test(a_slow_reader_does_not_keep_it),
        cmocka_unit_test(a_reader_that_goes_away_ends_it_quietly),
    };
    return cmocka_run_group_tests(tests, program_setup, program_teardown);
}
