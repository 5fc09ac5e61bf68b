/*
 * SIGINT, SIGTERM and the time limit become one cancel flag. SIGPIPE keeps its meaning: the program
 * dies quietly when nobody reads.
 */
#ifndef TB_CLI_SIGNALS_H
#define TB_CLI_SIGNALS_H

#include "timbre/cancel.h"

/* SIGXFSZ is ignored from the start, so that a file size limit is an error and not a death. */
void tb_signals_init(void);
/* From here on SIGINT and SIGTERM set the flag instead of ending the process; the second one ends
 * it. */
void tb_signals_catch(void);
/* Set the flag after `seconds`. */
void tb_signals_set_deadline(double seconds);

const timbre_cancel *tb_signals_cancel(void);
/* The first signal caught: SIGINT, SIGTERM, SIGALRM (the deadline), or 0. */
int tb_signals_caught(void);

#endif
