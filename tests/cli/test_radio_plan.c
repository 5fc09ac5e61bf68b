/* Which clip of a radio comes after which, and the body of its job. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/radio_plan.h"
#include "engine/base/limits.h"

static tb_radio_plan plan;

static void begin(const char *const *texts, size_t n, double step)
{
    tb_error err = {0};
    assert_int_equal(tb_radio_plan_init(&plan, texts, n, step, 42, &err), TIMBRE_OK);
}

static int end(void **state)
{
    (void)state;
    tb_radio_plan_deinit(&plan);
    return 0;
}

typedef struct {
    const char *a, *b;
    double alpha;
    int64_t seed, seed_b;
} row;

static void assert_next(const row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tb_radio_step step = tb_radio_plan_get(&plan);
        assert_string_equal(step.prompt_a, rows[i].a);
        assert_string_equal(step.prompt_b, rows[i].b);
        assert_true(step.alpha == rows[i].alpha);
        assert_int_equal(step.seed, rows[i].seed);
        assert_int_equal(step.seed_b, rows[i].seed_b);
        tb_radio_plan_advance(&plan);
    }
}

#define ROWS(rows) rows, sizeof(rows) / sizeof *(rows)

static void one_prompt_goes_from_seed_to_seed(void **state)
{
    (void)state;
    static const row rows[] = {
        {"rain", "rain", 0, 42, 43},   {"rain", "rain", 0.25, 42, 43},
        {"rain", "rain", 0.5, 42, 43}, {"rain", "rain", 0.75, 42, 43},
        {"rain", "rain", 1, 42, 43},   {"rain", "rain", 0.25, 43, 44},
        {"rain", "rain", 0.5, 43, 44}, {"rain", "rain", 0.75, 43, 44},
        {"rain", "rain", 1, 43, 44},   {"rain", "rain", 0.25, 44, 45},
    };
    begin((const char *[]){"rain"}, 1, TB_RADIO_STEP);
    assert_next(ROWS(rows));
}

static void two_prompts_lead_there_and_back_with_another_seed(void **state)
{
    (void)state;
    static const row rows[] = {
        {"rain", "jazz", 0, 42, 42},   {"rain", "jazz", 0.5, 42, 42}, {"rain", "jazz", 1, 42, 42},
        {"jazz", "rain", 0.5, 42, 43}, {"jazz", "rain", 1, 42, 43},   {"rain", "jazz", 0.5, 43, 43},
    };
    begin((const char *[]){"rain", "jazz"}, 2, 0.5);
    assert_next(ROWS(rows));
}

static void three_prompts_in_whole_steps(void **state)
{
    (void)state;
    static const row rows[] = {
        {"a", "b", 0, 42, 42}, {"a", "b", 1, 42, 42}, {"b", "c", 1, 42, 42},
        {"c", "a", 1, 42, 43}, {"a", "b", 1, 43, 43},
    };
    begin((const char *[]){"a", "b", "c"}, 3, 1);
    assert_next(ROWS(rows));
}

/* What 1 leaves over goes along, as in riffusion's web app. */
static void steps_that_do_not_come_out_even(void **state)
{
    (void)state;
    static const row rows[] = {
        {"a", "b", 0, 42, 42},   {"a", "b", 0.4, 42, 42}, {"a", "b", 0.8, 42, 42},
        {"b", "a", 0.2, 42, 43}, {"b", "a", 0.6, 42, 43}, {"b", "a", 1, 42, 43},
        {"a", "b", 0.4, 43, 43},
    };
    begin((const char *[]){"a", "b"}, 2, 0.4);
    assert_next(ROWS(rows));
}

static void small_steps_do_not_drift(void **state)
{
    (void)state;
    begin((const char *[]){"a", "b"}, 2, 0.1);
    for (int i = 0; i < 10000; i++)
        tb_radio_plan_advance(&plan);
    tb_radio_step step = tb_radio_plan_get(&plan);
    assert_int_equal(step.leg, 999);
    assert_true(step.alpha == 1);
}

static void skipping_begins_the_next_leg(void **state)
{
    (void)state;
    static const row rows[] = {{"b", "c", 0, 42, 42}, {"b", "c", 0.25, 42, 42}};
    static const row later[] = {{"a", "b", 0, 43, 43}};
    begin((const char *[]){"a", "b", "c"}, 3, TB_RADIO_STEP);
    tb_radio_plan_advance(&plan);
    tb_radio_plan_skip(&plan, 0);
    assert_next(ROWS(rows));
    tb_radio_plan_skip(&plan, 2);
    assert_next(ROWS(later));
}

static void the_last_seed_is_followed_by_the_first(void **state)
{
    (void)state;
    tb_error err = {0};
    const char *text = "a";
    assert_int_equal(tb_radio_plan_init(&plan, &text, 1, 1, TB_SEED_MAX, &err), TIMBRE_OK);
    tb_radio_step step = tb_radio_plan_get(&plan);
    assert_int_equal(step.seed, TB_SEED_MAX);
    assert_int_equal(step.seed_b, 0);
}

static void arrows_part_prompts(void **state)
{
    (void)state;
    begin((const char *[]){" rain on a roof->jazz  trio -> x-y > z", "bells"}, 2, 1);
    assert_int_equal(plan.n_prompts, 4);
    assert_string_equal(plan.prompts[0], "rain on a roof");
    assert_string_equal(plan.prompts[1], "jazz  trio");
    assert_string_equal(plan.prompts[2], "x-y > z");
    assert_string_equal(plan.prompts[3], "bells");
}

static void what_is_no_prompt_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",          "  ", "a ->",    "-> a",
                                        "a -> -> b", "->", "a\x01 b", "a\xff"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tb_error err = {0};
        assert_int_equal(tb_radio_plan_init(&plan, &wrong[i], 1, 1, 1, &err), TIMBRE_BAD_INPUT);
        assert_int_equal(plan.n_prompts, 0);
    }
    const char *many[TB_RADIO_PROMPTS_MAX + 1];
    for (size_t i = 0; i <= TB_RADIO_PROMPTS_MAX; i++)
        many[i] = "a";
    tb_error err = {0};
    assert_int_equal(tb_radio_plan_init(&plan, many, TB_RADIO_PROMPTS_MAX + 1, 1, 1, &err),
                     TIMBRE_BAD_INPUT);
    assert_int_equal(tb_radio_plan_init(&plan, NULL, 0, 1, 1, &err), TIMBRE_BAD_INPUT);
    begin(many, TB_RADIO_PROMPTS_MAX, 1);
}

static void assert_body(const json_t *base, bool is_sketch, const char *expected)
{
    tb_radio_step step = tb_radio_plan_get(&plan);
    json_t *body = tb_radio_step_body(&step, base, is_sketch);
    json_t *wanted = json_loads(expected, 0, NULL);
    assert_non_null(body);
    assert_non_null(wanted);
    assert_true(json_equal(body, wanted));
    json_decref(body);
    json_decref(wanted);
}

static void a_model_blends_both_prompts(void **state)
{
    (void)state;
    begin((const char *[]){"rain", "jazz"}, 2, TB_RADIO_STEP);
    tb_radio_plan_advance(&plan);
    assert_body(NULL, false,
                "{\"prompt\": \"rain\", \"prompt_b\": \"jazz\", \"alpha\": 0.25, \"seed\": 42,"
                " \"seed_b\": 42, \"init\": \"og_beat\", \"strength\": 0.75}");
    json_t *base = json_pack("{s:s, s:f, s:i, s:i, s:i}", "init", "vibes", "strength", 0.9, "steps",
                             2, "seed", 7, "duration_seconds", 3);
    assert_body(base, false,
                "{\"prompt\": \"rain\", \"prompt_b\": \"jazz\", \"alpha\": 0.25, \"seed\": 42,"
                " \"seed_b\": 42, \"init\": \"vibes\", \"strength\": 0.9, \"steps\": 2,"
                " \"duration_seconds\": 3}");
    json_object_del(base, "init"); /* the named picture is as long as it is */
    assert_body(base, false,
                "{\"prompt\": \"rain\", \"prompt_b\": \"jazz\", \"alpha\": 0.25, \"seed\": 42,"
                " \"seed_b\": 42, \"init\": \"og_beat\", \"strength\": 0.9, \"steps\": 2}");
    assert_int_equal(json_object_size(base), 4); /* it stays as it is */
    json_decref(base);
}

static void the_sketch_loops_the_nearer_prompt(void **state)
{
    (void)state;
    json_t *base = json_pack("{s:i, s:i, s:s}", "steps", 2, "duration_seconds", 3, "init", "vibes");
    begin((const char *[]){"rain", "jazz"}, 2, 0.45);
    tb_radio_plan_advance(&plan);
    assert_body(base, true,
                "{\"prompt\": \"rain\", \"seed\": 42, \"loop\": true, \"duration_seconds\": 3}");
    tb_radio_plan_advance(&plan);
    assert_body(base, true,
                "{\"prompt\": \"jazz\", \"seed\": 42, \"loop\": true, \"duration_seconds\": 3}");
    json_decref(base);
}

static void fields_of_its_own_are_found(void **state)
{
    (void)state;
    json_t *base = json_pack("{s:i}", "steps", 2);
    assert_null(tb_radio_find_own_field(base));
    json_object_set_new(base, "alpha", json_real(0.5));
    assert_string_equal(tb_radio_find_own_field(base), "alpha");
    json_decref(base);
}

static void titles_name_a_way_or_one_prompt(void **state)
{
    (void)state;
    begin((const char *[]){"rain", "jazz"}, 2, 1);
    tb_radio_step step = tb_radio_plan_get(&plan);
    char *title = tb_radio_step_title(&step);
    assert_string_equal(title, "rain -> jazz");
    free(title);
    step.prompt_b = step.prompt_a;
    title = tb_radio_step_title(&step);
    assert_string_equal(title, "rain");
    free(title);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(one_prompt_goes_from_seed_to_seed, end),
        cmocka_unit_test_teardown(two_prompts_lead_there_and_back_with_another_seed, end),
        cmocka_unit_test_teardown(three_prompts_in_whole_steps, end),
        cmocka_unit_test_teardown(steps_that_do_not_come_out_even, end),
        cmocka_unit_test_teardown(small_steps_do_not_drift, end),
        cmocka_unit_test_teardown(skipping_begins_the_next_leg, end),
        cmocka_unit_test_teardown(the_last_seed_is_followed_by_the_first, end),
        cmocka_unit_test_teardown(arrows_part_prompts, end),
        cmocka_unit_test_teardown(what_is_no_prompt_is_refused, end),
        cmocka_unit_test_teardown(a_model_blends_both_prompts, end),
        cmocka_unit_test_teardown(the_sketch_loops_the_nearer_prompt, end),
        cmocka_unit_test(fields_of_its_own_are_found),
        cmocka_unit_test_teardown(titles_name_a_way_or_one_prompt, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
