/* The neural way from a request to a take, with the tiny model of the tests, through the public
 * interface. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/spectrogram/image_file.h"
#include "tests/support/folder.h"
#include "tests/support/sanitized.h"
#include "timbre/timbre.h"

enum { RATE_HZ = 44100 };

static const char *model_path(const char *name)
{
    static char path[4096];
    (void)snprintf(path, sizeof path, "%s/models/%s", getenv("TIMBRE_TESTS_DIR"), name);
    return path;
}

static timbre_engine *new_engine(int n_threads, const char *cpu)
{
    timbre_engine_options options = {
        .struct_size = sizeof options, .n_threads = n_threads, .cpu = cpu};
    timbre_engine *engine;
    assert_int_equal(timbre_engine_new(&options, &engine, NULL), TIMBRE_OK);
    return engine;
}

static timbre_engine *new_engine_with(const char *memory)
{
    timbre_engine_options options = {.struct_size = sizeof options, .memory = memory};
    timbre_engine *engine;
    assert_int_equal(timbre_engine_new(&options, &engine, NULL), TIMBRE_OK);
    return engine;
}

static void set(timbre_request *r, const char *name, const char *value)
{
    timbre_error err = {0};
    if (timbre_request_set(r, name, value, &err) != TIMBRE_OK)
        fail_msg("%s=%s: %s", name, value, err.message);
}

/* A second of sound in 3 steps. */
static timbre_request *base_request(const char *model)
{
    timbre_request *r;
    assert_int_equal(timbre_request_new(&r, NULL), TIMBRE_OK);
    set(r, "model_id", model_path(model));
    set(r, "prompt", "funk bassline with a (jazzy:1.4) saxophone solo");
    set(r, "negative_prompt", "rain");
    set(r, "seed", "11");
    set(r, "duration_seconds", "1");
    set(r, "steps", "3");
    return r;
}

static timbre_status try_take(timbre_engine *engine, const timbre_request *r, timbre_take **take,
                              timbre_error *err)
{
    timbre_generate_options options = {
        .struct_size = sizeof options,
        .output = &(timbre_output){.struct_size = sizeof(timbre_output), .in_memory = 1}};
    return timbre_generate(engine, r, &options, take, err);
}

static timbre_take *make(timbre_engine *engine, const timbre_request *r)
{
    timbre_error err = {0};
    timbre_take *take;
    if (try_take(engine, r, &take, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    return take;
}

/* A member of a member of a JSON text, as text; owned. */
static char *member(const char *json, const char *object, const char *name)
{
    json_t *j = json_loads(json, 0, NULL);
    const json_t *value = json_object_get(object == NULL ? j : json_object_get(j, object), name);
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    if (text == NULL)
        fail_msg("no %s in %s", name, json);
    json_decref(j);
    return text;
}

static void the_take_is_what_was_asked_for(void **state)
{
    (void)state;
    timbre_engine *engine = new_engine(0, NULL);
    timbre_request *r = base_request("tiny");
    set(r, "duration_seconds", "1.5");
    timbre_take *take = make(engine, r);
    char *frames = member(timbre_take_recipe(take), "pcm", "frames");
    char *channels = member(timbre_take_recipe(take), "pcm", "channels");
    char *width = member(timbre_take_metadata(take), "extras", "image_width");
    assert_string_equal(frames, "66150"); /* 1.5 * 44100: trimmed */
    assert_string_equal(channels, "1");
    assert_string_equal(width, "192"); /* the next multiple of 64 from 151 */
    size_t n;
    const unsigned char *png = timbre_take_image(take, &n);
    assert_true(n > 1000 && memcmp(png, "\x89PNG", 4) == 0);
    assert_null(timbre_take_midi(take, &n));
    free(frames);
    free(channels);
    free(width);
    timbre_take_free(take);
    timbre_request_free(r);
    timbre_engine_free(engine);
}

static void the_recipe_names_the_model_and_no_path(void **state)
{
    (void)state;
    timbre_engine *engine = new_engine(0, NULL);
    timbre_request *r = base_request("tiny");
    timbre_take *take = make(engine, r);
    const char *recipe = timbre_take_recipe(take);
    static const char *const wanted[] = {"\"model\":{\"name\":\"tiny\",\"sha256\":\"",
                                         "\"model_id\":\"tiny\"",
                                         "\"backend\":\"riffusion\"",
                                         "\"kernels\":\"exact\"",
                                         "\"scheduler\":\"dpmpp_2m\"",
                                         "\"steps\":3",
                                         "\"generator\":\"torch-cpu\""};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (strstr(recipe, wanted[i]) == NULL)
            fail_msg("%s is not in %s", wanted[i], recipe);
    assert_null(strchr(recipe, '/'));
    timbre_take_free(take);
    timbre_request_free(r);
    timbre_engine_free(engine);
}

/* A model has a name apart from its place: the take has the name, and its bytes are those of the
 * place. */
static void a_placed_model_keeps_its_name(void **state)
{
    (void)state;
    timbre_engine *engine = new_engine(0, NULL);
    timbre_request *r = base_request("tiny"), *named = base_request("tiny");
    set(named, "model_id", "studio/funk-machine");
    assert_int_equal(timbre_request_place_model(named, model_path("tiny"), NULL, NULL), TIMBRE_OK);
    timbre_take *by_path = make(engine, r), *by_name = make(engine, named);
    char *pcm[] = {member(timbre_take_recipe(by_path), "pcm", "sha256"),
                   member(timbre_take_recipe(by_name), "pcm", "sha256")};
    char *name = member(timbre_take_recipe(by_name), "request", "model_id");
    char *shown = member(timbre_take_metadata(by_name), NULL, "model_id");
    assert_string_equal(pcm[0], pcm[1]);
    assert_string_equal(name, "\"studio/funk-machine\"");
    assert_string_equal(shown, name);
    char *model = member(timbre_take_recipe(by_name), "ingredients", "model");
    assert_non_null(strstr(model, name)); /* where there is no telling the place either */
    free(model);
    char *again = timbre_recipe_request(timbre_take_recipe(by_name), NULL);
    assert_non_null(again);
    /* another model_id is another model: the place goes */
    set(named, "model_id", "sketch");
    assert_false(timbre_request_makes(named, TIMBRE_SIDE_IMAGE));
    assert_int_equal(timbre_request_place_model(named, model_path("tiny"), NULL, NULL), TIMBRE_OK);
    assert_true(timbre_request_makes(named, TIMBRE_SIDE_IMAGE));
    static const char body[] = "{\"model_id\": \"sketch\"}";
    assert_int_equal(timbre_request_set_json(named, body, sizeof body - 1, NULL), TIMBRE_OK);
    assert_false(timbre_request_makes(named, TIMBRE_SIDE_IMAGE));
    free(again);
    free(shown);
    free(name);
    free(pcm[0]);
    free(pcm[1]);
    timbre_take_free(by_path);
    timbre_take_free(by_name);
    timbre_request_free(r);
    timbre_request_free(named);
    timbre_engine_free(engine);
}

/* A link in the Hugging Face cache has a name, and leads to a file that has only a hash. */
static void a_linked_file_has_its_own_name(void **state)
{
    (void)state;
    char name[100];
    assert_int_equal(
        system("echo x > 0123456789abcdef && ln -s 0123456789abcdef model.safetensors && "
               "mkdir folder && ln -s folder link"),
        0);
    timbre_model_name("./model.safetensors", name, sizeof name);
    assert_string_equal(name, "model.safetensors");
    timbre_model_name("./link", name, sizeof name);
    assert_string_equal(name, "folder");
    timbre_model_name("org/name", name, sizeof name);
    assert_string_equal(name, "name");
}

/* The vocabulary that comes with the place is used, and not another one's from the take before. */
static void a_placed_model_has_the_vocabulary_of_its_place(void **state)
{
    (void)state;
    timbre_error err = {0};
    timbre_engine *engine = new_engine(0, NULL);
    timbre_request *r = base_request("tiny");
    timbre_take *take = make(engine, r);
    timbre_take_free(take);
    char *place = strdup(model_path("tiny"));
    assert_int_equal(timbre_request_place_model(r, place, "/nowhere", NULL), TIMBRE_OK);
    assert_int_equal(try_take(engine, r, &take, &err), TIMBRE_MODEL_MISSING);
    assert_non_null(strstr(err.message, "/nowhere"));
    free(place);
    timbre_request_free(r);
    timbre_engine_free(engine);
}

static void a_recipe_names_a_model_and_no_path(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool is_good;
    } rows[] = {{"riffusion-v1", true}, {"org/name", true},     {"/etc/model", false},
                {"../model", false},    {"a/../b", false},      {"a/b/c", false},
                {"a/.b", false},        {"./riffusion", false}, {"a/", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char recipe[200];
        (void)snprintf(recipe, sizeof recipe,
                       "{\"timbre\":1,\"request\":{\"prompt\":\"x\",\"model_id\":\"%s\"}}",
                       rows[i].name);
        char *request = timbre_recipe_request(recipe, NULL);
        if ((request != NULL) != rows[i].is_good)
            fail_msg("model '%s'", rows[i].name);
        free(request);
    }
}

static void every_neural_field_changes_the_result(void **state)
{
    (void)state;
    static const struct {
        const char *field, *value;
        int is_used;
    } rows[] = {
        {"prompt", "church organ", 1},
        {"negative_prompt", "drums", 1},
        {"seed", "12", 1},
        {"duration_seconds", "1.2", 1},
        {"model_id", "tiny-v", 1},
        {"cfg_scale", "3", 1},
        {"scheduler", "euler", 1},
        {"steps", "4", 1},
        {"timestep_spacing", "trailing", 1},
        {"generator", "torch-cuda", 1},
        {"clip_skip", "1", 1},
        {"prompt_syntax", "plain", 1},
        /* test_rework.c */
        {"init", NULL, 0},
        {"init_start", NULL, 0},
        {"strength", NULL, 0},
        {"mask", NULL, 0},
        {"repaint", NULL, 0},
        {"repaint_band", NULL, 0},
        {"prompt_b", NULL, 0},
        {"seed_b", NULL, 0},
        {"strength_b", NULL, 0},
        {"cfg_scale_b", NULL, 0},
        {"alpha", NULL, 0},
        {"alpha_power", NULL, 0},
        {"clips", NULL, 0},
        {"clip_seconds", NULL, 0},
        {"overlap_seconds", NULL, 0},
        {"join", NULL, 0},
        {"magic_mix", NULL, 0},
        {"mix_from", NULL, 0},
        {"mix_to", NULL, 0},
        {"variation", NULL, 0},
        {"variation_seed", NULL, 0},
        {"loop", "true", 0},
        {"output_format", "flac", 0},
    };
    size_t n_fields;
    const timbre_field *fields = timbre_request_fields(&n_fields);
    assert_int_equal(n_fields, sizeof rows / sizeof *rows);
    timbre_engine *engine = new_engine(0, NULL);
    timbre_request *base = base_request("tiny");
    timbre_take *take = make(engine, base);
    char *was = member(timbre_take_recipe(take), "pcm", "sha256");
    timbre_take_free(take);
    for (size_t i = 0; i < n_fields; i++) {
        timbre_request *r;
        timbre_error err = {0};
        assert_string_equal(fields[i].name, rows[i].field);
        if (rows[i].value == NULL)
            continue;
        assert_int_equal(timbre_request_copy(base, &r, NULL), TIMBRE_OK);
        bool is_model = strcmp(rows[i].field, "model_id") == 0;
        set(r, rows[i].field, is_model ? model_path(rows[i].value) : rows[i].value);
        if (!(fields[i].backends & TIMBRE_BACKEND_RIFFUSION)) {
            assert_int_equal(timbre_request_resolve(r, &err), TIMBRE_BAD_INPUT);
            assert_non_null(strstr(err.message, rows[i].field));
        } else {
            take = make(engine, r);
            char *is = member(timbre_take_recipe(take), "pcm", "sha256");
            if ((strcmp(was, is) != 0) != rows[i].is_used)
                fail_msg("%s=%s", rows[i].field, rows[i].value);
            free(is);
            timbre_take_free(take);
        }
        timbre_request_free(r);
    }
    free(was);
    timbre_request_free(base);
    timbre_engine_free(engine);
}

static void threads_and_kernels_give_the_same_bytes(void **state)
{
    (void)state;
    static const struct {
        int n_threads;
        const char *cpu;
    } rows[] = {{1, NULL}, {2, NULL}, {3, NULL}, {8, NULL}, {2, "ref"}};
    timbre_request *r = base_request("tiny");
    set(r, "steps", "2");
    char first[65] = "";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (IS_SANITIZED && rows[i].cpu != NULL)
            continue; /* the plain kernels take minutes there; their own tests compare them */
        timbre_engine *engine = new_engine(rows[i].n_threads, rows[i].cpu);
        timbre_take *take = make(engine, r);
        if (i == 0)
            (void)snprintf(first, sizeof first, "%s", timbre_take_file_sha256(take));
        assert_string_equal(timbre_take_file_sha256(take), first);
        timbre_take_free(take);
        timbre_engine_free(engine);
    }
    timbre_request_free(r);
}

/* The promise behind the engine version: takes of one version are the same on every machine and in
 * every later build. Where this fails on purpose, raise TIMBRE_ENGINE_VERSION and take the new
 * numbers, here and in docs/testing/e2e.md. */
static void takes_of_this_engine_version_are_these(void **state)
{
    (void)state;
    static const struct {
        const char *model, *pcm;
    } rows[] = {{"tiny", "c985e47673027514849048fe0bb0f8c85122ac31569c82e1d2187b2d1449ecac"},
                {"tiny-v", "eef353f9b87ec34556c851595b9abee78e487a5bd2c7b1329d0548985b1fea89"}};
    _Static_assert(TIMBRE_ENGINE_VERSION == 2, "the takes are of this version");
    timbre_engine *engine = new_engine(0, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        timbre_request *r = base_request(rows[i].model);
        timbre_take *take = make(engine, r);
        char *pcm = member(timbre_take_recipe(take), "pcm", "sha256");
        if (strstr(pcm, rows[i].pcm) == NULL)
            fail_msg("%s: %s", rows[i].model, pcm);
        free(pcm);
        timbre_take_free(take);
        timbre_request_free(r);
    }
    timbre_engine_free(engine);
}

/* What is kept between takes changes nothing: models, prompts, sizes in any order. */
static void a_used_engine_makes_the_same_as_a_new_one(void **state)
{
    (void)state;
    static const char *const changes[][2] = {{"seed", "5"},
                                             {"prompt", "church organ"},
                                             {"cfg_scale", "1"}, /* no batch of two */
                                             {"duration_seconds", "1.4"},
                                             {"cfg_scale", "5"},
                                             {"model_id", "tiny-v"},
                                             {"model_id", "tiny"}};
    timbre_engine *used = new_engine(0, NULL);
    timbre_request *r = base_request("tiny");
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        bool is_model = strcmp(changes[i][0], "model_id") == 0;
        set(r, changes[i][0], is_model ? model_path(changes[i][1]) : changes[i][1]);
        timbre_engine *fresh = new_engine(0, NULL);
        timbre_take *a = make(used, r), *b = make(fresh, r);
        assert_string_equal(timbre_take_file_sha256(a), timbre_take_file_sha256(b));
        timbre_take_free(a);
        timbre_take_free(b);
        timbre_engine_free(fresh);
    }
    timbre_request_free(r);
    timbre_engine_free(used);
}

static void count_kept(timbre_log_level level, const char *message, void *user)
{
    (void)level;
    *(int *)user += strstr(message, "texts are those of the take before") != NULL;
}

/* Takes of one prompt, as --count makes them. */
static void a_prompt_is_encoded_once(void **state)
{
    (void)state;
    static const struct {
        const char *field, *value;
        int n_kept; /* so far */
    } rows[] = {{"seed", "1", 0},
                {"seed", "2", 1},
                {"duration_seconds", "1.2", 2},
                {"steps", "2", 3},
                {"negative_prompt", "", 3},
                {"prompt", "organ", 3},
                {"clip_skip", "1", 3},
                {"seed", "3", 4}};
    int n_kept = 0;
    timbre_engine_options options = {.struct_size = sizeof options,
                                     .log = count_kept,
                                     .log_user = &n_kept,
                                     .log_level = TIMBRE_LOG_DEBUG};
    timbre_engine *engine;
    assert_int_equal(timbre_engine_new(&options, &engine, NULL), TIMBRE_OK);
    timbre_request *r = base_request("tiny");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        set(r, rows[i].field, rows[i].value);
        timbre_take_free(make(engine, r));
        assert_int_equal(n_kept, rows[i].n_kept);
    }
    timbre_request_free(r);
    timbre_engine_free(engine);
}

/* ---- the model's own defaults, and what is refused ---- */

static void a_model_has_its_own_defaults(void **state)
{
    (void)state;
    timbre_request *r;
    assert_int_equal(timbre_request_new(&r, NULL), TIMBRE_OK);
    set(r, "prompt", "funk");
    set(r, "model_id", model_path("tiny"));
    assert_int_equal(timbre_request_resolve(r, NULL), TIMBRE_OK);
    assert_int_equal(timbre_request_integer(r, "steps"), 20);
    assert_true(timbre_request_number(r, "cfg_scale") == 7);
    assert_string_equal(timbre_request_text(r, "scheduler"), "dpmpp_2m");
    timbre_request_free(r);
    assert_int_equal(timbre_request_new(&r, NULL), TIMBRE_OK);
    set(r, "prompt", "funk");
    set(r, "cfg_scale", "2");
    set(r, "model_id", model_path("tiny-v")); /* has a timbre.json */
    assert_int_equal(timbre_request_resolve(r, NULL), TIMBRE_OK);
    assert_int_equal(timbre_request_integer(r, "steps"), 6);
    assert_string_equal(timbre_request_text(r, "scheduler"), "ddim");
    assert_true(timbre_request_number(r, "cfg_scale") == 2); /* what was asked for stays */
    timbre_request_free(r);
}

static void what_a_model_cannot_do_is_refused_at_once(void **state)
{
    (void)state;
    static const struct {
        const char *field, *value;
        timbre_status status;
        const char *says;
    } rows[] = {
        {"duration_seconds", "20.5", TIMBRE_BAD_INPUT, "duration_seconds 20.5 exceeds 20.4"},
        {"seed", "4294967296", TIMBRE_BAD_INPUT, "4294967296"},
        {"loop", "true", TIMBRE_BAD_INPUT, "loop is not used"},
        {"model_id", "no/such/model", TIMBRE_MODEL_MISSING, "no/such/model"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        timbre_request *r = base_request("tiny");
        timbre_error err = {0};
        set(r, rows[i].field, rows[i].value);
        assert_int_equal(timbre_request_resolve(r, &err), rows[i].status);
        if (strstr(err.message, rows[i].says) == NULL)
            fail_msg("%s=%s says '%s'", rows[i].field, rows[i].value, err.message);
        timbre_request_free(r);
    }
}

static void a_clip_skip_of_all_layers_is_refused(void **state)
{
    (void)state;
    timbre_engine *engine = new_engine(0, NULL);
    timbre_request *r = base_request("tiny");
    timbre_take *take;
    timbre_error err = {0};
    set(r, "clip_skip", "11");
    assert_int_equal(try_take(engine, r, &take, &err), TIMBRE_BAD_INPUT);
    assert_non_null(strstr(err.message, "clip_skip 11"));
    set(r, "clip_skip", "1"); /* and the engine goes on */
    timbre_take_free(make(engine, r));
    timbre_request_free(r);
    timbre_engine_free(engine);
}

/* ---- progress, previews, cancel ---- */

typedef struct {
    char stages[200];
    double last;
    int n_previews, n_steps;
    unsigned char last_preview[64 * 16];
    timbre_cancel cancel;
    const char *cancel_at;
} watch;

static void on_progress(const timbre_progress *p, void *user)
{
    watch *w = user;
    if (p->stage_fraction == 0 && strstr(w->stages, p->stage) == NULL) {
        size_t n = strlen(w->stages);
        (void)snprintf(w->stages + n, sizeof w->stages - n, "%s ", p->stage);
    }
    assert_true(p->fraction >= w->last && p->fraction <= 1);
    w->last = p->fraction;
    if (w->cancel_at != NULL && strcmp(w->cancel_at, p->stage) == 0)
        timbre_cancel_request(&w->cancel);
}

static void on_preview(const timbre_preview_image *image, void *user)
{
    watch *w = user;
    assert_int_equal(image->height, 64);
    assert_int_equal(image->width, 16); /* 128 pixels */
    assert_int_equal(image->i_step, ++w->n_previews);
    memcpy(w->last_preview, image->pixels, sizeof w->last_preview);
    w->n_steps = image->n_steps;
}

/* Pearson's correlation of a preview with the red of the take's picture, by squares of 8 pixels. */
static double likeness(const timbre_take *take, const unsigned char *preview)
{
    size_t n_bytes;
    const unsigned char *bytes = timbre_take_image(take, &n_bytes);
    tb_image_reader *reader;
    uint16_t row[128 * 3];
    double red[64 * 16] = {0}, sums[5] = {0};
    assert_int_equal(tb_image_open_memory(bytes, n_bytes, &reader, NULL), TIMBRE_OK);
    for (int y = 0; y < 512; y++) {
        assert_int_equal(tb_image_read_row(reader, row, NULL), TIMBRE_OK);
        for (int x = 0; x < 128; x++)
            red[y / 8 * 16 + x / 8] += row[3 * x] / 257.0 / 64;
    }
    tb_image_close(reader);
    for (int i = 0; i < 64 * 16; i++) {
        double a = red[i], b = preview[i];
        double terms[] = {a, b, a * a, b * b, a * b};
        for (int k = 0; k < 5; k++)
            sums[k] += terms[k] / (64 * 16);
    }
    return (sums[4] - sums[0] * sums[1]) /
           sqrt((sums[2] - sums[0] * sums[0]) * (sums[3] - sums[1] * sums[1]));
}

static void stages_and_previews_follow_the_work(void **state)
{
    (void)state;
    timbre_engine *engine = new_engine(0, NULL);
    timbre_request *r = base_request("tiny");
    set(r, "scheduler", "pndm");
    watch w = {0};
    timbre_generate_options options = {
        .struct_size = sizeof options,
        .output = &(timbre_output){.struct_size = sizeof(timbre_output), .in_memory = 1},
        .progress = on_progress,
        .progress_user = &w,
        .preview = on_preview,
        .preview_user = &w};
    timbre_take *take, *plain = make(engine, r);
    assert_int_equal(timbre_generate(engine, r, &options, &take, NULL), TIMBRE_OK);
    assert_string_equal(w.stages, "load tokenize encode denoise decode vocode master save ");
    assert_true(w.last == 1);
    assert_int_equal(w.n_previews, 4); /* PNDM: one evaluation more than steps */
    assert_int_equal(w.n_steps, 4);
    double r_last = likeness(take, w.last_preview);
    printf("# the last preview and the picture correlate by %.2f\n", r_last);
    assert_true(r_last > 0.12); /* four deviations of chance; random decoders are far from linear */
    assert_string_equal(timbre_take_file_sha256(take), timbre_take_file_sha256(plain));
    timbre_take_free(take);
    timbre_take_free(plain);
    timbre_request_free(r);
    timbre_engine_free(engine);
}

static void cancel_in_every_stage(const char *memory)
{
    static const char *const stages[] = {"load",   "tokenize", "encode", "denoise",
                                         "decode", "vocode",   "master"};
    timbre_engine *engine = new_engine_with(memory);
    timbre_request *r = base_request("tiny");
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        watch w = {.cancel_at = stages[i]};
        timbre_error err = {0};
        timbre_output output = {.struct_size = sizeof output, .path = "take.wav"};
        timbre_generate_options options = {.struct_size = sizeof options,
                                           .output = &output,
                                           .progress = on_progress,
                                           .progress_user = &w,
                                           .cancel = &w.cancel};
        timbre_take *take;
        if (timbre_generate(engine, r, &options, &take, &err) != TIMBRE_CANCELLED)
            fail_msg("%s: %s", stages[i], err.message);
        assert_int_not_equal(access("take.wav", F_OK), 0);
    }
    timbre_take *take = make(engine, r); /* the engine is none the worse */
    timbre_take_free(take);
    timbre_request_free(r);
    timbre_engine_free(engine);
}

static void cancel_works_in_every_stage(void **state)
{
    (void)state;
    cancel_in_every_stage("auto");
    cancel_in_every_stage("low");
}

static void count_preview(const timbre_preview_image *image, void *user)
{
    *(int *)user += image->width > 0;
}

/* Networks that stay and networks that come one by one, with a new prompt, one that is kept, and a
 * look at what is coming, for which the decoder has to be there early. */
static void memory_changes_no_byte(void **state)
{
    (void)state;
    static const char *const changes[][2] = {{"seed", "5"},
                                             {"seed", "6"},
                                             {"prompt", "church organ"},
                                             {"duration_seconds", "1.4"},
                                             {"model_id", "tiny-v"}};
    timbre_engine *keeps = new_engine_with("auto"), *low = new_engine_with("low");
    timbre_request *r = base_request("tiny");
    set(r, "steps", "1");
    set(r, "scheduler", "ddim");
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        bool is_model = strcmp(changes[i][0], "model_id") == 0;
        set(r, changes[i][0], is_model ? model_path(changes[i][1]) : changes[i][1]);
        int n_previews = 0;
        timbre_generate_options options = {
            .struct_size = sizeof options,
            .output = &(timbre_output){.struct_size = sizeof(timbre_output), .in_memory = 1},
            .preview = i % 2 == 0 ? count_preview : NULL,
            .preview_user = &n_previews};
        timbre_take *a = make(keeps, r), *b;
        assert_int_equal(timbre_generate(low, r, &options, &b, NULL), TIMBRE_OK);
        assert_int_equal(n_previews > 0, i % 2 == 0);
        assert_string_equal(timbre_take_file_sha256(a), timbre_take_file_sha256(b));
        timbre_take_free(a);
        timbre_take_free(b);
    }
    timbre_request_free(r);
    timbre_engine_free(keeps);
    timbre_engine_free(low);
}

/* ---- a model that changes under way ---- */

typedef struct {
    const char *at, *line; /* of the shell, when that stage begins */
    char last[16];         /* the stage that was reached */
    bool is_done;
} change;

static void copy_model(void)
{
    char line[4200];
    (void)snprintf(line, sizeof line, "rm -rf tiny && cp -r '%s' tiny && chmod -R u+w tiny",
                   model_path("tiny"));
    assert_int_equal(system(line), 0);
}

static void change_model(const timbre_progress *p, void *user)
{
    change *c = user;
    (void)snprintf(c->last, sizeof c->last, "%s", p->stage);
    if (c->is_done || strcmp(c->at, p->stage) != 0)
        return;
    c->is_done = true;
    assert_int_equal(system(c->line), 0);
}

/* Networks that come one by one are of one model: a change ends the take before the next of them is
 * read, lost bytes included, and the engine makes the next take of what is there then. */
static void a_change_between_stages_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *at, *line, *ends_in;
    } rows[] = {
        {"encode", "cd tiny/unet; : > diffusion_pytorch_model.safetensors", "encode"},
        {"denoise", "cd tiny/vae; : > diffusion_pytorch_model.safetensors", "decode"},
        {"denoise", "rm tiny/vae/diffusion_pytorch_model.safetensors", "decode"},
        {"denoise", "touch tiny/unet/config.json", "decode"},
    };
    timbre_engine *engine = new_engine_with("low");
    timbre_request *r = base_request("tiny");
    timbre_take *first = make(engine, r), *again;
    set(r, "model_id", "./tiny");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        change c = {.at = rows[i].at, .line = rows[i].line};
        timbre_error err = {0};
        timbre_generate_options options = {
            .struct_size = sizeof options,
            .output = &(timbre_output){.struct_size = sizeof(timbre_output), .in_memory = 1},
            .progress = change_model,
            .progress_user = &c};
        copy_model();
        assert_int_equal(timbre_generate(engine, r, &options, &again, &err), TIMBRE_BAD_FILE);
        if (strstr(err.message, "'./tiny': the model's files changed while in use") == NULL)
            fail_msg("%s", err.message);
        assert_string_equal(c.last, rows[i].ends_in);
    }
    copy_model();
    again = make(engine, r);
    assert_string_equal(timbre_take_file_sha256(first), timbre_take_file_sha256(again));
    timbre_take_free(first);
    timbre_take_free(again);
    timbre_request_free(r);
    timbre_engine_free(engine);
}

static void an_unknown_memory_is_refused(void **state)
{
    (void)state;
    timbre_engine_options options = {.struct_size = sizeof options, .memory = "banana"};
    timbre_engine *engine;
    timbre_error err = {0};
    assert_int_equal(timbre_engine_new(&options, &engine, &err), TIMBRE_BAD_INPUT);
    assert_null(engine);
    assert_string_equal(err.message, "memory 'banana' is neither auto nor low");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_take_is_what_was_asked_for),
        cmocka_unit_test(the_recipe_names_the_model_and_no_path),
        cmocka_unit_test(a_placed_model_keeps_its_name),
        cmocka_unit_test_setup_teardown(a_linked_file_has_its_own_name, enter_folder, leave_folder),
        cmocka_unit_test(a_placed_model_has_the_vocabulary_of_its_place),
        cmocka_unit_test(a_recipe_names_a_model_and_no_path),
        cmocka_unit_test(every_neural_field_changes_the_result),
        cmocka_unit_test(threads_and_kernels_give_the_same_bytes),
        cmocka_unit_test(takes_of_this_engine_version_are_these),
        cmocka_unit_test(a_used_engine_makes_the_same_as_a_new_one),
        cmocka_unit_test(a_prompt_is_encoded_once),
        cmocka_unit_test(a_model_has_its_own_defaults),
        cmocka_unit_test(what_a_model_cannot_do_is_refused_at_once),
        cmocka_unit_test(a_clip_skip_of_all_layers_is_refused),
        cmocka_unit_test(stages_and_previews_follow_the_work),
        cmocka_unit_test(memory_changes_no_byte),
        cmocka_unit_test(a_change_between_stages_is_told),
        cmocka_unit_test(an_unknown_memory_is_refused),
        cmocka_unit_test_setup_teardown(cancel_works_in_every_stage, enter_folder, leave_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
