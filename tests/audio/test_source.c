/* Sound from files as the spectrogram wants it: channels, rate and units, however it is read, and
 * errors for what cannot be sound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/audio/channels.h"
#include "engine/audio/source.h"
#include "engine/base/file.h"
#include "engine/base/limits.h"
#include "engine/base/random.h"
#include "tests/support/folder.h"

static int16_t noise16(int64_t i)
{
    return (int16_t)(tb_random_at(3, (uint64_t)i) >> 48);
}

/* "x" with n frames of noise of 16 bits. */
static void write_noise(int sf_format, int rate_hz, int n_channels, int64_t n)
{
    SF_INFO info = {.samplerate = rate_hz, .channels = n_channels, .format = sf_format};
    SNDFILE *sf = sf_open("x", SFM_WRITE, &info);
    assert_non_null(sf);
    for (int64_t i = 0; i < n; i++) {
        int16_t frame[64];
        for (int c = 0; c < n_channels; c++)
            frame[c] = noise16(i * n_channels + c);
        assert_int_equal(sf_writef_short(sf, frame, 1), 1);
    }
    sf_close(sf);
}

static void write_floats(const float *x, int n_channels, int64_t n)
{
    SF_INFO info = {
        .samplerate = 44100, .channels = n_channels, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
    SNDFILE *sf = sf_open("x", SFM_WRITE, &info);
    assert_non_null(sf);
    assert_int_equal(sf_writef_float(sf, x, n), n);
    sf_close(sf);
}

static tb_source *open_source(int n_channels, int rate_hz)
{
    tb_source_spec spec = {.n_channels = n_channels, .rate_hz = rate_hz};
    tb_source *s;
    tb_error err = {0};
    if (tb_source_open("x", &spec, &s, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    return s;
}

/* All of it, `cut` frames at a time; owned. */
static float *read_all(tb_source *s, int64_t cut, int64_t *n)
{
    tb_source_info info;
    tb_source_get_info(s, &info);
    size_t capacity = 1 << 20;
    float *out = malloc(capacity * sizeof *out);
    assert_non_null(out);
    int64_t n_read = cut;
    for (*n = 0; n_read == cut; *n += n_read) {
        assert_true((size_t)((*n + cut) * info.n_channels) <= capacity);
        tb_error err = {0};
        if (tb_source_read(s, out + *n * info.n_channels, cut, &n_read, &err) != TIMBRE_OK)
            fail_msg("%s", err.message);
    }
    return out;
}

static void samples_of_16_bits_come_as_they_are(void **state)
{
    (void)state;
    static const int formats[] = {
        SF_FORMAT_WAV | SF_FORMAT_PCM_16, SF_FORMAT_FLAC | SF_FORMAT_PCM_16,
        SF_FORMAT_AIFF | SF_FORMAT_PCM_16, SF_FORMAT_WAV | SF_FORMAT_PCM_24};
    for (int f = 0; f < 4; f++) {
        write_noise(formats[f], 44100, 2, 10000);
        tb_source *s = open_source(0, 0);
        int64_t n;
        float *x = read_all(s, 999, &n);
        assert_int_equal(n, 10000);
        for (int64_t i = 0; i < 2 * n; i++)
            assert_true(x[i] == noise16(i));
        free(x);
        tb_source_close(s);
    }
}

/* pydub: floor((L + R) / 2) of 16 bits; finer samples are not rounded. */
static void two_to_one_is_pydubs(void **state)
{
    (void)state;
    write_noise(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 44100, 2, 5000);
    tb_source *s = open_source(1, 0);
    int64_t n;
    float *x = read_all(s, 4096, &n);
    assert_int_equal(n, 5000);
    for (int64_t i = 0; i < n; i++) {
        int sum = noise16(2 * i) + noise16(2 * i + 1);
        int floored = sum / 2 - (sum % 2 < 0);
        assert_true(x[i] == floored);
    }
    free(x);
    tb_source_close(s);
    const float fine[2] = {3.0f / 32768, -4.0f / 32768};
    write_floats(fine, 2, 1);
    s = open_source(1, 0);
    x = read_all(s, 4096, &n);
    assert_true(n == 1 && x[0] == -0.5f);
    free(x);
    tb_source_close(s);
}

static void one_to_two_is_twice_the_same(void **state)
{
    (void)state;
    write_noise(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 8000, 1, 1);
    tb_source *s = open_source(2, 0);
    int64_t n;
    float *x = read_all(s, 10, &n);
    assert_true(n == 1 && x[0] == noise16(0) && x[1] == noise16(0));
    free(x);
    tb_source_close(s);
}

/* What is in one channel only shows where it goes; all channels at full scale stay within it. */
static void surround_is_mixed_by_its_layout(void **state)
{
    (void)state;
    static const double g = 0.70710678118654752, norm = 1 + 2 * 0.70710678118654752;
    const double left[6] = {1 / norm, 0, g / norm, 0, g / norm, 0};
    const double right[6] = {0, 1 / norm, g / norm, 0, 0, g / norm};
    for (int c = 0; c < 6; c++) {
        float in[6] = {0}, out[2], five[5];
        in[c] = 30000;
        tb_channels_convert(in, 6, out, 2, 1, true);
        assert_true(fabs(out[0] - 30000 * left[c]) < 0.01);
        assert_true(fabs(out[1] - 30000 * right[c]) < 0.01);
        if (c == 3)
            continue;
        memcpy(five, in, 3 * sizeof *five);
        memcpy(five + 3, in + 4, 2 * sizeof *five);
        tb_channels_convert(five, 5, out, 2, 1, true);
        assert_true(fabs(out[0] - 30000 * left[c]) < 0.01);
    }
    static const float full[6] = {32767, 32767, 32767, 32767, 32767, 32767};
    static const float four[4] = {1, 20, 3, 40};
    float out[2];
    tb_channels_convert(full, 6, out, 2, 1, true);
    assert_true(out[0] <= 32767.01f && out[1] <= 32767.01f);
    tb_channels_convert(four, 4, out, 2, 1, true);
    assert_true(out[0] == 2 && out[1] == 30);
    tb_channels_convert(four, 4, out, 1, 1, true);
    assert_true(out[0] == 16);
}

/* The same bytes for any cutting, the promised length, from and to the extremes. */
static void resampling_does_not_see_how_it_is_read(void **state)
{
    (void)state;
    static const struct {
        int from, to;
    } rates[] = {{48000, 44100}, {8000, 44100}, {192000, 44100}, {44100, 48000}, {44100, 44099}};
    static const int64_t cuts[] = {1, 7, 4096, 100000};
    static const int64_t lengths[] = {1, 100, 4096, 8192, 20000};
    for (int r = 0; r < 5; r++)
        for (int l = 0; l < 5; l++) {
            write_noise(SF_FORMAT_WAV | SF_FORMAT_PCM_16, rates[r].from, 2, lengths[l]);
            float *whole = NULL;
            int64_t n_whole = 0;
            for (int c = 3; c >= 0; c--) {
                int64_t n;
                tb_source *s = open_source(0, rates[r].to);
                float *x = read_all(s, cuts[c], &n);
                tb_source_close(s);
                if (whole == NULL) {
                    whole = x;
                    n_whole = n;
                    continue;
                }
                assert_int_equal(n, n_whole);
                assert_memory_equal(x, whole, sizeof *x * 2 * (size_t)n);
                free(x);
            }
            double exact = (double)lengths[l] * rates[r].to / rates[r].from;
            if ((double)n_whole > exact + 0.5 || (double)n_whole < exact - 2)
                fail_msg("%lld frames %d -> %d Hz give %lld", (long long)lengths[l], rates[r].from,
                         rates[r].to, (long long)n_whole);
            free(whole);
        }
}

static void a_tone_stays_the_tone_at_another_rate(void **state)
{
    (void)state;
    enum { N = 48000 };
    static float tone[N];
    for (int i = 0; i < N; i++)
        tone[i] = (float)(0.5 * sin(6.283185307179586 * 1000 * i / 44100.0));
    write_floats(tone, 1, N);
    tb_source *s = open_source(0, 22050);
    int64_t n;
    float *x = read_all(s, 512, &n);
    tb_source_close(s);
    double worst = 0;
    for (int64_t i = 1000; i < n - 1000; i++) {
        double want = 16384 * sin(6.283185307179586 * 1000 * (double)i / 22050.0);
        worst = fmax(worst, fabs(x[i] - want));
    }
    assert_true(worst < 16384e-5); /* -100 dB */
    free(x);
}

/* The first status that is not OK, until the end. */
static tb_status read_to_end(tb_source *s, tb_error *err)
{
    float out[2000];
    int64_t n = 1;
    tb_status st = TIMBRE_OK;
    while (st == TIMBRE_OK && n > 0) {
        st = tb_source_read(s, out, 1000, &n, err);
        for (int64_t i = 0; st == TIMBRE_OK && i < n; i++)
            assert_true(fabsf(out[i]) <= TB_SAMPLE_MAX);
    }
    return st;
}

/* What is no number, or beyond the limit, at 0.5 s of two channels. */
static void values_that_no_sound_has_are_named_with_their_time(void **state)
{
    (void)state;
    static const struct {
        float value;
        const char *says;
    } rows[] = {{NAN, "nan"},     {INFINITY, "inf"},  {-INFINITY, "-inf"},      {3e38f, "inf"},
                {1e34f, "1e+34"}, {-1e13f, "-1e+13"}, {33554436, "3.35544e+07"}};
    for (size_t k = 0; k < 2 * sizeof rows / sizeof *rows; k++) {
        enum { N = 30000 };
        static float x[2 * N];
        memset(x, 0, sizeof x);
        x[2 * 22050 + 1] = rows[k / 2].value;
        write_floats(x, 2, N);
        tb_source *s = open_source(1, k % 2 ? 22050 : 0);
        tb_error err = {0};
        assert_int_equal(read_to_end(s, &err), TIMBRE_BAD_FILE);
        assert_non_null(strstr(err.message, "0.500 s"));
        assert_non_null(strstr(err.message, rows[k / 2].says));
        assert_non_null(strstr(err.message, "33554432"));
        tb_source_close(s);
    }
}

/* As loud as may be; a square wave of it overshoots where its rate is changed. */
static void loudest_sound_is_read_and_its_overshoot_refused(void **state)
{
    (void)state;
    enum { N = 30000 };
    static float x[N];
    for (int i = 0; i < N; i++)
        x[i] = i / 50 % 2 ? 0x1p25f : -0x1p25f;
    write_floats(x, 1, N);
    for (int k = 0; k < 2; k++) {
        tb_source *s = open_source(1, k == 0 ? 0 : 48000);
        tb_error err = {0};
        assert_int_equal(read_to_end(s, &err), k == 0 ? TIMBRE_OK : TIMBRE_BAD_FILE);
        assert_true(k == 0 || strstr(err.message, "33554432") != NULL);
        tb_source_close(s);
    }
}

/* A FLAC whose head has 0 for its number of samples, as one from a pipe. */
static void length_that_a_file_does_not_tell_is_0(void **state)
{
    (void)state;
    enum { TOTAL = 4 + 4 + 13, N = 20000 }; /* "fLaC", block head, STREAMINFO up to 36 bits */
    tb_source_info info;
    write_noise(SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 44100, 1, N);
    tb_source *s = open_source(0, 0);
    tb_source_get_info(s, &info);
    assert_int_equal(info.n_frames, N);
    tb_source_close(s);
    char *bytes;
    size_t len;
    assert_int_equal(tb_file_read("x", 1 << 20, &bytes, &len, NULL), TIMBRE_OK);
    bytes[TOTAL] = (char)(bytes[TOTAL] & 0xf0);
    memset(bytes + TOTAL + 1, 0, 4);
    assert_int_equal(tb_file_write("x", bytes, len, true, NULL), TIMBRE_OK);
    free(bytes);
    s = open_source(0, 0);
    tb_source_get_info(s, &info);
    assert_int_equal(info.n_frames, 0);
    int64_t n;
    free(read_all(s, 4096, &n));
    assert_int_equal(n, N);
    tb_source_close(s);
}

static void rates_and_channels_beyond_the_limits_are_refused(void **state)
{
    (void)state;
    static const struct {
        int rate_hz, n_channels, to_hz;
        tb_status status;
        const char *says;
    } rows[] = {{999, 1, 0, TIMBRE_BAD_FILE, "999 Hz"},
                {384001, 1, 0, TIMBRE_BAD_FILE, "384000"},
                {44100, 33, 0, TIMBRE_BAD_FILE, "33 channels exceed 32"},
                {384000, 1, 1000, TIMBRE_UNSUPPORTED, "256"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_noise(SF_FORMAT_WAV | SF_FORMAT_PCM_16, rows[i].rate_hz, rows[i].n_channels, 10);
        tb_source_spec spec = {.rate_hz = rows[i].to_hz};
        tb_source *s;
        tb_error err = {0};
        assert_int_equal(tb_source_open("x", &spec, &s, &err), rows[i].status);
        assert_null(s);
        assert_non_null(strstr(err.message, rows[i].says));
    }
}

static void seeking_goes_to_the_frame(void **state)
{
    (void)state;
    write_noise(SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 44100, 1, 30000);
    tb_source *s = open_source(0, 0);
    static const int64_t frames[] = {29999, 0, 12345, 4096, 30000};
    for (int k = 0; k < 5; k++) {
        float x[2];
        int64_t n;
        assert_int_equal(tb_source_seek(s, frames[k], NULL), TIMBRE_OK);
        assert_int_equal(tb_source_read(s, x, 2, &n, NULL), TIMBRE_OK);
        assert_int_equal(n, 30000 - frames[k] < 2 ? 30000 - frames[k] : 2);
        for (int64_t i = 0; i < n; i++)
            assert_true(x[i] == noise16(frames[k] + i));
    }
    tb_source_close(s);
    s = open_source(0, 48000);
    assert_int_equal(tb_source_seek(s, 0, NULL), TIMBRE_UNSUPPORTED);
    tb_source_close(s);
}

/* A file cut anywhere is refused or ends early; it never hangs and never grows. */
static void cut_files_end(void **state)
{
    (void)state;
    static const int formats[] = {
        SF_FORMAT_WAV | SF_FORMAT_PCM_16, SF_FORMAT_FLAC | SF_FORMAT_PCM_16,
        SF_FORMAT_OGG | SF_FORMAT_VORBIS, SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III};
    for (int f = 0; f < 4; f++) {
        write_noise(formats[f], 44100, 1, 40000);
        char *bytes;
        size_t len;
        assert_int_equal(tb_file_read("x", 1 << 20, &bytes, &len, NULL), TIMBRE_OK);
        int n_ended = 0;
        for (int k = 0; k < 40; k++) {
            size_t cut = len * (size_t)k / 40;
            assert_int_equal(tb_file_write("x", bytes, cut, true, NULL), TIMBRE_OK);
            tb_source *s;
            tb_error err = {0};
            if (tb_source_open("x", &(tb_source_spec){.rate_hz = 48000}, &s, &err) != TIMBRE_OK) {
                assert_true(err.message[0] != '\0');
                continue;
            }
            float x[512];
            int64_t n = 512, total = 0;
            while (n == 512 && total < 100000 && tb_source_read(s, x, 512, &n, &err) == TIMBRE_OK)
                total += n;
            assert_true(total < 45000);
            n_ended += total > 0;
            tb_source_close(s);
        }
        if (n_ended < 10)
            fail_msg("format %x: only %d of 40 give sound", formats[f], n_ended);
        free(bytes);
    }
}

static void riffusions_mp3_has_its_length(void **state)
{
    (void)state;
    const char *data = getenv("TIMBRE_TEST_DATA");
    if (data == NULL)
        skip();
    char path[4096];
    snprintf(path, sizeof path, "%s/riffusion/pairs/rap_sample.mp3", data);
    tb_source *s;
    assert_int_equal(tb_source_open(path, &(tb_source_spec){.n_channels = 1}, &s, NULL), TIMBRE_OK);
    int64_t n;
    float *x = read_all(s, 4096, &n);
    assert_int_equal(n, 225351); /* 511 steps of 441 samples */
    free(x);
    tb_source_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_of_16_bits_come_as_they_are),
        cmocka_unit_test(two_to_one_is_pydubs),
        cmocka_unit_test(one_to_two_is_twice_the_same),
        cmocka_unit_test(surround_is_mixed_by_its_layout),
        cmocka_unit_test(resampling_does_not_see_how_it_is_read),
        cmocka_unit_test(a_tone_stays_the_tone_at_another_rate),
        cmocka_unit_test(values_that_no_sound_has_are_named_with_their_time),
        cmocka_unit_test(loudest_sound_is_read_and_its_overshoot_refused),
        cmocka_unit_test(length_that_a_file_does_not_tell_is_0),
        cmocka_unit_test(rates_and_channels_beyond_the_limits_are_refused),
        cmocka_unit_test(seeking_goes_to_the_frame),
        cmocka_unit_test(cut_files_end),
        cmocka_unit_test(riffusions_mp3_has_its_length),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
