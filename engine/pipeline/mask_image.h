/* The masks that Riffusion's server knew by name, drawn anew: white is made anew, black is kept. */
#ifndef TB_PIPELINE_MASK_IMAGE_H
#define TB_PIPELINE_MASK_IMAGE_H

#include "engine/spectrogram/raster.h"

/* "mask_top_third_75", ...; NULL behind the last. */
extern const char *const tb_mask_names[];

/* 512x512, grey, owned. Its values are Riffusion's within 6 of 255, on mask_beat_lines_80 within 60
 * at the ends of the lines. BAD_INPUT: no such name. */
TB_MUST_USE tb_status tb_mask_image_draw(const char *name, tb_raster *out, tb_error *err);

#endif
