#include "engine/pipeline/image_spool.h"

#include <stdlib.h>

enum { ROWS_BYTES = 4 << 20 }; /* collected before they are written */

static tb_tiles tiles_of(tb_image_spool *s, int channel)
{
    int64_t strips = (s->width + TB_TILE_COLUMNS - 1) / TB_TILE_COLUMNS;
    int64_t plane_bytes = strips * TB_TILE_COLUMNS * s->height * (int64_t)sizeof(uint16_t);
    return (tb_tiles){.spool = &s->spool,
                      .offset = channel * plane_bytes,
                      .n_rows = s->height,
                      .element_bytes = sizeof(uint16_t)};
}

/* Sums of the three colours over the pixels. */
static void add_colors(double colors[3], const uint16_t *rgb, size_t width)
{
    uint64_t sums[3] = {0};
    for (size_t i = 0; i < 3 * width; i++)
        sums[i % 3] += rgb[i];
    for (int k = 0; k < 3; k++)
        colors[k] += (double)sums[k];
}

/* JPEG lets colours run: red is not wholly 0 there. */
static void judge_colors(tb_image_spool *s, const double colors[3])
{
    double white = 65535.0 * s->width * s->height;
    double most = colors[1] > colors[2] ? colors[1] : colors[2];
    s->looks_stereo = s->n_channels == 1 && most > white / 16 && colors[0] < most / 16;
    s->is_blank = s->n_channels == 2 ? colors[1] == white && colors[2] == white
                                     : colors[0] == white;
}

/* n rows of the image to rows[n_channels][n][width]. */
static tb_status read_rows(tb_image_spool *s, tb_image_reader *reader, int n, uint16_t *rgb,
                           uint16_t *rows, double colors[3], tb_error *err)
{
    size_t width = (size_t)s->width;
    int first = s->n_channels == 2 ? 1 : 0;
    for (size_t i = 0; i < (size_t)n; i++) {
        tb_status st = tb_image_read_row(reader, rgb, err);
        if (st != TIMBRE_OK)
            return st;
        add_colors(colors, rgb, width);
        for (int c = 0; c < s->n_channels; c++) {
            uint16_t *row = rows + ((size_t)c * (size_t)n + i) * width;
            for (size_t x = 0; x < width; x++)
                row[x] = rgb[3 * x + (size_t)(first + c)];
        }
    }
    return TIMBRE_OK;
}

static tb_status load_rows(tb_image_spool *s, tb_image_reader *reader, int rows_max, uint16_t *rgb,
                           uint16_t *rows, const tb_progress *progress, tb_error *err)
{
    double colors[3] = {0};
    for (int y = 0; y < s->height; y += rows_max) {
        int n = s->height - y < rows_max ? s->height - y : rows_max;
        tb_status st = read_rows(s, reader, n, rgb, rows, colors, err);
        for (int c = 0; st == TIMBRE_OK && c < s->n_channels; c++) {
            tb_tiles tiles = tiles_of(s, c);
            st = tb_tiles_write_rows(&tiles, y, n, s->width,
                                     rows + (size_t)c * (size_t)n * (size_t)s->width, err);
        }
        if (st != TIMBRE_OK)
            return st;
        tb_progress_report(progress, (double)(y + n) / s->height);
        st = tb_progress_check(progress, err);
        if (st != TIMBRE_OK)
            return st;
    }
    judge_colors(s, colors);
    return tb_image_finish(reader, err);
}

tb_status tb_image_spool_load(tb_image_spool *s, tb_image_reader *reader, const char *folder,
                              int n_channels, const tb_progress *progress, tb_error *err)
{
    const tb_image_info *info = tb_image_get_info(reader);
    *s = (tb_image_spool){
        .spool.fd = -1, .n_channels = n_channels, .width = info->width, .height = info->height};
    size_t row_bytes = (size_t)s->width * sizeof(uint16_t);
    int rows_max = (int)(ROWS_BYTES / row_bytes);
    rows_max = rows_max < 1 ? 1 : rows_max > TB_TILE_ROWS ? TB_TILE_ROWS : rows_max;
    uint16_t *rgb = malloc(3 * row_bytes);
    uint16_t *rows = malloc((size_t)n_channels * (size_t)rows_max * row_bytes);
    tb_status st = rgb == NULL || rows == NULL
                       ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for rows of %d pixels", s->width)
                       : tb_spool_open(&s->spool, folder, err);
    if (st == TIMBRE_OK)
        st = load_rows(s, reader, rows_max, rgb, rows, progress, err);
    free(rgb);
    free(rows);
    return st;
}

tb_status tb_image_spool_read(tb_image_spool *s, int channel, int64_t x, int *n, uint16_t *columns,
                              tb_error *err)
{
    int64_t left = s->width - x;
    tb_tiles tiles = tiles_of(s, channel);
    *n = left < TB_TILE_COLUMNS ? (int)left : TB_TILE_COLUMNS;
    return tb_tiles_read_columns(&tiles, x, *n, columns, err);
}

void tb_image_spool_deinit(tb_image_spool *s)
{
    tb_spool_close(&s->spool);
}
