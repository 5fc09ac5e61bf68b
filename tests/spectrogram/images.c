#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "images.h"

static uint16_t *new_rows(int width, int height)
{
    uint16_t *rgb = malloc((size_t)width * (size_t)height * 3 * sizeof *rgb);
    assert_non_null(rgb);
    return rgb;
}

picture picture_make(int width, int height, bool is_smooth)
{
    picture p = {width, height, new_rows(width, height)};
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            for (int c = 0; c < 3; c++) {
                size_t i = ((size_t)y * (size_t)width + (size_t)x) * 3 + (size_t)c;
                int smooth = 20 + c * 10 + 100 * x / width + 80 * y / height;
                int v = is_smooth ? smooth : (int)(tb_random_at(9, i) >> 56);
                p.rgb[i] = (uint16_t)(v * 257);
            }
        }
    }
    return p;
}

void picture_free(picture *p)
{
    free(p->rgb);
    p->rgb = NULL;
}

static tb_status append(void *user, const void *data, size_t len_bytes, tb_error *err)
{
    (void)err;
    tb_str_append_bytes(user, data, len_bytes);
    return TIMBRE_OK;
}

tb_str picture_write(const picture *p, tb_image_spec spec)
{
    tb_str file = {0};
    tb_error err = {0};
    tb_image_writer *writer;
    size_t row_len = (size_t)p->width * 3;
    uint8_t *row = malloc(row_len);
    assert_non_null(row);
    spec.width = p->width;
    spec.height = p->height;
    tb_status st = tb_image_writer_new(&spec, append, &file, &writer, &err);
    for (int y = 0; st == TIMBRE_OK && y < p->height; y++) {
        for (size_t i = 0; i < row_len; i++)
            row[i] = (uint8_t)(p->rgb[(size_t)y * row_len + i] / 257);
        st = tb_image_write_row(writer, row, &err);
    }
    if (st == TIMBRE_OK)
        st = tb_image_writer_finish(writer, &err);
    tb_image_writer_free(writer);
    free(row);
    if (st != TIMBRE_OK || file.failed)
        fail_msg("%s", err.message);
    return file;
}

static tb_status read_rows(tb_image_reader *reader, tb_image_info *info, picture *p, tb_error *err)
{
    *info = *tb_image_get_info(reader);
    *p = (picture){info->width, info->height, new_rows(info->width, info->height)};
    tb_status st = TIMBRE_OK;
    for (int y = 0; st == TIMBRE_OK && y < info->height; y++)
        st = tb_image_read_row(reader, p->rgb + (size_t)y * (size_t)info->width * 3, err);
    if (st == TIMBRE_OK)
        st = tb_image_finish(reader, err);
    tb_image_close(reader);
    if (st != TIMBRE_OK)
        picture_free(p);
    return st;
}

tb_status picture_read(const void *bytes, size_t len, tb_image_info *info, picture *p,
                       tb_error *err)
{
    tb_image_reader *reader;
    unsigned char *exact = malloc(len > 0 ? len : 1); /* a sanitizer sees a read past the end */
    assert_non_null(exact);
    if (len > 0)
        memcpy(exact, bytes, len);
    tb_status st = tb_image_open_memory(exact, len, &reader, err);
    if (st == TIMBRE_OK)
        st = read_rows(reader, info, p, err);
    free(exact);
    return st;
}

tb_status picture_read_file(const char *path, tb_image_info *info, picture *p, tb_error *err)
{
    tb_image_reader *reader;
    tb_status st = tb_image_open(path, &reader, err);
    return st == TIMBRE_OK ? read_rows(reader, info, p, err) : st;
}
