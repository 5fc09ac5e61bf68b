/* Random pieces of a sound: those that riffusion-hobby draws, with its names and its samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/random.h"
#include "tests/support/folder.h"
#include "timbre/audio.h"
#include "timbre/spectrogram.h"

static int empty_folder(void **state)
{
    (void)state;
    return system("rm -rf -- out x");
}

static int16_t noise16(int64_t i)
{
    return (int16_t)(tb_random_at(3, (uint64_t)i) >> 48);
}

/* "x" with n frames of noise of 16 bits. */
static void write_noise(int rate_hz, int n_channels, int64_t n)
{
    SF_INFO info = {
        .samplerate = rate_hz, .channels = n_channels, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
    SNDFILE *sf = sf_open("x", SFM_WRITE, &info);
    assert_non_null(sf);
    int16_t *pcm = malloc(sizeof *pcm * (size_t)(n * n_channels));
    assert_non_null(pcm);
    for (int64_t i = 0; i < n * n_channels; i++)
        pcm[i] = noise16(i);
    assert_int_equal(sf_writef_short(sf, pcm, n), n);
    free(pcm);
    sf_close(sf);
}

/* A whole file as 16-bit samples; owned. */
static int16_t *read_clip(const char *path, SF_INFO *info)
{
    *info = (SF_INFO){0};
    SNDFILE *sf = sf_open(path, SFM_READ, info);
    if (sf == NULL)
        fail_msg("no '%s'", path);
    int16_t *pcm = malloc(sizeof *pcm * (size_t)(info->frames * info->channels));
    assert_non_null(pcm);
    assert_int_equal(sf_readf_short(sf, pcm, info->frames), info->frames);
    sf_close(sf);
    return pcm;
}

static int count_files(const char *path)
{
    DIR *dir = opendir(path);
    int n = 0;
    for (const struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    if (dir != NULL)
        closedir(dir);
    return n;
}

static timbre_clips_options base_options(void)
{
    return (timbre_clips_options){.struct_size = sizeof(timbre_clips_options),
                                  .output_dir = "out",
                                  .n_clips = 3,
                                  .duration_ms = 500,
                                  .extension = "wav",
                                  .seed = 42};
}

static void sample(const timbre_clips_options *options)
{
    timbre_error err = {0};
    if (timbre_sample_clips("x", options, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
}

static tb_status sample_fails(const timbre_clips_options *options, const char *says)
{
    timbre_error err = {0};
    tb_status st = timbre_sample_clips("x", options, &err);
    if (strstr(err.message, says) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, says);
    return st;
}

/* Starts and lengths of the three clips in riffusion-hobby's own test data, drawn with seed 42. */
static void clips_are_those_of_riffusion(void **state)
{
    (void)state;
    static const struct {
        int start_ms;
        int64_t from, n_frames;
    } want[] = {{15795, 696559, 250400}, {860, 37926, 250399}, {103694, 4572905, 250400}};
    write_noise(44100, 1, 5367721); /* 121.717 s: 116,039 places for 5,678 ms */
    for (int f = 0; f < 2; f++) {
        timbre_clips_options options = base_options();
        options.duration_ms = 5678;
        options.extension = timbre_audio_formats()[f];
        sample(&options);
        for (int i = 0; i < 3; i++) {
            char name[128];
            snprintf(name, sizeof name, "out/clip_%d_start_%d_ms_duration_5678_ms.%s", i,
                     want[i].start_ms, options.extension);
            SF_INFO info;
            int16_t *pcm = read_clip(name, &info);
            assert_int_equal(info.frames, want[i].n_frames);
            assert_int_equal(info.samplerate, 44100);
            for (int64_t k = 0; k < info.frames; k++)
                assert_int_equal(pcm[k], noise16(want[i].from + k));
            free(pcm);
        }
    }
    assert_int_equal(count_files("out"), 6);
}

static void note_path(const char *path, void *user)
{
    char(*paths)[128] = user;
    int n = 0;
    while (paths[n][0] != '\0')
        n++;
    snprintf(paths[n], sizeof paths[n], "%s", path);
}

static void a_batch_names_clips_by_their_file(void **state)
{
    (void)state;
    write_noise(8000, 2, 8 * 1100);
    char paths[4][128] = {{0}};
    timbre_clips_options options = base_options();
    options.stem = "tired traveler";
    options.written = note_path;
    options.written_user = paths;
    sample(&options);
    for (int i = 0; i < 3; i++) {
        int index, start_ms, end = 0;
        assert_int_equal(sscanf(paths[i], "out/tired traveler_%d_start_%d_ms_dur_500_ms.wav%n",
                                &index, &start_ms, &end),
                         2);
        assert_true(paths[i][end] == '\0' && index == i && start_ms >= 0 && start_ms < 600);
        SF_INFO info;
        free(read_clip(paths[i], &info));
        assert_true(info.frames == 4000 && info.channels == 2);
    }
    assert_true(paths[3][0] == '\0');
}

static void mono_is_pydubs_mix(void **state)
{
    (void)state;
    write_noise(1000, 2, 500);
    timbre_clips_options options = base_options();
    options.n_clips = 1;
    options.mono = 1;
    sample(&options);
    SF_INFO info;
    int16_t *pcm = read_clip("out/clip_0_start_0_ms_duration_500_ms.wav", &info);
    assert_true(info.frames == 500 && info.channels == 1);
    for (int i = 0; i < 500; i++)
        assert_int_equal(pcm[i], (int)floor((noise16(2 * i) + noise16(2 * i + 1)) / 2.0));
    free(pcm);
}

static void the_seed_decides(void **state)
{
    (void)state;
    write_noise(1000, 1, 60000);
    static const int64_t seeds[] = {1, 1, 2, 4294967295LL, -1, -1};
    char paths[6][2][128] = {{{0}}};
    for (int k = 0; k < 6; k++) {
        timbre_clips_options options = base_options();
        options.seed = seeds[k];
        options.n_clips = 1;
        options.replace = 1;
        options.written = note_path;
        options.written_user = paths[k];
        sample(&options);
    }
    assert_string_equal(paths[0][0], paths[1][0]);
    assert_string_not_equal(paths[0][0], paths[2][0]);
    assert_string_not_equal(paths[4][0], paths[5][0]); /* one in 59,500 that it fails by chance */
}

/* Float sound over full scale is held at it, not wrapped around. */
static void loud_floats_saturate(void **state)
{
    (void)state;
    SF_INFO info = {.samplerate = 1000, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
    SNDFILE *sf = sf_open("x", SFM_WRITE, &info);
    for (int i = 0; i < 500; i++)
        assert_int_equal(sf_write_float(sf, &(float){i % 2 ? 3 : -3}, 1), 1);
    sf_close(sf);
    timbre_clips_options options = base_options();
    options.n_clips = 1;
    sample(&options);
    int16_t *pcm = read_clip("out/clip_0_start_0_ms_duration_500_ms.wav", &info);
    for (int i = 0; i < 500; i++)
        assert_int_equal(pcm[i], i % 2 ? 32767 : -32768);
    free(pcm);
}

static void what_cannot_be_is_refused_before_anything_is_made(void **state)
{
    (void)state;
    write_noise(44100, 6, 44100);
    static const struct {
        int n_clips, duration_ms;
        int64_t seed;
        const char *extension;
        tb_status status;
        const char *says;
    } rows[] = {
        {0, 500, 1, "wav", TIMBRE_BAD_INPUT, "number of clips 0"},
        {100001, 500, 1, "wav", TIMBRE_BAD_INPUT, "100000"},
        {1, 0, 1, "wav", TIMBRE_BAD_INPUT, "0 ms"},
        {1, 1001, 1, "wav", TIMBRE_BAD_INPUT, "1000 ms is shorter than a clip of 1001 ms"},
        {1, 500, -2, "wav", TIMBRE_BAD_INPUT, "seed -2"},
        {1, 500, 4294967296LL, "wav", TIMBRE_BAD_INPUT, "4294967295"},
        {1, 500, 1, "opus", TIMBRE_UNSUPPORTED, "44100 Hz"},
        {1, 500, 1, "mp3", TIMBRE_UNSUPPORTED, "6 channels"},
        {1, 500, 1, "exe", TIMBRE_UNSUPPORTED, "exe"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        timbre_clips_options options = base_options();
        options.n_clips = rows[i].n_clips;
        options.duration_ms = rows[i].duration_ms;
        options.seed = rows[i].seed;
        options.extension = rows[i].extension;
        assert_int_equal(sample_fails(&options, rows[i].says), rows[i].status);
        assert_int_not_equal(access("out", F_OK), 0);
    }
}

static void an_existing_file_is_kept(void **state)
{
    (void)state;
    write_noise(1000, 1, 500);
    timbre_clips_options options = base_options();
    options.n_clips = 1;
    sample(&options);
    write_noise(2000, 1, 1000);
    assert_int_equal(sample_fails(&options, "exists already"), TIMBRE_EXISTS);
    SF_INFO info;
    free(read_clip("out/clip_0_start_0_ms_duration_500_ms.wav", &info));
    assert_int_equal(info.samplerate, 1000);
    options.replace = 1;
    sample(&options);
    free(read_clip("out/clip_0_start_0_ms_duration_500_ms.wav", &info));
    assert_int_equal(info.samplerate, 2000);
    assert_int_equal(count_files("out"), 1);
}

static timbre_cancel cancel_after_first;

static void cancel_now(const char *path, void *user)
{
    (void)path, (void)user;
    timbre_cancel_request(&cancel_after_first);
}

/* What was finished stays; nothing half-done does. */
static void cancel_leaves_whole_files_only(void **state)
{
    (void)state;
    write_noise(8000, 1, 80000);
    timbre_clips_options options = base_options();
    options.cancel = &cancel_after_first;
    options.written = cancel_now;
    assert_int_equal(sample_fails(&options, "interrupted"), TIMBRE_CANCELLED);
    assert_int_equal(count_files("out"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(clips_are_those_of_riffusion, empty_folder),
        cmocka_unit_test_teardown(a_batch_names_clips_by_their_file, empty_folder),
        cmocka_unit_test_teardown(mono_is_pydubs_mix, empty_folder),
        cmocka_unit_test_teardown(the_seed_decides, empty_folder),
        cmocka_unit_test_teardown(loud_floats_saturate, empty_folder),
        cmocka_unit_test_teardown(what_cannot_be_is_refused_before_anything_is_made, empty_folder),
        cmocka_unit_test_teardown(an_existing_file_is_kept, empty_folder),
        cmocka_unit_test_teardown(cancel_leaves_whole_files_only, empty_folder),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
