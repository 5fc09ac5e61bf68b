/* timbre play with SDL's drivers without hardware: disk keeps the samples, dummy keeps the time. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/player.h"
#include "tests/support/program.h"
#include "timbre/audio.h"

static char disk_file[300];

static int setup(void **state)
{
    (void)program_setup(state);
    snprintf(disk_file, sizeof disk_file, "SDL_DISKAUDIOFILE=%s/dump", home.path);
    program_run(&home, &result, "generate", "drums and bass", "-l", "1", "-s", "1", "-o", "t.wav",
                "-q", NULL);
    assert_int_equal(result.exit_code, 0);
    return 0;
}

static void use_driver(const char *driver)
{
    home.env[0] = driver;
    home.env[1] = disk_file;
}

enum { FRAMES = 44100 };

static float *read_take(void)
{
    timbre_audio *audio = NULL;
    int64_t n_read = 0;
    float *samples = calloc(FRAMES * 2, sizeof *samples);
    assert_int_equal(timbre_audio_open("t.wav", &audio, NULL), TIMBRE_OK);
    assert_int_equal(timbre_audio_read(audio, samples, FRAMES, &n_read, NULL), TIMBRE_OK);
    assert_int_equal(n_read, FRAMES);
    timbre_audio_close(audio);
    return samples;
}

/* Drop the frames of silence, in place; returns how many samples are left. */
static size_t without_silence(float *samples, size_t n_samples)
{
    size_t n = 0;
    for (size_t i = 0; i + 1 < n_samples; i += 2)
        if (samples[i] != 0 || samples[i + 1] != 0) {
            samples[n++] = samples[i];
            samples[n++] = samples[i + 1];
        }
    return n;
}

/*
 * What the device got is `expected` (changed here) to the bit. SDL feeds silence before the player
 * starts and while a loaded machine keeps it waiting, so silence is left out on both sides.
 */
static void assert_was_played(float *expected, size_t n_samples)
{
    size_t length;
    char *dump = program_read_file("dump", &length);
    float *played = (float *)(void *)dump;
    size_t n_played = without_silence(played, length / sizeof *played);
    size_t n_expected = without_silence(expected, n_samples);
    assert_true(n_expected > n_samples / 2);
    assert_int_equal(n_played, n_expected);
    assert_memory_equal(played, expected, n_expected * sizeof *played);
    free(dump);
}

static void what_is_played_is_what_is_in_the_file(void **state)
{
    (void)state;
    if (!tb_player_is_built_in())
        skip();
    use_driver("SDL_AUDIODRIVER=disk");
    program_run(&home, &result, "play", "t.wav", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_string_equal(result.err, ""); /* SDL's own warning about the driver is kept away */
    assert_int_equal(result.out_length, 0);
    float *samples = read_take();
    assert_was_played(samples, FRAMES * 2);
    free(samples);
}

static void volume_and_start_are_kept(void **state)
{
    (void)state;
    if (!tb_player_is_built_in())
        skip();
    use_driver("SDL_AUDIODRIVER=disk");
    program_run(&home, &result, "play", "t.wav", "--start", "0.5", "--volume", "50", NULL);
    assert_int_equal(result.exit_code, 0);
    float *samples = read_take();
    for (size_t i = 0; i < FRAMES * 2; i++)
        samples[i] *= 0.5f;
    assert_was_played(samples + FRAMES, FRAMES); /* the second half, at half the height */
    free(samples);
}

static void playing_takes_as_long_as_the_sound(void **state)
{
    (void)state;
    if (!tb_player_is_built_in())
        skip();
    use_driver("SDL_AUDIODRIVER=dummy");
    program_run(&home, &result, "play", "t.wav", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_true(result.seconds > 0.9 && result.seconds < 30);
}

static void no_sound_card_is_one_clear_message(void **state)
{
    (void)state;
    use_driver("SDL_AUDIODRIVER=no-such-driver");
    program_run(&home, &result, "play", "t.wav", NULL);
    assert_int_equal(result.exit_code, 6);
    assert_non_null(strstr(result.err, "timbre: no sound output"));
    assert_non_null(strstr(result.err, "\n  fix: "));
    assert_non_null(strstr(result.err, "the file is whole"));
    int lines = 0;
    for (const char *c = result.err; *c != '\0'; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 2);
}

static void a_take_stays_when_it_cannot_be_played(void **state)
{
    (void)state;
    use_driver("SDL_AUDIODRIVER=no-such-driver");
    program_run(&home, &result, "generate", "x", "-l", "1", "-o", "p.wav", "--play", "-q", NULL);
    assert_int_equal(result.exit_code, 6);
    assert_int_equal(access("p.wav", R_OK), 0);
    assert_non_null(strstr(result.out, "p.wav\n"));
}

static void wrong_files_are_named(void **state)
{
    (void)state;
    use_driver("SDL_AUDIODRIVER=dummy");
    program_run(&home, &result, "play", "absent.wav", NULL);
    assert_int_equal(result.exit_code, 1);
    program_run(&home, &result, "play", NULL);
    assert_int_equal(result.exit_code, 2);
    program_run(&home, &result, "play", "t.wav", "--start", "60", NULL);
    assert_int_equal(result.exit_code, 2);
    assert_non_null(strstr(result.err, "behind the end at 1.00 s"));
}

static void ctrl_c_ends_a_loop(void **state)
{
    (void)state;
    if (!tb_player_is_built_in())
        skip();
    use_driver("SDL_AUDIODRIVER=dummy");
    const char *argv[] = {program_path(), "play", "t.wav", "--loop", NULL};
    pid_t pid = program_start(&home, argv, NULL);
    int status;
    bool is_signalled;
    program_sleep(1.5);                                  /* longer than the take */
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0); /* still playing */
    kill(pid, SIGINT);
    assert_int_equal(program_wait(pid, &is_signalled), 130);
    assert_false(is_signalled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_is_played_is_what_is_in_the_file, program_clean),
        cmocka_unit_test_teardown(volume_and_start_are_kept, program_clean),
        cmocka_unit_test_teardown(playing_takes_as_long_as_the_sound, program_clean),
        cmocka_unit_test_teardown(no_sound_card_is_one_clear_message, program_clean),
        cmocka_unit_test_teardown(a_take_stays_when_it_cannot_be_played, program_clean),
        cmocka_unit_test_teardown(wrong_files_are_named, program_clean),
        cmocka_unit_test_teardown(ctrl_c_ends_a_loop, program_clean),
    };
    return cmocka_run_group_tests(tests, setup, program_teardown);
}
