/*
 * Whether a file named by a model stays inside the model: symbolic links must not lead out of its
 * folder, because what they lead to may be anybody's.
 */
#ifndef TB_TENSOR_INSIDE_H
#define TB_TENSOR_INSIDE_H

#include <stdbool.h>

#include "engine/base/error.h"

/*
 * Refuse `path` when, all links followed, it is not below the folder `root` (links followed too).
 * One way out is allowed, because the Hugging Face cache is made so: with `root` at or below
 * models--X/snapshots/REVISION, a file directly in models--X/blobs. BAD_FILE: outside; NOT_FOUND
 * and the IO family for files that cannot be examined. Holds for the moment of the call.
 */
TB_MUST_USE tb_status tb_path_require_inside(const char *path, const char *root, tb_error *err);

/* A plain name of a file: no separator, not "." or "..", no control character, 1 to 255 bytes. */
bool tb_path_is_plain_name(const char *name);

#endif
