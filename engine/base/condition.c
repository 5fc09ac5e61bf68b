#include "engine/base/condition.h"

#ifdef __APPLE__
static const clockid_t wait_clock = CLOCK_REALTIME;
#else
static const clockid_t wait_clock = CLOCK_MONOTONIC;
#endif

void tb_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
#ifndef __APPLE__
    (void)pthread_condattr_setclock(&attributes, wait_clock);
#endif
    (void)pthread_cond_init(condition, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

struct timespec tb_condition_deadline(int timeout_ms)
{
    struct timespec at;
    (void)clock_gettime(wait_clock, &at);
    at.tv_sec += timeout_ms / 1000;
    at.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

bool tb_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                       const struct timespec *until)
{
    return pthread_cond_timedwait(condition, mutex, until) == 0;
}
