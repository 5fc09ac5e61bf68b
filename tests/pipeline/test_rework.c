/* Sounds and pictures to begin with, masks, blends, clips, variations: through the public interface
 * with the tiny model of the tests. How exact they are is test_rework_exact.c's matter. */
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

#include "engine/base/hash.h"
#include "engine/base/limits.h"
#include "engine/pipeline/rework.h"
#include "engine/pipeline/sound_picture.h"
#include "engine/spectrogram/image_file.h"
#include "engine/spectrogram/raster.h"
#include "tests/support/folder.h"
#include "tests/support/sanitized.h"
#include "timbre/timbre.h"

static timbre_engine *engine; /* of all tests */

static const char *model_path(void)
{
    static char path[4096];
    (void)snprintf(path, sizeof path, "%s/models/tiny", getenv("TIMBRE_TESTS_DIR"));
    return path;
}

static void ok(timbre_status st, const timbre_error *err)
{
    if (st != TIMBRE_OK)
        fail_msg("%s", err->message);
}

static void set(timbre_request *r, const char *name, const char *value)
{
    timbre_error err = {0};
    if (timbre_request_set(r, name, value, &err) != TIMBRE_OK)
        fail_msg("%s=%s: %s", name, value, err.message);
}

/* The field is the file's content, its place said beside it. */
static void place(timbre_request *r, const char *name, const char *path)
{
    char hex[TB_SHA256_HEX_BYTES];
    timbre_error err = {0};
    ok(tb_sha256_file(path, hex, &err), &err);
    set(r, name, hex);
    ok(timbre_request_place_input(r, name, path, &err), &err);
}

/* ---- files to begin with ---- */

static void put(FILE *f, uint32_t value, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++)
        (void)fputc((int)(value >> (8 * i) & 255), f);
}

/* Sixteen bits, one channel: tones that change every quarter of a second. */
static void write_wav(const char *path, double seconds, int rate_hz)
{
    uint32_t n = (uint32_t)(seconds * rate_hz), n_bytes = 2 * n;
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    (void)fputs("RIFF", f);
    put(f, 36 + n_bytes, 4);
    (void)fputs("WAVEfmt ", f);
    put(f, 16, 4);
    put(f, 1 | 1U << 16, 4);
    put(f, (uint32_t)rate_hz, 4);
    put(f, 2 * (uint32_t)rate_hz, 4);
    put(f, 2 | 16U << 16, 4);
    (void)fputs("data", f);
    put(f, n_bytes, 4);
    for (uint32_t i = 0; i < n; i++) {
        double t = (double)i / rate_hz, hz = 220 * (1 + (int)(4 * t) % 5);
        put(f, (uint32_t)(int)(9000 * sin(6.283185307 * hz * t)) & 0xffff, 2);
    }
    assert_int_equal(fclose(f), 0);
}

static tb_status to_file(void *user, const void *data, size_t len_bytes, tb_error *err)
{
    assert_int_equal(fwrite(data, 1, len_bytes, user), len_bytes);
    return TIMBRE_OK;
}

static uint8_t grey_at(int x, int y)
{
    return (uint8_t)(255 - (x * 7 + y * 3 + x * y / 16) % 200);
}

enum { MASK_WIDTH = 64 };

static uint8_t half_white_at(int x, int y)
{
    (void)y;
    return x < MASK_WIDTH / 2 ? 0 : 255;
}

static void write_png(const char *path, int width, int height, uint8_t (*value_at)(int x, int y))
{
    FILE *f = fopen(path, "wb");
    tb_error err = {0};
    tb_image_writer *writer = NULL;
    static uint8_t row[3 * 256];
    assert_true(f != NULL && width <= 256);
    tb_image_spec spec = {.width = width, .height = height};
    ok(tb_image_writer_new(&spec, to_file, f, &writer, &err), &err);
    for (int y = 0; y < height; y++) {
        for (int i = 0; i < 3 * width; i++)
            row[i] = value_at(i / 3, y);
        ok(tb_image_write_row(writer, row, &err), &err);
    }
    ok(tb_image_writer_finish(writer, &err), &err);
    tb_image_writer_free(writer);
    assert_int_equal(fclose(f), 0);
}

/* ---- takes ---- */

static timbre_request *plain_request(void)
{
    timbre_request *r;
    assert_int_equal(timbre_request_new(&r, NULL), TIMBRE_OK);
    set(r, "model_id", model_path());
    set(r, "prompt", "funk bassline with a jazzy saxophone solo");
    set(r, "seed", "11");
    set(r, "steps", "4");
    return r;
}

static timbre_request *sound_request(void)
{
    timbre_request *r = plain_request();
    place(r, "init", "sound.wav");
    set(r, "duration_seconds", "1.2");
    return r;
}

static timbre_request *long_request(void)
{
    timbre_request *r = plain_request();
    place(r, "init", "sound.wav");
    set(r, "clip_seconds", "1.2");
    set(r, "steps", "2");
    set(r, "strength", "0.6");
    return r;
}

static timbre_request *blend_request(void)
{
    timbre_request *r = plain_request();
    place(r, "init", "picture.png");
    set(r, "prompt_b", "church organ");
    set(r, "clips", "4");
    return r;
}

static timbre_request *one_blend_request(void)
{
    timbre_request *r = plain_request();
    place(r, "init", "picture.png");
    set(r, "prompt_b", "church organ");
    set(r, "alpha", "0.4");
    return r;
}

static timbre_request *mix_request(void)
{
    timbre_request *r = plain_request();
    place(r, "init", "picture.png");
    set(r, "magic_mix", "0.5");
    set(r, "steps", "10");
    return r;
}

static timbre_request *short_request(void)
{
    timbre_request *r = plain_request();
    set(r, "duration_seconds", "1");
    return r;
}

static timbre_request *variation_request(void)
{
    timbre_request *r = short_request();
    set(r, "variation", "0.3");
    set(r, "variation_seed", "5");
    return r;
}

static timbre_status try_take(const timbre_request *r, timbre_take **take, timbre_error *err)
{
    timbre_generate_options options = {
        .struct_size = sizeof options,
        .output = &(timbre_output){.struct_size = sizeof(timbre_output), .in_memory = 1}};
    return timbre_generate(engine, r, &options, take, err);
}

static timbre_take *make(const timbre_request *r)
{
    timbre_error err = {0};
    timbre_take *take = NULL;
    ok(try_take(r, &take, &err), &err);
    return take;
}

/* [object.]name of a JSON text, as text; owned. */
static char *member(const char *json, const char *object, const char *name)
{
    json_t *j = json_loads(json, 0, NULL);
    const json_t *value = json_object_get(object == NULL ? j : json_object_get(j, object), name);
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(j);
    return text;
}

static char *pcm_of(const timbre_take *take)
{
    char *text = member(timbre_take_recipe(take), "pcm", "sha256");
    assert_non_null(text);
    return text;
}

static int64_t frames_of(const timbre_take *take)
{
    char *text = member(timbre_take_recipe(take), "pcm", "frames");
    int64_t n = atoll(text);
    free(text);
    return n;
}

/* From what the take itself says, and the files by their content. */
static void check_repeats(const timbre_take *take)
{
    timbre_error err = {0};
    char *text = timbre_recipe_request(timbre_take_recipe(take), &err);
    timbre_request *r;
    assert_int_equal(timbre_request_new(&r, NULL), TIMBRE_OK);
    ok(timbre_request_set_json(r, text, strlen(text), &err), &err);
    ok(timbre_request_place_model(r, model_path(), NULL, &err), &err);
    static const char *const files[] = {"sound.wav", "picture.png", "other.png", "mask.png"};
    static const char *const inputs[] = {"init", "mask"};
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; timbre_request_has(r, inputs[i]) && k < 4; k++) {
            char hex[TB_SHA256_HEX_BYTES];
            ok(tb_sha256_file(files[k], hex, &err), &err);
            if (strcmp(hex, timbre_request_text(r, inputs[i])) == 0)
                ok(timbre_request_place_input(r, inputs[i], files[k], &err), &err);
        }
    timbre_take *again = make(r);
    assert_string_equal(timbre_take_file_sha256(again), timbre_take_file_sha256(take));
    timbre_take_free(again);
    timbre_request_free(r);
    free(text);
}

/* Every field of this layer, with a request that it makes another sound of. */
static const struct {
    timbre_request *(*base)(void);
    const char *field, *value; /* a value with a dot and a known ending is a file */
} changes[] = {
    {short_request, "init", "sound.wav"},
    {sound_request, "init_start", "0.5"},
    {sound_request, "strength", "0.9"},
    {sound_request, "mask", "mask.png"},
    {sound_request, "mask", "mask_top_third_75"},
    {sound_request, "repaint", "0.3s-700ms"},
    {sound_request, "repaint_band", "200Hz-4kHz"},
    {sound_request, "prompt_b", "church organ"},
    {one_blend_request, "init", "other.png"},
    {one_blend_request, "seed_b", "3"},
    {one_blend_request, "strength_b", "0.3"},
    {one_blend_request, "cfg_scale_b", "2"},
    {one_blend_request, "alpha", "0.8"},
    {one_blend_request, "mask", "mask.png"},
    {one_blend_request, "scheduler", "dpmpp_2m"},
    {blend_request, "alpha_power", "3"},
    {blend_request, "clips", "2"},
    {blend_request, "overlap_seconds", "0.4"},
    {blend_request, "join", "riffusion"},
    {long_request, "clip_seconds", "1.4"},
    {long_request, "overlap_seconds", "0.3"},
    {long_request, "join", "riffusion"},
    {long_request, "prompt_b", "church organ"},
    {mix_request, "magic_mix", "0.8"},
    {mix_request, "mix_from", "0.1"},
    {mix_request, "mix_to", "0.8"},
    {variation_request, "variation", "0.7"},
    {variation_request, "variation_seed", "6"},
};

enum { N_CHANGES = sizeof changes / sizeof *changes };

static void every_field_changes_the_result_and_repeats(void **state)
{
    (void)state;
    timbre_request *(*last)(void) = NULL;
    char *was = NULL;
    for (size_t i = 0; i < N_CHANGES; i++) {
        if (IS_SANITIZED && i % 3 != 0)
            continue; /* slow there, and the paths are the same */
        if (last == NULL || changes[i].base != last) {
            timbre_request *r = changes[i].base();
            timbre_take *take = make(r);
            free(was);
            was = pcm_of(take);
            timbre_take_free(take);
            timbre_request_free(r);
            last = changes[i].base;
        }
        timbre_request *r = changes[i].base();
        bool is_file = strstr(changes[i].value, ".wav") != NULL || strstr(changes[i].value, ".png");
        if (is_file)
            place(r, changes[i].field, changes[i].value);
        else
            set(r, changes[i].field, changes[i].value);
        timbre_take *take = make(r);
        char *is = pcm_of(take);
        if (strcmp(was, is) == 0)
            fail_msg("%s=%s changes nothing", changes[i].field, changes[i].value);
        if (!IS_SANITIZED)
            check_repeats(take);
        free(is);
        timbre_take_free(take);
        timbre_request_free(r);
    }
    free(was);
}

static void every_new_field_is_in_that_table(void **state)
{
    (void)state;
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    for (size_t i = TB_FIELD_INIT; i <= TB_FIELD_VARIATION_SEED; i++) {
        size_t k = 0;
        while (k < N_CHANGES && strcmp(changes[k].field, fields[i].name) != 0)
            k++;
        if (k == N_CHANGES || fields[i].backends != TIMBRE_BACKEND_RIFFUSION)
            fail_msg("%s is not tried, or of other backends too", fields[i].name);
    }
    assert_true(fields[TB_FIELD_INIT].is_input && fields[TB_FIELD_MASK].is_input);
}

static void lengths_are_those_of_what_is_begun_with(void **state)
{
    (void)state;
    timbre_request *r = plain_request();
    place(r, "init", "picture.png"); /* 200 columns become 192 */
    timbre_take *take = make(r);
    assert_int_equal(frames_of(take), 441 * 191);
    timbre_take_free(take);
    timbre_request_free(r);

    r = plain_request();
    place(r, "init", "sound.wav");
    set(r, "init_start", "1.5");
    set(r, "strength", "0.3");
    take = make(r);
    assert_int_equal(frames_of(take), 44100 * 3 - 66150);
    timbre_take_free(take);
    timbre_request_free(r);

    r = long_request();
    take = make(r);
    assert_int_equal(frames_of(take), 44100 * 3);
    char *rework = member(timbre_take_metadata(take), "extras", "rework");
    assert_string_equal(rework, "{\"blend\":false,\"clips\":3,\"init\":\"sound\",\"mask\":false}");
    free(rework);
    timbre_take_free(take);
    timbre_request_free(r);

    r = blend_request();
    take = make(r);
    assert_int_equal(frames_of(take), 4 * 441 * 191 - 3 * 8820);
    timbre_take_free(take);
    timbre_request_free(r);
}

/* The picture of a take, owned. */
static tb_raster picture_of(const timbre_take *take)
{
    size_t n;
    const unsigned char *png = timbre_take_image(take, &n);
    FILE *f = fopen("taken.png", "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(png, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    tb_raster raster;
    tb_error err = {0};
    ok(tb_raster_read("taken.png", &raster, &err), &err);
    return raster;
}

static void what_a_mask_keeps_is_kept_to_the_pixel(void **state)
{
    (void)state;
    timbre_request *r = plain_request();
    place(r, "init", "whole.png");
    place(r, "mask", "mask.png");
    set(r, "strength", "0.9");
    timbre_take *take = make(r);
    tb_raster got = picture_of(take);
    assert_int_equal(got.width, 128);
    int n_same_left = 0, n_same_right = 0;
    for (int y = 0; y < 512; y++)
        for (int x = 0; x < 128; x++) {
            bool is_same = got.pixels[3 * (y * 128 + x)] == grey_at(x, y);
            n_same_left += x < 64 && is_same;
            n_same_right += x >= 64 && is_same;
        }
    assert_int_equal(n_same_left, 64 * 512);
    assert_true(n_same_right < 64 * 512 / 8);
    tb_raster_deinit(&got);
    timbre_take_free(take);
    timbre_request_free(r);
}

static void a_span_of_time_is_made_anew(void **state)
{
    (void)state;
    timbre_request *r = plain_request();
    place(r, "init", "whole.png");
    set(r, "repaint", "0.32s-0.8s");
    set(r, "repaint_band", "0-2000");
    set(r, "strength", "0.9");
    timbre_take *take = make(r);
    tb_raster got = picture_of(take);
    int left = 128, right = 0, top = 512, bottom = 0;
    for (int y = 0; y < 512; y++)
        for (int x = 0; x < 128; x++)
            if (got.pixels[3 * (y * 128 + x)] != grey_at(x, y)) {
                left = x < left ? x : left;
                right = x > right ? x : right;
                top = y < top ? y : top;
                bottom = y > bottom ? y : bottom;
            }
    assert_int_equal(left, 32);
    assert_int_equal(right, 79);
    assert_int_equal(bottom, 511);
    /* band 254 is the last that is loudest at 2 kHz or below: 2595 log10(1 + 2000 / 700) / 5.9907 =
     * 254.1 */
    assert_in_range(top, 511 - 254, 511 - 252);
    tb_raster_deinit(&got);
    timbre_take_free(take);
    timbre_request_free(r);
}

static void strength_nought_gives_back_what_was_begun_with(void **state)
{
    (void)state;
    timbre_request *r = plain_request();
    place(r, "init", "whole.png");
    set(r, "strength", "0");
    timbre_take *a = make(r);
    set(r, "prompt", "something else altogether");
    timbre_take *b = make(r);
    char *one = pcm_of(a), *two = pcm_of(b);
    assert_string_equal(one, two);
    free(one);
    free(two);
    timbre_take_free(a);
    timbre_take_free(b);
    timbre_request_free(r);
}

static void a_variation_of_nothing_is_the_take(void **state)
{
    (void)state;
    timbre_request *r = short_request();
    timbre_take *a = make(r);
    set(r, "variation", "0");
    timbre_take *b = make(r);
    char *one = pcm_of(a), *two = pcm_of(b);
    assert_string_equal(one, two);
    free(one);
    free(two);
    timbre_take_free(a);
    timbre_take_free(b);
    timbre_request_free(r);
}

static void what_makes_no_sense_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        timbre_request *(*base)(void);
        const char *field, *value, *says;
    } rows[] = {
        {short_request, "strength", "0.5", "strength is of no use without init or prompt_b"},
        {short_request, "mask", "mask_top_third_75", "mask is of no use without init"},
        {short_request, "alpha", "0.5", "alpha is of no use without prompt_b"},
        {short_request, "mix_to", "0.5", "mix_to is of no use without magic_mix"},
        {short_request, "variation_seed", "1", "variation_seed is of no use without variation"},
        {short_request, "init", "ogbeat", "init 'ogbeat' is neither a file nor a name"},
        {sound_request, "mask", "mask_9", "mask 'mask_9' is neither a file nor a name"},
        {sound_request, "repaint", "2s", "repaint '2s' is no range"},
        {sound_request, "repaint", "2s-1s", "ends before it begins"},
        {sound_request, "repaint", "7s-9s", "repaint '7s-9s' is nothing of 1.2 s"},
        {sound_request, "repaint_band", "20kHz-21kHz", "is nothing of"},
        {sound_request, "repaint_band", "1s-2s", "is no range"},
        {sound_request, "init_start", "2.5", "less than a second"},
        {sound_request, "duration_seconds", "4", "exceeds the 3 s"},
        {sound_request, "clips", "3", "clips is of no use without prompt_b"},
        {sound_request, "strength", "0.01", "strength 0.01 of 4 steps is not one step"},
        {sound_request, "clip_seconds", "30", "clip_seconds 30 is not between 1 and 20.4"},
        {long_request, "overlap_seconds", "0.8", "more than half of a clip"},
        {long_request, "overlap_seconds", "1.3", "more than half of a clip"},
        {long_request, "overlap_seconds", "5", "more than half of a clip"},
        {blend_request, "overlap_seconds", "1.5", "more than half of a clip"},
        {blend_request, "overlap_seconds", "3", "more than half of a clip"},
        {mix_request, "strength", "0.5", "magic_mix and strength cannot both be given"},
        {one_blend_request, "clips", "3", "alpha and clips cannot both be given"},
        {blend_request, "clip_seconds", "1", "clip_seconds is of no use here"},
        {blend_request, "init_start", "1", "init_start is for sounds"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        timbre_request *r = rows[i].base();
        timbre_error err = {0};
        timbre_take *take = NULL;
        timbre_status st = timbre_request_set(r, rows[i].field, rows[i].value, &err);
        if (st == TIMBRE_OK)
            st = try_take(r, &take, &err);
        if (st != TIMBRE_BAD_INPUT || strstr(err.message, rows[i].says) == NULL)
            fail_msg("%s=%s: %s", rows[i].field, rows[i].value, err.message);
        timbre_request_free(r);
    }
}

static timbre_status fail_with(const char *name, const char *path, timbre_error *err)
{
    timbre_request *r = plain_request();
    timbre_take *take = NULL;
    place(r, "init", "sound.wav");
    ok(timbre_request_place_input(r, name, path, err), err);
    timbre_status st = try_take(r, &take, err);
    timbre_request_free(r);
    return st;
}

static void bad_files_are_errors_that_name_the_field(void **state)
{
    (void)state;
    timbre_error err = {0};
    FILE *f = fopen("empty", "wb");
    assert_int_equal(fclose(f), 0);
    f = fopen("noise", "wb");
    (void)fputs("this is neither sound nor picture", f);
    assert_int_equal(fclose(f), 0);
    f = fopen("torn.png", "wb");
    (void)fwrite("\x89PNG\r\n\x1a\n\0\0\0", 1, 11, f);
    assert_int_equal(fclose(f), 0);
    static const char *const files[] = {"empty", "noise", "torn.png", "missing.wav", "."};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        timbre_status st = fail_with("init", files[i], &err);
        assert_true(st == TIMBRE_BAD_FILE || st == TIMBRE_NOT_FOUND || st == TIMBRE_UNSUPPORTED);
        assert_non_null(strstr(err.message, "init"));
    }
    /* other bytes than the id says */
    write_wav("changed.wav", 2, 44100);
    assert_int_equal(fail_with("init", "changed.wav", &err), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "has changed"));

    /* an id whose file is nowhere */
    timbre_request *r = plain_request();
    char id[65];
    memset(id, 'a', 64);
    id[64] = '\0';
    set(r, "init", id);
    assert_int_equal(timbre_request_resolve(r, &err), TIMBRE_NOT_FOUND);
    assert_non_null(strstr(err.message, "that file is not here"));
    assert_int_equal(timbre_request_place_input(r, "prompt", "x", &err), TIMBRE_BAD_INPUT);
    timbre_request_free(r);
}

static void silence_is_nothing_to_begin_with(void **state)
{
    (void)state;
    timbre_error err = {0};
    timbre_take *take = NULL;
    timbre_request *r = plain_request();
    FILE *f = fopen("sound.wav", "rb"), *to = fopen("silent.wav", "wb");
    char head[44];
    assert_int_equal(fread(head, 1, 44, f), 44);
    (void)fwrite(head, 1, 44, to);
    for (int i = 0; i < 3 * 44100 * 2; i++)
        (void)fputc(0, to);
    (void)fclose(f);
    assert_int_equal(fclose(to), 0);
    place(r, "init", "silent.wav");
    assert_int_equal(try_take(r, &take, &err), TIMBRE_BAD_INPUT);
    assert_non_null(strstr(err.message, "silence"));
    timbre_request_free(r);
}

static void sound_of_any_rate_and_pictures_of_any_size_serve(void **state)
{
    (void)state;
    write_wav("rate.wav", 2, 22050);
    write_png("small.png", 70, 100, grey_at);
    write_png("tall.png", 150, 700, grey_at);
    static const char *const files[] = {"rate.wav", "small.png", "tall.png"};
    static const int64_t n_frames[] = {2 * 44100, 441 * 63, 441 * 127};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        timbre_request *r = plain_request();
        place(r, "init", files[i]);
        if (i == 1) /* 0.63 s: shorter than a take may be */
            set(r, "prompt", "x");
        timbre_error err = {0};
        timbre_take *take = NULL;
        timbre_status st = try_take(r, &take, &err);
        if (i == 1) {
            assert_int_equal(st, TIMBRE_BAD_INPUT);
        } else {
            ok(st, &err);
            assert_int_equal(frames_of(take), n_frames[i]);
        }
        timbre_take_free(take);
        timbre_request_free(r);
    }
}

static void ranges_are_read_with_their_units(void **state)
{
    (void)state;
    static const struct {
        const char *text, *unit;
        double from, to;
    } rows[] = {{"1.2s-2.8s", "s", 1.2, 2.8},
                {"0-500ms", "s", 0, 0.5},
                {"1-2", "s", 1, 2},
                {"200Hz-4kHz", "Hz", 200, 4000},
                {"20-20000", "Hz", 20, 20000},
                {"0.2kHz-300", "Hz", 200, 300}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double from, to;
        tb_error err = {0};
        ok(tb_rework_parse_range("f", rows[i].text, rows[i].unit, &from, &to, &err), &err);
        assert_float_equal(from, rows[i].from, 1e-9);
        assert_float_equal(to, rows[i].to, 1e-9);
    }
    static const char *const wrong[] = {"",      "-",     "1",       "1s",       "1s-",   "-2s",
                                        "1s-2x", "nan-2", "1e9-2e9", "1s-2s-3s", "0x1-2", "2-2"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        double from, to;
        tb_error err = {0};
        if (tb_rework_parse_range("f", wrong[i], "s", &from, &to, &err) == TIMBRE_OK)
            fail_msg("'%s' is %g to %g", wrong[i], from, to);
    }
}

typedef struct {
    timbre_cancel cancel;
    const char *stage; /* to stop in, when it is half done; NULL: never */
    double last;       /* fraction of the whole */
    int n_reports;
} stopping;

static void on_progress(const timbre_progress *p, void *user)
{
    stopping *s = user;
    assert_true(p->fraction >= s->last - 1e-9 && p->fraction <= 1);
    s->last = p->fraction;
    s->n_reports++;
    if (s->stage != NULL && strcmp(p->stage, s->stage) == 0 && p->stage_fraction >= 0.5)
        timbre_cancel_request(&s->cancel);
}

/* Progress of several clips only grows, and a stop is heeded within any of them. */
static void clips_can_be_stopped_and_say_how_far_they_are(void **state)
{
    (void)state;
    static const char *const stages[] = {NULL, "encode", "denoise", "decode", "vocode"};
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        stopping s = {.stage = stages[i]};
        timbre_request *r = long_request();
        timbre_take *take = NULL;
        timbre_error err = {0};
        timbre_output output = {.struct_size = sizeof output, .path = "stopped.wav"};
        timbre_generate_options options = {.struct_size = sizeof options,
                                           .output = &output,
                                           .progress = on_progress,
                                           .progress_user = &s,
                                           .cancel = &s.cancel};
        timbre_status st = timbre_generate(engine, r, &options, &take, &err);
        assert_int_equal(st, stages[i] == NULL ? TIMBRE_OK : TIMBRE_CANCELLED);
        assert_int_equal(access("stopped.wav", F_OK) == 0, stages[i] == NULL);
        assert_true(s.n_reports > 4);
        (void)unlink("stopped.wav");
        timbre_take_free(take);
        timbre_request_free(r);
    }
}

/* What the network sees of a sound is the picture that timbre encode makes of it. */
static void a_sound_is_seen_as_encode_paints_it(void **state)
{
    (void)state;
    timbre_error err = {0};
    timbre_spectrogram_params params;
    timbre_encode_options options = {.struct_size = sizeof options, .output = "encoded.png"};
    timbre_encode_report report = {.struct_size = sizeof report};
    tb_raster ours, theirs;
    tb_pool *pool = NULL;
    const tb_kernels *kernels = NULL;
    ok(timbre_encode(engine, "sound.wav", &options, &report, &err), &err);
    ok(tb_raster_read("encoded.png", &theirs, &err), &err);
    timbre_spectrogram_params_init(&params);
    ok(tb_pool_new(2, &pool, &err), &err);
    ok(tb_kernels_choose(NULL, &kernels, &err), &err);
    tb_progress quiet = {0};
    tb_sound_picture spec = {.params = &params,
                             .kernels = kernels,
                             .pool = pool,
                             .progress = &quiet,
                             .n_columns = 301,
                             .n_frames = 3 * 44100};
    ok(tb_sound_picture_read(&spec, "sound.wav", 0, &ours, &err), &err);
    assert_int_equal(theirs.width, 301);
    for (int i = 0; i < 301 * 512; i++)
        if (ours.pixels[i] != theirs.pixels[3 * i])
            fail_msg("pixel %d: %d, not %d", i, ours.pixels[i], theirs.pixels[3 * i]);
    tb_raster_deinit(&ours);
    tb_raster_deinit(&theirs);
    tb_pool_free(pool);
}

static void a_seed_image_is_made_by_the_sketch(void **state)
{
    (void)state;
    timbre_request *r = plain_request();
    set(r, "init", "og_beat");
    set(r, "steps", "2");
    set(r, "strength", "0.5");
    timbre_take *take = make(r);
    assert_int_equal(frames_of(take), 225351); /* 5.11 s, Riffusion's own */
    char *ingredient = member(timbre_take_recipe(take), "ingredients", "seed_image");
    assert_non_null(ingredient);
    assert_non_null(strstr(ingredient, "\"name\":\"og_beat\""));
    free(ingredient);
    timbre_take_free(take);
    timbre_request_free(r);
}

static int begin(void **state)
{
    (void)state;
    timbre_engine_options options = {.struct_size = sizeof options};
    if (enter_folder(state) != 0)
        return -1;
    write_wav("sound.wav", 3, 44100);
    write_png("picture.png", 200, 512, grey_at);
    write_png("other.png", 192, 500, grey_at);
    write_png("whole.png", 128, 512, grey_at);
    write_png("mask.png", MASK_WIDTH, 32, half_white_at);
    return timbre_engine_new(&options, &engine, NULL) == TIMBRE_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    timbre_engine_free(engine);
    return leave_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_new_field_is_in_that_table),
        cmocka_unit_test(every_field_changes_the_result_and_repeats),
        cmocka_unit_test(lengths_are_those_of_what_is_begun_with),
        cmocka_unit_test(what_a_mask_keeps_is_kept_to_the_pixel),
        cmocka_unit_test(a_span_of_time_is_made_anew),
        cmocka_unit_test(strength_nought_gives_back_what_was_begun_with),
        cmocka_unit_test(a_variation_of_nothing_is_the_take),
        cmocka_unit_test(what_makes_no_sense_is_refused_by_name),
        cmocka_unit_test(bad_files_are_errors_that_name_the_field),
        cmocka_unit_test(silence_is_nothing_to_begin_with),
        cmocka_unit_test(sound_of_any_rate_and_pictures_of_any_size_serve),
        cmocka_unit_test(ranges_are_read_with_their_units),
        cmocka_unit_test(clips_can_be_stopped_and_say_how_far_they_are),
        cmocka_unit_test(a_sound_is_seen_as_encode_paints_it),
        cmocka_unit_test(a_seed_image_is_made_by_the_sketch),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
