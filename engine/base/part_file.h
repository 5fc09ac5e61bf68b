/*
 * Hidden temporary files ".timbre-RANDOM.part" beside what is being written. Whoever writes one
 * holds a lock on it, so what a killed process left behind is known by its free lock and removed by
 * the next writer in the folder.
 */
#ifndef TB_BASE_PART_FILE_H
#define TB_BASE_PART_FILE_H

#include "engine/base/error.h"

/* A new name in `folder` that no other process draws. Owned (free). */
TB_MUST_USE tb_status tb_part_file_name(const char *folder, char **path, tb_error *err);

/* Remove what dead writers left in `folder`, then create and lock a new part file there. *fd is
 * open for reading and writing; *path, NULL before, is owned (free). */
TB_MUST_USE tb_status tb_part_file_open(const char *folder, int *fd, char **path, tb_error *err);

#endif
