/* What a file is by its first bytes, so that a command that got the wrong kind can name the right
 * one. */
#ifndef TB_CLI_FILE_KIND_H
#define TB_CLI_FILE_KIND_H

#include "engine/base/error.h"

/*
 * BAD_FILE when the file is plainly an image where a sound is wanted, with the command for images
 * as the fix. What is not known may be anything: OK.
 */
TB_MUST_USE tb_status tb_file_kind_want_sound(const char *path, tb_error *err);

/* The same where a PNG or JPEG image is wanted: BAD_FILE for sounds (by the ending too, where the
 * bytes say nothing) and for images of other kinds. */
TB_MUST_USE tb_status tb_file_kind_want_image(const char *path, tb_error *err);

#endif
