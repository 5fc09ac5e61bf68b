/*
 * The pixels of an image's channels on a spool: an image comes by rows, and its sound is made by
 * columns. Channel 0 of one is red; channels 0 and 1 of two are green and blue (Riffusion's
 * stereo).
 */
#ifndef TB_PIPELINE_IMAGE_SPOOL_H
#define TB_PIPELINE_IMAGE_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/progress.h"
#include "engine/spectrogram/image_file.h"
#include "engine/spectrogram/tiles.h"

typedef struct tb_image_spool {
    tb_spool spool; /* fd -1: not open */
    int n_channels, width, height;
    bool is_blank;     /* every pixel of every channel is white */
    bool looks_stereo; /* of one channel: hardly any red where there is green or blue */
} tb_image_spool;

/* All rows of `reader`, which is at the first one, and the end of its file. The spool lies in
 * `folder`. */
TB_MUST_USE tb_status tb_image_spool_load(tb_image_spool *s, tb_image_reader *reader,
                                          const char *folder, int n_channels,
                                          const tb_progress *progress, tb_error *err);
/* Columns of the tile that begins at x, a multiple of TB_TILE_COLUMNS: columns[height][*n], *n of
 * them, row 0 at the top. */
TB_MUST_USE tb_status tb_image_spool_read(tb_image_spool *s, int channel, int64_t x, int *n,
                                          uint16_t *columns, tb_error *err);
void tb_image_spool_deinit(tb_image_spool *s);

#endif
