/* What one core can do at most. */
#ifndef TB_BENCH_PEAK_H
#define TB_BENCH_PEAK_H

/* n rounds of 12 independent fused multiply-adds in registers; returns floating point operations.
 */
typedef double peak_loop(long n);

peak_loop peak_run; /* registers of AVX2 or NEON */
/* The loop with the registers of these kernels; of a processor that can run them. */
peak_loop *peak_of(const char *kernels);

#endif
