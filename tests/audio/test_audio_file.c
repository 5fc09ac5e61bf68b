/* The recipe travels inside WAV and FLAC, and files that are none are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/audio/audio_file.h"
#include "engine/audio/audio_writer.h"
#include "engine/base/file.h"
#include "engine/base/limits.h"
#include "engine/base/random.h"

enum { N_FRAMES = 30000 };

static int16_t pcm[N_FRAMES * 2];

static int make_noise(void **state)
{
    (void)state;
    for (int i = 0; i < N_FRAMES * 2; i++)
        pcm[i] = (int16_t)(tb_random_at(5, (uint64_t)i) >> 48);
    return 0;
}

/* A recipe of exactly `len` bytes. */
static char *recipe_of(size_t len)
{
    static const char head[] = "{\"timbre\":1,\"x\":\"", tail[] = "\"}";
    char *text = malloc(len + 1);
    assert_non_null(text);
    memset(text, 'y', len);
    memcpy(text, head, sizeof head - 1);
    memcpy(text + len - (sizeof tail - 1), tail, sizeof tail);
    return text;
}

static tb_audio_spec spec_of(const char *format, const char *recipe)
{
    return (tb_audio_spec){.format = format,
                           .rate_hz = 44100,
                           .n_channels = 2,
                           .n_frames = N_FRAMES,
                           .recipe = recipe,
                           .title = "r\xc3\xa9"
                                    "cit"};
}

static const char *const formats[] = {"wav", "flac"};

/* 2,043 bytes is where libsndfile 1.2.0 loses WAV comments; 8,192 is our limit. */
static void recipes_of_every_size_come_back(void **state)
{
    (void)state;
    static const size_t sizes[] = {40, 41, 42, 43, 2042, 2043, 2044, 4096, 8191, 8192};
    for (size_t f = 0; f < 2; f++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            char *recipe = recipe_of(sizes[i]);
            tb_audio_spec spec = spec_of(formats[f], recipe);
            unsigned char *bytes;
            size_t len;
            timbre_audio *audio;
            assert_int_equal(tb_audio_encode(&spec, pcm, &bytes, &len, NULL), TIMBRE_OK);
            assert_int_equal(tb_audio_open_memory(bytes, len, &audio, NULL), TIMBRE_OK);
            assert_int_equal(tb_audio_verify(audio, &spec, pcm, NULL), TIMBRE_OK);
            timbre_audio_info info = {.struct_size = sizeof info};
            timbre_audio_get_info(audio, &info);
            assert_string_equal(info.format, f == 0 ? "WAV, 16 bit" : "FLAC, 16 bit");
            assert_int_equal(info.n_frames, N_FRAMES);
            timbre_audio_close(audio);
            free(bytes);
            free(recipe);
        }
}

static void a_recipe_over_the_limit_is_refused(void **state)
{
    (void)state;
    char *recipe = recipe_of(TB_RECIPE_MAX_BYTES + 1);
    tb_audio_spec spec = spec_of("wav", recipe);
    unsigned char *bytes = NULL;
    size_t len;
    assert_int_equal(tb_audio_encode(&spec, pcm, &bytes, &len, NULL), TIMBRE_BAD_INPUT);
    assert_null(bytes);
    free(recipe);
}

static void encoding_has_no_clock(void **state)
{
    (void)state;
    for (size_t f = 0; f < 2; f++) {
        tb_audio_spec spec = spec_of(formats[f], "{\"timbre\":1}");
        unsigned char *a, *b;
        size_t n_a, n_b;
        assert_int_equal(tb_audio_encode(&spec, pcm, &a, &n_a, NULL), TIMBRE_OK);
        usleep(1100000); /* a clock of whole seconds would show */
        assert_int_equal(tb_audio_encode(&spec, pcm, &b, &n_b, NULL), TIMBRE_OK);
        assert_int_equal(n_a, n_b);
        assert_memory_equal(a, b, n_a);
        free(a);
        free(b);
    }
}

static void verifying_notices_every_difference(void **state)
{
    (void)state;
    tb_audio_spec spec = spec_of("wav", "{\"timbre\":1}");
    unsigned char *bytes;
    size_t len;
    assert_int_equal(tb_audio_encode(&spec, pcm, &bytes, &len, NULL), TIMBRE_OK);
    static const struct {
        int sample_at;
        const char *recipe;
        int64_t n_frames;
    } rows[] = {{0, NULL, 0},
                {2 * N_FRAMES - 1, NULL, 0},
                {-1, "{\"timbre\":2}", 0},
                {-1, NULL, N_FRAMES - 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tb_audio_spec other = spec;
        timbre_audio *audio;
        if (rows[i].recipe != NULL)
            other.recipe = rows[i].recipe;
        if (rows[i].n_frames != 0)
            other.n_frames = rows[i].n_frames;
        if (rows[i].sample_at >= 0)
            pcm[rows[i].sample_at] ^= 1;
        assert_int_equal(tb_audio_open_memory(bytes, len, &audio, NULL), TIMBRE_OK);
        assert_int_equal(tb_audio_verify(audio, &other, pcm, NULL), TIMBRE_VERIFY_FAILED);
        timbre_audio_close(audio);
        if (rows[i].sample_at >= 0)
            pcm[rows[i].sample_at] ^= 1;
    }
    free(bytes);
}

/* Damage anywhere in the header region is an error or another sound, never a crash. */
static void damaged_files_are_survived(void **state)
{
    (void)state;
    for (size_t f = 0; f < 2; f++) {
        tb_audio_spec spec = spec_of(formats[f], "{\"timbre\":1}");
        unsigned char *bytes;
        size_t len;
        assert_int_equal(tb_audio_encode(&spec, pcm, &bytes, &len, NULL), TIMBRE_OK);
        int n_refused = 0;
        for (uint64_t i = 0; i < 300; i++) {
            size_t at = tb_random_at(f, i) % 200;
            size_t cut = i % 3 == 0 ? tb_random_at(f + 9, i) % len : len;
            unsigned char was = bytes[at];
            bytes[at] = (unsigned char)tb_random_at(f + 3, i);
            timbre_audio *audio = NULL;
            tb_error err = {0};
            if (tb_audio_open_memory(bytes, cut, &audio, &err) != TIMBRE_OK) {
                assert_int_equal(err.code, TIMBRE_BAD_FILE);
                n_refused++;
            }
            timbre_audio_close(audio);
            bytes[at] = was;
        }
        assert_true(n_refused > 10);
        free(bytes);
    }
}

static void what_is_no_audio_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        timbre_status status;
    } rows[] = {{"/dev/null", TIMBRE_BAD_FILE},
                {"/tmp", TIMBRE_BAD_FILE},
                {"/nonexistent/take.wav", TIMBRE_NOT_FOUND}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        timbre_audio *audio;
        tb_error err = {0};
        assert_int_equal(timbre_audio_open(rows[i].path, &audio, &err), rows[i].status);
        assert_non_null(strstr(err.message, rows[i].path));
        assert_null(audio);
    }
}

static void foreign_comments_are_no_recipes(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"other\":1}", "not json at all", "{\"timbre\":\"x\"}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t f = 0; f < 2; f++) {
            tb_audio_spec spec = spec_of(formats[f], texts[i]);
            unsigned char *bytes;
            size_t len;
            timbre_audio *audio;
            assert_int_equal(tb_audio_encode(&spec, pcm, &bytes, &len, NULL), TIMBRE_OK);
            assert_int_equal(tb_audio_open_memory(bytes, len, &audio, NULL), TIMBRE_OK);
            assert_null(timbre_audio_recipe(audio));
            timbre_audio_close(audio);
            free(bytes);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recipes_of_every_size_come_back),
        cmocka_unit_test(a_recipe_over_the_limit_is_refused),
        cmocka_unit_test(encoding_has_no_clock),
        cmocka_unit_test(verifying_notices_every_difference),
        cmocka_unit_test(damaged_files_are_survived),
        cmocka_unit_test(what_is_no_audio_is_refused_by_name),
        cmocka_unit_test(foreign_comments_are_no_recipes),
    };
    return cmocka_run_group_tests(tests, make_noise, NULL);
}
