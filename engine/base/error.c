#define TB_ERROR_C
#include "engine/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const char *wire;
    int exit_code;
    int http;
    const char *text;
} status_info;

static const status_info status_table[TIMBRE_STATUS_COUNT] = {
#define STATUS_ROW(id, wire, exit_code, http, text) [TIMBRE_##id] = {wire, exit_code, http, text},
    TIMBRE_STATUS_LIST(STATUS_ROW)
#undef STATUS_ROW
};

static const status_info *status_lookup(timbre_status status)
{
    unsigned i = (unsigned)status;
    return &status_table[i < TIMBRE_STATUS_COUNT ? i : TIMBRE_INTERNAL];
}

const char *timbre_status_name(timbre_status status)
{
    return status_lookup(status)->wire;
}

const char *timbre_status_text(timbre_status status)
{
    return status_lookup(status)->text;
}

int timbre_status_exit_code(timbre_status status)
{
    return status_lookup(status)->exit_code;
}

int timbre_status_http(timbre_status status)
{
    return status_lookup(status)->http;
}

tb_status tb_fail(tb_error *err, tb_status code, const char *fmt, ...)
{
    if (err == NULL)
        return code;
    va_list args;
    va_start(args, fmt);
    err->code = code;
    err->sys_errno = 0;
    err->fix[0] = '\0';
    vsnprintf(err->message, sizeof err->message, fmt, args);
    va_end(args);
    return code;
}

static tb_status status_from_errno(int sys_errno)
{
    switch (sys_errno) {
    case ENOENT:
    case ENOTDIR:
        return TIMBRE_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return TIMBRE_PERMISSION;
    case ENOSPC:
    case EDQUOT:
        return TIMBRE_NO_SPACE;
    case EEXIST:
        return TIMBRE_EXISTS;
    case ENOMEM:
        return TIMBRE_NO_MEMORY;
    default:
        return TIMBRE_IO;
    }
}

tb_status tb_fail_errno(tb_error *err, int sys_errno, const char *fmt, ...)
{
    tb_status code = status_from_errno(sys_errno);
    if (err == NULL)
        return code;
    va_list args;
    va_start(args, fmt);
    err->code = code;
    err->sys_errno = sys_errno;
    err->fix[0] = '\0';
    int n = vsnprintf(err->message, sizeof err->message, fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof err->message)
        snprintf(err->message + n, sizeof err->message - (size_t)n, ": %s", strerror(sys_errno));
    return code;
}

void tb_error_name(tb_error *err, const char *name)
{
    if (err == NULL || strstr(err->message, name) != NULL)
        return;
    char message[sizeof err->message];
    memcpy(message, err->message, sizeof message);
    snprintf(err->message, sizeof err->message, "'%.200s': %.300s", name, message);
}

void tb_fix(tb_error *err, const char *fmt, ...)
{
    if (err == NULL)
        return;
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->fix, sizeof err->fix, fmt, args);
    va_end(args);
}
