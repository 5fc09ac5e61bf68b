/* What one core can do at most. */
#ifndef TB_BENCH_PEAK_H
#define TB_BENCH_PEAK_H

/* n rounds of 12 independent fused multiply-adds in registers; returns floating point operations.
 */
double peak_run(long n);

#endif
