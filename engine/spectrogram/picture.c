#include "engine/spectrogram/picture.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/axis.h"
#include "engine/spectrogram/colormap.h"
#include "engine/spectrogram/glyphs.h"

/* Fewer shades than there are: the file is half as large, and eyes see no steps. */
enum { N_SHADES = 128 };

/* Smaller plots get letters of one pixel a dot. */
enum { WIDE_PIXELS = 320, HIGH_PIXELS = 160 };

/* Distances in dots of the letters. */
enum { PAD = 3, HEAD_GAP = 4, TICK = 3, GAP = 2, BAR_GAP = 7, BAR_WIDTH = 6 };

static const uint8_t INK[3] = {206, 208, 216}, LINE[3] = {84, 86, 100};

typedef struct {
    tb_mark marks[TB_MARKS_MAX];
    int n;
} axis;

typedef struct {
    tb_picture *picture;
    const timbre_view *view;
    double range_db;
    axis times, frequencies, levels;
    int bar_left; /* of the level bar */
} drawing;

static void fill(tb_picture *p, int x, int y, int width, int height, const uint8_t color[3])
{
    for (int j = y < 0 ? 0 : y; j < y + height && j < p->height; j++)
        for (int i = x < 0 ? 0 : x; i < x + width && i < p->width; i++)
            memcpy(p->rgb + 3 * ((size_t)j * (size_t)p->width + (size_t)i), color, 3);
}

static void draw_glyph(tb_picture *p, uint32_t code, int x, int y)
{
    for (int j = 0; j < TB_GLYPH_HEIGHT * p->scale; j++)
        for (int i = 0; i < TB_GLYPH_WIDTH * p->scale; i++)
            if (tb_glyph_dot(code, p->scale, i, j))
                fill(p, x + i, y + j, 1, 1, INK);
}

/* At most n characters from (x, y), the top left corner. */
static void draw_text(tb_picture *p, const char *text, int n, int x, int y)
{
    uint32_t code;
    for (size_t len; n > 0 && (code = tb_glyph_next(text, &len)) != 0; text += len, n--) {
        draw_glyph(p, code, x, y);
        x += TB_GLYPH_ADVANCE * p->scale;
    }
}

static int text_width(const tb_picture *p, const char *text)
{
    int n = tb_glyph_count(text);
    return n == 0 ? 0 : (n * TB_GLYPH_ADVANCE - (TB_GLYPH_ADVANCE - TB_GLYPH_WIDTH)) * p->scale;
}

static int widest(const tb_picture *p, const axis *a, const char *caption)
{
    int width = text_width(p, caption);
    for (int i = 0; i < a->n; i++)
        if (text_width(p, a->marks[i].text) > width)
            width = text_width(p, a->marks[i].text);
    return width;
}

static void find_marks(drawing *d)
{
    const timbre_view *v = d->view;
    int scale = d->picture->scale;
    double line = (TB_GLYPH_BASELINE + 1) * scale;
    d->times.n = tb_axis_times(v->start_s, v->duration_s, v->width, TB_GLYPH_ADVANCE * scale,
                               d->times.marks);
    d->frequencies.n = tb_axis_frequencies(v->min_hz, v->max_hz, v->height, line,
                                           d->frequencies.marks);
    d->levels.n = tb_axis_levels(d->range_db, v->height, 2 * line, d->levels.marks);
}

static tb_status lay_out(drawing *d, tb_error *err)
{
    tb_picture *p = d->picture;
    const timbre_view *v = d->view;
    int s = p->scale;
    p->left = (PAD + GAP + TICK) * s + widest(p, &d->frequencies, "Hz");
    p->top = (PAD + TB_GLYPH_HEIGHT + HEAD_GAP) * s;
    d->bar_left = p->left + v->width + BAR_GAP * s;
    p->width = d->bar_left + (BAR_WIDTH + TICK + GAP + PAD) * s + widest(p, &d->levels, "dB");
    p->height = p->top + v->height + (TICK + GAP + TB_GLYPH_BASELINE + PAD) * s;
    p->rgb = malloc(3 * (size_t)p->width * (size_t)p->height);
    if (p->rgb == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a picture of %d x %d pixels", p->width,
                       p->height);
    return TIMBRE_OK;
}

static void shade(double level, uint8_t color[3])
{
    level = level < 0 ? 0 : level > 1 ? 1 : level;
    tb_colormap_get((double)(int)(level * (N_SHADES - 1) + 0.5) / (N_SHADES - 1), color);
}

static void draw_plot(const drawing *d)
{
    tb_picture *p = d->picture;
    const timbre_view *v = d->view;
    for (int y = 0; y < v->height; y++)
        for (int x = 0; x < v->width; x++) {
            size_t to = (size_t)(p->top + y) * (size_t)p->width + (size_t)(p->left + x);
            double db = (double)v->db[(size_t)y * (size_t)v->width + (size_t)x];
            shade(1 + db / d->range_db, p->rgb + 3 * to);
        }
}

/* The line around a box, outside of it. */
static void draw_frame(tb_picture *p, int x, int y, int width, int height)
{
    fill(p, x - 1, y - 1, width + 2, 1, LINE);
    fill(p, x - 1, y + height, width + 2, 1, LINE);
    fill(p, x - 1, y, 1, height, LINE);
    fill(p, x + width, y, 1, height, LINE);
}

/* The pixel at a place of an axis of `size` pixels. */
static int pixel_at(double at, int size)
{
    int i = (int)(at * size);
    return i < size ? i : size - 1;
}

/* Top of letters whose middle stands at y, held within the picture. */
static int text_top(const tb_picture *p, int y)
{
    int half = TB_GLYPH_BASELINE * p->scale / 2;
    return y < half ? 0 : y - half;
}

static void draw_times(const drawing *d)
{
    tb_picture *p = d->picture;
    int s = p->scale, bottom = p->top + d->view->height;
    for (int i = 0; i < d->times.n; i++) {
        const tb_mark *mark = &d->times.marks[i];
        int x = p->left + pixel_at(mark->at, d->view->width), wide = text_width(p, mark->text);
        int begin = x - wide / 2;
        begin = begin + wide > p->width ? p->width - wide : begin;
        fill(p, x, bottom, 1, TICK * s, INK);
        draw_text(p, mark->text, TB_MARKS_MAX, begin < 0 ? 0 : begin, bottom + (TICK + GAP) * s);
    }
}

static void draw_frequencies(const drawing *d)
{
    tb_picture *p = d->picture;
    int s = p->scale, right = p->left - (TICK + GAP) * s;
    draw_text(p, "Hz", 2, right - text_width(p, "Hz"), PAD * s);
    for (int i = 0; i < d->frequencies.n; i++) {
        const tb_mark *mark = &d->frequencies.marks[i];
        int y = p->top + pixel_at(1 - mark->at, d->view->height);
        fill(p, p->left - TICK * s, y, TICK * s, 1, INK);
        draw_text(p, mark->text, TB_MARKS_MAX, right - text_width(p, mark->text), text_top(p, y));
    }
}

static void draw_levels(const drawing *d)
{
    tb_picture *p = d->picture;
    int s = p->scale, height = d->view->height, width = BAR_WIDTH * s;
    int right = d->bar_left + width, end = p->width - PAD * s;
    for (int y = 0; y < height; y++) {
        uint8_t color[3];
        shade(1 - (y + 0.5) / height, color);
        fill(p, d->bar_left, p->top + y, width, 1, color);
    }
    draw_frame(p, d->bar_left, p->top, width, height);
    draw_text(p, "dB", 2, end - text_width(p, "dB"), PAD * s);
    for (int i = 0; i < d->levels.n; i++) {
        const tb_mark *mark = &d->levels.marks[i];
        int y = p->top + pixel_at(1 - mark->at, height);
        fill(p, right, y, TICK * s, 1, INK);
        draw_text(p, mark->text, TB_MARKS_MAX, end - text_width(p, mark->text), text_top(p, y));
    }
}

/* Above the plot; what does not fit ends in dots. */
static void draw_title(const drawing *d, const char *title)
{
    enum { DOTS = 3 };
    tb_picture *p = d->picture;
    int advance = TB_GLYPH_ADVANCE * p->scale;
    int left = p->left + advance, room = (d->bar_left - left) / advance, n = tb_glyph_count(title);
    int shown = n <= room ? n : room - DOTS;
    if (shown <= 0)
        return;
    draw_text(p, title, shown, left, PAD * p->scale);
    if (shown < n)
        draw_text(p, "...", DOTS, left + shown * advance, PAD * p->scale);
}

tb_status tb_picture_init(tb_picture *picture, const timbre_view *view, const char *title,
                          double range_db, tb_error *err)
{
    *picture = (tb_picture){0};
    picture->scale = view->width >= WIDE_PIXELS && view->height >= HIGH_PIXELS ? 2 : 1;
    drawing d = {.picture = picture, .view = view, .range_db = range_db};
    find_marks(&d);
    tb_status st = lay_out(&d, err);
    if (st != TIMBRE_OK)
        return st;
    uint8_t background[3];
    shade(0, background);
    fill(picture, 0, 0, picture->width, picture->height, background);
    draw_plot(&d);
    draw_frame(picture, picture->left, picture->top, view->width, view->height);
    draw_times(&d);
    draw_frequencies(&d);
    draw_levels(&d);
    if (title != NULL)
        draw_title(&d, title);
    return TIMBRE_OK;
}

void tb_picture_deinit(tb_picture *picture)
{
    free(picture->rgb);
    *picture = (tb_picture){0};
}
