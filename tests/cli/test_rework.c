/* timbre riff, --init, --mask, --repaint, --vary and their repeats, from outside, with a tiny
 * model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/support/program.h"
#include "tests/support/same_file.h"

#define RUN(...) program_run(&home, &result, __VA_ARGS__, NULL)

static char tiny[512];

static int setup(void **state)
{
    snprintf(tiny, sizeof tiny, "%s/models/tiny", getenv("TIMBRE_TESTS_DIR"));
    return program_setup(state);
}

static void assert_made(const char *path)
{
    if (result.exit_code != 0)
        fail_msg("%d: %s", result.exit_code, result.err);
    assert_int_equal(access(path, R_OK), 0);
}

static void assert_refused(const char *message)
{
    if (result.exit_code != 2 || strstr(result.err, message) == NULL)
        fail_msg("%d, not 2 with '%s': %s", result.exit_code, message, result.err);
}

/* Something to begin with. */
static void make_base(void)
{
    if (access("base.wav", R_OK) == 0)
        return;
    RUN("gen", "piano", "-l", "1.5", "--steps", "2", "-s", "7", "-m", tiny, "-o", "base.wav");
    assert_made("base.wav");
}

static void a_recording_is_reworked_and_the_take_repeats_without_it(void **state)
{
    (void)state;
    make_base();
    RUN("export", "base.wav", "-o", "mine.flac");
    assert_made("mine.flac");
    RUN("gen", "church organ", "--init", "mine.flac", "--strength", "0.6", "--steps", "4", "-m",
        tiny, "-o", "reworked.wav");
    assert_made("reworked.wav");
    (void)unlink("mine.flac");
    RUN("gen", "--from", "reworked.wav", "-m", tiny, "-o", "again.wav");
    assert_made("again.wav");
    assert_same_file("reworked.wav", "again.wav");
    RUN("show", "reworked.wav", "--json");
    assert_null(strstr(result.out, "mine.flac")); /* its place is nobody's business */
}

static void a_length_of_the_settings_is_not_meant(void **state)
{
    (void)state;
    make_base();
    RUN("config", "set", "generate.length", "9");
    assert_int_equal(result.exit_code, 0);
    RUN("gen", "choir", "--init", "base.wav", "--steps", "4", "-m", tiny, "-o", "own.wav");
    assert_made("own.wav");
    RUN("gen", "choir", "--init", "base.wav", "-l", "9", "--steps", "4", "-m", tiny);
    assert_refused("exceeds the 1.5 s");
    RUN("config", "unset", "generate.length");
    assert_int_equal(result.exit_code, 0);
}

static void a_copy_that_is_gone_is_told(void **state)
{
    (void)state;
    make_base();
    RUN("gen", "choir", "--init", "base.wav", "--steps", "4", "-m", tiny, "-o", "gone.wav",
        "--data-dir", "elsewhere");
    assert_made("gone.wav");
    RUN("gen", "--from", "gone.wav", "-m", tiny, "-o", "not.wav", "--data-dir", "nowhere");
    assert_int_not_equal(result.exit_code, 0);
    assert_non_null(strstr(result.err, "that file is not here"));
    RUN("gen", "--from", "gone.wav", "-m", tiny, "-o", "found.wav", "--data-dir", "nowhere",
        "--init", "base.wav");
    assert_made("found.wav");
}

static void masks_come_as_names_spans_and_files(void **state)
{
    (void)state;
    make_base();
    RUN("encode", "base.wav", "-o", "mask.png");
    assert_made("mask.png");
    static const char *const ways[][2] = {{"--mask", "mask.png"},
                                          {"--mask", "mask_gradient_dark"},
                                          {"--repaint", "0.2s-0.9s"},
                                          {"--repaint-band", "200Hz-2kHz"}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        RUN("gen", "applause", "--init", "base.wav", ways[i][0], ways[i][1], "--steps", "4", "-m",
            tiny, "-o", "masked.wav", "--force");
        assert_made("masked.wav");
    }
}

static void riff_goes_from_one_prompt_to_another(void **state)
{
    (void)state;
    make_base();
    RUN("riff", "church bells", "electronic beats", "--init", "base.wav", "--length", "1.4",
        "--clip-length", "1", "--overlap", "0.1", "--steps", "4", "-m", tiny, "-o", "riff.wav");
    assert_made("riff.wav");
    RUN("show", "riff.wav", "--json");
    assert_non_null(strstr(result.out, "electronic beats"));
    RUN("gen", "--from", "riff.wav", "-m", tiny, "-o", "riff-again.wav");
    assert_made("riff-again.wav");
    assert_same_file("riff.wav", "riff-again.wav");
    RUN("riff", "church bells", "-m", tiny);
    assert_refused("two prompts are wanted, 1 came");
    RUN("riff", "church bells", "beats");
    assert_refused("is not used by model 'sketch'");
}

static void a_variation_is_the_take_turned(void **state)
{
    (void)state;
    make_base();
    RUN("gen", "--vary", "base.wav", "--amount", "0", "-m", tiny, "-o", "same.wav");
    assert_made("same.wav");
    RUN("gen", "--vary", "base.wav", "--variation-seed", "3", "-m", tiny, "-o", "varied.wav");
    assert_made("varied.wav");
    RUN("gen", "--from", "varied.wav", "-m", tiny, "-o", "varied-again.wav");
    assert_made("varied-again.wav");
    assert_same_file("varied.wav", "varied-again.wav");
    RUN("gen", "--vary", "base.wav", "--from", "base.wav", "-m", tiny);
    assert_refused("--from and --vary cannot both be given");
}

static void wrong_beginnings_are_refused(void **state)
{
    (void)state;
    make_base();
    RUN("gen", "x", "--init", "missing.wav", "-m", tiny);
    assert_refused("'missing.wav' is no file and no name");
    assert_non_null(strstr(result.err, "og_beat, agile"));
    RUN("gen", "x", "--init", "base.wav", "--repaint", "soon", "-m", tiny);
    assert_refused("is no range");
    RUN("gen", "x", "--strength", "0.5", "-m", tiny);
    assert_refused("is of no use without");
    RUN("gen", "x", "--init", "base.wav", "--strength", "1.5", "-m", tiny);
    assert_refused("--strength");
    RUN("gen", "x", "--init", ".", "-m", tiny);
    assert_int_not_equal(result.exit_code, 0);
    assert_non_null(strstr(result.err, "no regular file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recording_is_reworked_and_the_take_repeats_without_it),
        cmocka_unit_test(a_length_of_the_settings_is_not_meant),
        cmocka_unit_test(a_copy_that_is_gone_is_told),
        cmocka_unit_test(masks_come_as_names_spans_and_files),
        cmocka_unit_test(riff_goes_from_one_prompt_to_another),
        cmocka_unit_test(a_variation_is_the_take_turned),
        cmocka_unit_test(wrong_beginnings_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, program_teardown);
}
