/*
 * What runs at this moment, and a bell that rings when anything changes: progress of the running
 * job lives here, not in the store, and waiting streams sleep here. Hints only: with every ring
 * lost, streams are 15 s late and nothing else.
 */
#ifndef TB_WORKER_FEED_H
#define TB_WORKER_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "worker/store.h"

typedef struct tb_feed tb_feed;

/* Progress of the running job. */
typedef struct tb_live {
    char id[TB_ID_BYTES]; /* "": nothing runs */
    int attempt;
    int64_t stamp; /* grows with each change */
    int64_t updated_ms;
    char stage[24]; /* "denoise"; "": not begun */
    int i_stage, n_stages;
    int step, steps; /* of the denoising; 0: no steps */
    double fraction; /* 0 .. 1 of the whole */
    double elapsed_s;
    double rate;  /* steps a second; 0: not known */
    double eta_s; /* < 0: not known */
} tb_live;

TB_MUST_USE tb_status tb_feed_new(tb_feed **out, tb_error *err);
void tb_feed_free(tb_feed *feed);

/* Replace what runs (id "": nothing) and ring. */
void tb_feed_set_live(tb_feed *feed, const tb_live *live);
tb_live tb_feed_live(tb_feed *feed);
/* The newest look at job `id`: PNG, copied; *png is owned, NULL: there is none. *i_step counts. */
void tb_feed_set_preview(tb_feed *feed, const char *id, void *png, size_t len_bytes, int i_step);
TB_MUST_USE tb_status tb_feed_preview(tb_feed *feed, const char *id, void **png, size_t *len_bytes,
                                      int *i_step, tb_error *err);
/* Progress of a pull, as JSON text (copied), by the model's name; NULL text: forget it. */
void tb_feed_set_pull(tb_feed *feed, const char *model, const char *json);
/* Owned; NULL: none. */
char *tb_feed_pull(tb_feed *feed, const char *model);

/* A row of the store changed. */
void tb_feed_ring(tb_feed *feed);
/* Count of rings so far. */
int64_t tb_feed_count(tb_feed *feed);
/* Sleep until the count differs from `seen`, the feed stops or the time is over; the count. */
int64_t tb_feed_wait(tb_feed *feed, int64_t seen, int timeout_ms);
/* Wake everybody for good. */
void tb_feed_stop(tb_feed *feed);
bool tb_feed_is_stopped(tb_feed *feed);

#endif
