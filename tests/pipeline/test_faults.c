/*
 * The Nth allocation, open, write, sync or naming fails, for every N until nothing fails any more:
 * each time an error comes back, no file is left, and nothing leaks (the sanitizer build sees to
 * that). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/pipeline/recipe.h"
#include "engine/pipeline/request.h"
#include "engine/pipeline/save.h"
#include "tests/support/faults.h"
#include "tests/support/folder.h"

static timbre_output output_of(const char *path)
{
    return (timbre_output){.struct_size = sizeof(timbre_output),
                           .path = path,
                           .dir = path == NULL ? "out/deep" : NULL,
                           .sidecar = 1,
                           .index = 1};
}

/* What follows a backend: resolve, recipe, encode, read back, name. */
static tb_status make_one(const char *path, tb_error *err)
{
    static const char body[] = "{\"prompt\":\"rain\",\"negative_prompt\":\"drums\",\"seed\":3}";
    static int16_t pcm[44100 * 2];
    static const tb_stage list[] = {{"save", 1}};
    static const tb_backend backend = {.name = "sketch"};
    timbre_output output = output_of(path);
    tb_stages stages;
    timbre_request *request = NULL;
    timbre_take *take = calloc(1, sizeof *take);
    tb_result result = {.n_frames = 44100, .n_channels = 2, .pcm = pcm};
    tb_status st = take == NULL ? TIMBRE_NO_MEMORY : timbre_request_new(&request, err);
    if (st == TIMBRE_OK)
        st = timbre_request_set_json(request, body, sizeof body - 1, err);
    if (st == TIMBRE_OK && path != NULL)
        st = timbre_request_match_path(request, path, err);
    if (st == TIMBRE_OK)
        st = timbre_request_resolve(request, err);
    if (st == TIMBRE_OK)
        st = tb_save_check(&output, request, err);
    tb_stages_init(&stages, list, 1, &(tb_stages_listener){0}, NULL);
    tb_stages_next(&stages);
    tb_job job = {.request = request, .stages = &stages};
    result.ingredients = json_object();
    if (st == TIMBRE_OK)
        st = tb_recipe_format(&backend, request, &result, &take->recipe, err);
    if (st == TIMBRE_OK) {
        take->metadata = strdup("{}");
        st = take->metadata == NULL ? TIMBRE_NO_MEMORY
                                    : tb_save_run(&output, &job, &result, take, err);
    }
    json_decref(result.ingredients);
    timbre_request_free(request);
    timbre_take_free(take);
    return st;
}

static void every_fault_is_an_error(const char *path)
{
    long n = 0;
    tb_status st;
    do {
        tb_error err = {0};
        calls_until_fault = ++n;
        st = make_one(path, &err);
        int was_hit = calls_until_fault == 0;
        calls_until_fault = 0;
        if (st != TIMBRE_OK)
            assert_int_equal(n_files_below("."), 0);
        else if (was_hit) /* syncing the folder may fail without harm: the take is there */
            assert_int_equal(n_files_below("."), 2);
        (void)!system("rm -rf -- *");
        if (st == TIMBRE_OK && !was_hit)
            break;
    } while (n < 5000);
    assert_int_equal(st, TIMBRE_OK);
    assert_true(n > 30);
}

static void faults_with_a_given_name(void **state)
{
    (void)state;
    every_fault_is_an_error("take.flac");
}

static void faults_with_a_name_of_ours(void **state)
{
    (void)state;
    every_fault_is_an_error(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_with_a_given_name),
        cmocka_unit_test(faults_with_a_name_of_ours),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
