/* Listening sockets: TCP addresses as text, the worker's Unix socket, and those that systemd
 * hands over. */
#ifndef TB_WORKER_LISTEN_H
#define TB_WORKER_LISTEN_H

#include <stdbool.h>

#include "engine/base/error.h"

typedef struct tb_listen_address {
    char host[64]; /* "127.0.0.1", "::1", "0.0.0.0": numeric */
    int port;      /* 0: any free one */
    bool is_loopback;
} tb_listen_address;

/* "127.0.0.1:8000", "[::1]:8000", "localhost:8000", ":8000" (loopback). BAD_INPUT with what is
 * wrong. */
TB_MUST_USE tb_status tb_listen_parse(const char *text, tb_listen_address *out, tb_error *err);
/* *fd is listening and close-on-exec; address->port becomes the true one. EXISTS: the port is in
 * use, with what to do. */
TB_MUST_USE tb_status tb_listen_tcp(tb_listen_address *address, int *fd, tb_error *err);
/* The Unix socket `path` (mode 0600, its folder 0700 and ours, made when missing). A socket that
 * nobody answers is replaced: the caller holds worker.lock. */
TB_MUST_USE tb_status tb_listen_unix(const char *path, int *fd, tb_error *err);
/* Sockets from LISTEN_FDS (sd_listen_fds(3)); 0 when there are none. */
int tb_listen_inherited(int fds[], int max);

#endif
