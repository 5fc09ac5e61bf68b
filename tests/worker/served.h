/* A server with a small table of routes on a free port and a Unix socket, and raw sockets to it. */
#ifndef TESTS_WORKER_SERVED_H
#define TESTS_WORKER_SERVED_H

#include <stdatomic.h>
#include <stddef.h>

#include "worker/http.h"

enum { ANSWER_MAX_BYTES = 1 << 17 };

typedef struct served {
    tb_http *http;
    int port;
    char socket_path[64]; /* in the working folder */
} served;

/* How many states of event streams were made and freed, and answers told. */
extern atomic_int n_states_made, n_states_freed, n_answered;
/* Streams end at their next event. */
extern atomic_bool is_ending;

/* Starts it; limits of 0 are the server's own. A failure fails the test. */
void serve(served *s, int max_connections, int max_streams, int idle_s);
void serve_no_more(served *s);

int connect_tcp(const served *s);
int connect_unix(const served *s);
void send_text(int fd, const char *text);
/* Reads until the other side closes, or 5 s; a text in `answer`. */
void read_to_end(int fd, char *answer);
/* Reads until `mark` has come; fails the test after 5 s. */
void read_until(int fd, const char *mark, char *answer);
/* Sends `text` on a connection of its own, half-closes nothing, reads to the end; the status, 0:
 * closed without an answer. */
int ask(const served *s, const char *text, char *answer);
int status_of(const char *answer);

#endif
