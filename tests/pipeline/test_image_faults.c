/*
 * Encoding and decoding when something fails, at every place: an error comes back, no file is left,
 * and nothing leaks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/audio/audio_writer.h"
#include "engine/base/file.h"
#include "tests/support/faults.h"
#include "tests/support/folder.h"
#include "timbre/timbre.h"

enum { RATE_HZ = 2000, N_FRAMES = 1000 };

static timbre_spectrogram_params small_params(void)
{
    timbre_spectrogram_params params;
    timbre_spectrogram_params_init(&params);
    params.sample_rate_hz = RATE_HZ;
    params.stereo = 1;
    params.num_frequencies = 32;
    params.max_frequency_hz = 1000;
    params.num_griffin_lim_iters = 2;
    return params;
}

/* A sound and its image in the folder, and an empty folder to work in. */
static int make_inputs(void **state)
{
    static int16_t pcm[2 * N_FRAMES];
    tb_audio_spec spec = {
        .format = "wav", .rate_hz = RATE_HZ, .n_channels = 2, .n_frames = N_FRAMES, .recipe = "{}"};
    unsigned char *bytes = NULL;
    size_t len = 0;
    if (enter_folder(state) != 0)
        return 1;
    for (int i = 0; i < 2 * N_FRAMES; i++)
        pcm[i] = (int16_t)(i % 40 * 700 - 14000);
    bool ok = tb_audio_encode(&spec, pcm, &bytes, &len, NULL) == TIMBRE_OK &&
              tb_file_write("sound.wav", bytes, len, false, NULL) == TIMBRE_OK;
    free(bytes);
    return !ok || mkdir("work", 0777) != 0 || chdir("work") != 0;
}

static int remove_inputs(void **state)
{
    return chdir("..") != 0 || leave_folder(state);
}

static tb_status make_image(const char *output, tb_error *err)
{
    timbre_engine_options how = {.struct_size = sizeof how, .n_threads = 1};
    timbre_spectrogram_params params = small_params();
    timbre_encode_options options = {
        .struct_size = sizeof options, .params = &params, .output = output};
    timbre_encode_report report = {.struct_size = sizeof report};
    timbre_engine *engine = NULL;
    tb_status st = timbre_engine_new(&how, &engine, err);
    if (st == TIMBRE_OK)
        st = timbre_encode(engine, "../sound.wav", &options, &report, err);
    timbre_engine_free(engine);
    return st;
}

static tb_status make_png(tb_error *err)
{
    return make_image("image.png", err);
}

static tb_status make_jpeg(tb_error *err)
{
    return make_image("image.jpg", err);
}

static tb_status make_sound(const char *phase, const char *inverse_mel, const char *master,
                            tb_error *err)
{
    timbre_engine_options how = {.struct_size = sizeof how, .n_threads = 1};
    timbre_spectrogram_params params = small_params();
    timbre_decode_options options = {.struct_size = sizeof options,
                                     .params = &params,
                                     .output = "sound.flac",
                                     .phase = phase,
                                     .inverse_mel = inverse_mel,
                                     .master = master};
    timbre_decode_report report = {.struct_size = sizeof report};
    timbre_engine *engine = NULL;
    tb_status st = timbre_engine_new(&how, &engine, err);
    if (st == TIMBRE_OK)
        st = timbre_decode(engine, "../image.png", &options, &report, err);
    timbre_engine_free(engine);
    return st;
}

static tb_status make_clean(tb_error *err)
{
    return make_sound("griffin-lim", "lstsq", "clean", err);
}

static tb_status make_riffusion(tb_error *err)
{
    return make_sound("spsi", "sgd", "riffusion", err);
}

static tb_status make_clip(tb_error *err)
{
    timbre_clips_options options = {.struct_size = sizeof options,
                                    .output_dir = "clips",
                                    .n_clips = 1,
                                    .duration_ms = 100,
                                    .extension = "wav",
                                    .seed = 1};
    return timbre_sample_clips("../sound.wav", &options, err);
}

static void every_fault_is_an_error(tb_status (*make)(tb_error *err))
{
    long n = 0;
    tb_status st;
    int was_hit;
    do {
        tb_error err = {0};
        calls_until_fault = ++n;
        st = make(&err);
        was_hit = calls_until_fault == 0;
        calls_until_fault = 0;
        if (n_files_below(".") != (st == TIMBRE_OK))
            fail_msg("fault %ld: %s, %d files", n, timbre_status_name(st), n_files_below("."));
        if (st != TIMBRE_OK && (err.code != st || err.message[0] == '\0'))
            fail_msg("fault %ld: %s without a word", n, timbre_status_name(st));
        (void)!system("rm -rf -- *");
    } while (n < 5000 && (st != TIMBRE_OK || was_hit));
    assert_int_equal(st, TIMBRE_OK);
    assert_true(n > 15);
}

static void faults_of_a_png(void **state)
{
    (void)state;
    every_fault_is_an_error(make_png);
    assert_int_equal(make_image("../image.png", NULL), TIMBRE_OK); /* for the decodes */
}

static void faults_of_a_jpeg(void **state)
{
    (void)state;
    every_fault_is_an_error(make_jpeg);
}

static void faults_of_a_decode(void **state)
{
    (void)state;
    every_fault_is_an_error(make_clean);
}

static void faults_of_a_decode_as_riffusion(void **state)
{
    (void)state;
    every_fault_is_an_error(make_riffusion);
}

static void faults_of_a_clip(void **state)
{
    (void)state;
    every_fault_is_an_error(make_clip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_of_a_png),    cmocka_unit_test(faults_of_a_jpeg),
        cmocka_unit_test(faults_of_a_decode), cmocka_unit_test(faults_of_a_decode_as_riffusion),
        cmocka_unit_test(faults_of_a_clip),
    };
    return cmocka_run_group_tests(tests, make_inputs, remove_inputs);
}
