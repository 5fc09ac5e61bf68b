/*
 * The kernels "blas" as a user meets them: what a take says of them, what repeating it says, what
 * happens on a machine without a BLAS, and that nothing else changes.
 */
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

#include "tests/support/blas.h"
#include "tests/support/program.h"

static char tiny[512];

#define RUN(...) program_run(&home, &result, __VA_ARGS__, NULL)
/* A short take of the small model. */
#define TAKE(path)       "gen", "piano", "-l", "1", "--steps", "1", "-s", "7", "--model", tiny, "-o", path
#define FROM(file, path) "gen", "--from", file, "--model", tiny, "-o", path

static int setup(void **state)
{
    const char *data = getenv("TIMBRE_TESTS_DIR");
    assert_non_null(data);
    snprintf(tiny, sizeof tiny, "%s/models/tiny", data);
    return program_setup(state);
}

static void assert_made(const char *path)
{
    if (result.exit_code != 0)
        fail_msg("%d: %s", result.exit_code, result.err);
    assert_int_equal(access(path, R_OK), 0);
}

static void assert_said(const char *text)
{
    if (strstr(result.err, text) == NULL)
        fail_msg("no '%s' in: %s", text, result.err);
}

/* The whole sidecar of a take; owned. */
static json_t *sidecar_of(const char *take)
{
    char path[512];
    snprintf(path, sizeof path, "%s.json", take);
    json_t *j = json_load_file(path, 0, NULL);
    assert_non_null(j);
    return j;
}

/* A text of its recipe: a member, or one of an object in it. */
static void recipe_text(const char *take, const char *part, const char *name, char out[80])
{
    json_t *j = sidecar_of(take);
    const json_t *object = json_object_get(j, "recipe");
    object = part == NULL ? object : json_object_get(object, part);
    const char *text = json_string_value(json_object_get(object, name));
    snprintf(out, 80, "%s", text == NULL ? "" : text);
    json_decref(j);
}

static void assert_recipe(const char *take, const char *part, const char *name, const char *want)
{
    char text[80];
    recipe_text(take, part, name, text);
    assert_string_equal(text, want);
}

/* Its recipe in old.json, as if its samples had been others. */
static void write_other_samples(const char *take)
{
    json_t *j = sidecar_of(take);
    json_t *pcm = json_object_get(json_object_get(j, "recipe"), "pcm");
    json_object_set_new(pcm, "sha256", json_string("00"));
    assert_int_equal(json_dump_file(j, "old.json", 0), 0);
    json_decref(j);
}

static void a_take_names_its_blas_and_is_repeated_by_it(void **state)
{
    (void)state;
    char name[80];
    if (blas_kernels() == NULL)
        return;
    RUN(TAKE("blas.wav"), "--cpu", "blas", "--force");
    assert_made("blas.wav");
    assert_recipe("blas.wav", NULL, "kernels", "blas");
    recipe_text("blas.wav", "ingredients", "blas", name);
    RUN("doctor");
    assert_non_null(strstr(result.out, name));
    assert_true(strlen(name) > 0);
    RUN(FROM("blas.wav", "again.wav"));
    assert_made("again.wav");
    assert_recipe("again.wav", NULL, "kernels", "blas");
    assert_null(strstr(result.err, "kernels:"));
    RUN(FROM("blas.wav", "exact.wav"), "--cpu", "auto");
    assert_made("exact.wav");
    assert_recipe("exact.wav", NULL, "kernels", "exact");
    assert_recipe("exact.wav", "ingredients", "blas", "");
    assert_said("kernels: blas was, exact is");
    /* other samples are no defect of ours: nearness alone was promised */
    write_other_samples("blas.wav");
    RUN(FROM("old.json", "near.wav"));
    assert_made("near.wav");
    assert_said("the samples differ");
    write_other_samples("exact.wav");
    RUN(FROM("old.json", "broken.wav"));
    assert_int_equal(result.exit_code, 8);
}

/* Three threads, and a time limit in the middle of the work. */
static void threads_and_limits_work(void **state)
{
    (void)state;
    if (blas_kernels() == NULL)
        return;
    RUN(TAKE("three.wav"), "--cpu", "blas", "--threads", "3");
    assert_made("three.wav");
    RUN(TAKE("late.wav"), "--cpu", "blas", "--threads", "3", "--steps", "1000", "--scheduler",
        "euler", "--timeout", "0.5");
    assert_int_equal(result.exit_code, 7);
    assert_int_equal(access("late.wav", F_OK), -1);
}

/* What multiplies no matrices is exact whatever the kernels are called. */
static void the_sketch_stays_exact(void **state)
{
    (void)state;
    char own[80];
    if (blas_kernels() == NULL)
        return;
    RUN("gen", "piano", "-l", "1", "-s", "3", "--model", "sketch", "-o", "own.wav");
    assert_made("own.wav");
    recipe_text("own.wav", "pcm", "sha256", own);
    RUN("gen", "piano", "-l", "1", "-s", "3", "--model", "sketch", "-o", "other.wav", "--cpu",
        "blas");
    assert_made("other.wav");
    assert_recipe("other.wav", NULL, "kernels", "exact");
    assert_recipe("other.wav", "pcm", "sha256", own);
}

#ifdef __linux__
/* A library that cannot be loaded stands before all others, as on a machine without one. */
static void without_a_blas_it_is_said(void **state)
{
    (void)state;
    const bool has_one = blas_kernels() != NULL;
    const char *const make[] = {"mkdir", "-p", "none", NULL};
    if (has_one) {
        RUN(TAKE("before.wav"), "--cpu", "blas");
        assert_made("before.wav");
    }
    program_run_argv(&home, &result, make);
    program_write_file("none/libopenblasp.so.0", "no library");
    program_write_file("none/libopenblas.so.0", "no library");
    home.env[0] = "LD_LIBRARY_PATH=none";
    RUN(TAKE("without.wav"), "--cpu", "blas");
    assert_int_equal(result.exit_code, 2);
    assert_said("no BLAS is here");
    assert_said("fix: install OpenBLAS");
    assert_int_equal(access("without.wav", F_OK), -1);
    RUN("doctor", "--json");
    assert_non_null(strstr(result.out, "none, which --cpu blas alone would want"));
    if (!has_one)
        return;
    RUN(FROM("before.wav", "without.wav"));
    assert_made("without.wav");
    assert_said("no BLAS is here");
    assert_said("kernels: blas was, exact is");
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_take_names_its_blas_and_is_repeated_by_it),
        cmocka_unit_test(threads_and_limits_work),
        cmocka_unit_test(the_sketch_stays_exact),
#ifdef __linux__
        cmocka_unit_test_teardown(without_a_blas_it_is_said, program_clean),
#endif
    };
    return cmocka_run_group_tests_name("cli-blas", tests, setup, program_teardown);
}
