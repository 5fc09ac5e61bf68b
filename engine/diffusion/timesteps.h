/*
 * The timesteps that a sampler visits and the noise level at each: the lists that diffusers 0.24
 * makes, most noise first. Values that it holds in single precision are rounded to it here.
 */
#ifndef TB_DIFFUSION_TIMESTEPS_H
#define TB_DIFFUSION_TIMESTEPS_H

#include "engine/base/error.h"
#include "engine/diffusion/schedule.h"

/* Samplers that lay their timesteps out alike. */
typedef enum tb_family {
    TB_FAMILY_ALPHA,  /* PNDM, DDIM: whole timesteps, leading by default */
    TB_FAMILY_SIGMA,  /* Euler, LMS: any timesteps, linspace by default, no noise at the end */
    TB_FAMILY_SOLVER, /* DPM++, UniPC: whole ones of a list one longer, to the noise of timestep 0
                       */
    TB_FAMILY_KARRAS  /* DPM++ at the noise levels of Karras et al. 2022, rho 7 */
} tb_family;

/* The spacing asked for, else the schedule's, else the family's. */
tb_spacing tb_spacing_choose(tb_family family, const tb_schedule *schedule, tb_spacing asked);

/*
 * timesteps [n], sigmas [n + 1]. BAD_INPUT when the list would leave the schedule or visit a
 * timestep twice, where diffusers divides by zero: it names n_steps and what is wrong.
 */
TB_MUST_USE tb_status tb_timesteps_fill(tb_family family, const tb_schedule *schedule,
                                        tb_spacing spacing, int n_steps, double *timesteps,
                                        double *sigmas, tb_error *err);

/* sqrt((1 - a) / a) at a timestep of the schedule, in single precision. */
float tb_schedule_sigma(const tb_schedule *schedule, int timestep);
/* The timestep with this noise: linear in the logarithm between neighbours. */
double tb_schedule_timestep(const tb_schedule *schedule, double sigma);

#endif
