/*
 * Letters for pictures: ASCII, drawn for this program on a grid of 5 by 9 dots, at any whole
 * multiple. Other characters are shown as a box.
 */
#ifndef TB_SPECTROGRAM_GLYPHS_H
#define TB_SPECTROGRAM_GLYPHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TB_GLYPH_WIDTH = 5,
    TB_GLYPH_HEIGHT = 9,   /* with what hangs below the line */
    TB_GLYPH_ADVANCE = 6,  /* from one letter to the next */
    TB_GLYPH_BASELINE = 7, /* height of a capital letter */
};

/* Whether dot (x, y) of a character at `scale` is ink: 0 <= x < 5 * scale, 0 <= y < 9 * scale. Even
 * scales have their corners rounded (Scale2x). */
bool tb_glyph_dot(uint32_t code, int scale, int x, int y);

/* The next character of `text` (UTF-8) and its length in bytes; accents are left away. A byte that
 * is no UTF-8 is a character of its own (U+FFFD). At the end: 0, length 0. */
uint32_t tb_glyph_next(const char *text, size_t *len_bytes);

/* Characters of a text. */
int tb_glyph_count(const char *text);

#endif
