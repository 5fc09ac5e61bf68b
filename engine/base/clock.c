#include "engine/base/clock.h"

#include <stdio.h>

static double seconds_of(clockid_t clock)
{
    struct timespec ts = {0};
    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

double tb_clock_seconds(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

double tb_clock_cpu_seconds(void)
{
    return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

void tb_clock_format_utc(time_t now, char out[21])
{
    struct tm tm = {0};
    gmtime_r(&now, &tm);
    if (strftime(out, 21, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        out[0] = '\0';
}
