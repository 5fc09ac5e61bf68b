/*
 * Samplers: from noise to latents in a number of evaluations of the model, each equal to the
 * diffusers scheduler that its row of the table names. Latents are n floats in any layout.
 */
#ifndef TB_DIFFUSION_SAMPLER_H
#define TB_DIFFUSION_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

#include "engine/diffusion/noise.h"
#include "engine/diffusion/schedule.h"

typedef struct tb_sampler tb_sampler;

/* "dpmpp_2m" "dpmpp_2m_karras" "euler_a" "euler" "ddim" "pndm" "lms" "unipc" "kdpm_2_a"; NULL
 * behind the last. */
const char *tb_sampler_name(size_t i);

/*
 * name: one of the table. n_steps: 1..n_train. spacing: TB_SPACING_DEFAULT is the schedule's, else
 * the sampler's. n: number of latents. Returns owned. BAD_INPUT names what is out of range: steps
 * with which diffusers would divide by zero or leave its table, too, and models that predict the
 * sample where diffusers has no formula (euler_a, pndm, kdpm_2_a).
 */
TB_MUST_USE tb_status tb_sampler_new(const char *name, const tb_schedule *schedule, int n_steps,
                                     tb_spacing spacing, int64_t n, tb_sampler **out,
                                     tb_error *err);
void tb_sampler_free(tb_sampler *sampler); /* accepts NULL */

/* pndm: n_steps + 1, kdpm_2_a: 2 * n_steps - 1 (both 1 for 1) */
int tb_sampler_n_evaluations(const tb_sampler *sampler);
/* Evaluations of each step; the first of step k is the k-th times these. */
int tb_sampler_n_per_step(const tb_sampler *sampler);
/* Steps begin with evaluation i, from latents with its noise (tb_sampler_add_noise) instead of
 * noise alone: image-to-image (Meng et al. 2022). As diffusers' schedulers with a list cut before
 * it, lms excepted: its first steps are of the order of what is there. */
void tb_sampler_begin(tb_sampler *sampler, int i);
double tb_sampler_timestep(const tb_sampler *sampler, int i);
/* Standard deviation of the first latents: they are noise times this. */
float tb_sampler_initial_sigma(const tb_sampler *sampler);
/* What the model sees at evaluation i: x or a part of it. in may be x. */
void tb_sampler_scale(const tb_sampler *sampler, int i, const float *x, float *in);
/* out = x with the noise that samples have before evaluation i. out may be x or noise. */
void tb_sampler_add_noise(const tb_sampler *sampler, int i, const float *x, const float *noise,
                          float *out);
/*
 * One evaluation further: `output` is what the model said for evaluation i (already guided), x is
 * replaced. noise: drawn from by ancestral samplers, in torch's order of [c, h, w] with the given
 * shape; NULL for others. Calls must be in order from i = 0, or from where the steps
 * begin.
 */
typedef struct tb_sampler_noise {
    tb_noise *noise;
    int c, h, w;
} tb_sampler_noise;
void tb_sampler_step(tb_sampler *sampler, int i, const float *output, float *x,
                     const tb_sampler_noise *noise);
/* The picture that the model saw behind the noise at the last step: an estimate of the final
 * latents [n]. Valid until the next step. */
const float *tb_sampler_estimate(const tb_sampler *sampler);

#endif
