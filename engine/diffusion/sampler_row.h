/*
 * What the samplers share: a row of the table for each, the state that it works on, and the one
 * loop over latents. Every sampler is a sum of earlier arrays with factors that depend on the
 * timestep alone, so a sampler's file holds formulas and no loop.
 */
#ifndef TB_DIFFUSION_SAMPLER_ROW_H
#define TB_DIFFUSION_SAMPLER_ROW_H

#include <stdbool.h>

#include "engine/diffusion/sampler.h"
#include "engine/diffusion/timesteps.h"

enum { TB_SAMPLER_HISTORY_MAX = 4, TB_COMBINE_MAX = 7 };

typedef struct tb_sampler_row {
    const char *name;
    tb_family family;
    bool has_alpha_one_default; /* of the diffusers class: DDIM */
    bool refuses_sample;        /* models that predict the sample: diffusers cannot either */
    bool has_kept;
    bool draws;
    int n_history;
    int n_steps_min;
    int n_per_step, n_extra; /* evaluations; 1 for one step */
    void (*step)(tb_sampler *sampler, int i, const float *output, float *x,
                 const tb_sampler_noise *noise);
    /* of evaluation i, where that is not step i */
    double (*timestep)(const tb_sampler *sampler, int i);
    double (*sigma)(const tb_sampler *sampler, int i);
} tb_sampler_row;

struct tb_sampler {
    const tb_sampler_row *row;
    tb_schedule schedule;
    tb_spacing spacing;
    int n_steps;
    int first; /* evaluation */
    int64_t n;
    double *timesteps;                      /* [n_steps] */
    double *sigmas;                         /* [n_steps + 1] */
    float *history[TB_SAMPLER_HISTORY_MAX]; /* [n] each, the newest first */
    int n_pushed;                           /* entries of history that are filled */
    float *kept;                            /* [n] */
    float *drawn, *scratch;                 /* [n] each: noise */
    float *own_estimate;                    /* [n] */
    const float *estimate;                  /* own, or an entry of history */
    void *storage;                          /* owns all of them */
};

/* The noise level of a sample: x = alpha * x0 + sigma * epsilon. */
typedef struct tb_level {
    double alpha, sigma;
} tb_level;

tb_level tb_level_from_alpha(double alpha_cumprod);
/* of x / alpha = x0 + sigma * epsilon */
tb_level tb_level_from_sigma(double sigma);

/* factor of the sample that the model saw, and of what it said */
typedef struct tb_mix {
    double x, output;
} tb_mix;

/* The picture, or the noise, at a level, by what the model predicts. */
tb_mix tb_mix_picture(tb_level level, tb_prediction prediction);
tb_mix tb_mix_noise(tb_level level, tb_prediction prediction);

/*
 * For samples kept as x0 + sigma * epsilon (Euler, LMS), of which the model sees x * alpha. The
 * noise is the derivative dx / dsigma.
 */
tb_mix tb_mix_picture_sigma(double sigma, tb_prediction prediction);
tb_mix tb_mix_noise_sigma(double sigma, tb_prediction prediction);

typedef struct tb_term {
    double factor;
    const float *values; /* [n] */
} tb_term;

/* out[i] = sum of factor * values[i] in the given order, in double precision, rounded once. out may
 * be any of the values. */
void tb_combine(float *out, int64_t n, const tb_term *terms, int n_terms);
/* out = mix.x * x + mix.output * output */
void tb_combine_mix(float *out, int64_t n, tb_mix mix, const float *x, const float *output);

/* Make room for a newest entry of the history and return it; the oldest is lost. */
float *tb_sampler_push(tb_sampler *sampler);

/* Noise for this step into sampler->drawn. */
void tb_sampler_draw(tb_sampler *sampler, const tb_sampler_noise *noise);

typedef struct tb_ancestral {
    double up, down; /* how much noise is drawn, and the level reached without it */
} tb_ancestral;

/* In single precision as diffusers: where `to` is small the difference of squares loses digits, and
 * the level with it. */
tb_ancestral tb_ancestral_split(double from, double to);

void tb_dpmpp_step(tb_sampler *, int, const float *, float *, const tb_sampler_noise *);
void tb_euler_step(tb_sampler *, int, const float *, float *, const tb_sampler_noise *);
void tb_euler_ancestral_step(tb_sampler *, int, const float *, float *, const tb_sampler_noise *);
void tb_ddim_step(tb_sampler *, int, const float *, float *, const tb_sampler_noise *);
void tb_pndm_step(tb_sampler *, int, const float *, float *, const tb_sampler_noise *);
double tb_pndm_timestep(const tb_sampler *sampler, int i);
void tb_lms_step(tb_sampler *, int, const float *, float *, const tb_sampler_noise *);
void tb_unipc_step(tb_sampler *, int, const float *, float *, const tb_sampler_noise *);
void tb_kdpm2_step(tb_sampler *, int, const float *, float *, const tb_sampler_noise *);
double tb_kdpm2_timestep(const tb_sampler *sampler, int i);
double tb_kdpm2_sigma(const tb_sampler *sampler, int i);

/* alphas_cumprod; before the first timestep what set_alpha_to_one says */
double tb_sampler_alpha(const tb_sampler *sampler, int timestep);

#endif
