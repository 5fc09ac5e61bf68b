/*
 * Other sizes of an image, bit for bit those of Pillow's Image.resize for 8-bit images with
 * Resampling.LANCZOS (three lobes). Riffusion prepares images with it, so the same seed needs the
 * same pixels.
 */
#ifndef TB_SPECTROGRAM_RESIZE_H
#define TB_SPECTROGRAM_RESIZE_H

#include "engine/spectrogram/raster.h"

enum { TB_RESIZE_MAX_SIDE = 8192 };

/* `in` at width x height; *out is another raster with as many channels, owned when OK, else zeroed.
 * When an image gets smaller the filter gets as much wider (antialiasing). BAD_INPUT: a side of
 * `in` or of the result is not in 1..TB_RESIZE_MAX_SIDE; NO_MEMORY. */
TB_MUST_USE tb_status tb_resize(const tb_raster *in, int width, int height, tb_raster *out,
                                tb_error *err);

#endif
