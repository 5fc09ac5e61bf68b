/*
 * The signals that ask the program to end, and the time limit, become one cancel flag. SIGPIPE
 * keeps its meaning: the program dies quietly when nobody reads.
 */
#ifndef TB_CLI_SIGNALS_H
#define TB_CLI_SIGNALS_H

#include <stdbool.h>

#include "timbre/cancel.h"

/* SIGXFSZ is ignored from the start, so that a file size limit is an error and not a death. */
void tb_signals_init(void);
/* From here on SIGINT, SIGTERM, SIGQUIT and SIGHUP (unless ignored: nohup) set the flag instead of
 * ending the process; the second one ends it. */
void tb_signals_catch(void);
/* While on, the second signal does not end the process either: something must be put in order
 * first, such as a file being written or the terminal. Keep it short. */
void tb_signals_hold(bool is_on);

/* Set the flag after `seconds`. */
void tb_signals_set_deadline(double seconds);
/* Stop the clock of the time limit, for what does not count. A limit reached since the last result
 * is forgotten until resume. */
void tb_signals_pause_deadline(void);
void tb_signals_resume_deadline(void);

/* From here on Ctrl-Z waits until tb_signals_stop, so that the terminal and the clock can be put in
 * order first. Not where SIGTSTP is ignored. */
void tb_signals_catch_stop(void);
bool tb_signals_wants_stop(void);
/* Stop the process as Ctrl-Z does. The clock of the time limit stands still meanwhile. Returns the
 * seconds for which it was stopped. */
double tb_signals_stop(void);
/* Whether the process went on since this was last asked, after a stop that was not ours. */
bool tb_signals_take_continued(void);

const timbre_cancel *tb_signals_cancel(void);
/* Ctrl-C ended one piece of work and not the program: forget it. False: another signal asks for
 * more. */
bool tb_signals_forget_interrupt(void);
/* The first signal caught (SIGALRM: the time limit), or 0. */
int tb_signals_caught(void);

/* Wait until descriptor `fd` can be read (POLLIN) or take PIPE_BUF bytes (POLLOUT) without
 * blocking. False when a signal came first. Ctrl-Z is served meanwhile. */
bool tb_signals_wait(int fd, short events);

#endif
