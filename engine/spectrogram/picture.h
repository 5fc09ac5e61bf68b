/*
 * The view of a sound as a picture to read: the plot, one pixel a cell, with axes of time,
 * frequency and level around it and a title above. Knows nothing of files.
 */
#ifndef TB_SPECTROGRAM_PICTURE_H
#define TB_SPECTROGRAM_PICTURE_H

#include <stdint.h>

#include "engine/base/error.h"
#include "timbre/spectrogram.h"

typedef struct tb_picture {
    int width, height;
    uint8_t *rgb;  /* [height][width][3], owned */
    int left, top; /* of the plot, which is as large as the view */
    int scale;     /* of the letters: pixels a dot */
} tb_picture;

/* `title` (UTF-8; NULL or "": none) is cut where there is no room. range_db > 0: what is so far
 * below the maximum, or farther, is darkest. Memory: 3 bytes a pixel. */
TB_MUST_USE tb_status tb_picture_init(tb_picture *picture, const timbre_view *view,
                                      const char *title, double range_db, tb_error *err);
void tb_picture_deinit(tb_picture *picture);

#endif
