/*
 * The noise schedule, timesteps and noise levels beside diffusers'
 * (tools/golden/reference/diffusion_vectors.py) and beside published values; configurations that
 * are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/diffusion/sampler.h"
#include "engine/diffusion/schedule.h"
#include "engine/diffusion/timesteps.h"
#include "tests/spectrogram/reference.h"

static const int steps[] = {1, 2, 3, 5, 7, 20, 50, 113};

static const struct {
    char letter;
    tb_spacing spacing;
} spacings[] = {{'d', TB_SPACING_DEFAULT},
                {'l', TB_SPACING_LEADING},
                {'s', TB_SPACING_LINSPACE},
                {'t', TB_SPACING_TRAILING}};

static tb_schedule read(const char *text)
{
    tb_schedule schedule;
    tb_error err = {0};
    json_t *json = text == NULL ? NULL : json_loads(text, 0, NULL);
    assert_true(text == NULL || json != NULL);
    if (tb_schedule_read(json, &schedule, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    json_decref(json);
    return schedule;
}

static const char other[] = "{\"beta_schedule\": \"linear\", \"set_alpha_to_one\": true}";

/* to the bit: rounding is part of the formula, cumprod runs in double precision */
static void test_alphas(void **state)
{
    (void)state;
    reference file;
    reference_open(&file, "diffusion_schedules");
    tb_schedule riffusion = read(NULL), linear = read(other);
    assert_memory_equal(riffusion.alphas_cumprod, reference_floats(&file, "alphas", NULL),
                        sizeof riffusion.alphas_cumprod);
    assert_memory_equal(linear.alphas_cumprod, reference_floats(&file, "alphas x", NULL),
                        sizeof linear.alphas_cumprod);
    reference_close(&file);
    /* published, of builds of torch that multiply in single precision */
    static const struct {
        int t;
        double alpha;
    } known[] = {{0, 0.99915},       {1, 0.998296028},   {21, 0.980380748},
                 {500, 0.276332684}, {981, 0.005775500}, {999, 0.00466009851}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_true(fabs(riffusion.alphas_cumprod[known[i].t] - known[i].alpha) <
                    1e-6 * known[i].alpha);
    assert_true(fabs(tb_schedule_sigma(&riffusion, 999) - 14.6146412) < 1e-5);
    assert_true(fabs(tb_schedule_sigma(&riffusion, 0) - 0.0291671582) < 1e-6);
}

static void compare_timesteps(const reference *file, const char *name, char letter,
                              tb_spacing spacing, int n)
{
    tb_schedule schedule = read(NULL);
    tb_sampler *sampler;
    tb_error err = {0};
    char key[32];
    int shape[3];
    if (strcmp(name, "dpmpp_2m_karras") == 0 && n == 1)
        return;
    if (tb_sampler_new(name, &schedule, n, spacing, 1, &sampler, &err) != TIMBRE_OK)
        fail_msg("%s %d %c: %s", name, n, letter, err.message);
    snprintf(key, sizeof key, "t %s %d %c", name, n, letter);
    const float *want = reference_floats(file, key, shape);
    bool is_interpolated = strcmp(name, "kdpm_2_a") == 0; /* a logarithm is in it */
    assert_int_equal(tb_sampler_n_evaluations(sampler), shape[0]);
    for (int i = 0; i < shape[0]; i++) {
        double got = tb_sampler_timestep(sampler, i);
        if (fabs(got - want[i]) > (is_interpolated ? 2e-6 + 1e-6 * want[i] : 0))
            fail_msg("%s: timestep %d is %.9g, not %.9g", key, i, got, want[i]);
    }
    snprintf(key, sizeof key, "start %s %d %c", name, n, letter);
    double start = *reference_floats(file, key, NULL);
    assert_true(fabs(tb_sampler_initial_sigma(sampler) - start) <= 1e-7 * start);
    tb_sampler_free(sampler);
}

static void test_timesteps(void **state)
{
    (void)state;
    reference file;
    reference_open(&file, "diffusion_schedules");
    for (size_t i = 0; tb_sampler_name(i) != NULL; i++)
        for (size_t k = 0; k < sizeof spacings / sizeof *spacings; k++)
            for (size_t n = 0; n < sizeof steps / sizeof *steps; n++)
                compare_timesteps(&file, tb_sampler_name(i), spacings[k].letter,
                                  spacings[k].spacing, steps[n]);
    reference_close(&file);
}

static const struct {
    const char *name;
    tb_family family;
} families[] = {{"dpmpp_2m", TB_FAMILY_SOLVER},        {"unipc", TB_FAMILY_SOLVER},
                {"dpmpp_2m_karras", TB_FAMILY_KARRAS}, {"euler", TB_FAMILY_SIGMA},
                {"euler_a", TB_FAMILY_SIGMA},          {"lms", TB_FAMILY_SIGMA}};

static double distance_of_sigmas(const reference *file, size_t family, size_t spacing, int n)
{
    double timesteps[128], sigmas[128], most = 0;
    char key[32];
    int shape[3];
    tb_error err = {0};
    tb_schedule schedule = read(NULL);
    assert_int_equal(tb_timesteps_fill(families[family].family, &schedule,
                                       spacings[spacing].spacing, n, timesteps, sigmas, &err),
                     TIMBRE_OK);
    snprintf(key, sizeof key, "s %s %d %c", families[family].name, n, spacings[spacing].letter);
    const float *want = reference_floats(file, key, shape);
    assert_int_equal(shape[0], n + 1);
    for (int i = 0; i <= n; i++)
        most = fmax(most, fabs(sigmas[i] - want[i]) / fmax(want[i], 1e-3));
    return most;
}

static void test_sigmas(void **state)
{
    (void)state;
    double most = 0;
    reference file;
    reference_open(&file, "diffusion_schedules");
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (size_t k = 0; k < sizeof spacings / sizeof *spacings; k++)
            for (size_t n = 0; n < sizeof steps / sizeof *steps; n++)
                most = fmax(most, distance_of_sigmas(&file, f, k, steps[n]));
    reference_at_most("noise levels", most, 1.3e-7);
    reference_close(&file);
}

/* Every number of steps there is: made, or refused by name; never a list that stands still or
 * leaves the schedule. */
static void test_all_steps(void **state)
{
    (void)state;
    double timesteps[TB_TRAIN_STEPS_MAX], sigmas[TB_TRAIN_STEPS_MAX + 1];
    tb_schedule schedule = read(NULL);
    int n_refused = 0;
    for (int f = TB_FAMILY_ALPHA; f <= TB_FAMILY_KARRAS; f++)
        for (int spacing = TB_SPACING_LEADING; spacing <= TB_SPACING_TRAILING; spacing++)
            for (int n = 1; n <= TB_TRAIN_STEPS_MAX; n += n > 20 && n < 980 ? 7 : 1) {
                tb_error err = {0};
                if (tb_timesteps_fill((tb_family)f, &schedule, (tb_spacing)spacing, n, timesteps,
                                      sigmas, &err) != TIMBRE_OK) {
                    assert_true(n >= 999);
                    assert_int_equal(err.code, TIMBRE_BAD_INPUT);
                    n_refused++;
                    continue;
                }
                assert_true(timesteps[0] <= 999 && timesteps[n - 1] >= 0);
                for (int i = 1; i < n; i++)
                    assert_true(sigmas[i] < sigmas[i - 1]);
            }
    /* leading: 1000 of 1 to 1000, and 999 for the solvers; linspace: 1000 of the solvers */
    assert_int_equal(n_refused, 5);
}

static void test_default_spacing(void **state)
{
    (void)state;
    tb_schedule said = read("{\"timestep_spacing\": \"trailing\"}"), silent = read(NULL);
    assert_int_equal(tb_spacing_choose(TB_FAMILY_ALPHA, &silent, TB_SPACING_DEFAULT),
                     TB_SPACING_LEADING);
    assert_int_equal(tb_spacing_choose(TB_FAMILY_SOLVER, &silent, TB_SPACING_DEFAULT),
                     TB_SPACING_LINSPACE);
    assert_int_equal(tb_spacing_choose(TB_FAMILY_ALPHA, &said, TB_SPACING_DEFAULT),
                     TB_SPACING_TRAILING);
    assert_int_equal(tb_spacing_choose(TB_FAMILY_ALPHA, &said, TB_SPACING_LINSPACE),
                     TB_SPACING_LINSPACE);
}

/* Keys that are absent or null have the defaults of diffusers' classes. */
static void test_keys(void **state)
{
    (void)state;
    tb_schedule s = read("{\"trained_betas\": null, \"rescale_betas_zero_snr\": false}");
    assert_int_equal(s.n_train, 1000);
    assert_true(s.beta_start == 0.0001 && s.beta_end == 0.02 && !s.is_scaled_linear);
    assert_int_equal(s.prediction, TB_PREDICTION_EPSILON);
    assert_int_equal(s.spacing, TB_SPACING_DEFAULT);
    assert_int_equal(s.steps_offset, 0);
    assert_true(!s.has_alpha_one && s.has_alpha_one_ddim);
    s = read("{\"num_train_timesteps\": 500, \"beta_start\": 0.00085, \"beta_end\": 0.012,"
             " \"beta_schedule\": \"scaled_linear\", \"prediction_type\": \"v_prediction\","
             " \"timestep_spacing\": \"linspace\", \"steps_offset\": 1,"
             " \"set_alpha_to_one\": false}");
    assert_int_equal(s.n_train, 500);
    assert_true(s.beta_start == 0.00085 && s.beta_end == 0.012 && s.is_scaled_linear);
    assert_int_equal(s.prediction, TB_PREDICTION_V);
    assert_int_equal(s.spacing, TB_SPACING_LINSPACE);
    assert_int_equal(s.steps_offset, 1);
    assert_true(!s.has_alpha_one && !s.has_alpha_one_ddim);
    s = read("{\"prediction_type\": \"sample\", \"set_alpha_to_one\": true}");
    assert_int_equal(s.prediction, TB_PREDICTION_SAMPLE);
    assert_true(s.has_alpha_one && s.has_alpha_one_ddim);
}

/* Each message has these two in it. */
static const struct {
    const char *json, *key, *value;
} refused[] = {
    {"[]", "object", "JSON"},
    {"{\"num_train_timesteps\": 1001}", "num_train_timesteps", "1001"},
    {"{\"num_train_timesteps\": 1}", "num_train_timesteps", "1 is"},
    {"{\"num_train_timesteps\": 1e3}", "num_train_timesteps", "integer"},
    {"{\"num_train_timesteps\": 9223372036854775807}", "num_train_timesteps", "1000"},
    {"{\"beta_start\": 0}", "beta_start", "0"},
    {"{\"beta_start\": \"0.1\"}", "beta_start", "number"},
    {"{\"beta_end\": 1.0}", "beta_end", "0.999"},
    {"{\"beta_end\": -1}", "beta_end", "-1"},
    {"{\"beta_start\": 0.02, \"beta_end\": 0.01}", "beta_start", "beta_end"},
    {"{\"beta_end\": 0.9}", "0.9", "1e-12"},
    /* hardly any noise at the end, down to none: sigma 0.0316, 0.0995, 0 */
    {"{\"beta_start\": 1e-6, \"beta_end\": 1e-6}", "noise of 0.031", "above 0.1"},
    {"{\"num_train_timesteps\": 2, \"beta_start\": 0.0049, \"beta_end\": 0.0049}",
     "noise of 0.0994", "above 0.1"},
    {"{\"beta_start\": 1e-8, \"beta_end\": 1e-8}", "noise of 0,", "above 0.1"},
    {"{\"beta_schedule\": \"squaredcos_cap_v2\"}", "beta_schedule", "squaredcos_cap_v2"},
    {"{\"beta_schedule\": 3}", "beta_schedule", "text"},
    {"{\"prediction_type\": \"original_sample\"}", "prediction_type", "original_sample"},
    {"{\"timestep_spacing\": \"even\"}", "timestep_spacing", "even"},
    {"{\"steps_offset\": -1}", "steps_offset", "-1"},
    {"{\"steps_offset\": 1000}", "steps_offset", "1000"},
    {"{\"set_alpha_to_one\": 1}", "set_alpha_to_one", "true"},
    {"{\"trained_betas\": [0.1]}", "trained_betas", "set"},
    {"{\"rescale_betas_zero_snr\": true}", "rescale_betas_zero_snr", "set"},
    {"{\"thresholding\": true}", "thresholding", "set"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        tb_schedule schedule;
        tb_error err = {0};
        json_t *json = json_loads(refused[i].json, 0, NULL);
        assert_non_null(json);
        assert_int_equal(tb_schedule_read(json, &schedule, &err), TIMBRE_BAD_FILE);
        if (!strstr(err.message, refused[i].key) || !strstr(err.message, refused[i].value))
            fail_msg("%s: %s", refused[i].json, err.message);
        /* the file first: a message that began with a field's name would be taken for one about
         * the request */
        assert_ptr_equal(strstr(err.message, "'scheduler/scheduler_config.json': "), err.message);
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alphas),  cmocka_unit_test(test_timesteps),
        cmocka_unit_test(test_sigmas),  cmocka_unit_test(test_all_steps),
        cmocka_unit_test(test_keys),    cmocka_unit_test(test_default_spacing),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
