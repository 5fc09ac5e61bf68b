/* timbre export from outside: title, recipe and length in every format, and no file where it
 * failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "engine/audio/audio_writer.h"
#include "engine/base/file.h"
#include "engine/base/limits.h"
#include "tests/support/program.h"
#include "timbre/audio.h"

#define TITLE "Gl\xc3\xa4ser \"\xe6\xbc\xa2\" = \\ \xf0\x9f\x8e\xb9"

enum { RATE_HZ = 44100, N_FRAMES = RATE_HZ };

static char recipe[TB_RECIPE_MAX_BYTES + 1]; /* the longest */
static int16_t pcm[N_FRAMES * 2];

static void write_take(const char *path, const char *format, int rate_hz)
{
    const tb_audio_spec spec = {.format = format,
                                .rate_hz = rate_hz,
                                .n_channels = 2,
                                .n_frames = N_FRAMES,
                                .recipe = recipe,
                                .title = TITLE};
    unsigned char *bytes;
    size_t len;
    assert_int_equal(tb_audio_encode(&spec, pcm, &bytes, &len, NULL), TIMBRE_OK);
    assert_int_equal(tb_file_write(path, bytes, len, true, NULL), TIMBRE_OK);
    free(bytes);
}

/* take.wav, and its texts as JSON. */
static int make_take(void **state)
{
    static const char start[] = "{\"timbre\":1,\"prompt\":\"\xc3\xa4 \\\"q\\\" \xe6\xbc\xa2 ";
    int failed = program_setup(state);
    memset(recipe, 'x', TB_RECIPE_MAX_BYTES);
    memcpy(recipe, start, sizeof start - 1);
    memcpy(recipe + TB_RECIPE_MAX_BYTES - 2, "\"}", 2);
    for (int i = 0; i < N_FRAMES * 2; i++)
        pcm[i] = (int16_t)(i * 37 % 6000 - 3000);
    write_take("take.wav", "wav", RATE_HZ);
    json_t *texts = json_pack("{s:s, s:s}", "title", TITLE, "recipe", recipe);
    failed |= json_dump_file(texts, "texts.json", 0);
    json_decref(texts);
    return failed;
}

static void assert_done(void)
{
    if (result.exit_code != 0)
        fail_msg("exit code %d: %s", result.exit_code, result.err);
}

static void assert_kept(const char *path, const char *title, int rate_hz)
{
    timbre_audio *audio = NULL;
    timbre_audio_info info = {.struct_size = sizeof info};
    assert_int_equal(timbre_audio_open(path, &audio, NULL), TIMBRE_OK);
    timbre_audio_get_info(audio, &info);
    assert_non_null(timbre_audio_recipe(audio));
    assert_string_equal(timbre_audio_recipe(audio), recipe);
    assert_string_equal(timbre_audio_title(audio), title);
    assert_int_equal(info.rate_hz, rate_hz);
    assert_in_range(info.n_frames * RATE_HZ / rate_hz, N_FRAMES - 1, N_FRAMES + 2400);
    timbre_audio_close(audio);
}

static void every_format_keeps_title_and_recipe(void **state)
{
    (void)state;
    static const char *const files[] = {"a.wav", "a.flac", "a.ogg", "a.opus", "a.mp3"};
    for (int i = 0; i < 5; i++) {
        char line[32];
        bool is_opus = strcmp(files[i], "a.opus") == 0;
        program_run(&home, &result, "export", "take.wav", "-o", files[i], NULL);
        assert_done();
        snprintf(line, sizeof line, "%s\n", files[i]);
        assert_string_equal(result.out, line);
        assert_true((strstr(result.err, "opus has no 44100 Hz") != NULL) == is_opus);
        assert_kept(files[i], TITLE, is_opus ? 48000 : RATE_HZ);
    }
    /* and from the lossy ones on */
    program_run(&home, &result, "export", "a.mp3", "-o", "b.opus", NULL);
    assert_done();
    assert_kept("b.opus", TITLE, 48000);
    program_run(&home, &result, "export", "b.opus", "-o", "b.mp3", "--title", "other", NULL);
    assert_done();
    assert_kept("b.mp3", "other", 48000);
}

static void another_reader_finds_them(void **state)
{
    (void)state;
    static const char *const files[] = {"a.flac", "a.ogg", "a.opus", "a.mp3"};
    for (int i = 0; i < 4; i++) {
        program_run(&home, &result, "export", "take.wav", "-o", files[i], "--force", NULL);
        assert_done();
        const char *argv[] = {"/usr/bin/python3", getenv("TIMBRE_CHECK_TAGS"), files[i],
                              "texts.json", NULL};
        program_run_argv(&home, &result, argv);
        if (result.exit_code == 77 || result.exit_code == 127)
            skip();
        assert_done();
    }
}

static void without_o_the_title_names_the_file(void **state)
{
    (void)state;
    program_run(&home, &result, "export", "take.wav", NULL);
    assert_done();
    assert_string_equal(result.out, "take.mp3\n");
    assert_kept("take.mp3", TITLE, RATE_HZ);
    program_run(&home, &result, "export", "take.wav", "-f", "flac", "--title", "Rain at Night!",
                NULL);
    assert_done();
    assert_string_equal(result.out, "rain-at-night.flac\n");
    assert_kept("rain-at-night.flac", "Rain at Night!", RATE_HZ);
    program_run(&home, &result, "export", "take.wav", "-o", "c", "-f", "ogg", "--json", NULL);
    assert_done();
    json_t *answer = json_loads(result.out, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(answer, "path")), "c.ogg");
    assert_true(json_is_true(json_object_get(answer, "recipe")));
    json_decref(answer);
}

static void nothing_is_overwritten_unasked(void **state)
{
    (void)state;
    program_write_file("kept.mp3", "precious");
    program_run(&home, &result, "export", "take.wav", "-o", "kept.mp3", NULL);
    assert_int_equal(result.exit_code, 1);
    assert_int_equal(result.out_length, 0);
    assert_non_null(strstr(result.err, "--force"));
    char *text = program_read_file("kept.mp3", NULL);
    assert_string_equal(text, "precious");
    free(text);
    program_run(&home, &result, "export", "take.wav", "-o", "kept.mp3", "--force", NULL);
    assert_done();
    assert_kept("kept.mp3", TITLE, RATE_HZ);
    /* onto itself */
    program_run(&home, &result, "export", "kept.mp3", "-o", "kept.mp3", "--force", NULL);
    assert_done();
    assert_kept("kept.mp3", TITLE, RATE_HZ);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *argument[5], *says;
        int exit_code;
    } rows[] = {
        {{NULL}, "no sound was named", 2},
        {{"nothing.wav"}, "nothing.wav", 1},
        {{"texts.json"}, "texts.json", 1},
        {{"take.wav", "-o", "x.txt"}, "x.txt", 2},
        {{"take.wav", "-o", "x.ogg", "-fmp3"}, "x.ogg", 2},
        {{"take.wav", "-f", "exe"}, "exe", 2},
        {{"take.wav", "-o", "no/such/x.mp3"}, "no/such", 1},
        {{"take.wav", "--title", "\xff"}, "UTF-8", 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *const *a = rows[i].argument;
        program_run(&home, &result, "export", a[0], a[1], a[2], a[3], NULL);
        if (result.exit_code != rows[i].exit_code || strstr(result.err, rows[i].says) == NULL)
            fail_msg("row %zu: exit code %d: %s", i, result.exit_code, result.err);
        assert_int_equal(result.out_length, 0);
    }
}

/* A file that may not grow stands for a full disk: there is no room for the samples between, or
 * (first row) for those but not for the header and the recipe of the WAV. */
static void a_full_disk_leaves_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *output;
        rlim_t room;
    } rows[] = {{"full.wav", N_FRAMES * 4}, {"full.wav", 4096},  {"full.flac", 4096},
                {"full.ogg", 4096},         {"full.opus", 4096}, {"full.mp3", 4096}};
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct rlimit small = {.rlim_cur = rows[i].room, .rlim_max = before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        program_run(&home, &result, "export", "take.wav", "-o", rows[i].output, NULL);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_not_equal(result.exit_code, 0);
        assert_false(result.is_signalled);
        assert_int_equal(result.out_length, 0);
        assert_int_equal(access(rows[i].output, F_OK), -1);
    }
    assert_int_equal(program_count_files(home.path, ".part"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_keeps_title_and_recipe),
        cmocka_unit_test(another_reader_finds_them),
        cmocka_unit_test(without_o_the_title_names_the_file),
        cmocka_unit_test(nothing_is_overwritten_unasked),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(a_full_disk_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, make_take, program_teardown);
}
