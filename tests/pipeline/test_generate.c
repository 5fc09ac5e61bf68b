/* From a request to a file through the public interface, as a program would use it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/folder.h"
#include "timbre/timbre.h"

static timbre_engine *new_engine(int n_threads)
{
    timbre_engine_options options = {.struct_size = sizeof options, .n_threads = n_threads};
    timbre_engine *engine;
    assert_int_equal(timbre_engine_new(&options, &engine, NULL), TIMBRE_OK);
    return engine;
}

static timbre_request *base_request(void)
{
    static const char body[] = "{\"prompt\":\"lo-fi piano with drums and rain\",\"seed\":11,"
                               "\"duration_seconds\":2}";
    timbre_request *r;
    assert_int_equal(timbre_request_new(&r, NULL), TIMBRE_OK);
    assert_int_equal(timbre_request_set_json(r, body, sizeof body - 1, NULL), TIMBRE_OK);
    return r;
}

static timbre_take *make_in_memory(timbre_engine *engine, const timbre_request *request)
{
    timbre_generate_options options = {
        .struct_size = sizeof options,
        .output = &(timbre_output){.struct_size = sizeof(timbre_output), .in_memory = 1}};
    timbre_take *take;
    timbre_error err = {0};
    if (timbre_generate(engine, request, &options, &take, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    return take;
}

static char *pcm_sha(const timbre_take *take)
{
    json_t *j = json_loads(timbre_take_recipe(take), 0, NULL);
    const char *sha = json_string_value(json_object_get(json_object_get(j, "pcm"), "sha256"));
    assert_non_null(sha);
    char *copy = strdup(sha);
    json_decref(j);
    return copy;
}

/* What changing one field must change. */
typedef enum { CHANGES_PCM, CHANGES_FILE, IS_UNUSED, IS_MISSING, IS_REFUSED } effect;

static void expect_effect(timbre_engine *engine, const timbre_take *base, const char *field,
                          const char *value, effect want)
{
    timbre_request *r = base_request();
    timbre_error err = {0};
    assert_int_equal(timbre_request_set(r, field, value, &err), TIMBRE_OK);
    if (want == IS_MISSING || want == IS_REFUSED) {
        assert_int_equal(timbre_request_resolve(r, &err),
                         want == IS_MISSING ? TIMBRE_MODEL_MISSING : TIMBRE_BAD_INPUT);
        assert_non_null(strstr(err.message, value[0] == 'r' ? value : field));
        timbre_request_free(r);
        return;
    }
    timbre_take *take = make_in_memory(engine, r);
    char *was = pcm_sha(base), *is = pcm_sha(take);
    if ((strcmp(was, is) != 0) != (want == CHANGES_PCM))
        fail_msg("%s=%s: pcm %s", field, value, want == CHANGES_PCM ? "is the same" : "differs");
    if (want != IS_UNUSED)
        assert_string_not_equal(timbre_take_file_sha256(base), timbre_take_file_sha256(take));
    json_t *metadata = json_loads(timbre_take_metadata(take), 0, NULL);
    json_t *unused = json_object_get(json_object_get(metadata, "extras"), "unused");
    assert_int_equal(json_array_size(unused), want == IS_UNUSED);
    if (want == IS_UNUSED)
        assert_string_equal(json_string_value(json_array_get(unused, 0)), field);
    json_decref(metadata);
    free(was);
    free(is);
    timbre_take_free(take);
    timbre_request_free(r);
}

static void every_field_changes_the_result(void **state)
{
    (void)state;
    static const struct {
        const char *field, *value;
        effect want;
    } rows[] = {
        {"prompt", "funk bass with saxophone", CHANGES_PCM},
        {"negative_prompt", "drums", CHANGES_PCM},
        {"seed", "12", CHANGES_PCM},
        {"duration_seconds", "2.5", CHANGES_PCM},
        {"model_id", "riffusion-v1", IS_MISSING},
        {"cfg_scale", "9", IS_UNUSED},
        {"scheduler", "pndm", IS_UNUSED},
        {"steps", "9", IS_REFUSED},
        {"timestep_spacing", "leading", IS_REFUSED},
        {"generator", "torch-cuda", IS_REFUSED},
        {"clip_skip", "1", IS_REFUSED},
        {"prompt_syntax", "plain", IS_REFUSED},
        {"init", "og_beat", IS_REFUSED},
        {"init_start", "1", IS_REFUSED},
        {"strength", ".5", IS_REFUSED},
        {"mask", "mask_top_third_75", IS_REFUSED},
        {"repaint", "1s-2s", IS_REFUSED},
        {"repaint_band", "200Hz-4kHz", IS_REFUSED},
        {"prompt_b", "church organ", IS_REFUSED},
        {"seed_b", "2", IS_REFUSED},
        {"strength_b", ".5", IS_REFUSED},
        {"cfg_scale_b", "5", IS_REFUSED},
        {"alpha", ".5", IS_REFUSED},
        {"alpha_power", "2", IS_REFUSED},
        {"clips", "3", IS_REFUSED},
        {"clip_seconds", "5", IS_REFUSED},
        {"overlap_seconds", ".2", IS_REFUSED},
        {"join", "clean", IS_REFUSED},
        {"magic_mix", ".5", IS_REFUSED},
        {"mix_from", ".3", IS_REFUSED},
        {"mix_to", ".5", IS_REFUSED},
        {"variation", ".2", IS_REFUSED},
        {"variation_seed", "3", IS_REFUSED},
        {"loop", "true", CHANGES_PCM},
        {"output_format", "flac", CHANGES_FILE},
    };
    timbre_engine *engine = new_engine(0);
    timbre_request *r = base_request();
    timbre_take *base = make_in_memory(engine, r);
    size_t n_fields;
    const timbre_field *fields = timbre_request_fields(&n_fields);
    assert_int_equal(n_fields, sizeof rows / sizeof *rows);
    for (size_t i = 0; i < n_fields; i++) {
        assert_string_equal(fields[i].name, rows[i].field);
        expect_effect(engine, base, rows[i].field, rows[i].value, rows[i].want);
    }
    timbre_take_free(base);
    timbre_request_free(r);
    timbre_engine_free(engine);
}

static void any_number_of_threads_gives_the_same_bytes(void **state)
{
    (void)state;
    static const int threads[] = {1, 2, 3, 8};
    timbre_request *r = base_request();
    char first[65] = "";
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        timbre_engine *engine = new_engine(threads[i]);
        timbre_take *take = make_in_memory(engine, r);
        if (i == 0)
            snprintf(first, sizeof first, "%s", timbre_take_file_sha256(take));
        assert_string_equal(timbre_take_file_sha256(take), first);
        timbre_take_free(take);
        timbre_engine_free(engine);
    }
    timbre_request_free(r);
}

/* A recipe alone makes the same file again, to the byte. */
static void a_recipe_repeats_its_take(void **state)
{
    (void)state;
    timbre_engine *engine = new_engine(0);
    timbre_request *r = base_request(), *again;
    timbre_take *take = make_in_memory(engine, r);
    char *body = timbre_recipe_request(timbre_take_recipe(take), NULL);
    assert_non_null(body);
    assert_int_equal(timbre_request_new(&again, NULL), TIMBRE_OK);
    assert_int_equal(timbre_request_set_json(again, body, strlen(body), NULL), TIMBRE_OK);
    timbre_take *repeat = make_in_memory(engine, again);
    size_t n_was, n_is;
    const unsigned char *was = timbre_take_bytes(take, &n_was);
    const unsigned char *is = timbre_take_bytes(repeat, &n_is);
    assert_int_equal(n_was, n_is);
    assert_memory_equal(was, is, n_was);
    char *difference = timbre_recipe_compare(timbre_take_recipe(take), timbre_take_recipe(repeat));
    assert_string_equal(difference, "");
    free(difference);
    free(body);
    timbre_take_free(repeat);
    timbre_take_free(take);
    timbre_request_free(again);
    timbre_request_free(r);
    timbre_engine_free(engine);
}

static void the_recipe_names_its_ingredients_and_nothing_private(void **state)
{
    (void)state;
    timbre_engine *engine = new_engine(0);
    timbre_request *r = base_request();
    timbre_take *take = make_in_memory(engine, r);
    const char *recipe = timbre_take_recipe(take);
    static const char *const wanted[] = {
        "\"soundfont\":{\"name\":\"", "\"fluidsynth\":\"", "\"libsndfile\":\"",
        "\"libebur128\":\"",          "\"engine\":2",      "\"kernels\":\"exact\"",
        "\"backend\":\"sketch\"",     "\"gain_db\":"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (strstr(recipe, wanted[i]) == NULL)
            fail_msg("%s is not in %s", wanted[i], recipe);
    assert_null(strchr(recipe, '/'));                  /* no path */
    assert_null(strstr(recipe, timbre_take_id(take))); /* no identity */
    assert_null(strstr(recipe, "202"));                /* no year: 2020 to 2029 */
    for (const char *p = recipe; *p != '\0'; p++)
        assert_in_range(*p, 0x20, 0x7e);
    timbre_take_free(take);
    timbre_request_free(r);
    timbre_engine_free(engine);
}

static void recipes_that_differ_say_where(void **state)
{
    (void)state;
    static const char was[] =
        "{\"timbre\":1,\"engine\":1,\"ingredients\":{\"fluidsynth\":\"2.3.1\","
        "\"soundfont\":{\"name\":\"a.sf3\",\"sha256\":\"0123456789abcdef\"}}}";
    static const char is[] = "{\"timbre\":1,\"engine\":2,\"ingredients\":{\"fluidsynth\":\"2.3.1\","
                             "\"soundfont\":{\"name\":\"b.sf2\",\"sha256\":\"fedcba9876543210\"}}}";
    char *text = timbre_recipe_compare(was, is);
    assert_string_equal(text, "engine: 1 was, 2 is\n"
                              "soundfont: a.sf3 0123456789ab was, b.sf2 fedcba987654 is\n");
    free(text);
    static const char renamed[] = "{\"timbre\":1,\"engine\":1,\"ingredients\":{\"fluidsynth\":"
                                  "\"2.3.1\",\"soundfont\":{\"name\":\"other.sf3\",\"sha256\":"
                                  "\"0123456789abcdef\"}}}";
    text = timbre_recipe_compare(was, renamed);
    assert_string_equal(text, ""); /* the same bank by another name */
    free(text);
    static const char forged[] =
        "{\"timbre\":1,\"engine\":1,\"ingredients\":{\"x\\ny\":\"a\\npcm: b\"}}";
    text = timbre_recipe_compare(forged, "{\"timbre\":1,\"engine\":1,\"ingredients\":{}}");
    assert_string_equal(text, "x?y: a?pcm: b was, nothing is\n"); /* one line, whatever it says */
    free(text);
    assert_null(timbre_recipe_compare("{}", is));
    assert_null(timbre_recipe_compare("not json", is));
}

typedef struct {
    timbre_cancel cancel;
    const char *cancel_at; /* stage, or NULL */
    double last;
    int last_stage, n_reports;
} watch;

static void on_progress(const timbre_progress *p, void *user)
{
    watch *w = user;
    assert_true(p->fraction >= w->last && p->fraction <= 1);
    assert_true(p->i_stage >= w->last_stage && p->i_stage <= w->last_stage + 1);
    assert_true(p->stage_fraction >= 0 && p->stage_fraction <= 1);
    w->last = p->fraction;
    w->last_stage = p->i_stage;
    w->n_reports++;
    if (w->cancel_at != NULL && strcmp(p->stage, w->cancel_at) == 0)
        timbre_cancel_request(&w->cancel);
}

static timbre_status save_to(timbre_engine *engine, const char *path, int replace, watch *w,
                             timbre_take **take, timbre_error *err)
{
    timbre_request *r = base_request();
    timbre_generate_options options = {
        .struct_size = sizeof options,
        .output = &(timbre_output){.struct_size = sizeof(timbre_output),
                                   .path = path,
                                   .dir = "takes",
                                   .pattern = "{slug}-s{seed}-{n}-{model}",
                                   .replace = replace,
                                   .sidecar = 1,
                                   .index = 4},
        .progress = w == NULL ? NULL : on_progress,
        .progress_user = w,
        .cancel = w == NULL ? NULL : &w->cancel};
    timbre_status st = timbre_generate(engine, r, &options, take, err);
    timbre_request_free(r);
    return st;
}

static int exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

static void takes_are_numbered_and_never_overwritten(void **state)
{
    (void)state;
    static const char *const names[] = {"lo-fi-piano-with-drums-and-rain-s11-4-sketch.wav",
                                        "lo-fi-piano-with-drums-and-rain-s11-4-sketch-2.wav"};
    timbre_engine *engine = new_engine(0);
    timbre_take *take;
    timbre_error err = {0};
    for (int i = 0; i < 2; i++) {
        char sidecar[256];
        assert_int_equal(save_to(engine, NULL, 0, NULL, &take, &err), TIMBRE_OK);
        assert_string_equal(strrchr(timbre_take_path(take), '/') + 1, names[i]);
        assert_int_equal(timbre_take_path(take)[0], '/');
        snprintf(sidecar, sizeof sidecar, "takes/%s.json", names[i]);
        assert_true(exists(sidecar));
        timbre_take_free(take);
    }
    assert_int_equal(save_to(engine, "x.flac", 0, NULL, &take, &err), TIMBRE_OK);
    timbre_take_free(take);
    assert_int_equal(save_to(engine, "x.flac", 0, NULL, &take, &err), TIMBRE_EXISTS);
    assert_non_null(strstr(err.message, "x.flac"));
    assert_non_null(strstr(err.fix, "--force"));
    assert_int_equal(save_to(engine, "x.flac", 1, NULL, &take, &err), TIMBRE_OK);
    timbre_take_free(take);
    assert_int_equal(save_to(engine, "nowhere/x.wav", 0, NULL, &take, &err), TIMBRE_NOT_FOUND);
    assert_non_null(strstr(err.fix, "mkdir"));
    assert_int_equal(save_to(engine, "{{b}-{n}.wav", 0, NULL, &take, &err), TIMBRE_OK);
    assert_string_equal(strrchr(timbre_take_path(take), '/') + 1, "{b}-4.wav");
    timbre_take_free(take);
    assert_int_equal(save_to(engine, "x-{what}.wav", 0, NULL, &take, &err), TIMBRE_BAD_INPUT);
    assert_non_null(strstr(err.message, "{what}"));
    timbre_engine_free(engine);
}

static void a_sidecar_is_never_lost_or_left_wrong(void **state)
{
    (void)state;
    timbre_engine *engine = new_engine(0);
    timbre_request *r = base_request();
    timbre_output output = {.struct_size = sizeof output, .path = "side.wav", .sidecar = 1};
    timbre_generate_options options = {.struct_size = sizeof options, .output = &output};
    timbre_take *take;
    timbre_error err = {0};
    assert_int_equal(mkdir("side.wav.json", 0777), 0);
    output.replace = 1;
    assert_int_equal(timbre_generate(engine, r, &options, &take, &err), TIMBRE_BAD_INPUT);
    assert_non_null(strstr(err.message, "side.wav.json"));
    assert_false(exists("side.wav"));
    assert_int_equal(rmdir("side.wav.json"), 0);
    FILE *f = fopen("side.wav.json", "w");
    assert_non_null(f);
    fputs("{\"mine\":1}", f);
    fclose(f);
    output.replace = 0;
    assert_int_equal(timbre_generate(engine, r, &options, &take, &err), TIMBRE_EXISTS);
    assert_non_null(strstr(err.message, "side.wav.json"));
    output.replace = 1;
    output.sidecar = 0; /* a stranger's file stays, ... */
    assert_int_equal(timbre_generate(engine, r, &options, &take, &err), TIMBRE_OK);
    timbre_take_free(take);
    assert_true(exists("side.wav.json"));
    output.sidecar = 1;
    assert_int_equal(timbre_generate(engine, r, &options, &take, &err), TIMBRE_OK);
    timbre_take_free(take);
    output.sidecar = 0; /* ... the sidecar of the take that is replaced goes */
    assert_int_equal(timbre_generate(engine, r, &options, &take, &err), TIMBRE_OK);
    timbre_take_free(take);
    assert_false(exists("side.wav.json"));
    timbre_request_free(r);
    timbre_engine_free(engine);
}

/* A program built against a header whose struct ended earlier: what it cannot know is zero. */
static void shorter_structs_of_older_callers_are_understood(void **state)
{
    (void)state;
    timbre_engine *engine = new_engine(0);
    timbre_request *r = base_request();
    timbre_output output = {.struct_size = offsetof(timbre_output, replace),
                            .path = "old.wav",
                            .replace = 1, /* behind its end: not read */
                            .sidecar = 1};
    timbre_generate_options options = {
        .struct_size = offsetof(timbre_generate_options, progress),
        .output = &output,
        .progress = on_progress, /* behind its end: would need a user */
    };
    timbre_take *take;
    timbre_error err = {0};
    assert_int_equal(timbre_generate(engine, r, &options, &take, &err), TIMBRE_OK);
    timbre_take_free(take);
    assert_true(exists("old.wav"));
    assert_false(exists("old.wav.json"));
    assert_int_equal(timbre_generate(engine, r, &options, &take, &err), TIMBRE_EXISTS);
    options.output = NULL;
    assert_int_equal(timbre_generate(engine, r, &options, &take, &err), TIMBRE_BAD_INPUT);
    timbre_request_free(r);
    timbre_engine_free(engine);
}

static void remove_folder(const timbre_progress *p, void *user)
{
    (void)user;
    if (strcmp(p->stage, "render") == 0)
        (void)rmdir("gone");
}

static void a_folder_that_vanishes_is_named_with_a_fix(void **state)
{
    (void)state;
    timbre_engine *engine = new_engine(0);
    timbre_request *r = base_request();
    timbre_generate_options options = {
        .struct_size = sizeof options,
        .output = &(timbre_output){.struct_size = sizeof(timbre_output),
                                   .path = "gone/x.wav",
                                   .sidecar = 1},
        .progress = remove_folder};
    timbre_take *take;
    timbre_error err = {0};
    assert_int_equal(mkdir("gone", 0777), 0);
    assert_int_equal(timbre_generate(engine, r, &options, &take, &err), TIMBRE_NOT_FOUND);
    assert_non_null(strstr(err.message, "gone/x.wav"));
    assert_true(err.fix[0] != '\0');
    timbre_request_free(r);
    timbre_engine_free(engine);
}

/* A preview says of the music what the take will say. */
static void a_preview_tells_what_the_take_becomes(void **state)
{
    (void)state;
    static const char *const same[] = {"style", "tempo_bpm", "key",        "metre",
                                       "bars",  "parts",     "understood", "unknown"};
    timbre_engine *engine = new_engine(0);
    timbre_request *r = base_request();
    char *metadata;
    assert_int_equal(timbre_preview(engine, r, &metadata, NULL), TIMBRE_OK);
    timbre_take *take = make_in_memory(engine, r);
    json_t *before = json_loads(metadata, 0, NULL);
    json_t *after = json_loads(timbre_take_metadata(take), 0, NULL);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_true(json_equal(json_object_get(json_object_get(before, "extras"), same[i]),
                               json_object_get(json_object_get(after, "extras"), same[i])));
    assert_true(json_equal(json_object_get(before, "duration_seconds"),
                           json_object_get(after, "duration_seconds")));
    json_decref(before);
    json_decref(after);
    free(metadata);
    timbre_take_free(take);
    timbre_request_free(r);
    timbre_engine_free(engine);
}

typedef struct {
    int n_lines, n_stages;
} heard;

static void on_log(timbre_log_level level, const char *message, void *user)
{
    heard *h = user;
    h->n_lines++;
    h->n_stages += level == TIMBRE_LOG_INFO && strstr(message, " took ") != NULL;
    assert_null(strchr(message, '\n'));
}

static void the_log_tells_what_took_how_long(void **state)
{
    (void)state;
    heard h = {0};
    timbre_engine_options options = {.struct_size = sizeof options,
                                     .log = on_log,
                                     .log_user = &h,
                                     .log_level = TIMBRE_LOG_DEBUG};
    timbre_engine *engine;
    assert_int_equal(timbre_engine_new(&options, &engine, NULL), TIMBRE_OK);
    timbre_request *r = base_request();
    timbre_take_free(make_in_memory(engine, r));
    assert_int_equal(h.n_stages, 5);
    assert_true(h.n_lines > h.n_stages);
    timbre_request_free(r);
    timbre_engine_free(engine);
}

static void progress_runs_through_all_stages(void **state)
{
    (void)state;
    timbre_engine *engine = new_engine(0);
    timbre_take *take;
    watch w = {0};
    assert_int_equal(save_to(engine, "p.wav", 0, &w, &take, NULL), TIMBRE_OK);
    assert_int_equal(w.last_stage, 4);
    assert_true(w.last > 0.999);
    assert_true(w.n_reports >= 8);
    json_t *sidecar = json_loads(timbre_take_sidecar(take), 0, NULL);
    json_t *timings = json_object_get(sidecar, "timings");
    static const char *const stages[] = {"load", "arrange", "render", "master", "save"};
    for (size_t i = 0; i < 5; i++)
        assert_true(json_is_real(json_object_get(timings, stages[i])));
    json_decref(sidecar);
    timbre_take_free(take);
    timbre_engine_free(engine);
}

static void cancelling_at_any_stage_leaves_nothing(void **state)
{
    (void)state;
    static const char *const stages[] = {"load", "arrange", "render", "master"};
    timbre_engine *engine = new_engine(0);
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        watch w = {.cancel_at = stages[i]};
        timbre_take *take;
        timbre_error err = {0};
        assert_int_equal(save_to(engine, "c.wav", 0, &w, &take, &err), TIMBRE_CANCELLED);
        assert_null(take);
        assert_false(exists("c.wav") || exists("c.wav.json"));
    }
    timbre_engine_free(engine);
}

static void a_missing_soundfont_is_told_with_its_fix(void **state)
{
    (void)state;
    timbre_engine_options options = {.struct_size = sizeof options,
                                     .soundfont = "/nonexistent/bank.sf2"};
    timbre_engine *engine;
    timbre_take *take;
    timbre_error err = {0};
    assert_int_equal(timbre_engine_new(&options, &engine, NULL), TIMBRE_OK);
    assert_int_equal(save_to(engine, "m.wav", 0, NULL, &take, &err), TIMBRE_MODEL_MISSING);
    assert_non_null(strstr(err.message, "/nonexistent/bank.sf2"));
    assert_true(err.fix[0] != '\0');
    char *facts = timbre_engine_describe(engine);
    assert_non_null(strstr(facts, "\"ready\":false"));
    free(facts);
    timbre_engine_free(engine);
}

static void a_loop_has_whole_bars(void **state)
{
    (void)state;
    timbre_engine *engine = new_engine(0);
    timbre_request *r = base_request();
    assert_int_equal(timbre_request_set(r, "loop", "true", NULL), TIMBRE_OK);
    assert_int_equal(timbre_request_set(r, "prompt", "house, 120 bpm", NULL), TIMBRE_OK);
    assert_int_equal(timbre_request_set(r, "duration_seconds", "7", NULL), TIMBRE_OK);
    timbre_take *take = make_in_memory(engine, r);
    json_t *j = json_loads(timbre_take_recipe(take), 0, NULL);
    json_t *frames = json_object_get(json_object_get(j, "pcm"), "frames");
    assert_true(json_integer_value(frames) == 8 * 44100 ||
                json_integer_value(frames) == 6 * 44100); /* bars of 2 s */
    json_decref(j);
    timbre_take_free(take);
    timbre_request_free(r);
    timbre_engine_free(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_changes_the_result),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bytes),
        cmocka_unit_test(a_recipe_repeats_its_take),
        cmocka_unit_test(the_recipe_names_its_ingredients_and_nothing_private),
        cmocka_unit_test(recipes_that_differ_say_where),
        cmocka_unit_test(takes_are_numbered_and_never_overwritten),
        cmocka_unit_test(a_sidecar_is_never_lost_or_left_wrong),
        cmocka_unit_test(shorter_structs_of_older_callers_are_understood),
        cmocka_unit_test(a_folder_that_vanishes_is_named_with_a_fix),
        cmocka_unit_test(a_preview_tells_what_the_take_becomes),
        cmocka_unit_test(the_log_tells_what_took_how_long),
        cmocka_unit_test(progress_runs_through_all_stages),
        cmocka_unit_test(cancelling_at_any_stage_leaves_nothing),
        cmocka_unit_test(a_missing_soundfont_is_told_with_its_fix),
        cmocka_unit_test(a_loop_has_whole_bars),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
