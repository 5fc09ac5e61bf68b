/* The look at a sound as an image file. */
#include "engine/pipeline/image_target.h"
#include "engine/spectrogram/colormap.h"
#include "engine/spectrogram/picture.h"
#include "timbre/spectrogram.h"

enum { JPEG_QUALITY = 95 }; /* letters stay sharp */

static const double RANGE_MAX_DB = 120; /* lower levels are not kept */

tb_status timbre_view_check_output(const char *output, int replace, tb_error *err)
{
    return tb_image_target_check(output, replace != 0, err);
}

static tb_status write_picture(const tb_picture *picture, const char *output, bool replace,
                               tb_error *err)
{
    tb_image_spec spec = {.is_jpeg = tb_image_target_is_jpeg(output),
                          .quality = JPEG_QUALITY,
                          .width = picture->width,
                          .height = picture->height};
    tb_image_target target;
    tb_status st = tb_image_target_begin(&target, output, &spec, err);
    for (int y = 0; st == TIMBRE_OK && y < picture->height; y++)
        st = tb_image_target_write_row(&target, picture->rgb + (size_t)y * picture->width * 3, err);
    if (st == TIMBRE_OK)
        st = tb_image_target_commit(&target, replace, err);
    tb_image_target_abort(&target);
    return st;
}

tb_status timbre_view_save(const timbre_view *view, const char *title, double range_db,
                           const char *output, int replace, tb_error *err)
{
    if (!(range_db > 0 && range_db <= RANGE_MAX_DB))
        return tb_fail(err, TIMBRE_BAD_INPUT, "range_db %g is not above 0 and up to %g", range_db,
                       RANGE_MAX_DB);
    tb_picture picture = {0};
    tb_status st = tb_image_target_check(output, replace != 0, err);
    if (st == TIMBRE_OK)
        st = tb_picture_init(&picture, view, title, range_db, err);
    if (st == TIMBRE_OK)
        st = write_picture(&picture, output, replace != 0, err);
    tb_picture_deinit(&picture);
    return st;
}

void timbre_view_color(double level, unsigned char rgb[3])
{
    tb_colormap_get(level, rgb);
}
