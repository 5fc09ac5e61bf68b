#include "report.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "peak.h"

/* Some milliseconds each: other programs are not in the way of all of them. */
enum { PEAK_ROUNDS = 200000, N_PEAKS = 20 };

bool report_option(report *r, int argc, char **argv, int *i)
{
    const char *name = argv[*i], *value = *i + 1 < argc ? argv[*i + 1] : NULL;
    if (value == NULL)
        return false;
    if (strcmp(name, "--cpu") == 0)
        r->cpu = value;
    else if (strcmp(name, "--threads") == 0)
        r->n_threads = atoi(value);
    else if (strcmp(name, "--csv") == 0)
        r->csv_path = value;
    else
        return false;
    (*i)++;
    return true;
}

static void ok(tb_status st, const tb_error *err)
{
    if (st == TIMBRE_OK)
        return;
    fprintf(stderr, "bench: %s\n", err->message);
    exit(EXIT_FAILURE);
}

void report_start(report *r)
{
    tb_error err = {0};
    ok(tb_kernels_choose(r->cpu, &r->kernels, &err), &err);
    ok(tb_pool_new(r->n_threads, &r->pool, &err), &err);
    if (r->csv_path == NULL)
        return;
    r->csv = fopen(r->csv_path, "w");
    if (r->csv == NULL) {
        perror(r->csv_path);
        exit(EXIT_FAILURE);
    }
    fputs("row,value,unit,gflop,peak,peak_narrow\n", r->csv);
}

void report_stop(report *r)
{
    tb_pool_free(r->pool);
    if (r->csv == NULL)
        return;
    bool is_bad = ferror(r->csv) != 0;
    if (fclose(r->csv) != 0 || is_bad) {
        fprintf(stderr, "bench: %s could not be written\n", r->csv_path);
        exit(EXIT_FAILURE);
    }
}

static void run_peak(int i_task, void *user)
{
    peak_loop *const *loop = user;
    (void)i_task;
    (void)(*loop)(PEAK_ROUNDS);
}

/* GFLOP/s of a loop on all threads: the best of some runs and `best`. A short loop meets other
 * programs more than a stage does, and one that was disturbed would flatter the stage. */
static double measure(const report *r, peak_loop *loop, double best)
{
    int n = tb_pool_n_threads(r->pool);
    double work = loop(1) * PEAK_ROUNDS * n;
    for (int i = 0; i < N_PEAKS; i++) {
        double start = tb_clock_seconds();
        tb_pool_run(r->pool, n, run_peak, &loop);
        double rate = 1e-9 * work / (tb_clock_seconds() - start);
        best = rate > best ? rate : best;
    }
    return best;
}

void report_peak(report *r)
{
    peak_loop *own = peak_of(tb_kernels_name(r->kernels));
    r->peak_narrow = measure(r, peak_run, r->peak_narrow);
    r->peak = own == peak_run ? r->peak_narrow : measure(r, own, r->peak);
}

void report_row(report *r, const char *name, double seconds, double gflop)
{
    report_peak(r);
    printf("%-48s %9.4f s", name, seconds);
    if (gflop > 0)
        printf("  %7.1f GFLOP/s  %5.1f %% of %.1f", gflop / seconds,
               100 * gflop / seconds / r->peak, r->peak);
    printf("\n");
    (void)fflush(stdout);
    if (r->csv != NULL)
        fprintf(r->csv, "\"%s\",%.6f,s,%.6f,%.2f,%.2f\n", name, seconds, gflop, r->peak,
                r->peak_narrow);
}

void report_value(report *r, const char *name, double value, const char *unit)
{
    printf("%-48s %9.2f %s\n", name, value, unit);
    if (r->csv != NULL)
        fprintf(r->csv, "\"%s\",%.6f,%s,0,%.2f,%.2f\n", name, value, unit, r->peak, r->peak_narrow);
}
