/* Rows for tests of the store: jobs and takes that differ in their number only. */
#ifndef TESTS_WORKER_STORES_H
#define TESTS_WORKER_STORES_H

#include "worker/store.h"

/* A UUID with this number in it; one of four buffers that take turns. */
const char *id_of(int n);
/* An owned take with the id, path and hash of this number. */
tb_stored_take take_of(int n);
/* A submission without a key. */
tb_submission job_of(int n);

#endif
