/*
 * How long work reports and is told to stop: a fraction out, a flag in. Passed down by value or
 * pointer; a NULL tb_progress means nobody listens and nobody cancels.
 */
#ifndef TB_BASE_PROGRESS_H
#define TB_BASE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"
#include "timbre/cancel.h"

typedef struct tb_progress {
    void (*fn)(double fraction, void *user); /* may be NULL; called from the caller's thread only */
    void *user;
    const timbre_cancel *cancel; /* may be NULL */
} tb_progress;

static inline bool tb_progress_is_cancelled(const tb_progress *p)
{
    return p != NULL && p->cancel != NULL && timbre_cancel_is_requested(p->cancel);
}

/* CANCELLED when a stop is asked for: the one way to say so. */
TB_MUST_USE static inline tb_status tb_progress_check(const tb_progress *p, tb_error *err)
{
    return tb_progress_is_cancelled(p) ? tb_fail(err, TIMBRE_CANCELLED, "interrupted") : TIMBRE_OK;
}

static inline void tb_progress_report(const tb_progress *p, double fraction)
{
    if (p != NULL && p->fn != NULL)
        p->fn(fraction, p->user);
}

#endif
