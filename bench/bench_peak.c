/* The fused multiply-adds in registers that some threads reach now, for what runs in between. */
#include "report.h"

int main(int argc, char **argv)
{
    report r = {0};
    for (int i = 1; i < argc; i++)
        if (!report_option(&r, argc, argv, &i)) {
            fputs("usage: bench_peak " REPORT_OPTIONS "\n", stderr);
            return 2;
        }
    report_start(&r);
    report_peak(&r);
    report_value(&r, tb_kernels_name(r.kernels), r.peak, "GFLOP/s");
    report_stop(&r);
    return 0;
}
