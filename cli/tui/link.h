/*
 * The studio's line to its worker. Questions are put on a lane and answered on the studio's own
 * thread; three threads do the waiting: one for short calls in order, one for what is large
 * (sounds, pictures), one that listens to events and knows whether the worker is there.
 */
#ifndef TB_CLI_TUI_LINK_H
#define TB_CLI_TUI_LINK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/app.h"
#include "engine/base/str.h"

typedef struct tb_link tb_link;

typedef enum tb_lane { TB_LANE_CALLS, TB_LANE_FETCHES, TB_LANE_COUNT } tb_lane;

typedef enum tb_want {
    TB_WANT_JSON,
    TB_WANT_BYTES, /* at most 16 MB */
    TB_WANT_FILE,
} tb_want;

enum { TB_LINK_ID_MAX = 64 };

/* What came back, or what happened. */
typedef struct tb_reply {
    tb_status status;
    tb_error err;
    json_t *json;            /* JSON; owned by the reply, which is freed after it was handled */
    tb_str bytes;            /* BYTES */
    char *file;              /* FILE: where it is */
    char id[TB_LINK_ID_MAX]; /* of the question */
    int64_t tag;
    double retry_s; /* of an offline notice: when it is tried again */
} tb_reply;

typedef void (*tb_reply_fn)(void *user, tb_reply *reply);

/* All is copied but the body, whose reference is taken. */
typedef struct tb_ask {
    tb_lane lane;
    tb_want want;
    const char *method, *path;
    json_t *body;     /* NULL: none */
    const char *key;  /* Idempotency-Key; NULL: none */
    const char *file; /* FILE: path to write */
    const char *id;   /* given back; NULL: "" */
    int64_t tag;      /* given back */
    tb_reply_fn done; /* NULL: nobody waits for the answer */
} tb_ask;

typedef struct tb_link_options {
    tb_app *app;         /* its settings are read; not changed while the link lives */
    tb_reply_fn event;   /* one of the worker's events; id: its name */
    tb_reply_fn online;  /* json: its health; questions from now on miss no event */
    tb_reply_fn offline; /* err: why; retry_s */
    void *user;          /* of all functions */
} tb_link_options;

TB_MUST_USE tb_status tb_link_new(const tb_link_options *options, tb_link **out, tb_error *err);
/* Questions that are not answered are dropped. Returns within half a second. Accepts NULL. */
void tb_link_free(tb_link *link);

void tb_link_ask(tb_link *link, const tb_ask *ask);
/* Forget the questions of a lane that have not begun and have this `done`. */
void tb_link_forget(tb_link *link, tb_lane lane_index, tb_reply_fn done);
/* Try to reach the worker now. */
void tb_link_retry(tb_link *link);
/* Handle what came; on the studio's thread, after tb_wake. */
void tb_link_dispatch(tb_link *link);

#endif
