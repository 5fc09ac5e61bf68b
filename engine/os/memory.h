/* How much memory work may take before the system would have to take it from others. */
#ifndef TB_OS_MEMORY_H
#define TB_OS_MEMORY_H

#include <stdint.h>

#include "engine/base/error.h"

/* Bytes that this process may still take: what the system calls available, the control group's
 * limit, and the process' own (ulimit -v), whichever is least. */
int64_t tb_memory_available(void);
/* NO_MEMORY when `bytes` more for `what` do not fit: names both. */
TB_MUST_USE tb_status tb_memory_require(const char *what, int64_t bytes, tb_error *err);
/* Most memory that was resident at a time, in bytes; 0 where it is not known. */
int64_t tb_memory_peak(void);

#endif
