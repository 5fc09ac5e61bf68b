/* Time: a monotonic clock for durations, the wall clock for names and sidecars. */
#ifndef TB_BASE_CLOCK_H
#define TB_BASE_CLOCK_H

#include <stddef.h>
#include <time.h>

/* Seconds on the monotonic clock; only differences mean anything. */
double tb_clock_seconds(void);
/* CPU seconds used by this process so far (all threads). */
double tb_clock_cpu_seconds(void);
/* `now` as RFC 3339 UTC, "2026-11-22T12:44:05Z", into out[21]. */
void tb_clock_format_utc(time_t now, char out[21]);

#endif
