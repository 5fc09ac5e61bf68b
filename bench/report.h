/*
 * How benchmarks of the network say what they measured: seconds, and the share of the fused
 * multiply-adds in registers that the same threads reach around each row. A table for people, CSV
 * for bench/network.
 */
#ifndef TB_BENCH_REPORT_H
#define TB_BENCH_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "engine/kernels/kernels.h"
#include "engine/os/pool.h"

#define REPORT_OPTIONS "[--cpu NAME] [--threads N] [--csv FILE]"

typedef struct report {
    const char *cpu, *csv_path; /* as asked for; NULL: the best kernels, no file */
    int n_threads;              /* as asked for; 0: as many as there are */
    const tb_kernels *kernels;
    tb_pool *pool;
    double peak;        /* GFLOP/s in the registers of the kernels, the best so far */
    double peak_narrow; /* in those of AVX2 or NEON */
    FILE *csv;
} report;

/* Takes argv[*i] and its value, if it is one of REPORT_OPTIONS; *i is then at the value. */
bool report_option(report *r, int argc, char **argv, int *i);
/* Opens what the options ask for; ends the program where that fails. */
void report_start(report *r);
void report_stop(report *r);
/* Measures the peak of all threads: what is around a row should do so before it. */
void report_peak(report *r);
/* After the row: measures the peak again. gflop: what was computed, 0 where nobody counted. */
void report_row(report *r, const char *name, double seconds, double gflop);
/* Anything else. */
void report_value(report *r, const char *name, double value, const char *unit);

#endif
