/* The look at a sound: what sounds is seen where and when it sounds. */
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
#include <sys/stat.h>
#include <unistd.h>

#include "engine/spectrogram/image_file.h"
#include "timbre/spectrogram.h"

static char folder[] = "/tmp/timbre-view-XXXXXX";
static timbre_engine *engine; /* of two threads */

static timbre_engine *new_engine(int n_threads)
{
    timbre_engine_options options = {.struct_size = sizeof options, .n_threads = n_threads};
    timbre_engine *made;
    assert_int_equal(timbre_engine_new(&options, &made, NULL), TIMBRE_OK);
    return made;
}

static int setup(void **state)
{
    (void)state;
    engine = new_engine(2);
    return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int teardown(void **state)
{
    (void)state;
    timbre_engine_free(engine);
    (void)!system("rm -rf -- \"$PWD\"");
    return chdir("/");
}

/* Value in -1..1 of channel c at time t. */
typedef double (*sound)(double t, int c);

static double silence(double t, int c)
{
    (void)t;
    (void)c;
    return 0;
}

/* 1 kHz; from 2 s on 5 kHz, half as loud. */
static double two_tones(double t, int c)
{
    (void)c;
    return t < 2 ? 0.5 * sin(2 * M_PI * 1000 * t) : 0.25 * sin(2 * M_PI * 5000 * t);
}

/* A sample at 7 s in a soft tone. */
static double click(double t, int c)
{
    (void)c;
    return fabs(t - 7) < 1e-5 ? 1 : 1e-4 * sin(2 * M_PI * 300 * t);
}

static double sweep(double t, int c)
{
    return 0.4 * sin(2 * M_PI * (100 + 400 * t) * t) + 0.1 * sin(2 * M_PI * (3000 + c * 50) * t);
}

static double not_a_number(double t, int c)
{
    (void)c;
    return t > 0.5 ? NAN : 0.1;
}

static void write_sound(const char *path, int format, int rate_hz, int n_channels, int64_t n_frames,
                        sound at)
{
    SF_INFO info = {.samplerate = rate_hz, .channels = n_channels, .format = format};
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    assert_non_null(file);
    double *frames = calloc((size_t)(n_frames * n_channels) + 1, sizeof *frames);
    for (int64_t i = 0; i < n_frames; i++)
        for (int c = 0; c < n_channels; c++)
            frames[i * n_channels + c] = at((double)i / rate_hz, c);
    assert_int_equal(sf_writef_double(file, frames, n_frames), n_frames);
    free(frames);
    assert_int_equal(sf_close(file), 0);
}

static const int WAV = SF_FORMAT_WAV | SF_FORMAT_PCM_16;

static timbre_view *view_of(timbre_engine *by, const char *path, timbre_view_options options)
{
    timbre_view *view;
    timbre_error err = {0};
    options.struct_size = sizeof options;
    if (timbre_view_new(by, path, &options, &view, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    for (int i = 0; i < view->width * view->height; i++)
        assert_true(view->db[i] <= 0 && view->db[i] >= -120);
    return view;
}

static float db_at(const timbre_view *v, int x, int y)
{
    return v->db[(size_t)y * (size_t)v->width + (size_t)x];
}

/* Frequency of the middle of the loudest row of a column. */
static double loudest_hz(const timbre_view *v, int x)
{
    int best = 0;
    for (int y = 1; y < v->height; y++)
        if (db_at(v, x, y) > db_at(v, x, best))
            best = y;
    double low = 2595 * log10(1 + v->min_hz / 700), high = 2595 * log10(1 + v->max_hz / 700);
    double mel = high - (high - low) * (best + 0.5) / v->height;
    return 700 * (pow(10, mel / 2595) - 1);
}

static void tones_are_at_their_frequency_time_and_level(void **state)
{
    (void)state;
    static const int rates[] = {12000, 44100, 96000, 192000};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        write_sound("tones.wav", WAV, rates[i], 2, 4 * rates[i], two_tones);
        timbre_view *v = view_of(engine, "tones.wav",
                                 (timbre_view_options){.width = 80, .height = 400});
        assert_int_equal(v->sample_rate_hz, rates[i]);
        assert_true(v->start_s == 0 && v->duration_s == 4);
        for (int x = 1; x < 79; x++)
            if (x < 38 || x > 41) { /* where the tone changes */
                double want = x < 40 ? 1000 : 5000, level = x < 40 ? 0 : -6.02;
                assert_true(fabs(loudest_hz(v, x) - want) < 0.02 * want);
                float loudest = -120;
                for (int y = 0; y < 400; y++)
                    loudest = fmaxf(loudest, db_at(v, x, y));
                assert_true(fabs((double)loudest - level) < 0.5);
            }
        timbre_view_free(v);
    }
}

static void a_click_is_seen_in_the_one_cell_where_it_is(void **state)
{
    (void)state;
    write_sound("click.wav", WAV, 22050, 1, 60 * 22050, click);
    timbre_view *v = view_of(engine, "click.wav", (timbre_view_options){.width = 60, .height = 64});
    for (int x = 0; x < 60; x++)
        for (int y = 0; y < 20; y++)
            if (x != 6) /* 7.0 s is the border between two */
                assert_true((x == 7) == (db_at(v, x, y) > -40));
    timbre_view_free(v);
}

static void bits_do_not_depend_on_threads(void **state)
{
    (void)state;
    timbre_view_options options = {.width = 300, .height = 100};
    write_sound("sweep.wav", WAV, 44100, 2, 5 * 44100 + 17, sweep);
    timbre_view *want = view_of(engine, "sweep.wav", options);
    static const int threads[] = {1, 3, 7};
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        timbre_engine *other = new_engine(threads[i]);
        timbre_view *v = view_of(other, "sweep.wav", options);
        assert_memory_equal(v->db, want->db, 300 * 100 * sizeof *v->db);
        timbre_view_free(v);
        timbre_engine_free(other);
    }
    timbre_view_free(want);
}

/* 5 kHz in the second half, over what two_tones has in the first. */
static double high_tone(double t, int c)
{
    (void)c;
    return t < 2 ? 0 : 0.25 * sin(2 * M_PI * 5000 * t);
}

static void a_difference_is_what_the_other_has_not(void **state)
{
    (void)state;
    timbre_error err = {0};
    timbre_view_options options = {.width = 80, .height = 400, .max_hz = 10000};
    write_sound("both.wav", WAV, 44100, 2, 4 * 44100, two_tones);
    write_sound("high.wav", WAV, 32000, 1, 4 * 32000, high_tone);
    write_sound("quiet.wav", WAV, 44100, 1, 4 * 44100, silence);
    timbre_view *a = view_of(engine, "both.wav", options);
    timbre_view *high = view_of(engine, "high.wav", options);
    timbre_view *quiet = view_of(engine, "quiet.wav", options);
    timbre_view *same = view_of(engine, "both.wav", options);

    assert_int_equal(timbre_view_subtract(same, quiet, &err), TIMBRE_OK); /* all is left */
    for (int i = 0; i < 80 * 400; i++)
        assert_true(fabsf(same->db[i] - a->db[i]) < 1e-3F);
    timbre_view *none = view_of(engine, "both.wav", options);
    assert_int_equal(timbre_view_subtract(none, a, &err), TIMBRE_OK);
    for (int i = 0; i < 80 * 400; i++)
        assert_true(none->db[i] == -120);

    assert_int_equal(timbre_view_subtract(a, high, &err), TIMBRE_OK);
    for (int x = 2; x < 38; x++)
        assert_true(fabs(loudest_hz(a, x) - 1000) < 20);
    for (int x = 43; x < 78; x++) /* half as loud there, and as loud as the loudest here */
        for (int y = 0; y < 400; y++)
            assert_true(db_at(a, x, y) < -40);

    options.width = 81;
    timbre_view *wide = view_of(engine, "both.wav", options);
    assert_int_equal(timbre_view_subtract(wide, high, &err), TIMBRE_BAD_INPUT);
    assert_non_null(strstr(err.message, "cannot be compared"));
    enum { N_ALL = 6 };
    timbre_view *const all[N_ALL] = {a, high, quiet, same, none, wide};
    for (int i = 0; i < N_ALL; i++)
        timbre_view_free(all[i]);
}

/* The cells of a part are those of the whole, but for the level of the maximum. */
static void a_part_looks_as_in_the_whole(void **state)
{
    (void)state;
    write_sound("sweep.wav", WAV, 32000, 1, 8 * 32000, sweep);
    timbre_view *whole = view_of(engine, "sweep.wav",
                                 (timbre_view_options){.width = 400, .height = 90});
    timbre_view *part = view_of(
        engine, "sweep.wav",
        (timbre_view_options){.width = 100, .height = 90, .start_s = 3, .length_s = 2});
    assert_true(part->start_s == 3 && part->duration_s == 2);
    double offset = (double)db_at(part, 50, 80) - (double)db_at(whole, 200, 80);
    for (int y = 0; y < 90; y++)
        for (int x = 0; x < 100; x++)
            if (db_at(part, x, y) > -60 && db_at(whole, 150 + x, y) > -60)
                assert_true(fabs((double)db_at(part, x, y) - (double)db_at(whole, 150 + x, y) -
                                 offset) < 0.01);
    timbre_view_free(whole);
    timbre_view_free(part);
}

static void every_length_and_size_works(void **state)
{
    (void)state;
    static const int lengths[] = {1, 2, 3, 63, 64, 65, 999, 1024, 4410, 30001};
    static const int sizes[][2] = {{1, 1}, {64, 2}, {100, 300}, {2000, 3}};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            write_sound("short.wav", WAV, 8000, 1, lengths[i], sweep);
            timbre_view *v = view_of(
                engine, "short.wav",
                (timbre_view_options){.width = sizes[k][0], .height = sizes[k][1], .min_hz = 50});
            assert_int_equal(v->width, sizes[k][0]);
            assert_int_equal(v->height, sizes[k][1]);
            assert_true(fabs(v->duration_s - lengths[i] / 8000.0) < 1e-9);
            assert_true(v->min_hz == 50 && v->max_hz == 4000);
            timbre_view_free(v);
        }
}

static void no_column_of_a_steady_sound_is_empty(void **state)
{
    (void)state;
    static const int widths[] = {7, 100, 999, 1000, 1001, 3000, 16384};
    write_sound("tone.wav", WAV, 8000, 1, 1000, two_tones);
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        timbre_view *v = view_of(engine, "tone.wav",
                                 (timbre_view_options){.width = widths[i], .height = 100});
        for (int x = 0; x < v->width; x++)
            assert_true(fabs(loudest_hz(v, x) - 1000) < 40);
        timbre_view_free(v);
    }
}

static void silence_is_dark(void **state)
{
    (void)state;
    write_sound("silence.wav", WAV, 44100, 1, 44100, silence);
    timbre_view *v = view_of(engine, "silence.wav", (timbre_view_options){.width = 0});
    assert_int_equal(v->width, 1024);
    assert_int_equal(v->height, 512);
    for (int i = 0; i < 1024 * 512; i++)
        assert_true(v->db[i] == -120);
    timbre_view_free(v);
}

/* Where the rest is cut off, an MP3 file still promises all of it, and an Ogg file nothing. */
static void a_file_whose_head_is_wrong_fills_the_view(void **state)
{
    (void)state;
    static const int formats[] = {SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III,
                                  SF_FORMAT_OGG | SF_FORMAT_VORBIS};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        SF_INFO kind = {.samplerate = 44100, .channels = 1, .format = formats[i]};
        struct stat info;
        if (!sf_format_check(&kind))
            continue; /* libsndfile before 1.1 has no MP3 */
        write_sound("cut", formats[i], 44100, 1, 10 * 44100, sweep);
        assert_int_equal(stat("cut", &info), 0);
        assert_int_equal(truncate("cut", info.st_size / 2), 0);
        timbre_view *v = view_of(engine, "cut", (timbre_view_options){.width = 200, .height = 50});
        assert_true(v->duration_s > 1 && v->duration_s < 8);
        float last = -120;
        for (int y = 0; y < 50; y++)
            last = fmaxf(last, db_at(v, 199, y));
        assert_true(last > -20); /* sound up to the right edge */
        timbre_view *part = view_of(
            engine, "cut",
            (timbre_view_options){.width = 9, .height = 9, .start_s = 0.5, .length_s = 100});
        assert_true(fabs(part->duration_s - (v->duration_s - 0.5)) < 1e-3);
        timbre_view_free(part);
        timbre_view_free(v);
        timbre_view *none = NULL;
        timbre_view_options behind = {.struct_size = sizeof behind, .start_s = 11};
        timbre_error err = {0};
        assert_int_equal(timbre_view_new(engine, "cut", &behind, &none, &err), TIMBRE_BAD_INPUT);
        assert_non_null(strstr(err.message, "not before the end"));
    }
}

static void assert_refused(const char *path, timbre_view_options options, timbre_status want,
                           const char *message)
{
    timbre_view *view;
    timbre_error err = {0};
    options.struct_size = sizeof options;
    assert_int_equal(timbre_view_new(engine, path, &options, &view, &err), want);
    assert_null(view);
    if (strstr(err.message, message) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, message);
}

static void what_cannot_be_shown_is_refused_by_name(void **state)
{
    (void)state;
    write_sound("ok.wav", WAV, 44100, 1, 44100, sweep);
    write_sound("nan.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 44100, 1, 44100, not_a_number);
    write_sound("empty.wav", WAV, 44100, 1, 0, silence);
    FILE *text = fopen("text.wav", "w");
    assert_non_null(text);
    fputs("no sound at all\n", text);
    fclose(text);
    const timbre_view_options usual = {.width = 50, .height = 20};
    timbre_view_options o = usual;
    assert_refused("missing.wav", o, TIMBRE_NOT_FOUND, "missing.wav");
    assert_refused("text.wav", o, TIMBRE_BAD_FILE, "text.wav");
    assert_refused("nan.wav", o, TIMBRE_BAD_FILE, "0.5");
    assert_refused("empty.wav", o, TIMBRE_BAD_FILE, "holds no sound");
    o.start_s = 1;
    assert_refused("ok.wav", o, TIMBRE_BAD_INPUT, "not before the end");
    o = usual, o.start_s = -1;
    assert_refused("ok.wav", o, TIMBRE_BAD_INPUT, "start_s -1");
    o = usual, o.length_s = NAN;
    assert_refused("ok.wav", o, TIMBRE_BAD_INPUT, "length_s nan");
    o = usual, o.min_hz = 30000;
    assert_refused("ok.wav", o, TIMBRE_BAD_INPUT, "not below the highest, 20000 Hz");
    o = usual, o.width = 16385;
    assert_refused("ok.wav", o, TIMBRE_BAD_INPUT, "width 16385 is not in 1..16384");
    o = usual, o.height = -1;
    assert_refused("ok.wav", o, TIMBRE_BAD_INPUT, "height -1 is not in 1..4096");
    timbre_cancel cancel = {0};
    timbre_cancel_request(&cancel);
    o = usual, o.cancel = &cancel;
    assert_refused("ok.wav", o, TIMBRE_CANCELLED, "");
}

static void on_progress(const timbre_progress *progress, void *user)
{
    double *last = user;
    assert_string_equal(progress->stage, "analyze");
    assert_true(progress->fraction >= *last && progress->fraction <= 1);
    *last = progress->fraction;
}

static void progress_goes_from_0_to_1(void **state)
{
    (void)state;
    double last = 0;
    write_sound("ok.wav", WAV, 44100, 1, 10 * 44100, sweep);
    timbre_view *v = view_of(
        engine, "ok.wav",
        (timbre_view_options){
            .width = 50, .height = 20, .progress = on_progress, .progress_user = &last});
    assert_true(last == 1);
    timbre_view_free(v);
}

static void assert_image(const char *path, int width, int height)
{
    tb_image_reader *reader;
    assert_int_equal(tb_image_open(path, &reader, NULL), TIMBRE_OK);
    const tb_image_info *info = tb_image_get_info(reader);
    assert_true(info->width > width && info->width < width + 200);
    assert_true(info->height > height && info->height < height + 100);
    assert_false(info->has_exif); /* it is not for decoding */
    tb_image_close(reader);
}

static void a_picture_is_saved_whole_or_not_at_all(void **state)
{
    (void)state;
    timbre_error err = {0};
    write_sound("ok.wav", WAV, 44100, 1, 44100, sweep);
    timbre_view *v = view_of(engine, "ok.wav", (timbre_view_options){.width = 320, .height = 160});
    assert_int_equal(timbre_view_check_output("a.png", 0, &err), TIMBRE_OK);
    assert_int_equal(timbre_view_save(v, "a sweep", 80, "a.png", 0, &err), TIMBRE_OK);
    assert_image("a.png", 320, 160);
    assert_int_equal(timbre_view_check_output("a.png", 0, &err), TIMBRE_EXISTS);
    assert_int_equal(timbre_view_save(v, NULL, 80, "a.png", 0, &err), TIMBRE_EXISTS);
    assert_int_equal(timbre_view_save(v, NULL, 80, "a.png", 1, &err), TIMBRE_OK);
    assert_int_equal(timbre_view_save(v, "as JPEG", 80, "a.jpg", 0, &err), TIMBRE_OK);
    assert_image("a.jpg", 320, 160);
    assert_int_equal(timbre_view_save(v, NULL, 80, "a.wav", 0, &err), TIMBRE_BAD_INPUT);
    assert_int_equal(timbre_view_save(v, NULL, 0, "b.png", 0, &err), TIMBRE_BAD_INPUT);
    assert_int_equal(timbre_view_save(v, NULL, 121, "b.png", 0, &err), TIMBRE_BAD_INPUT);
    assert_int_equal(timbre_view_save(v, NULL, 80, "no/b.png", 0, &err), TIMBRE_NOT_FOUND);
    assert_int_equal(access("b.png", F_OK), -1);
    timbre_view_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tones_are_at_their_frequency_time_and_level),
        cmocka_unit_test(a_click_is_seen_in_the_one_cell_where_it_is),
        cmocka_unit_test(a_difference_is_what_the_other_has_not),
        cmocka_unit_test(bits_do_not_depend_on_threads),
        cmocka_unit_test(a_part_looks_as_in_the_whole),
        cmocka_unit_test(every_length_and_size_works),
        cmocka_unit_test(no_column_of_a_steady_sound_is_empty),
        cmocka_unit_test(silence_is_dark),
        cmocka_unit_test(a_file_whose_head_is_wrong_fills_the_view),
        cmocka_unit_test(what_cannot_be_shown_is_refused_by_name),
        cmocka_unit_test(progress_goes_from_0_to_1),
        cmocka_unit_test(a_picture_is_saved_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
