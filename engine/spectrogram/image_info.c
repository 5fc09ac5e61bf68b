#include <string.h>

#include "engine/spectrogram/image_file.h"
#include "timbre/spectrogram.h"

tb_status timbre_image_read_info(const char *path, timbre_image_info *info, tb_error *err)
{
    tb_image_reader *reader;
    tb_status st = tb_image_open(path, &reader, err);
    if (st != TIMBRE_OK)
        return st;
    const tb_image_info *found = tb_image_get_info(reader);
    timbre_image_info full = {.struct_size = info->struct_size,
                              .width = found->width,
                              .height = found->height,
                              .has_exif = found->has_exif,
                              .has_params = found->has_params,
                              .params = found->params,
                              .max_value = found->max_value};
    memcpy(full.format, found->format, sizeof full.format);
    memcpy(info, &full, info->struct_size < sizeof full ? info->struct_size : sizeof full);
    tb_image_close(reader);
    return TIMBRE_OK;
}
