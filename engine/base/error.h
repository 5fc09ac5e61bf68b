/*
 * Internal names for the public status and error value, and the one way to fill them.
 */
#ifndef TB_BASE_ERROR_H
#define TB_BASE_ERROR_H

#include "timbre/status.h"

#define TB_MUST_USE          TIMBRE_MUST_USE
#define TB_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

typedef timbre_status tb_status;
typedef timbre_error tb_error;

/*
 * Fill `err` (may be NULL) and return `code`, so that a failure is one line:
 *     return tb_fail(err, TIMBRE_BAD_INPUT, "tempo %d exceeds %d", tempo, TB_TEMPO_MAX);
 * Messages: lower case, name + value + limit. Clears an earlier fix.
 */
tb_status tb_fail(tb_error *err, tb_status code, const char *fmt, ...) TB_PRINTF(3, 4);

/* As tb_fail; the code is chosen from `sys_errno` (ENOSPC, EACCES, ENOENT, ...) and its text is
 * appended after ": ". Pass errno as it was right after the call that failed. */
tb_status tb_fail_errno(tb_error *err, int sys_errno, const char *fmt, ...) TB_PRINTF(3, 4);

#if defined(__clang_analyzer__) && !defined(TB_ERROR_C)
/* clang-tidy looks at one file at a time: shows it that what comes back is never TIMBRE_OK. */
#define tb_fail(err, code, ...) ((void)tb_fail(err, code, __VA_ARGS__), (tb_status)(code))
#define tb_fail_errno(...)      ((void)tb_fail_errno(__VA_ARGS__), TIMBRE_FAILED)
#endif

/* Put "'name': " before the message just reported, unless the message has the name already. */
void tb_error_name(tb_error *err, const char *name);

/* Set what to do about the error just reported; err may be NULL. */
void tb_fix(tb_error *err, const char *fmt, ...) TB_PRINTF(2, 3);

#endif
