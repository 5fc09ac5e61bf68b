/* Sixteen floats in one AVX-512 register; ref/lanes.h says what each function means. */
#ifndef TB_KERNELS_X86_LANES512_H
#define TB_KERNELS_X86_LANES512_H

#include <immintrin.h>
#include <stdint.h>

#define LANES_INLINE static inline __attribute__((always_inline)) /* tiles live in registers */

#define TILE_ROWS   12 /* of the matrix product: 24 accumulators of 32 registers */
#define TILE_PANELS 2

enum { LANES = 16 };

typedef __m512 lanes;

static inline lanes lanes_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void lanes_store(float *p, lanes a)
{
    _mm512_storeu_ps(p, a);
}

static inline lanes lanes_set(float x)
{
    return _mm512_set1_ps(x);
}

static inline lanes lanes_add(lanes a, lanes b)
{
    return _mm512_add_ps(a, b);
}

static inline lanes lanes_sub(lanes a, lanes b)
{
    return _mm512_sub_ps(a, b);
}

static inline lanes lanes_mul(lanes a, lanes b)
{
    return _mm512_mul_ps(a, b);
}

static inline lanes lanes_div(lanes a, lanes b)
{
    return _mm512_div_ps(a, b);
}

static inline lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline lanes lanes_fnma(lanes a, lanes b, lanes c)
{
    return _mm512_fnmadd_ps(a, b, c);
}

/* 128-bit quarters of v[0], v[4], v[8], v[12] to four registers, turned. */
static inline void transpose_quarters(lanes v[16])
{
    lanes low = _mm512_shuffle_f32x4(v[0], v[4], 0x88);  /* quarters 0 2 of each */
    lanes high = _mm512_shuffle_f32x4(v[0], v[4], 0xdd); /* 1 3 */
    lanes low2 = _mm512_shuffle_f32x4(v[8], v[12], 0x88);
    lanes high2 = _mm512_shuffle_f32x4(v[8], v[12], 0xdd);
    v[0] = _mm512_shuffle_f32x4(low, low2, 0x88);
    v[4] = _mm512_shuffle_f32x4(high, high2, 0x88);
    v[8] = _mm512_shuffle_f32x4(low, low2, 0xdd);
    v[12] = _mm512_shuffle_f32x4(high, high2, 0xdd);
}

static inline void lanes_transpose(lanes v[16])
{
    for (int i = 0; i < 16; i += 4) { /* 4x4 blocks turned, then moved */
        lanes a = _mm512_unpacklo_ps(v[i], v[i + 1]), b = _mm512_unpackhi_ps(v[i], v[i + 1]);
        lanes c = _mm512_unpacklo_ps(v[i + 2], v[i + 3]),
              d = _mm512_unpackhi_ps(v[i + 2], v[i + 3]);
        v[i] = _mm512_shuffle_ps(a, c, 0x44);
        v[i + 1] = _mm512_shuffle_ps(a, c, 0xee);
        v[i + 2] = _mm512_shuffle_ps(b, d, 0x44);
        v[i + 3] = _mm512_shuffle_ps(b, d, 0xee);
    }
    for (int i = 0; i < 4; i++)
        transpose_quarters(v + i);
}

static inline lanes lanes_fma_one(float a, lanes b, lanes c)
{
    return _mm512_fmadd_ps(_mm512_set1_ps(a), b, c);
}

static inline lanes lanes_max(lanes a, lanes b)
{
    return _mm512_max_ps(a, b);
}

static inline lanes lanes_min(lanes a, lanes b)
{
    return _mm512_min_ps(a, b);
}

static inline lanes lanes_abs(lanes a)
{
    return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a);
}

static inline lanes lanes_select_le(lanes a, lanes b, lanes yes, lanes no)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LE_OQ), no, yes);
}

static inline float lanes_fold(lanes a)
{
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

static inline lanes lanes_add_exponent(lanes a, lanes n)
{
    __m512i power = _mm512_slli_epi32(_mm512_castps_si512(n), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a), power));
}

static inline lanes lanes_load_f16(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

static inline lanes lanes_load_bf16(const uint16_t *p)
{
    __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

#endif
