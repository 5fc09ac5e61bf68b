#include "engine/spectrogram/raster.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/spectrogram/image_file.h"

tb_status tb_raster_new(int width, int height, int n_channels, tb_raster *out, tb_error *err)
{
    assert(n_channels == 1 || n_channels == 3);
    *out = (tb_raster){0};
    if (width < 1 || height < 1)
        return tb_fail(err, TIMBRE_BAD_INPUT, "an image of %d x %d pixels is empty", width, height);
    long long n_pixels = (long long)width * height;
    if (n_pixels > TB_RASTER_MAX_PIXELS)
        return tb_fail(err, TIMBRE_BAD_INPUT, "an image of %d x %d = %lld pixels exceeds %d", width,
                       height, n_pixels, TB_RASTER_MAX_PIXELS);
    out->pixels = calloc((size_t)n_pixels, (size_t)n_channels);
    if (out->pixels == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an image of %d x %d pixels", width,
                       height);
    out->width = width;
    out->height = height;
    out->n_channels = n_channels;
    return TIMBRE_OK;
}

void tb_raster_deinit(tb_raster *raster)
{
    free(raster->pixels);
    *raster = (tb_raster){0};
}

static tb_status read_rows(tb_image_reader *reader, tb_raster *out, tb_error *err)
{
    size_t n_row = (size_t)out->width * 3;
    uint16_t *row = malloc(n_row * sizeof *row);
    if (row == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a row of %d pixels", out->width);
    tb_status st = TIMBRE_OK;
    uint8_t *to = out->pixels;
    for (int y = 0; st == TIMBRE_OK && y < out->height; y++, to += n_row) {
        st = tb_image_read_row(reader, row, err);
        for (size_t i = 0; st == TIMBRE_OK && i < n_row; i++)
            to[i] = (uint8_t)(row[i] >> 8); /* v * 257 >> 8 is v */
    }
    if (st == TIMBRE_OK)
        st = tb_image_finish(reader, err);
    free(row);
    return st;
}

static tb_status check_size(const char *path, const tb_image_info *info, tb_error *err)
{
    long long n_pixels = (long long)info->width * info->height;
    if (n_pixels <= TB_RASTER_MAX_PIXELS)
        return TIMBRE_OK;
    return tb_fail(err, TIMBRE_BAD_FILE, "'%s': %d x %d = %lld pixels exceed %d", path, info->width,
                   info->height, n_pixels, TB_RASTER_MAX_PIXELS);
}

tb_status tb_raster_read(const char *path, tb_raster *out, tb_error *err)
{
    *out = (tb_raster){0};
    tb_image_reader *reader = NULL;
    tb_status st = tb_image_open(path, &reader, err);
    if (st != TIMBRE_OK)
        return st;
    const tb_image_info *info = tb_image_get_info(reader);
    st = check_size(path, info, err);
    if (st == TIMBRE_OK)
        st = tb_raster_new(info->width, info->height, 3, out, err);
    if (st == TIMBRE_OK)
        st = read_rows(reader, out, err);
    if (st != TIMBRE_OK)
        tb_raster_deinit(out);
    tb_image_close(reader);
    return st;
}

tb_status tb_raster_to_grey(const tb_raster *rgb, tb_raster *out, tb_error *err)
{
    /* 0.299, 0.587 and 0.114 times 65536: they add up to it, so that white stays white */
    enum { RED = 19595, GREEN = 38470, BLUE = 7471, HALF = 0x8000 };
    assert(rgb->n_channels == 3);
    tb_status st = tb_raster_new(rgb->width, rgb->height, 1, out, err);
    if (st != TIMBRE_OK)
        return st;
    size_t n_pixels = (size_t)rgb->width * (size_t)rgb->height;
    const uint8_t *from = rgb->pixels;
    for (size_t i = 0; i < n_pixels; i++, from += 3)
        out->pixels[i] = (uint8_t)((from[0] * RED + from[1] * GREEN + from[2] * BLUE + HALF) >> 16);
    return TIMBRE_OK;
}
