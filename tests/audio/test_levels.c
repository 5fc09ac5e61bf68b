/*
 * Levels of sound that is read in passes: clean holds loudness and peak as an independent meter
 * sees them; riffusion gives the very samples of numpy and pydub.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ebur128.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "engine/audio/levels.h"
#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/random.h"
#include "tests/support/sanitized.h"

/* A signal: value of frame i, channel c, at a rate. */
typedef double (*signal_fn)(int64_t i, int c, int rate_hz);

static double noise(int64_t i, int c, int rate_hz)
{
    (void)rate_hz;
    return (double)(int64_t)tb_random_at(7 + (uint64_t)c, (uint64_t)i) * 0x1p-63;
}

static double sine(int64_t i, int c, int rate_hz)
{
    return 1e6 * sin(6.283185307179586 * (440 + c) * (double)i / rate_hz);
}

/* Five milliseconds, four times a second, over almost nothing. */
static double bursts(int64_t i, int c, int rate_hz)
{
    return (i % (rate_hz / 4) < rate_hz / 200 ? 3e4 : 300) * noise(i, c, rate_hz);
}

static double clipped_square(int64_t i, int c, int rate_hz)
{
    return i * 200 / rate_hz % 2 ? 32767 : -32768 + 0 * c;
}

static double tiny(int64_t i, int c, int rate_hz)
{
    return 1e-20 * noise(i, c, rate_hz);
}

typedef struct {
    signal_fn fn;
    const float *pcm; /* instead of fn */
    int rate_hz, n_channels;
    int16_t *out; /* may be NULL */
    int64_t n_written;
    ebur128_state *meter; /* may be NULL */
    tb_status write_fails;
} stage;

static tb_status read_stage(void *user, int64_t frame, int64_t n, float *out, tb_error *err)
{
    (void)err;
    const stage *s = user;
    for (int64_t i = 0; i < n; i++)
        for (int c = 0; c < s->n_channels; c++)
            *out++ = s->fn != NULL ? (float)s->fn(frame + i, c, s->rate_hz)
                                   : s->pcm[(frame + i) * s->n_channels + c];
    return TIMBRE_OK;
}

static tb_status write_stage(void *user, const int16_t *pcm, int64_t n, tb_error *err)
{
    stage *s = user;
    if (s->write_fails != TIMBRE_OK)
        return tb_fail(err, s->write_fails, "as asked");
    if (s->out != NULL)
        memcpy(s->out + s->n_written * s->n_channels, pcm,
               sizeof *pcm * (size_t)(n * s->n_channels));
    if (s->meter != NULL)
        assert_int_equal(ebur128_add_frames_short(s->meter, pcm, (size_t)n), 0);
    s->n_written += n;
    return TIMBRE_OK;
}

static tb_levels_io io_of(stage *s, int64_t n_frames)
{
    return (tb_levels_io){.read = read_stage,
                          .write = write_stage,
                          .user = s,
                          .n_frames = n_frames,
                          .n_channels = s->n_channels,
                          .rate_hz = s->rate_hz};
}

static double peak_dbtp(ebur128_state *meter)
{
    double peak = 0, x;
    for (unsigned c = 0; c < meter->channels; c++) {
        assert_int_equal(ebur128_true_peak(meter, c, &x), 0);
        peak = fmax(peak, x);
    }
    return 20 * log10(peak);
}

static void clean_holds_at_every_rate_and_scale(void **state)
{
    (void)state;
    static const signal_fn signals[] = {noise, sine, bursts, clipped_square, tiny};
    static const int rates[] = {8000, 44100, 48000, 192000};
    for (int k = 0; k < 5 * 4 * 2; k++) {
        stage s = {.fn = signals[k % 5], .rate_hz = rates[k / 5 % 4], .n_channels = 1 + k / 20};
        s.meter = ebur128_init((unsigned)s.n_channels, (unsigned long)s.rate_hz,
                               EBUR128_MODE_I | EBUR128_MODE_TRUE_PEAK);
        tb_levels_io io = io_of(&s, 2 * s.rate_hz);
        tb_levels_report report;
        tb_error err = {0};
        if (tb_levels_clean(&io, NULL, &report, &err) != TIMBRE_OK)
            fail_msg("%s", err.message);
        assert_int_equal(s.n_written, io.n_frames);
        double lufs, dbtp = peak_dbtp(s.meter);
        assert_int_equal(ebur128_loudness_global(s.meter, &lufs), 0);
        if (fabs(lufs + 16) > 1 || dbtp > -1)
            fail_msg("signal %d, %d Hz, %d channels: %.2f LUFS, %.3f dBTP", k % 5, s.rate_hz,
                     s.n_channels, lufs, dbtp);
        assert_true(fabs(lufs - report.lufs) < 0.05 && fabs(dbtp - report.peak_dbtp) < 0.05);
        assert_true(fabs(report.gain_db * 100 - round(report.gain_db * 100)) < 1e-6);
        ebur128_destroy(&s.meter);
    }
}

/* Where the limiter has nothing to do the whole is one factor, the one that is reported. */
static void the_gain_reported_is_the_gain_applied(void **state)
{
    (void)state;
    enum { N = 44100 };
    static int16_t out[N];
    stage s = {.fn = sine, .rate_hz = 44100, .n_channels = 1, .out = out};
    tb_levels_io io = io_of(&s, N);
    tb_levels_report report;
    assert_int_equal(tb_levels_clean(&io, NULL, &report, NULL), TIMBRE_OK);
    double factor = pow(10, report.gain_db / 20);
    for (int64_t i = 0; i < N; i++)
        assert_true(fabs(out[i] - factor * sine(i, 0, 44100)) < 0.51);
}

/* Too short for a block of BS.1770, down to one sample: levelled by RMS. */
static void short_sounds_are_levelled(void **state)
{
    (void)state;
    static const int64_t lengths[] = {1, 2, 100, 4410};
    for (int k = 0; k < 8; k++) {
        static int16_t out[2 * 4410];
        stage s = {.fn = clipped_square, .rate_hz = 44100, .n_channels = 1 + k % 2, .out = out};
        tb_levels_io io = io_of(&s, lengths[k / 2]);
        tb_levels_report report;
        assert_int_equal(tb_levels_clean(&io, NULL, &report, NULL), TIMBRE_OK);
        assert_true(fabs(report.lufs + 16) < 1 && report.peak_dbtp <= -1);
        assert_true(abs(out[0]) > 1000);
    }
}

static void silence_and_broken_numbers_are_no_success(void **state)
{
    (void)state;
    static const float bad[] = {0, NAN, INFINITY, -INFINITY};
    for (int k = 0; k < 8; k++) {
        enum { N = 5000 };
        static float pcm[2 * N];
        memset(pcm, 0, sizeof pcm);
        pcm[4321] = bad[k / 2];
        stage s = {.pcm = pcm, .rate_hz = 44100, .n_channels = 2};
        tb_levels_io io = io_of(&s, N);
        tb_levels_report report;
        tb_error err = {0};
        bool is_clean = k % 2 == 0;
        tb_status st = is_clean ? tb_levels_clean(&io, NULL, &report, &err)
                                : tb_levels_riffusion(&io, NULL, &report, &err);
        if (!is_clean && k / 2 == 0) { /* what the original does with a white image */
            assert_int_equal(st, TIMBRE_OK);
            continue;
        }
        assert_int_equal(st, TIMBRE_FAILED);
        assert_non_null(strstr(err.message, k / 2 == 0 ? "silent" : "not finite"));
        assert_int_equal(s.n_written, 0);
    }
}

static void what_stops_it_comes_back(void **state)
{
    (void)state;
    timbre_cancel cancel = {0};
    timbre_cancel_request(&cancel);
    const tb_progress progress = {.cancel = &cancel};
    tb_status (*const masters[])(const tb_levels_io *, const tb_progress *, tb_levels_report *,
                                 tb_error *) = {tb_levels_clean, tb_levels_riffusion};
    for (int k = 0; k < 2; k++) {
        stage s = {.fn = noise, .rate_hz = 44100, .n_channels = 1, .write_fails = TIMBRE_NO_SPACE};
        tb_levels_io io = io_of(&s, 44100);
        tb_levels_report report;
        assert_int_equal(masters[k](&io, NULL, &report, NULL), TIMBRE_NO_SPACE);
        assert_int_equal(masters[k](&io, &progress, &report, NULL), TIMBRE_CANCELLED);
    }
}

typedef struct {
    double last;
    int n;
} heard;

static void hear(double fraction, void *user)
{
    heard *h = user;
    assert_true(fraction >= h->last && fraction <= 1);
    h->last = fraction;
    h->n++;
}

static void progress_only_goes_up(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        heard h = {0};
        const tb_progress progress = {.fn = hear, .user = &h};
        stage s = {.fn = bursts, .rate_hz = 48000, .n_channels = 2};
        tb_levels_io io = io_of(&s, 480000);
        tb_levels_report report;
        assert_int_equal(k == 0 ? tb_levels_clean(&io, &progress, &report, NULL)
                                : tb_levels_riffusion(&io, &progress, &report, NULL),
                         TIMBRE_OK);
        assert_true(h.n > 4 && h.last > 0.9);
    }
}

/* Ten minutes would be 19 MB in memory. */
static void long_sounds_do_not_fill_the_memory(void **state)
{
    (void)state;
    struct rusage before, after;
    if (IS_SANITIZED)
        skip();
    for (int k = 0; k < 2; k++) {
        stage s = {.fn = bursts, .rate_hz = 8000, .n_channels = 1};
        tb_levels_io brief = io_of(&s, 8000), lengthy = io_of(&s, 600 * 8000);
        tb_levels_report report;
        tb_status (*levels)(const tb_levels_io *, const tb_progress *, tb_levels_report *,
                            tb_error *) = k == 0 ? tb_levels_clean : tb_levels_riffusion;
        assert_int_equal(levels(&brief, NULL, &report, NULL), TIMBRE_OK);
        assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
        assert_int_equal(levels(&lengthy, NULL, &report, NULL), TIMBRE_OK);
        assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
#ifdef __APPLE__
        long unit = 1; /* bytes there, KiB elsewhere */
#else
        long unit = 1024;
#endif
        assert_true((after.ru_maxrss - before.ru_maxrss) * unit < 4 << 20);
    }
}

static char *read_vectors(const char *name, size_t *len)
{
    const char *dir = getenv("TIMBRE_TESTS_DIR");
    assert_non_null(dir);
    char path[4096];
    snprintf(path, sizeof path, "%s/vectors/%s", dir, name);
    char *bytes = NULL;
    assert_int_equal(tb_file_read(path, 1 << 20, &bytes, len, NULL), TIMBRE_OK);
    return bytes;
}

/* By Python's audioop: tools/golden/levels_vectors.py. */
static void riffusion_gives_pydubs_samples(void **state)
{
    (void)state;
    size_t len, json_len;
    char *bytes = read_vectors("levels.bin", &len), *text = read_vectors("levels.json", &json_len);
    char hex[TB_SHA256_HEX_BYTES];
    assert_int_equal(tb_sha256_bytes(bytes, len, hex, NULL), TIMBRE_OK);
    assert_non_null(strstr(text, hex));
    json_t *about = json_loads(text, 0, NULL), *row;
    size_t i, at = 0;
    int64_t n_clipped = 0;
    json_array_foreach(json_object_get(about, "cases"), i, row)
    {
        const char *name = json_string_value(json_object_get(row, "name"));
        int n_channels = (int)json_integer_value(json_object_get(row, "n_channels"));
        int64_t n_frames = json_integer_value(json_object_get(row, "n_frames"));
        enum { MOST = 1000 };
        float in[MOST];
        int16_t want[MOST], got[MOST];
        size_t n = (size_t)n_frames * (size_t)n_channels;
        assert_true(n <= MOST && at + 6 * n <= len);
        memcpy(in, bytes + at, sizeof *in * n);
        memcpy(want, bytes + at + 4 * n, sizeof *want * n);
        at += 6 * n;
        stage s = {.pcm = in, .rate_hz = 44100, .n_channels = n_channels, .out = got};
        tb_levels_io io = io_of(&s, n_frames);
        tb_levels_report report;
        assert_int_equal(tb_levels_riffusion(&io, NULL, &report, NULL), TIMBRE_OK);
        for (size_t k = 0; k < n; k++)
            if (got[k] != want[k])
                fail_msg("%s: sample %zu is %d, not %d", name, k, got[k], want[k]);
        n_clipped += report.n_clipped;
    }
    assert_int_equal(at, len);
    assert_int_equal(i, 9);
    assert_true(n_clipped > 0); /* a crest over 12 dB is cut, as the original cuts it */
    json_decref(about);
    free(bytes);
    free(text);
}

/* Constant sound has no crest: nothing clips and the gain follows by hand. */
static void riffusion_reports_what_it_did(void **state)
{
    (void)state;
    stage s = {.fn = clipped_square, .rate_hz = 44100, .n_channels = 1};
    int16_t *out = malloc(sizeof *out * 44100);
    assert_non_null(out);
    s.out = out;
    tb_levels_io io = io_of(&s, 44100);
    tb_levels_report report;
    assert_int_equal(tb_levels_riffusion(&io, NULL, &report, NULL), TIMBRE_OK);
    assert_int_equal(report.n_clipped, 0);
    double peak = 0;
    for (int i = 0; i < 44100; i++)
        peak = fmax(peak, abs(out[i]));
    assert_true(fabs(20 * log10(peak / 32768) + 0.1) < 0.01);
    assert_true(fabs(report.gain_db + 0.1) < 0.01);
    assert_true(report.lufs > -3 && report.peak_dbtp > -0.2);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_holds_at_every_rate_and_scale),
        cmocka_unit_test(the_gain_reported_is_the_gain_applied),
        cmocka_unit_test(short_sounds_are_levelled),
        cmocka_unit_test(silence_and_broken_numbers_are_no_success),
        cmocka_unit_test(what_stops_it_comes_back),
        cmocka_unit_test(progress_only_goes_up),
        cmocka_unit_test(long_sounds_do_not_fill_the_memory),
        cmocka_unit_test(riffusion_gives_pydubs_samples),
        cmocka_unit_test(riffusion_reports_what_it_did),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
