/*
 * DPM2 ancestral (k-diffusion, after Karras et al. 2022): diffusers'
 * KDPM2AncestralDiscreteScheduler. Even evaluations go half way in the logarithm of the noise
 * level, odd ones take the whole step from where it began with the slope found there. Noise is
 * drawn at every evaluation and used at the odd ones; the last evaluation is even and goes straight
 * to the picture.
 */
#include <math.h>
#include <string.h>

#include "engine/base/math.h"
#include "engine/diffusion/sampler_row.h"

/* The level half way of step k; none on the last. */
static double middle(const tb_sampler *s, int k)
{
    if (k >= s->n_steps - 1)
        return 0;
    double down = tb_ancestral_split(s->sigmas[k], s->sigmas[k + 1]).down;
    return (float)tb_exp((tb_log(s->sigmas[k]) + tb_log(down)) / 2);
}

double tb_kdpm2_sigma(const tb_sampler *s, int i)
{
    return i % 2 == 0 ? s->sigmas[i / 2] : middle(s, i / 2);
}

double tb_kdpm2_timestep(const tb_sampler *s, int i)
{
    if (i % 2 == 0)
        return s->timesteps[i / 2];
    return (float)tb_schedule_timestep(&s->schedule, middle(s, i / 2));
}

void tb_kdpm2_step(tb_sampler *s, int i, const float *output, float *x,
                   const tb_sampler_noise *noise)
{
    int k = i / 2;
    double seen = tb_kdpm2_sigma(s, i), begin = s->sigmas[k];
    tb_prediction prediction = s->schedule.prediction;
    tb_combine_mix(s->own_estimate, s->n, tb_mix_picture_sigma(seen, prediction), x, output);
    tb_mix slope = tb_mix_noise_sigma(seen, prediction);
    tb_sampler_draw(s, noise);
    if (i % 2 == 0) {
        memcpy(s->kept, x, sizeof *x * (size_t)s->n);
        double change = middle(s, k) - begin;
        tb_combine_mix(x, s->n, (tb_mix){1 + change * slope.x, change * slope.output}, x, output);
        return;
    }
    tb_ancestral to = tb_ancestral_split(begin, s->sigmas[k + 1]);
    double change = to.down - begin;
    tb_term terms[] = {
        {1, s->kept}, {change * slope.x, x}, {change * slope.output, output}, {to.up, s->drawn}};
    tb_combine(x, s->n, terms, 4);
}
