/* Talking to the service manager: the protocol of sd_notify(3), without libsystemd. */
#ifndef TB_WORKER_NOTIFY_H
#define TB_WORKER_NOTIFY_H

#include <stdbool.h>

#include "engine/base/error.h"

/*
 * Send `state` ("READY=1\nSTATUS=listening") to NOTIFY_SOCKET: a path, or an abstract name that
 * begins with '@'. Whether it was sent; false also where no manager listens (no NOTIFY_SOCKET), so
 * callers rarely look. Safe from any thread as long as nobody changes the environment.
 */
bool tb_notify(const char *state);

/* Seconds within which the manager wants "WATCHDOG=1" (WATCHDOG_USEC, meant for this process);
 * 0: it does not. Ping at half of it. */
double tb_notify_watchdog_s(void);

#endif
