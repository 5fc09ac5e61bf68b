/* For tests: an image in memory, written by the engine, and read back whole. */
#ifndef TB_TESTS_IMAGES_H
#define TB_TESTS_IMAGES_H

#include "engine/base/str.h"
#include "engine/spectrogram/image_file.h"

/* A picture [height][width][3]. */
typedef struct picture {
    int width, height;
    uint16_t *rgb; /* owned */
} picture;

/* Noise of 8-bit values (times 257), or smooth slopes that JPEG can keep. */
picture picture_make(int width, int height, bool is_smooth);
void picture_free(picture *p);

/* The picture as a file; fails the test if it cannot be written. */
tb_str picture_write(const picture *p, tb_image_spec spec);

/* Read bytes whole: open, all rows, finish. *info as of the open image; *p is owned when OK. */
tb_status picture_read(const void *bytes, size_t len, tb_image_info *info, picture *p,
                       tb_error *err);
tb_status picture_read_file(const char *path, tb_image_info *info, picture *p, tb_error *err);

#endif
