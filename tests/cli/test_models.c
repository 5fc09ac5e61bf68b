/* timbre models without a network: what is installed, which model answers, and looking after it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __APPLE__
#include <util.h>
#else
#include <pty.h>
#endif

#include <cmocka.h>
#include <jansson.h>

#include "tests/support/program.h"

#define RUN(...) program_run(&home, &result, __VA_ARGS__, NULL)
/* The shortest take, written to `path`. */
#define TAKE(path) "gen", "piano", "-l", "1", "--steps", "1", "-s", "7", "-o", path

static char tiny[512]; /* a model of random weights, as a folder */

static int setup(void **state)
{
    const char *data = getenv("TIMBRE_TESTS_DIR");
    assert_non_null(data);
    snprintf(tiny, sizeof tiny, "%s/models/tiny", data);
    return program_setup(state);
}

/* Every test begins without models, settings and takes. */
static int clean(void **state)
{
    const char *argv[] = {"sh", "-c", "rm -rf .cache .local .config ./*", NULL};
    program_run_argv(&home, &result, argv);
    return program_clean(state);
}

static void shell(const char *script)
{
    const char *argv[] = {"sh", "-ec", script, "sh", tiny, NULL};
    program_run_argv(&home, &result, argv);
    if (result.exit_code != 0)
        fail_msg("%d: %s", result.exit_code, result.err);
}

/* The tiny model as another program downloads it: files by their SHA-256, and links to them. */
static void fill_cache(void)
{
    shell("repo=.cache/huggingface/hub/models--someone--tiny\n"
          "commit=0123456789012345678901234567890123456789\n"
          "mkdir -p $repo/blobs $repo/refs\n"
          "printf %s $commit > $repo/refs/main\n"
          "cd \"$1\"; find . -type f | sed 's,^[.]/,,' > \"$HOME/files\"; cd \"$HOME\"\n"
          "while read -r file; do\n"
          "    sum=$(sha256sum < \"$1/$file\" | cut -c1-64)\n"
          "    cp \"$1/$file\" $repo/blobs/$sum\n"
          "    mkdir -p \"$repo/snapshots/$commit/$(dirname \"$file\")\"\n"
          "    up=$(printf %s \"$file\" | sed 's,[^/],,g; s,/,../,g')\n"
          "    ln -s \"../../${up}blobs/$sum\" \"$repo/snapshots/$commit/$file\"\n"
          "done < files\nrm files\n");
}

static void assert_ended(int exit_code, const char *message)
{
    if (result.exit_code != exit_code || strstr(result.err, message) == NULL)
        fail_msg("%d, not %d with '%s': %s", result.exit_code, exit_code, message, result.err);
}

static void assert_done(void)
{
    if (result.exit_code != 0)
        fail_msg("%d: %s", result.exit_code, result.err);
}

static json_t *answer(void)
{
    json_error_t error;
    json_t *j = json_loads(result.out, 0, &error);
    if (j == NULL)
        fail_msg("%s in: %s", error.text, result.out);
    assert_int_equal(json_integer_value(json_object_get(j, "schema")), 1);
    return j;
}

static const char *text(const json_t *object, const char *name)
{
    const char *t = json_string_value(json_object_get(object, name));
    return t != NULL ? t : "";
}

/* Member `member` of a model in the list, as text; "" where it is no text. */
static const char *listed(const char *name, const char *member)
{
    static char out[256];
    size_t i;
    json_t *model;
    RUN("models", "--json");
    assert_done();
    json_t *list = answer();
    snprintf(out, sizeof out, "not listed");
    json_array_foreach(json_object_get(list, "models"), i,
                       model) if (strcmp(text(model, "name"), name) == 0)
        snprintf(out, sizeof out, "%s", text(model, member));
    json_decref(list);
    return out;
}

static const char *default_name(void)
{
    static char out[256];
    RUN("models", "list", "--json");
    assert_done();
    json_t *list = answer();
    snprintf(out, sizeof out, "%s", text(json_object_get(list, "default"), "name"));
    assert_true(text(json_object_get(list, "default"), "why")[0] != '\0');
    json_decref(list);
    return out;
}

static void the_list_has_what_is_known_and_the_sketch(void **state)
{
    (void)state;
    RUN("models");
    assert_done();
    assert_non_null(strstr(result.out, "  riffusion-v1 "));
    assert_non_null(strstr(result.out, "timbre models pull riffusion-v1\n"));
    assert_non_null(strstr(result.out, "* sketch "));
    assert_non_null(
        strstr(result.out, "sketch answers, because no neural model was fetched or added"));
    assert_non_null(strstr(result.out, "/.cache/huggingface/hub\n"));
    assert_string_equal(listed("riffusion-v1", "state"), "absent");
    assert_string_equal(listed("riffusion-v1", "provenance"), "known");
    assert_string_equal(listed("riffusion-v1", "licence"), "creativeml-openrail-m");
    assert_string_equal(listed("sketch", "state"), "built-in");
    assert_string_equal(default_name(), "sketch");
}

static void show_speaks_to_people_before_anything_is_here(void **state)
{
    (void)state;
    RUN("models", "show", "sketch");
    assert_done();
    assert_non_null(strstr(result.out, "no AI model"));
    RUN("models", "show", "sketch", "--json");
    assert_done();
    json_t *sketch = answer();
    assert_string_equal(text(json_object_get(sketch, "model"), "state"), "built-in");
    json_decref(sketch);
    RUN("models", "show", "riffusion-v1");
    assert_done();
    assert_non_null(strstr(result.out, "download  2.13 GB\n"));
    assert_non_null(strstr(result.out, "timbre models pull riffusion-v1\n"));
    assert_null(strstr(result.out, "_bytes"));
    shell("mkdir -p a-folder");
    RUN("models", "show", "./a-folder");
    assert_ended(3, "fix: timbre show './a-folder' describes it");
}

static void a_model_that_is_not_there_is_explained(void **state)
{
    (void)state;
    RUN("generate", "choir", "--model", "./nothere");
    assert_ended(3, "no such file or folder: './nothere'");
    RUN("models", "pull", "sketch");
    assert_ended(2, "the sketch is built in");
    RUN("models", "rm", "riffusion-v1");
    assert_ended(3, "there is nothing to remove");
    RUN("models", "path", "sketch");
    assert_ended(3, "built in and has no files");
    RUN("models");
    assert_null(strstr(result.out, "pull riffusion-v1-original"));
}

/* Run in a terminal of `columns`; what came to the screen. */
static const char *on_a_terminal(int columns, const char *const argv[])
{
    static char screen[16 * 1024];
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
    int terminal, status;
    size_t length = 0;
    ssize_t n;
    pid_t pid = forkpty(&terminal, NULL, NULL, &size);
    assert_true(pid >= 0);
    if (pid == 0) {
        setenv("HOME", home.path, 1);
        setenv("LANG", "C.UTF-8", 1);
        setenv("NO_COLOR", "1", 1);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(99);
    }
    while ((n = read(terminal, screen + length, sizeof screen - 1 - length)) > 0)
        length += (size_t)n;
    screen[length] = '\0';
    close(terminal);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return screen;
}

/* Columns of the widest line before the first empty one: the table. */
static size_t width_of_table(const char *screen)
{
    size_t widest = 0;
    for (size_t n; (n = strcspn(screen, "\r\n")) > 0; screen += n + strspn(screen + n, "\r") + 1)
        widest = n > widest ? n : widest;
    return widest;
}

static void the_list_fits_narrow_terminals(void **state)
{
    (void)state;
    const char *argv[] = {program_path(), "models", NULL};
    const char *wide = on_a_terminal(120, argv);
    assert_non_null(strstr(wide, "LICENCE"));
    assert_true(width_of_table(wide) > 60 && width_of_table(wide) < 120);
    for (int columns = 40; columns < 80; columns += 13) {
        const char *narrow = on_a_terminal(columns, argv);
        assert_null(strstr(narrow, "LICENCE"));
        assert_non_null(strstr(narrow, "riffusion-v1-original\r\n"));
        assert_true(width_of_table(narrow) < 40);
    }
}

static void what_an_action_does_not_take_is_refused(void **state)
{
    (void)state;
    RUN("models", "show", "riffusion-v1", "--repair");
    assert_ended(2, "--repair is for models verify, not for models show");
    RUN("models", "list", "--force");
    assert_ended(2, "--force is for models rm, not for models list");
    RUN("models", "--dtype", "fp16");
    assert_ended(2, "--dtype is for models convert, not for models list");
    RUN("models", "pull");
    assert_ended(2, "models pull takes 1 argument, not 0");
    RUN("models", "verify", "a", "b");
    assert_ended(2, "models verify takes at most 1 argument, not 2");
    RUN("models", "pul", "x");
    assert_ended(2, "did you mean timbre models pull?");
    RUN("models", "convert", "a", "b.safetensors", "--dtype", "fp8");
    assert_ended(2, "fp8");
    RUN("models", "rm", "riffusion-v1", "--json");
    assert_ended(3, "the model 'riffusion-v1' is not installed");
    json_t *error = answer();
    assert_string_equal(text(json_object_get(error, "error"), "code"), "model_missing");
    json_decref(error);
}

static void an_added_model_answers_unasked(void **state)
{
    (void)state;
    RUN("models", "add", tiny, "--name", "mine");
    assert_done();
    assert_string_equal(result.out, "mine\n");
    assert_string_equal(listed("mine", "state"), "whole");
    assert_string_equal(listed("mine", "provenance"), "added");
    assert_string_equal(default_name(), "mine");
    RUN(TAKE("take.wav"));
    assert_done();
    assert_non_null(strstr(result.err, "the model mine answers"));
    char *sidecar = program_read_file("take.wav.json", NULL);
    assert_non_null(strstr(sidecar, "\"model_id\":\"mine\""));
    assert_null(strstr(sidecar, tiny)); /* the place is nobody else's business */
    free(sidecar);
    RUN(TAKE("same.wav"), "-v");
    assert_non_null(strstr(result.err, "it is the newest of the models"));
    RUN("gen", "--from", "take.wav", "-o", "again.wav");
    assert_done();
    assert_null(strstr(result.err, "differs"));
    RUN("gen", "piano", "-l", "1", "-o", "sketch.wav", "--model", "sketch");
    assert_done();
    assert_null(strstr(result.err, "mine"));
}

static void a_forgotten_model_keeps_its_files(void **state)
{
    (void)state;
    RUN("models", "add", tiny, "--name", "mine");
    RUN(TAKE("take.wav"));
    assert_done();
    RUN("models", "rm", "mine");
    assert_ended(0, "mine is forgotten");
    assert_int_equal(access(tiny, R_OK), 0);
    assert_string_equal(default_name(), "sketch");
    RUN("gen", "--from", "take.wav", "-o", "again.wav");
    assert_ended(3, "whose place is not known");
    /* nor is a folder of that name in the current one meant by the recipe */
    shell("ln -s \"$1\" mine");
    RUN("gen", "--from", "take.wav", "-o", "again.wav");
    assert_ended(3, "whose place is not known");
    RUN("gen", "--from", "take.wav", "-o", "again.wav", "--model", "./mine");
    assert_done();
}

static void names_come_before_paths(void **state)
{
    (void)state;
    RUN(TAKE("take.wav"), "--model", "riffusion-v1");
    assert_ended(3, "the model 'riffusion-v1' is not installed");
    assert_non_null(strstr(result.err, "timbre models pull riffusion-v1"));
    shell("ln -s \"$1\" riffusion-v1");
    RUN(TAKE("take.wav"), "--model", "riffusion-v1");
    assert_ended(3, "--model ./riffusion-v1");
    RUN(TAKE("take.wav"), "--model", "./riffusion-v1");
    assert_done();
    RUN(TAKE("none.wav"), "--model", "riffusion-v2");
    assert_ended(3, "did you mean riffusion-v1?");
    shell("cp -r \"$1\" local");
    RUN(TAKE("local.wav"), "--model", "local"); /* a name that nobody has is a path */
    assert_done();
}

static void a_repeat_says_what_to_fetch(void **state)
{
    (void)state;
    RUN("models", "add", tiny, "--name", "mine");
    RUN(TAKE("take.wav"));
    assert_done();
    shell("sed 's/\"mine\"/\"riffusion-v1\"/g' take.wav.json > other.json");
    RUN("gen", "--from", "other.json", "-o", "again.wav");
    assert_ended(3, "the model 'riffusion-v1' is not installed");
    assert_non_null(strstr(result.err, "timbre models pull riffusion-v1"));
}

static void a_setting_names_a_model(void **state)
{
    (void)state;
    RUN("models", "add", tiny, "--name", "mine");
    RUN("config", "set", "generate.model", "riffusion-v1");
    assert_done();
    RUN("models");
    assert_done();
    assert_non_null(strstr(result.out, "No model answers: the model 'riffusion-v1'"));
    RUN("doctor");
    assert_int_equal(result.exit_code, 1);
    assert_non_null(strstr(result.out, "fail  model "));
    assert_non_null(strstr(result.out, "fix: timbre models pull riffusion-v1"));
    RUN("config", "set", "generate.model", "mine");
    assert_done();
    RUN("models");
    assert_non_null(strstr(result.out, "mine answers, because the setting generate.model in "));
    RUN("doctor");
    assert_non_null(strstr(result.out, " installed: mine"));
    assert_non_null(strstr(result.out, "ok    model      mine is whole"));
}

/* The program as it is installed, with the tiny model beside it in place of the shipped one. */
static void install(void)
{
    const char *program = getenv("TIMBRE_BIN");
    const char *script = "mkdir -p bin share/timbre/models\n"
                         "cp \"$2\" bin/timbre\n"
                         "cp -R \"$1\" share/timbre/models/timbre-mini\n"
                         "cd share/timbre/models/timbre-mini\n"
                         "find . -type f | sed 's,^[.]/,,' | while read -r file; do\n"
                         "    printf '%s{\"path\": \"%s\", \"bytes\": %s, \"sha256\": \"%s\"}' "
                         "\"$comma\" \"$file\" \"$(wc -c < \"$file\" | tr -d ' ')\" "
                         "\"$(sha256sum < \"$file\" | cut -c1-64)\"\n"
                         "    comma=,\n"
                         "done > ../files\n"
                         "printf '{\"schema\": 1, \"name\": \"timbre-mini\", \"licence\": "
                         "\"apache-2.0\", \"made_at\": \"now\", \"files\": [%s]}' "
                         "\"$(cat ../files)\" > MANIFEST.json\n";
    const char *argv[] = {"sh", "-ec", script, "sh", tiny, program, NULL};
    program_run_argv(&home, &result, argv);
    if (result.exit_code != 0)
        fail_msg("%d: %s", result.exit_code, result.err);
}

static void what_came_with_the_program_is_named_and_never_default(void **state)
{
    (void)state;
    char path[512], *before = strdup(getenv("TIMBRE_BIN"));
    install();
    (void)snprintf(path, sizeof path, "%s/bin/timbre", home.path);
    (void)setenv("TIMBRE_BIN", path, 1);
    assert_string_equal(listed("timbre-mini", "state"), "whole");
    assert_string_equal(listed("timbre-mini", "provenance"), "shipped");
    assert_string_equal(listed("timbre-mini", "licence"), "apache-2.0");
    assert_string_equal(default_name(), "sketch");
    RUN(TAKE("take.wav"), "--model", "timbre-mini");
    assert_done();
    RUN("gen", "--from", "take.wav", "-o", "again.wav");
    assert_done();
    shell("cmp take.wav again.wav");
    RUN("models", "verify", "timbre-mini");
    assert_done();
    RUN("models", "rm", "timbre-mini");
    assert_ended(2, "belongs to the program");
    shell("rm share/timbre/models/timbre-mini/unet/*.safetensors");
    RUN(TAKE("other.wav"), "--model", "timbre-mini");
    assert_ended(3, "install Timbre again");
    RUN("models", "show", "timbre-mini");
    assert_non_null(strstr(result.out, "install Timbre again"));
    (void)setenv("TIMBRE_BIN", before, 1);
    free(before);
}

static void what_other_programs_brought_is_named_and_never_default(void **state)
{
    (void)state;
    fill_cache();
    assert_string_equal(listed("someone/tiny", "state"), "whole");
    assert_string_equal(listed("someone/tiny", "provenance"), "cache");
    assert_string_equal(default_name(), "sketch");
    RUN(TAKE("take.wav"), "--model", "someone/tiny");
    assert_done();
    RUN("gen", "--from", "take.wav", "-o", "again.wav");
    assert_done();
    RUN("show", "someone/tiny");
    assert_done();
    assert_non_null(strstr(result.out, "cross_width"));
    RUN("models", "show", "someone/tiny", "--json");
    assert_done();
    json_t *shown = answer(), *model = json_object_get(shown, "model");
    assert_string_equal(text(model, "name"), "someone/tiny");
    assert_true(json_is_object(json_object_get(model, "weights")));
    json_decref(shown);
    RUN("models", "path", "someone/tiny");
    assert_done();
    assert_non_null(strstr(result.out, "/snapshots/0123456789"));
    RUN("models", "rm", "someone/tiny");
    assert_string_equal(listed("someone/tiny", "state"), "whole");
}

static void verify_names_wrong_files(void **state)
{
    (void)state;
    fill_cache();
    RUN("models", "verify");
    assert_done();
    assert_non_null(strstr(result.out, "all as they came"));
    shell("cd .cache/huggingface/hub/models--someone--tiny/snapshots/*/unet\n"
          "printf x >> diffusion_pytorch_model.safetensors");
    RUN("models", "verify", "someone/tiny");
    assert_ended(8, "1 file is not as they came");
    assert_non_null(strstr(result.out, "unet/diffusion_pytorch_model.safetensors: other bytes"));
    RUN("models", "verify", "--repair", "--json");
    assert_ended(8, "timbre models pull someone/tiny");
    json_t *verified = answer();
    json_t *model = json_array_get(json_object_get(verified, "models"), 0);
    assert_int_equal(json_integer_value(json_object_get(model, "bad")), 1);
    json_decref(verified);
    assert_string_equal(listed("someone/tiny", "state"), "not listed");
    RUN(TAKE("take.wav"), "--model", "someone/tiny");
    assert_ended(3, "timbre models pull someone/tiny");
}

static void convert_writes_one_file(void **state)
{
    (void)state;
    RUN("models", "convert", tiny, "one.safetensors");
    assert_done();
    assert_string_equal(result.out, "one.safetensors\n");
    RUN("models", "convert", tiny, "one.safetensors");
    assert_ended(1, "use --force");
    RUN("models", "convert", tiny, "one.safetensors", "--force", "--dtype", "fp16", "--json");
    assert_done();
    json_t *converted = answer();
    assert_true(json_is_object(json_object_get(converted, "converted")));
    json_decref(converted);
    RUN("models", "convert", "absent", "two.safetensors");
    assert_int_not_equal(result.exit_code, 0);
    assert_int_equal(access("two.safetensors", F_OK), -1);
}

static void what_is_no_model_is_not_added(void **state)
{
    (void)state;
    program_write_file("text.safetensors", "no weights");
    RUN("models", "add", "text.safetensors");
    assert_int_not_equal(result.exit_code, 0);
    assert_string_equal(listed("text", "state"), "not listed");
    RUN("models", "add", "absent");
    assert_ended(3, "there is no model at");
    RUN("models", "add", tiny, "--name", "sketch");
    assert_ended(2, "'sketch' is built in");
    RUN("models", "add", tiny, "--name", "../x");
    assert_ended(2, "cannot be a model's name");
    RUN("models", "show", "absent");
    assert_ended(3, "there is no model 'absent'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_list_has_what_is_known_and_the_sketch, clean),
        cmocka_unit_test_teardown(show_speaks_to_people_before_anything_is_here, clean),
        cmocka_unit_test_teardown(a_model_that_is_not_there_is_explained, clean),
        cmocka_unit_test_teardown(the_list_fits_narrow_terminals, clean),
        cmocka_unit_test_teardown(what_an_action_does_not_take_is_refused, clean),
        cmocka_unit_test_teardown(an_added_model_answers_unasked, clean),
        cmocka_unit_test_teardown(a_forgotten_model_keeps_its_files, clean),
        cmocka_unit_test_teardown(names_come_before_paths, clean),
        cmocka_unit_test_teardown(a_repeat_says_what_to_fetch, clean),
        cmocka_unit_test_teardown(a_setting_names_a_model, clean),
        cmocka_unit_test_teardown(what_came_with_the_program_is_named_and_never_default, clean),
        cmocka_unit_test_teardown(what_other_programs_brought_is_named_and_never_default, clean),
        cmocka_unit_test_teardown(verify_names_wrong_files, clean),
        cmocka_unit_test_teardown(convert_writes_one_file, clean),
        cmocka_unit_test_teardown(what_is_no_model_is_not_added, clean),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, setup, program_teardown);
}
