/* A worker without threads, in the working folder: its store, its folders, and takes with files. */
#ifndef TESTS_WORKER_KEPT_H
#define TESTS_WORKER_KEPT_H

#include "worker/service.h"

typedef struct kept {
    tb_worker worker;
    tb_worker_options options;
    char data[80], out[80]; /* absolute */
} kept;

/* Fixtures of a test: an empty worker in *state; everything gone. */
int kept_set_up(void **state);
int kept_tear_down(void **state);

/* Close the store and open it again, as after a crash. */
void kept_restart(kept *k);

/* A text file, its folders made. */
void write_text(const char *path, const char *text);
bool is_there(const char *path);

/* Enter a take whose file OUT/NAME has `text`, with a sidecar; its id is made of `number`, 1 .. 99.
 */
void add_take(kept *k, int number, const char *name, const char *text, int64_t made_ms);
/* "00000000-0000-4000-8000-0000000000NN"; static storage, eight at a time. */
const char *id_of(int number);
/* The take's row; the test fails without one. To be emptied. */
tb_stored_take take_of(kept *k, int number);

#endif
