/*
 * Decoding loses less than the MP3 that Riffusion published with the image: two pairs of image and
 * sound from its web application, through the public API. Asked of
 * both masters and three seeds. quality.h says what is measured. Without the outside data
 * (TIMBRE_TEST_DATA) the cases skip, but for the measure itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/spectrogram/quality.h"
#include "timbre/spectrogram.h"

static tb_pool *pool;

static int start(void **state)
{
    (void)state;
    tb_error err = {0};
    return tb_pool_new(0, &pool, &err) == TIMBRE_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    tb_pool_free(pool);
    return 0;
}

static void check(tb_status st, const tb_error *err)
{
    if (st != TIMBRE_OK)
        fail_msg("%s", err->message);
}

static const struct {
    const char *master;
    int64_t seed;
} ways[] = {{"clean", 0},     {"clean", 1},     {"clean", 2},
            {"riffusion", 0}, {"riffusion", 1}, {"riffusion", 2}};
enum { N_WAYS = sizeof ways / sizeof *ways };

static void decode(const char *image, int way, const char *sound)
{
    timbre_engine_options how = {.struct_size = sizeof how};
    timbre_engine *engine;
    tb_error err = {0};
    check(timbre_engine_new(&how, &engine, &err), &err);
    timbre_decode_options options = {.struct_size = sizeof options,
                                     .output = sound,
                                     .replace = 1,
                                     .master = ways[way].master,
                                     .seed = ways[way].seed};
    timbre_decode_report report = {.struct_size = sizeof report};
    check(timbre_decode(engine, image, &options, &report, &err), &err);
    timbre_engine_free(engine);
}

static double distance_db(const quality_bands *image, const char *sound, const char *name)
{
    quality_bands bands;
    quality_distance distance;
    tb_error err = {0};
    check(quality_load_sound(sound, pool, &bands, &err), &err);
    check(quality_compare(image, &bands, &distance, &err), &err);
    printf("# %s: %.3f dB, gain %.1f dB, shift %d, %d cells\n", name, distance.db, distance.gain_db,
           distance.shift, distance.n_cells);
    quality_deinit(&bands);
    return distance.db;
}

static void check_pair(const char *image_name, const char *mp3_name)
{
    const char *data = getenv("TIMBRE_TEST_DATA");
    if (data == NULL || data[0] == '\0')
        skip();
    char image[4096], mp3[4096], folder[64] = "/tmp/timbre-quality-XXXXXX", ours[128];
    snprintf(image, sizeof image, "%s/riffusion/pairs/%s", data, image_name);
    snprintf(mp3, sizeof mp3, "%s/riffusion/pairs/%s", data, mp3_name);
    assert_non_null(mkdtemp(folder));
    snprintf(ours, sizeof ours, "%s/ours.wav", folder);
    quality_bands bands;
    tb_error err = {0};
    check(quality_load_image(image, &bands, &err), &err);
    double mp3_db = distance_db(&bands, mp3, mp3_name), worst_db = 0;
    for (int i = 0; i < N_WAYS; i++) {
        decode(image, i, ours);
        double db = distance_db(&bands, ours, ways[i].master);
        worst_db = fmax(worst_db, db);
    }
    unlink(ours);
    rmdir(folder);
    quality_deinit(&bands);
    if (!(worst_db < mp3_db))
        fail_msg("ours %.3f dB, the MP3 %.3f dB", worst_db, mp3_db);
}

static void funky_sax_is_closer_than_its_mp3(void **state)
{
    (void)state;
    check_pair("funky_sax.png", "funky_sax.mp3");
}

static void rap_sample_is_closer_than_its_mp3(void **state)
{
    (void)state;
    check_pair("rap_sample.jpg", "rap_sample.mp3");
}

/* A pattern over 50 dB, 20 bands by 30 columns; and the same, changed. */
static void make_bands(quality_bands *bands, float gain, int delay, double ripple_db)
{
    *bands = (quality_bands){.n_mels = 20, .width = 30};
    bands->amplitudes = calloc(600, sizeof *bands->amplitudes);
    assert_non_null(bands->amplitudes);
    for (int i = 0; i < 20; i++)
        for (int t = 0; t < 30; t++) {
            int s = t - delay;
            double db = -25 + 25 * sin(1.7 * i + 0.9 * s + 0.31 * i * s);
            db += (i + t) % 2 ? ripple_db : -ripple_db;
            bands->amplitudes[i * 30 + t] = gain * (float)pow(10, db / 20);
        }
}

/* Gain and one frame are free, a ripple of 2 dB is 2 dB, two frames are not free. */
static void measure_is_what_it_says(void **state)
{
    (void)state;
    static const struct {
        float gain;
        int delay;
        double ripple_db, lo, hi;
    } cases[] = {{1, 0, 0, 0, 1e-4},
                 {0.01f, 1, 0, 0, 1e-4},
                 {7, -1, 0, 0, 1e-4},
                 {3, 0, 2, 1.99, 2.01},
                 {1, 2, 0, 3, 100}};
    quality_bands image, sound;
    make_bands(&image, 1, 0, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        quality_distance distance;
        tb_error err = {0};
        make_bands(&sound, cases[i].gain, cases[i].delay, cases[i].ripple_db);
        check(quality_compare(&image, &sound, &distance, &err), &err);
        if (!(distance.db >= cases[i].lo && distance.db <= cases[i].hi))
            fail_msg("case %zu: %g dB is not in %g..%g", i, distance.db, cases[i].lo, cases[i].hi);
        quality_deinit(&sound);
    }
    quality_deinit(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measure_is_what_it_says),
        cmocka_unit_test(funky_sax_is_closer_than_its_mp3),
        cmocka_unit_test(rap_sample_is_closer_than_its_mp3),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
