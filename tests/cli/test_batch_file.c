/* timbre batch, from outside: riffusion's file, names, what is kept, what fails. */
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

static const char *text_of(const json_t *takes, size_t i, const char *name)
{
    const char *text = json_string_value(json_object_get(json_array_get(takes, i), name));
    if (text == NULL)
        fail_msg("take %zu has no %s", i, name);
    return text;
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
    static const struct {
        const char *name, *value;
    } members[] = {{"params", "fast-one"},
                   {"prompt", "rain"},
                   {"negative_prompt", "wind"},
                   {"audio", "fast-one-002-s7.wav"},
                   {"image", "fast-one-002-s7.png"}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        assert_string_equal(text_of(takes, 2, members[i].name), members[i].value);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(takes, 2), "seed")), 7);
    json_decref(takes);

    /* a sound goes and another's picture; the others are kept */
    assert_int_equal(unlink("page/set-2-001-s42.wav"), 0);
    assert_int_equal(unlink("page/set-2-002-s8.png"), 0);
    RUN("batch", "page.json", "-m", tiny, "--seeds", "2", "--json");
    assert_int_equal(result.exit_code, 0);
    takes = read_index("page/index.json");
    assert_int_equal(count_status(takes, "made"), 2);
    assert_int_equal(count_status(takes, "kept"), 6);
    json_t *answer = json_loads(result.out, 0, NULL);
    assert_true(json_equal(json_object_get(answer, "takes"), takes));
    assert_int_equal(access("page/set-2-002-s8.png", R_OK), 0);
    json_decref(answer);
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
    assert_non_null(strstr(result.err, "entries[0].seed: -1 is not between"));
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

/* A batch of riffusion's is of use without any model; what an entry asks for is not left out. */
static void the_sketch_leaves_out_what_it_does_not_use(void **state)
{
    (void)state;
    program_write_file(
        "sketch.json",
        "{\"params\": {\"checkpoint\": \"sketch\", \"scheduler\": \"DDIMScheduler\", "
        "\"num_inference_steps\": 50, \"guidance\": 7.0, \"width\": 101}, "
        "\"entries\": [{\"prompt\": \"rain\", \"negative_prompt\": \"drums\"}, "
        "{\"prompt\": \"wind\", \"init\": \"og_beat\"}]}");
    RUN("batch", "sketch.json", "--format", "flac", "--output-dir", "there");
    assert_int_equal(result.exit_code, 2);
    const char *note =
        "the sketch plays; it does not use scheduler, num_inference_steps, guidance\n";
    const char *said = strstr(result.err, note);
    assert_non_null(said);
    assert_null(strstr(said + 1, "the sketch plays"));
    assert_non_null(strstr(result.err, "entries[1].init: is not used"));
    assert_int_equal(access("there/set-1-001-s42.flac", R_OK), 0);
    assert_int_equal(access("there/set-1-002-s42.flac", F_OK), -1);
    RUN("batch", "sketch.json", "--format", "flac", "--output-dir", "there");
    assert_non_null(strstr(result.err, "set-1-001-s42.flac is there already"));
    json_t *takes = read_index("there/index.json");
    assert_int_equal(count_status(takes, "kept"), 1);
    assert_int_equal(count_status(takes, "failed"), 1);
    assert_null(json_object_get(json_array_get(takes, 1), "audio"));
    json_decref(takes);
}

/* A set without its model fails alone, and is told once. */
static void a_set_without_its_model_does_not_stop_the_others(void **state)
{
    (void)state;
    program_write_file(
        "models.json",
        "{\"params\": [{\"checkpoint\": \"riffusion/riffusion-model-v1\"}, "
        "{\"checkpoint\": \"./none\"}, {\"checkpoint\": \"sketch\", \"width\": 101}], "
        "\"entries\": [{\"prompt\": \"rain\"}, {\"prompt\": \"wind\"}]}");
    RUN("batch", "models.json");
    assert_int_equal(result.exit_code, 3);
    const char *said = strstr(result.err, "params[0]: the model 'riffusion-v1' is not installed");
    assert_non_null(said);
    assert_null(strstr(said + 1, "params[0]"));
    assert_non_null(strstr(result.err, "timbre models pull riffusion-v1"));
    assert_non_null(strstr(result.err, "params[1]: no such file or folder"));
    assert_non_null(strstr(result.err, "2 of 6 made, 4 failed"));
    json_t *takes = read_index("models/index.json");
    assert_int_equal(json_array_size(takes), 6);
    assert_int_equal(count_status(takes, "made"), 2);
    json_decref(takes);
}

/* Values are named as the file has them; an entry's own come before those of its set. */
static void values_are_named_with_the_place(void **state)
{
    (void)state;
    program_write_file("values.json",
                       "{\"params\": [{\"guidance\": 99, \"width\": 128}, {\"width\": 4000}, "
                       "{\"scheduler\": \"none\", \"width\": 128}, "
                       "{\"num_inference_steps\": 2, \"width\": 4000}], "
                       "\"entries\": [{\"prompt\": \"rain\"}, {\"prompt\": \"wind\", \"steps\": 3, "
                       "\"duration_seconds\": 1.27, \"seed\": 9223372036854775807}, "
                       "{\"prompt\": \"hail\", \"steps\": 3, \"duration_seconds\": 1.27}]}");
    RUN("batch", "values.json", "-m", tiny);
    assert_int_equal(result.exit_code, 2);
    assert_non_null(strstr(result.err, "params[0].guidance: 99 is not between"));
    assert_non_null(strstr(result.err, "params[1].width in seconds: 39.99 exceeds"));
    assert_non_null(strstr(result.err, "params[2].scheduler: 'none' is not"));
    assert_non_null(strstr(result.err, "entries[1].seed: 9.22"));
    RUN("show", "values/set-4-003-s42.wav", "--json");
    assert_non_null(strstr(result.out, "\"steps\": 3"));
    assert_int_equal(access("values/set-4-001-s42.wav", F_OK), -1);
}

/* What was made stays and is listed; the same command makes the rest. */
static void one_that_is_interrupted_goes_on(void **state)
{
    (void)state;
    program_write_file("stop.json",
                       "{\"entries\": [{\"prompt\": \"rain\", \"duration_seconds\": 1}, "
                       "{\"prompt\": \"slow flute\", \"duration_seconds\": 100}, "
                       "{\"prompt\": \"wind\", \"duration_seconds\": 1}]}");
    const char *argv[] = {program_path(), "batch", "stop.json", NULL};
    int out;
    pid_t pid = program_start(&home, argv, &out);
    assert_true(program_read_until(out, "set-1-001-s42.wav"));
    assert_int_equal(kill(pid, SIGINT), 0);
    assert_int_equal(program_wait(pid, NULL), 130);
    close(out);
    json_t *takes = read_index("stop/index.json");
    assert_int_equal(json_array_size(takes), 1);
    json_decref(takes);
    assert_int_equal(program_count_files("stop", ".wav"), 1);
    assert_int_equal(program_count_files("stop", ".part"), 0);
    RUN("batch", "stop.json");
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.err, "2 of 3 made, 1 there already"));
    takes = read_index("stop/index.json");
    assert_int_equal(count_status(takes, "kept"), 1);
    assert_int_equal(count_status(takes, "made"), 2);
    json_decref(takes);
}

static void another_index_is_not_replaced(void **state)
{
    (void)state;
    static const char other[] = "{\"mine\": 1}\n";
    program_write_file("web.json", "{\"entries\": [{\"prompt\": \"x\"}]}");
    assert_int_equal(mkdir("web", 0777), 0);
    program_write_file("web/index.json", other);
    RUN("batch", "web.json");
    assert_int_equal(result.exit_code, 1);
    assert_non_null(strstr(result.err, "'web/index.json' is there and is not of a batch"));
    char *text = program_read_file("web/index.json", NULL);
    assert_string_equal(text, other);
    free(text);
    assert_int_equal(program_count_files("web", ".wav"), 0);
}

static void too_much_is_refused_with_the_limit(void **state)
{
    (void)state;
    enum { N_ENTRIES = 1001, MAX_BYTES = 1 << 20 };
    static const char entry[] = "{\"prompt\": \"x\"}";
    char *text = calloc(1, MAX_BYTES + 2), *at = text;
    assert_non_null(text);
    at += sprintf(at, "{\"entries\": [%s", entry);
    for (int i = 1; i < N_ENTRIES; i++)
        at += sprintf(at, ", %s", entry);
    (void)sprintf(at, "]}");
    program_write_file("many.json", text);
    RUN("batch", "many.json", "--seeds", "10");
    assert_int_equal(result.exit_code, 2);
    assert_non_null(strstr(result.err, "asks for 10010 takes, more than 10000"));
    memset(text, ' ', MAX_BYTES + 1);
    program_write_file("many.json", text);
    RUN("batch", "many.json");
    assert_int_equal(result.exit_code, 1);
    assert_non_null(strstr(result.err, "1048577 bytes exceeds 1048576 bytes"));
    assert_int_equal(access("many", F_OK), -1);
    free(text);
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
        {"{\"params\": {\"width\": \"512\"}, \"entries\": [{\"prompt\": \"x\"}]}",
         "params[0].width is not a number"},
        {"{\"params\": {\"scheduler\": 5}, \"entries\": [{\"prompt\": \"x\"}]}",
         "params[0].scheduler is not a text"},
        {"{\"params\": {\"steps\": 5, \"num_inference_steps\": 6}, \"entries\": [{\"prompt\": "
         "\"x\"}]}",
         "params[0].num_inference_steps says the same as steps"},
        {"{\"params\": [{\"name\": \"Set 2\"}, {}], \"entries\": [{\"prompt\": \"x\"}]}",
         "params[1].name: its files would be named as those of params[0]"},
        {"{\"entries\": [{\"prompt\": \"x\", \"model_id\": \"sketch\"}]}",
         "entries[0].model_id: a model is named in params"},
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
        cmocka_unit_test(the_sketch_leaves_out_what_it_does_not_use),
        cmocka_unit_test(a_set_without_its_model_does_not_stop_the_others),
        cmocka_unit_test(values_are_named_with_the_place),
        cmocka_unit_test(one_that_is_interrupted_goes_on),
        cmocka_unit_test(another_index_is_not_replaced),
        cmocka_unit_test(too_much_is_refused_with_the_limit),
        cmocka_unit_test(wrong_files_are_named_with_the_place),
    };
    return cmocka_run_group_tests(tests, setup, program_teardown);
}
