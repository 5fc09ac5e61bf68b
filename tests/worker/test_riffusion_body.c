/* Bodies of /run_inference/ beside json.loads and dacite (tools/reference/inference_bodies.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/str.h"
#include "engine/base/utf8.h"
#include "worker/riffusion_body.h"

static json_t *cases;

static int setup(void **state)
{
    (void)state;
    char *path = tb_strf("%s/inference_bodies.json", getenv("TIMBRE_TESTS_DIR"));
    cases = path == NULL ? NULL : json_load_file(path, 0, NULL);
    free(path);
    return !json_is_array(cases);
}

static int teardown(void **state)
{
    (void)state;
    json_decref(cases);
    return 0;
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* As the table has it: {"start.prompt": "x", ...}. New. */
static json_t *values_of(const tb_inference *t)
{
    return json_pack("{s:s, s:I, s:s?, s:f, s:f, s:s, s:I, s:s?, s:f, s:f, s:f, s:I, s:s, s:s?}",
                     "start.prompt", t->start.prompt, "start.seed", (json_int_t)t->start.seed,
                     "start.negative_prompt", t->start.negative_prompt, "start.denoising",
                     t->start.denoising, "start.guidance", t->start.guidance, "end.prompt",
                     t->end.prompt, "end.seed", (json_int_t)t->end.seed, "end.negative_prompt",
                     t->end.negative_prompt, "end.denoising", t->end.denoising, "end.guidance",
                     t->end.guidance, "alpha", t->alpha, "num_inference_steps",
                     (json_int_t)t->num_inference_steps, "seed_image_id", t->seed_image_id,
                     "mask_image_id", t->mask_image_id);
}

static tb_status parse(const char *body, tb_inference *out, tb_error *err)
{
    memset(out, 0x55, sizeof *out); /* nothing of what was there before is left */
    return tb_inference_parse(body, strlen(body), out, err);
}

static void bodies_have_the_values_that_dacite_gives_them(void **state)
{
    (void)state;
    size_t i, n = 0;
    json_t *c;
    json_array_foreach(cases, i, c)
    {
        tb_inference got;
        tb_error err = {0};
        const json_t *wanted = json_object_get(c, "values");
        if (wanted == NULL)
            continue;
        if (parse(text_of(c, "body"), &got, &err) != TIMBRE_OK)
            fail_msg("%s: %s", text_of(c, "body"), err.message);
        json_t *values = values_of(&got);
        assert_non_null(values);
        if (!json_equal(values, wanted))
            fail_msg("%s: %s", text_of(c, "body"), json_dumps(values, 0));
        json_decref(values);
        tb_inference_deinit(&got);
        n++;
    }
    assert_true(n >= 80);
}

static bool is_utf8(const char *text)
{
    return tb_utf8_check(text, strlen(text)) == strlen(text);
}

/* The message, or with its value cut: the same before and behind the dots. */
static bool is_message(const char *got, const char *wanted)
{
    static const char before[] = "instead of value \"";
    const char *value = strstr(wanted, before), *type = strstr(wanted, "\" of type \"");
    for (const char *next = type; next != NULL; next = strstr(next + 1, "\" of type \""))
        type = next;
    if (value == NULL || type == NULL)
        return strcmp(got, wanted) == 0;
    value += sizeof before - 1;
    if (type - value <= TB_INFERENCE_SHOWN_BYTES)
        return strcmp(got, wanted) == 0;
    const char *dots = strstr(got, "...\" of type \"");
    ptrdiff_t shown = dots == NULL ? 0 : dots - got - (value - wanted);
    return shown > TB_INFERENCE_SHOWN_BYTES - 4 && shown <= TB_INFERENCE_SHOWN_BYTES &&
           strncmp(got, wanted, (size_t)(dots - got)) == 0 && strcmp(dots + 3, type) == 0 &&
           is_utf8(got);
}

static void errors_are_those_of_dacite(void **state)
{
    (void)state;
    size_t i, n = 0;
    json_t *c;
    json_array_foreach(cases, i, c)
    {
        tb_inference got;
        tb_error err = {0};
        const char *wanted = text_of(c, "error");
        if (wanted == NULL)
            continue;
        assert_int_equal(parse(text_of(c, "body"), &got, &err), TIMBRE_BAD_INPUT);
        if (!is_message(err.message, wanted))
            fail_msg("%s\n%s\n%s", text_of(c, "body"), wanted, err.message);
        n++;
    }
    assert_true(n >= 150);
}

static void what_riffusion_has_a_page_for_is_a_bad_file(void **state)
{
    (void)state;
    size_t i, n = 0;
    json_t *c;
    json_array_foreach(cases, i, c)
    {
        tb_inference got;
        tb_error err = {0};
        const char *name = text_of(c, "uncaught");
        if (name == NULL)
            continue;
        bool is_json = strcmp(name, "TypeError") == 0; /* but no object */
        if (parse(text_of(c, "body"), &got, &err) != TIMBRE_BAD_FILE)
            fail_msg("'%s' is taken", text_of(c, "body"));
        assert_non_null(
            strstr(err.message, is_json ? "JSON, but not an object" : "not valid JSON at byte"));
        n++;
    }
    assert_true(n >= 20);
}

#define BODY(start, rest)                                                                          \
    "{\"start\": " start ", \"end\": {\"prompt\": \"b\", \"seed\": 2}" rest "}"

/* Python's parser takes these. */
static void what_we_refuse_beyond_python_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        tb_status status;
        const char *words;
    } rows[] = {
        {BODY("{\"prompt\": \"a\", \"seed\": 9223372036854775808}", ""), TIMBRE_BAD_INPUT,
         "the number before byte 53 is beyond 64 bits"},
        {BODY("{\"prompt\": \"a\", \"seed\": -9223372036854775809}", ""), TIMBRE_BAD_INPUT,
         "is beyond 64 bits"},
        {BODY("1", ", \"alpha\": 1e999"), TIMBRE_BAD_INPUT, "is beyond 64 bits"},
        {BODY("1", ", \"alpha\": NaN"), TIMBRE_BAD_FILE, "the syntax is wrong"},
        {BODY("1", ", \"alpha\": -Infinity"), TIMBRE_BAD_FILE, "the syntax is wrong"},
        {BODY("\"a\\u0000\"", ""), TIMBRE_BAD_FILE, "a text has a NUL"},
        {BODY("{\"a\\u0000\": 1}", ""), TIMBRE_BAD_FILE, "a text has a NUL"},
        {BODY("\"\\ud83c\"", ""), TIMBRE_BAD_FILE, "the syntax is wrong"},
        {BODY("\"\xff\"", ""), TIMBRE_BAD_FILE, "that is no UTF-8"},
        {"{\"start\"", TIMBRE_BAD_FILE, "it ends too early"},
        {"{} {}", TIMBRE_BAD_FILE, "it goes on behind its end"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tb_inference got;
        tb_error err = {0};
        assert_int_equal(parse(rows[i].body, &got, &err), rows[i].status);
        if (strstr(err.message, rows[i].words) == NULL)
            fail_msg("%s: %s", rows[i].body, err.message);
    }
}

static void brackets_may_not_be_nested_without_end(void **state)
{
    (void)state;
    enum { DEEP = 100000, FAIR = 1000 };
    tb_inference got;
    tb_error err = {0};
    tb_str body = {0};
    for (int i = 0; i < DEEP; i++)
        tb_str_append(&body, "[");
    assert_false(body.failed);
    assert_int_equal(tb_inference_parse(body.bytes, body.len, &got, &err), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "nested too deep"));
    tb_str_deinit(&body);

    tb_str_append(&body, "{\"start\": ");
    for (int i = 0; i < FAIR; i++)
        tb_str_append(&body, "[");
    for (int i = 0; i < FAIR; i++)
        tb_str_append(&body, "]");
    tb_str_append(&body, "}");
    assert_false(body.failed);
    assert_int_equal(tb_inference_parse(body.bytes, body.len, &got, &err), TIMBRE_BAD_INPUT);
    assert_non_null(strstr(err.message, "[[[[[[[[[[[["));
    assert_non_null(strstr(err.message, "...\" of type \"list\""));
    tb_str_deinit(&body);
}

/* The text may go on behind len_bytes, and an error is no duty. */
static void only_the_given_bytes_are_read(void **state)
{
    (void)state;
    tb_inference got;
    const char body[] = "{\"start\":1}{\"end\":1}";
    tb_error err = {0};
    assert_int_equal(tb_inference_parse(body, 11, &got, &err), TIMBRE_BAD_INPUT);
    assert_int_equal(tb_inference_parse(body, 10, &got, NULL), TIMBRE_BAD_FILE);
    assert_int_equal(tb_inference_parse("", 0, &got, &err), TIMBRE_BAD_FILE);
    tb_inference none = {0};
    tb_inference_deinit(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_have_the_values_that_dacite_gives_them),
        cmocka_unit_test(errors_are_those_of_dacite),
        cmocka_unit_test(what_riffusion_has_a_page_for_is_a_bad_file),
        cmocka_unit_test(what_we_refuse_beyond_python_is_named),
        cmocka_unit_test(brackets_may_not_be_nested_without_end),
        cmocka_unit_test(only_the_given_bytes_are_read),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
