#include "cli/view_print.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/text.h"
#include "engine/base/axis.h"
#include "engine/base/utf8.h"

enum { USUAL_COLUMNS = 80, USUAL_LINES = 24 };
enum { COLUMNS_MIN = 2, LINES_MIN = 4, LINES_SHARE = 4 }; /* lines: at most a fourth of columns */

typedef struct {
    const char *corner, *line, *tick, *side, *side_tick, *dots;
} strokes;

static const strokes plain = {"+", "-", "+", "|", "+", "..."};
static const strokes drawn = {"└", "─", "┬", "│", "┤", "…"};

static const char *const utf8_shades[] = {" ", "░", "▒", "▓", "█"};
static const char ascii_shades[] = " .:-=+*#%@";

static const strokes *strokes_of(const tb_view_paper *paper)
{
    return paper->is_utf8 ? &drawn : &plain;
}

static tb_view_ink ink_of(bool has_color, bool is_utf8)
{
    const char *depth = getenv("COLORTERM");
    if (!has_color)
        return is_utf8 ? TB_VIEW_SHADES : TB_VIEW_ASCII;
    bool is_true = depth != NULL &&
                   (strcmp(depth, "truecolor") == 0 || strcmp(depth, "24bit") == 0);
    return is_true ? TB_VIEW_TRUE_COLOR : TB_VIEW_256_COLORS;
}

void tb_view_paper_init(tb_view_paper *paper, bool has_color, bool is_utf8)
{
    struct winsize size = {0};
    int columns = USUAL_COLUMNS, lines = USUAL_LINES;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        columns = size.ws_col;
        lines = size.ws_row > 0 ? size.ws_row : lines;
    }
    *paper = (tb_view_paper){.ink = ink_of(has_color, is_utf8), .is_utf8 = is_utf8};
    paper->columns = columns - TB_VIEW_LABEL_COLUMNS - 1; /* a full line may wrap */
    if (paper->columns < COLUMNS_MIN)
        paper->columns = COLUMNS_MIN;
    paper->lines = lines - TB_VIEW_AXIS_LINES - 1; /* room for the prompt */
    if (paper->lines > paper->columns / LINES_SHARE + LINES_MIN)
        paper->lines = paper->columns / LINES_SHARE + LINES_MIN;
    if (paper->lines < LINES_MIN)
        paper->lines = LINES_MIN;
}

/* Two cells above each other in one character: half blocks. */
static bool has_halves(const tb_view_paper *paper)
{
    return paper->ink <= TB_VIEW_256_COLORS && paper->is_utf8;
}

void tb_view_paper_cells(const tb_view_paper *paper, int *width, int *height)
{
    *width = paper->columns;
    *height = has_halves(paper) ? 2 * paper->lines : paper->lines;
}

typedef struct {
    FILE *out;
    const tb_view_paper *paper;
    const timbre_view *view;
    double range_db;
    int colors[2]; /* in force, behind and before; -1: the terminal's own */
} printer;

static double level_at(const printer *p, int x, int y)
{
    const timbre_view *v = p->view;
    double level = 1 + (double)v->db[(size_t)y * (size_t)v->width + (size_t)x] / p->range_db;
    return level < 0 ? 0 : level;
}

static int distance(const unsigned char rgb[3], int r, int g, int b)
{
    return (rgb[0] - r) * (rgb[0] - r) + (rgb[1] - g) * (rgb[1] - g) + (rgb[2] - b) * (rgb[2] - b);
}

/* The nearest of the 240 colours that terminals agree on: a cube of 6 x 6 x 6 and 24 greys. */
static int nearest_of_256(const unsigned char rgb[3])
{
    static const int steps[] = {0, 95, 135, 175, 215, 255};
    int best = 16, nearest = distance(rgb, 0, 0, 0);
    for (int i = 1; i < 240; i++) {
        int grey = 8 + 10 * (i - 216);
        int away = i < 216 ? distance(rgb, steps[i / 36], steps[i / 6 % 6], steps[i % 6])
                           : distance(rgb, grey, grey, grey);
        if (away < nearest) {
            nearest = away;
            best = 16 + i;
        }
    }
    return best;
}

/* The colour of a level as one number: 0xRRGGBB, or one of 256. */
static int color_of(const printer *p, double level)
{
    unsigned char rgb[3];
    timbre_view_color(level, rgb);
    return p->paper->ink == TB_VIEW_TRUE_COLOR ? rgb[0] << 16 | rgb[1] << 8 | rgb[2]
                                               : nearest_of_256(rgb);
}

/* Begin a colour behind (48) or before (38) unless it is in force. */
static void set_color(printer *p, int is_before, int color)
{
    if (p->colors[is_before] == color)
        return;
    p->colors[is_before] = color;
    int code = is_before ? 38 : 48;
    if (p->paper->ink == TB_VIEW_TRUE_COLOR)
        fprintf(p->out, "\033[%d;2;%d;%d;%dm", code, color >> 16, color >> 8 & 255, color & 255);
    else
        fprintf(p->out, "\033[%d;5;%dm", code, color);
}

static void end_colors(printer *p)
{
    if (p->colors[0] >= 0 || p->colors[1] >= 0)
        fputs("\033[0m", p->out);
    p->colors[0] = p->colors[1] = -1;
}

/* One character for a level above another; where a character has one level, for the upper. */
static void print_cell(printer *p, double upper, double lower)
{
    if (p->paper->ink <= TB_VIEW_256_COLORS) {
        bool halves = has_halves(p->paper);
        int behind = color_of(p, halves ? lower : upper), before = color_of(p, upper);
        set_color(p, 0, behind);
        if (halves && before != behind)
            set_color(p, 1, before);
        fputs(halves && before != behind ? "▀" : " ", p->out);
        return;
    }
    int n = p->paper->ink == TB_VIEW_SHADES ? (int)(sizeof utf8_shades / sizeof utf8_shades[0])
                                            : (int)sizeof ascii_shades - 1;
    int i = upper >= 1 ? n - 1 : (int)(upper * n);
    if (p->paper->ink == TB_VIEW_SHADES)
        fputs(utf8_shades[i], p->out);
    else
        fputc(ascii_shades[i], p->out);
}

/* The part of `text` that fits into `columns`; returns its columns. */
static int print_cut(FILE *out, const char *text, int columns, const char *dots)
{
    char *clean = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&clean, &length);
    if (stream == NULL)
        return 0;
    tb_print_clean(stream, text);
    bool failed = fclose(stream) != 0;
    int wide = failed ? 0 : tb_utf8_columns(clean, length);
    bool is_cut = wide > columns;
    int room = is_cut ? columns - tb_utf8_columns(dots, strlen(dots)) : columns;
    while (is_cut && length > 0 && wide > room) {
        do
            length--;
        while (length > 0 && (clean[length] & 0xc0) == 0x80); /* back to the begin of a letter */
        wide = tb_utf8_columns(clean, length);
    }
    if (!failed)
        (void)fwrite(clean, 1, length, out);
    free(clean);
    return wide + (is_cut && fputs(dots, out) >= 0 ? columns - room : 0);
}

/* "-80 dB ▁▂▃ 0 dB": the colours and what they mean, at the right end of `room` columns. */
static void print_legend(printer *p, int room)
{
    enum { CELLS = 10, GAP = 2 };
    char low[24];
    int wide = snprintf(low, sizeof low, "-%g dB ", p->range_db) + CELLS + (int)strlen(" 0 dB");
    if (room < wide + GAP)
        return;
    fprintf(p->out, "%*s%s", room - wide, "", low);
    for (int i = 0; i < CELLS; i++)
        print_cell(p, i / (CELLS - 1.0), i / (CELLS - 1.0));
    end_colors(p);
    fputs(" 0 dB", p->out);
}

static void print_head(printer *p, const char *title)
{
    bool is_bold = p->paper->ink <= TB_VIEW_256_COLORS;
    int columns = TB_VIEW_LABEL_COLUMNS + p->paper->columns;
    fputs(is_bold ? "\033[1m" : "", p->out);
    int used = print_cut(p->out, title, columns, strokes_of(p->paper)->dots);
    fputs(is_bold ? "\033[0m" : "", p->out);
    print_legend(p, columns - used);
    fputc('\n', p->out);
}

/* The cell at a place of an axis of n cells. */
static int cell_at(double at, int n)
{
    int i = (int)(at * n);
    return i < n ? i : n - 1;
}

static void print_plot(printer *p)
{
    const tb_view_paper *paper = p->paper;
    const strokes *s = strokes_of(paper);
    tb_mark marks[TB_MARKS_MAX];
    int n = tb_axis_frequencies(p->view->min_hz, p->view->max_hz, paper->lines, 1, marks);
    bool halves = has_halves(paper);
    for (int line = 0; line < paper->lines; line++) {
        const char *label = "";
        for (int i = 0; i < n; i++)
            if (cell_at(1 - marks[i].at, paper->lines) == line)
                label = marks[i].text;
        fprintf(p->out, "%*s%s", TB_VIEW_LABEL_COLUMNS - 1, label,
                label[0] != '\0' ? s->side_tick : s->side);
        for (int x = 0; x < paper->columns; x++) {
            int y = halves ? 2 * line : line;
            print_cell(p, level_at(p, x, y), level_at(p, x, halves ? y + 1 : y));
        }
        end_colors(p);
        fputc('\n', p->out);
    }
}

static void print_times(const printer *p)
{
    const strokes *s = strokes_of(p->paper);
    int columns = p->paper->columns, end = TB_VIEW_LABEL_COLUMNS + columns;
    tb_mark marks[TB_MARKS_MAX];
    int n = tb_axis_times(p->view->start_s, p->view->duration_s, columns, 1, marks), next = 0;
    fprintf(p->out, "%*s%s", TB_VIEW_LABEL_COLUMNS - 1, "Hz", s->corner);
    for (int x = 0; x < columns; x++) {
        bool is_mark = next < n && cell_at(marks[next].at, columns) == x;
        fputs(is_mark ? s->tick : s->line, p->out);
        next += is_mark;
    }
    fputc('\n', p->out);
    int at = 0; /* columns written */
    for (int i = 0; i < n; i++) {
        int wide = (int)strlen(marks[i].text);
        int begin = TB_VIEW_LABEL_COLUMNS + cell_at(marks[i].at, columns) - wide / 2;
        begin = begin + wide > end ? end - wide : begin;
        if (begin <= at && i > 0)
            continue;
        at += fprintf(p->out, "%*s%s", begin - at, "", marks[i].text);
    }
    fputc('\n', p->out);
}

void tb_view_print(FILE *out, const tb_view_paper *paper, const timbre_view *view,
                   const char *title, double range_db)
{
    printer p = {
        .out = out, .paper = paper, .view = view, .range_db = range_db, .colors = {-1, -1}};
    print_head(&p, title);
    print_plot(&p);
    print_times(&p);
}
