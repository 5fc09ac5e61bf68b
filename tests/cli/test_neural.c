/* timbre generate and show with a neural model, from outside: a tiny one of random weights. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/support/program.h"
#include "tests/support/same_file.h"
#include "tests/support/sanitized.h"

static char tiny[512], tiny_v[512];

/* The path of a model of the tests, in one of four places that take turns. */
static const char *model_path(const char *name)
{
    static char paths[4][512];
    static size_t i;
    char *path = paths[i++ % 4];
    const char *data = getenv("TIMBRE_TESTS_DIR");
    assert_non_null(data);
    snprintf(path, sizeof paths[0], "%s/models/%s", data, name);
    return path;
}

static int setup(void **state)
{
    snprintf(tiny, sizeof tiny, "%s", model_path("tiny"));
    snprintf(tiny_v, sizeof tiny_v, "%s", model_path("tiny-v"));
    return program_setup(state);
}

/* The shortest take, of a model. */
#define TAKE(model, path)                                                                          \
    "gen", "piano", "-l", "1", "--steps", "1", "-s", "7", "--model", model, "-o", path
#define RUN(...) program_run(&home, &result, __VA_ARGS__, NULL)

static void assert_made(const char *path)
{
    if (result.exit_code != 0)
        fail_msg("%d: %s", result.exit_code, result.err);
    assert_int_equal(access(path, R_OK), 0);
}

/* Ended with `exit_code` and `message`, without a file at `path`. */
static void assert_refused(int exit_code, const char *message, const char *path)
{
    if (result.exit_code != exit_code || strstr(result.err, message) == NULL)
        fail_msg("%d, not %d with '%s': %s", result.exit_code, exit_code, message, result.err);
    assert_false(result.is_signalled);
    assert_int_equal(result.out_length, 0);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(program_count_files(home.path, ".part"), 0);
}

/* Refused before there was any work. */
static void assert_refused_at_once(const char *message, const char *path)
{
    assert_refused(2, message, path);
    assert_null(strstr(result.err, "load (1/"));
}

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *j = json_loads(text, 0, &error);
    if (j == NULL)
        fail_msg("%s in: %s", error.text, text);
    return j;
}

static json_t *parse_file(const char *path)
{
    char *text = program_read_file(path, NULL);
    json_t *j = parse(text);
    free(text);
    return j;
}

/* A member of the recipe in the sidecar of a take: of its object `part`. */
static void sidecar_text(const char *take, const char *part, const char *name, char out[80])
{
    char path[512];
    snprintf(path, sizeof path, "%s.json", take);
    json_t *j = parse_file(path);
    const json_t *object = json_object_get(json_object_get(j, "recipe"), part);
    if (strcmp(part, "ingredients") == 0)
        object = json_object_get(object, "model");
    const char *text = json_string_value(json_object_get(object, name));
    assert_non_null(text);
    snprintf(out, 80, "%s", text);
    json_decref(j);
}

static void show_tells_what_a_model_is(void **state)
{
    (void)state;
    RUN("show", tiny);
    assert_int_equal(result.exit_code, 0);
    static const char *const parts[] = {
        "diffusers folder", "epsilon", "text_encoder", "unet", "vae", "fp32", "safetensors"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_non_null(strstr(result.out, parts[i]));
    RUN("show", tiny_v, "--json");
    assert_int_equal(result.exit_code, 0);
    json_t *answer = parse(result.out), *model = json_object_get(answer, "model");
    assert_string_equal(json_string_value(json_object_get(model, "prediction_type")),
                        "v_prediction");
    json_t *timbre = parse_file(model_path("tiny-v/timbre.json"));
    assert_string_equal(json_string_value(json_object_get(model, "name")),
                        json_string_value(json_object_get(timbre, "name")));
    json_decref(timbre);
    json_decref(answer);
}

/* The same numbers from other kinds of files are the same sound, of another file. */
static void other_forms_of_the_same_weights_sound_the_same(void **state)
{
    (void)state;
    char pcm[80], sha256[80], other_pcm[80], other_sha256[80];
    RUN(TAKE(tiny, "form.wav"));
    assert_made("form.wav");
    sidecar_text("form.wav", "pcm", "sha256", pcm);
    sidecar_text("form.wav", "ingredients", "sha256", sha256);
    static const char *const forms[] = {"forms/bin", "forms/single/tiny.ckpt"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        RUN(TAKE(model_path(forms[i]), "other.wav"), "--force");
        assert_made("other.wav");
        sidecar_text("other.wav", "pcm", "sha256", other_pcm);
        sidecar_text("other.wav", "ingredients", "sha256", other_sha256);
        assert_string_equal(other_pcm, pcm);
        assert_string_not_equal(other_sha256, sha256);
    }
}

static void half_precision_forms_play(void **state)
{
    (void)state;
    char vocabulary[640];
    snprintf(vocabulary, sizeof vocabulary, "%s/tokenizer", tiny);
    RUN(TAKE(model_path("forms/single/tiny-fp16.safetensors"), "fp16.wav"));
    assert_made("fp16.wav");
    const char *bf16 = model_path("forms/bf16-sharded");
    RUN(TAKE(bf16, "bf16.wav"));
    assert_refused(3, "no vocabulary for", "bf16.wav");
    assert_non_null(strstr(result.err, "fix: "));
    assert_non_null(strstr(result.err, "--tokenizer DIR"));
    RUN(TAKE(bf16, "bf16.wav"), "--tokenizer", vocabulary);
    assert_made("bf16.wav");
    RUN("show", bf16, "--tokenizer", vocabulary);
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.out, "bf16"));
}

/* A copy of the tiny model in the folder "broken", whose UNet's weights the test changes. */
static const char weights_path[] = "broken/unet/diffusion_pytorch_model.safetensors";

static char *copy_model(size_t *length)
{
    const char *const clear[] = {"rm", "-rf", "broken", NULL};
    program_run_argv(&home, &result, clear);
    const char *const copy[] = {"cp", "-R", tiny, "broken", NULL};
    program_run_argv(&home, &result, copy);
    assert_int_equal(result.exit_code, 0);
    return program_read_file(weights_path, length);
}

static void write_file(const char *path, const char *bytes, size_t length)
{
    assert_int_equal(unlink(path), 0);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void write_weights(const char *bytes, size_t length)
{
    write_file(weights_path, bytes, length);
}

static void broken_weights_are_named(void **state)
{
    (void)state;
    size_t length;
    char *bytes = copy_model(&length);
    write_weights(bytes, length - 1000);
    RUN(TAKE("broken", "broken.wav"));
    assert_int_not_equal(result.exit_code, 0);
    assert_refused(result.exit_code, "diffusion_pytorch_model.safetensors", "broken.wav");
    write_weights(bytes, 5);
    RUN(TAKE("broken", "broken.wav"));
    assert_int_not_equal(result.exit_code, 0);
    assert_refused(result.exit_code, "diffusion_pytorch_model.safetensors", "broken.wav");
    RUN("show", "broken");
    assert_int_not_equal(result.exit_code, 0);
    assert_false(result.is_signalled);
    free(bytes);
}

/* Where the tensors start behind the header of a safetensors file. */
static size_t data_start(const char *bytes, size_t length)
{
    uint64_t n = 0;
    for (int i = 7; i >= 0; i--)
        n = n << 8 | (unsigned char)bytes[i];
    assert_true(n + 8 < length);
    return (size_t)n + 8;
}

static void weights_that_are_no_numbers_make_no_file(void **state)
{
    (void)state;
    size_t length;
    char *bytes = copy_model(&length);
    size_t start = data_start(bytes, length);
    memset(bytes + start, 0xff, 32); /* eight quiet NaN */
    write_weights(bytes, length);
    free(bytes);
    RUN(TAKE("broken", "nan.wav"));
    assert_int_not_equal(result.exit_code, 0);
    assert_refused(result.exit_code, "tensor 'conv_in.bias' has the value", "nan.wav");
    assert_non_null(strstr(result.err, "fix: "));
}

/* Finite weights whose results are not: never a blank picture and success. */
static void a_decoder_that_overflows_makes_no_file(void **state)
{
    (void)state;
    static const char path[] = "broken/vae/diffusion_pytorch_model.safetensors";
    const float huge = 1e38f;
    size_t length;
    free(copy_model(&length));
    char *bytes = program_read_file(path, &length);
    for (size_t at = data_start(bytes, length); at + sizeof huge <= length; at += sizeof huge)
        memcpy(bytes + at, &huge, sizeof huge);
    write_file(path, bytes, length);
    free(bytes);
    RUN(TAKE("broken", "blank.wav"));
    assert_refused(1, "the model's decoder gave values that are no numbers", "blank.wav");
}

/* timbre.json may ask for pictures that the model cannot make. */
static void pictures_of_wrong_sizes_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *spectrogram, *message;
    } rows[] = {
        {"{\"num_frequencies\":500}", "is no multiple of 8"},
        {"{\"step_size_ms\":1}", "more than 2048"},
        {"{\"num_frequencies\":0}", "num_frequencies"},
        {"{\"num_frequencies\":\"many\"}", "num_frequencies"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t length;
        free(copy_model(&length));
        FILE *file = fopen("broken/timbre.json", "w");
        assert_non_null(file);
        assert_true(fprintf(file, "{\"spectrogram\":%s}", rows[i].spectrogram) > 0);
        assert_int_equal(fclose(file), 0);
        RUN(TAKE("broken", "wide.wav"), "--length", "10");
        assert_int_not_equal(result.exit_code, 0);
        assert_refused(result.exit_code, rows[i].message, "wide.wav");
    }
}

/* A path in the settings means the same wherever timbre is started; a name is no path. */
static void a_model_of_the_settings_has_a_whole_path(void **state)
{
    (void)state;
    size_t length;
    free(copy_model(&length));
    static const char *const relative[] = {"broken", "./broken", "no/such"};
    for (size_t i = 0; i < sizeof relative / sizeof *relative; i++) {
        RUN("config", "set", "generate.model", relative[i]);
        assert_int_equal(result.exit_code, 2);
        assert_non_null(strstr(result.err, "is relative to the folder you are in"));
    }
    RUN("config", "set", "generate.model", tiny);
    assert_int_equal(result.exit_code, 0);
    RUN("gen", "piano", "-l", "1", "--steps", "1", "-o", "settings.wav");
    assert_made("settings.wav");
    RUN("config", "set", "generate.model", "sketch");
    assert_int_equal(result.exit_code, 0);
}

static void names_of_fields_lead_to_their_options(void **state)
{
    (void)state;
    RUN("gen", "piano", "--cfg-scale", "3");
    assert_int_equal(result.exit_code, 2);
    assert_non_null(strstr(result.err, "did you mean --cfg?"));
    RUN("gen", "piano", "--negative_prompt", "drums");
    assert_non_null(strstr(result.err, "did you mean --negative?"));
}

static void what_is_no_model_is_said(void **state)
{
    (void)state;
    RUN(TAKE(".", "none.wav"));
    assert_int_not_equal(result.exit_code, 0);
    assert_refused(result.exit_code, "is not a model: it has neither model_index.json", "none.wav");
    RUN(TAKE("./absent", "none.wav"));
    assert_refused(3, "absent", "none.wav");
}

static void wrong_values_are_refused_before_the_work(void **state)
{
    (void)state;
    static const struct {
        const char *option, *value, *message;
    } cases[] = {
        {"--length", "21", "21 exceeds 20.4"},
        {"--seed", "4294967296", "4294967296 exceeds 4294967295"},
        {"--scheduler", "heun", "'heun' is not one of: dpmpp_2m"},
        {"--spacing", "wide", "'wide' is not one of: leading"},
        {"--generator", "dice", "'dice' is not one of: torch-cpu"},
        {"--prompt-syntax", "perl", "'perl' is not one of: weighted"},
        {"--clip-skip", "99", "99 is not between 0 and"},
        {"--steps", "0", "0 is not between 1 and 1000"},
        {"--steps", "1001", "1001 is not between 1 and 1000"},
        {"--midi", "take.mid", "makes no MIDI file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        RUN("gen", "piano", "-o", "wrong.wav", "--model", tiny, cases[i].option, cases[i].value);
        assert_refused_at_once(cases[i].message, "wrong.wav");
    }
    assert_int_equal(access("take.mid", F_OK), -1);
    RUN("gen", "piano", "-l", "1", "-o", "wrong.wav", "--image", "wrong.png");
    assert_refused_at_once("makes no spectrogram image", "wrong.wav");
    RUN(TAKE(tiny, "wrong.wav"), "--image", "wrong.jpg");
    assert_refused_at_once("does not end in .png", "wrong.wav");
}

static void the_picture_is_kept_and_never_replaced(void **state)
{
    (void)state;
    RUN(TAKE(tiny, "seen.wav"), "--image", "seen.png");
    assert_made("seen.wav");
    size_t length;
    char *image = program_read_file("seen.png", &length);
    static const unsigned char head[] = {
        0x89, 'P', 'N', 'G', 13, 10, 26, 10,  0, 0, 0, 13,
        'I',  'H', 'D', 'R', 0,  0,  0,  128, 0, 0, 2, 0}; /* 128 columns, 512 rows */
    assert_true(length > sizeof head);
    assert_memory_equal(image, head, sizeof head);
    free(image);
    program_write_file("mine.png", "mine");
    RUN(TAKE(tiny, "seen2.wav"), "--image", "mine.png");
    assert_refused(1, "'mine.png' exists already", "seen2.wav");
    RUN(TAKE(tiny, "seen2.wav"), "--image", "mine.png", "--force");
    assert_made("seen2.wav");
    assert_same_file("mine.png", "seen.png");
}

/* A limit on memory is found before the work, or the work fits: never a crash. */
static void too_little_memory_is_said_before_the_work(void **state)
{
    (void)state;
    if (IS_SANITIZED)
        return; /* their shadow memory alone is more than any limit */
    static const char script[] = "ulimit -v 100000 && exec \"$0\" gen piano -l 20 --steps 1 "
                                 "--threads 1 --model \"$1\" -o little.wav";
    const char *const argv[] = {"sh", "-c", script, program_path(), tiny, NULL};
    program_run_argv(&home, &result, argv);
    assert_refused(5, "this take needs", "little.wav");
    assert_non_null(strstr(result.err, "fix: "));
    assert_null(strstr(result.err, "denoise ("));
}

/* --count under each, by the flag and by the variable; the log says what is needed. */
static void memory_is_chosen_and_changes_nothing(void **state)
{
    (void)state;
    RUN(TAKE(tiny, "all-{seed}.wav"), "--count", "2", "--verbose");
    assert_made("all-8.wav");
    assert_non_null(strstr(result.err, "memory: weights"));
    RUN(TAKE(tiny, "low-{seed}.wav"), "--count", "2", "--memory", "low");
    assert_made("low-8.wav");
    assert_same_file("all-7.wav", "low-7.wav");
    assert_same_file("all-8.wav", "low-8.wav");
    RUN(TAKE(tiny, "banana.wav"), "--memory", "banana");
    assert_refused_at_once("--memory 'banana' is not one of: auto, low", "banana.wav");
    home.env[0] = "TIMBRE_MEMORY=much";
    RUN(TAKE(tiny, "much.wav"));
    assert_refused(2, "TIMBRE_MEMORY 'much' is not one of: auto, low", "much.wav");
    home.env[0] = "TIMBRE_MEMORY=low";
    RUN("config", "get", "engine.memory");
    assert_string_equal(result.out, "low\n");
    home.env[0] = NULL;
    RUN("show", tiny);
    assert_non_null(strstr(result.out, "low_peak_bytes"));
}

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void an_interrupt_ends_the_denoising(void **state)
{
    (void)state;
    const char *argv[] = {program_path(), "gen",      "piano",   "-l",      "5",  "--scheduler",
                          "ddim",         "--steps",  "900",     "--model", tiny, "-o",
                          "cut.wav",      "--events", "--image", "cut.png", NULL};
    int events;
    bool is_signalled;
    pid_t pid = program_start(&home, argv, &events);
    assert_true(program_read_until(events, "\"denoise\""));
    program_sleep(0.1);
    double started_s = now_seconds();
    kill(pid, SIGINT);
    alarm(60); /* a program that does not end ends the test */
    assert_int_equal(program_wait(pid, &is_signalled), 130);
    alarm(0);
    close(events);
    assert_false(is_signalled);
    assert_true(now_seconds() - started_s < (IS_SANITIZED ? 30 : 1));
    assert_int_equal(access("cut.wav", F_OK), -1);
    assert_int_equal(access("cut.wav.json", F_OK), -1);
    assert_int_equal(access("cut.png", F_OK), -1);
    assert_int_equal(program_count_files(home.path, ".part"), 0);
}

static void two_takes_are_those_made_one_by_one(void **state)
{
    (void)state;
    RUN(TAKE(tiny, "two-{seed}.wav"), "-n", "2");
    assert_made("two-7.wav");
    assert_made("two-8.wav");
    RUN(TAKE(tiny, "one.wav"));
    assert_made("one.wav");
    assert_same_file("one.wav", "two-7.wav");
    RUN("gen", "piano", "-l", "1", "--steps", "1", "-s", "8", "--model", tiny, "-o", "next.wav");
    assert_made("next.wav");
    assert_same_file("next.wav", "two-8.wav");
}

static void events_name_the_eight_stages(void **state)
{
    (void)state;
    static const char *const stages[] = {"load",   "tokenize", "encode", "denoise",
                                         "decode", "vocode",   "master", "save"};
    RUN(TAKE(tiny, "events.wav"), "--events", "-q");
    assert_made("events.wav");
    size_t n = 0;
    char *rest = result.out;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && line[0] != '\0';) {
        json_t *event = parse(line);
        if (strcmp(json_string_value(json_object_get(event, "event")), "stage") == 0) {
            assert_true(n < 8);
            assert_string_equal(json_string_value(json_object_get(event, "stage")), stages[n]);
            n++;
        }
        json_decref(event);
    }
    assert_int_equal(n, 8);
}

static void a_dry_run_shows_what_was_not_given(void **state)
{
    (void)state;
    RUN("gen", "piano", "--model", tiny, "-o", "dry.wav", "--dry-run", "--json");
    assert_int_equal(result.exit_code, 0);
    json_t *answer = parse(result.out);
    const json_t *metadata = json_object_get(answer, "metadata");
    const json_t *extras = json_object_get(metadata, "extras");
    assert_true(json_integer_value(json_object_get(extras, "steps")) > 0);
    assert_non_null(json_string_value(json_object_get(extras, "scheduler")));
    json_decref(answer);
    assert_int_equal(access("dry.wav", F_OK), -1);
    RUN("gen", "piano", "--model", tiny, "-o", "dry.wav", "--dry-run", "--steps", "3",
        "--scheduler", "ddim");
    assert_non_null(strstr(result.out, "ddim, steps 3"));
}

static void a_take_is_repeated_where_its_model_is_known(void **state)
{
    (void)state;
    char variable[600];
    snprintf(variable, sizeof variable, "TIMBRE_MODEL=%s", tiny);
    RUN(TAKE(tiny, "first.wav"));
    assert_made("first.wav");
    RUN("gen", "--from", "first.wav", "-o", "again.wav");
    assert_refused(3, "the take was made by the model 'tiny'", "again.wav");
    assert_non_null(strstr(result.err, "fix: "));
    home.env[0] = variable;
    RUN("gen", "--from", "first.wav", "-o", "again.wav");
    assert_made("again.wav");
    assert_null(strstr(result.err, "warning"));
    assert_same_file("first.wav", "again.wav");
    RUN("gen", "piano", "-l", "1", "--steps", "1", "-s", "7", "-o", "variable.wav");
    assert_made("variable.wav");
    assert_same_file("first.wav", "variable.wav");
    RUN(TAKE(tiny, "by-{model}.wav"));
    assert_made("by-tiny.wav");
}

static void a_repeat_by_another_model_says_so(void **state)
{
    (void)state;
    RUN(TAKE(tiny, "mine.wav"), "--force");
    assert_made("mine.wav");
    RUN("gen", "--from", "mine.wav", "--model", tiny_v, "-o", "theirs.wav");
    assert_made("theirs.wav");
    assert_non_null(strstr(result.err, "not the same take: model"));
}

static void a_long_prompt_loses_its_end_and_says_so(void **state)
{
    (void)state;
    char prompt[1024] = "";
    for (size_t i = 0; i < 300; i++)
        memcpy(prompt + 3 * i, "ab ", 4);
    RUN("gen", prompt, "-l", "1", "--steps", "1", "--model", tiny, "-o", "long.wav");
    assert_made("long.wav");
    assert_non_null(strstr(result.err, "warning: the prompt is too long: its last "));
    RUN(TAKE(tiny, "short.wav"));
    assert_null(strstr(result.err, "warning"));
}

static void json_tells_the_model_and_the_sampler(void **state)
{
    (void)state;
    RUN(TAKE(tiny, "told.wav"), "--json", "-q");
    assert_made("told.wav");
    assert_string_equal(result.err, "");
    json_t *answer = parse(result.out);
    const json_t *take = json_array_get(json_object_get(answer, "takes"), 0);
    const json_t *extras = json_object_get(json_object_get(take, "metadata"), "extras");
    assert_string_equal(json_string_value(json_object_get(extras, "backend")), "riffusion");
    assert_int_equal(json_integer_value(json_object_get(extras, "steps")), 1);
    assert_int_equal(json_integer_value(json_object_get(extras, "image_width")), 128);
    assert_int_equal(json_integer_value(json_object_get(extras, "image_height")), 512);
    assert_int_equal(json_integer_value(json_object_get(extras, "dropped_tokens")), 0);
    assert_int_equal(strlen(json_string_value(json_object_get(extras, "model_sha256"))), 64);
    json_decref(answer);
}

/* Without a model of its own tools/riffusion-smoke shows that the way is open, and says 3. */
static void the_smoke_test_makes_the_same_take_twice(void **state)
{
    (void)state;
    char tool[640];
    snprintf(tool, sizeof tool, "%s", model_path("../../../tools/riffusion-smoke"));
    home.env[0] = "TIMBRE_SMOKE_STEPS=1";
    const char *const argv[] = {"python3", tool, program_path(), NULL};
    program_run_argv(&home, &result, argv);
    if (result.exit_code != 3)
        fail_msg("%d: %s", result.exit_code, result.err);
    assert_non_null(strstr(result.out, "identical: yes"));
    static const char *const rows[] = {"\nload ", "\ndenoise ", "\nvocode ", "\nmemory "};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_non_null(strstr(result.out, rows[i]));
    /* a model that fails is no success, and not "no model" */
    home.env[1] = "TIMBRE_TEST_MODEL=/nonexistent";
    program_run_argv(&home, &result, argv);
    assert_int_equal(result.exit_code, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(show_tells_what_a_model_is, program_clean),
        cmocka_unit_test_teardown(other_forms_of_the_same_weights_sound_the_same, program_clean),
        cmocka_unit_test_teardown(half_precision_forms_play, program_clean),
        cmocka_unit_test_teardown(broken_weights_are_named, program_clean),
        cmocka_unit_test_teardown(weights_that_are_no_numbers_make_no_file, program_clean),
        cmocka_unit_test_teardown(a_decoder_that_overflows_makes_no_file, program_clean),
        cmocka_unit_test_teardown(pictures_of_wrong_sizes_are_refused, program_clean),
        cmocka_unit_test_teardown(a_model_of_the_settings_has_a_whole_path, program_clean),
        cmocka_unit_test_teardown(names_of_fields_lead_to_their_options, program_clean),
        cmocka_unit_test_teardown(what_is_no_model_is_said, program_clean),
        cmocka_unit_test_teardown(wrong_values_are_refused_before_the_work, program_clean),
        cmocka_unit_test_teardown(the_picture_is_kept_and_never_replaced, program_clean),
        cmocka_unit_test_teardown(too_little_memory_is_said_before_the_work, program_clean),
        cmocka_unit_test_teardown(memory_is_chosen_and_changes_nothing, program_clean),
        cmocka_unit_test_teardown(an_interrupt_ends_the_denoising, program_clean),
        cmocka_unit_test_teardown(two_takes_are_those_made_one_by_one, program_clean),
        cmocka_unit_test_teardown(events_name_the_eight_stages, program_clean),
        cmocka_unit_test_teardown(a_dry_run_shows_what_was_not_given, program_clean),
        cmocka_unit_test_teardown(a_take_is_repeated_where_its_model_is_known, program_clean),
        cmocka_unit_test_teardown(a_repeat_by_another_model_says_so, program_clean),
        cmocka_unit_test_teardown(a_long_prompt_loses_its_end_and_says_so, program_clean),
        cmocka_unit_test_teardown(json_tells_the_model_and_the_sampler, program_clean),
        cmocka_unit_test_teardown(the_smoke_test_makes_the_same_take_twice, program_clean),
    };
    return cmocka_run_group_tests(tests, setup, program_teardown);
}
