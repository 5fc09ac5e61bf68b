#include "cli/tui/canvas.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

bool tb_canvas_resize(tb_canvas *canvas, int rows, int columns)
{
    tb_cell *cells = calloc((size_t)rows * (size_t)columns, sizeof *cells);
    if (cells == NULL)
        return false;
    free(canvas->cells);
    canvas->cells = cells;
    canvas->rows = rows;
    canvas->columns = columns;
    tb_canvas_clear(canvas);
    return true;
}

void tb_canvas_deinit(tb_canvas *canvas)
{
    free(canvas->cells);
    *canvas = (tb_canvas){0};
}

tb_area tb_canvas_area(const tb_canvas *canvas)
{
    return (tb_area){0, 0, canvas->rows, canvas->columns};
}

void tb_canvas_clear(tb_canvas *canvas)
{
    tb_draw_fill(canvas, tb_canvas_area(canvas), (tb_ink){0});
    canvas->cursor_row = canvas->cursor_column = -1;
}

static tb_cell *cell_at(tb_canvas *canvas, int row, int column)
{
    bool is_inside = row >= 0 && row < canvas->rows && column >= 0 && column < canvas->columns;
    return is_inside ? &canvas->cells[(size_t)row * (size_t)canvas->columns + (size_t)column]
                     : NULL;
}

static tb_piece plain_piece(uint32_t code)
{
    return (tb_piece){.code = {code}, .n_codes = 1, .columns = 1};
}

/* A half of a wide character cannot stay when the other half is drawn over. */
static void split_wide(tb_canvas *canvas, int row, int column)
{
    tb_cell *cell = cell_at(canvas, row, column);
    if (cell == NULL)
        return;
    if (cell->piece.columns == 0) {
        tb_cell *left = cell_at(canvas, row, column - 1);
        if (left != NULL)
            left->piece = plain_piece(' ');
    } else if (cell->piece.columns == 2) {
        tb_cell *right = cell_at(canvas, row, column + 1);
        if (right != NULL)
            right->piece = plain_piece(' ');
    }
    cell->piece = plain_piece(' ');
}

static void put_piece(tb_canvas *canvas, int row, int column, const tb_piece *piece, tb_ink ink)
{
    tb_cell *cell = cell_at(canvas, row, column);
    if (cell == NULL || cell_at(canvas, row, column + piece->columns - 1) == NULL)
        return;
    for (int i = 0; i < piece->columns; i++)
        split_wide(canvas, row, column + i);
    *cell = (tb_cell){*piece, ink};
    if (piece->columns == 2)
        cell[1] = (tb_cell){(tb_piece){.code = {' '}, .n_codes = 1, .columns = 0}, ink};
}

static tb_area inside(const tb_canvas *canvas, tb_area area)
{
    int right = area.column + area.columns, bottom = area.row + area.rows;
    right = right < canvas->columns ? right : canvas->columns;
    bottom = bottom < canvas->rows ? bottom : canvas->rows;
    area.columns = right - area.column;
    area.rows = bottom - area.row;
    return area;
}

int tb_draw_bytes(tb_canvas *canvas, tb_area area, int row, int column, const char *text, size_t n,
                  tb_ink ink)
{
    area = inside(canvas, area);
    int first = column;
    if (row < 0 || row >= area.rows)
        return 0;
    tb_piece piece;
    for (size_t taken; (taken = tb_piece_next(text, n, &piece)) > 0; text += taken, n -= taken) {
        if (piece.n_codes == 0)
            continue;
        if (!canvas->is_utf8 && piece.code[0] >= 0x80)
            piece.code[0] = '?', piece.n_codes = 1;
        if (column + piece.columns > area.columns)
            break;
        if (column >= 0)
            put_piece(canvas, area.row + row, area.column + column, &piece, ink);
        if (!canvas->is_utf8 && piece.columns == 2) /* the right half of a '?' */
            tb_draw_code(canvas, area, row, column, '?', ink),
                tb_draw_code(canvas, area, row, column + 1, '?', ink);
        column += piece.columns;
    }
    return column - first;
}

int tb_draw(tb_canvas *canvas, tb_area area, int row, int column, const char *text, tb_ink ink)
{
    return tb_draw_bytes(canvas, area, row, column, text, strlen(text), ink);
}

int tb_draw_cut(tb_canvas *canvas, tb_area area, int row, int column, int columns, const char *text,
                tb_ink ink)
{
    size_t n = strlen(text);
    if (columns > area.columns - column)
        columns = area.columns - column;
    if (columns <= 0)
        return 0;
    if (tb_text_columns(text, n) <= columns)
        return tb_draw_bytes(canvas, area, row, column, text, n, ink);
    const char *dots = tb_sign_text(TB_SIGN_ELLIPSIS, canvas->is_utf8);
    size_t fits = tb_text_fit(text, n, columns - 1);
    int taken = tb_draw_bytes(canvas, area, row, column, text, fits, ink);
    return taken + tb_draw(canvas, area, row, column + taken, dots, ink);
}

int tb_draw_right(tb_canvas *canvas, tb_area area, int row, const char *text, tb_ink ink)
{
    int column = area.columns - tb_text_columns(text, strlen(text));
    (void)tb_draw(canvas, area, row, column, text, ink);
    return column;
}

/* Bytes of the next row of wrapped text, and those of the blanks or the line break after it. */
static size_t wrap(const char *text, int columns, size_t *n_skip)
{
    size_t line = strcspn(text, "\n");
    size_t fits = tb_text_fit(text, line, columns);
    *n_skip = 0;
    if (fits == line) {
        *n_skip = text[line] == '\n';
        return line;
    }
    size_t cut = fits;
    while (cut > 0 && text[cut] != ' ')
        cut--;
    if (cut == 0)
        return fits > 0 ? fits : tb_cluster_next(text, line);
    *n_skip = strspn(text + cut, " ");
    return cut;
}

int tb_draw_wrapped(tb_canvas *canvas, tb_area area, int row, int column, int rows,
                    const char *text, tb_ink ink)
{
    int taken = 0, columns = area.columns - column;
    while (*text != '\0' && taken < rows && columns > 0) {
        size_t n_skip, n = wrap(text, columns, &n_skip);
        bool is_cut = taken + 1 == rows && text[n + n_skip] != '\0';
        if (is_cut)
            (void)tb_draw_cut(canvas, area, row + taken, column, columns, text, ink);
        else
            (void)tb_draw_bytes(canvas, area, row + taken, column, text, n, ink);
        text += n + n_skip;
        taken++;
    }
    return taken;
}

void tb_draw_rule(tb_canvas *canvas, tb_area area, int row)
{
    const char *rule = tb_sign_text(TB_SIGN_RULE, canvas->is_utf8);
    for (int i = 0; i < area.columns; i++)
        (void)tb_draw(canvas, area, row, i, rule, (tb_ink){.role = TB_ROLE_DIM});
}

void tb_draw_code(tb_canvas *canvas, tb_area area, int row, int column, uint32_t code, tb_ink ink)
{
    area = inside(canvas, area);
    tb_piece piece = plain_piece(code);
    if (row >= 0 && row < area.rows && column >= 0 && column < area.columns)
        put_piece(canvas, area.row + row, area.column + column, &piece, ink);
}

void tb_draw_fill(tb_canvas *canvas, tb_area area, tb_ink ink)
{
    area = inside(canvas, area);
    for (int row = 0; row < area.rows; row++)
        for (int column = 0; column < area.columns; column++) {
            split_wide(canvas, area.row + row, area.column + column);
            tb_cell *cell = cell_at(canvas, area.row + row, area.column + column);
            if (cell != NULL)
                *cell = (tb_cell){plain_piece(' '), ink};
        }
}

void tb_draw_tint(tb_canvas *canvas, tb_area area, tb_ink ink)
{
    area = inside(canvas, area);
    for (int row = 0; row < area.rows; row++)
        for (int column = 0; column < area.columns; column++) {
            tb_cell *cell = cell_at(canvas, area.row + row, area.column + column);
            if (cell != NULL)
                cell->ink = ink;
        }
}

static void dump_row(const tb_canvas *canvas, int row, tb_str *out)
{
    const tb_cell *cells = canvas->cells + (size_t)row * (size_t)canvas->columns;
    int last = canvas->columns;
    while (last > 0 && cells[last - 1].piece.code[0] == ' ' && cells[last - 1].piece.columns == 1)
        last--;
    for (int column = 0; column < last; column++) {
        const tb_piece *piece = &cells[column].piece;
        for (int i = 0; piece->columns > 0 && i < piece->n_codes; i++) {
            utf8proc_uint8_t bytes[4];
            utf8proc_ssize_t n = utf8proc_encode_char((utf8proc_int32_t)piece->code[i], bytes);
            tb_str_append_bytes(out, bytes, (size_t)n);
        }
    }
    tb_str_append(out, "\n");
}

void tb_canvas_dump(const tb_canvas *canvas, tb_str *out)
{
    for (int row = 0; row < canvas->rows; row++)
        dump_row(canvas, row, out);
}

/* Every sign is one column wide; the second form is for locales without UTF-8. */
static const char *const signs[TB_SIGN_COUNT][2] = {
    [TB_SIGN_DONE] = {"✓", "*"},
    [TB_SIGN_FAILED] = {"✗", "x"},
    [TB_SIGN_PLAYING] = {"▶", ">"},
    [TB_SIGN_WAITING] = {"·", "."},
    [TB_SIGN_RUNNING] = {"~", "~"},
    [TB_SIGN_CANCELLED] = {"-", "-"},
    [TB_SIGN_STAR] = {"★", "+"},
    [TB_SIGN_READY] = {"●", "*"},
    [TB_SIGN_NOT_READY] = {"○", "o"},
    [TB_SIGN_PROMPT] = {"›", ">"},
    [TB_SIGN_UP_DOWN] = {"↑↓", "Up Down"},
    [TB_SIGN_LEFT_RIGHT] = {"←→", "Left Right"},
    [TB_SIGN_DOWN] = {"↓", "v"},
    [TB_SIGN_ELLIPSIS] = {"…", "~"},
    [TB_SIGN_RULE] = {"─", "-"},
    [TB_SIGN_COLUMN] = {"│", "|"},
    [TB_SIGN_TEE] = {"┬", "-"},
    [TB_SIGN_TEE_UP] = {"┴", "-"},
    [TB_SIGN_BAR] = {"━", "#"},
    [TB_SIGN_NO_BAR] = {"─", "-"},
    [TB_SIGN_PLAYHEAD] = {"┃", "|"},
    [TB_SIGN_CORNER_TOP_LEFT] = {"╭", "+"},
    [TB_SIGN_CORNER_TOP_RIGHT] = {"╮", "+"},
    [TB_SIGN_CORNER_BOTTOM_LEFT] = {"╰", "+"},
    [TB_SIGN_CORNER_BOTTOM_RIGHT] = {"╯", "+"},
};

const char *tb_sign_text(tb_sign sign, bool is_utf8)
{
    return signs[sign][is_utf8 ? 0 : 1];
}

const char *tb_level_text(double level, bool is_utf8)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const ascii[] = {".", ":", "-", "=", "+", "*", "%", "#"};
    int i = (int)(level * 8);
    i = i < 0 ? 0 : i > 7 ? 7 : i;
    return is_utf8 ? blocks[i] : ascii[i];
}
