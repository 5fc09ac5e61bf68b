/*
 * DPM-Solver++(2M) (Lu et al. 2022), midpoint: DPMSolverMultistepScheduler of diffusers 0.9 to
 * 0.24. The last step goes to the noise of timestep 0, not to none, and is of first order only
 * below 15 steps; with the levels of Karras et al. those versions let it stand still.
 *
 * With lambda = ln(alpha / sigma) = -ln(level), e^-h is the quotient of the two levels.
 */
#include "engine/base/math.h"
#include "engine/diffusion/sampler_row.h"

enum { FIRST_ORDER_END = 15 }; /* lower_order_final: fewer steps than these */

static bool is_first_order(const tb_sampler *s, int i)
{
    return i == s->first || (i == s->n_steps - 1 && s->n_steps < FIRST_ORDER_END);
}

void tb_dpmpp_step(tb_sampler *s, int i, const float *output, float *x,
                   const tb_sampler_noise *none)
{
    (void)none;
    double from = s->sigmas[i], to = s->sigmas[i + 1];
    tb_level begin = tb_level_from_sigma(from), end = tb_level_from_sigma(to);
    float *picture = tb_sampler_push(s);
    tb_combine_mix(picture, s->n, tb_mix_picture(begin, s->schedule.prediction), x, output);
    s->estimate = picture;

    double gain = end.alpha * (1 - to / from); /* -alpha_t (e^-h - 1) */
    double slope = 0;                          /* 1 / (2 r0) */
    if (!is_first_order(s, i))
        slope = 0.5 * tb_log(from / to) / tb_log(s->sigmas[i - 1] / from);
    tb_term terms[] = {{end.sigma / begin.sigma, x},
                       {gain * (1 + slope), picture},
                       {-gain * slope, s->history[1]}};
    tb_combine(x, s->n, terms, slope == 0 ? 2 : 3);
}
