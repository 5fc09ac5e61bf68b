/* Moving a file so that at every moment one whole copy of it has a name. */
#ifndef TB_WORKER_FILE_MOVE_H
#define TB_WORKER_FILE_MOVE_H

#include "engine/base/error.h"

/* Rename `from` to `to`, which must not be there, and sync both folders; over file systems: copy,
 * sync, name, remove. EXISTS: `to` is there. NOT_FOUND: `from` is not. */
TB_MUST_USE tb_status tb_file_move(const char *from, const char *to, tb_error *err);

#endif
