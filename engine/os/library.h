/*
 * Shared libraries that are used where they are installed and missed nowhere: the one place that
 * opens them. An opened library stays: code of it may run at any time until the process ends.
 */
#ifndef TB_OS_LIBRARY_H
#define TB_OS_LIBRARY_H

#include <stdbool.h>

typedef struct tb_library tb_library;

/* `name` is looked for as the system does ("libx.so.0"), or is a path. Its code runs, and threads
 * that it starts get no signals. Borrowed, valid for ever; NULL: not here. */
tb_library *tb_library_open(const char *name);

/* *function, a pointer to a function of the type that `symbol` has; NULL and false: not there.
 * Libraries that this one needs are searched too. */
bool tb_library_find(tb_library *library, const char *symbol, void *function);

#endif
