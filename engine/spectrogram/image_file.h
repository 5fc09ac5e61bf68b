/*
 * Spectrogram images: PNG (libpng) and JPEG (libjpeg-turbo), row by row, with their EXIF block.
 * Every kind of PNG is read (grey, palette of 1 to 8 bit, RGB, with alpha, 16 bit, interlaced);
 * JPEG as grey or colour. CMYK is refused by name.
 */
#ifndef TB_SPECTROGRAM_IMAGE_FILE_H
#define TB_SPECTROGRAM_IMAGE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/spectrogram/exif.h"

typedef struct tb_image_reader tb_image_reader;

typedef struct tb_image_info {
    int width, height;
    char format[32];                  /* "PNG, RGB, 8 bit", "JPEG, colour" */
    bool has_params;                  /* the EXIF block had all nine */
    bool has_exif;                    /* there is some EXIF block */
    timbre_spectrogram_params params; /* of the EXIF block, else the defaults */
    double max_value;                 /* NAN: not given */
} tb_image_info;

/* NOT_FOUND, PERMISSION, BAD_FILE (damaged, truncated, over TB_IMAGE_MAX_WIDTH or _HEIGHT: names
 * value and limit), UNSUPPORTED (CMYK). Never blocks on a FIFO. */
TB_MUST_USE tb_status tb_image_open(const char *path, tb_image_reader **out, tb_error *err);
TB_MUST_USE tb_status tb_image_open_memory(const unsigned char *bytes, size_t len_bytes,
                                           tb_image_reader **out, tb_error *err);
void tb_image_close(tb_image_reader *reader);
const tb_image_info *tb_image_get_info(const tb_image_reader *reader);
/* The next row from the top: rgb[width][3], 0..65535 (8-bit values times 257; alpha is left out;
 * grey thrice). After an error of this or the next function only tb_image_close. */
TB_MUST_USE tb_status tb_image_read_row(tb_image_reader *reader, uint16_t *rgb, tb_error *err);
/* After the last row: the rest of the file, so that a damaged end is not missed. What follows a PNG
 * is an error, what follows a JPEG is not (cameras write more behind it). */
TB_MUST_USE tb_status tb_image_finish(tb_image_reader *reader, tb_error *err);

typedef struct tb_image_spec {
    bool is_jpeg;
    int quality; /* JPEG: 1..100; 4:2:0 as Pillow's default, 4:4:4 from 95 on */
    int width, height;
    const unsigned char *exif; /* [TB_EXIF_BYTES]; NULL: none */
} tb_image_spec;

typedef struct tb_image_writer tb_image_writer;

/* Write to `sink`, which gets the bytes in order; its error is passed on. Returns owned; after an
 * error the writer is only freed. The same rows give the same bytes. JPEG above 65,500 pixels:
 * BAD_INPUT with the way out (PNG). */
TB_MUST_USE tb_status tb_image_writer_new(const tb_image_spec *spec,
                                          tb_status (*sink)(void *user, const void *data,
                                                            size_t len_bytes, tb_error *err),
                                          void *user, tb_image_writer **out, tb_error *err);
/* The next row: rgb[width][3]. */
TB_MUST_USE tb_status tb_image_write_row(tb_image_writer *writer, const uint8_t *rgb,
                                         tb_error *err);
/* All rows are written: end the file. */
TB_MUST_USE tb_status tb_image_writer_finish(tb_image_writer *writer, tb_error *err);
void tb_image_writer_free(tb_image_writer *writer);

#endif
