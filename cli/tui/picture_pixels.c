/*
 * Pictures of pixels: the levels in their colours, as the bytes that one kind of terminal draws. As
 * many pixels as the screen has there, less where the bytes would be more than the limit.
 */
#include "cli/tui/picture_box.h"

#include <stdlib.h>
#include <string.h>

/* ours: so that no other program's picture is taken away */
#define KITTY_ID "30741"

enum {
    BYTES_MAX = 1 << 20,
    FRAME_BYTES = 64,   /* the place, the cursor */
    CHUNK_BYTES = 3072, /* 4096 in base64, the most that kitty takes at once */
    /* where the terminal does not tell: small, since sixels draw over what is beside them */
    CELL_WIDTH = 6,
    CELL_HEIGHT = 12,
    CELL_MAX = 128,
    BAND = 6 /* rows of a line of sixels: a line begun is a line taken */
};

static int limit(int value, int least, int most)
{
    return value < least ? least : value > most ? most : value;
}

/* The terminal stretches a picture over its cells, so it may have fewer pixels; sixels are pixels
 * of the screen, so theirs are drawn in larger steps, and all as one cell. */
static tb_pixels measure(tb_area area, tb_picture_form form, int cell_width, int cell_height,
                         int shrink)
{
    bool is_known = cell_width > 0 && cell_height > 0, is_sixel = form == TB_PICTURE_SIXEL;
    int across = limit(is_known ? cell_width : CELL_WIDTH, 1, CELL_MAX);
    int down = limit(is_known ? cell_height : CELL_HEIGHT, 1, CELL_MAX);
    tb_pixels size = {.columns = limit(area.columns, 1, TB_LEVELS_MAX_SIDE),
                      .rows = limit(area.rows, 1, TB_LEVELS_MAX_SIDE),
                      .cell_width = limit(across / shrink, 1, across),
                      .cell_height = limit(down / shrink, 1, down),
                      .step = is_sixel ? shrink : 1};
    if (is_sixel) {
        int height = limit(size.rows * down, BAND, TB_LEVELS_MAX_SIDE);
        size.cell_width = limit(size.columns * across, 1, TB_LEVELS_MAX_SIDE);
        size.cell_height = height - height % BAND;
        size.columns = size.rows = 1;
    }
    size.width = size.columns * size.cell_width;
    size.height = size.rows * size.cell_height;
    return size;
}

/* The bytes of what no writer makes shorter; sixels have to be tried. */
static bool is_hopeless(tb_picture_form form, const tb_pixels *pixels)
{
    int n_bytes = form == TB_PICTURE_KITTY ? 3 : 4; /* of a pixel */
    return form != TB_PICTURE_SIXEL &&
           (int64_t)pixels->width * pixels->height * n_bytes * 4 / 3 > BYTES_MAX;
}

/* False for memory. */
static bool color(const tb_levels *levels, tb_color_map map, tb_pixels *pixels)
{
    uint8_t colors[256][3];
    for (int i = 0; i < 256; i++)
        tb_color_map_rgb(map, (uint8_t)i, colors[i]);
    int step = pixels->step, width = pixels->width, height = pixels->height;
    size_t row_bytes = (size_t)width * 3;
    pixels->rgb = malloc(row_bytes * (size_t)height);
    int n_across = (width + step - 1) / step, n_down = (height + step - 1) / step;
    for (int y = 0; pixels->rgb != NULL && y < height; y++) {
        uint8_t *row = pixels->rgb + (size_t)y * row_bytes;
        if (y % step != 0) {
            memcpy(row, row - row_bytes, row_bytes);
            continue;
        }
        for (int x = 0; x < width; x++) {
            uint8_t level = tb_levels_box(levels, n_across, n_down, x / step, y / step);
            memcpy(row + (size_t)x * 3, colors[level], 3);
        }
    }
    return pixels->rgb != NULL;
}

static void append_base64(const uint8_t *bytes, size_t n, tb_str *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t bits = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                        (left > 2 ? bytes[i + 2] : 0);
        const char group[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
                               left > 1 ? digits[bits >> 6 & 63] : '=',
                               left > 2 ? digits[bits & 63] : '='};
        tb_str_append_bytes(out, group, sizeof group);
    }
}

/* Not by libchafa: 1.12 pads each chunk, and wrongly. q=2: the terminal answers nothing, C=1: the
 * cursor stays. */
static void write_kitty(const tb_pixels *pixels, tb_str *out)
{
    size_t n = (size_t)pixels->width * (size_t)pixels->height * 3;
    for (size_t at = 0; at < n; at += CHUNK_BYTES) {
        size_t n_now = n - at < CHUNK_BYTES ? n - at : CHUNK_BYTES;
        tb_str_append(out, "\033_G");
        if (at == 0)
            tb_str_appendf(out, "a=T,i=" KITTY_ID ",p=1,C=1,f=24,s=%d,v=%d,c=%d,r=%d,",
                           pixels->width, pixels->height, pixels->columns, pixels->rows);
        tb_str_appendf(out, "q=2,m=%d;", at + n_now < n);
        append_base64(pixels->rgb + at, n_now, out);
        tb_str_append(out, "\033\\");
    }
}

/* NO_SPACE: more than the limit; *out is as it was. */
static tb_status try_format(tb_area area, const tb_levels *levels, tb_color_map map,
                            tb_picture_form form, tb_pixels *pixels, tb_str *out)
{
    if (is_hopeless(form, pixels))
        return TIMBRE_NO_SPACE;
    if (!color(levels, map, pixels))
        return TIMBRE_NO_MEMORY;
    tb_str body = {0};
    if (form == TB_PICTURE_KITTY)
        write_kitty(pixels, &body);
    else
        tb_pixels_write_chafa(pixels, form, &body);
    free(pixels->rgb);
    bool fits = body.len <= BYTES_MAX - FRAME_BYTES;
    if (fits && !body.failed) {
        tb_str_appendf(out, "\0337\033[%d;%dH", area.row + 1, area.column + 1);
        tb_str_append_bytes(out, body.bytes, body.len);
        tb_str_append(out, "\0338");
    }
    bool failed = body.failed || out->failed;
    tb_str_deinit(&body);
    return failed ? TIMBRE_NO_MEMORY : fits ? TIMBRE_OK : TIMBRE_NO_SPACE;
}

tb_status tb_picture_format(tb_area area, const tb_levels *levels, tb_color_map map,
                            tb_picture_form form, int cell_width, int cell_height, tb_str *out,
                            tb_error *err)
{
    if (form < TB_PICTURE_SIXEL || !tb_picture_has_form(form) || levels->level == NULL ||
        area.rows < 1 || area.columns < 1)
        return TIMBRE_OK;
    for (int shrink = 1; shrink <= CELL_MAX; shrink *= 2) {
        tb_pixels pixels = measure(area, form, cell_width, cell_height, shrink);
        tb_status status = try_format(area, levels, map, form, &pixels, out);
        if (status == TIMBRE_NO_MEMORY)
            return tb_fail(err, status, "no memory for a picture of %d x %d", pixels.width,
                           pixels.height);
        if (status == TIMBRE_OK)
            return TIMBRE_OK;
    }
    return tb_fail(err, TIMBRE_BAD_INPUT, "a picture of %d x %d cells exceeds %d bytes",
                   area.columns, area.rows, BYTES_MAX);
}

void tb_picture_format_removal(tb_picture_form form, tb_str *out)
{
    if (form == TB_PICTURE_KITTY)
        tb_str_append(out, "\033_Ga=d,d=I,i=" KITTY_ID ",q=2\033\\");
}
