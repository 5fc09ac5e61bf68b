/* Matrices of levels: from a PNG of the worker, and smaller or larger. What the bytes say is
 * believed only within the limits: the sides are looked at before there is memory for them. */
#include "cli/tui/picture.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tui/picture_box.h"

void tb_levels_deinit(tb_levels *levels)
{
    free(levels->level);
    *levels = (tb_levels){0};
}

static tb_status make(int width, int height, tb_levels *out, tb_error *err)
{
    /* zeros: libpng draws what is not opaque over what is in the memory */
    out->level = calloc((size_t)width, (size_t)height);
    if (out->level == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a picture of %d x %d", width, height);
    out->width = width;
    out->height = height;
    return TIMBRE_OK;
}

static tb_status read_image(png_image *image, tb_levels *out, tb_error *err)
{
    if (image->width > TB_LEVELS_MAX_SIDE || image->height > TB_LEVELS_MAX_SIDE)
        return tb_fail(err, TIMBRE_BAD_FILE, "the picture's %u x %u exceed %d x %d",
                       (unsigned)image->width, (unsigned)image->height, TB_LEVELS_MAX_SIDE,
                       TB_LEVELS_MAX_SIDE);
    tb_status status = make((int)image->width, (int)image->height, out, err);
    if (status != TIMBRE_OK)
        return status;
    image->format = PNG_FORMAT_GRAY; /* of colours, their luma */
    if (png_image_finish_read(image, NULL, out->level, 0, NULL))
        return TIMBRE_OK;
    tb_levels_deinit(out);
    return tb_fail(err, TIMBRE_BAD_FILE, "the picture is damaged: %s", image->message);
}

tb_status tb_levels_decode(const void *bytes, size_t len_bytes, tb_levels *out, tb_error *err)
{
    *out = (tb_levels){0};
    if (len_bytes == 0)
        return tb_fail(err, TIMBRE_BAD_FILE, "the picture is empty");
    png_image image = {.version = PNG_IMAGE_VERSION};
    tb_status status;
    if (png_image_begin_read_from_memory(&image, bytes, len_bytes))
        status = read_image(&image, out, err);
    else
        status = tb_fail(err, TIMBRE_BAD_FILE, "not a PNG picture: %s", image.message);
    png_image_free(&image);
    return status;
}

/* Where box i of n ends or begins; a box has at least one of `length`. */
static int first_of(int i, int n, int length)
{
    return (int)((int64_t)i * length / n);
}

static int end_of(int i, int n, int length)
{
    int first = first_of(i, n, length), end = first_of(i + 1, n, length);
    return end > first ? end : first + 1;
}

uint8_t tb_levels_box(const tb_levels *levels, int width, int height, int x, int y)
{
    int first = first_of(x, width, levels->width), end = end_of(x, width, levels->width);
    int last_row = end_of(y, height, levels->height);
    uint8_t most = 0;
    for (int row = first_of(y, height, levels->height); row < last_row; row++) {
        const uint8_t *line = levels->level + (size_t)row * (size_t)levels->width;
        for (int i = first; i < end; i++)
            most = line[i] > most ? line[i] : most;
    }
    return most;
}

tb_status tb_levels_scale(const tb_levels *levels, int width, int height, tb_levels *out,
                          tb_error *err)
{
    *out = (tb_levels){0};
    width = width < 1 ? 1 : width;
    height = height < 1 ? 1 : height;
    if (width > TB_LEVELS_MAX_SIDE || height > TB_LEVELS_MAX_SIDE || levels->level == NULL)
        return tb_fail(err, TIMBRE_BAD_INPUT, "a picture of %d x %d exceeds %d x %d", width, height,
                       TB_LEVELS_MAX_SIDE, TB_LEVELS_MAX_SIDE);
    tb_status status = make(width, height, out, err);
    for (int y = 0; status == TIMBRE_OK && y < height; y++)
        for (int x = 0; x < width; x++)
            out->level[(size_t)y * (size_t)width + (size_t)x] = tb_levels_box(levels, width, height,
                                                                              x, y);
    return status;
}
