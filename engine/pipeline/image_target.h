/*
 * An image file that appears whole or not at all: PNG or JPEG by the ending of its path, read back
 * before it gets its name.
 */
#ifndef TB_PIPELINE_IMAGE_TARGET_H
#define TB_PIPELINE_IMAGE_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/spectrogram/image_file.h"

typedef struct tb_image_target {
    tb_file_writer file;
    tb_image_writer *writer; /* owned */
    tb_image_spec spec;
    tb_sha256 rows; /* of the pixels written */
    uint8_t *row;   /* [width * 3], owned; for reading back */
} tb_image_target;

/* The ending is one of an image that can be written, and the place is free. NULL: BAD_INPUT. */
TB_MUST_USE tb_status tb_image_target_check(const char *path, bool replace, tb_error *err);
bool tb_image_target_is_jpeg(const char *path);

/* spec->exif is borrowed until commit. */
TB_MUST_USE tb_status tb_image_target_begin(tb_image_target *target, const char *path,
                                            const tb_image_spec *spec, tb_error *err);
TB_MUST_USE tb_status tb_image_target_write_row(tb_image_target *target, const uint8_t *rgb,
                                                tb_error *err);
/* All rows are written: end the file, read it back (a PNG pixel by pixel), name it. */
TB_MUST_USE tb_status tb_image_target_commit(tb_image_target *target, bool replace, tb_error *err);
/* Drop what was written, free everything. Accepts a committed target and one whose begin failed. */
void tb_image_target_abort(tb_image_target *target);

#endif
