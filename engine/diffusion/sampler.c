#include "engine/diffusion/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/diffusion/sampler_row.h"

/* Each equals the class of diffusers 0.24.0 that its file names, made by from_config from
 * Riffusion's configuration. The first is the default. */
static const tb_sampler_row rows[] = {
    {.name = "dpmpp_2m",
     .family = TB_FAMILY_SOLVER,
     .n_history = 2,
     .n_per_step = 1,
     .step = tb_dpmpp_step},
    {.name = "dpmpp_2m_karras",
     .family = TB_FAMILY_KARRAS,
     .n_history = 2,
     .n_steps_min = 2, /* the last step stands still: of one step the noise would be left */
     .n_per_step = 1,
     .step = tb_dpmpp_step},
    {.name = "euler_a",
     .family = TB_FAMILY_SIGMA,
     .refuses_sample = true,
     .draws = true,
     .n_per_step = 1,
     .step = tb_euler_ancestral_step},
    {.name = "euler", .family = TB_FAMILY_SIGMA, .n_per_step = 1, .step = tb_euler_step},
    {.name = "ddim",
     .family = TB_FAMILY_ALPHA,
     .has_alpha_one_default = true,
     .n_per_step = 1,
     .step = tb_ddim_step},
    {.name = "pndm",
     .family = TB_FAMILY_ALPHA,
     .refuses_sample = true,
     .has_kept = true,
     .n_history = 4,
     .n_per_step = 1,
     .n_extra = 1,
     .step = tb_pndm_step,
     .timestep = tb_pndm_timestep},
    {.name = "lms",
     .family = TB_FAMILY_SIGMA,
     .n_history = 4,
     .n_per_step = 1,
     .step = tb_lms_step},
    {.name = "unipc",
     .family = TB_FAMILY_SOLVER,
     .has_kept = true,
     .n_history = 2,
     .n_per_step = 1,
     .step = tb_unipc_step},
    {.name = "kdpm_2_a",
     .family = TB_FAMILY_SIGMA,
     .refuses_sample = true,
     .has_kept = true,
     .draws = true,
     .n_per_step = 2,
     .n_extra = -1,
     .step = tb_kdpm2_step,
     .timestep = tb_kdpm2_timestep,
     .sigma = tb_kdpm2_sigma},
};

enum { N_ROWS = sizeof rows / sizeof *rows };

const char *tb_sampler_name(size_t i)
{
    return i < N_ROWS ? rows[i].name : NULL;
}

static const tb_sampler_row *find(const char *name)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static tb_status check(const tb_sampler_row *row, const tb_schedule *schedule, int n_steps,
                       tb_error *err)
{
    if (row->refuses_sample && schedule->prediction == TB_PREDICTION_SAMPLE)
        return tb_fail(err, TIMBRE_BAD_INPUT,
                       "scheduler '%s' cannot run a model that predicts the sample", row->name);
    int least = row->n_steps_min > 1 ? row->n_steps_min : 1;
    if (n_steps < least || n_steps > schedule->n_train)
        return tb_fail(err, TIMBRE_BAD_INPUT, "steps %d is not in %d to %d, those of '%s'", n_steps,
                       least, schedule->n_train, row->name);
    return TIMBRE_OK;
}

/* One block: the doubles, then the arrays of n floats. */
static tb_status allocate(tb_sampler *s, tb_error *err)
{
    const tb_sampler_row *row = s->row;
    size_t n_arrays = (size_t)row->n_history + row->has_kept + 2 * (size_t)row->draws + 1;
    size_t n_doubles = 2 * (size_t)s->n_steps + 1, n_bytes;
    if (s->n < 1 || __builtin_mul_overflow(n_arrays * sizeof(float), (size_t)s->n, &n_bytes) ||
        __builtin_add_overflow(n_bytes, n_doubles * sizeof(double), &n_bytes))
        return tb_fail(err, TIMBRE_BAD_INPUT, "%lld latents are not possible", (long long)s->n);
    s->storage = calloc(1, n_bytes);
    if (s->storage == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a sampler of %lld latents",
                       (long long)s->n);
    s->timesteps = s->storage;
    s->sigmas = s->timesteps + s->n_steps;
    float *next = (void *)(s->timesteps + n_doubles);
    float **arrays[TB_SAMPLER_HISTORY_MAX + 4];
    size_t n = 0;
    for (int k = 0; k < row->n_history; k++)
        arrays[n++] = &s->history[k];
    if (row->has_kept)
        arrays[n++] = &s->kept;
    if (row->draws) {
        arrays[n++] = &s->drawn;
        arrays[n++] = &s->scratch;
    }
    arrays[n++] = &s->own_estimate;
    for (size_t k = 0; k < n; k++, next += s->n)
        *arrays[k] = next;
    s->estimate = s->own_estimate;
    return TIMBRE_OK;
}

static tb_status prepare(tb_sampler *s, tb_spacing spacing, tb_error *err)
{
    tb_status status = allocate(s, err);
    if (status != TIMBRE_OK)
        return status;
    s->spacing = tb_spacing_choose(s->row->family, &s->schedule, spacing);
    status = tb_timesteps_fill(s->row->family, &s->schedule, spacing, s->n_steps, s->timesteps,
                               s->sigmas, err);
    if (status != TIMBRE_OK)
        tb_error_name(err, s->row->name);
    return status;
}

tb_status tb_sampler_new(const char *name, const tb_schedule *schedule, int n_steps,
                         tb_spacing spacing, int64_t n, tb_sampler **out, tb_error *err)
{
    *out = NULL;
    const tb_sampler_row *row = find(name);
    if (row == NULL)
        return tb_fail(err, TIMBRE_BAD_INPUT, "scheduler '%.40s' is not known", name);
    tb_status status = check(row, schedule, n_steps, err);
    if (status != TIMBRE_OK)
        return status;
    tb_sampler *s = calloc(1, sizeof *s);
    if (s == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a sampler");
    s->row = row;
    s->schedule = *schedule;
    s->n_steps = n_steps;
    s->n = n;
    status = prepare(s, spacing, err);
    if (status != TIMBRE_OK) {
        tb_sampler_free(s);
        return status;
    }
    *out = s;
    return TIMBRE_OK;
}

void tb_sampler_free(tb_sampler *sampler)
{
    if (sampler == NULL)
        return;
    free(sampler->storage);
    free(sampler);
}

int tb_sampler_n_evaluations(const tb_sampler *sampler)
{
    const tb_sampler_row *row = sampler->row;
    return sampler->n_steps == 1 ? 1 : row->n_per_step * sampler->n_steps + row->n_extra;
}

int tb_sampler_n_per_step(const tb_sampler *sampler)
{
    return sampler->row->n_per_step;
}

void tb_sampler_begin(tb_sampler *sampler, int i)
{
    sampler->first = i;
}

double tb_sampler_timestep(const tb_sampler *sampler, int i)
{
    const tb_sampler_row *row = sampler->row;
    return row->timestep != NULL ? row->timestep(sampler, i) : sampler->timesteps[i];
}

float tb_sampler_initial_sigma(const tb_sampler *sampler)
{
    if (sampler->row->family != TB_FAMILY_SIGMA)
        return 1;
    float most = (float)sampler->sigmas[0];
    return sampler->spacing == TB_SPACING_LEADING ? sqrtf(most * most + 1) : most;
}

void tb_sampler_scale(const tb_sampler *sampler, int i, const float *x, float *in)
{
    const tb_sampler_row *row = sampler->row;
    if (row->family == TB_FAMILY_SIGMA) {
        double sigma = row->sigma != NULL ? row->sigma(sampler, i) : sampler->sigmas[i];
        tb_term term = {tb_level_from_sigma(sigma).alpha, x};
        tb_combine(in, sampler->n, &term, 1);
    } else if (in != x) {
        memcpy(in, x, sizeof *x * (size_t)sampler->n);
    }
}

void tb_sampler_add_noise(const tb_sampler *sampler, int i, const float *x, const float *noise,
                          float *out)
{
    const tb_sampler_row *row = sampler->row;
    tb_level level;
    if (row->family == TB_FAMILY_SIGMA)
        level = (tb_level){1, row->sigma != NULL ? row->sigma(sampler, i) : sampler->sigmas[i]};
    else
        level = tb_level_from_alpha(
            tb_sampler_alpha(sampler, (int)tb_sampler_timestep(sampler, i)));
    tb_term terms[] = {{level.alpha, x}, {level.sigma, noise}};
    tb_combine(out, sampler->n, terms, 2);
}

void tb_sampler_step(tb_sampler *sampler, int i, const float *output, float *x,
                     const tb_sampler_noise *noise)
{
    sampler->row->step(sampler, i, output, x, noise);
}

const float *tb_sampler_estimate(const tb_sampler *sampler)
{
    return sampler->estimate;
}
