#include "peak.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>

enum { WIDTH = 8 };
typedef __m256 vector;
#define BROADCAST(x) _mm256_set1_ps(x)
#define FMA(i)       "vfmadd231ps %12, %13, %" #i "\n\t"
#define IN_REGISTER  "x"
#define BOTH(i)      "+x"(sum[i])
#elif defined(__aarch64__)
#include <arm_neon.h>

enum { WIDTH = 4 };
typedef float32x4_t vector;
#define BROADCAST(x) vdupq_n_f32(x)
#define FMA(i)       "fmla %" #i ".4s, %12.4s, %13.4s\n\t"
#define IN_REGISTER  "w"
#define BOTH(i)      "+w"(sum[i])
#endif

/* Assembly, so that no compiler takes it apart. */
#define ROUNDS(n, sum, factor, term)                                                               \
    for (long i = 0; i < (n); i++)                                                                 \
    __asm__ volatile(FMA(0) FMA(1) FMA(2) FMA(3) FMA(4) FMA(5) FMA(6) FMA(7) FMA(8) FMA(9) FMA(10) \
                         FMA(11)                                                                   \
                     : BOTH(0), BOTH(1), BOTH(2), BOTH(3), BOTH(4), BOTH(5), BOTH(6), BOTH(7),     \
                       BOTH(8), BOTH(9), BOTH(10), BOTH(11)                                        \
                     : IN_REGISTER(factor), IN_REGISTER(term))

double peak_run(long n)
{
    vector sum[12], factor = BROADCAST(0.999f), term = BROADCAST(1e-3f);
    for (int i = 0; i < 12; i++)
        sum[i] = BROADCAST(0);
    ROUNDS(n, sum, factor, term);
    return (double)n * 12 * 2 * WIDTH;
}

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static double peak_run_512(long n)
{
    __m512 factor = _mm512_set1_ps(0.999f), z = _mm512_set1_ps(1e-3f), term = z;
    __m512 sum[12] = {z, z, z, z, z, z,
                      z, z, z, z, z, z}; /* after a loop gcc leaves it in memory */
    ROUNDS(n, sum, factor, term);
    return (double)n * 12 * 2 * 16;
}

peak_loop *peak_of(const char *kernels)
{
    return strcmp(kernels, "avx512") == 0 ? peak_run_512 : peak_run;
}
#else
peak_loop *peak_of(const char *kernels)
{
    (void)kernels;
    return peak_run;
}
#endif
