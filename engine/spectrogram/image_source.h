/* The bytes of an image, from a file or from memory, as the readers of formats take them. */
#ifndef TB_SPECTROGRAM_IMAGE_SOURCE_H
#define TB_SPECTROGRAM_IMAGE_SOURCE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/base/error.h"

typedef struct tb_image_source {
    FILE *file;                 /* owned; NULL: from memory */
    const unsigned char *bytes; /* borrowed */
    size_t len, at;
    const char *name; /* borrowed; for messages */
    int sys_errno;    /* of a read that failed */
} tb_image_source;

/* NOT_FOUND, PERMISSION, BAD_FILE (no regular file). Never blocks on a FIFO. */
TB_MUST_USE tb_status tb_image_source_open(tb_image_source *source, const char *path,
                                           tb_error *err);
/* Accepts a zeroed source. */
void tb_image_source_close(tb_image_source *source);
/* Up to n bytes; fewer at the end or after a failure (sys_errno). */
size_t tb_image_source_read(tb_image_source *source, void *to, size_t n);
/* Go n bytes on; behind the end nothing is read any more. */
void tb_image_source_skip(tb_image_source *source, uint32_t n);
void tb_image_source_rewind(tb_image_source *source);
/* What is wrong with the image, BAD_FILE: "'a.png' is damaged: WHAT"; or that reading failed. */
TB_MUST_USE tb_status tb_image_source_fail(const tb_image_source *source, const char *what,
                                           tb_error *err);

#endif
