/* The generator child as the supervisor sees it: a process with a channel. */
#ifndef TB_WORKER_CHILD_H
#define TB_WORKER_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "engine/base/error.h"
#include "worker/channel.h"
#include "worker/service.h"

typedef struct tb_child {
    pid_t pid; /* 0: there is none */
    tb_channel channel;
    char **readable; /* owned, NULL-terminated: what its cage lets it read */
    char *model_id;  /* owned: what it has loaded; NULL: nothing yet */
    double idle_since_s;
} tb_child;

/* Start the program again as generator and wait until its engine stands. `place` is of the first
 * model that it shall run. */
TB_MUST_USE tb_status tb_child_start(tb_child *child, tb_worker *worker,
                                     const tb_model_place *place, tb_error *err);
/* Whether a running child may read the model (its cage is shut when it starts). */
bool tb_child_can_read(const tb_child *child, const tb_model_place *place);
/* Send work: op "generate" or "warm". `request` is canonical JSON. */
TB_MUST_USE tb_status tb_child_send_work(tb_child *child, const char *op, const char *id,
                                         const char *request, const tb_model_place *place,
                                         tb_error *err);
TB_MUST_USE tb_status tb_child_send_cancel(tb_child *child, const char *id, tb_error *err);

enum { TB_CAUSE_MAX = 80 };
/* End it: by closing its channel (it leaves by itself, or is killed half a second later) or, with
 * is_now, by SIGKILL. `cause` (may be NULL) gets how it ended: "exit 0", "signal 11 (Segmentation
 * fault)". Accepts a child that is not there. */
void tb_child_end(tb_child *child, bool is_now, char cause[TB_CAUSE_MAX]);

#endif
