#include "worker/channel.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/clock.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS: SO_NOSIGPIPE on the socket instead */
#endif

void tb_channel_init(tb_channel *channel, int fd)
{
    *channel = (tb_channel){.fd = fd};
#ifdef SO_NOSIGPIPE
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
}

void tb_channel_deinit(tb_channel *channel)
{
    if (channel->fd >= 0)
        close(channel->fd);
    free(channel->buffer);
    *channel = (tb_channel){.fd = -1};
}

static tb_status send_all(int fd, const char *bytes, size_t len_bytes, tb_error *err)
{
    while (len_bytes > 0) {
        ssize_t n = send(fd, bytes, len_bytes, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return tb_fail(err, TIMBRE_FAILED, "the other end of the channel is gone");
        bytes += n;
        len_bytes -= (size_t)n;
    }
    return TIMBRE_OK;
}

tb_status tb_channel_send(tb_channel *channel, json_t *frame, const void *bytes, size_t len_bytes,
                          tb_error *err)
{
    if (len_bytes > 0 &&
        json_object_set_new(frame, "bytes", json_integer((json_int_t)len_bytes)) != 0)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a frame");
    char *line = json_dumps(frame, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
    if (line == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a frame");
    size_t len = strlen(line);
    tb_status st = TIMBRE_OK;
    if (len >= TB_CHANNEL_LINE_MAX)
        st = tb_fail(err, TIMBRE_INTERNAL, "a frame of %zu bytes exceeds %d", len,
                     TB_CHANNEL_LINE_MAX);
    line[len] = '\n'; /* in the place of the NUL: one send for a whole frame */
    if (st == TIMBRE_OK)
        st = send_all(channel->fd, line, len + 1, err);
    free(line);
    return st == TIMBRE_OK ? send_all(channel->fd, bytes, len_bytes, err) : st;
}

/* Wait until there is something to read. */
static tb_status wait_readable(int fd, double until_s, tb_error *err)
{
    for (;;) {
        double left_s = until_s - tb_clock_seconds();
        int timeout_ms = until_s < 0 ? -1 : left_s <= 0 ? 0 : (int)(left_s * 1000) + 1;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int n = poll(&p, 1, timeout_ms);
        if (n > 0)
            return TIMBRE_OK;
        if (n == 0)
            return tb_fail(err, TIMBRE_TIMED_OUT, "nothing came over the channel");
        if (errno != EINTR)
            return tb_fail_errno(err, errno, "cannot wait for the channel");
    }
}

/* Bytes from the socket; *n is 0 only at the end. */
static tb_status receive_some(int fd, void *out, size_t cap, size_t *n, tb_error *err)
{
    ssize_t got;
    do
        got = recv(fd, out, cap, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno != ECONNRESET)
        return tb_fail_errno(err, errno, "cannot read the channel");
    *n = got < 0 ? 0 : (size_t)got;
    return TIMBRE_OK;
}

static tb_status make_room(tb_channel *c, tb_error *err)
{
    if (c->at > 0) {
        memmove(c->buffer, c->buffer + c->at, c->len - c->at);
        c->len -= c->at;
        c->at = 0;
    }
    if (c->len < c->capacity)
        return TIMBRE_OK;
    if (c->capacity >= TB_CHANNEL_LINE_MAX)
        return tb_fail(err, TIMBRE_BAD_FILE, "a line of the channel exceeds %d bytes",
                       TB_CHANNEL_LINE_MAX);
    size_t capacity = c->capacity == 0 ? 4096 : 2 * c->capacity;
    char *larger = realloc(c->buffer, capacity);
    if (larger == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the channel");
    c->buffer = larger;
    c->capacity = capacity;
    return TIMBRE_OK;
}

/* Fill the buffer up to the end of a line, whose length without it is *len. */
static tb_status receive_line(tb_channel *c, double until_s, size_t *len, tb_error *err)
{
    for (;;) {
        char *end = c->len == c->at ? NULL : memchr(c->buffer + c->at, '\n', c->len - c->at);
        if (end != NULL) {
            *len = (size_t)(end - (c->buffer + c->at));
            return TIMBRE_OK;
        }
        size_t n = 0;
        tb_status st = wait_readable(c->fd, until_s, err);
        if (st == TIMBRE_OK)
            st = make_room(c, err);
        if (st == TIMBRE_OK)
            st = receive_some(c->fd, c->buffer + c->len, c->capacity - c->len, &n, err);
        if (st == TIMBRE_OK && n == 0)
            st = tb_fail(err, TIMBRE_NOT_FOUND, "the other end closed the channel");
        if (st != TIMBRE_OK)
            return st;
        c->len += n;
    }
}

tb_status tb_channel_receive(tb_channel *c, int timeout_ms, json_t **frame, int64_t *len_bytes,
                             tb_error *err)
{
    size_t len = 0;
    *frame = NULL;
    double until_s = timeout_ms < 0 ? -1 : tb_clock_seconds() + timeout_ms / 1e3;
    tb_status st = receive_line(c, until_s, &len, err);
    if (st != TIMBRE_OK)
        return st;
    json_t *object = json_loadb(c->buffer + c->at, len, JSON_REJECT_DUPLICATES, NULL);
    c->at += len + 1;
    const json_t *bytes = json_object_get(object, "bytes"); /* absent: none */
    json_int_t n = json_integer_value(bytes);
    if (!json_is_object(object) || (bytes != NULL && !json_is_integer(bytes)) || n < 0 ||
        n > TB_CHANNEL_BYTES_MAX) {
        json_decref(object);
        return tb_fail(err, TIMBRE_BAD_FILE, "a line of the channel is no frame");
    }
    *frame = object;
    *len_bytes = n;
    return TIMBRE_OK;
}

tb_status tb_channel_read(tb_channel *c, void *out, size_t len_bytes, tb_error *err)
{
    enum { PATIENCE_S = 30 }; /* a sender in the middle of a frame */
    size_t done = c->len - c->at < len_bytes ? c->len - c->at : len_bytes;
    if (done > 0)
        memcpy(out, c->buffer + c->at, done);
    c->at += done;
    while (done < len_bytes) {
        size_t n = 0;
        tb_status st = wait_readable(c->fd, tb_clock_seconds() + PATIENCE_S, err);
        if (st == TIMBRE_OK)
            st = receive_some(c->fd, (char *)out + done, len_bytes - done, &n, err);
        if (st == TIMBRE_OK && n == 0)
            st = tb_fail(err, TIMBRE_NOT_FOUND, "the channel closed in the middle of a frame");
        if (st != TIMBRE_OK)
            return st;
        done += n;
    }
    return TIMBRE_OK;
}
