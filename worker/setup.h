/* What a worker needs before it can begin: folders, the lock, sockets, the key. */
#ifndef TB_WORKER_SETUP_H
#define TB_WORKER_SETUP_H

#include "worker/listen.h"
#include "worker/service.h"

typedef struct tb_doors {
    int fds[TB_LISTEN_MAX];
    bool is_unix[TB_LISTEN_MAX];
    char url[TB_LISTEN_MAX][80]; /* "http://127.0.0.1:8000"; of the Unix socket "" */
    size_t n;
    char *socket_path; /* owned: ours to remove; NULL: handed over, or none */
    char *key;         /* owned; NULL: none */
} tb_doors;

/* The data folder with its parts and the output folder, made when missing; the paths of *worker. */
TB_MUST_USE tb_status tb_setup_folders(tb_worker *worker, tb_error *err);
/* DATA_DIR/worker.lock, with our pid in it. EXISTS: another worker holds it. *fd is to be kept
 * open.
 */
TB_MUST_USE tb_status tb_setup_lock(const tb_worker *worker, int *fd, tb_error *err);
/* Read the key, refuse what would be open to strangers without one, then listen everywhere. */
TB_MUST_USE tb_status tb_setup_doors(const tb_worker *worker, tb_doors *doors, tb_error *err);
/* Close what was not handed on, remove the socket. */
void tb_doors_deinit(tb_doors *doors);

#endif
