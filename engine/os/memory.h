/* How much memory work may take before the system would have to take it from others. */
#ifndef TB_OS_MEMORY_H
#define TB_OS_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

/* Bytes that this process may still take: what the system calls available, the control group's
 * limit, and the process' own (ulimit -v), whichever is least. */
int64_t tb_memory_available(void);
/* NO_MEMORY when `bytes` more for `what` do not fit: names both. */
TB_MUST_USE tb_status tb_memory_require(const char *what, int64_t bytes, tb_error *err);
/* Give back to the system what was freed and is kept for the next allocation: a network that was
 * let go is to be gone. */
void tb_memory_trim(void);

/* Of a block of this size: that of large pages where it is worth having them, else 0. */
size_t tb_memory_alignment(size_t size);
/* The whole large pages inside the block, of which nothing has been touched yet: one fault fills
 * each instead of hundreds, and one entry of the processor's table of pages finds it. What is left
 * at the end stays in small ones, so that no more is resident than is used. */
void tb_memory_use_large_pages(void *block, size_t size);

/* Most memory that was resident at a time, in bytes; 0 where it is not known. */
int64_t tb_memory_peak(void);

#endif
