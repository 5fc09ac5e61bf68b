/*
 * The view of a sound drawn with characters: half blocks in colour, shades, or plain ASCII, with an
 * axis of frequency on the left, one of time below, and a line with the title above.
 */
#ifndef TB_CLI_VIEW_PRINT_H
#define TB_CLI_VIEW_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "timbre/spectrogram.h"

typedef enum tb_view_ink {
    TB_VIEW_TRUE_COLOR, /* 24 bit; the others in the order of what they need */
    TB_VIEW_256_COLORS,
    TB_VIEW_SHADES,
    TB_VIEW_ASCII,
} tb_view_ink;

typedef struct tb_view_paper {
    tb_view_ink ink;
    bool is_utf8;
    int columns, lines; /* of the plot */
} tb_view_paper;

enum { TB_VIEW_LABEL_COLUMNS = 6, TB_VIEW_AXIS_LINES = 3 }; /* around the plot */

/* What the terminal behind standard output can do and has room for; sizes of 80 x 24 where there is
 * none. */
void tb_view_paper_init(tb_view_paper *paper, bool has_color, bool is_utf8);
/* Cells of the view that the plot needs. */
void tb_view_paper_cells(const tb_view_paper *paper, int *width, int *height);
/* `view` has the cells of the paper. range_db > 0: from the darkest to the brightest. */
void tb_view_print(FILE *out, const tb_view_paper *paper, const timbre_view *view,
                   const char *title, double range_db);

#endif
