/*
 * exp, the activations made of it and the tail of the normal distribution, written once over
 * `lanes`: additions, products, divisions and their order are the definition, so every variant
 * gives the same bits.
 */
#ifndef TB_KERNELS_FUNCTIONS_BODY_H
#define TB_KERNELS_FUNCTIONS_BODY_H

#include <math.h>

#include "engine/kernels/table.h"

/* c[0] + c[1] x + ... by Horner's rule */
LANES_INLINE lanes polynomial(lanes x, const float *c, int n)
{
    lanes sum = lanes_set(c[n - 1]);
    for (int i = n - 2; i >= 0; i--)
        sum = lanes_fma(sum, x, lanes_set(c[i]));
    return sum;
}

#define EXP_LOWEST  (-87.3365402f) /* exp of it is the smallest normal number */
#define EXP_HIGHEST 88.7228317f    /* the largest float with a finite exp */
#define LOG2_E      1.44269504f
#define LN2_HIGH    0.693147182f /* ln 2 as a float, and what it lacks */
#define LN2_LOW     (-1.90465421e-9f)
#define ROUNDER     12582912.0f /* 1.5 * 2^23: adding it rounds to an integer, in the lowest bits */

/*
 * exp(x) = 2^n exp(r), |r| <= ln(2) / 2. +0 below EXP_LOWEST (no result is subnormal), infinity
 * above EXP_HIGHEST, NaN of NaN.
 */
LANES_INLINE lanes lanes_exp(lanes x)
{
    /* (exp(r) - 1 - r) / r^2, minimax for exp's relative error (by Lawson's algorithm): 3e-9 */
    static const float tail[] = {0.49999994f, 0.166665211f, 0.0416683890f, 0.00836874545f,
                                 0.00138145394f};
    lanes shifted = lanes_fma(x, lanes_set(LOG2_E), lanes_set(ROUNDER));
    lanes n = lanes_sub(shifted, lanes_set(ROUNDER));
    lanes r = lanes_fnma(n, lanes_set(LN2_HIGH), x);
    r = lanes_fnma(n, lanes_set(LN2_LOW), r);
    lanes q = polynomial(r, tail, sizeof tail / sizeof *tail);
    lanes y = lanes_add(lanes_set(1), lanes_fma(q, lanes_mul(r, r), r));
    y = lanes_add_exponent(y, shifted);
    y = lanes_select_le(lanes_set(EXP_LOWEST), x, y, lanes_set(0));
    return lanes_select_le(x, lanes_set(EXP_HIGHEST), y, lanes_mul(x, lanes_set(INFINITY)));
}

/* x / (1 + exp(slope x)); -0 where exp overflows, NaN of -infinity. */
LANES_INLINE lanes lanes_sigmoid_product(lanes x, lanes slope)
{
    return lanes_div(x, lanes_add(lanes_set(1), lanes_exp(lanes_mul(x, slope))));
}

LANES_INLINE lanes lanes_silu(lanes x)
{
    return lanes_sigmoid_product(x, lanes_set(-1));
}

#define TAIL_END   20.0f /* exp(-x^2 / 2) has been 0 since 13.2 */
#define TAIL_SLOPE 0.35f /* of t = 1 / (1 + slope x) */

/*
 * x/2 (1 + erf(x / sqrt 2)) = max(x, 0) - |x| P(|x|), where P is the upper tail of the normal
 * distribution, exp(-x^2 / 2) t p(t): without cancellation, so that small values are right
 * relative to themselves. What x * x loses in rounding is given back to the exponential.
 */
LANES_INLINE lanes lanes_gelu(lanes x)
{
    /* minimax for p's relative error on 0 .. 13.3: 3.2e-8 */
    static const float scaled[] = {0.13962166f,   0.13985756f,    0.119863085f,
                                   0.105392151f,  -0.0228434354f, 0.158796579f,
                                   -0.255391032f, 0.143818423f,   -0.0291150175f};
    lanes a = lanes_min(lanes_set(TAIL_END), lanes_abs(x));
    lanes t = lanes_div(lanes_set(1), lanes_fma(lanes_set(TAIL_SLOPE), a, lanes_set(1)));
    lanes square = lanes_mul(a, a), lost = lanes_fnma(a, a, square);
    lanes density = lanes_exp(lanes_mul(square, lanes_set(-0.5f)));
    density = lanes_fma(density, lanes_mul(lost, lanes_set(0.5f)), density);
    lanes p = lanes_mul(polynomial(t, scaled, sizeof scaled / sizeof *scaled), t);
    return lanes_fnma(a, lanes_mul(density, p), lanes_max(lanes_set(0), x));
}

#endif
