/* The studio's player with SDL's drivers without hardware: disk keeps the samples, dummy the time.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/player.h"
#include "cli/tui/sound.h"
#include "engine/base/clock.h"
#include "tests/support/tone.h"
#include "timbre/audio.h"

enum { RATE_HZ = 44100, LONG_FRAMES = RATE_HZ, SHORT_FRAMES = RATE_HZ / 4, PATIENCE_S = 20 };

static char folder[] = "/tmp/timbre-sound-XXXXXX";
static char dump[64], long_file[64], short_file[64];

static int setup_folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(dump, sizeof dump, "%s/dump", folder);
    (void)snprintf(long_file, sizeof long_file, "%s/long.wav", folder);
    (void)snprintf(short_file, sizeof short_file, "%s/short.wav", folder);
    tone_write(long_file, RATE_HZ, 2, LONG_FRAMES);
    tone_write(short_file, RATE_HZ, 2, SHORT_FRAMES);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(dump);
    (void)unlink(long_file);
    (void)unlink(short_file);
    (void)rmdir(folder);
    return 0;
}

static tb_sound *open_sound(const char *driver)
{
    tb_sound *sound = NULL;
    (void)setenv("SDL_AUDIODRIVER", driver, 1);
    (void)setenv("SDL_DISKAUDIOFILE", dump, 1);
    (void)unlink(dump);
    assert_int_equal(tb_sound_new(-1, NULL, NULL, &sound, NULL), TIMBRE_OK);
    return sound;
}

static tb_sound_state state_of(tb_sound *sound)
{
    tb_sound_state state;
    tb_sound_get_state(sound, &state);
    return state;
}

static void sleep_s(double seconds)
{
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    (void)nanosleep(&t, NULL);
}

/* Until it is at this time, or has ended. */
static void wait_for(tb_sound *sound, double position_s)
{
    double until_s = tb_clock_seconds() + PATIENCE_S;
    for (;;) {
        tb_sound_state now = state_of(sound);
        if (now.has_ended || (now.length_s > 0 && now.position_s >= position_s))
            return;
        assert_true(tb_clock_seconds() < until_s);
        sleep_s(0.005);
    }
}

static void wait_for_end(tb_sound *sound)
{
    wait_for(sound, 1e9);
    assert_false(state_of(sound).is_playing);
}

/* Frames of the file, without those of silence, which the device adds when it is kept waiting. */
typedef struct {
    float *samples; /* owned, stereo */
    size_t n;
} frames;

static frames squeezed(float *samples, size_t n_frames)
{
    size_t n = 0;
    for (size_t i = 0; i < n_frames; i++)
        if (samples[2 * i] != 0 || samples[2 * i + 1] != 0) {
            samples[2 * n] = samples[2 * i];
            samples[2 * n + 1] = samples[2 * i + 1];
            n++;
        }
    return (frames){samples, n};
}

static frames read_frames(const char *path, int64_t from, int64_t n)
{
    timbre_audio *audio = NULL;
    int64_t n_read = 0;
    float *samples = calloc((size_t)n * 2, sizeof *samples);
    assert_int_equal(timbre_audio_open(path, &audio, NULL), TIMBRE_OK);
    assert_int_equal(timbre_audio_seek(audio, from, NULL), TIMBRE_OK);
    assert_int_equal(timbre_audio_read(audio, samples, n, &n_read, NULL), TIMBRE_OK);
    timbre_audio_close(audio);
    return squeezed(samples, (size_t)n_read);
}

static frames read_dump(void)
{
    FILE *file = fopen(dump, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long bytes = ftell(file);
    rewind(file);
    float *samples = malloc((size_t)bytes + 1);
    assert_int_equal(fread(samples, 1, (size_t)bytes, file), bytes);
    (void)fclose(file);
    return squeezed(samples, (size_t)bytes / (2 * sizeof *samples));
}

static void whole_sounds_are_played_to_the_bit(void **state)
{
    (void)state;
    if (!tb_player_is_built_in())
        skip();
    tb_sound *sound = open_sound("disk");
    tb_sound_play(sound, long_file, false, 7, 0);
    wait_for_end(sound);
    tb_sound_state end = state_of(sound);
    assert_int_equal(end.tag, 7);
    assert_true(end.has_ended);
    assert_true(fabs(end.position_s - 1) < 1e-6 && fabs(end.length_s - 1) < 1e-6);
    tb_sound_free(sound);
    frames expected = read_frames(long_file, 0, LONG_FRAMES), played = read_dump();
    assert_int_equal(played.n, expected.n);
    assert_memory_equal(played.samples, expected.samples, played.n * 2 * sizeof(float));
    free(expected.samples);
    free(played.samples);
}

static void loops_have_no_seam(void **state)
{
    (void)state;
    if (!tb_player_is_built_in())
        skip();
    tb_sound *sound = open_sound("disk");
    tb_sound_set_loop(sound, true);
    double began_s = tb_clock_seconds();
    tb_sound_play(sound, short_file, false, 1, 0);
    while (tb_clock_seconds() - began_s < 0.9) {
        tb_sound_state now = state_of(sound);
        assert_true(now.position_s >= 0 && now.position_s <= 0.2501);
        sleep_s(0.01);
    }
    assert_true(state_of(sound).is_playing);
    tb_sound_free(sound);
    frames once = read_frames(short_file, 0, SHORT_FRAMES), played = read_dump();
    assert_true(played.n > 2 * once.n);
    size_t n_compared = played.n - RATE_HZ / 10; /* the end is faded */
    for (size_t i = 0; i < n_compared; i++)
        assert_memory_equal(played.samples + 2 * i, once.samples + 2 * (i % once.n),
                            2 * sizeof(float));
    free(once.samples);
    free(played.samples);
}

static void a_loop_that_is_turned_off_ends_at_the_end(void **state)
{
    (void)state;
    if (!tb_player_is_built_in())
        skip();
    tb_sound *sound = open_sound("dummy");
    tb_sound_set_loop(sound, true);
    tb_sound_play(sound, short_file, false, 1, 0);
    sleep_s(0.6);
    tb_sound_set_loop(sound, false);
    sleep_s(0.05);
    assert_true(state_of(sound).position_s <= 0.2501);
    wait_for_end(sound);
    tb_sound_free(sound);
}

/* As a person does: before the sound is there. */
static void wishes_hold_while_it_loads(void **state)
{
    (void)state;
    if (!tb_player_is_built_in())
        skip();
    tb_sound *sound = open_sound("disk");
    tb_sound_play(sound, long_file, false, 1, 0);
    tb_sound_seek(sound, 0.75);
    wait_for(sound, 0.76);
    tb_sound_state now = state_of(sound);
    assert_true(now.is_playing || now.has_ended);
    wait_for_end(sound);
    tb_sound_free(sound);
    frames expected = read_frames(long_file, LONG_FRAMES * 3 / 4, LONG_FRAMES / 4);
    frames played = read_dump();
    assert_true(played.n >= expected.n);
    assert_memory_equal(played.samples + 2 * (played.n - expected.n), expected.samples,
                        expected.n * 2 * sizeof(float));
    free(expected.samples);
    free(played.samples);

    sound = open_sound("dummy");
    tb_sound_play(sound, long_file, false, 1, 0.5);
    tb_sound_pause(sound, true);
    sleep_s(0.3);
    now = state_of(sound);
    assert_false(now.is_playing);
    assert_true(fabs(now.position_s - 0.5) < 1e-6);
    tb_sound_play(sound, long_file, false, 2, 0);
    tb_sound_stop(sound);
    sleep_s(0.3);
    now = state_of(sound);
    assert_int_equal(now.tag, 0);
    assert_false(now.is_playing);
    tb_sound_free(sound);
}

static void pause_stops_the_clock_and_loses_nothing(void **state)
{
    (void)state;
    if (!tb_player_is_built_in())
        skip();
    tb_sound *sound = open_sound("dummy");
    tb_sound_play(sound, long_file, false, 1, 0);
    wait_for(sound, 0.3);
    tb_sound_pause(sound, true);
    sleep_s(0.15);
    double stopped_s = state_of(sound).position_s;
    sleep_s(0.2);
    assert_true(state_of(sound).position_s == stopped_s);
    tb_sound_seek(sound, 0.2); /* does not make it play */
    sleep_s(0.1);
    assert_false(state_of(sound).is_playing);
    assert_true(fabs(state_of(sound).position_s - 0.2) < 1e-6);
    tb_sound_pause(sound, false);
    wait_for_end(sound);
    tb_sound_pause(sound, false); /* once more */
    sleep_s(0.1);
    assert_true(state_of(sound).is_playing && state_of(sound).position_s < 0.5);
    tb_sound_free(sound);
}

static void volume_holds_from_the_first_frame(void **state)
{
    (void)state;
    if (!tb_player_is_built_in())
        skip();
    tb_sound *sound = open_sound("disk");
    tb_sound_set_volume(sound, 50, false);
    tb_sound_play(sound, short_file, false, 1, 0);
    wait_for_end(sound);
    tb_sound_free(sound);
    frames expected = read_frames(short_file, 0, SHORT_FRAMES), played = read_dump();
    assert_int_equal(played.n, expected.n);
    for (size_t i = 0; i < 2 * played.n; i++)
        assert_true(played.samples[i] == expected.samples[i] * 0.5f);
    free(expected.samples);
    free(played.samples);
}

/* Counts on; its caller sees how far it went. */
typedef struct {
    int next, n; /* none behind n */
} counter;

static int64_t count_on(float *out, int64_t n, void *user)
{
    counter *c = user;
    int64_t i = 0;
    for (; i < n && c->next < c->n; i++, c->next++)
        out[2 * i] = out[2 * i + 1] = (float)(c->next + 1) / (1 << 20);
    return i;
}

static void a_source_is_heard_to_the_bit_until_it_is_dropped(void **state)
{
    (void)state;
    if (!tb_player_is_built_in())
        skip();
    enum { N = RATE_HZ / 2 };
    counter c = {.n = N};
    tb_sound *sound = open_sound("disk");
    tb_sound_play_source(sound, count_on, &c, 5);
    double until_s = tb_clock_seconds() + PATIENCE_S;
    while (c.next < N && tb_clock_seconds() < until_s)
        sleep_s(0.01);
    sleep_s(0.3);
    assert_true(state_of(sound).is_playing); /* there may be more later */
    assert_int_equal(state_of(sound).tag, 5);
    tb_sound_drop_source(sound);
    c.n = 2 * N;
    sleep_s(0.1);
    assert_int_equal(c.next, N);
    tb_sound_play(sound, short_file, false, 6, 0); /* a file after it */
    wait_for_end(sound);
    assert_int_equal(state_of(sound).tag, 6);
    tb_sound_free(sound);
    frames played = read_dump();
    assert_true(played.n > N);
    for (size_t i = 0; i < N; i++)
        assert_true(played.samples[2 * i] == (float)(i + 1) / (1 << 20));
    free(played.samples);
}

static void a_source_is_paused_without_a_loss(void **state)
{
    (void)state;
    if (!tb_player_is_built_in())
        skip();
    counter c = {.n = 100 * RATE_HZ};
    tb_sound *sound = open_sound("dummy");
    tb_sound_play_source(sound, count_on, &c, 1);
    sleep_s(0.3);
    tb_sound_pause(sound, true);
    sleep_s(0.3);
    int before = c.next;
    sleep_s(0.3);
    assert_true(before > 0 && c.next == before);
    tb_sound_seek(sound, 0.1); /* there is no place to seek to */
    tb_sound_pause(sound, false);
    sleep_s(0.3);
    assert_true(c.next > before);
    tb_sound_free(sound);
}

static void without_a_device_it_says_so_and_lives(void **state)
{
    (void)state;
    if (!tb_player_is_built_in())
        skip();
    tb_sound *sound = open_sound("nonsense");
    for (int i = 1; i <= 2; i++) {
        double until_s = tb_clock_seconds() + PATIENCE_S;
        tb_sound_play(sound, short_file, false, i, 0);
        while (state_of(sound).failure == TIMBRE_OK && tb_clock_seconds() < until_s)
            sleep_s(0.01);
        assert_int_equal(state_of(sound).failure, TIMBRE_NO_AUDIO_OUTPUT);
        assert_non_null(strstr(state_of(sound).message, "no sound output"));
        assert_false(state_of(sound).is_playing);
    }
    (void)setenv("SDL_AUDIODRIVER", "dummy", 1); /* it was plugged in */
    tb_sound_play(sound, short_file, false, 3, 0);
    wait_for_end(sound);
    tb_sound_free(sound);
}

static void files_that_cannot_be_played_are_told(void **state)
{
    (void)state;
    if (!tb_player_is_built_in())
        skip();
    tb_sound *sound = open_sound("dummy");
    double until_s = tb_clock_seconds() + PATIENCE_S;
    tb_sound_play(sound, "/nonexistent.wav", false, 1, 0);
    while (state_of(sound).failure == TIMBRE_OK && tb_clock_seconds() < until_s)
        sleep_s(0.01);
    assert_int_equal(state_of(sound).failure, TIMBRE_NOT_FOUND);
    tb_sound_play(sound, short_file, false, 2, 0);
    wait_for_end(sound);
    assert_int_equal(state_of(sound).failure, TIMBRE_OK);
    tb_sound_free(sound);
}

static void closing_does_not_wait_for_the_end(void **state)
{
    (void)state;
    if (!tb_player_is_built_in())
        skip();
    tb_sound *sound = open_sound("dummy");
    tb_sound_set_loop(sound, true);
    tb_sound_play(sound, long_file, false, 1, 0);
    wait_for(sound, 0.1);
    double began_s = tb_clock_seconds();
    tb_sound_free(sound);
    assert_true(tb_clock_seconds() - began_s < 5);
    tb_sound_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_sounds_are_played_to_the_bit),
        cmocka_unit_test(loops_have_no_seam),
        cmocka_unit_test(a_loop_that_is_turned_off_ends_at_the_end),
        cmocka_unit_test(wishes_hold_while_it_loads),
        cmocka_unit_test(pause_stops_the_clock_and_loses_nothing),
        cmocka_unit_test(volume_holds_from_the_first_frame),
        cmocka_unit_test(a_source_is_heard_to_the_bit_until_it_is_dropped),
        cmocka_unit_test(a_source_is_paused_without_a_loss),
        cmocka_unit_test(without_a_device_it_says_so_and_lives),
        cmocka_unit_test(files_that_cannot_be_played_are_told),
        cmocka_unit_test(closing_does_not_wait_for_the_end),
    };
    return cmocka_run_group_tests(tests, setup_folder, remove_folder);
}
