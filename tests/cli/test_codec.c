/* timbre encode, decode, sample-clips and print-exif from outside. */
#include <math.h>
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

#include "cli/codec.h"
#include "engine/base/hash.h"
#include "engine/spectrogram/image_file.h"
#include "tests/support/program.h"
#include "tests/support/same_file.h"
#include "tests/support/sanitized.h"
#include "tests/support/tone.h"
#include "timbre/audio.h"
#include "timbre/spectrogram.h"

enum {
    RATE_HZ = 44100,
    HOP = 441,          /* samples of a pixel */
    N_FRAMES = RATE_HZ, /* of tone.wav */
    WIDTH = 1 + N_FRAMES / HOP
};

/* tone.wav: a second of stereo; small.png: its image, mono. Kept by all tests. */
static int make_files(void **state)
{
    int failed = program_setup(state);
    tone_write("tone.wav", RATE_HZ, 2, N_FRAMES);
    program_run(&home, &result, "encode", "tone.wav", "-o", "small.png", NULL);
    if (result.exit_code != 0)
        fprintf(stderr, "%s", result.err);
    return failed != 0 ? failed : result.exit_code;
}

static void assert_done(void)
{
    if (result.exit_code != 0)
        fail_msg("exit code %d: %s", result.exit_code, result.err);
}

static void read_audio(const char *path, timbre_audio_info *info)
{
    timbre_audio *audio = NULL;
    *info = (timbre_audio_info){.struct_size = sizeof *info};
    assert_int_equal(timbre_audio_open(path, &audio, NULL), TIMBRE_OK);
    timbre_audio_get_info(audio, info);
    timbre_audio_close(audio);
}

static void read_image(const char *path, timbre_image_info *info)
{
    *info = (timbre_image_info){.struct_size = sizeof *info,
                                .params.struct_size = sizeof info->params};
    assert_int_equal(timbre_image_read_info(path, info, NULL), TIMBRE_OK);
}

static void hash(const char *path, char hex[TB_SHA256_HEX_BYTES])
{
    assert_int_equal(tb_sha256_file(path, hex, NULL), TIMBRE_OK);
}

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *j = json_loads(text, 0, &error);
    if (j == NULL)
        fail_msg("%s in: %s", error.text, text);
    return j;
}

/* SHA-256 of the samples, from the --json answer of the last run; freed by the caller. */
static char *pcm_of_answer(void)
{
    assert_done();
    json_t *answer = parse(result.out);
    char *hex = strdup(json_string_value(json_object_get(answer, "pcm_sha256")));
    json_decref(answer);
    assert_int_equal(strlen(hex), 64);
    return hex;
}

static void the_image_stands_beside_the_sound(void **state)
{
    (void)state;
    timbre_image_info info;
    assert_int_equal(mkdir("songs", 0777), 0);
    tone_write("songs/one.wav", RATE_HZ, 1, N_FRAMES);
    program_run(&home, &result, "encode", "songs/one.wav", "-q", NULL);
    assert_done();
    assert_string_equal(result.out, "songs/one.png\n");
    assert_string_equal(result.err, "");
    read_image("songs/one.png", &info);
    assert_int_equal(info.width, WIDTH);
    assert_int_equal(info.height, 512);
    assert_true(info.has_params);
    assert_true(info.max_value > 0);
    program_run(&home, &result, "decode", "songs/one.png", "-o", "./", "-v", NULL);
    assert_done();
    assert_string_equal(result.out, "./one.wav\n");
    assert_non_null(strstr(result.err, "1.00 s of mono sound at 44100 Hz"));
    assert_int_equal(remove("one.wav"), 0);
}

static void the_width_says_how_long_the_sound_is(void **state)
{
    (void)state;
    timbre_audio_info info;
    program_run(&home, &result, "decode", "small.png", "-o", "length.flac", NULL);
    assert_done();
    read_audio("length.flac", &info);
    assert_int_equal(info.n_frames, (WIDTH - 1) * HOP);
    assert_int_equal(info.rate_hz, RATE_HZ);
    assert_int_equal(info.n_channels, 1);
    assert_non_null(strstr(info.format, "FLAC"));
}

static void stereo_goes_through_the_image(void **state)
{
    (void)state;
    timbre_audio_info info;
    program_run(&home, &result, "encode", "tone.wav", "--stereo", "-o", "two.png", NULL);
    assert_done();
    program_run(&home, &result, "decode", "two.png", NULL);
    assert_done();
    read_audio("two.wav", &info);
    assert_int_equal(info.n_channels, 2);
    program_run(&home, &result, "decode", "two.png", "--mono", "-o", "mixed.wav", NULL);
    assert_int_equal(result.exit_code, 2); /* mono is grey: the red of it would be silence */
    assert_non_null(strstr(result.err, "decode it with --stereo"));
}

static void every_option_changes_the_image(void **state)
{
    (void)state;
    static const struct {
        const char *option, *value, *exif; /* exif: line of print-exif, "" for what is not in it */
    } cases[] = {
        {"--step-size-ms", "20", "STEP_SIZE_MS         =              20"},
        {"--num-frequencies", "256", "NUM_FREQUENCIES      =             256"},
        {"--min-frequency", "100", "MIN_FREQUENCY        =             100"},
        {"--max-frequency", "8000", "MAX_FREQUENCY        =            8000"},
        {"--window-duration-ms", "50", "WINDOW_DURATION_MS   =              50"},
        {"--padded-duration-ms", "200", "PADDED_DURATION_MS   =             200"},
        {"--power-for-image", "0.5", "POWER_FOR_IMAGE      =             0.5"},
        {"--sample-rate", "22050", "SAMPLE_RATE          =           22050"},
        {"--mel-scale-norm", "slaney", ""},
        {"--mel-scale-type", "slaney", ""},
    };
    char base[TB_SHA256_HEX_BYTES], other[TB_SHA256_HEX_BYTES];
    hash("small.png", base);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        program_run(&home, &result, "encode", "tone.wav", "-o", "other.png", "--force",
                    cases[i].option, cases[i].value, NULL);
        assert_done();
        hash("other.png", other);
        assert_string_not_equal(base, other);
        program_run(&home, &result, "print-exif", "other.png", NULL);
        assert_done();
        if (strstr(result.out, cases[i].exif) == NULL)
            fail_msg("%s: %s", cases[i].option, result.out);
    }
}

static void jpeg_has_a_quality_and_the_parameters(void **state)
{
    (void)state;
    struct stat small, large;
    timbre_image_info info;
    program_run(&home, &result, "encode", "tone.wav", "--image-extension", "jpg", "--jpeg-quality",
                "30", "-q", NULL);
    assert_done();
    assert_string_equal(result.out, "tone.jpg\n");
    program_run(&home, &result, "encode", "tone.wav", "-o", "large.jpg", "--jpeg-quality", "95",
                NULL);
    assert_done();
    assert_int_equal(stat("tone.jpg", &small), 0);
    assert_int_equal(stat("large.jpg", &large), 0);
    assert_true(large.st_size > small.st_size);
    read_image("tone.jpg", &info);
    assert_true(info.has_params);
}

static void every_option_changes_the_sound(void **state)
{
    (void)state;
    const char *second_phase = timbre_phase_names()[1];
    const char *const cases[][4] = {
        {"--phase", second_phase},
        {"--inverse-mel", "sgd"},
        {"--inverse-mel", "sgd", "--mel-iterations", "20"},
        {"--master", "riffusion"},
        {"--iterations", "3"},
        {"--seed", "1"},
        {"--power-for-image", "0.5"},
        {"--max-frequency", "8000"},
        {"--min-frequency", "50"},
        {"--step-size-ms", "20"},
        {"--window-duration-ms", "50"},
        {"--padded-duration-ms", "200"},
        {"--sample-rate", "22050"},
        {"--mel-scale-norm", "slaney"},
        {"--mel-scale-type", "slaney"},
    };
    enum { N_CASES = sizeof cases / sizeof cases[0] };
    char *sounds[N_CASES + 1];
    program_run(&home, &result, "decode", "small.png", "-o", "base.wav", "--json", NULL);
    sounds[N_CASES] = pcm_of_answer();
    for (size_t i = 0; i < N_CASES; i++) {
        program_run(&home, &result, "decode", "small.png", "-o", "other.wav", "--force", "--json",
                    cases[i][0], cases[i][1], cases[i][2], cases[i][3], NULL);
        sounds[i] = pcm_of_answer();
    }
    for (size_t i = 0; i <= N_CASES; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(sounds[i], sounds[k]) == 0)
                fail_msg("%s changes nothing", cases[k][0]);
    for (size_t i = 0; i <= N_CASES; i++)
        free(sounds[i]);
}

static void the_same_command_gives_the_same_bytes(void **state)
{
    (void)state;
    static const char *const ways[][4] = {
        {"--threads", "1"}, {"--threads", "2"}, {"--progress", "none"}, {"--cpu", "ref"}};
    enum { N_WAYS = sizeof ways / sizeof ways[0] };
    const size_t n_ways = IS_SANITIZED ? N_WAYS - 1 : N_WAYS; /* "ref" takes minutes there */
    program_run(&home, &result, "decode", "small.png", "-o", "same.wav", NULL);
    assert_done();
    for (size_t i = 0; i < n_ways; i++) {
        program_run(&home, &result, "encode", "tone.wav", "-o", "again.png", "--force", ways[i][0],
                    ways[i][1], NULL);
        assert_done();
        assert_same_file("again.png", "small.png");
        program_run(&home, &result, "decode", "small.png", "-o", "again.wav", "--force", ways[i][0],
                    ways[i][1], NULL);
        assert_done();
        assert_same_file("again.wav", "same.wav");
    }
}

static void the_environment_chooses_the_kernels(void **state)
{
    (void)state;
    home.env[0] = "TIMBRE_CPU=ref";
    program_run(&home, &result, "doctor", "--json", NULL);
    assert_non_null(strstr(result.out, "kernels ref"));
    home.env[0] = "TIMBRE_CPU=mmx";
    program_run(&home, &result, "encode", "tone.wav", "-o", "mmx.png", NULL);
    assert_int_equal(result.exit_code, 2);
    assert_non_null(strstr(result.err, "TIMBRE_CPU 'mmx' is not one of"));
    assert_int_equal(access("mmx.png", F_OK), -1);
}

static void riffusions_own_command_lines_work(void **state)
{
    (void)state;
    program_run(&home, &result, "audio-to-image", "--audio", "tone.wav", "--image", "theirs.png",
                "--device", "cuda", NULL);
    assert_done();
    assert_string_equal(result.out, "theirs.png\n");
    assert_non_null(strstr(result.err, "--device is not used"));
    assert_same_file("theirs.png", "small.png");
    program_run(&home, &result, "image-to-audio", "--image", "theirs.png", "--audio", "theirs.wav",
                NULL);
    assert_done();
    assert_int_equal(access("theirs.wav", R_OK), 0);
    program_run(&home, &result, "sample-clips", "--audio", "tone.wav", "--output-dir", "theirs",
                "--num-clips", "2", "--duration-ms", "300", "--seed", "42", NULL);
    assert_done();
    assert_int_equal(program_count_files("theirs", "_ms_duration_300_ms.wav"), 2);
    program_run(&home, &result, "print-exif", "--image", "theirs.png", NULL);
    assert_done();
}

static void exif_is_printed_as_riffusion_does(void **state)
{
    (void)state;
    static const char lines[] = "SAMPLE_RATE          =           44100\n"
                                "STEREO               =               0\n"
                                "STEP_SIZE_MS         =              10\n"
                                "WINDOW_DURATION_MS   =             100\n"
                                "PADDED_DURATION_MS   =             400\n"
                                "NUM_FREQUENCIES      =             512\n"
                                "MIN_FREQUENCY        =               0\n"
                                "MAX_FREQUENCY        =           10000\n"
                                "POWER_FOR_IMAGE      =            0.25\n"
                                "MAX_VALUE            = ";
    program_run(&home, &result, "print-exif", "small.png", NULL);
    assert_done();
    assert_int_equal(strncmp(result.out, lines, sizeof lines - 1), 0);
    char *max_value = strstr(result.out, "MAX_VALUE") + strlen("MAX_VALUE            = ");
    assert_int_equal(strlen(max_value), 15 + 1);
    assert_non_null(strchr(max_value, '.'));
    double printed = strtod(max_value, NULL);
    program_run(&home, &result, "print-exif", "small.png", "--json", NULL);
    assert_done();
    json_t *answer = parse(result.out), *exif = json_object_get(answer, "exif");
    assert_int_equal(json_integer_value(json_object_get(exif, "MAX_FREQUENCY")), 10000);
    double in_json = json_number_value(json_object_get(exif, "MAX_VALUE"));
    assert_true(fabs(in_json / printed - 1) < 1e-14);
    assert_int_equal(json_integer_value(json_object_get(answer, "width")), WIDTH);
    json_decref(answer);
}

static void images_without_parameters_are_decoded_with_the_defaults(void **state)
{
    (void)state;
    enum { SEED_WIDTH = 512 };
    char image[512];
    timbre_audio_info info;
    const char *data = getenv("TIMBRE_TEST_DATA");
    if (data == NULL) {
        skip();
        return;
    }
    snprintf(image, sizeof image, "%s/riffusion/seed_images/og_beat.png", data);
    program_run(&home, &result, "print-exif", image, NULL);
    assert_int_equal(result.exit_code, 1);
    assert_non_null(strstr(result.err, "no EXIF block"));
    program_run(&home, &result, "decode", image, "-o", "beat.wav", "--json", NULL);
    assert_done();
    assert_non_null(strstr(result.err, "riffusion's defaults are used"));
    assert_non_null(strstr(result.out, "\"used_defaults\": true"));
    read_audio("beat.wav", &info);
    assert_int_equal(info.n_frames, (SEED_WIDTH - 1) * HOP);
    assert_int_equal(info.rate_hz, RATE_HZ);
    program_run(&home, &result, "decode", image, "-o", "wide.wav", "--stereo", NULL);
    assert_done();
    read_audio("wide.wav", &info);
    assert_int_equal(info.n_channels, 2);
}

static void clips_are_pieces_of_the_asked_length(void **state)
{
    (void)state;
    timbre_audio_info info;
    program_run(&home, &result, "sample-clips", "tone.wav", "-o", "clips/new", "-n", "3",
                "--duration-ms", "250", "--seed", "7", "--extension", "flac", "--mono", "-q", NULL);
    assert_done();
    assert_int_equal(program_count_files("clips/new", "_ms_duration_250_ms.flac"), 3);
    char *rest = result.out;
    for (int i = 0; i < 3; i++) {
        char *path = strsep(&rest, "\n");
        char start[64];
        snprintf(start, sizeof start, "clips/new/clip_%d_start_", i);
        assert_int_equal(strncmp(path, start, strlen(start)), 0);
        read_audio(path, &info);
        assert_int_equal(info.n_frames, RATE_HZ / 4);
        assert_int_equal(info.n_channels, 1);
    }
    assert_string_equal(rest, "");
}

static void the_seed_chooses_the_places(void **state)
{
    (void)state;
    char *first;
    program_run(&home, &result, "sample-clips", "tone.wav", "-o", "s", "--duration-ms", "100", "-s",
                "7", NULL);
    assert_done();
    first = strdup(result.out);
    program_run(&home, &result, "sample-clips", "tone.wav", "-o", "s", "--duration-ms", "100", "-s",
                "7", NULL);
    assert_int_equal(result.exit_code, 1); /* the same name, which exists */
    program_run(&home, &result, "sample-clips", "tone.wav", "-o", "s", "--duration-ms", "100", "-s",
                "7", "--force", NULL);
    assert_done();
    assert_string_equal(result.out, first);
    program_run(&home, &result, "sample-clips", "tone.wav", "-o", "s", "--duration-ms", "100", "-s",
                "8", NULL);
    assert_done();
    assert_string_not_equal(result.out, first);
    free(first);
}

static void what_exists_is_not_overwritten(void **state)
{
    (void)state;
    struct stat before, after;
    program_write_file("kept.png", "mine");
    program_run(&home, &result, "encode", "tone.wav", "-o", "kept.png", NULL);
    assert_int_equal(result.exit_code, 1);
    assert_non_null(strstr(result.err, "'kept.png' exists already"));
    assert_non_null(strstr(result.err, "--force"));
    assert_int_equal(stat("kept.png", &before), 0);
    assert_int_equal(before.st_size, 4);
    program_run(&home, &result, "encode", "tone.wav", "-o", "kept.png", "--force", NULL);
    assert_done();
    assert_int_equal(stat("kept.png", &after), 0);
    assert_true(after.st_size > 4);
    /* not even with --force over its own source */
    program_run(&home, &result, "decode", "kept.png", "-o", "kept.png", "--force", NULL);
    assert_int_equal(result.exit_code, 2);
}

static void bad_input_is_refused_before_the_work(void **state)
{
    (void)state;
    static const struct {
        const char *args[6], *message;
        int exit_code;
    } cases[] = {
        {{"encode"}, "no audio file was named", 2},
        {{"encode", "absent.wav", "-o", "new.png"}, "'absent.wav'", 1},
        {{"encode", "folder", "-o", "new.png"}, "is a folder", 2},
        {{"encode", "tone.wav", "-o", "new.gif"}, "one of: .png", 2},
        {{"encode", "tone.wav", "-o", "-"}, "-o - is not possible", 2},
        {{"encode", "tone.wav", "-o", ""}, "--output is empty", 2},
        {{"encode", "tone.wav", "-o", "absent/new.png"}, "the folder 'absent'", 1},
        {{"encode", "tone.wav", "-o", "text.wav/new.png"}, "not a folder", 2},
        {{"encode", "text.wav", "-o", "new.png"}, "text.wav", 1},
        {{"encode", "tone.wav", "--step-size-ms", "0"}, "--step-size-ms 0 is outside", 2},
        {{"encode", "tone.wav", "--min-frequency", "10000"}, "min_frequency", 2},
        {{"encode", "tone.wav", "--jpeg-quality", "50"}, "is for a JPEG", 2},
        {{"encode", "tone.wav", "--jobs", "2"}, "--jobs is for a folder", 2},
        {{"encode", "tone.wav", "--device", "cpu", "--audio", "x.wav"}, "one argument too many", 2},
        {{"decode", "text.wav", "-o", "new.wav"}, "text.wav", 1},
        {{"decode", "small.png", "-o", "new.txt"}, "one of: .wav", 2},
        {{"decode", "small.png", "--mel-iterations", "9"}, "is for --inverse-mel sgd", 2},
        {{"decode", "small.png", "--phase", "none"}, "--phase 'none' is not one of", 2},
        {{"decode", "small.png", "--seed", "-1"}, "--seed -1 is outside", 2},
        {{"sample-clips", "tone.wav"}, "no output folder was named", 2},
        {{"sample-clips", "tone.wav", "-o", "folder", "--duration-ms", "5000"}, "", 2},
        {{"print-exif"}, "no image was named", 2},
        {{"print-exif", "tone.wav"}, "tone.wav", 1},
        {{"encode", "-", "-o", "new.png"}, "standard input cannot be the audio file", 2},
        {{"encode", "tone.wav", "-o", "absent", "--image-extension", "jpg"}, "ends in /", 2},
    };
    assert_int_equal(mkdir("folder", 0777), 0);
    program_write_file("text.wav", "this is no sound");
    int n_before = program_count_files(".", "");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const *a = cases[i].args;
        program_run(&home, &result, a[0], a[1], a[2], a[3], a[4], a[5], NULL);
        if (result.exit_code != cases[i].exit_code || strstr(result.err, cases[i].message) == NULL)
            fail_msg("%s %s %s %s: %d %s", a[0], a[1], a[2], a[3], result.exit_code, result.err);
        assert_string_equal(result.out, "");
    }
    assert_int_equal(program_count_files(".", ""), n_before);
}

static void names_of_our_choice_get_a_number(void **state)
{
    (void)state;
    char before[TB_SHA256_HEX_BYTES], after[TB_SHA256_HEX_BYTES];
    tone_write("again.song.wav", RATE_HZ, 1, N_FRAMES / 4);
    hash("again.song.wav", before);
    program_run(&home, &result, "encode", "again.song.wav", "-q", NULL);
    assert_string_equal(result.out, "again.song.png\n");
    program_run(&home, &result, "decode", "again.song.png", "--iterations", "1", "-q", NULL);
    assert_done();
    assert_string_equal(result.out, "again.song-2.wav\n");
    program_run(&home, &result, "decode", "again.song.png", "--iterations", "1", "-q", NULL);
    assert_string_equal(result.out, "again.song-3.wav\n");
    program_run(&home, &result, "encode", "again.song.wav", "-q", NULL);
    assert_string_equal(result.out, "again.song-2.png\n");
    hash("again.song.wav", after);
    assert_string_equal(before, after);
    program_run(&home, &result, "encode", "again.song.wav", "-q", "--force", NULL);
    assert_string_equal(result.out, "again.song.png\n");
}

static void a_folder_that_ends_in_a_slash_is_made(void **state)
{
    (void)state;
    program_run(&home, &result, "decode", "small.png", "-o", "made/for/it/", "--extension", "flac",
                "--iterations", "1", "-q", NULL);
    assert_done();
    assert_string_equal(result.out, "made/for/it/small.flac\n");
    assert_int_equal(access("made/for/it/small.flac", R_OK), 0);
}

static void the_wrong_way_round_names_the_right_command(void **state)
{
    (void)state;
    static const struct {
        const char *args[4], *message, *fix;
    } cases[] = {
        {{"decode", "tone.wav"}, "is a sound, not an image", "timbre encode 'tone.wav'"},
        {{"decode", "tone.wav", "-o", "tone.wav"}, "is a sound", "timbre encode 'tone.wav'"},
        {{"decode", "nothing.mp3"}, "is a sound", "timbre encode"},
        {{"encode", "small.png"}, "is an image, not a sound", "timbre decode 'small.png'"},
        {{"encode", "small.png", "-o", "small.png"}, "is an image", "timbre decode 'small.png'"},
        {{"sample-clips", "small.png", "-o", "x"}, "is an image", "timbre decode 'small.png'"},
        {{"spectrogram", "small.png"}, "is an image", "timbre decode 'small.png'"},
        {{"show", "small.png"}, "is an image", "timbre print-exif 'small.png'"},
        {{"print-exif", "tone.wav"}, "is a sound", "timbre encode 'tone.wav'"},
        {{"decode", "photo.bmp"}, "is a BMP image, not PNG or JPEG", "convert it to PNG"},
        {{"decode", "photo.gif"}, "is a GIF image, not PNG or JPEG", "convert it to PNG"},
        {{"decode", "photo.webp"}, "is a WebP image, not PNG or JPEG", "convert it to PNG"},
        {{"decode", "photo.tif"}, "is a TIFF image, not PNG or JPEG", "convert it to PNG"},
    };
    program_write_file("nothing.mp3", "");
    program_write_file("photo.bmp", "BM and so on");
    program_write_file("photo.gif", "GIF89a");
    program_write_file("photo.webp", "RIFFsizeWEBPVP8 ");
    FILE *tiff = fopen("photo.tif", "wb");
    assert_int_equal(fwrite("MM\0*", 1, 4, tiff), 4);
    assert_int_equal(fclose(tiff), 0);
    int n_before = program_count_files(".", "");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const *a = cases[i].args;
        program_run(&home, &result, a[0], a[1], a[2], a[3], NULL);
        if (result.exit_code != 1 || strstr(result.err, cases[i].message) == NULL ||
            strstr(result.err, cases[i].fix) == NULL)
            fail_msg("%s %s: %d %s", a[0], a[1], result.exit_code, result.err);
    }
    assert_int_equal(program_count_files(".", ""), n_before);
}

/* Stereo of which the mix is silent: each channel is silent with a sign of 0, else the right one is
 * the left one times `sign`. */
static void write_cancelling(const char *path, int sign)
{
    enum { HEADER_BYTES = 44, FRAME_BYTES = 4, FRAMES = 2000 };
    size_t length;
    tone_write(path, RATE_HZ, 2, FRAMES);
    char *bytes = program_read_file(path, &length);
    assert_int_equal(length, HEADER_BYTES + FRAME_BYTES * FRAMES);
    for (size_t at = HEADER_BYTES; at < length; at += FRAME_BYTES) {
        int16_t frame[2];
        memcpy(frame, bytes + at, sizeof frame);
        frame[0] = sign == 0 ? 0 : frame[0];
        frame[1] = (int16_t)(sign * frame[0]);
        memcpy(bytes + at, frame, sizeof frame);
    }
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    free(bytes);
}

static void what_will_surprise_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *input, *args[4], *text; /* text: on standard error */
    } cases[] = {
        {"silent.wav", {"--stereo"}, "the image is blank: the sound is silent\n"},
        {"opposed.wav", {"--mono"}, "or its channels cancel out: try --stereo"},
        {"short.wav", {"--mono"}, "1 pixel cannot be decoded"},
        {"tone.wav", {"--mel-scale-type", "slaney"}, "give --mel-scale-type slaney to decode too"},
        {"tone.wav", {"--mel-scale-norm", "slaney"}, "give --mel-scale-norm slaney to decode too"},
        {"tone.wav", {"--stereo", "--image-extension", "jpg"}, "PNG keeps them apart"},
    };
    write_cancelling("silent.wav", 0);
    write_cancelling("opposed.wav", -1);
    tone_write("short.wav", RATE_HZ, 1, HOP - 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const *a = cases[i].args;
        program_run(&home, &result, "encode", cases[i].input, "-o", "said/", a[0], a[1], a[2], a[3],
                    NULL);
        assert_done();
        if (strstr(result.err, cases[i].text) == NULL)
            fail_msg("%s %s: %s", cases[i].input, a[0], result.err);
    }
    program_run(&home, &result, "encode", "tone.wav", "-o", "said/", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_null(strstr(result.err, cases[i].text));
}

static tb_status append(void *user, const void *data, size_t len_bytes, tb_error *err)
{
    (void)err;
    return fwrite(data, 1, len_bytes, user) == len_bytes ? TIMBRE_OK : TIMBRE_IO;
}

static void write_grey_image(const char *path, uint8_t level)
{
    enum { GREY_WIDTH = 100, HEIGHT = 512 };
    tb_image_spec spec = {.width = GREY_WIDTH, .height = HEIGHT};
    tb_image_writer *writer = NULL;
    uint8_t row[3 * GREY_WIDTH];
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    memset(row, level, sizeof row);
    assert_int_equal(tb_image_writer_new(&spec, append, file, &writer, NULL), TIMBRE_OK);
    for (int y = 0; y < HEIGHT; y++)
        assert_int_equal(tb_image_write_row(writer, row, NULL), TIMBRE_OK);
    assert_int_equal(tb_image_writer_finish(writer, NULL), TIMBRE_OK);
    tb_image_writer_free(writer);
    assert_int_equal(fclose(file), 0);
}

static void a_hardly_visible_image_is_named(void **state)
{
    (void)state;
    write_grey_image("faint.png", 254);
    write_grey_image("grey.png", 100);
    program_run(&home, &result, "decode", "faint.png", "--iterations", "2", NULL);
    assert_done();
    assert_non_null(strstr(result.err, "warning: faint.png: almost blank image, raised by "));
    program_run(&home, &result, "decode", "grey.png", "--iterations", "2", NULL);
    assert_done();
    assert_null(strstr(result.err, "almost blank"));
}

/* A number that JSON does not have must not pass for an answer without facts. */
static void facts_are_never_lost_in_silence(void **state)
{
    (void)state;
    tb_error err = {0};
    tb_codec_result r = {0};
    assert_int_equal(tb_codec_result_init(&r, "x.wav", &err), TIMBRE_OK);
    assert_int_equal(tb_codec_result_add_facts(&r, json_pack("{s:f}", "a", 1.5), &err), TIMBRE_OK);
    assert_true(json_real_value(json_object_get(r.facts, "a")) == 1.5);
    assert_int_equal(tb_codec_result_add_facts(&r, json_pack("{s:f}", "b", INFINITY), &err),
                     TIMBRE_INTERNAL);
    assert_int_equal(err.code, TIMBRE_INTERNAL);
    assert_int_equal(tb_json_print(json_pack("{s:f}", "b", INFINITY), &err), TIMBRE_INTERNAL);
    assert_int_equal(tb_json_print_line(NULL, &err), TIMBRE_INTERNAL);
    tb_codec_result_deinit(&r);
}

static void json_says_what_was_made_and_what_failed(void **state)
{
    (void)state;
    program_run(&home, &result, "encode", "tone.wav", "-o", "facts.png", "--json", "-q", NULL);
    assert_done();
    json_t *answer = parse(result.out);
    assert_string_equal(json_string_value(json_object_get(answer, "path")), "facts.png");
    assert_int_equal(json_integer_value(json_object_get(answer, "width")), WIDTH);
    assert_int_equal(json_integer_value(json_object_get(answer, "sample_rate_hz")), RATE_HZ);
    assert_true(json_number_value(json_object_get(answer, "duration_seconds")) == 1.0);
    json_decref(answer);
    program_run(&home, &result, "decode", "absent.png", "--json", NULL);
    assert_int_equal(result.exit_code, 1);
    answer = parse(result.out);
    json_t *error = json_object_get(answer, "error");
    assert_string_equal(json_string_value(json_object_get(error, "code")), "not_found");
    assert_string_equal(json_string_value(json_object_get(answer, "input")), "absent.png");
    json_decref(answer);
}

/* In each stage, as soon as it begins. */
static void an_interrupt_leaves_nothing(void **state)
{
    (void)state;
    enum { LONG_S = 60 };
    static const struct {
        const char *command, *stage;
    } cases[] = {
        {"encode long.wav -o cut.png", "analyze"},
        {"encode long.wav -o cut.png", "save"},
        {"decode long.png -o cut.wav --iterations 4", "load"},
        {"decode long.png -o cut.wav --iterations 4", "vocode"},
        {"decode long.png -o cut.wav --iterations 4", "master"},
    };
    tone_write("long.wav", RATE_HZ, 1, (long)RATE_HZ * LONG_S);
    program_run(&home, &result, "encode", "long.wav", "-o", "long.png", NULL);
    assert_done();
    int n_before = program_count_files(".", "");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char script[256], event[64];
        const char *argv[] = {"sh", "-c", script, program_path(), NULL};
        bool is_signalled;
        int events;
        snprintf(script, sizeof script, "exec \"$0\" %s --progress json 2>&1", cases[i].command);
        snprintf(event, sizeof event, "\"stage\":\"%s\"", cases[i].stage);
        pid_t pid = program_start(&home, argv, &events);
        assert_true(program_read_until(events, event));
        assert_int_equal(kill(pid, SIGINT), 0);
        int code = program_wait(pid, &is_signalled);
        if (code != 130)
            fail_msg("%s, %s: exit code %d", cases[i].command, cases[i].stage, code);
        assert_false(is_signalled);
        close(events);
        assert_int_equal(program_count_files(".", ""), n_before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_image_stands_beside_the_sound),
        cmocka_unit_test(the_width_says_how_long_the_sound_is),
        cmocka_unit_test(stereo_goes_through_the_image),
        cmocka_unit_test(every_option_changes_the_image),
        cmocka_unit_test(jpeg_has_a_quality_and_the_parameters),
        cmocka_unit_test(every_option_changes_the_sound),
        cmocka_unit_test(the_same_command_gives_the_same_bytes),
        cmocka_unit_test_teardown(the_environment_chooses_the_kernels, program_clean),
        cmocka_unit_test(riffusions_own_command_lines_work),
        cmocka_unit_test(exif_is_printed_as_riffusion_does),
        cmocka_unit_test(images_without_parameters_are_decoded_with_the_defaults),
        cmocka_unit_test(clips_are_pieces_of_the_asked_length),
        cmocka_unit_test(the_seed_chooses_the_places),
        cmocka_unit_test(what_exists_is_not_overwritten),
        cmocka_unit_test(bad_input_is_refused_before_the_work),
        cmocka_unit_test(names_of_our_choice_get_a_number),
        cmocka_unit_test(a_folder_that_ends_in_a_slash_is_made),
        cmocka_unit_test(the_wrong_way_round_names_the_right_command),
        cmocka_unit_test(what_will_surprise_is_said),
        cmocka_unit_test(a_hardly_visible_image_is_named),
        cmocka_unit_test(facts_are_never_lost_in_silence),
        cmocka_unit_test(json_says_what_was_made_and_what_failed),
        cmocka_unit_test(an_interrupt_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, make_files, program_teardown);
}
