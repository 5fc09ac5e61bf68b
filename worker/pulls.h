/* Models being fetched, at most a few at once, each by a thread; progress goes to the feed. */
#ifndef TB_WORKER_PULLS_H
#define TB_WORKER_PULLS_H

#include "engine/base/error.h"

struct tb_worker;
typedef struct tb_pulls tb_pulls;

TB_MUST_USE tb_status tb_pulls_new(struct tb_worker *worker, tb_pulls **out, tb_error *err);
/* Begin fetching a model that is known or "org/name"; one that is being fetched already is OK.
 * licence: the id of the one that the client accepts, which is then remembered; NULL: none.
 * PERMISSION: its licence needs consent, and is named; that of "org/name" is known only when the
 * Hub has been asked, so there the pull fails with this. QUEUE_FULL: too many at once. NOT_FOUND:
 * no such name. BAD_INPUT: the sketch, or another licence. */
TB_MUST_USE tb_status tb_pulls_start(tb_pulls *pulls, const char *name, const char *licence,
                                     tb_error *err);
int tb_pulls_count(tb_pulls *pulls); /* under way */
/* Cancel and wait for all; parts stay. Accepts NULL. */
void tb_pulls_free(tb_pulls *pulls);

#endif
