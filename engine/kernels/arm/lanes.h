/* Eight floats in two NEON registers (arm64, where FMA is always there); ref/lanes.h says what each
 * function means. */
#ifndef TB_KERNELS_ARM_LANES_H
#define TB_KERNELS_ARM_LANES_H

#include <arm_neon.h>

#define LANES_INLINE                                                                               \
    static inline __attribute__((always_inline)) /* butterflies live in registers */

#define TILE_ROWS   6 /* of the matrix product: 12 accumulators */
#define TILE_PANELS 1

enum { LANES = 8 };

typedef float32x4x2_t lanes;

static inline lanes lanes_load(const float *p)
{
    return (lanes){{vld1q_f32(p), vld1q_f32(p + 4)}};
}

static inline void lanes_store(float *p, lanes a)
{
    vst1q_f32(p, a.val[0]);
    vst1q_f32(p + 4, a.val[1]);
}

static inline lanes lanes_set(float x)
{
    return (lanes){{vdupq_n_f32(x), vdupq_n_f32(x)}};
}

static inline lanes lanes_add(lanes a, lanes b)
{
    return (lanes){{vaddq_f32(a.val[0], b.val[0]), vaddq_f32(a.val[1], b.val[1])}};
}

static inline lanes lanes_sub(lanes a, lanes b)
{
    return (lanes){{vsubq_f32(a.val[0], b.val[0]), vsubq_f32(a.val[1], b.val[1])}};
}

static inline lanes lanes_mul(lanes a, lanes b)
{
    return (lanes){{vmulq_f32(a.val[0], b.val[0]), vmulq_f32(a.val[1], b.val[1])}};
}

static inline lanes lanes_div(lanes a, lanes b)
{
    return (lanes){{vdivq_f32(a.val[0], b.val[0]), vdivq_f32(a.val[1], b.val[1])}};
}

static inline lanes lanes_sqrt(lanes a)
{
    return (lanes){{vsqrtq_f32(a.val[0]), vsqrtq_f32(a.val[1])}};
}

static inline lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return (lanes){
        {vfmaq_f32(c.val[0], a.val[0], b.val[0]), vfmaq_f32(c.val[1], a.val[1], b.val[1])}};
}

static inline lanes lanes_fnma(lanes a, lanes b, lanes c)
{
    return (lanes){
        {vfmsq_f32(c.val[0], a.val[0], b.val[0]), vfmsq_f32(c.val[1], a.val[1], b.val[1])}};
}

/* A 4x4 block, given by its rows, turned. */
static inline void transpose_block(float32x4_t v[4])
{
    float32x4x2_t ab = vtrnq_f32(v[0], v[1]), cd = vtrnq_f32(v[2], v[3]);
    v[0] = vcombine_f32(vget_low_f32(ab.val[0]), vget_low_f32(cd.val[0]));
    v[1] = vcombine_f32(vget_low_f32(ab.val[1]), vget_low_f32(cd.val[1]));
    v[2] = vcombine_f32(vget_high_f32(ab.val[0]), vget_high_f32(cd.val[0]));
    v[3] = vcombine_f32(vget_high_f32(ab.val[1]), vget_high_f32(cd.val[1]));
}

static inline void lanes_transpose(lanes v[8])
{
    float32x4_t block[2][2][4]; /* [rows][columns] */
    for (int r = 0; r < 2; r++)
        for (int c = 0; c < 2; c++) {
            for (int i = 0; i < 4; i++)
                block[r][c][i] = v[4 * r + i].val[c];
            transpose_block(block[r][c]);
        }
    for (int i = 0; i < 8; i++)
        v[i] = (lanes){{block[0][i / 4][i % 4], block[1][i / 4][i % 4]}};
}

static inline void lanes_store_interleaved(float *out, lanes a, lanes b)
{
    for (int i = 0; i < 2; i++) {
        float32x4x2_t both = vzipq_f32(a.val[i], b.val[i]);
        vst1q_f32(out + 8 * i, both.val[0]);
        vst1q_f32(out + 8 * i + 4, both.val[1]);
    }
}

static inline lanes lanes_fma_one(float a, lanes b, lanes c)
{
    return (lanes){{vfmaq_n_f32(c.val[0], b.val[0], a), vfmaq_n_f32(c.val[1], b.val[1], a)}};
}

#define LANES_QUAD
typedef float32x4_t lanes_quad;

static inline lanes_quad lanes_quad_load(const float *p)
{
    return vld1q_f32(p);
}

/* lanes_fma_one of number i of a, a constant */
#define lanes_fma_quad(a, i, b, c)                                                                 \
    ((lanes){{vfmaq_laneq_f32((c).val[0], (b).val[0], a, i),                                       \
              vfmaq_laneq_f32((c).val[1], (b).val[1], a, i)}})

/* Not vmaxq_f32: that makes a NaN of one in either. */
static inline lanes lanes_max(lanes a, lanes b)
{
    return (lanes){{vbslq_f32(vcgtq_f32(a.val[0], b.val[0]), a.val[0], b.val[0]),
                    vbslq_f32(vcgtq_f32(a.val[1], b.val[1]), a.val[1], b.val[1])}};
}

static inline lanes lanes_min(lanes a, lanes b)
{
    return (lanes){{vbslq_f32(vcltq_f32(a.val[0], b.val[0]), a.val[0], b.val[0]),
                    vbslq_f32(vcltq_f32(a.val[1], b.val[1]), a.val[1], b.val[1])}};
}

static inline lanes lanes_abs(lanes a)
{
    return (lanes){{vabsq_f32(a.val[0]), vabsq_f32(a.val[1])}};
}

static inline lanes lanes_select_le(lanes a, lanes b, lanes yes, lanes no)
{
    return (lanes){{vbslq_f32(vcleq_f32(a.val[0], b.val[0]), yes.val[0], no.val[0]),
                    vbslq_f32(vcleq_f32(a.val[1], b.val[1]), yes.val[1], no.val[1])}};
}

static inline float lanes_fold(lanes a)
{
    float32x4_t sum = vaddq_f32(a.val[0], a.val[1]);
    float32x2_t half = vadd_f32(vget_low_f32(sum), vget_high_f32(sum));
    return vget_lane_f32(half, 0) + vget_lane_f32(half, 1);
}

static inline float32x4_t add_exponent(float32x4_t a, float32x4_t n)
{
    uint32x4_t power = vshlq_n_u32(vreinterpretq_u32_f32(n), 23);
    return vreinterpretq_f32_u32(vaddq_u32(vreinterpretq_u32_f32(a), power));
}

static inline lanes lanes_add_exponent(lanes a, lanes n)
{
    return (lanes){{add_exponent(a.val[0], n.val[0]), add_exponent(a.val[1], n.val[1])}};
}

static inline lanes lanes_load_f16(const uint16_t *p)
{
    float16x8_t halves = vreinterpretq_f16_u16(vld1q_u16(p));
    return (lanes){{vcvt_f32_f16(vget_low_f16(halves)), vcvt_high_f32_f16(halves)}};
}

static inline lanes lanes_load_bf16(const uint16_t *p)
{
    uint16x8_t in = vld1q_u16(p);
    return (lanes){{vreinterpretq_f32_u32(vshlq_n_u32(vmovl_u16(vget_low_u16(in)), 16)),
                    vreinterpretq_f32_u32(vshlq_n_u32(vmovl_high_u16(in), 16))}};
}

#endif
