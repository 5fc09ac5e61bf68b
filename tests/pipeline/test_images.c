/* Sound to image and back through the public interface, as a program would use it. */
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
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "tests/support/folder.h"
#include "timbre/timbre.h"

static int count_files(void)
{
    int n = 0;
    DIR *dir = opendir(".");
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n - 2;
}

static timbre_engine *new_engine(int n_threads)
{
    timbre_engine_options options = {.struct_size = sizeof options, .n_threads = n_threads};
    timbre_engine *engine;
    assert_int_equal(timbre_engine_new(&options, &engine, NULL), TIMBRE_OK);
    return engine;
}

static void put(FILE *f, unsigned value, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++)
        fputc((int)(value >> (8 * i) & 255), f);
}

/* Chords that move and get louder, differently left and right; 16 bit. */
static void write_wav(const char *path, int rate_hz, int n_channels, int n_frames)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    unsigned n_bytes = (unsigned)(n_frames * n_channels * 2);
    (void)!fwrite("RIFF", 1, 4, f);
    put(f, 36 + n_bytes, 4);
    (void)!fwrite("WAVEfmt ", 1, 8, f);
    put(f, 16, 4);
    put(f, 1, 2);
    put(f, (unsigned)n_channels, 2);
    put(f, (unsigned)rate_hz, 4);
    put(f, (unsigned)(rate_hz * n_channels * 2), 4);
    put(f, (unsigned)(n_channels * 2), 2);
    put(f, 16, 2);
    (void)!fwrite("data", 1, 4, f);
    put(f, n_bytes, 4);
    for (int i = 0; i < n_frames; i++) {
        double t = (double)i / rate_hz, bend = 220 * (1 + 0.05 * floor(4 * t));
        for (int c = 0; c < n_channels; c++) {
            double x = sin(2 * M_PI * bend * (1 + 0.5 * c) * t) + 0.5 * sin(7 * M_PI * bend * t);
            put(f, (unsigned)(int)(5000 * (1 + fmod(t, 1)) * x) & 0xffff, 2);
        }
    }
    assert_int_equal(fclose(f), 0);
}

static void write_silence(const char *path)
{
    static char bytes[88200];
    write_wav(path, 44100, 1, 44100);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, 44, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, sizeof bytes, f), sizeof bytes);
    assert_int_equal(fclose(f), 0);
}

static timbre_status encode_as(timbre_engine *engine, const char *sound, const char *image,
                               const timbre_spectrogram_params *params,
                               timbre_encode_report *report, timbre_error *err)
{
    timbre_encode_options options = {
        .struct_size = sizeof options, .params = params, .output = image, .replace = 1};
    *report = (timbre_encode_report){.struct_size = sizeof *report};
    return timbre_encode(engine, sound, &options, report, err);
}

static timbre_encode_report encode(int n_threads, const char *sound, const char *image,
                                   const timbre_spectrogram_params *params)
{
    timbre_engine *engine = new_engine(n_threads);
    timbre_encode_report report;
    timbre_error err = {0};
    if (encode_as(engine, sound, image, params, &report, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    timbre_engine_free(engine);
    return report;
}

static timbre_decode_report decode(int n_threads, const char *image, timbre_decode_options options)
{
    timbre_engine *engine = new_engine(n_threads);
    timbre_decode_report report = {.struct_size = sizeof report};
    timbre_error err = {0};
    options.struct_size = sizeof options;
    options.replace = 1;
    if (timbre_decode(engine, image, &options, &report, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    timbre_engine_free(engine);
    return report;
}

static timbre_spectrogram_params params_of(int stereo, int n_iter)
{
    timbre_spectrogram_params params;
    timbre_spectrogram_params_init(&params);
    params.stereo = stereo;
    params.num_griffin_lim_iters = n_iter;
    return params;
}

static void assert_same_file(const char *a, const char *b)
{
    char hash_a[TB_SHA256_HEX_BYTES], hash_b[TB_SHA256_HEX_BYTES];
    assert_int_equal(tb_sha256_file(a, hash_a, NULL), TIMBRE_OK);
    assert_int_equal(tb_sha256_file(b, hash_b, NULL), TIMBRE_OK);
    assert_string_equal(hash_a, hash_b);
}

static void image_has_size_and_parameters_of_its_sound(void **state)
{
    (void)state;
    write_wav("a.wav", 44100, 2, 44100);
    timbre_spectrogram_params params = params_of(1, 32);
    params.power_for_image = 0.3;
    timbre_encode_report report = encode(0, "a.wav", "a.png", &params);
    assert_int_equal(report.width, 101); /* 1 + floor(44100 / 441) */
    assert_int_equal(report.height, 512);
    timbre_image_info info = {.struct_size = sizeof info, .params.struct_size = sizeof info.params};
    assert_int_equal(timbre_image_read_info("a.png", &info, NULL), TIMBRE_OK);
    assert_true(info.has_params);
    assert_int_equal(info.width, 101);
    assert_int_equal(info.params.stereo, 1);
    assert_int_equal(info.params.sample_rate_hz, 44100);
    assert_true(info.params.power_for_image == 0.3);
    assert_true(info.max_value == report.max_value && report.max_value > 1e5);
}

/* 22,050 Hz: n_fft 8820, hop 220; the image says so, and the sound comes back at that rate. */
static void rate_of_the_file_goes_through(void **state)
{
    (void)state;
    write_wav("r.wav", 22050, 1, 22050);
    timbre_encode_report report = encode(0, "r.wav", "r.png", NULL);
    assert_int_equal(report.sample_rate_hz, 22050);
    assert_int_equal(report.width, 1 + 22050 / 220);
    timbre_decode_report back = decode(0, "r.png", (timbre_decode_options){.output = "r2.wav"});
    assert_int_equal(back.sample_rate_hz, 22050);
    assert_false(back.used_defaults);
    timbre_audio *audio;
    timbre_audio_info info = {.struct_size = sizeof info};
    assert_int_equal(timbre_audio_open("r2.wav", &audio, NULL), TIMBRE_OK);
    timbre_audio_get_info(audio, &info);
    assert_int_equal(info.n_frames, (report.width - 1) * 220);
    assert_int_equal(info.rate_hz, 22050);
    timbre_audio_close(audio);
}

static void threads_do_not_change_the_bytes(void **state)
{
    (void)state;
    write_wav("t.wav", 44100, 2, 60000);
    timbre_spectrogram_params params = params_of(1, 4);
    encode(1, "t.wav", "t1.png", &params);
    decode(1, "t1.png", (timbre_decode_options){.params = &params, .output = "t1.wav"});
    static const int threads[] = {2, 3, 8};
    for (int i = 0; i < 3; i++) {
        encode(threads[i], "t.wav", "tn.png", &params);
        assert_same_file("t1.png", "tn.png");
        decode(threads[i], "t1.png",
               (timbre_decode_options){.params = &params, .output = "tn.wav"});
        assert_same_file("t1.wav", "tn.wav");
    }
}

static void every_choice_changes_the_sound(void **state)
{
    (void)state;
    write_wav("c.wav", 44100, 1, 44100);
    timbre_spectrogram_params params = params_of(0, 4), more = params_of(0, 5);
    timbre_spectrogram_params less_mel = params;
    less_mel.max_mel_iters = 20;
    encode(0, "c.wav", "c.png", &params);
    const timbre_decode_options choices[] = {
        {.params = &params},
        {.params = &params, .seed = 1},
        {.params = &more},
        {.params = &params, .phase = timbre_phase_names()[1]},
        {.params = &params, .master = "riffusion"},
        {.params = &params, .inverse_mel = "sgd"},
        {.params = &less_mel, .inverse_mel = "sgd"},
    };
    enum { N = sizeof choices / sizeof *choices };
    char hashes[N][65];
    for (int i = 0; i < N; i++) {
        timbre_decode_options options = choices[i];
        options.output = "c2.wav";
        timbre_decode_report report = decode(0, "c.png", options);
        memcpy(hashes[i], report.pcm_sha256, sizeof hashes[i]);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(hashes[i], hashes[k]);
    }
}

static void levels_are_those_of_the_master(void **state)
{
    (void)state;
    write_wav("l.wav", 44100, 1, 88200);
    encode(0, "l.wav", "l.png", NULL);
    timbre_decode_report clean = decode(0, "l.png", (timbre_decode_options){.output = "l2.wav"});
    assert_true(fabs(clean.lufs + 16) <= 1);
    assert_true(clean.peak_dbtp <= -1);
    decode(0, "l.png", (timbre_decode_options){.output = "l3.wav", .master = "riffusion"});
    timbre_audio *audio;
    static float samples[88200];
    int64_t n;
    float peak = 0;
    assert_int_equal(timbre_audio_open("l3.wav", &audio, NULL), TIMBRE_OK);
    assert_int_equal(timbre_audio_read(audio, samples, 88200, &n, NULL), TIMBRE_OK);
    timbre_audio_close(audio);
    for (int64_t i = 0; i < n; i++)
        peak = fmaxf(peak, fabsf(samples[i]));
    assert_true(fabs(20 * log10((double)peak) + 0.1) < 0.01); /* headroom of 0.1 dB */
}

static void recipe_says_how_the_sound_was_made(void **state)
{
    (void)state;
    write_wav("p.wav", 44100, 1, 44100);
    encode(0, "p.wav", "p.png", NULL);
    decode(0, "p.png",
           (timbre_decode_options){.output = "p.flac", .master = "riffusion", .seed = 77});
    timbre_audio *audio;
    assert_int_equal(timbre_audio_open("p.flac", &audio, NULL), TIMBRE_OK);
    const char *recipe = timbre_audio_recipe(audio);
    assert_non_null(recipe);
    char hash[TB_SHA256_HEX_BYTES];
    assert_int_equal(tb_sha256_file("p.png", hash, NULL), TIMBRE_OK);
    assert_non_null(strstr(recipe, hash));
    assert_non_null(strstr(recipe, "\"master\":\"riffusion\""));
    assert_non_null(strstr(recipe, "\"seed\":77"));
    timbre_error err = {0};
    assert_null(timbre_recipe_request(recipe, &err)); /* generate --from cannot make it */
    assert_non_null(strstr(err.message, "decoded image"));
    timbre_audio_close(audio);
}

static void sounds_that_are_no_music_make_images(void **state)
{
    (void)state;
    static const int lengths[] = {1, 100, 8820, 8821};
    for (int i = 0; i < 4; i++) {
        write_wav("s.wav", 44100, 1, lengths[i]);
        timbre_encode_report report = encode(0, "s.wav", "s.png", NULL);
        assert_int_equal(report.width, 1 + lengths[i] / 441);
    }
    write_wav("s.wav", 8000, 1, 8000);
    timbre_encode_report report = encode(0, "s.wav", "s.png", NULL);
    assert_true(report.n_empty_bands > 50); /* 4,000 to 10,000 Hz */
    write_wav("s.wav", 44100, 1, 0);
    timbre_engine *engine = new_engine(0);
    timbre_error err = {0};
    assert_int_not_equal(encode_as(engine, "s.wav", "empty.png", NULL, &report, &err), TIMBRE_OK);
    assert_int_equal(access("empty.png", F_OK), -1);
    timbre_engine_free(engine);
}

static void the_engine_says_what_it_works_with(void **state)
{
    (void)state;
    timbre_engine *engine = new_engine(1);
    char *facts = timbre_engine_describe(engine);
    assert_non_null(facts);
    static const char *const names[] = {"\"libsndfile\":\"", "\"libsamplerate\":\"0.",
                                        "\"kernels\":\""};
    for (int i = 0; i < 3; i++)
        if (strstr(facts, names[i]) == NULL)
            fail_msg("%s is not in %s", names[i], facts);
    free(facts);
    timbre_engine_free(engine);
}

static void an_offset_of_the_samples_is_reported(void **state)
{
    (void)state;
    static int16_t samples[2 * 44100];
    for (int i = 0; i < 44100; i++) {
        samples[2 * i] = (int16_t)(1000 * sin(0.1 * i));
        samples[2 * i + 1] = (int16_t)(samples[2 * i] - 9830); /* -0.3 of full scale */
    }
    write_wav("o.wav", 44100, 2, 44100);
    FILE *f = fopen("o.wav", "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, 44, SEEK_SET), 0);
    assert_int_equal(fwrite(samples, 2, 2 * 44100, f), 2 * 44100);
    assert_int_equal(fclose(f), 0);
    timbre_spectrogram_params stereo = params_of(1, 32);
    assert_true(fabs(encode(0, "o.wav", "o.png", &stereo).offset - 0.3) < 0.001);
    assert_true(fabs(encode(0, "o.wav", "o.png", NULL).offset - 0.15) < 0.001);
    assert_true(encode(0, "l.wav", "l.png", NULL).offset < 0.001);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    timbre_engine *engine = new_engine(0);
    timbre_error err = {0};
    timbre_encode_report encoded;
    timbre_decode_report decoded = {.struct_size = sizeof decoded};
    write_wav("w.wav", 44100, 1, 44100);
    write_wav("one.wav", 44100, 1, 100);
    encode(0, "w.wav", "w.png", NULL);
    encode(0, "one.wav", "one.png", NULL);

    timbre_spectrogram_params params = params_of(0, 32);
    params.step_size_ms = 0;
    assert_int_equal(encode_as(engine, "w.wav", "x.png", &params, &encoded, &err),
                     TIMBRE_BAD_INPUT);
    assert_non_null(strstr(err.message, "step_size_ms 0"));
    assert_int_equal(encode_as(engine, "w.wav", "x.tiff", NULL, &encoded, &err), TIMBRE_BAD_INPUT);
    assert_int_equal(encode_as(engine, "no.wav", "x.png", NULL, &encoded, &err), TIMBRE_NOT_FOUND);
    assert_int_equal(encode_as(engine, "w.png", "x.png", NULL, &encoded, &err), TIMBRE_BAD_FILE);

    timbre_spectrogram_params stereo = params_of(1, 32), mono = params_of(0, 32);
    write_wav("w2.wav", 44100, 2, 44100);
    encode(0, "w2.wav", "stereo.png", &stereo);
    encode(0, "w2.wav", "stereo.jpg", &stereo);
    write_silence("silence.wav");
    encode(0, "silence.wav", "silence.png", NULL);

    params = params_of(0, 32);
    params.num_frequencies = 256;
    const struct {
        const char *image;
        timbre_decode_options options;
        timbre_status status;
        const char *says;
    } cases[] = {
        {"w.png", {.output = "x.wav", .params = &params}, TIMBRE_BAD_INPUT, "512 pixels high"},
        {"one.png", {.output = "x.wav"}, TIMBRE_BAD_INPUT, "1 pixel"},
        {"w.wav", {.output = "x.wav"}, TIMBRE_BAD_FILE, "w.wav"},
        {"stereo.png",
         {.output = "x.wav", .params = &mono},
         TIMBRE_BAD_INPUT,
         "looks like a stereo"},
        {"stereo.jpg",
         {.output = "x.wav", .params = &mono},
         TIMBRE_BAD_INPUT,
         "looks like a stereo"},
        {"silence.png", {.output = "x.wav"}, TIMBRE_BAD_INPUT, "no sound in it"},
        {"no.png", {.output = "x.wav"}, TIMBRE_NOT_FOUND, "no.png"},
        {"w.png", {.output = "x.xyz"}, TIMBRE_BAD_INPUT, ".flac"},
        {"w.png", {.output = "x.opus"}, TIMBRE_UNSUPPORTED, "44100"},
        {"w.png", {.output = "no/x.wav"}, TIMBRE_NOT_FOUND, "no"},
        {"w.png", {.output = "x.wav", .master = "loud"}, TIMBRE_BAD_INPUT, "loud"},
        {"w.png", {.output = "x.wav", .phase = "none"}, TIMBRE_BAD_INPUT, "none"},
        {"w.png", {.output = "x.wav", .seed = -1}, TIMBRE_BAD_INPUT, "-1"},
        {"w.png", {.output = "w.wav"}, TIMBRE_EXISTS, "w.wav"},
    };
    int n_before = count_files();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        timbre_decode_options options = cases[i].options;
        options.struct_size = sizeof options;
        timbre_status st = timbre_decode(engine, cases[i].image, &options, &decoded, &err);
        if (st != cases[i].status || strstr(err.message, cases[i].says) == NULL)
            fail_msg("case %zu: %s: %s", i, timbre_status_name(st), err.message);
    }
    assert_int_equal(count_files(), n_before);
    timbre_engine_free(engine);
}

/* Finite, but no sound: spectra of such samples are not finite, nor is what a resampler makes. */
static void samples_beyond_any_loudness_are_refused(void **state)
{
    (void)state;
    enum { N = 4410 };
    static const float values[] = {1e13f, 1e34f};
    static const int rates[] = {0, 22050};
    timbre_engine *engine = new_engine(0);
    for (int k = 0; k < 4; k++) {
        static float x[N];
        timbre_encode_report report;
        timbre_error err = {0};
        timbre_spectrogram_params params = params_of(0, 32);
        params.sample_rate_hz = rates[k % 2];
        x[N / 2] = values[k / 2];
        SF_INFO info = {
            .samplerate = 44100, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
        SNDFILE *sf = sf_open("f.wav", SFM_WRITE, &info);
        assert_int_equal(sf_writef_float(sf, x, N), N);
        sf_close(sf);
        assert_int_equal(encode_as(engine, "f.wav", "f.png", &params, &report, &err),
                         TIMBRE_BAD_FILE);
        assert_non_null(strstr(err.message, k / 2 == 0 ? "1e+13" : "1e+34"));
        assert_non_null(strstr(err.message, "0.050 s"));
        assert_int_equal(access("f.png", F_OK), -1);
    }
    timbre_engine_free(engine);
}

typedef struct {
    timbre_cancel cancel;
    const char *stage; /* in which to cancel */
} stopper;

static void stop_in(const timbre_progress *progress, void *user)
{
    stopper *stop = user;
    if (strcmp(progress->stage, stop->stage) == 0)
        timbre_cancel_request(&stop->cancel);
}

static void cancelled_work_leaves_nothing(void **state)
{
    (void)state;
    timbre_engine *engine = new_engine(0);
    timbre_error err = {0};
    write_wav("k.wav", 44100, 1, 44100);
    encode(0, "k.wav", "k.png", NULL);
    int n_before = count_files();
    static const char *const stages[] = {"load", "vocode", "master", "save"};
    for (int i = 0; i < 4; i++) {
        stopper stop = {.stage = stages[i]};
        timbre_decode_options options = {.struct_size = sizeof options,
                                         .output = "k2.wav",
                                         .progress = stop_in,
                                         .progress_user = &stop,
                                         .cancel = &stop.cancel};
        timbre_decode_report report = {.struct_size = sizeof report};
        assert_int_equal(timbre_decode(engine, "k.png", &options, &report, &err), TIMBRE_CANCELLED);
        assert_int_equal(count_files(), n_before);
    }
    timbre_engine_free(engine);
}

/* Most memory that a child needs to encode and decode a sound, in MB. */
static double peak_memory_mb(int seconds)
{
    write_wav("m.wav", 44100, 1, 44100 * seconds);
    pid_t child = fork();
    if (child == 0) {
        timbre_spectrogram_params params = params_of(0, 2);
        encode(2, "m.wav", "m.png", &params);
        decode(2, "m.png", (timbre_decode_options){.params = &params, .output = "m2.wav"});
        _exit(0);
    }
    int status;
    struct rusage usage;
    assert_int_equal(wait4(child, &status, 0, &usage), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    double unit = 1024; /* Linux counts KiB, macOS bytes */
#ifdef __APPLE__
    unit = 1;
#endif
    return (double)usage.ru_maxrss * unit / 1e6;
}

static void ten_minutes_need_no_more_memory_than_one(void **state)
{
    (void)state;
    double one = peak_memory_mb(60), ten = peak_memory_mb(600);
    if (ten > one + 32 || ten > 200) /* rows and buffers of the wider picture */
        fail_msg("%.0f MB for one minute, %.0f MB for ten", one, ten);
}

/* Without an argument the quick ones, with "long" the others. */
int main(int argc, char **argv)
{
    (void)argv;
    const struct CMUnitTest quick[] = {
        cmocka_unit_test(image_has_size_and_parameters_of_its_sound),
        cmocka_unit_test(rate_of_the_file_goes_through),
        cmocka_unit_test(threads_do_not_change_the_bytes),
        cmocka_unit_test(every_choice_changes_the_sound),
        cmocka_unit_test(levels_are_those_of_the_master),
        cmocka_unit_test(recipe_says_how_the_sound_was_made),
        cmocka_unit_test(sounds_that_are_no_music_make_images),
        cmocka_unit_test(the_engine_says_what_it_works_with),
        cmocka_unit_test(an_offset_of_the_samples_is_reported),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(samples_beyond_any_loudness_are_refused),
        cmocka_unit_test(cancelled_work_leaves_nothing),
    };
    const struct CMUnitTest slow[] = {
        cmocka_unit_test(ten_minutes_need_no_more_memory_than_one),
    };
    return argc > 1 ? cmocka_run_group_tests(slow, enter_folder, leave_folder)
                    : cmocka_run_group_tests(quick, enter_folder, leave_folder);
}
