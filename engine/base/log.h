/*
 * Logging without globals: a tb_logger is passed down, its sink is the caller's. A zeroed tb_logger
 * is silent. The library itself never writes to a stream.
 */
#ifndef TB_BASE_LOG_H
#define TB_BASE_LOG_H

#include "engine/base/error.h"
#include "timbre/log.h"

typedef struct tb_logger {
    timbre_log_fn fn; /* NULL: silent. May be called from any thread. */
    void *user;
    timbre_log_level min_level;
} tb_logger;

void tb_logger_write(const tb_logger *log, timbre_log_level level, const char *fmt, ...)
    TB_PRINTF(3, 4);

#endif
