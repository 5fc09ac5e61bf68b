#include "cli/tui/terminal_paint.h"

#include <string.h>
#include <wchar.h>

#define NCURSES_WIDECHAR 1
#include <curses.h>

#include <utf8proc.h>

enum { TRUE_COLORS = 1 << 24, FIRST_PAIR = 1 };

/* The nearest of xterm's 256 colours: the 6x6x6 cube and the greys. */
static short nearest_index(const uint8_t rgb[3])
{
    static const int steps[6] = {0, 95, 135, 175, 215, 255};
    int cube = 0, d_cube = 0, grey = 0, d_grey = 1 << 30;
    for (int c = 0; c < 3; c++) {
        int best = 0;
        for (int i = 1; i < 6; i++)
            if (abs(steps[i] - rgb[c]) < abs(steps[best] - rgb[c]))
                best = i;
        cube = cube * 6 + best;
        d_cube += (steps[best] - rgb[c]) * (steps[best] - rgb[c]);
    }
    for (int i = 0; i < 24; i++) {
        int v = 8 + 10 * i, d = 0;
        for (int c = 0; c < 3; c++)
            d += (v - rgb[c]) * (v - rgb[c]);
        grey = d < d_grey ? i : grey;
        d_grey = d < d_grey ? d : d_grey;
    }
    return (short)(d_cube <= d_grey ? 16 + cube : 232 + grey);
}

void tb_paint_set_map(tb_paint *p, tb_color_map map)
{
    p->map = map;
    for (int i = 0; i < 256; i++) {
        uint8_t rgb[3];
        tb_color_map_rgb(map, (uint8_t)i, rgb);
        p->index[i] = nearest_index(rgb);
    }
    tb_paint_forget(p);
}

/* The terminal's own sixteen colours, so that it is legible on any scheme. -1: the default. */
void tb_paint_set_light(tb_paint *p, bool is_light)
{
    p->is_light = is_light;
    if (p->colors < 8)
        return;
    int dim = is_light || COLORS < 16 ? -1 : 8;
    const int colors[TB_ROLE_COUNT] = {
        [TB_ROLE_TEXT] = -1,        [TB_ROLE_DIM] = dim,           [TB_ROLE_ACCENT] = COLOR_CYAN,
        [TB_ROLE_OK] = COLOR_GREEN, [TB_ROLE_WARN] = COLOR_YELLOW, [TB_ROLE_ERROR] = COLOR_RED,
        [TB_ROLE_PICTURE] = -1};
    for (int i = 0; i < TB_ROLE_COUNT; i++)
        (void)init_pair((short)(FIRST_PAIR + i), (short)colors[i], -1);
    tb_paint_forget(p);
}

void tb_paint_init(tb_paint *p, int colors, bool is_light, bool is_utf8)
{
    *p = (tb_paint){.colors = colors, .is_utf8 = is_utf8};
    if (colors > 0 && has_colors() && start_color() == OK && use_default_colors() == OK)
        p->colors = COLORS < colors && colors != TRUE_COLORS ? COLORS : colors;
    else
        p->colors = 0;
    tb_paint_set_map(p, TB_MAP_VIRIDIS);
    tb_paint_set_light(p, is_light);
    tb_paint_forget(p);
}

void tb_paint_deinit(tb_paint *p)
{
    tb_canvas_deinit(&p->shown);
}

void tb_paint_forget(tb_paint *p)
{
    p->is_forgotten = true;
}

static attr_t attributes(const tb_paint *p, tb_ink ink)
{
    attr_t out = A_NORMAL;
    if (ink.attrs & TB_ATTR_BOLD || (ink.role == TB_ROLE_ERROR && p->colors > 0))
        out |= A_BOLD;
    if (ink.attrs & TB_ATTR_REVERSE)
        out |= A_REVERSE;
    if (ink.attrs & TB_ATTR_UNDERLINE)
        out |= A_UNDERLINE;
    if (ink.role == TB_ROLE_DIM && (p->colors == 0 || p->is_light || COLORS < 16))
        out |= A_DIM;
    return out;
}

static int pair_of(const tb_paint *p, tb_ink ink)
{
    if (p->colors < 8)
        return 0;
    if (ink.role != TB_ROLE_PICTURE || p->colors < 256)
        return FIRST_PAIR + ink.role;
    int pair = alloc_pair(p->index[ink.fore], p->index[ink.back]);
    return pair > 0 ? pair : 0;
}

/* The piece as the C collection measures it; what it sees wider or narrower than we do would shift
 * the rest of the row, so a mark takes its place. */
static int to_wide(const tb_paint *p, const tb_piece *piece, wchar_t out[TB_PIECE_CODES_MAX + 1])
{
    int n = 0;
    bool is_same = !p->is_utf8 || wcwidth((wchar_t)piece->code[0]) == piece->columns;
    for (int i = 0; is_same && i < piece->n_codes; i++)
        if (i == 0 || wcwidth((wchar_t)piece->code[i]) == 0)
            out[n++] = (wchar_t)piece->code[i];
    out[n] = L'\0';
    return n;
}

static void put_cell(const tb_paint *p, int row, int column, const tb_cell *cell)
{
    wchar_t text[TB_PIECE_CODES_MAX + 1];
    cchar_t c;
    int pair = pair_of(p, cell->ink);
    bool is_known = to_wide(p, &cell->piece, text) > 0;
    for (int i = 0; i < (is_known ? 1 : cell->piece.columns); i++) {
        (void)setcchar(&c,
                       is_known     ? text
                       : p->is_utf8 ? L"\uFFFD"
                                    : L"?",
                       attributes(p, cell->ink), 0, &pair);
        (void)mvadd_wch(row, column + i, &c);
    }
}

static bool is_same_row(const tb_paint *p, const tb_canvas *canvas, int row)
{
    size_t at = (size_t)row * (size_t)canvas->columns;
    return !p->is_forgotten && memcmp(canvas->cells + at, p->shown.cells + at,
                                      (size_t)canvas->columns * sizeof *canvas->cells) == 0;
}

/* ncurses drew the picture's cells of this row in 256 colours: draw them again in all. */
static void add_true_color(const tb_paint *p, const tb_canvas *canvas, int row, tb_str *after)
{
    const tb_cell *cells = canvas->cells + (size_t)row * (size_t)canvas->columns;
    int next = -1;
    for (int column = 0; column < canvas->columns; column++) {
        const tb_cell *cell = &cells[column];
        if (cell->ink.role != TB_ROLE_PICTURE || cell->piece.columns != 1)
            continue;
        uint8_t fore[3], back[3], bytes[4];
        tb_color_map_rgb(p->map, cell->ink.fore, fore);
        tb_color_map_rgb(p->map, cell->ink.back, back);
        if (column != next)
            tb_str_appendf(after, "\033[%d;%dH", row + 1, column + 1);
        tb_str_appendf(after, "\033[38;2;%d;%d;%d;48;2;%d;%d;%dm", fore[0], fore[1], fore[2],
                       back[0], back[1], back[2]);
        utf8proc_ssize_t n = utf8proc_encode_char((utf8proc_int32_t)cell->piece.code[0], bytes);
        tb_str_append_bytes(after, bytes, (size_t)n);
        next = column + 1;
    }
}

static bool keep_shown(tb_paint *p, const tb_canvas *canvas)
{
    if (p->shown.rows == canvas->rows && p->shown.columns == canvas->columns)
        return true;
    p->is_forgotten = true;
    return tb_canvas_resize(&p->shown, canvas->rows, canvas->columns);
}

void tb_paint_show(tb_paint *p, const tb_canvas *canvas, tb_str *after)
{
    if (!keep_shown(p, canvas))
        return;
    if (p->is_forgotten)
        (void)clearok(curscr, TRUE);
    tb_str colors = {0};
    for (int row = 0; row < canvas->rows; row++) {
        if (is_same_row(p, canvas, row))
            continue;
        const tb_cell *cells = canvas->cells + (size_t)row * (size_t)canvas->columns;
        for (int column = 0; column < canvas->columns; column++)
            if (cells[column].piece.columns > 0)
                put_cell(p, row, column, &cells[column]);
        if (p->colors == TRUE_COLORS)
            add_true_color(p, canvas, row, &colors);
    }
    memcpy(p->shown.cells, canvas->cells,
           (size_t)canvas->rows * (size_t)canvas->columns * sizeof *canvas->cells);
    p->is_forgotten = false;
    bool has_cursor = canvas->cursor_row >= 0;
    (void)curs_set(has_cursor ? 1 : 0);
    (void)move(has_cursor ? canvas->cursor_row : 0, has_cursor ? canvas->cursor_column : 0);
    (void)wnoutrefresh(stdscr);
    (void)doupdate();
    if (colors.len > 0) {
        tb_str_append(after, "\0337");
        tb_str_append_bytes(after, colors.bytes, colors.len);
        tb_str_append(after, "\033[0m\0338");
    }
    tb_str_deinit(&colors);
}
