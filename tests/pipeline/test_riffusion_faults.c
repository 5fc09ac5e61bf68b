/*
 * Generation by a neural model when an allocation or a write fails, at every place: an error comes
 * back, no file is left, nothing leaks, and the engine then works.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/hash.h"
#include "tests/support/faults.h"
#include "tests/support/folder.h"
#include "tests/support/sanitized.h"
#include "timbre/timbre.h"

static const char *model_path(const char *name)
{
    static char path[4096];
    (void)snprintf(path, sizeof path, "%s/models/%s", getenv("TIMBRE_TESTS_DIR"), name);
    return path;
}

static timbre_status set(timbre_request *r, const char *name, const char *value, timbre_error *err)
{
    return timbre_request_set(r, name, value, err);
}

static char sound_sha256[TB_SHA256_HEX_BYTES];
static char sound[] = "/tmp/timbre-fault-XXXXXX"; /* outside of the folder that is counted */
static bool is_rework;

/* 2.2 s of a ramp: two clips of 1.2 s, from one prompt to another, a part kept. */
static timbre_status set_rework(timbre_request *r, timbre_error *err)
{
    static const char *const fields[][2] = {
        {"clip_seconds", "1.2"}, {"prompt_b", "rain"},          {"seed_b", "2"},
        {"strength", "1"},       {"mask", "mask_top_third_75"}, {"repaint", "0.5s-2s"}};
    timbre_status st = TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && i < sizeof fields / sizeof *fields; i++)
        st = set(r, fields[i][0], fields[i][1], err);
    if (st == TIMBRE_OK)
        st = timbre_request_set(r, "init", sound_sha256, err);
    return st == TIMBRE_OK ? timbre_request_place_input(r, "init", sound, err) : st;
}

static timbre_status prepare(const char *model, timbre_request **r, timbre_error *err)
{
    const char *const fields[][2] = {{"prompt", "a (funky:1.2) organ"},
                                     {"negative_prompt", "rain"},
                                     {"seed", "1"},
                                     {"duration_seconds", is_rework ? "2.2" : "1"},
                                     {"steps", "1"},
                                     {"scheduler", "ddim"}};
    timbre_status st = timbre_request_new(r, err);
    if (st == TIMBRE_OK)
        st = set(*r, "model_id", model_path(model), err);
    for (size_t i = 0; st == TIMBRE_OK && i < sizeof fields / sizeof *fields; i++)
        st = set(*r, fields[i][0], fields[i][1], err);
    return st == TIMBRE_OK && is_rework ? set_rework(*r, err) : st;
}

static void on_preview(const timbre_preview_image *image, void *user)
{
    *(int *)user += image->width;
}

static const char *memory; /* of the engine that makes */

static timbre_status make(const char *model, timbre_error *err)
{
    timbre_engine_options how = {.struct_size = sizeof how, .n_threads = 1, .memory = memory};
    int seen = 0;
    timbre_output output = {.struct_size = sizeof output, .path = "take.wav", .sidecar = 1};
    timbre_generate_options options = {.struct_size = sizeof options,
                                       .output = &output,
                                       .preview = on_preview,
                                       .preview_user = &seen};
    timbre_engine *engine = NULL;
    timbre_request *request = NULL;
    timbre_take *take = NULL;
    timbre_status st = timbre_engine_new(&how, &engine, err);
    if (st == TIMBRE_OK)
        st = prepare(model, &request, err);
    if (st == TIMBRE_OK)
        st = timbre_generate(engine, request, &options, &take, err);
    timbre_take_free(take);
    timbre_request_free(request);
    timbre_engine_free(engine);
    return st;
}

static timbre_status describe(const char *model, timbre_error *err)
{
    char *json = NULL;
    timbre_status st = timbre_model_describe(model_path(model), NULL, &json, err);
    free(json);
    return st;
}

/* Every fault up to `n_each`, then every `stride`th (sanitizers are slow). */
static void faults_are_errors(timbre_status (*work)(const char *model, timbre_error *err),
                              const char *model, int n_files, long n_each, long stride)
{
    long n = 0, n_faults = 0;
    timbre_status st;
    int was_hit;
    do {
        timbre_error err = {0};
        n += n < n_each ? 1 : stride;
        calls_until_fault = n;
        st = work(model, &err);
        was_hit = calls_until_fault == 0;
        calls_until_fault = 0;
        n_faults += was_hit;
        if (n_files_below(".") != (st == TIMBRE_OK ? n_files : 0))
            fail_msg("fault %ld: %s, %d files", n, timbre_status_name(st), n_files_below("."));
        if (st != TIMBRE_OK && (err.code != st || err.message[0] == '\0'))
            fail_msg("fault %ld: %s without a word", n, timbre_status_name(st));
        (void)remove("take.wav");
        (void)remove("take.wav.json");
    } while (was_hit);
    assert_int_equal(st, TIMBRE_OK);
    printf("# %ld faults among %ld places\n", n_faults, n);
    assert_true(n_faults >= 10);
}

static void opening_a_model_survives_every_fault(void **state)
{
    (void)state;
    faults_are_errors(describe, "tiny", 0, IS_SANITIZED ? 60 : 1000, 7);
}

static void generating_survives_every_fault(void **state)
{
    (void)state;
    memory = "auto";
    faults_are_errors(make, "tiny", 2, IS_SANITIZED ? 10 : 100000, 201);
}

/* What was loaded for one stage is let go wherever the next one fails. */
static void generating_in_parts_survives_faults(void **state)
{
    (void)state;
    memory = "low";
    faults_are_errors(make, "tiny", 2, 0, 61);
}

static void put(FILE *f, uint32_t value, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++)
        (void)fputc((int)(value >> (8 * i) & 255), f);
}

static void write_sound(void)
{
    enum { N = 97020, RATE_HZ = 44100 };
    tb_error err = {0};
    int fd = mkstemp(sound);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");
    assert_non_null(f);
    (void)fputs("RIFF", f);
    put(f, 36 + 2 * N, 4);
    (void)fputs("WAVEfmt ", f);
    put(f, 16, 4);
    put(f, 1 | 1U << 16, 4);
    put(f, RATE_HZ, 4);
    put(f, 2 * RATE_HZ, 4);
    put(f, 2 | 16U << 16, 4);
    (void)fputs("data", f);
    put(f, 2 * N, 4);
    for (uint32_t i = 0; i < N; i++)
        put(f, i * 97 & 0x1fff, 2);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(tb_sha256_file(sound, sound_sha256, &err), TIMBRE_OK);
}

static void reworking_survives_faults(void **state)
{
    (void)state;
    memory = "auto";
    is_rework = true;
    write_sound();
    faults_are_errors(make, "tiny", 2, IS_SANITIZED ? 10 : 30, IS_SANITIZED ? 151 : 41);
    is_rework = false;
    (void)unlink(sound);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening_a_model_survives_every_fault),
        cmocka_unit_test(generating_survives_every_fault),
        cmocka_unit_test(generating_in_parts_survives_faults),
        cmocka_unit_test(reworking_survives_faults),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
