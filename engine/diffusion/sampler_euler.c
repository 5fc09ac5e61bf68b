/*
 * Euler's method over the noise level (Karras et al. 2022, algorithm 2 without churn) and its
 * ancestral form (k-diffusion): diffusers' EulerDiscreteScheduler and
 * EulerAncestralDiscreteScheduler. The latter draws noise at every step, the last included, where
 * its factor is 0.
 */
#include "engine/diffusion/sampler_row.h"

void tb_euler_step(tb_sampler *s, int i, const float *output, float *x,
                   const tb_sampler_noise *none)
{
    (void)none;
    double sigma = s->sigmas[i], change = s->sigmas[i + 1] - sigma;
    tb_prediction prediction = s->schedule.prediction;
    tb_combine_mix(s->own_estimate, s->n, tb_mix_picture_sigma(sigma, prediction), x, output);
    tb_mix slope = tb_mix_noise_sigma(sigma, prediction);
    tb_mix next = {1 + change * slope.x, change * slope.output};
    tb_combine_mix(x, s->n, next, x, output);
}

void tb_euler_ancestral_step(tb_sampler *s, int i, const float *output, float *x,
                             const tb_sampler_noise *noise)
{
    double sigma = s->sigmas[i];
    tb_ancestral to = tb_ancestral_split(sigma, s->sigmas[i + 1]);
    double change = to.down - sigma;
    tb_prediction prediction = s->schedule.prediction;
    tb_sampler_draw(s, noise);
    tb_combine_mix(s->own_estimate, s->n, tb_mix_picture_sigma(sigma, prediction), x, output);
    tb_mix slope = tb_mix_noise_sigma(sigma, prediction);
    tb_term terms[] = {
        {1 + change * slope.x, x}, {change * slope.output, output}, {to.up, s->drawn}};
    tb_combine(x, s->n, terms, 3);
}
