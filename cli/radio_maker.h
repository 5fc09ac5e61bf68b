/*
 * The thread of a radio that has clips made by the worker, one job after another, while the queue
 * has room for them.
 */
#ifndef TB_CLI_RADIO_MAKER_H
#define TB_CLI_RADIO_MAKER_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/app.h"
#include "cli/radio_plan.h"
#include "cli/radio_queue.h"

typedef struct tb_radio_maker tb_radio_maker;

typedef struct tb_radio_maker_options {
    tb_app *app;        /* borrowed, with all below until stop */
    const json_t *base; /* fields of every clip; NULL: none */
    bool is_sketch;     /* see tb_radio_step_body */
    bool discards;      /* what was played leaves the history */
    tb_radio_queue *queue;
    tb_radio_plan *plan; /* the maker's alone meanwhile */
} tb_radio_maker_options;

typedef struct tb_radio_making {
    bool is_making;
    tb_radio_step step; /* of the clip that is made */
    char trouble[200];  /* why it is tried again; "": all is well */
    tb_error failure;   /* code OK unless it gave up */
} tb_radio_making;

TB_MUST_USE tb_status tb_radio_maker_start(const tb_radio_maker_options *options,
                                           tb_radio_maker **out, tb_error *err);
/* Go on behind `leg`, and cancel what is made. The queue's clips ahead are the caller's to drop. */
void tb_radio_maker_skip(tb_radio_maker *maker, int64_t leg);
void tb_radio_maker_get(tb_radio_maker *maker, tb_radio_making *out);
/* Cancel what is made, close the queue, wait and free. Accepts NULL. */
void tb_radio_maker_stop(tb_radio_maker *maker);

#endif
