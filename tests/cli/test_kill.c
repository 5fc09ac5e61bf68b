/* Killed at any moment, generate leaves whole files or none. */
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
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/program.h"
#include "timbre/audio.h"

enum { N_KILLS = 24 };

static program_home home;
static program_result result;

static int setup(void **state)
{
    (void)state;
    program_home_init(&home);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    program_result_deinit(&result);
    program_home_deinit(&home);
    return 0;
}

static void sleep_seconds(double seconds)
{
    struct timespec wait = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&wait, NULL);
}

/* Start a take named by i, send `number` after `delay_s`; the exit code, or -number. */
static int run_and_signal(int i, int number, double delay_s)
{
    char name[32];
    int status;
    snprintf(name, sizeof name, "out/k-%d.wav", i);
    const char *argv[] = {program_path(), "generate", "drums", "-l", "2",
                          "-s",           "1",        "-o",    name, NULL};
    pid_t pid = program_start(&home, argv);
    sleep_seconds(delay_s);
    kill(pid, number);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* A take that is there is whole: it opens, carries its recipe and has all frames. */
static int count_whole_takes(void)
{
    int n = 0;
    for (int i = 0; i < N_KILLS; i++) {
        char name[32];
        float frames[2 * 1024];
        int64_t total = 0, n_read = 1;
        snprintf(name, sizeof name, "out/k-%d.wav", i);
        if (access(name, F_OK) != 0)
            continue;
        timbre_audio *audio = NULL;
        assert_int_equal(timbre_audio_open(name, &audio, NULL), TIMBRE_OK);
        assert_non_null(timbre_audio_recipe(audio));
        for (; n_read > 0; total += n_read)
            assert_int_equal(timbre_audio_read(audio, frames, 1024, &n_read, NULL), TIMBRE_OK);
        assert_int_equal(total, 2 * 44100);
        timbre_audio_close(audio);
        n++;
    }
    return n;
}

static void kill_loop(int number, int first_code, int second_code)
{
    assert_int_equal(mkdir("out", 0777), 0);
    program_run(&home, &result, "generate", "drums", "-l", "2", "-s", "1", "-o", "out/whole.wav",
                "-q", NULL);
    assert_int_equal(result.exit_code, 0);
    double whole_s = result.seconds;
    for (int i = 0; i < N_KILLS; i++) {
        int code = run_and_signal(i, number, whole_s * (i + 0.5) / N_KILLS);
        if (code != 0 && code != first_code && code != second_code)
            fail_msg("exit code %d after %.3f s", code, whole_s * (i + 0.5) / N_KILLS);
    }
    int n_whole = count_whole_takes();
    assert_int_equal(program_count_files("out", ".wav"), n_whole + 1);
    assert_int_equal(program_count_files("out", ".part"), 0);
    assert_int_equal(program_count_files(".local", ".part"), 0);
    const char *argv[] = {"rm", "-r", "out", NULL};
    program_run_argv(&home, &result, argv);
}

static void terminated_at_any_moment(void **state)
{
    (void)state;
    kill_loop(SIGTERM, 143, -SIGTERM); /* -SIGTERM: before main could catch it */
}

static void killed_at_any_moment(void **state)
{
    (void)state;
    kill_loop(SIGKILL, -SIGKILL, -SIGKILL);
}

static void interrupted_is_130_and_leaves_nothing(void **state)
{
    (void)state;
    int status;
    const char *argv[] = {program_path(), "generate", "drums", "-l", "300", "-o", "i.wav", NULL};
    pid_t pid = program_start(&home, argv);
    sleep_seconds(0.5);
    kill(pid, SIGINT);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 130);
    assert_int_equal(access("i.wav", F_OK), -1);
    assert_int_equal(program_count_files(home.path, ".part"), 0);
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
        cmocka_unit_test(interrupted_is_130_and_leaves_nothing),
        cmocka_unit_test(a_reader_that_goes_away_ends_it_quietly),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
