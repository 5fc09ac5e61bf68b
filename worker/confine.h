/*
 * The generator child's cage. Landlock: files can be read below the given paths alone, and nothing
 * can be written. seccomp: no new programs, processes, sockets, tracing, mounting. Where the kernel
 * has one of them not, the other stands, and tb_confine_lacks says so.
 */
#ifndef TB_WORKER_CONFINE_H
#define TB_WORKER_CONFINE_H

#include "engine/base/error.h"

/*
 * Confine the calling process, for good. `readable` is NULL-terminated: files and folders (missing
 * ones are left out); the system's libraries and tables (/usr, /lib, /etc, /proc, /sys, /dev) are
 * readable as well. FAILED: a part that the kernel has could not be put in force.
 */
TB_MUST_USE tb_status tb_confine(const char *const *readable, tb_error *err);

#endif
