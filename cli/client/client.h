/*
 * The program as a client of a worker: over the Unix socket of its own data folder, or over HTTP of
 * the one that --worker names. Answers are JSON; an error of the worker's becomes ours.
 */
#ifndef TB_CLI_CLIENT_CLIENT_H
#define TB_CLI_CLIENT_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/app.h"
#include "timbre/cancel.h"

typedef enum tb_client_how {
    TB_CLIENT_EXISTING, /* WORKER_UNREACHABLE where none runs */
    TB_CLIENT_START,    /* start one for this data folder, unless a URL is named */
} tb_client_how;

/* Zero-initialise. One thread at a time. */
typedef struct tb_client {
    char *base;                  /* URL without a slash at its end; owned */
    char *socket;                /* owned; NULL: `base` is reached over the network */
    char *key;                   /* owned; NULL: none */
    void *easy, *multi;          /* libcurl's */
    const timbre_cancel *cancel; /* may be NULL, and may be changed between calls */
} tb_client;

/* Wire name to status; *out is INTERNAL for one that is not known. */
bool tb_status_from_name(const char *name, tb_status *out);

/* BAD_INPUT: URL or key file. WORKER_UNREACHABLE: nobody answers on the socket. */
TB_MUST_USE tb_status tb_client_open(tb_app *app, tb_client_how how, tb_client *client,
                                     tb_error *err);
void tb_client_close(tb_client *client);

/*
 * One request. `body`: a JSON text or NULL. `headers`: lines "Name: value", NULL-terminated, or
 * NULL. *answer is a new reference, NULL for an answer without a body; may itself be NULL. An
 * answer that is an error becomes that error, with the worker's code, message and fix.
 */
TB_MUST_USE tb_status tb_client_call(tb_client *client, const char *method, const char *path,
                                     const char *body, const char *const *headers, json_t **answer,
                                     tb_error *err);

/* What `data` returns other than OK ends the stream and comes back. */
typedef tb_status (*tb_client_data)(const char *bytes, size_t len_bytes, void *user, tb_error *err);

/* GET without a limit of size or time; cut when nothing came for stall_s seconds. */
TB_MUST_USE tb_status tb_client_stream(tb_client *client, const char *path,
                                       const char *const *headers, double stall_s,
                                       tb_client_data data, void *user, tb_error *err);

/* Write what `path` answers to descriptor `fd`. */
TB_MUST_USE tb_status tb_client_download(tb_client *client, const char *path, int fd,
                                         tb_error *err);

#endif
