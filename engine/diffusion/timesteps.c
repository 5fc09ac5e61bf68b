#include "engine/diffusion/timesteps.h"

#include <math.h>

#include "engine/base/math.h"

enum { KARRAS_RHO = 7 };

tb_spacing tb_spacing_choose(tb_family family, const tb_schedule *schedule, tb_spacing asked)
{
    if (asked != TB_SPACING_DEFAULT)
        return asked;
    if (schedule->spacing != TB_SPACING_DEFAULT)
        return schedule->spacing;
    return family == TB_FAMILY_ALPHA ? TB_SPACING_LEADING : TB_SPACING_LINSPACE;
}

float tb_schedule_sigma(const tb_schedule *schedule, int timestep)
{
    float a = schedule->alphas_cumprod[timestep];
    return sqrtf((1 - a) / a);
}

/* numpy.interp over the whole timesteps. */
static double interpolate_sigma(const tb_schedule *schedule, double timestep)
{
    int low = (int)timestep;
    if (low >= schedule->n_train - 1)
        return tb_schedule_sigma(schedule, schedule->n_train - 1);
    double begin = tb_schedule_sigma(schedule, low);
    double slope = tb_schedule_sigma(schedule, low + 1) - begin;
    return slope * (timestep - low) + begin;
}

/* numpy.log of the single-precision table */
static double log_sigma(const tb_schedule *schedule, int timestep)
{
    return (float)tb_log(tb_schedule_sigma(schedule, timestep));
}

double tb_schedule_timestep(const tb_schedule *schedule, double sigma)
{
    double level = tb_log(fmax(sigma, 1e-10));
    int low = 0, high = schedule->n_train - 1; /* low: the last one at or below the level */
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (log_sigma(schedule, middle) <= level)
            low = middle;
        else
            high = middle;
    }
    double begin = log_sigma(schedule, low), end = log_sigma(schedule, low + 1);
    double weight = fmin(fmax((begin - level) / (begin - end), 0), 1);
    return (1 - weight) * low + weight * (low + 1);
}

/* numpy.linspace(0, last, n), turned round: i counts from the end. */
static double linspace(int last, int n, int i)
{
    if (n == 1)
        return 0;
    return i == 0 ? last : (double)last / (n - 1) * (n - 1 - i);
}

static double leading(tb_family family, const tb_schedule *schedule, int n, int i)
{
    bool is_solver = family == TB_FAMILY_SOLVER;
    int ratio = schedule->n_train / (is_solver ? n + 1 : n);
    return (double)(is_solver ? n - i : n - 1 - i) * ratio + schedule->steps_offset;
}

/* numpy.arange adds up from the difference of its first two values. For some n diffusers' list has
 * one timestep more, -1, by rounding; it is left out. */
static double trailing(const tb_schedule *schedule, int n, int i)
{
    double start = schedule->n_train, step = (double)schedule->n_train / n;
    return rint(start + i * (start - step - start)) - 1;
}

static double spaced(tb_family family, const tb_schedule *schedule, tb_spacing spacing, int n,
                     int i)
{
    int last = schedule->n_train - 1;
    if (spacing == TB_SPACING_LEADING)
        return leading(family, schedule, n, i);
    if (spacing == TB_SPACING_TRAILING)
        return trailing(schedule, n, i);
    if (family == TB_FAMILY_SIGMA)
        return (float)linspace(last, n, i);
    return rint(linspace(last, family == TB_FAMILY_SOLVER ? n + 1 : n, i));
}

/* diffusers 0.24 ends DPM++'s list with the least noise twice over: the last step stands still. */
static void fill_karras(const tb_schedule *schedule, int n, double *timesteps, double *sigmas)
{
    double most = tb_log(tb_schedule_sigma(schedule, schedule->n_train - 1));
    double least = tb_log(tb_schedule_sigma(schedule, 0));
    double begin = tb_exp(most / KARRAS_RHO), end = tb_exp(least / KARRAS_RHO);
    for (int i = 0; i < n; i++) {
        double ramp = n == 1 ? 0 : (double)i / (n - 1);
        double sigma = tb_exp(KARRAS_RHO * tb_log(begin + ramp * (end - begin)));
        timesteps[i] = rint(tb_schedule_timestep(schedule, sigma));
        sigmas[i] = (float)sigma;
    }
    sigmas[n] = sigmas[n - 1];
}

static tb_status check(const tb_schedule *schedule, int n, const double *timesteps, tb_error *err)
{
    if (timesteps[0] > schedule->n_train - 1 || timesteps[n - 1] < 0)
        return tb_fail(err, TIMBRE_BAD_INPUT,
                       "steps %d: timesteps %g to %g are not within the schedule's 0 to %d", n,
                       timesteps[0], timesteps[n - 1], schedule->n_train - 1);
    for (int i = 1; i < n; i++)
        if (timesteps[i] >= timesteps[i - 1])
            return tb_fail(err, TIMBRE_BAD_INPUT,
                           "steps %d: more than this scheduler can take, it would visit timestep "
                           "%g twice",
                           n, timesteps[i]);
    return TIMBRE_OK;
}

tb_status tb_timesteps_fill(tb_family family, const tb_schedule *schedule, tb_spacing spacing,
                            int n_steps, double *timesteps, double *sigmas, tb_error *err)
{
    if (family == TB_FAMILY_KARRAS) {
        fill_karras(schedule, n_steps, timesteps, sigmas);
        return TIMBRE_OK;
    }
    spacing = tb_spacing_choose(family, schedule, spacing);
    for (int i = 0; i < n_steps; i++)
        timesteps[i] = spaced(family, schedule, spacing, n_steps, i);
    tb_status status = check(schedule, n_steps, timesteps, err);
    if (status != TIMBRE_OK)
        return status;
    for (int i = 0; i < n_steps; i++)
        sigmas[i] = (float)interpolate_sigma(schedule, timesteps[i]);
    sigmas[n_steps] = family == TB_FAMILY_SIGMA ? 0 : tb_schedule_sigma(schedule, 0);
    return TIMBRE_OK;
}
