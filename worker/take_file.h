/*
 * The files of takes: giving them names, finding out what became of them, trash and back. All names
 * are made here; nothing that came from outside becomes part of a path.
 */
#ifndef TB_WORKER_TAKE_FILE_H
#define TB_WORKER_TAKE_FILE_H

#include "engine/base/error.h"
#include "worker/store.h"

struct tb_worker;

/* Which files have been compared with their hash: a range of a sound is not hashed again. */
typedef struct tb_file_checks tb_file_checks;
TB_MUST_USE tb_status tb_file_checks_new(tb_file_checks **out, tb_error *err);
void tb_file_checks_free(tb_file_checks *checks); /* accepts NULL */

/*
 * Open the take's file for reading. GONE with the reason: it was moved or deleted, changed (length,
 * or SHA-256 where time or length of the file say that it may have), or is in the trash.
 */
TB_MUST_USE tb_status tb_take_file_open(struct tb_worker *worker, const tb_stored_take *take,
                                        int *fd, tb_error *err);

/* Move file and sidecar to DATA_DIR/trash/ID/ and enter that. A file that is already gone makes
 * the entry alone. Over file systems it is copied, synced and removed. */
TB_MUST_USE tb_status tb_take_file_trash(struct tb_worker *worker, const char *id,
                                         tb_stored_take *out, tb_error *err);
/* Back to its place, with a number where the name is taken. GONE: nothing is left of it. */
TB_MUST_USE tb_status tb_take_file_restore(struct tb_worker *worker, const char *id,
                                           tb_stored_take *out, tb_error *err);
/* At the start: a take whose file lies in the trash although its row does not say so, or the other
 * way round, because the worker died in between. */
TB_MUST_USE tb_status tb_take_file_heal(struct tb_worker *worker, tb_error *err);
/* Delete one of the trash for good, with its row. */
TB_MUST_USE tb_status tb_take_file_purge(struct tb_worker *worker, const tb_stored_take *take,
                                         tb_error *err);

/* Enter what DATA_DIR/inbox holds: takes that were made without a worker. A note that cannot be
 * used is moved to inbox/refused with the reason in the journal. *n_imported counts. */
TB_MUST_USE tb_status tb_inbox_import(struct tb_worker *worker, int *n_imported, tb_error *err);

/* Empty the trash of what is older than trash_days, then move takes there by age and total size
 * (never starred ones), then forget old inputs and failed jobs. */
TB_MUST_USE tb_status tb_retention_run(struct tb_worker *worker, tb_error *err);

#endif
