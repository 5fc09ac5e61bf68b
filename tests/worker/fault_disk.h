/* SQLite on a disk and with a memory that fail at the Nth call. For one thread. */
#ifndef TESTS_WORKER_FAULT_DISK_H
#define TESTS_WORKER_FAULT_DISK_H

#include <stdbool.h>

#define FAULT_DISK "fault-disk" /* the name of the file system */

typedef enum fault_kind {
    FAULT_DISK_ONCE,
    FAULT_DISK_FULL,
    FAULT_MEMORY,
    FAULT_OUR_MEMORY
} fault_kind;

/* Register the file system and the memory; once, before anything of SQLite. 0: done. */
int fault_disk_install(void);
/* FAULT_MEMORY is SQLite's, FAULT_OUR_MEMORY what our library asks for (support/faults.h). */
/* The nth call from now on fails; FAULT_DISK_FULL: and all later ones. n = 0: none any more. */
void fault_disk_arm(fault_kind kind, long n);
/* Whether one has failed since it was armed. */
bool fault_disk_has_failed(void);

#endif
