/* Models being fetched, at most a few at once, each by a thread; progress goes to the feed. */
#ifndef TB_WORKER_PULLS_H
#define TB_WORKER_PULLS_H

#include "engine/base/error.h"

struct tb_worker;
typedef struct tb_pulls tb_pulls;

TB_MUST_USE tb_status tb_pulls_new(struct tb_worker *worker, tb_pulls **out, tb_error *err);
/* Begin fetching a model that is known or "org/name"; one that is being fetched already is OK.
 * has_consent: the client accepts its licence, which is then remembered. PERMISSION: the licence
 * needs consent. QUEUE_FULL: too many at once. */
TB_MUST_USE tb_status tb_pulls_start(tb_pulls *pulls, const char *name, const char *licence,
                                     tb_error *err);
int tb_pulls_count(tb_pulls *pulls); /* under way */
/* Cancel and wait for all; parts stay. Accepts NULL. */
void tb_pulls_free(tb_pulls *pulls);

#endif
