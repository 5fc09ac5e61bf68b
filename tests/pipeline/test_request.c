/* A request takes what the field table allows, names what it does not, and resolves to one sound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "timbre/request.h"

static timbre_request *new_request(void)
{
    timbre_request *r;
    assert_int_equal(timbre_request_new(&r, NULL), TIMBRE_OK);
    return r;
}

static void wrong_values_are_refused_by_name_and_limit(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *says;
    } rows[] = {
        {"tempo", "9", "unknown field 'tempo'"},
        {"prompt", "", "prompt is empty"},
        {"prompt", "\xff", "not UTF-8"},
        {"seed", "-1", "not between 0 and 9007199254740991"},
        {"seed", "9007199254740992", "not between 0 and 9007199254740991"},
        {"seed", "99999999999999999999", "not between"},
        {"seed", "4.5", "seed '4.5' is not a whole number"},
        {"seed", "", "is not a whole number"},
        {"duration_seconds", "0.99", "duration_seconds 0.99 is not between 1 and 600"},
        {"duration_seconds", "601", "not between 1 and 600"},
        {"duration_seconds", "nan", "not between 1 and 600"},
        {"duration_seconds", "5s", "'5s' is not a number"},
        {"loop", "perhaps", "'perhaps' is not true or false"},
        {"output_format", "mp3", "'mp3' is not one of: wav, flac"},
        {"scheduler", "best", "'best' is not one of: dpmpp_2m"},
        {"cfg_scale", "21", "not between 0 and 20"},
    };
    timbre_request *r = new_request();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        timbre_error err = {0};
        assert_int_equal(timbre_request_set(r, rows[i].name, rows[i].value, &err),
                         TIMBRE_BAD_INPUT);
        if (strstr(err.message, rows[i].says) == NULL)
            fail_msg("%s=%s says '%s'", rows[i].name, rows[i].value, err.message);
        assert_false(timbre_request_has(r, rows[i].name));
    }
    timbre_request_free(r);
}

static void json_bodies_are_checked_field_by_field(void **state)
{
    (void)state;
    static const struct {
        const char *json, *says;
    } rows[] = {
        {"{\"prompt\":\"x\",\"tempo\":3}", "unknown field 'tempo'"},
        {"{\"prompt\":3}", "prompt is not a string"},
        {"{\"seed\":1.5}", "seed is not a whole number"},
        {"{\"seed\":-1}", "not between 0"},
        {"{\"duration_seconds\":\"5\"}", "duration_seconds is not a number"},
        {"{\"loop\":1}", "loop is not true or false"},
        {"{\"seed\":1,\"seed\":2}", "duplicate"},
        {"[1]", "not a JSON object"},
        {"{\"prompt\":\"x\"", "not JSON"},
        {"", "not JSON"},
    };
    timbre_request *r = new_request();
    assert_int_equal(timbre_request_set(r, "seed", "7", NULL), TIMBRE_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        timbre_error err = {0};
        assert_int_equal(timbre_request_set_json(r, rows[i].json, strlen(rows[i].json), &err),
                         TIMBRE_BAD_INPUT);
        if (strstr(err.message, rows[i].says) == NULL)
            fail_msg("%s says '%s'", rows[i].json, err.message);
    }
    /* nothing of a refused body stays */
    assert_false(timbre_request_has(r, "prompt"));
    assert_int_equal(timbre_request_integer(r, "seed"), 7);
    timbre_request_free(r);
}

static void null_is_absent_and_integers_are_numbers(void **state)
{
    (void)state;
    static const char body[] = "{\"prompt\":\"rain\",\"seed\":null,\"duration_seconds\":8,"
                               "\"cfg_scale\":7,\"scheduler\":\"pndm\"}";
    timbre_request *r = new_request();
    assert_int_equal(timbre_request_set_json(r, body, sizeof body - 1, NULL), TIMBRE_OK);
    assert_false(timbre_request_has(r, "seed"));
    assert_true(timbre_request_number(r, "duration_seconds") == 8.0);
    assert_string_equal(timbre_request_text(r, "scheduler"), "pndm");
    timbre_request_free(r);
}

static void resolving_fills_every_default_once(void **state)
{
    (void)state;
    timbre_request *r = new_request(), *again;
    timbre_error err = {0};
    assert_int_equal(timbre_request_resolve(r, &err), TIMBRE_BAD_INPUT);
    assert_non_null(strstr(err.message, "prompt"));
    assert_int_equal(timbre_request_set(r, "prompt", "caf\xc3\xa9 \"jazz\"", NULL), TIMBRE_OK);
    assert_int_equal(timbre_request_resolve(r, NULL), TIMBRE_OK);
    int64_t seed = timbre_request_integer(r, "seed");
    assert_true(seed >= 0 && seed < 4294967296);
    assert_true(timbre_request_number(r, "duration_seconds") == 5.0);
    assert_string_equal(timbre_request_text(r, "model_id"), "sketch");

    /* its JSON makes the same request again, and resolving again changes nothing */
    char *json = timbre_request_format(r);
    assert_non_null(strstr(json, "caf\\u00E9 \\\"jazz\\\""));
    again = new_request();
    assert_int_equal(timbre_request_set_json(again, json, strlen(json), NULL), TIMBRE_OK);
    assert_int_equal(timbre_request_resolve(again, NULL), TIMBRE_OK);
    char *json2 = timbre_request_format(again);
    assert_string_equal(json, json2);
    free(json);
    free(json2);
    timbre_request_free(r);
    timbre_request_free(again);
}

static void a_model_that_is_not_there_is_named(void **state)
{
    (void)state;
    timbre_request *r = new_request();
    timbre_error err = {0};
    assert_int_equal(timbre_request_set(r, "prompt", "x", NULL), TIMBRE_OK);
    assert_int_equal(timbre_request_set(r, "model_id", "riffusion-v1", NULL), TIMBRE_OK);
    assert_int_equal(timbre_request_resolve(r, &err), TIMBRE_MODEL_MISSING);
    assert_non_null(strstr(err.message, "riffusion-v1"));
    assert_true(err.fix[0] != '\0');
    timbre_request_free(r);
}

static void the_format_follows_the_file_name(void **state)
{
    (void)state;
    timbre_request *r = new_request();
    timbre_error err = {0};
    assert_int_equal(timbre_request_match_path(r, "a.b/take", &err), TIMBRE_BAD_INPUT);
    assert_int_equal(timbre_request_match_path(r, "take.mp3", &err), TIMBRE_BAD_INPUT);
    assert_int_equal(timbre_request_match_path(r, "a.b/take.FLAC", &err), TIMBRE_OK);
    assert_string_equal(timbre_request_text(r, "output_format"), "flac");
    assert_int_equal(timbre_request_match_path(r, "take.wav", &err), TIMBRE_BAD_INPUT);
    assert_non_null(strstr(err.message, "flac"));
    timbre_request_free(r);
}

static void numbers_survive_their_json(void **state)
{
    (void)state;
    static const char *const lengths[] = {"1", "2.1", "5.000001", "299.999999", "97.3", "1.1"};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        timbre_request *r = new_request(), *again = new_request();
        assert_int_equal(timbre_request_set(r, "duration_seconds", lengths[i], NULL), TIMBRE_OK);
        char *json = timbre_request_format(r);
        assert_int_equal(timbre_request_set_json(again, json, strlen(json), NULL), TIMBRE_OK);
        assert_true(timbre_request_number(r, "duration_seconds") ==
                    timbre_request_number(again, "duration_seconds"));
        free(json);
        timbre_request_free(r);
        timbre_request_free(again);
    }
}

static void the_table_is_sound(void **state)
{
    (void)state;
    size_t n;
    const timbre_field *f = timbre_request_fields(&n);
    for (size_t i = 0; i < n; i++) {
        assert_true(f[i].name != NULL && f[i].help != NULL);
        assert_int_equal(f[i].type == TIMBRE_FIELD_CHOICE, f[i].choices != NULL);
        assert_true(f[i].backends != 0 || f[i].accepted_unused);
        assert_int_equal(f[i].type == TIMBRE_FIELD_BOOLEAN, f[i].value_name == NULL);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(f[i].name, f[k].name);
            if (f[i].short_flag != 0)
                assert_int_not_equal(f[i].short_flag, f[k].short_flag);
        }
        if (f[i].default_text != NULL) {
            timbre_request *r = new_request();
            assert_int_equal(timbre_request_set(r, f[i].name, f[i].default_text, NULL), TIMBRE_OK);
            timbre_request_free(r);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_values_are_refused_by_name_and_limit),
        cmocka_unit_test(json_bodies_are_checked_field_by_field),
        cmocka_unit_test(null_is_absent_and_integers_are_numbers),
        cmocka_unit_test(resolving_fills_every_default_once),
        cmocka_unit_test(a_model_that_is_not_there_is_named),
        cmocka_unit_test(the_format_follows_the_file_name),
        cmocka_unit_test(numbers_survive_their_json),
        cmocka_unit_test(the_table_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
