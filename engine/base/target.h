/* The place of a file that is to be written: refused early where writing would fail. */
#ifndef TB_BASE_TARGET_H
#define TB_BASE_TARGET_H

#include <stdbool.h>

#include "engine/base/error.h"

/* EXISTS about `path`; always the same words and fix. */
tb_status tb_target_fail_exists(const char *path, tb_error *err);
/* `folder` is there and can be written in. */
TB_MUST_USE tb_status tb_target_check_folder(const char *folder, tb_error *err);
/* The folder of `path` is usable, and `path` is free or a file that may be replaced. */
TB_MUST_USE tb_status tb_target_check(const char *path, bool replace, tb_error *err);

#endif
