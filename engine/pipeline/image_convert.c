/* A picture in memory as another kind of image file, row by row: pixels alone, no EXIF block. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/limits.h"
#include "engine/base/str.h"
#include "engine/pipeline/engine.h"
#include "engine/spectrogram/image_file.h"
#include "timbre/spectrogram.h"

enum { PILLOW_QUALITY = 75 };

static tb_status append(void *user, const void *data, size_t len_bytes, tb_error *err)
{
    tb_str *file = user;
    tb_str_append_bytes(file, data, len_bytes);
    return file->failed ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an image") : TIMBRE_OK;
}

static tb_status read_options(const timbre_image_convert_options *given, tb_image_spec *spec,
                              tb_error *err)
{
    timbre_image_convert_options options = {0};
    tb_copy_options(&options, sizeof options, given, given->struct_size);
    const char *format = options.format != NULL ? options.format : "";
    spec->is_jpeg = strcmp(format, "jpeg") == 0;
    if (!spec->is_jpeg && strcmp(format, "png") != 0)
        return tb_fail(err, TIMBRE_BAD_INPUT, "image format '%.20s' is neither jpeg nor png",
                       format);
    spec->quality = options.jpeg_quality != 0 ? options.jpeg_quality : PILLOW_QUALITY;
    return TIMBRE_OK;
}

/* The file grows in memory: what is small enough to be interlaced is small enough for this. */
static tb_status check_size(const tb_image_info *info, tb_error *err)
{
    int64_t n_pixels = (int64_t)info->width * info->height;
    return n_pixels <= TB_INTERLACED_MAX_PIXELS
               ? TIMBRE_OK
               : tb_fail(err, TIMBRE_BAD_INPUT, "an image of %d x %d pixels exceeds %d",
                         info->width, info->height, TB_INTERLACED_MAX_PIXELS);
}

static tb_status copy_rows(tb_image_reader *reader, tb_image_writer *writer, int width, int height,
                           tb_error *err)
{
    size_t n = (size_t)width * 3;
    uint16_t *wide = malloc(n * sizeof *wide); /* [width][3] */
    uint8_t *row = malloc(n);                  /* [width][3] */
    tb_status st = wide == NULL || row == NULL
                       ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a row of %d pixels", width)
                       : TIMBRE_OK;
    for (int y = 0; st == TIMBRE_OK && y < height; y++) {
        st = tb_image_read_row(reader, wide, err);
        for (size_t i = 0; st == TIMBRE_OK && i < n; i++)
            row[i] = (uint8_t)(wide[i] / 257);
        if (st == TIMBRE_OK)
            st = tb_image_write_row(writer, row, err);
    }
    free(wide);
    free(row);
    return st;
}

static tb_status convert(tb_image_reader *reader, tb_image_spec *spec, tb_str *file, tb_error *err)
{
    const tb_image_info *info = tb_image_get_info(reader);
    tb_image_writer *writer = NULL;
    spec->width = info->width;
    spec->height = info->height;
    tb_status st = check_size(info, err);
    if (st == TIMBRE_OK)
        st = tb_image_writer_new(spec, append, file, &writer, err);
    if (st == TIMBRE_OK)
        st = copy_rows(reader, writer, info->width, info->height, err);
    if (st == TIMBRE_OK)
        st = tb_image_finish(reader, err);
    if (st == TIMBRE_OK)
        st = tb_image_writer_finish(writer, err);
    tb_image_writer_free(writer);
    return st;
}

tb_status timbre_image_convert(const unsigned char *bytes, size_t len_bytes,
                               const timbre_image_convert_options *options, unsigned char **out,
                               size_t *out_len_bytes, tb_error *err)
{
    tb_image_spec spec = {0};
    tb_image_reader *reader = NULL;
    tb_str file = {0};
    *out = NULL;
    *out_len_bytes = 0;
    tb_status st = read_options(options, &spec, err);
    if (st == TIMBRE_OK)
        st = tb_image_open_memory(bytes, len_bytes, &reader, err);
    if (st == TIMBRE_OK)
        st = convert(reader, &spec, &file, err);
    if (st == TIMBRE_OK) {
        *out_len_bytes = file.len;
        *out = (unsigned char *)tb_str_take(&file);
    }
    tb_str_deinit(&file);
    tb_image_close(reader);
    return st;
}
