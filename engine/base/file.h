/*
 * Files: read with a limit, written so that they appear whole or not at all.
 */
#ifndef TB_BASE_FILE_H
#define TB_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"

/* Read a whole file of at most max_bytes. *bytes is malloc'ed with a NUL after the end; owned by
 * the caller. A larger file: BAD_FILE naming size and limit. Directories and devices are refused.
 */
TB_MUST_USE tb_status tb_file_read(const char *path, size_t max_bytes, char **bytes,
                                   size_t *len_bytes, tb_error *err);

/* Create a folder and its parents (mode 0777 & umask). An existing folder is success. */
TB_MUST_USE tb_status tb_dir_make(const char *path, tb_error *err);

/*
 * One file being written. The data goes to an unnamed file in the target's folder where the system
 * has them (Linux O_TMPFILE: a killed process leaves nothing), else to a part file
 * (part_file.h).
 */
typedef struct tb_file_writer {
    int fd; /* -1: not open */
    bool is_unnamed;
    char *target;    /* owned */
    char *temporary; /* owned; the .part path, or the /proc path of the unnamed file */
} tb_file_writer;

/* Begin writing the file that shall be `target`; its folder must exist. */
TB_MUST_USE tb_status tb_file_begin(tb_file_writer *w, const char *target, tb_error *err);
TB_MUST_USE tb_status tb_file_append(tb_file_writer *w, const void *data, size_t len_bytes,
                                     tb_error *err);
/* Sync the data to the disk; the file can then be read back through tb_file_read_path. */
TB_MUST_USE tb_status tb_file_sync(tb_file_writer *w, tb_error *err);
/* Path by which what was written so far can be read. Valid until commit or abort. */
const char *tb_file_read_path(const tb_file_writer *w);
/* Give the file its name in one step and sync the folder. With replace == false an existing target
 * is never touched: EXISTS. The writer is closed either way. */
TB_MUST_USE tb_status tb_file_commit(tb_file_writer *w, bool replace, tb_error *err);
/* Drop what was written. Accepts a zeroed or committed writer. */
void tb_file_abort(tb_file_writer *w);

/* Begin, append, sync, commit. */
TB_MUST_USE tb_status tb_file_write(const char *target, const void *data, size_t len_bytes,
                                    bool replace, tb_error *err);

#endif
