/*
 * The note about a take that was made without a worker: DATA_DIR/inbox/UUID.json. The next worker
 * enters it into its store.
 */
#ifndef TB_CLI_INBOX_H
#define TB_CLI_INBOX_H

#include "engine/base/error.h"
#include "timbre/engine.h"

/* Write the note: the sidecar's content and the path. */
TB_MUST_USE tb_status tb_inbox_write(const char *data_dir, const timbre_take *take, tb_error *err);

#endif
