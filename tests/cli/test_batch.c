/* --batch of encode, decode and sample-clips: whole folders, from outside. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/support/program.h"
#include "tests/support/same_file.h"
#include "tests/support/tone.h"
#include "timbre/audio.h"
#include "timbre/spectrogram.h"

enum { RATE_HZ = 44100, HALF_SECOND = RATE_HZ / 2 };

/*
 * songs/: a.wav (stereo), b.wav (22,050 Hz), c.wav (mono) and what a music folder has besides; and
 * below it, more/d.wav. bad/: one good file, one that is no sound.
 */
static int make_files(void **state)
{
    int failed = program_setup(state);
    assert_int_equal(mkdir("songs", 0777), 0);
    assert_int_equal(mkdir("songs/more", 0777), 0);
    assert_int_equal(mkdir("bad", 0777), 0);
    tone_write("songs/a.wav", RATE_HZ, 2, HALF_SECOND);
    tone_write("songs/b.wav", RATE_HZ / 2, 1, HALF_SECOND);
    tone_write("songs/c.wav", RATE_HZ, 1, HALF_SECOND);
    tone_write("songs/more/d.wav", RATE_HZ, 1, HALF_SECOND);
    tone_write("songs/.hidden.wav", RATE_HZ, 1, HALF_SECOND);
    program_write_file("songs/a.wav.json", "{}");
    program_write_file("songs/cover.txt", "a picture");
    program_write_file("bad/broken.wav", "this is no sound");
    tone_write("bad/good.wav", RATE_HZ, 1, HALF_SECOND);
    return failed;
}

static void assert_exit_code(int expected)
{
    if (result.exit_code != expected)
        fail_msg("exit code %d: %s", result.exit_code, result.err);
}

static int count_lines_with(const char *text, const char *word)
{
    int n = 0;
    for (size_t length; text[0] != '\0'; text += length + (text[length] == '\n')) {
        length = strcspn(text, "\n");
        n += memmem(text, length, word, strlen(word)) != NULL;
    }
    return n;
}

static void a_folder_becomes_a_folder(void **state)
{
    (void)state;
    timbre_image_info info = {.struct_size = sizeof info, .params.struct_size = sizeof info.params};
    program_run(&home, &result, "encode", "songs", "--batch", "-o", "new/images", NULL);
    assert_exit_code(0);
    assert_string_equal(result.out, "new/images/a.png\nnew/images/b.png\nnew/images/c.png\n");
    assert_non_null(strstr(result.err, "3 of 3: songs/c.wav"));
    assert_non_null(strstr(result.err, "3 of 3 made; 2 of other kinds left out"));
    assert_int_equal(program_count_files("new", ""), 3);
    /* as riffusion's batch: stereo, and one rate for all */
    assert_int_equal(timbre_image_read_info("new/images/b.png", &info, NULL), TIMBRE_OK);
    assert_int_equal(info.params.stereo, 1);
    assert_int_equal(info.params.sample_rate_hz, RATE_HZ);
}

static void any_number_of_jobs_gives_the_same_bytes(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "c"};
    program_run(&home, &result, "encode", "songs", "--batch", "-o", "one", "--jobs", "1", "-q",
                NULL);
    assert_exit_code(0);
    program_run(&home, &result, "encode", "songs", "--batch", "-o", "four", "--jobs", "4", "-q",
                NULL);
    assert_exit_code(0);
    assert_string_equal(result.out, "four/a.png\nfour/b.png\nfour/c.png\n");
    assert_string_equal(result.err, "");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char one[32], four[32];
        snprintf(one, sizeof one, "one/%s.png", names[i]);
        snprintf(four, sizeof four, "four/%s.png", names[i]);
        assert_same_file(one, four);
    }
    program_run(&home, &result, "decode", "one", "--batch", "-o", "sounds", "--jobs", "3",
                "--extension", "flac", "--iterations", "2", NULL);
    assert_exit_code(0);
    assert_int_equal(program_count_files("sounds", ".flac"), 3);
    program_run(&home, &result, "decode", "one/b.png", "-o", "b.flac", "--iterations", "2", NULL);
    assert_exit_code(0);
    assert_same_file("b.flac", "sounds/b.flac");
}

static void a_bad_file_is_skipped_and_counted(void **state)
{
    (void)state;
    program_run(&home, &result, "encode", "bad", "--batch", "-o", "some", NULL);
    assert_exit_code(1);
    assert_string_equal(result.out, "some/good.png\n");
    assert_int_equal(count_lines_with(result.err, "bad/broken.wav"), 1);
    assert_int_equal(count_lines_with(result.err, "1 failed"), 1);
    assert_non_null(strstr(result.err, "1 of 2 made, 1 failed"));
    assert_int_equal(program_count_files("some", ""), 1);
}

/* What failed and why is no chatter: --quiet leaves it, in one line that names the file once. */
static void a_quiet_batch_still_says_what_failed(void **state)
{
    (void)state;
    program_run(&home, &result, "encode", "bad", "--batch", "-o", "quiet", "-q", NULL);
    assert_exit_code(1);
    assert_int_equal(count_lines_with(result.err, ""), 1);
    const char *name = strstr(result.err, "bad/broken.wav");
    assert_non_null(name);
    assert_null(strstr(name + 1, "bad/broken.wav"));
}

static void a_batch_can_be_taken_up_again(void **state)
{
    (void)state;
    assert_int_equal(mkdir("resumed", 0777), 0);
    program_write_file("resumed/b.png", "mine");
    program_run(&home, &result, "encode", "songs", "--batch", "-o", "resumed", NULL);
    assert_exit_code(0);
    assert_string_equal(result.out, "resumed/a.png\nresumed/c.png\n");
    assert_non_null(strstr(result.err, "2 of 3 made, 1 there already"));
    char *kept = program_read_file("resumed/b.png", NULL);
    assert_string_equal(kept, "mine");
    free(kept);
    program_run(&home, &result, "encode", "songs", "--batch", "-o", "resumed", "--force", NULL);
    assert_exit_code(0);
    assert_non_null(strstr(result.err, "3 of 3 made"));
    kept = program_read_file("resumed/b.png", NULL);
    assert_string_not_equal(kept, "mine");
    free(kept);
}

static void files_are_chosen_by_name_depth_and_number(void **state)
{
    (void)state;
    program_run(&home, &result, "encode", "songs", "--batch", "-o", "g", "--glob", "[bc]*", "-q",
                NULL);
    assert_exit_code(1); /* cover.txt was asked for, and is no sound */
    assert_string_equal(result.out, "g/b.png\ng/c.png\n");
    program_run(&home, &result, "encode", "songs", "--batch", "-o", "l", "--limit", "2", "-q",
                NULL);
    assert_exit_code(0);
    assert_string_equal(result.out, "l/a.png\nl/b.png\n");
    program_run(&home, &result, "encode", "songs", "--batch", "-o", "r", "--recursive", "-q", NULL);
    assert_exit_code(0);
    assert_string_equal(result.out, "r/a.png\nr/b.png\nr/c.png\nr/more/d.png\n");
    assert_int_equal(access("r/more/d.png", R_OK), 0);
    program_run(&home, &result, "encode", "songs", "--batch", "-o", "n", "--glob", "*.mp3", NULL);
    assert_exit_code(1);
    assert_non_null(strstr(result.err, "no audio file in 'songs'"));
}

/* Only these: what has a name of its own is made. */
static void files_that_would_become_one_fail(void **state)
{
    (void)state;
    static const char *const states[] = {"made", "failed", "failed"};
    assert_int_equal(mkdir("twins", 0777), 0);
    tone_write("twins/w.wav", RATE_HZ, 1, HALF_SECOND);
    tone_write("twins/x.wav", RATE_HZ, 1, HALF_SECOND);
    tone_write("twins/x.aiff", RATE_HZ, 1, HALF_SECOND);
    program_run(&home, &result, "encode", "twins", "--batch", "-o", "t", "--json", NULL);
    assert_exit_code(1);
    assert_non_null(strstr(result.err, "'twins/x.aiff' and 'twins/x.wav' would become one file"));
    assert_non_null(strstr(result.err, "1 of 3 made, 2 failed"));
    char *rest = result.out;
    for (size_t i = 0; i < 3; i++) {
        json_t *line = json_loads(strsep(&rest, "\n"), 0, NULL);
        assert_string_equal(json_string_value(json_object_get(line, "state")), states[i]);
        json_decref(line);
    }
    assert_string_equal(rest, "");
    assert_int_equal(program_count_files("t", ""), 1);
    program_run(&home, &result, "encode", "twins", "--batch", "-o", "t", "--glob", "*.wav", NULL);
    assert_exit_code(0);
}

static void links_to_folders_are_not_followed(void **state)
{
    (void)state;
    assert_int_equal(mkdir("loop", 0777), 0);
    tone_write("loop/a.wav", RATE_HZ, 1, HALF_SECOND / 4);
    assert_int_equal(symlink("..", "loop/up"), 0);
    assert_int_equal(symlink(".", "loop/here"), 0);
    assert_int_equal(symlink("a.wav", "loop/b.wav"), 0); /* a file is a file */
    program_run(&home, &result, "encode", "loop", "--batch", "--recursive", "-o", "unlooped", "-q",
                NULL);
    assert_exit_code(0);
    assert_string_equal(result.out, "unlooped/a.png\nunlooped/b.png\n");
    assert_int_equal(program_count_files("unlooped", ""), 2);
}

/* Another process made the file between the look and the work: for this one too a link that leads
 * nowhere is not there, until it is to be written. */
static void what_appears_meanwhile_is_there(void **state)
{
    (void)state;
    assert_int_equal(mkdir("raced", 0777), 0);
    assert_int_equal(symlink("nowhere", "raced/b.png"), 0);
    program_run(&home, &result, "encode", "songs", "--batch", "-o", "raced", NULL);
    assert_exit_code(0);
    assert_string_equal(result.out, "raced/a.png\nraced/c.png\n");
    assert_non_null(strstr(result.err, "2 of 3 made, 1 there already"));
}

static void images_made_with_other_parameters_are_named(void **state)
{
    (void)state;
    program_run(&home, &result, "encode", "songs", "--batch", "-o", "params", "-q", NULL);
    assert_exit_code(0);
    program_run(&home, &result, "encode", "songs", "--batch", "-o", "params", NULL);
    assert_exit_code(0);
    assert_null(strstr(result.err, "other parameters"));
    program_run(&home, &result, "encode", "songs/a.wav", "-o", "params/a.png", "--force",
                "--power-for-image", "0.3", "--stereo", "-q", NULL);
    assert_exit_code(0);
    program_run(&home, &result, "encode", "songs", "--batch", "-o", "params", "--json", NULL);
    assert_exit_code(0);
    assert_int_equal(count_lines_with(result.err, "warning: songs/a.wav: there already, made with "
                                                  "other parameters; --force makes it again"),
                     1);
    assert_non_null(strstr(result.err, "3 there already (1 with other parameters)"));
    json_t *line = json_loads(result.out, JSON_DISABLE_EOF_CHECK, NULL);
    assert_string_equal(json_string_value(json_object_get(line, "state")), "there");
    assert_int_equal(json_array_size(json_object_get(line, "warnings")), 1);
    json_decref(line);
    program_run(&home, &result, "encode", "songs", "--batch", "-o", "params", "--mono", NULL);
    assert_non_null(strstr(result.err, "3 there already (3 with other parameters)"));
}

/* One file is all of the batch: what is done of it counts. */
static void running_files_count_in_the_progress(void **state)
{
    (void)state;
    bool is_between = false;
    assert_int_equal(mkdir("slow", 0777), 0);
    tone_write("slow.wav", RATE_HZ, 1, (long)RATE_HZ * 30);
    program_run(&home, &result, "encode", "slow.wav", "-o", "slow/one.png", "-q", NULL);
    assert_exit_code(0);
    program_run(&home, &result, "decode", "slow", "--batch", "-o", "slow-out", "--progress", "json",
                NULL);
    assert_exit_code(0);
    static const char key[] = "\"fraction\":";
    double before = 0;
    for (const char *at = result.err; (at = strstr(at, key)) != NULL;) {
        at += sizeof key - 1;
        double fraction = strtod(at, NULL);
        is_between |= fraction > 0 && fraction < 1;
        assert_true(fraction >= before && fraction <= 1);
        before = fraction;
    }
    assert_true(is_between);
}

static void an_error_is_one_line_of_json(void **state)
{
    (void)state;
    program_run(&home, &result, "encode", "songs", "--batch", "--json", NULL);
    assert_exit_code(2);
    assert_int_equal(count_lines_with(result.out, ""), 1);
    json_t *line = json_loads(result.out, 0, NULL);
    assert_non_null(json_object_get(line, "error"));
    json_decref(line);
}

static void the_batch_names_explain_themselves(void **state)
{
    (void)state;
    program_run(&home, &result, "help", "audio-to-images-batch", NULL);
    assert_exit_code(0);
    assert_non_null(strstr(result.out, "timbre audio-to-images-batch --audio-dir"));
    program_run(&home, &result, "help", "sample-clips-batch", NULL);
    assert_non_null(strstr(result.out, "timbre sample-clips-batch --audio-dir"));
    program_run(&home, &result, "help", NULL);
    assert_non_null(strstr(result.out, "audio-to-images-batch, sample-clips-batch\n"));
}

static void json_has_a_line_for_each_file(void **state)
{
    (void)state;
    static const char *const states[] = {"failed", "made"};
    program_run(&home, &result, "encode", "bad", "--batch", "-o", "lines", "--json", NULL);
    assert_exit_code(1);
    char *rest = result.out;
    for (size_t i = 0; i < 2; i++) {
        json_t *line = json_loads(strsep(&rest, "\n"), 0, NULL);
        assert_string_equal(json_string_value(json_object_get(line, "state")), states[i]);
        json_decref(line);
    }
    assert_string_equal(rest, "");
}

static void riffusions_batch_commands_work(void **state)
{
    (void)state;
    timbre_audio *audio = NULL;
    timbre_audio_info info = {.struct_size = sizeof info};
    program_run(&home, &result, "audio-to-images-batch", "--audio-dir", "songs", "--output-dir",
                "theirs", "--image-extension", "jpg", "--mono", "--num-threads", "2", "--limit",
                "2", NULL);
    assert_exit_code(0);
    assert_int_equal(program_count_files("theirs", ".jpg"), 2);
    program_run(&home, &result, "sample-clips-batch", "--audio-dir", "songs", "--output-dir",
                "pieces", "--num-clips-per-file", "2", "--duration-ms", "200", "--seed", "3",
                "--extension", "wav", "-q", NULL);
    assert_exit_code(0);
    assert_int_equal(program_count_files("pieces", "_ms_dur_200_ms.wav"), 6);
    char *rest = result.out, *first = strsep(&rest, "\n");
    assert_int_equal(strncmp(first, "pieces/a_0_start_", 17), 0);
    assert_int_equal(timbre_audio_open(first, &audio, NULL), TIMBRE_OK);
    timbre_audio_get_info(audio, &info);
    timbre_audio_close(audio);
    assert_int_equal(info.n_frames, RATE_HZ / 5);
    assert_int_equal(info.n_channels, 2);
    /* all are there: nothing is cut again */
    program_run(&home, &result, "sample-clips-batch", "--audio-dir", "songs", "--output-dir",
                "pieces", "--num-clips-per-file", "2", "--duration-ms", "200", "--extension", "wav",
                NULL);
    assert_exit_code(0);
    assert_non_null(strstr(result.err, "0 of 3 made, 3 there already"));
    assert_int_equal(program_count_files("pieces", ""), 6);
}

static void clips_of_a_batch_are_mp3(void **state)
{
    (void)state;
    program_run(&home, &result, "sample-clips", "songs", "--batch", "-o", "small", "--duration-ms",
                "300", NULL);
    assert_exit_code(0);
    assert_int_equal(program_count_files("small", ".mp3"), 3);
}

static void bad_input_is_refused_before_the_work(void **state)
{
    (void)state;
    static const struct {
        const char *args[6], *message;
        int exit_code;
    } cases[] = {
        {{"encode", "absent", "--batch"}, "'absent' is no folder", 1},
        {{"encode", "songs/a.wav", "--batch"}, "is no folder", 2},
        {{"encode", "songs", "--batch", "-o", "songs/cover.txt"}, "songs/cover.txt", 1},
        {{"encode", "songs", "--batch", "--jobs", "0"}, "--jobs 0 is outside", 2},
        {{"decode", "songs", "--batch", "-o", "x"}, "no image in 'songs'", 1},
        {{"decode", "songs", "--batch", "--play"}, "--play is for one file", 2},
        {{"sample-clips", "songs", "--batch"}, "needs an output folder", 2},
        {{"encode", "songs", "--batch"}, "name one with -o DIR", 2},
        {{"audio-to-images-batch"}, "timbre encode FOLDER --batch -o DIR", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const *a = cases[i].args;
        program_run(&home, &result, a[0], a[1], a[2], a[3], a[4], a[5], NULL);
        if (result.exit_code != cases[i].exit_code || strstr(result.err, cases[i].message) == NULL)
            fail_msg("%s %s %s: %d %s", a[0], a[1], a[2], result.exit_code, result.err);
        assert_string_equal(result.out, "");
    }
}

static void an_interrupt_keeps_what_is_finished(void **state)
{
    (void)state;
    enum { N_FILES = 12, SECONDS = 30 };
    static const char script[] =
        "exec \"$0\" encode many --batch -o cut --jobs 2 2>interrupted.txt";
    const char *argv[] = {"sh", "-c", script, program_path(), NULL};
    timbre_image_info info = {.struct_size = sizeof info, .params.struct_size = sizeof info.params};
    int out;
    bool is_signalled;
    assert_int_equal(mkdir("many", 0777), 0);
    for (int i = 0; i < N_FILES; i++) {
        char path[32];
        snprintf(path, sizeof path, "many/%02d.wav", i);
        tone_write(path, RATE_HZ, 1, (long)RATE_HZ * SECONDS);
    }
    pid_t pid = program_start(&home, argv, &out);
    assert_true(program_read_until(out, "cut/00.png"));
    assert_int_equal(kill(pid, SIGINT), 0);
    assert_int_equal(program_wait(pid, &is_signalled), 130);
    assert_false(is_signalled);
    close(out);
    char *told = program_read_file("interrupted.txt", NULL);
    assert_non_null(strstr(told, "fix: the same command goes on where this one ended"));
    free(told);
    int n_made = program_count_files("cut", ".png");
    assert_in_range(n_made, 1, N_FILES - 1);
    assert_int_equal(program_count_files("cut", ""), n_made); /* and nothing half-written */
    for (int i = 0; i < N_FILES; i++) {
        char path[32];
        snprintf(path, sizeof path, "cut/%02d.png", i);
        if (access(path, F_OK) == 0)
            assert_int_equal(timbre_image_read_info(path, &info, NULL), TIMBRE_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_becomes_a_folder),
        cmocka_unit_test(any_number_of_jobs_gives_the_same_bytes),
        cmocka_unit_test(a_bad_file_is_skipped_and_counted),
        cmocka_unit_test(a_batch_can_be_taken_up_again),
        cmocka_unit_test(files_are_chosen_by_name_depth_and_number),
        cmocka_unit_test(files_that_would_become_one_fail),
        cmocka_unit_test(a_quiet_batch_still_says_what_failed),
        cmocka_unit_test(links_to_folders_are_not_followed),
        cmocka_unit_test(what_appears_meanwhile_is_there),
        cmocka_unit_test(images_made_with_other_parameters_are_named),
        cmocka_unit_test(running_files_count_in_the_progress),
        cmocka_unit_test(an_error_is_one_line_of_json),
        cmocka_unit_test(the_batch_names_explain_themselves),
        cmocka_unit_test(json_has_a_line_for_each_file),
        cmocka_unit_test(riffusions_batch_commands_work),
        cmocka_unit_test(clips_of_a_batch_are_mp3),
        cmocka_unit_test(bad_input_is_refused_before_the_work),
        cmocka_unit_test(an_interrupt_keeps_what_is_finished),
    };
    return cmocka_run_group_tests(tests, make_files, program_teardown);
}
