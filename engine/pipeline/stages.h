/*
 * The named stages of one generation: which one runs, how far it is, how long each took. Fractions
 * come from real work only.
 */
#ifndef TB_PIPELINE_STAGES_H
#define TB_PIPELINE_STAGES_H

#include <jansson.h>

#include "engine/base/log.h"
#include "engine/base/progress.h"
#include "timbre/engine.h"

enum { TB_STAGES_MAX = 12 };

typedef struct tb_stage {
    const char *name;
    double weight; /* share of the whole time as measured; the weights of a list add up to 1 */
} tb_stage;

typedef struct tb_stages {
    const tb_stage *list;
    int n;
    int current; /* -1 before the first */
    double started_s, stage_started_s;
    double seconds[TB_STAGES_MAX]; /* of each stage that ended */
    timbre_progress_fn fn;
    void *user;
    const tb_logger *log;
    tb_progress progress; /* hand this to the work of the current stage */
} tb_stages;

/* Who wants to know, and who may stop the work; each may be NULL. */
typedef struct tb_stages_listener {
    timbre_progress_fn fn;
    void *user;
    const timbre_cancel *cancel;
} tb_stages_listener;

void tb_stages_init(tb_stages *s, const tb_stage *list, int n, const tb_stages_listener *listener,
                    const tb_logger *log);
/* End the current stage, begin the next one and report it. */
void tb_stages_next(tb_stages *s);
/* End the last stage and report the whole as done. */
void tb_stages_finish(tb_stages *s);
/* {"load": 0.012, ...} in seconds with four decimals, of the running stage what it took so far; a
 * new object, or NULL for memory. */
json_t *tb_stages_timings(const tb_stages *s);

#endif
