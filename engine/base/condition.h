/* Waiting on a condition for at most so long, by a clock that nobody sets back (on macOS, which has
 * only the wall clock for it, a jump of that makes one wait short or long). */
#ifndef TB_BASE_CONDITION_H
#define TB_BASE_CONDITION_H

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

void tb_condition_init(pthread_cond_t *condition);
/* The moment timeout_ms from now, for tb_condition_wait. */
struct timespec tb_condition_deadline(int timeout_ms);
/* With the mutex held. False: the moment came first. May wake for nothing. */
bool tb_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                       const struct timespec *until);

#endif
