#include <assert.h>
#include <math.h>

#include "engine/diffusion/sampler_row.h"

tb_level tb_level_from_alpha(double alpha_cumprod)
{
    return (tb_level){sqrt(alpha_cumprod), sqrt(1 - alpha_cumprod)};
}

tb_level tb_level_from_sigma(double sigma)
{
    double alpha = 1 / sqrt(sigma * sigma + 1);
    return (tb_level){alpha, sigma * alpha};
}

tb_mix tb_mix_picture(tb_level level, tb_prediction prediction)
{
    if (prediction == TB_PREDICTION_SAMPLE)
        return (tb_mix){0, 1};
    if (prediction == TB_PREDICTION_V)
        return (tb_mix){level.alpha, -level.sigma};
    return (tb_mix){1 / level.alpha, -level.sigma / level.alpha};
}

tb_mix tb_mix_noise(tb_level level, tb_prediction prediction)
{
    if (prediction == TB_PREDICTION_SAMPLE)
        return (tb_mix){1 / level.sigma, -level.alpha / level.sigma};
    if (prediction == TB_PREDICTION_V)
        return (tb_mix){level.sigma, level.alpha};
    return (tb_mix){0, 1};
}

tb_mix tb_mix_picture_sigma(double sigma, tb_prediction prediction)
{
    tb_level level = tb_level_from_sigma(sigma);
    tb_mix mix = tb_mix_picture(level, prediction);
    return (tb_mix){mix.x * level.alpha, mix.output};
}

tb_mix tb_mix_noise_sigma(double sigma, tb_prediction prediction)
{
    tb_level level = tb_level_from_sigma(sigma);
    tb_mix mix = tb_mix_noise(level, prediction);
    return (tb_mix){mix.x * level.alpha, mix.output};
}

void tb_combine(float *out, int64_t n, const tb_term *terms, int n_terms)
{
    assert(n_terms >= 1 && n_terms <= TB_COMBINE_MAX);
    for (int64_t i = 0; i < n; i++) {
        double sum = terms[0].factor * terms[0].values[i];
        for (int k = 1; k < n_terms; k++)
            sum += terms[k].factor * terms[k].values[i];
        out[i] = (float)sum;
    }
}

void tb_combine_mix(float *out, int64_t n, tb_mix mix, const float *x, const float *output)
{
    tb_term terms[] = {{mix.x, x}, {mix.output, output}};
    tb_combine(out, n, terms, 2);
}

float *tb_sampler_push(tb_sampler *sampler)
{
    int n = sampler->row->n_history;
    float *oldest = sampler->history[n - 1];
    for (int k = n - 1; k > 0; k--)
        sampler->history[k] = sampler->history[k - 1];
    sampler->history[0] = oldest;
    if (sampler->n_pushed < n)
        sampler->n_pushed++;
    return oldest;
}

void tb_sampler_draw(tb_sampler *sampler, const tb_sampler_noise *noise)
{
    assert(noise != NULL && (int64_t)noise->c * noise->h * noise->w == sampler->n);
    tb_noise_draw_latents(noise->noise, sampler->drawn, sampler->scratch, noise->c, noise->h,
                          noise->w);
}

tb_ancestral tb_ancestral_split(double from, double to)
{
    float from2 = (float)from * (float)from, to2 = (float)to * (float)to;
    float up = sqrtf(to2 * (from2 - to2) / from2);
    return (tb_ancestral){up, sqrtf(fmaxf(to2 - up * up, 0))};
}

double tb_sampler_alpha(const tb_sampler *sampler, int timestep)
{
    const tb_schedule *schedule = &sampler->schedule;
    if (timestep >= 0)
        return schedule->alphas_cumprod[timestep];
    bool is_one = sampler->row->has_alpha_one_default ? schedule->has_alpha_one_ddim
                                                      : schedule->has_alpha_one;
    return is_one ? 1 : (double)schedule->alphas_cumprod[0];
}
