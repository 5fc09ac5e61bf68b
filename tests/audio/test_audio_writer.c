/* Files written block by block: the same as in one piece, readable in every format, and refused
 * with a reason where a format cannot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/audio/audio_format.h"
#include "engine/audio/audio_writer.h"
#include "engine/base/file.h"

enum { N_FRAMES = 48000 };

static const char recipe[] =
    "{\"timbre\":1,\"x\":\"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\"}";

static int16_t pcm[N_FRAMES * 2];
static char folder[] = "/tmp/timbre-writer-XXXXXX";

static int make_tones(void **state)
{
    (void)state;
    for (int i = 0; i < N_FRAMES * 2; i++)
        pcm[i] = (int16_t)lrint(9000 * sin(0.03 * ((i - i % 2) / 2.0) * (1 + i % 2)));
    return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)!system("rm -rf -- \"$PWD\"");
    return chdir("/");
}

static tb_audio_spec spec_of(const char *format)
{
    return (tb_audio_spec){.format = format, .rate_hz = 48000, .n_channels = 2, .recipe = recipe};
}

/* Written to `path` in blocks of `block` frames. */
static tb_status write_file(const char *path, const tb_audio_spec *spec, int64_t block,
                            tb_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
    assert_true(fd >= 0);
    tb_audio_writer *w;
    tb_status st = tb_audio_writer_open(spec, fd, &w, err);
    for (int64_t at = 0; st == TIMBRE_OK && at < N_FRAMES; at += block) {
        int64_t n = N_FRAMES - at < block ? N_FRAMES - at : block;
        st = tb_audio_writer_append(w, pcm + at * spec->n_channels, n, err);
        if (st != TIMBRE_OK)
            tb_audio_writer_abort(w);
    }
    if (st == TIMBRE_OK)
        st = tb_audio_writer_close(w, err);
    close(fd);
    return st;
}

static void blocks_give_the_bytes_of_one_piece(void **state)
{
    (void)state;
    static const int64_t blocks[] = {1, 777, 4096, N_FRAMES};
    for (int f = 0; f < 2; f++)
        for (int b = 0; b < 4; b++) {
            tb_audio_spec spec = spec_of(tb_audio_formats()[f]);
            assert_int_equal(write_file("x", &spec, blocks[b], NULL), TIMBRE_OK);
            char *written;
            unsigned char *whole;
            size_t n_written, n_whole;
            assert_int_equal(tb_file_read("x", 1 << 20, &written, &n_written, NULL), TIMBRE_OK);
            spec.n_frames = N_FRAMES;
            assert_int_equal(tb_audio_encode(&spec, pcm, &whole, &n_whole, NULL), TIMBRE_OK);
            assert_int_equal(n_written, n_whole);
            assert_memory_equal(written, whole, n_whole);
            free(written);
            free(whole);
        }
}

static double mean_square(const int16_t *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    return sum / n;
}

/* Every format gives back the length within its codec's padding, the level, and the recipe. */
static void every_format_is_read_back(void **state)
{
    (void)state;
    for (const char *const *format = tb_audio_formats(); *format != NULL; format++) {
        tb_audio_spec spec = spec_of(*format);
        tb_error err = {0};
        if (write_file("x", &spec, 1000, &err) != TIMBRE_OK)
            fail_msg("%s: %s", *format, err.message);
        timbre_audio *audio;
        assert_int_equal(timbre_audio_open("x", &audio, NULL), TIMBRE_OK);
        if (timbre_audio_recipe(audio) == NULL || strcmp(timbre_audio_recipe(audio), recipe) != 0)
            fail_msg("%s lost the recipe", *format);
        enum { MORE = 4096 };
        static float back[(N_FRAMES + MORE) * 2];
        static int16_t back16[(N_FRAMES + MORE) * 2];
        int64_t n;
        assert_int_equal(timbre_audio_read(audio, back, N_FRAMES + MORE, &n, NULL), TIMBRE_OK);
        for (int64_t i = 0; i < n * 2; i++)
            back16[i] = (int16_t)lrintf(32768 * back[i]);
        timbre_audio_close(audio);
        if (tb_audio_format_is_exact(*format))
            assert_true(n == N_FRAMES && memcmp(back16, pcm, sizeof pcm) == 0);
        double ratio = mean_square(back16, (int)n * 2) / mean_square(pcm, N_FRAMES * 2);
        if (n < N_FRAMES || n > N_FRAMES + 2400 || fabs(10 * log10(ratio)) > 0.5)
            fail_msg("%s: %lld frames, %.2f dB", *format, (long long)n, 10 * log10(ratio));
    }
}

/* Title and recipe with all that is hard on a tag: as long as they may be, in UTF-8, with quotes.
 * In a file and in memory. */
static void every_format_keeps_long_texts_exactly(void **state)
{
    (void)state;
    static const char start[] = "{\"timbre\":1,\"p\":\"\xc3\xa4 \\\"q\\\" \xe6\xbc\xa2";
    static char longest[TB_RECIPE_MAX_BYTES + 1], title[TB_TITLE_MAX_BYTES + 1];
    memset(longest, 'x', TB_RECIPE_MAX_BYTES);
    memcpy(longest, start, sizeof start - 1);
    memcpy(longest + TB_RECIPE_MAX_BYTES - 2, "\"}", 2);
    memset(title, '=', TB_TITLE_MAX_BYTES);
    memcpy(title, "Gl\xc3\xa4ser \"\xe6\xbc\xa2\" \\ \xf0\x9f\x8e\xb9", 20);
    for (int k = 0; k < 10; k++) {
        tb_audio_spec spec = spec_of(tb_audio_formats()[k / 2]);
        unsigned char *bytes = NULL;
        size_t len;
        timbre_audio *audio;
        tb_error err = {0};
        spec.recipe = longest;
        spec.title = title;
        if (k % 2 == 0) {
            assert_int_equal(write_file("x", &spec, 1000, NULL), TIMBRE_OK);
            assert_int_equal(timbre_audio_open("x", &audio, NULL), TIMBRE_OK);
        } else {
            spec.n_frames = N_FRAMES;
            assert_int_equal(tb_audio_encode(&spec, pcm, &bytes, &len, NULL), TIMBRE_OK);
            assert_int_equal(tb_audio_open_memory(bytes, len, &audio, NULL), TIMBRE_OK);
        }
        if (tb_audio_verify_texts(audio, &spec, &err) != TIMBRE_OK)
            fail_msg("%s: %s", spec.format, err.message);
        assert_string_equal(timbre_audio_title(audio), title);
        assert_string_equal(timbre_audio_recipe(audio), longest);
        spec.title = "another";
        assert_int_equal(tb_audio_verify_texts(audio, &spec, NULL), TIMBRE_VERIFY_FAILED);
        timbre_audio_close(audio);
        free(bytes);
    }
}

static void the_hash_tells_each_difference(void **state)
{
    (void)state;
    tb_audio_spec spec = spec_of("flac");
    assert_int_equal(write_file("x", &spec, 500, NULL), TIMBRE_OK);
    char hex[TB_SHA256_HEX_BYTES];
    assert_int_equal(tb_sha256_bytes(pcm, sizeof pcm, hex, NULL), TIMBRE_OK);
    for (int k = 0; k < 4; k++) {
        spec = spec_of("flac");
        spec.n_frames = N_FRAMES - (k == 1);
        spec.recipe = k == 2 ? "{\"timbre\":2}" : NULL;
        hex[0] ^= k == 3;
        timbre_audio *audio;
        assert_int_equal(timbre_audio_open("x", &audio, NULL), TIMBRE_OK);
        assert_int_equal(tb_audio_verify_hash(audio, &spec, hex, NULL),
                         k == 0 ? TIMBRE_OK : TIMBRE_VERIFY_FAILED);
        timbre_audio_close(audio);
    }
}

static void what_a_format_cannot_have_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *format;
        int rate_hz, n_channels;
        int64_t n_frames;
        const char *says;
    } rows[] = {
        {"opus", 44100, 2, 0, "8000, 12000, 16000, 24000, 48000"},
        {"mp3", 96000, 2, 0, "44100, 48000"},
        {"mp3", 44100, 6, 0, "6 channels, only 1 to 2"},
        {"ogg", 384000, 1, 0, "384000"},
        {"flac", 48000, 9, 0, "9 channels"},
        {"wav", 48000, 2, 0x7fffffff, "4294901759 bytes"},
        {"wav", 48000, 2, INT64_MAX, "4294901759 bytes"},
        {"aiff", 48000, 2, 0, "format 'aiff'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tb_audio_spec spec = {.format = rows[i].format,
                              .rate_hz = rows[i].rate_hz,
                              .n_channels = rows[i].n_channels,
                              .n_frames = rows[i].n_frames};
        tb_audio_writer *w;
        tb_error err = {0};
        assert_int_equal(tb_audio_writer_open(&spec, STDOUT_FILENO, &w, &err), TIMBRE_UNSUPPORTED);
        assert_null(w);
        if (strstr(err.message, rows[i].says) == NULL)
            fail_msg("'%s' does not say '%s'", err.message, rows[i].says);
    }
}

/* 8 and 192 kHz, one and six channels. */
static void odd_rates_and_channels_are_written_exactly(void **state)
{
    (void)state;
    static const struct {
        int rate_hz, n_channels;
    } rows[] = {{8000, 1}, {192000, 2}, {44100, 6}, {1000, 1}, {384000, 2}};
    for (int k = 0; k < 10; k++) {
        tb_audio_spec spec = {.format = tb_audio_formats()[k % 2],
                              .rate_hz = rows[k / 2].rate_hz,
                              .n_channels = rows[k / 2].n_channels,
                              .n_frames = 2 * N_FRAMES / rows[k / 2].n_channels};
        unsigned char *bytes;
        size_t len;
        timbre_audio *audio;
        assert_int_equal(tb_audio_encode(&spec, pcm, &bytes, &len, NULL), TIMBRE_OK);
        assert_int_equal(tb_audio_open_memory(bytes, len, &audio, NULL), TIMBRE_OK);
        tb_error err = {0};
        char hex[TB_SHA256_HEX_BYTES];
        assert_int_equal(tb_sha256_bytes(pcm, sizeof pcm, hex, NULL), TIMBRE_OK);
        if (tb_audio_verify_hash(audio, &spec, hex, &err) != TIMBRE_OK)
            fail_msg("%s, %d Hz: %s", spec.format, spec.rate_hz, err.message);
        timbre_audio_close(audio);
        free(bytes);
    }
}

static void endings_choose_the_format(void **state)
{
    (void)state;
    static const struct {
        const char *path, *format;
    } rows[] = {{"a/b.wav", "wav"}, {"x.FLAC", "flac"}, {"x.y.Opus", "opus"}, {"a.wav/b", NULL},
                {"wav", NULL},      {"x.wave", NULL},   {"x.", NULL},         {".mp3", "mp3"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *format = tb_audio_format_of_path(rows[i].path);
        assert_true((format == NULL) == (rows[i].format == NULL));
        if (format != NULL)
            assert_string_equal(format, rows[i].format);
    }
    assert_string_equal(tb_audio_formats()[0], "wav");
    for (const char *const *name = tb_audio_formats(); *name != NULL; name++) {
        assert_non_null(tb_audio_format_find(*name));
        assert_string_equal(tb_audio_format_find(*name)->name, *name);
    }
}

/* A file that may not grow stands for a full disk: the system's reason comes back. */
static void a_write_that_fails_says_why(void **state)
{
    (void)state;
    struct rlimit before, small = {.rlim_cur = 20000};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    for (int f = 0; f < 5; f++) {
        tb_audio_spec spec = spec_of(tb_audio_formats()[f]);
        tb_error err = {0};
        small.rlim_cur = f < 2 ? 20000 : 500;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        tb_status st = write_file("x", &spec, 1000, &err);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        if (st == TIMBRE_OK || strstr(err.message, "File too large") == NULL)
            fail_msg("%s: %s", spec.format, err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_give_the_bytes_of_one_piece),
        cmocka_unit_test(every_format_is_read_back),
        cmocka_unit_test(every_format_keeps_long_texts_exactly),
        cmocka_unit_test(the_hash_tells_each_difference),
        cmocka_unit_test(what_a_format_cannot_have_is_named),
        cmocka_unit_test(odd_rates_and_channels_are_written_exactly),
        cmocka_unit_test(endings_choose_the_format),
        cmocka_unit_test(a_write_that_fails_says_why),
    };
    return cmocka_run_group_tests(tests, make_tones, remove_folder);
}
