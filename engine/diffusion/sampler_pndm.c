/*
 * PLMS, the pseudo linear multistep method of PNDM (Liu et al. 2022), as Stable Diffusion and
 * Riffusion run it: diffusers' PNDMScheduler with skip_prk_steps. The second timestep is visited
 * twice: what the model says there first only improves the first step, which is taken again. A list
 * that begins later has no such pair: its second evaluation takes the first step again all the
 * same, and every later one lags a step behind its timestep. So did Riffusion's server.
 */
#include <math.h>
#include <string.h>

#include "engine/diffusion/sampler_row.h"

enum { ORDER = 4 };

/* Adams-Bashforth, the newest first */
static const double weights[ORDER][ORDER] = {
    {1},
    {3 / 2.0, -1 / 2.0},
    {23 / 12.0, -16 / 12.0, 5 / 12.0},
    {55 / 24.0, -59 / 24.0, 37 / 24.0, -9 / 24.0},
};

double tb_pndm_timestep(const tb_sampler *s, int i)
{
    return s->timesteps[i < 2 ? i : i - 1];
}

/* Formula 9 of the paper: from timestep t to t - ratio with the noise that `terms` sum up to;
 * terms[0] is the sample, its factor is set here. */
static void move(const tb_sampler *s, int t, tb_term *terms, int n_terms, float *x)
{
    double a = tb_sampler_alpha(s, t);
    double to = tb_sampler_alpha(s, t - s->schedule.n_train / s->n_steps);
    double scale = (to - a) / (a * sqrt(1 - to) + sqrt(a * (1 - a) * to));
    tb_mix noise = tb_mix_noise(tb_level_from_alpha(a), s->schedule.prediction);
    terms[0].factor = sqrt(to / a) - scale * noise.x;
    for (int k = 1; k < n_terms; k++)
        terms[k].factor *= -scale * noise.output;
    tb_combine(x, s->n, terms, n_terms);
}

void tb_pndm_step(tb_sampler *s, int i, const float *output, float *x, const tb_sampler_noise *none)
{
    (void)none;
    int t = (int)tb_pndm_timestep(s, i);
    tb_level seen = tb_level_from_alpha(tb_sampler_alpha(s, t));
    tb_combine_mix(s->own_estimate, s->n, tb_mix_picture(seen, s->schedule.prediction), x, output);
    size_t n_bytes = sizeof *x * (size_t)s->n;
    tb_term terms[1 + ORDER] = {{1, x}};
    if (i == s->first + 1) { /* the first step again, with the mean of both its ends */
        terms[0].values = s->kept;
        terms[1] = (tb_term){0.5, output};
        terms[2] = (tb_term){0.5, s->history[0]};
        move(s, t + s->schedule.n_train / s->n_steps, terms, 3, x);
        return;
    }
    if (i == s->first)
        memcpy(s->kept, x, n_bytes);
    memcpy(tb_sampler_push(s), output, n_bytes);
    for (int k = 0; k < s->n_pushed; k++)
        terms[1 + k] = (tb_term){weights[s->n_pushed - 1][k], s->history[k]};
    move(s, t, terms, 1 + s->n_pushed, x);
}
