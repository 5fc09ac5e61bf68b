/*
 * What the screen shall show, as cells in memory. Views draw here and nowhere else, so they need no
 * terminal, and tests compare text. Rows and columns outside an area are cut, never wrapped.
 */
#ifndef TB_CLI_TUI_CANVAS_H
#define TB_CLI_TUI_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/tui/cluster.h"
#include "engine/base/str.h"

/* What a piece of text is, not how it looks; the terminal has a colour for each. */
typedef enum tb_role {
    TB_ROLE_TEXT,
    TB_ROLE_DIM, /* never for what is needed */
    TB_ROLE_ACCENT,
    TB_ROLE_OK,
    TB_ROLE_WARN,
    TB_ROLE_ERROR,
    TB_ROLE_PICTURE, /* fore and back are levels of the colour map */
    TB_ROLE_COUNT
} tb_role;

enum { TB_ATTR_BOLD = 1, TB_ATTR_REVERSE = 2, TB_ATTR_UNDERLINE = 4 };

typedef struct tb_ink {
    uint8_t role;       /* tb_role */
    uint8_t attrs;      /* TB_ATTR_* */
    uint8_t fore, back; /* of TB_ROLE_PICTURE: 0 .. 255, dark to bright */
} tb_ink;

typedef struct tb_cell {
    tb_piece piece; /* columns 0: the right half of the wide piece before it */
    tb_ink ink;
} tb_cell;

typedef struct tb_area {
    int row, column, rows, columns;
} tb_area;

/* Zero-initialise. */
typedef struct tb_canvas {
    int rows, columns;
    tb_cell *cells;                /* owned, [rows][columns] */
    int cursor_row, cursor_column; /* -1: hidden */
    bool is_utf8;                  /* else everything beyond ASCII is drawn as '?' */
} tb_canvas;

/* False for memory; the canvas is then as it was. All blank after it. */
bool tb_canvas_resize(tb_canvas *canvas, int rows, int columns);
void tb_canvas_deinit(tb_canvas *canvas);
/* Blank, without a cursor. */
void tb_canvas_clear(tb_canvas *canvas);
tb_area tb_canvas_area(const tb_canvas *canvas);

/* Draw text[0 .. n) from column `column` of the area on, at most to its edge; the columns that it
 * took. A piece that would be cut is left out. */
int tb_draw_bytes(tb_canvas *canvas, tb_area area, int row, int column, const char *text, size_t n,
                  tb_ink ink);
int tb_draw(tb_canvas *canvas, tb_area area, int row, int column, const char *text, tb_ink ink);
/* The same, cut with an ellipsis where it is wider than `columns`. */
int tb_draw_cut(tb_canvas *canvas, tb_area area, int row, int column, int columns, const char *text,
                tb_ink ink);
/* So that it ends at the area's right edge; the first column that it took. */
int tb_draw_right(tb_canvas *canvas, tb_area area, int row, const char *text, tb_ink ink);
/* `text` broken at blanks into at most `rows` rows; the rows that it took. */
int tb_draw_wrapped(tb_canvas *canvas, tb_area area, int row, int column, int rows,
                    const char *text, tb_ink ink);
/* A row of the same one-column character: a rule. */
void tb_draw_rule(tb_canvas *canvas, tb_area area, int row);
/* One cell of one character. */
void tb_draw_code(tb_canvas *canvas, tb_area area, int row, int column, uint32_t code, tb_ink ink);
/* Blank an area, in this ink. */
void tb_draw_fill(tb_canvas *canvas, tb_area area, tb_ink ink);
/* Give cells that are drawn another ink. */
void tb_draw_tint(tb_canvas *canvas, tb_area area, tb_ink ink);

/* The signs of the program: each has a form in ASCII. */
typedef enum tb_sign {
    TB_SIGN_DONE,      /* a check mark, '*' */
    TB_SIGN_FAILED,    /* 'x' */
    TB_SIGN_PLAYING,   /* '>' */
    TB_SIGN_WAITING,   /* '.' */
    TB_SIGN_RUNNING,   /* '~' */
    TB_SIGN_CANCELLED, /* '-' */
    TB_SIGN_STAR,      /* '*' */
    TB_SIGN_READY,     /* a disc, '*' */
    TB_SIGN_NOT_READY, /* a ring, 'o' */
    TB_SIGN_PROMPT,    /* '>' */
    TB_SIGN_UP_DOWN,
    TB_SIGN_LEFT_RIGHT,
    TB_SIGN_DOWN,
    TB_SIGN_ELLIPSIS,
    TB_SIGN_RULE,
    TB_SIGN_COLUMN, /* a vertical rule */
    TB_SIGN_TEE,    /* a rule with a column below it */
    TB_SIGN_TEE_UP,
    TB_SIGN_BAR,
    TB_SIGN_NO_BAR,
    TB_SIGN_PLAYHEAD,
    TB_SIGN_CORNER_TOP_LEFT,
    TB_SIGN_CORNER_TOP_RIGHT,
    TB_SIGN_CORNER_BOTTOM_LEFT,
    TB_SIGN_CORNER_BOTTOM_RIGHT,
    TB_SIGN_COUNT
} tb_sign;
const char *tb_sign_text(tb_sign sign, bool is_utf8);
/* The height 0 .. 1 as a character of a wave. */
const char *tb_level_text(double level, bool is_utf8);

/* All rows as text with line breaks, without blanks at their ends. */
void tb_canvas_dump(const tb_canvas *canvas, tb_str *out);

#endif
