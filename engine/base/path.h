/* Parts of a path, as text. */
#ifndef TB_BASE_PATH_H
#define TB_BASE_PATH_H

#include "engine/base/error.h"

/* The folder of a path: "a/b" of "a/b/c", "/" of "/c", "." of "c". Owned (free); NULL for memory.
 */
char *tb_path_folder(const char *path) TB_MUST_USE;
/* What follows the last slash; part of `path`. */
const char *tb_path_name(const char *path);

#endif
