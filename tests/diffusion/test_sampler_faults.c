/* Samplers without memory: every allocation fails once, and a step makes none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <math.h>

#include "engine/diffusion/sampler.h"
#include "tests/support/faults.h"

enum { C = 4, H = 4, W = 3, N = C * H * W };

static tb_schedule riffusion(void)
{
    tb_schedule schedule;
    tb_error err = {0};
    assert_int_equal(tb_schedule_read(NULL, &schedule, &err), TIMBRE_OK);
    return schedule;
}

static void test_no_memory(void **state)
{
    (void)state;
    tb_schedule schedule = riffusion();
    for (size_t i = 0; tb_sampler_name(i) != NULL; i++) {
        tb_status status = TIMBRE_NO_MEMORY;
        int n_faults = 0;
        while (status != TIMBRE_OK) {
            tb_sampler *sampler = NULL;
            tb_error err = {0};
            calls_until_fault = ++n_faults;
            status = tb_sampler_new(tb_sampler_name(i), &schedule, 20, TB_SPACING_DEFAULT, N,
                                    &sampler, &err);
            calls_until_fault = 0;
            assert_true(status == TIMBRE_OK || status == TIMBRE_NO_MEMORY);
            assert_int_equal(status == TIMBRE_OK, sampler != NULL);
            tb_sampler_free(sampler);
        }
        assert_true(n_faults > 1);
    }
}

static void test_steps_allocate_nothing(void **state)
{
    (void)state;
    static float x[N], in[N];
    tb_schedule schedule = riffusion();
    for (size_t s = 0; tb_sampler_name(s) != NULL; s++) {
        tb_sampler *sampler;
        tb_noise noise;
        tb_error err = {0};
        assert_int_equal(tb_sampler_new(tb_sampler_name(s), &schedule, 12, TB_SPACING_DEFAULT, N,
                                        &sampler, &err),
                         TIMBRE_OK);
        assert_int_equal(tb_noise_init(&noise, TB_GENERATOR_TORCH_CPU, 1, &err), TIMBRE_OK);
        tb_noise_draw(&noise, x, N);
        tb_sampler_noise with = {&noise, C, H, W};
        calls_until_fault = LONG_MAX;
        for (int i = 0; i < tb_sampler_n_evaluations(sampler); i++) {
            tb_sampler_scale(sampler, i, x, in);
            tb_sampler_step(sampler, i, in, x, &with);
        }
        long left = calls_until_fault;
        calls_until_fault = 0;
        assert_true(left == LONG_MAX);
        assert_true(isfinite(x[0]));
        tb_sampler_free(sampler);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_steps_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
