/*
 * What wakes the studio's loop: signals and other threads, both through one pipe, so that none is
 * lost between a look at a flag and the wait. One per process.
 */
#ifndef TB_CLI_TUI_WAKE_H
#define TB_CLI_TUI_WAKE_H

#include <stdbool.h>

#include "engine/base/error.h"

typedef struct tb_wake_signals {
    bool has_resized;   /* SIGWINCH */
    bool wants_suspend; /* SIGTSTP from outside */
    int ended_by;       /* SIGTERM, SIGINT, SIGHUP or SIGQUIT; 0: none */
} tb_wake_signals;

/* Make the pipe and catch the signals until deinit. */
TB_MUST_USE tb_status tb_wake_init(tb_error *err);
void tb_wake_deinit(void);

/* From any thread. */
void tb_wake(void);
/* Wait until descriptor `fd` can be read, something woke us or timeout_ms (-1: none) is over;
 * whether fd can be read. */
bool tb_wake_wait(int fd, int timeout_ms);
/* What came since the last call. */
tb_wake_signals tb_wake_take_signals(void);

#endif
