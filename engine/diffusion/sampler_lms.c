/*
 * Linear multistep of order 4 over the noise level (k-diffusion): diffusers' LMSDiscreteScheduler.
 * The next sample is x plus the integral of the polynomial through the last slopes.
 */
#include "engine/diffusion/sampler_row.h"

enum { ORDER = 4 };

/* Lagrange's polynomial that is 1 at level i - j and 0 at the others of `order`. */
static double basis(const double *sigmas, int i, int j, int order, double at)
{
    double product = 1;
    for (int k = 0; k < order; k++)
        if (k != j)
            product *= (at - sigmas[i - k]) / (sigmas[i - j] - sigmas[i - k]);
    return product;
}

/* Its integral over the step; Simpson's rule is exact for cubics. */
static double weight(const double *sigmas, int i, int j, int order)
{
    double begin = sigmas[i], end = sigmas[i + 1];
    double sum = basis(sigmas, i, j, order, begin) +
                 4 * basis(sigmas, i, j, order, (begin + end) / 2) +
                 basis(sigmas, i, j, order, end);
    return (end - begin) / 6 * sum;
}

void tb_lms_step(tb_sampler *s, int i, const float *output, float *x, const tb_sampler_noise *none)
{
    (void)none;
    double sigma = s->sigmas[i];
    tb_prediction prediction = s->schedule.prediction;
    tb_combine_mix(s->own_estimate, s->n, tb_mix_picture_sigma(sigma, prediction), x, output);
    float *slope = tb_sampler_push(s);
    tb_combine_mix(slope, s->n, tb_mix_noise_sigma(sigma, prediction), x, output);
    tb_term terms[1 + ORDER] = {{1, x}};
    int order = s->n_pushed;
    for (int j = 0; j < order; j++)
        terms[1 + j] = (tb_term){weight(s->sigmas, i, j, order), s->history[j]};
    tb_combine(x, s->n, terms, 1 + order);
}
