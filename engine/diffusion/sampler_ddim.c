/*
 * DDIM (Song et al. 2021) without noise of its own: diffusers' DDIMScheduler with eta 0 and without
 * clip_sample, which is of no use for latents and which its Stable Diffusion pipeline turns off.
 */
#include <math.h>

#include "engine/diffusion/sampler_row.h"

void tb_ddim_step(tb_sampler *s, int i, const float *output, float *x, const tb_sampler_noise *none)
{
    (void)none;
    int t = (int)s->timesteps[i];
    tb_level from = tb_level_from_alpha(tb_sampler_alpha(s, t));
    tb_level to = tb_level_from_alpha(tb_sampler_alpha(s, t - s->schedule.n_train / s->n_steps));
    tb_mix picture = tb_mix_picture(from, s->schedule.prediction);
    tb_mix noise = tb_mix_noise(from, s->schedule.prediction);
    tb_combine_mix(s->own_estimate, s->n, picture, x, output);
    tb_mix next = {to.alpha * picture.x + to.sigma * noise.x,
                   to.alpha * picture.output + to.sigma * noise.output};
    tb_combine_mix(x, s->n, next, x, output);
}
