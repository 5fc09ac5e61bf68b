/* timbre batch, from outside: riffusion's file, names, what is kept, what fails. */
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

#define RUN(...) program_run(&home, &result, __VA_ARGS__, NULL)

static char tiny[512];

static int setup(void **state)
{
    snprintf(tiny, sizeof tiny, "%s/models/tiny", getenv("TIMBRE_TESTS_DIR"));
    return program_setup(state);
}

/* The example of riffusion's page, of few steps and a second. */
static const char example[] =
    "{\"params\": [{\"name\": \"fast one\", \"scheduler\": \"DDIMScheduler\", "
    "\"num_inference_steps\": 2, \"guidance\": 7.0, \"width\": 128, \"checkpoint\": null},"
    " {\"scheduler\": \"PNDMScheduler\", \"num_inference_steps\": 2, \"width\": 128}],"
    " \"entries\": [{\"prompt\": \"church bells\"},"
    " {\"prompt\": \"rain\", \"negative_prompt\": \"wind\", \"seed\": 7}]}";

static json_t *read_index(const char *path)
{
    char *text = program_read_file(path, NULL);
    json_t *json = json_loads(text, 0, NULL), *takes = json_incref(json_object_get(json, "takes"));
    free(text);
    json_decref(json);
    assert_true(json_is_array(takes));
    return takes;
}

static int count_status(const json_t *takes, const char *status)
{
    size_t i;
    const json_t *row;
    int n = 0;
    json_array_foreach(takes, i, row)
        n += strcmp(json_string_value(json_object_get(row, "status")), status) == 0;
    return n;
}

static void riffusions_file_is_made_and_goes_on(void **state)
{
    (void)state;
    program_write_file("page.json", example);
    RUN("batch", "page.json", "-m", tiny, "--seeds", "2");
    if (result.exit_code != 0)
        fail_msg("%s", result.err);
    static const char *const names[] = {"page/fast-one-001-s42.wav", "page/fast-one-001-s43.wav",
                                        "page/fast-one-002-s7.wav",  "page/set-2-001-s42.wav",
                                        "page/set-2-002-s8.wav",     "page/set-2-002-s8.png"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (access(names[i], R_OK) != 0)
            fail_msg("no %s", names[i]);
    assert_non_null(strstr(result.out, "page/fast-one-001-s42.wav\n"));
    json_t *takes = read_index("page/index.json");
    assert_int_equal(json_array_size(takes), 8);
    assert_int_equal(count_status(takes, "made"), 8);
    json_decref(takes);

    /* one goes, the others are kept */
    assert_int_equal(unlink("page/set-2-001-s42.wav"), 0);
    RUN("batch", "page.json", "-m", tiny, "--seeds", "2", "--json");
    assert_int_equal(result.exit_code, 0);
    takes = read_index("page/index.json");
    assert_int_equal(count_status(takes, "made"), 1);
    assert_int_equal(count_status(takes, "kept"), 7);
    json_decref(takes);
    /* a take of the file is that of the same options */
    RUN("gen", "rain", "--negative", "wind", "-s", "7", "--steps", "2", "--scheduler", "ddim",
        "--cfg", "7", "-l", "1.27", "-m", tiny, "-o", "same.wav");
    assert_int_equal(result.exit_code, 0);
    size_t n_a, n_b;
    char *a = program_read_file("same.wav", &n_a);
    char *b = program_read_file("page/fast-one-002-s7.wav", &n_b);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(a, b, n_a);
    free(a);
    free(b);
}

static void one_that_fails_does_not_stop_the_others(void **state)
{
    (void)state;
    program_write_file("half.json",
                       "{\"entries\": [{\"prompt\": \"x\", \"seed\": -1}, {\"prompt\": "
                       "\"rain\", \"duration_seconds\": 1}]}");
    RUN("batch", "half.json");
    assert_int_equal(result.exit_code, 2);
    assert_non_null(strstr(result.err, "entries[0]: seed -1"));
    assert_non_null(strstr(result.err, "the sketch plays; it does not use cfg_scale, steps"));
    assert_int_equal(access("half/set-1-002-s42.wav", R_OK), 0);
    json_t *takes = read_index("half/index.json");
    assert_int_equal(count_status(takes, "failed"), 1);
    assert_int_equal(count_status(takes, "made"), 1);
    json_decref(takes);

    /* another take under its name is not touched */
    program_write_file("half.json",
                       "{\"entries\": [{\"prompt\": \"y\", \"seed\": 42, \"duration_seconds\": 1}, "
                       "{\"prompt\": \"wind\", \"duration_seconds\": 1}]}");
    RUN("batch", "half.json");
    assert_int_not_equal(result.exit_code, 0);
    assert_non_null(strstr(result.err, "is there and is another take"));
}

static void a_dry_run_makes_nothing(void **state)
{
    (void)state;
    program_write_file("dry.json", example);
    RUN("batch", "dry.json", "--dry-run");
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.out, "dry/fast-one-001-s42.wav"));
    assert_int_equal(access("dry", F_OK), -1);
}

static void wrong_files_are_named_with_the_place(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"{\"params\": [{}, {\"guidnce\": 1}], \"entries\": [{\"prompt\": \"x\"}]}",
         "params[1].guidnce is not known"},
        {"{\"entries\": [{\"prompt\": \"x\", \"width\": 1}]}", "entries[0].width is not known"},
        {"{\"entries\": [{\"seed\": 1}]}", "entries[0].prompt is not a text"},
        {"{\"entries\": []}", "entries is not a list"},
        {"{\"entries\": [1]}", "entries[0] is not an object"},
        {"{\"entry\": [1]}", "entry is not known"},
        {"[1]", "is no JSON object"},
        {"{", "is no JSON"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        program_write_file("wrong.json", rows[i][0]);
        RUN("batch", "wrong.json");
        if (result.exit_code == 0 || strstr(result.err, rows[i][1]) == NULL)
            fail_msg("%s: %s", rows[i][0], result.err);
        assert_int_equal(access("wrong", F_OK), -1);
    }
    RUN("batch", "none.json");
    assert_int_equal(result.exit_code, 1);
    RUN("batch");
    assert_int_equal(result.exit_code, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(riffusions_file_is_made_and_goes_on),
        cmocka_unit_test(one_that_fails_does_not_stop_the_others),
        cmocka_unit_test(a_dry_run_makes_nothing),
        cmocka_unit_test(wrong_files_are_named_with_the_place),
    };
    return cmocka_run_group_tests(tests, setup, program_teardown);
}
