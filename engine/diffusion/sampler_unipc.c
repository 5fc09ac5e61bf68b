/*
 * UniPC of order 2 with B2(h) (Zhao et al. 2023): diffusers' UniPCMultistepScheduler. Each
 * evaluation first corrects the sample it was made of, then predicts the next; the last step goes
 * to the noise of timestep 0 and is of first order.
 */
#include <string.h>

#include "engine/base/math.h"
#include "engine/diffusion/sampler_row.h"

enum { ORDER = 2 };

/* A step between two levels: hh = -h, and B = e^hh - 1. */
typedef struct {
    double ratio; /* sigma_t / sigma_s */
    double alpha; /* alpha_t */
    double hh, b;
} span;

static span make_span(double from, double to)
{
    tb_level begin = tb_level_from_sigma(from), end = tb_level_from_sigma(to);
    return (span){.ratio = end.sigma / begin.sigma,
                  .alpha = end.alpha,
                  .hh = tb_log(to / from),
                  .b = (to - from) / from};
}

/* Order of the step at i: 1 at both ends of what is done. */
static int order_at(const tb_sampler *s, int i)
{
    return i == s->first || i == s->n_steps - 1 ? 1 : ORDER;
}

/* (lambda_before - lambda_from) / h */
static double before_from(double before, double from, const span *p)
{
    return tb_log(from / before) / -p->hh;
}

/*
 * The weights that solve R rho = b of the paper for the points r and 1: rho[0] + rho[1] = b_1 and
 * r rho[0] + rho[1] = b_2. (Order 1 has 1/2 in diffusers.)
 */
static void solve(const span *p, double r, double rho[2])
{
    double phi = p->b / p->hh - 1;
    double b1 = phi / p->b;
    double b2 = 2 * (phi / p->hh - 0.5) / p->b;
    rho[0] = (b2 - b1) / (r - 1);
    rho[1] = b1 - rho[0];
}

/* The sample at i once more, from the one before (kept) and what the model says now (`picture`);
 * history: of the step before, and of the one before that. */
static void correct(const tb_sampler *s, int i, const float *picture, float *x)
{
    span p = make_span(s->sigmas[i - 1], s->sigmas[i]);
    double gain = -p.alpha * p.b, rho[2] = {0, 0.5}, old = 0;
    int n_terms = 3;
    if (order_at(s, i - 1) == ORDER) {
        double r = before_from(s->sigmas[i - 2], s->sigmas[i - 1], &p);
        solve(&p, r, rho);
        old = rho[0] / r;
        n_terms = 4;
    }
    tb_term terms[] = {{p.ratio, s->kept},
                       {gain * (1 - old - rho[1]), s->history[0]},
                       {gain * rho[1], picture},
                       {gain * old, s->history[1]}};
    tb_combine(x, s->n, terms, n_terms);
}

static void predict(const tb_sampler *s, int i, float *x)
{
    span p = make_span(s->sigmas[i], s->sigmas[i + 1]);
    double gain = -p.alpha * p.b, old = 0;
    bool is_second = order_at(s, i) == ORDER;
    if (is_second)
        old = 0.5 / before_from(s->sigmas[i - 1], s->sigmas[i], &p);
    tb_term terms[] = {
        {p.ratio, x}, {gain * (1 - old), s->history[0]}, {gain * old, s->history[1]}};
    tb_combine(x, s->n, terms, is_second ? 3 : 2);
}

void tb_unipc_step(tb_sampler *s, int i, const float *output, float *x,
                   const tb_sampler_noise *none)
{
    (void)none;
    tb_mix mix = tb_mix_picture(tb_level_from_sigma(s->sigmas[i]), s->schedule.prediction);
    tb_combine_mix(s->own_estimate, s->n, mix, x, output);
    if (i > s->first)
        correct(s, i, s->own_estimate, x);
    size_t n_bytes = sizeof *x * (size_t)s->n;
    memcpy(tb_sampler_push(s), s->own_estimate, n_bytes);
    memcpy(s->kept, x, n_bytes);
    predict(s, i, x);
}
