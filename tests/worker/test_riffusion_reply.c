/* Answers of /run_inference/ beside json.dumps, base64.encodebytes and repr of floats
 * (tools/reference/inference_bodies.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/python_text.h"
#include "worker/riffusion_reply.h"

static json_t *table;

static int setup(void **state)
{
    (void)state;
    char *path = tb_strf("%s/inference_replies.json", getenv("TIMBRE_TESTS_DIR"));
    table = path == NULL ? NULL : json_load_file(path, 0, NULL);
    free(path);
    return !json_is_object(table);
}

static int teardown(void **state)
{
    (void)state;
    json_decref(table);
    return 0;
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* The table's numbers are hexadecimal: exact. */
static double number(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    assert_true(end != text && *end == '\0');
    return value;
}

/* Owned; of exactly this size, so that sanitizers see a byte too many. */
static unsigned char *pattern(size_t n)
{
    unsigned char *bytes = malloc(n > 0 ? n : 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (unsigned char)(i * i * 31 + i);
    return bytes;
}

static void answers_are_pythons_to_the_byte(void **state)
{
    (void)state;
    size_t i;
    json_t *c, *all = json_object_get(table, "replies");
    assert_true(json_array_size(all) >= 5);
    json_array_foreach(all, i, c)
    {
        size_t n_jpeg = (size_t)json_integer_value(json_object_get(c, "n_jpeg"));
        size_t n_audio = (size_t)json_integer_value(json_object_get(c, "n_audio"));
        unsigned char *jpeg = pattern(n_jpeg), *audio = pattern(n_audio);
        char *text = NULL;
        tb_error err = {0};
        assert_int_equal(tb_inference_format(jpeg, n_jpeg, text_of(c, "media_type"), audio, n_audio,
                                             number(text_of(c, "duration_s")), &text, &err),
                         TIMBRE_OK);
        assert_string_equal(text, text_of(c, "text"));
        free(text);
        free(jpeg);
        free(audio);
    }
}

static void floats_have_the_digits_of_repr(void **state)
{
    (void)state;
    size_t i;
    json_t *c, *all = json_object_get(table, "floats");
    assert_true(json_array_size(all) >= 100);
    json_array_foreach(all, i, c)
    {
        tb_str text = {0};
        tb_python_append_float(&text, number(json_string_value(json_array_get(c, 0))));
        assert_string_equal(tb_str_text(&text), json_string_value(json_array_get(c, 1)));
        tb_str_deinit(&text);
    }
}

static void a_duration_is_a_number(void **state)
{
    (void)state;
    static const double wrong[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char *text = NULL;
        tb_error err = {0};
        assert_int_equal(tb_inference_format((const unsigned char *)"", 0, "audio/wav",
                                             (const unsigned char *)"", 0, wrong[i], &text, &err),
                         TIMBRE_BAD_INPUT);
        assert_null(text);
        assert_non_null(strstr(err.message, "duration"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_pythons_to_the_byte),
        cmocka_unit_test(floats_have_the_digits_of_repr),
        cmocka_unit_test(a_duration_is_a_number),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
