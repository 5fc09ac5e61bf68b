#include "engine/base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

void tb_logger_write(const tb_logger *log, timbre_log_level level, const char *fmt, ...)
{
    if (log == NULL || log->fn == NULL || level < log->min_level)
        return;
    char line[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    log->fn(level, line, log->user);
}
