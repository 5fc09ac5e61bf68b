/* Server-sent events of a worker: what happens to a job, until it ends. */
#ifndef TB_CLI_CLIENT_EVENTS_H
#define TB_CLI_CLIENT_EVENTS_H

#include <jansson.h>

#include "cli/client/client.h"
#include "engine/base/str.h"

/* `data` is NULL where it is no JSON. What it returns other than OK ends the reading and comes
 * back. */
typedef tb_status (*tb_event_fn)(const char *event, const json_t *data, void *user, tb_error *err);

/* Lines on their way to events. Zero-initialise, with fn and user. */
typedef struct tb_event_reader {
    tb_event_fn fn;
    void *user;
    tb_str line, data;
    char event[32], id[64]; /* of the event that is being read; of the last one with an id */
    bool has_ended;         /* "end" came */
} tb_event_reader;

/* As tb_client_data; user: the reader. */
TB_MUST_USE tb_status tb_events_feed(const char *bytes, size_t len_bytes, void *user,
                                     tb_error *err);
void tb_event_reader_deinit(tb_event_reader *reader);

/*
 * Read GET `path` until its "end", coming back with Last-Event-ID where the connection is lost.
 * WORKER_UNREACHABLE when it is lost for 30 s.
 */
TB_MUST_USE tb_status tb_events_follow(tb_client *client, const char *path, tb_event_fn fn,
                                       void *user, tb_error *err);

#endif
