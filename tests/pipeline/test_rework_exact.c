/*
 * Takes that begin with a picture beside the published algorithms in PyTorch 1.13.1 with diffusers'
 * schedulers, single precision (tools/reference/rework_vectors.py): riffuse(), image-to-image,
 * Magic Mix, variations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/pipeline/mask_image.h"
#include "engine/pipeline/riffusion.h"
#include "engine/spectrogram/image_file.h"
#include "tests/models/vectors.h"
#include "tests/support/folder.h"

enum { WIDTH = 128, HEIGHT = 512 };

#define BOUND 1e-4

typedef struct {
    tb_riffusion r;
    tb_riffusion_work w;
    tb_job job;
    tb_stages stages;
    timbre_request *request;
    tb_pool *pool;
} run;

static void ok(tb_status st, const tb_error *err)
{
    if (st != TIMBRE_OK)
        fail_msg("%s", err->message);
}

static void set(timbre_request *r, const char *name, const char *value)
{
    tb_error err = {0};
    if (timbre_request_set(r, name, value, &err) != TIMBRE_OK)
        fail_msg("%s=%s: %s", name, value, err.message);
}

static void set_number(timbre_request *r, const char *name, double value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%.15g", value);
    set(r, name, text);
}

/* ---- files ---- */

static tb_status to_file(void *user, const void *data, size_t len_bytes, tb_error *err)
{
    assert_int_equal(fwrite(data, 1, len_bytes, user), len_bytes);
    return TIMBRE_OK;
}

typedef uint8_t (*pixel_fn)(int x, int y, int c);

static uint8_t picture_at(int x, int y, int c)
{
    return (uint8_t)((x * 7 + y * 3 + c * 31 + x * y / 16) % 256);
}

static uint8_t half_at(int x, int y, int c)
{
    return x >= 8 ? 255 : 0;
}

static uint8_t grey_at(int x, int y, int c)
{
    return (uint8_t)(x * 17 % 256);
}

static void write_image(const char *path, int width, int height, pixel_fn pixel)
{
    FILE *f = fopen(path, "wb");
    tb_error err = {0};
    tb_image_writer *writer = NULL;
    uint8_t row[3 * WIDTH];
    assert_non_null(f);
    tb_image_spec spec = {.width = width, .height = height};
    ok(tb_image_writer_new(&spec, to_file, f, &writer, &err), &err);
    for (int y = 0; y < height; y++) {
        for (int i = 0; i < 3 * width; i++)
            row[i] = pixel(i / 3, y, i % 3);
        ok(tb_image_write_row(writer, row, &err), &err);
    }
    ok(tb_image_writer_finish(writer, &err), &err);
    tb_image_writer_free(writer);
    assert_int_equal(fclose(f), 0);
}

static void place(timbre_request *r, const char *name, const char *path)
{
    char hex[TB_SHA256_HEX_BYTES];
    tb_error err = {0};
    ok(tb_sha256_file(path, hex, &err), &err);
    set(r, name, hex);
    ok(timbre_request_place_input(r, name, path, &err), &err);
}

/* ---- runs ---- */

static timbre_request *new_request(void)
{
    static char model[4096];
    timbre_request *r;
    (void)snprintf(model, sizeof model, "%s/models/tiny", getenv("TIMBRE_TESTS_DIR"));
    assert_int_equal(timbre_request_new(&r, NULL), TIMBRE_OK);
    set(r, "model_id", model);
    set(r, "prompt", "funk bassline with a jazzy saxophone solo");
    set(r, "seed", "42");
    set(r, "steps", "20");
    set(r, "cfg_scale", "7");
    return r;
}

/* All up to the final latents. */
static void start(run *x, timbre_request *request)
{
    static const tb_stage list[] = {{"all", 1}};
    tb_error err = {0};
    *x = (run){.request = request};
    ok(timbre_request_resolve(request, &err), &err);
    ok(tb_pool_new(0, &x->pool, &err), &err);
    tb_stages_init(&x->stages, list, 1, &(tb_stages_listener){0}, NULL);
    tb_stages_next(&x->stages);
    x->job = (tb_job){.request = request, .pool = x->pool, .stages = &x->stages};
    ok(tb_kernels_choose(NULL, &x->job.kernels, &err), &err);
    x->w = (tb_riffusion_work){.job = &x->job};
    ok(tb_riffusion_begin(&x->r, &x->w, &err), &err);
    ok(tb_riffusion_read_init(&x->r, &x->w, &err), &err);
    ok(tb_riffusion_load(&x->r, &x->w, &err), &err);
    ok(tb_riffusion_tokenize(&x->r, &x->w, &err), &err);
    ok(tb_riffusion_encode(&x->r, &x->w, &err), &err);
    ok(tb_riffusion_encode_init(&x->r, &x->w, &err), &err);
    ok(tb_riffusion_denoise(&x->r, &x->w, &err), &err);
}

static void stop(run *x)
{
    tb_riffusion_work_deinit(&x->w);
    tb_riffusion_unload(&x->r);
    tb_pool_free(x->pool);
    timbre_request_free(x->request);
}

/* [h*w, c] beside [1, c, h, w] */
static double distance(const float *got, const vectors *file, const char *name)
{
    int shape[VECTORS_RANK];
    const float *want = vectors_floats(file, name, shape);
    int c = shape[1], n = shape[2] * shape[3];
    double sum = 0, all = 0;
    for (int i = 0; i < c; i++)
        for (int p = 0; p < n; p++) {
            double difference = (double)got[p * c + i] - (double)want[i * n + p];
            sum += difference * difference;
            all += (double)want[i * n + p] * (double)want[i * n + p];
        }
    return sqrt(sum / all);
}

static void check(const run *x, const vectors *file, const char *name)
{
    double far = distance(x->w.latents, file, name);
    printf("# %s: %.2g from PyTorch (bound %g)\n", name, far, BOUND);
    if (!(far <= BOUND))
        fail_msg("%s: %g", name, far);
}

/* The timesteps that the network sees. */
static void check_timesteps(const run *x, const json_t *want)
{
    int first = 0, end = 0;
    tb_error err = {0};
    tb_sampler *sampler = NULL;
    ok(tb_riffusion_evaluations(&x->r, &x->w, 0, &first, &end, &err), &err);
    assert_int_equal(end - first, json_array_size(want));
    ok(tb_sampler_new("pndm", &x->r.schedule, (int)timbre_request_integer(x->request, "steps"),
                      TB_SPACING_DEFAULT, 1, &sampler, &err),
       &err);
    for (int i = first; i < end; i++)
        assert_int_equal((int)tb_sampler_timestep(sampler, i),
                         json_integer_value(json_array_get(want, (size_t)(i - first))));
    tb_sampler_free(sampler);
}

static void riffuse_agrees(void **state)
{
    (void)state;
    vectors file;
    vectors_open(&file, "network_rework");
    const json_t *cases = json_object_get(file.json, "riffuse");
    assert_true(json_array_size(cases) >= 9);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        static const char *const numbers[] = {"steps", "strength", "strength_b", "alpha"};
        const json_t *row = json_array_get(cases, i);
        const char *mask = json_string_value(json_object_get(row, "mask"));
        char name[32];
        run x;
        timbre_request *r = new_request();
        place(r, "init", "picture.png");
        set(r, "prompt_b", "church organ");
        set(r, "seed_b", "43");
        set(r, "cfg_scale_b", "5");
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
            set_number(r, numbers[k], json_number_value(json_object_get(row, numbers[k])));
        if (mask[0] != '\0')
            place(r, "mask", strcmp(mask, "half") == 0 ? "half.png" : "grey.png");
        start(&x, r);
        (void)snprintf(name, sizeof name, "riffuse_%zu", i);
        check(&x, &file, name);
        check_timesteps(&x, json_object_get(row, "timesteps"));
        if (i == 0) {
            double far = distance(x.w.init_latents, &file, "init_latents");
            printf("# init_latents: %.2g\n", far);
            assert_true(far <= BOUND);
        }
        stop(&x);
    }
    vectors_close(&file);
}

static void image_to_image_agrees(void **state)
{
    (void)state;
    static const char *const schedulers[] = {"dpmpp_2m", "ddim",  "euler",
                                             "euler_a",  "unipc", "pndm"};
    vectors file;
    vectors_open(&file, "network_rework");
    for (size_t i = 0; i < sizeof schedulers / sizeof *schedulers; i++) {
        char name[32];
        run x;
        timbre_request *r = new_request();
        place(r, "init", "picture.png");
        set(r, "strength", "0.55");
        set(r, "scheduler", schedulers[i]);
        start(&x, r);
        (void)snprintf(name, sizeof name, "img2img_%s", schedulers[i]);
        check(&x, &file, name);
        stop(&x);
    }
    vectors_close(&file);
}

static void magic_mix_and_variation_agree(void **state)
{
    (void)state;
    vectors file;
    run x;
    vectors_open(&file, "network_rework");
    timbre_request *r = new_request();
    place(r, "init", "picture.png");
    set(r, "magic_mix", "0.5");
    set(r, "scheduler", "ddim");
    start(&x, r);
    check(&x, &file, "magic_mix");
    stop(&x);
    r = new_request();
    set(r, "duration_seconds", "1");
    set(r, "scheduler", "dpmpp_2m");
    set(r, "variation", "0.3");
    set(r, "variation_seed", "77");
    start(&x, r);
    check(&x, &file, "variation");
    stop(&x);
    vectors_close(&file);
}

/* riffusion.md's own numbers: evaluations and the first timestep. */
static void the_table_of_timesteps_is_reproduced(void **state)
{
    (void)state;
    static const struct {
        int steps;
        const char *strength;
        int n_evaluations, first;
    } rows[] = {{50, "0.75", 38, 741}, {50, "0.8", 41, 801}, {50, "0.95", 48, 941},
                {50, "1", 50, 961},    {50, "0.4", 21, 401}, {25, "0.55", 14, 521},
                {30, "0.75", 23, 727}, {50, "0", 1, 1}};
    vectors file;
    vectors_open(&file, "network_rework");
    const json_t *table = json_object_get(file.json, "timesteps");
    assert_int_equal(json_array_size(table), sizeof rows / sizeof *rows);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tb_error err = {0};
        tb_riffusion r = {0};
        tb_sampler *sampler = NULL;
        int first = 0, end = 0;
        timbre_request *request = new_request();
        place(request, "init", "picture.png");
        set(request, "prompt_b", "church organ");
        set(request, "alpha", "0.5");
        set_number(request, "steps", rows[i].steps);
        set(request, "strength", rows[i].strength);
        ok(timbre_request_resolve(request, &err), &err);
        tb_job job = {.request = request};
        tb_riffusion_work w = {.job = &job};
        ok(tb_riffusion_begin(&r, &w, &err), &err);
        ok(tb_riffusion_evaluations(&r, &w, 0, &first, &end, &err), &err);
        ok(tb_sampler_new("pndm", &r.schedule, rows[i].steps, TB_SPACING_DEFAULT, 1, &sampler,
                          &err),
           &err);
        assert_int_equal(end - first, rows[i].n_evaluations);
        assert_int_equal((int)tb_sampler_timestep(sampler, first), rows[i].first);
        const json_t *row = json_array_get(table, i);
        assert_int_equal(json_integer_value(json_object_get(row, "evaluations")), end - first);
        assert_int_equal(json_integer_value(json_object_get(row, "first")), rows[i].first);
        tb_sampler_free(sampler);
        tb_riffusion_unload(&r);
        timbre_request_free(request);
    }
    vectors_close(&file);
}

/* Values of a file of riffusion's beside ours of the same name. */
static void masks_are_like_riffusions(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int most;
        double mean;
    } rows[] = {{"mask_top_third_75", 0, 0},          {"mask_top_third_95", 0, 0},
                {"mask_gradient_dark", 6, 1},         {"mask_gradient_top_70", 4, 1},
                {"mask_gradient_top_fifth_75", 4, 1}, {"mask_beat_lines_80", 60, 1}};
    const char *data = getenv("TIMBRE_TEST_DATA");
    if (data == NULL)
        skip();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[4096];
        tb_error err = {0};
        tb_raster ours, file, theirs;
        (void)snprintf(path, sizeof path, "%s/riffusion/seed_images/%s.png", data, rows[i].name);
        ok(tb_mask_image_draw(rows[i].name, &ours, &err), &err);
        ok(tb_raster_read(path, &file, &err), &err);
        ok(tb_raster_to_grey(&file, &theirs, &err), &err);
        int most = 0, n = 512 * 512;
        double sum = 0;
        for (int k = 0; k < n; k++) {
            int difference = abs(ours.pixels[k] - theirs.pixels[k]);
            most = difference > most ? difference : most;
            sum += difference;
        }
        printf("# %s: at most %d apart, %.2f in the mean\n", rows[i].name, most, sum / n);
        assert_true(most <= rows[i].most && sum / n <= rows[i].mean);
        tb_raster_deinit(&ours);
        tb_raster_deinit(&file);
        tb_raster_deinit(&theirs);
    }
}

static int begin(void **state)
{
    if (enter_folder(state) != 0)
        return -1;
    write_image("picture.png", WIDTH, HEIGHT, picture_at);
    write_image("half.png", WIDTH / 8, HEIGHT / 8, half_at);
    write_image("grey.png", WIDTH / 8, HEIGHT / 8, grey_at);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(riffuse_agrees),
        cmocka_unit_test(image_to_image_agrees),
        cmocka_unit_test(magic_mix_and_variation_agree),
        cmocka_unit_test(the_table_of_timesteps_is_reproduced),
        cmocka_unit_test(masks_are_like_riffusions),
    };
    return cmocka_run_group_tests(tests, begin, leave_folder);
}
