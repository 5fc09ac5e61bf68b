#include "cli/client/events.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"

/* The worker sends a comment every 15 s at most. */
enum { LINE_MAX_BYTES = 1 << 20, STALL_S = 45, LOST_MAX_S = 30 };

static tb_status end_event(tb_event_reader *r, tb_error *err)
{
    if (r->data.len == 0 && r->event[0] == '\0')
        return TIMBRE_OK;
    const char *name = r->event[0] != '\0' ? r->event : "message";
    json_t *data = json_loadb(tb_str_text(&r->data), r->data.len,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    tb_status st = r->fn(name, data, r->user, err);
    json_decref(data);
    r->has_ended |= strcmp(name, "end") == 0;
    r->event[0] = '\0';
    r->data.len = 0;
    return st;
}

static void take_field(tb_event_reader *r, const char *line)
{
    size_t n = strcspn(line, ":");
    const char *value = line[n] == ':' ? line + n + 1 : line + n;
    value += value[0] == ' ';
    if (n == 5 && strncmp(line, "event", n) == 0) {
        (void)snprintf(r->event, sizeof r->event, "%s", value);
    } else if (n == 2 && strncmp(line, "id", n) == 0) {
        (void)snprintf(r->id, sizeof r->id, "%s", value);
    } else if (n == 4 && strncmp(line, "data", n) == 0) {
        if (r->data.len > 0)
            tb_str_append(&r->data, "\n");
        tb_str_append(&r->data, value);
    }
}

static tb_status end_line(tb_event_reader *r, tb_error *err)
{
    if (r->line.failed || r->data.failed)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the worker's events");
    if (r->line.len > 0 && r->line.bytes[r->line.len - 1] == '\r')
        r->line.bytes[--r->line.len] = '\0';
    const char *line = tb_str_text(&r->line);
    tb_status st = TIMBRE_OK;
    if (r->line.len == 0)
        st = end_event(r, err);
    else if (line[0] != ':')
        take_field(r, line);
    r->line.len = 0;
    if (r->line.bytes != NULL)
        r->line.bytes[0] = '\0';
    return st;
}

tb_status tb_events_feed(const char *bytes, size_t len_bytes, void *user, tb_error *err)
{
    tb_event_reader *r = user;
    tb_status st = TIMBRE_OK;
    while (st == TIMBRE_OK && len_bytes > 0) {
        const char *newline = memchr(bytes, '\n', len_bytes);
        size_t n = newline != NULL ? (size_t)(newline - bytes) : len_bytes;
        if (n + r->line.len + r->data.len > LINE_MAX_BYTES)
            return tb_fail(err, TIMBRE_BAD_FILE, "an event of the worker exceeds %d bytes",
                           LINE_MAX_BYTES);
        tb_str_append_bytes(&r->line, bytes, n);
        if (newline != NULL)
            st = end_line(r, err);
        n += newline != NULL;
        bytes += n;
        len_bytes -= n;
    }
    return st;
}

void tb_event_reader_deinit(tb_event_reader *reader)
{
    tb_str_deinit(&reader->line);
    tb_str_deinit(&reader->data);
}

/* What was read of an event when the connection broke comes again. */
static void forget_half(tb_event_reader *r)
{
    tb_str_deinit(&r->line);
    tb_str_deinit(&r->data);
    r->event[0] = '\0';
}

typedef struct {
    tb_event_reader reader;
    tb_status told; /* of the callback: ours, not the connection's */
    double heard_s;
} following;

static tb_status feed(const char *bytes, size_t n, void *user, tb_error *err)
{
    following *f = user;
    f->heard_s = tb_clock_seconds();
    f->told = tb_events_feed(bytes, n, &f->reader, err);
    return f->told;
}

tb_status tb_events_follow(tb_client *client, const char *path, tb_event_fn fn, void *user,
                           tb_error *err)
{
    following f = {.reader = {.fn = fn, .user = user}, .heard_s = tb_clock_seconds()};
    tb_status st;
    for (;;) {
        char last[96];
        (void)snprintf(last, sizeof last, "Last-Event-ID: %s", f.reader.id);
        const char *headers[] = {"Accept: text/event-stream", f.reader.id[0] != '\0' ? last : NULL,
                                 NULL};
        st = tb_client_stream(client, path, headers, STALL_S, feed, &f, err);
        if (f.reader.has_ended || f.told != TIMBRE_OK)
            break;
        if (st == TIMBRE_OK) /* closed before its end: as good as lost */
            st = tb_fail(err, TIMBRE_WORKER_UNREACHABLE, "the worker closed the connection");
        bool can_return = st == TIMBRE_WORKER_UNREACHABLE || st == TIMBRE_STOPPING;
        if (!can_return || tb_clock_seconds() - f.heard_s > LOST_MAX_S)
            break;
        forget_half(&f.reader);
        (void)usleep(250000);
    }
    if (f.reader.has_ended && f.told == TIMBRE_OK)
        st = TIMBRE_OK;
    tb_event_reader_deinit(&f.reader);
    return st;
}
