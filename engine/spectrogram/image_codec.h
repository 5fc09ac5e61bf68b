/*
 * What a format of images brings. The libraries report errors by a jump; each format keeps its
 * jumps within one function that holds nothing, so that none passes over something to be freed.
 */
#ifndef TB_SPECTROGRAM_IMAGE_CODEC_H
#define TB_SPECTROGRAM_IMAGE_CODEC_H

#include "engine/spectrogram/image_file.h"
#include "engine/spectrogram/image_source.h"

typedef struct tb_image_decoder {
    size_t n_magic;
    unsigned char magic[8]; /* the first bytes of every such file */
    /* Read the head: info's width, height and format; the EXIF block, if there is one, into *exif
     * (owned, also after a failure). *state: kept until close, set as soon as there is something to
     * close. */
    tb_status (*open)(tb_image_source *source, void **state, tb_image_info *info,
                      unsigned char **exif, size_t *exif_len, tb_error *err);
    tb_status (*read_row)(void *state, uint16_t *rgb, tb_error *err);
    tb_status (*finish)(void *state, tb_error *err);
    void (*close)(void *state);
} tb_image_decoder;

extern const tb_image_decoder tb_png_decoder, tb_jpeg_decoder;

typedef tb_status (*tb_image_sink)(void *user, const void *data, size_t len_bytes, tb_error *err);

typedef struct tb_image_encoder {
    tb_status (*open)(const tb_image_spec *spec, tb_image_sink sink, void *user, void **state,
                      tb_error *err);
    tb_status (*write_row)(void *state, const uint8_t *rgb, tb_error *err);
    tb_status (*finish)(void *state, tb_error *err);
    void (*close)(void *state);
} tb_image_encoder;

extern const tb_image_encoder tb_png_encoder, tb_jpeg_encoder;

/* BAD_FILE naming value and limit; width and height as the file claims them. */
TB_MUST_USE tb_status tb_image_check_size(const tb_image_source *source, uint32_t width,
                                          uint32_t height, tb_error *err);
/* Of an image that only reading whole makes rows of. */
TB_MUST_USE tb_status tb_image_check_pixels(const tb_image_source *source, uint32_t width,
                                            uint32_t height, const char *kind, tb_error *err);
/* n bytes of the source as the EXIF block. */
TB_MUST_USE tb_status tb_image_read_exif(tb_image_source *source, uint32_t n, unsigned char **exif,
                                         size_t *exif_len, tb_error *err);

#endif
