/* Prompts that were entered, the newest last; kept in a file, one a line. */
#ifndef TB_CLI_TUI_HISTORY_H
#define TB_CLI_TUI_HISTORY_H

#include <stddef.h>

#include "engine/base/error.h"

enum { TB_HISTORY_MAX = 1000 };

/* Zero-initialise. */
typedef struct tb_history {
    char **items; /* owned */
    size_t n;
    size_t at;   /* which one the prompt shows; n: the draft */
    char *draft; /* owned: what was written before looking back */
    char *path;  /* owned; NULL: not kept */
} tb_history;

/* Read the file; one that is not there is empty, a damaged line is left out. */
void tb_history_load(tb_history *history, const char *path);
void tb_history_deinit(tb_history *history);
/* Add one, unless it is the last already, and append it to the file, which is cut to its newest
 * when it has twice as many. */
void tb_history_add(tb_history *history, const char *text);
/* The one before (step -1) or after (1) the one that is shown; NULL: there is none. `text`: what
 * the prompt shows now. */
const char *tb_history_step(tb_history *history, int step, const char *text);
/* The newest before index `from` that has `word` (as it is, any case); its index, or -1. */
long tb_history_search(const tb_history *history, const char *word, size_t from);

#endif
