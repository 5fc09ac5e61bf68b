/* Colours of levels, from a night sky to daylight: the lightness that eyes see rises evenly. */
#ifndef TB_SPECTROGRAM_COLORMAP_H
#define TB_SPECTROGRAM_COLORMAP_H

/* Level 0 (darkest) .. 1 (brightest), clipped; NaN counts as 0. sRGB, 8 bit. */
void tb_colormap_get(double level, unsigned char rgb[3]);

#endif
