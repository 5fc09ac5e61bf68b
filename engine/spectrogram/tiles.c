/*
 * Layout: strips of TB_TILE_COLUMNS columns one behind the other, each with all its rows,
 * [strip][n_rows][TB_TILE_COLUMNS]. So a whole strip is one piece of the file, and n rows are one
 * piece of n * TB_TILE_COLUMNS elements per strip.
 */
#include "engine/spectrogram/tiles.h"

#include <stdlib.h>
#include <string.h>

/* Byte in the spool of the element in column x, row y. */
static int64_t place(const tb_tiles *tiles, int64_t x, int y)
{
    int64_t row = x / TB_TILE_COLUMNS * tiles->n_rows + y;
    return tiles->offset + (row * TB_TILE_COLUMNS + x % TB_TILE_COLUMNS) * tiles->element_bytes;
}

static size_t bytes_of(const tb_tiles *tiles, int64_t n)
{
    return (size_t)n * (size_t)tiles->element_bytes;
}

/* Room for n_rows rows of a strip. */
static tb_status block_new(const tb_tiles *tiles, int n_rows, char **block, tb_error *err)
{
    *block = malloc(bytes_of(tiles, (int64_t)n_rows * TB_TILE_COLUMNS));
    if (*block == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %d rows of a picture", n_rows);
    return TIMBRE_OK;
}

/* n_rows rows of n elements, with the given distances from row to row in bytes. */
static void copy_rows(char *to, size_t to_stride, const char *from, size_t from_stride, int n_rows,
                      size_t row_bytes)
{
    for (int y = 0; y < n_rows; y++)
        memcpy(to + (size_t)y * to_stride, from + (size_t)y * from_stride, row_bytes);
}

tb_status tb_tiles_write_columns(const tb_tiles *tiles, int64_t x, int n, const void *data,
                                 tb_error *err)
{
    size_t row_bytes = bytes_of(tiles, n);
    if (n == TB_TILE_COLUMNS)
        return tb_spool_write(tiles->spool, place(tiles, x, 0), data,
                              row_bytes * (size_t)tiles->n_rows, err);
    tb_status st = TIMBRE_OK;
    for (int y = 0; st == TIMBRE_OK && y < tiles->n_rows; y++)
        st = tb_spool_write(tiles->spool, place(tiles, x, y),
                            (const char *)data + (size_t)y * row_bytes, row_bytes, err);
    return st;
}

/*
 * Rows [y, y + n_rows) of n columns that share a strip, through `block`. Not one element behind the
 * last one wanted is read: it need not be there.
 */
static tb_status read_block(const tb_tiles *tiles, int64_t x, int n, int y, int n_rows, char *block,
                            char *to, size_t to_stride, tb_error *err)
{
    size_t stride = bytes_of(tiles, TB_TILE_COLUMNS), row_bytes = bytes_of(tiles, n);
    tb_status st = tb_spool_read(tiles->spool, place(tiles, x, y), block,
                                 stride * (size_t)(n_rows - 1) + row_bytes, err);
    if (st == TIMBRE_OK)
        copy_rows(to, to_stride, block, stride, n_rows, row_bytes);
    return st;
}

tb_status tb_tiles_read_columns(const tb_tiles *tiles, int64_t x, int n, void *data, tb_error *err)
{
    size_t row_bytes = bytes_of(tiles, n);
    if (n == TB_TILE_COLUMNS)
        return tb_spool_read(tiles->spool, place(tiles, x, 0), data,
                             row_bytes * (size_t)tiles->n_rows, err);
    char *block = NULL;
    tb_status st = block_new(tiles, TB_TILE_ROWS, &block, err);
    for (int y = 0; st == TIMBRE_OK && y < tiles->n_rows; y += TB_TILE_ROWS) {
        int n_rows = tiles->n_rows - y < TB_TILE_ROWS ? tiles->n_rows - y : TB_TILE_ROWS;
        st = read_block(tiles, x, n, y, n_rows, block, (char *)data + (size_t)y * row_bytes,
                        row_bytes, err);
    }
    free(block);
    return st;
}

/* Columns of the strip that begins at x, of a picture of `width`. */
static int strip_width(int64_t x, int64_t width)
{
    return width - x < TB_TILE_COLUMNS ? (int)(width - x) : TB_TILE_COLUMNS;
}

tb_status tb_tiles_write_rows(const tb_tiles *tiles, int y, int n, int64_t width, const void *data,
                              tb_error *err)
{
    size_t stride = bytes_of(tiles, TB_TILE_COLUMNS);
    char *block = NULL;
    tb_status st = block_new(tiles, n, &block, err);
    if (st == TIMBRE_OK)
        memset(block, 0, stride * (size_t)n); /* what is right of the picture */
    for (int64_t x = 0; st == TIMBRE_OK && x < width; x += TB_TILE_COLUMNS) {
        size_t row_bytes = bytes_of(tiles, strip_width(x, width));
        copy_rows(block, stride, (const char *)data + bytes_of(tiles, x), bytes_of(tiles, width), n,
                  row_bytes);
        st = tb_spool_write(tiles->spool, place(tiles, x, y), block,
                            stride * (size_t)(n - 1) + row_bytes, err);
    }
    free(block);
    return st;
}

tb_status tb_tiles_read_rows(const tb_tiles *tiles, int y, int n, int64_t width, void *data,
                             tb_error *err)
{
    char *block = NULL;
    tb_status st = block_new(tiles, n, &block, err);
    for (int64_t x = 0; st == TIMBRE_OK && x < width; x += TB_TILE_COLUMNS)
        st = read_block(tiles, x, strip_width(x, width), y, n, block,
                        (char *)data + bytes_of(tiles, x), bytes_of(tiles, width), err);
    free(block);
    return st;
}
