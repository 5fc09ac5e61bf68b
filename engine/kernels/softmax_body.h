/*
 * One block of keys of an attention with online softmax, written once over `lanes`. Columns are
 * queries: their largest scores and sums are those of lanes, nothing is added across them.
 */
#ifndef TB_KERNELS_SOFTMAX_BODY_H
#define TB_KERNELS_SOFTMAX_BODY_H

#include "engine/kernels/functions_body.h"

enum { SOFTMAX_PARTIALS = 4 /* of a column's sum, and of its largest: they do not wait */ };

#define EXP2_ZERO (-127.0f) /* the exponent of a float that is 0 */

/*
 * 2^x for x <= 0: 2^n (1 + r p(r)), n the nearest integer, |r| <= 1/2 exactly. +0 where n < -126,
 * NaN of NaN. The factor 2^n comes last, so that it neither hides NaN nor makes subnormal numbers
 * wrong.
 */
LANES_INLINE lanes lanes_exp2_fall(lanes x)
{
    /* (2^r - 1) / r, minimax for 2^r's relative error (by Lawson's algorithm): 3e-9 */
    static const float rise[] = {0.693147182f,   0.240226477f,   0.0555035993f,
                                 0.00961850584f, 0.00133908063f, 0.000153264627f};
    x = lanes_max(lanes_set(EXP2_ZERO), x);
    lanes shifted = lanes_add(x, lanes_set(ROUNDER));
    lanes r = lanes_sub(x, lanes_sub(shifted, lanes_set(ROUNDER)));
    lanes y = lanes_fma(polynomial(r, rise, sizeof rise / sizeof *rise), r, lanes_set(1));
    return lanes_mul(y, lanes_add_exponent(lanes_set(1), shifted));
}

/* Of numbers: NaN is left out. */
LANES_INLINE lanes column_max(const float *scores, size_t ld, size_t n, lanes before)
{
    lanes max[SOFTMAX_PARTIALS];
    size_t i = 0;
    for (int p = 0; p < SOFTMAX_PARTIALS; p++)
        max[p] = before;
    for (; i + SOFTMAX_PARTIALS <= n; i += SOFTMAX_PARTIALS)
        for (size_t p = 0; p < SOFTMAX_PARTIALS; p++)
            max[p] = lanes_max(lanes_load(scores + (i + p) * ld), max[p]);
    for (; i < n; i++)
        max[0] = lanes_max(lanes_load(scores + i * ld), max[0]);
    return lanes_max(lanes_max(max[0], max[2]), lanes_max(max[1], max[3]));
}

LANES_INLINE lanes weigh_key(float *weight, const float *score, lanes max)
{
    lanes w = lanes_exp2_fall(lanes_sub(lanes_load(score), max));
    lanes_store(weight, w);
    return w;
}

LANES_INLINE lanes column_weights(float *weights, const float *scores, size_t ld, size_t n,
                                  lanes max)
{
    lanes sum[SOFTMAX_PARTIALS];
    size_t i = 0;
    for (int p = 0; p < SOFTMAX_PARTIALS; p++)
        sum[p] = lanes_set(0);
    for (; i + SOFTMAX_PARTIALS <= n; i += SOFTMAX_PARTIALS)
        for (size_t p = 0; p < SOFTMAX_PARTIALS; p++)
            sum[p] = lanes_add(
                sum[p], weigh_key(weights + (i + p) * TB_GEMM_COLUMNS, scores + (i + p) * ld, max));
    for (size_t p = 0; i + p < n; p++)
        sum[p] = lanes_add(
            sum[p], weigh_key(weights + (i + p) * TB_GEMM_COLUMNS, scores + (i + p) * ld, max));
    return lanes_add(lanes_add(sum[0], sum[2]), lanes_add(sum[1], sum[3]));
}

static void softmax(const tb_softmax_block *s)
{
    size_t n = (size_t)s->n;
    for (size_t c = 0; c < TB_GEMM_COLUMNS; c += LANES) {
        lanes before = lanes_load(s->max + c);
        lanes max = column_max(s->scores + c, s->ld, n, before);
        lanes factor = lanes_exp2_fall(lanes_sub(before, max));
        lanes sum = column_weights(s->weights + c, s->scores + c, s->ld, n, max);
        lanes_store(s->max + c, max);
        lanes_store(s->factor + c, factor);
        lanes_store(s->sum + c, lanes_fma(lanes_load(s->sum + c), factor, sum));
    }
}

#endif
