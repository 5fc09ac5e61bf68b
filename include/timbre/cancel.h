/* One flag that asks running work to stop. Safe from any thread and from a signal handler. */
#ifndef TIMBRE_CANCEL_H
#define TIMBRE_CANCEL_H

#ifdef __cplusplus
extern "C" {
#endif

/* Caller's storage; zero-initialise. Use only through the functions. */
typedef struct timbre_cancel {
    int requested;
} timbre_cancel;

void timbre_cancel_request(timbre_cancel *cancel);
/* Take the request back, so that the flag can serve the next work. */
void timbre_cancel_reset(timbre_cancel *cancel);
int timbre_cancel_is_requested(const timbre_cancel *cancel);

#ifdef __cplusplus
}
#endif
#endif
