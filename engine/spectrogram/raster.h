/*
 * An image wholly in memory, 8 bits a sample, for what needs more of it than one row: the start of
 * an image-to-image run, its mask, and resizing.
 */
#ifndef TB_SPECTROGRAM_RASTER_H
#define TB_SPECTROGRAM_RASTER_H

#include <stdint.h>

#include "engine/base/error.h"

enum { TB_RASTER_MAX_PIXELS = 8192 * 8192 };

typedef struct tb_raster {
    int width, height, n_channels; /* 1: grey, 3: RGB */
    uint8_t *pixels;               /* [height][width][n_channels], owned */
} tb_raster;

/* All pixels 0. *out is owned when OK, else zeroed. BAD_INPUT (an empty image, or one of more than
 * TB_RASTER_MAX_PIXELS), NO_MEMORY. */
TB_MUST_USE tb_status tb_raster_new(int width, int height, int n_channels, tb_raster *out,
                                    tb_error *err);
/* Accepts a zeroed raster; leaves one. */
void tb_raster_deinit(tb_raster *raster);

/* A PNG or JPEG as RGB; of 16-bit samples the high byte, alpha is left out. *out is owned when OK,
 * else zeroed. Errors of tb_image_open and tb_image_read_row; BAD_FILE above TB_RASTER_MAX_PIXELS,
 * NO_MEMORY. */
TB_MUST_USE tb_status tb_raster_read(const char *path, tb_raster *out, tb_error *err);

/* The luma of ITU-R BT.601 in 16-bit fixed point, as Pillow's convert("L"): *out is another raster,
 * owned when OK, else zeroed. */
TB_MUST_USE tb_status tb_raster_to_grey(const tb_raster *rgb, tb_raster *out, tb_error *err);

#endif
