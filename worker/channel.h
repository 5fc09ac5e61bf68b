/*
 * The line between supervisor and generator child: a stream socket with frames, each a line of JSON
 * and, where it says "bytes": N, N bytes behind it. Both ends check what they read: the child has
 * parsed files of strangers.
 */
#ifndef TB_WORKER_CHANNEL_H
#define TB_WORKER_CHANNEL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

enum { TB_CHANNEL_LINE_MAX = 256 << 10 };
#define TB_CHANNEL_BYTES_MAX ((int64_t)512 << 20)

typedef struct tb_channel {
    int fd;       /* -1: closed */
    char *buffer; /* owned */
    size_t at, len, capacity;
} tb_channel;

void tb_channel_init(tb_channel *channel, int fd); /* takes fd */
void tb_channel_deinit(tb_channel *channel);

/* Send a frame; `frame` is borrowed, "bytes" is added for len_bytes > 0. FAILED: the other end is
 * gone. One thread at a time. */
TB_MUST_USE tb_status tb_channel_send(tb_channel *channel, json_t *frame, const void *bytes,
                                      size_t len_bytes, tb_error *err);
/* The next frame within timeout_ms (-1: for ever): TIMED_OUT. NOT_FOUND: the other end closed.
 * BAD_FILE: no frame. *frame is a new reference; *len_bytes bytes follow, to be read with
 * tb_channel_read before the next frame. */
TB_MUST_USE tb_status tb_channel_receive(tb_channel *channel, int timeout_ms, json_t **frame,
                                         int64_t *len_bytes, tb_error *err);
/* Exactly len_bytes of what follows a frame. */
TB_MUST_USE tb_status tb_channel_read(tb_channel *channel, void *out, size_t len_bytes,
                                      tb_error *err);

#endif
