/*
 * Samplers beside diffusers' schedulers (tools/golden/reference/diffusion_vectors.py), with a
 * formula in place of the network: out = 0.7 x + 0.3 t / 1000 reversed(x).
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

#include "engine/diffusion/sampler.h"
#include "tests/spectrogram/reference.h"

enum { C = 4, H = 8, W = 6, N = C * H * W, SEED = 7, MOST_STEPS = 50 };

static const int stops[] = {1, 2, 3, 10, 20}; /* of a run with 20 steps */
enum { N_STOPS = sizeof stops / sizeof *stops };

static const struct {
    const char *name, *config;
    tb_prediction prediction;
} predictions[] = {{"eps", "epsilon", TB_PREDICTION_EPSILON},
                   {"v", "v_prediction", TB_PREDICTION_V},
                   {"sample", "sample", TB_PREDICTION_SAMPLE}};

static tb_schedule schedule_of(tb_prediction prediction, char letter)
{
    tb_schedule schedule;
    tb_error err = {0};
    json_t *json = letter != 'x'
                       ? NULL
                       : json_pack("{s:s, s:b}", "beta_schedule", "linear", "set_alpha_to_one", 1);
    assert_int_equal(tb_schedule_read(json, &schedule, &err), TIMBRE_OK);
    json_decref(json);
    schedule.prediction = prediction;
    return schedule;
}

static tb_spacing spacing_of(char letter)
{
    return letter == 'l'   ? TB_SPACING_LEADING
           : letter == 's' ? TB_SPACING_LINSPACE
           : letter == 't' ? TB_SPACING_TRAILING
                           : TB_SPACING_DEFAULT;
}

static tb_sampler *make(const char *name, const tb_schedule *schedule, int n_steps, char letter)
{
    tb_sampler *sampler;
    tb_error err = {0};
    if (tb_sampler_new(name, schedule, n_steps, spacing_of(letter), N, &sampler, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    return sampler;
}

static void network(const float *x, double t, float *out)
{
    float factor = (float)(0.3 * t / 1000);
    for (int i = 0; i < N; i++)
        out[i] = 0.7F * x[i] + factor * x[N - 1 - i];
}

static void turn(const float *planes, float *pixels) /* [C, H*W] to [H*W, C] */
{
    for (int k = 0; k < C; k++)
        for (int p = 0; p < H * W; p++)
            pixels[p * C + k] = planes[k * H * W + p];
}

typedef struct {
    float x[N], output[N]; /* latents, and what the network said */
    float after[MOST_STEPS * 2][N];
} path;

static void run(tb_sampler *sampler, const float *start, path *p)
{
    static float drawn[N], scratch[N];
    tb_noise noise;
    tb_error err = {0};
    assert_int_equal(tb_noise_init(&noise, TB_GENERATOR_TORCH_CPU, SEED, &err), TIMBRE_OK);
    tb_noise_draw_latents(&noise, drawn, scratch, C, H, W); /* the start, drawn from it as well */
    tb_sampler_noise with = {&noise, C, H, W};
    for (int i = 0; i < N; i++)
        p->x[i] = start[i] * tb_sampler_initial_sigma(sampler);
    for (int i = 0; i < tb_sampler_n_evaluations(sampler); i++) {
        float in[N];
        tb_sampler_scale(sampler, i, p->x, in);
        network(in, tb_sampler_timestep(sampler, i), p->output);
        tb_sampler_step(sampler, i, p->output, p->x, &with);
        assert_true(i < MOST_STEPS * 2);
        memcpy(p->after[i], p->x, sizeof p->x);
    }
}

static path found;

/* Relative L2 of the latents at the end, or the worst of those at the stops. */
static double distance_of(const reference *file, const float *start, const char *name,
                          int prediction, int n_steps, char letter)
{
    char key[32];
    int shape[3];
    float want[N];
    snprintf(key, sizeof key, "%s %s %d %c", name, predictions[prediction].name, n_steps, letter);
    const float *all = reference_floats(file, key, shape);
    tb_schedule schedule = schedule_of(predictions[prediction].prediction, letter);
    tb_sampler *sampler = make(name, &schedule, n_steps, letter);
    run(sampler, start, &found);
    double most = 0;
    for (int k = 0; k < shape[0]; k++) {
        bool is_last = k == shape[0] - 1;
        int at = is_last ? tb_sampler_n_evaluations(sampler) : stops[k];
        turn(all + (size_t)k * N, want);
        most = fmax(most, reference_l2(found.after[at - 1], want, N));
    }
    tb_sampler_free(sampler);
    return most;
}

static bool can(const char *name, int prediction, int n_steps)
{
    if (strcmp(predictions[prediction].name, "sample") == 0)
        return strcmp(name, "euler_a") != 0 && strcmp(name, "pndm") != 0 &&
               strcmp(name, "kdpm_2_a") != 0;
    return strcmp(name, "dpmpp_2m_karras") != 0 || n_steps > 1;
}

static void open_start(reference *file, float *start)
{
    reference_open(file, "diffusion_latents");
    turn(reference_floats(file, "start", NULL), start);
}

static void test_steps(void **state)
{
    (void)state;
    static const int steps[] = {1, 2, 3, 10, 15, 20};
    reference file;
    float start[N];
    open_start(&file, start);
    for (size_t i = 0; tb_sampler_name(i) != NULL; i++) {
        const char *name = tb_sampler_name(i);
        double most = 0;
        for (int prediction = 0; prediction < 3; prediction++)
            for (size_t k = prediction < 2 ? 0 : 5; k < sizeof steps / sizeof *steps; k++)
                if (can(name, prediction, steps[k]))
                    most = fmax(most, distance_of(&file, start, name, prediction, steps[k], 'd'));
        most = fmax(most, distance_of(&file, start, name, 0, MOST_STEPS, 'd'));
        reference_at_most(name, most, 5e-6);
    }
    reference_close(&file);
}

static void test_spacings(void **state)
{
    (void)state;
    reference file;
    float start[N];
    open_start(&file, start);
    for (size_t i = 0; tb_sampler_name(i) != NULL; i++) {
        const char *name = tb_sampler_name(i);
        double most = 0;
        for (const char *letter = "lst"; *letter != '\0'; letter++) {
            most = fmax(most, distance_of(&file, start, name, 0, 2, *letter));
            most = fmax(most, distance_of(&file, start, name, 0, 10, *letter));
        }
        reference_at_most(name, most, 5e-6);
    }
    reference_close(&file);
}

static void test_other_schedule(void **state)
{
    (void)state;
    static const char *const names[] = {"ddim", "pndm", "dpmpp_2m", "euler"};
    reference file;
    float start[N];
    open_start(&file, start);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        reference_at_most(names[i], distance_of(&file, start, names[i], 1, 10, 'x'), 5e-6);
    reference_close(&file);
}

/* A new sampler on the same latents: the same bytes, whatever else ran between. */
static void test_repeatable(void **state)
{
    (void)state;
    static path again;
    reference file;
    float start[N];
    open_start(&file, start);
    tb_schedule schedule = schedule_of(TB_PREDICTION_EPSILON, 'd');
    for (size_t i = 0; tb_sampler_name(i) != NULL; i++) {
        tb_sampler *a = make(tb_sampler_name(i), &schedule, 12, 'd');
        run(a, start, &found);
        tb_sampler *b = make(tb_sampler_name(i), &schedule, 12, 'd');
        run(b, start, &again);
        assert_memory_equal(found.x, again.x, sizeof found.x);
        assert_memory_equal(tb_sampler_estimate(a), tb_sampler_estimate(b), sizeof found.x);
        tb_sampler_free(a);
        tb_sampler_free(b);
    }
    reference_close(&file);
}

/*
 * The estimate is x0 by the definition of what the network predicts, from the very values that it
 * saw: in = alpha x0 + sigma e, and v = alpha e - sigma x0, alpha^2 = alphas_cumprod at its
 * timestep. (Timesteps of the karras samplers are rounded, levels are not: left out.)
 */
static void check_estimate(const char *name, int prediction, const float *start)
{
    tb_schedule schedule = schedule_of(predictions[prediction].prediction, 'd');
    tb_sampler *sampler = make(name, &schedule, 20, 'd');
    static float in[N], drawn[N], scratch[N];
    tb_noise noise;
    assert_int_equal(tb_noise_init(&noise, TB_GENERATOR_TORCH_CPU, SEED, NULL), TIMBRE_OK);
    tb_noise_draw_latents(&noise, drawn, scratch, C, H, W);
    tb_sampler_noise with = {&noise, C, H, W};
    path *p = &found;
    for (int i = 0; i < N; i++)
        p->x[i] = start[i] * tb_sampler_initial_sigma(sampler);
    for (int i = 0; i < tb_sampler_n_evaluations(sampler); i++) {
        double t = tb_sampler_timestep(sampler, i), want[N], noise_l2 = 0, l2 = 0;
        double a = schedule.alphas_cumprod[(int)t];
        tb_sampler_scale(sampler, i, p->x, in);
        network(in, t, p->output);
        tb_sampler_step(sampler, i, p->output, p->x, &with);
        if (t != floor(t))
            continue;
        for (int k = 0; k < N; k++) {
            want[k] = prediction == 0   ? (in[k] - sqrt(1 - a) * p->output[k]) / sqrt(a)
                      : prediction == 1 ? sqrt(a) * in[k] - sqrt(1 - a) * p->output[k]
                                        : (double)p->output[k];
            double d = tb_sampler_estimate(sampler)[k] - want[k];
            noise_l2 += d * d;
            l2 += want[k] * want[k];
        }
        if (!(sqrt(noise_l2 / l2) < 1e-6))
            fail_msg("%s %s: the estimate of evaluation %d is off by %g", name,
                     predictions[prediction].name, i, sqrt(noise_l2 / l2));
    }
    tb_sampler_free(sampler);
}

static void test_estimate(void **state)
{
    (void)state;
    reference file;
    float start[N];
    open_start(&file, start);
    for (size_t i = 0; tb_sampler_name(i) != NULL; i++)
        for (int prediction = 0; prediction < 3; prediction++)
            if (strstr(tb_sampler_name(i), "karras") == NULL &&
                can(tb_sampler_name(i), prediction, 20))
                check_estimate(tb_sampler_name(i), prediction, start);
    reference_close(&file);
}

/* A perfect network for one picture leads every sampler to it: the noise in x, given the picture.
 */
static void test_converges(void **state)
{
    (void)state;
    static float x[N], in[N], output[N], picture[N], drawn[N], scratch[N];
    tb_schedule schedule = schedule_of(TB_PREDICTION_EPSILON, 'd');
    for (size_t s = 0; tb_sampler_name(s) != NULL; s++) {
        tb_sampler *sampler = make(tb_sampler_name(s), &schedule, 25, 'd');
        tb_noise noise;
        assert_int_equal(tb_noise_init(&noise, TB_GENERATOR_TORCH_CPU, 1, NULL), TIMBRE_OK);
        tb_noise_draw_latents(&noise, picture, scratch, C, H, W);
        tb_noise_draw_latents(&noise, drawn, scratch, C, H, W);
        for (int i = 0; i < N; i++)
            x[i] = drawn[i] * tb_sampler_initial_sigma(sampler);
        tb_sampler_noise with = {&noise, C, H, W};
        for (int i = 0; i < tb_sampler_n_evaluations(sampler); i++) {
            double t = tb_sampler_timestep(sampler, i), low = floor(t);
            int next = (int)fmin(low + 1, 999);
            double a = schedule.alphas_cumprod[(int)low];
            a += (t - low) * (schedule.alphas_cumprod[next] - a);
            tb_sampler_scale(sampler, i, x, in);
            for (int k = 0; k < N; k++)
                output[k] = (float)((in[k] - sqrt(a) * picture[k]) / sqrt(1 - a));
            tb_sampler_step(sampler, i, output, x, &with);
        }
        reference_at_most(tb_sampler_name(s), reference_l2(x, picture, N), 0.08);
        tb_sampler_free(sampler);
    }
}

/*
 * A configuration that does not have set_alpha_to_one: DDIM's last step ends without noise, as the
 * default of diffusers' class is true; one that says false ends at the noise of timestep 0.
 */
static void test_alpha_one(void **state)
{
    (void)state;
    static const char *const configs[] = {"{\"prediction_type\": \"sample\"}",
                                          "{\"prediction_type\": \"sample\","
                                          " \"set_alpha_to_one\": false}"};
    for (int k = 0; k < 2; k++) {
        float x[N], output[N];
        tb_schedule schedule;
        tb_error err = {0};
        json_t *json = json_loads(configs[k], 0, NULL);
        assert_int_equal(tb_schedule_read(json, &schedule, &err), TIMBRE_OK);
        json_decref(json);
        tb_sampler *sampler = make("ddim", &schedule, 4, 'd');
        for (int i = 0; i < N; i++)
            x[i] = (float)sin(i);
        for (int i = 0; i < 4; i++) {
            for (int j = 0; j < N; j++)
                output[j] = (float)cos(j + 5 * i);
            tb_sampler_step(sampler, i, output, x, NULL);
        }
        if (k == 0)
            assert_memory_equal(x, output, sizeof x);
        else
            assert_true(reference_l2(x, output, N) > 1e-3);
        tb_sampler_free(sampler);
    }
}

static const struct {
    const char *name;
    int n_steps;
    tb_spacing spacing;
    tb_prediction prediction;
    int64_t n;
    const char *said[2]; /* in the message */
} refused[] = {
    {"heun", 20, TB_SPACING_DEFAULT, TB_PREDICTION_EPSILON, N, {"heun", "not known"}},
    {"ddim", 0, TB_SPACING_DEFAULT, TB_PREDICTION_EPSILON, N, {"steps 0", "1 to 1000"}},
    {"lms", -5, TB_SPACING_DEFAULT, TB_PREDICTION_EPSILON, N, {"steps -5", "1 to 1000"}},
    {"euler", 1001, TB_SPACING_DEFAULT, TB_PREDICTION_EPSILON, N, {"steps 1001", "1 to 1000"}},
    {"dpmpp_2m_karras", 1, TB_SPACING_DEFAULT, TB_PREDICTION_V, N, {"steps 1 ", "2 to 1000"}},
    {"dpmpp_2m", 1000, TB_SPACING_DEFAULT, TB_PREDICTION_EPSILON, N, {"steps 1000", "500 twice"}},
    {"unipc", 1000, TB_SPACING_LEADING, TB_PREDICTION_EPSILON, N, {"steps 1000", "twice"}},
    {"pndm", 1000, TB_SPACING_DEFAULT, TB_PREDICTION_EPSILON, N, {"1000 to 1", "0 to 999"}},
    {"pndm", 20, TB_SPACING_DEFAULT, TB_PREDICTION_SAMPLE, N, {"pndm", "sample"}},
    {"euler_a", 20, TB_SPACING_DEFAULT, TB_PREDICTION_SAMPLE, N, {"euler_a", "sample"}},
    {"kdpm_2_a", 20, TB_SPACING_DEFAULT, TB_PREDICTION_SAMPLE, N, {"kdpm_2_a", "sample"}},
    {"euler", 20, TB_SPACING_DEFAULT, TB_PREDICTION_EPSILON, 0, {"0 latents", "possible"}},
    {"euler", 20, TB_SPACING_DEFAULT, TB_PREDICTION_EPSILON, INT64_MAX, {"latents", "possible"}},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        tb_sampler *sampler = (tb_sampler *)&found;
        tb_error err = {0};
        tb_schedule schedule = schedule_of(refused[i].prediction, 'd');
        assert_int_equal(tb_sampler_new(refused[i].name, &schedule, refused[i].n_steps,
                                        refused[i].spacing, refused[i].n, &sampler, &err),
                         TIMBRE_BAD_INPUT);
        assert_null(sampler);
        for (int k = 0; k < 2; k++)
            if (strstr(err.message, refused[i].said[k]) == NULL)
                fail_msg("case %zu: no '%s' in '%s'", i, refused[i].said[k], err.message);
    }
    tb_sampler_free(NULL);
}

/* Up to the most steps that each takes, latents stay finite. */
static void test_many_steps(void **state)
{
    (void)state;
    static const int most[] = {1000, 999, 998, 501, 500};
    static float x[N], in[N], output[N];
    tb_schedule schedule = schedule_of(TB_PREDICTION_V, 'd');
    for (size_t s = 0; tb_sampler_name(s) != NULL; s++) {
        int n_run = 0;
        for (size_t k = 0; k < sizeof most / sizeof *most; k++) {
            tb_sampler *sampler;
            tb_error err = {0};
            if (tb_sampler_new(tb_sampler_name(s), &schedule, most[k], TB_SPACING_DEFAULT, N,
                               &sampler, &err) != TIMBRE_OK)
                continue;
            n_run++;
            tb_noise noise;
            assert_int_equal(tb_noise_init(&noise, TB_GENERATOR_TORCH_CUDA, 1, NULL), TIMBRE_OK);
            tb_noise_draw(&noise, x, N);
            tb_sampler_noise with = {&noise, C, H, W};
            for (int i = 0; i < tb_sampler_n_evaluations(sampler); i++) {
                tb_sampler_scale(sampler, i, x, in);
                network(in, tb_sampler_timestep(sampler, i), output);
                tb_sampler_step(sampler, i, output, x, &with);
            }
            for (int i = 0; i < N; i++)
                assert_true(isfinite(x[i]));
            tb_sampler_free(sampler);
        }
        assert_true(n_run >= 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),          cmocka_unit_test(test_spacings),
        cmocka_unit_test(test_other_schedule), cmocka_unit_test(test_repeatable),
        cmocka_unit_test(test_estimate),       cmocka_unit_test(test_converges),
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_alpha_one),
        cmocka_unit_test(test_many_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
