/*
 * The worker: a supervisor (HTTP, queue, store, takes) and one generator child. The program's
 * `serve` fills in the options and calls tb_worker_main; the child is the same program started with
 * TB_GENERATOR_ARGUMENT.
 */
#ifndef TB_WORKER_WORKER_H
#define TB_WORKER_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "timbre/log.h"

#define TB_GENERATOR_ARGUMENT "--timbre-generator" /* argv[1] of the child */

enum { TB_WORKER_NAMES_MAX = 8 };

typedef struct tb_worker_options {
    const char *data_dir;                    /* absolute */
    const char *output_dir;                  /* absolute: where takes go */
    const char *name_pattern;                /* of takes; NULL: the engine's */
    const char *listen[TB_WORKER_NAMES_MAX]; /* TCP addresses, NULL-terminated; none: only the Unix
                                                socket */
    const char *key_file;                    /* NULL: no key */
    const char *hosts[TB_WORKER_NAMES_MAX], *origins[TB_WORKER_NAMES_MAX]; /* as tb_http_options */
    bool is_insecure;          /* --insecure-no-auth: other addresses without a key */
    bool is_started_by_client; /* ends idle_exit_s after the last stream and job */
    double idle_exit_s;
    /* the model that answers where none is named: a name, or NULL for the best installed one; with
     * a path where the setting has one */
    const char *model_id, *model_path, *model_tokenizer;
    /* the engine */
    const char *soundfont, *tokenizer, *cpu, *memory; /* as timbre_engine_options */
    int n_threads;
    /* limits */
    int64_t queue_limit;
    double keep_loaded_s, shutdown_grace_s, watchdog_s;
    double retention_days;   /* 0: takes stay */
    int64_t retention_bytes; /* 0: no limit */
    int64_t reserve_bytes;   /* free space below which nothing is begun */
    double trash_days;       /* 30 */
    bool is_warm;            /* load the default model at the start */
    bool logs_json;
    timbre_log_level log_level;
    const char *program; /* path of the executable, for the child; NULL: find it */
    /* Called once when requests are answered, with each URL ("http://127.0.0.1:8000") and the
     * socket's path; may be NULL. */
    void (*announce)(const char *place, void *user);
    void *announce_user;
} tb_worker_options;

/* Sets every limit to its default. */
void tb_worker_options_init(tb_worker_options *options);

/* Serve until a signal. OK after an orderly end. EXISTS: a worker of this data folder runs, with
 * its pid. */
TB_MUST_USE tb_status tb_worker_main(const tb_worker_options *options, tb_error *err);

/* The child's whole life on its end of the channel (descriptor 3); returns the exit status. */
int tb_generator_main(void);

/* ${XDG_RUNTIME_DIR:-/tmp/timbre-UID}/timbre/SHA12.sock for the data folder, which is made when
 * missing. Owned (free). */
TB_MUST_USE tb_status tb_worker_socket_path(const char *data_dir, char **out, tb_error *err);

/* What the kernel offers to confine the child: "" when all, else what is missing, for people. */
const char *tb_confine_lacks(void);

#endif
