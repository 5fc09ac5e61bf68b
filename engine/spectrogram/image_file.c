#include "engine/spectrogram/image_file.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/limits.h"
#include "engine/base/str.h"
#include "engine/spectrogram/image_codec.h"

struct tb_image_reader {
    const tb_image_decoder *decoder;
    void *state;
    tb_image_source source;
    char *name; /* owned */
    tb_image_info info;
    int i_row; /* the next */
};

enum { N_DECODERS = 2 };

static const tb_image_decoder *const decoders[N_DECODERS] = {&tb_png_decoder, &tb_jpeg_decoder};

tb_status tb_image_check_size(const tb_image_source *source, uint32_t width, uint32_t height,
                              tb_error *err)
{
    if (width == 0 || height == 0)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' claims %u x %u pixels: it is empty",
                       source->name, width, height);
    if (width > TB_IMAGE_MAX_WIDTH)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s': a width of %u pixels exceeds %d", source->name,
                       width, TB_IMAGE_MAX_WIDTH);
    if (height > TB_IMAGE_MAX_HEIGHT)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s': a height of %u pixels exceeds %d", source->name,
                       height, TB_IMAGE_MAX_HEIGHT);
    return TIMBRE_OK;
}

tb_status tb_image_check_pixels(const tb_image_source *source, uint32_t width, uint32_t height,
                                const char *kind, tb_error *err)
{
    uint64_t n_pixels = (uint64_t)width * height;
    if (n_pixels <= TB_INTERLACED_MAX_PIXELS)
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_BAD_FILE, "'%s': %llu pixels of %s image exceed %d",
                           source->name, (unsigned long long)n_pixels, kind,
                           TB_INTERLACED_MAX_PIXELS);
    tb_fix(err, "save it as a PNG that is not interlaced");
    return st;
}

tb_status tb_image_read_exif(tb_image_source *source, uint32_t n, unsigned char **exif,
                             size_t *exif_len, tb_error *err)
{
    if (n > TB_EXIF_MAX_BYTES)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s': an EXIF block of %u bytes exceeds %d",
                       source->name, n, TB_EXIF_MAX_BYTES);
    *exif = malloc(n > 0 ? n : 1);
    if (*exif == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %u bytes of EXIF", n);
    *exif_len = tb_image_source_read(source, *exif, n);
    if (*exif_len < n)
        return tb_image_source_fail(source, "the file ends within its EXIF block", err);
    return TIMBRE_OK;
}

static tb_status find_decoder(tb_image_reader *reader, tb_error *err)
{
    unsigned char head[8];
    size_t n = tb_image_source_read(&reader->source, head, sizeof head);
    tb_image_source_rewind(&reader->source);
    for (int i = 0; i < N_DECODERS; i++)
        if (n >= decoders[i]->n_magic &&
            memcmp(head, decoders[i]->magic, decoders[i]->n_magic) == 0)
            reader->decoder = decoders[i];
    if (reader->source.sys_errno != 0)
        return tb_image_source_fail(&reader->source, "", err);
    if (n == 0)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' is empty", reader->name);
    if (reader->decoder == NULL)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' is neither PNG nor JPEG", reader->name);
    return TIMBRE_OK;
}

/* Other programs write "Exif\0\0" before the block also where a PNG has none. */
static tb_status take_exif(tb_image_reader *reader, const unsigned char *exif, size_t exif_len,
                           tb_error *err)
{
    static const unsigned char prefix[6] = {'E', 'x', 'i', 'f', 0, 0};
    tb_image_info *info = &reader->info;
    if (exif_len >= sizeof prefix && memcmp(exif, prefix, sizeof prefix) == 0) {
        exif += sizeof prefix;
        exif_len -= sizeof prefix;
    }
    info->has_exif = true;
    tb_error wrong = {0};
    tb_status st = tb_exif_parse(exif, exif_len, &info->params, &info->max_value, &info->has_params,
                                 &wrong);
    if (st == TIMBRE_OK)
        return TIMBRE_OK;
    st = tb_fail(err, st, "'%s': %s", reader->name, wrong.message);
    tb_fix(err, "without the block the defaults hold: exiftool -EXIF= FILE");
    return st;
}

static tb_status read_head(tb_image_reader *reader, tb_error *err)
{
    unsigned char *exif = NULL;
    size_t exif_len = 0;
    tb_status st = find_decoder(reader, err);
    if (st == TIMBRE_OK)
        st = reader->decoder->open(&reader->source, &reader->state, &reader->info, &exif, &exif_len,
                                   err);
    if (st == TIMBRE_OK && exif != NULL)
        st = take_exif(reader, exif, exif_len, err);
    free(exif);
    return st;
}

static tb_image_reader *reader_new(const char *name)
{
    tb_image_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    reader->name = tb_strdup(name);
    timbre_spectrogram_params_init(&reader->info.params);
    reader->info.max_value = NAN;
    if (reader->name != NULL)
        return reader;
    free(reader);
    return NULL;
}

tb_status tb_image_open(const char *path, tb_image_reader **out, tb_error *err)
{
    *out = NULL;
    tb_image_reader *reader = reader_new(path);
    if (reader == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an image reader");
    tb_status st = tb_image_source_open(&reader->source, reader->name, err);
    if (st == TIMBRE_OK)
        st = read_head(reader, err);
    if (st == TIMBRE_OK)
        *out = reader;
    else
        tb_image_close(reader);
    return st;
}

tb_status tb_image_open_memory(const unsigned char *bytes, size_t len_bytes, tb_image_reader **out,
                               tb_error *err)
{
    *out = NULL;
    tb_image_reader *reader = reader_new("memory");
    if (reader == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an image reader");
    reader->source = (tb_image_source){.bytes = bytes, .len = len_bytes, .name = reader->name};
    tb_status st = read_head(reader, err);
    if (st == TIMBRE_OK)
        *out = reader;
    else
        tb_image_close(reader);
    return st;
}

void tb_image_close(tb_image_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->state != NULL)
        reader->decoder->close(reader->state);
    tb_image_source_close(&reader->source);
    free(reader->name);
    free(reader);
}

const tb_image_info *tb_image_get_info(const tb_image_reader *reader)
{
    return &reader->info;
}

tb_status tb_image_read_row(tb_image_reader *reader, uint16_t *rgb, tb_error *err)
{
    assert(reader->i_row < reader->info.height);
    reader->i_row++;
    return reader->decoder->read_row(reader->state, rgb, err);
}

tb_status tb_image_finish(tb_image_reader *reader, tb_error *err)
{
    assert(reader->i_row == reader->info.height);
    return reader->decoder->finish(reader->state, err);
}

struct tb_image_writer {
    const tb_image_encoder *encoder;
    void *state;
};

static tb_status check_spec(const tb_image_spec *spec, tb_error *err)
{
    if (spec->width < 1 || spec->width > TB_IMAGE_MAX_WIDTH || spec->height < 1 ||
        spec->height > TB_IMAGE_MAX_HEIGHT)
        return tb_fail(err, TIMBRE_BAD_INPUT, "an image of %d x %d pixels is not in 1..%d x 1..%d",
                       spec->width, spec->height, TB_IMAGE_MAX_WIDTH, TB_IMAGE_MAX_HEIGHT);
    if (!spec->is_jpeg)
        return TIMBRE_OK;
    if (spec->quality < 1 || spec->quality > 100)
        return tb_fail(err, TIMBRE_BAD_INPUT, "JPEG quality %d is not in 1..100", spec->quality);
    if (spec->width <= TB_JPEG_MAX_SIDE)
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "a JPEG of %d pixels in width exceeds %d",
                           spec->width, TB_JPEG_MAX_SIDE);
    tb_fix(err, "write a PNG instead");
    return st;
}

tb_status tb_image_writer_new(const tb_image_spec *spec,
                              tb_status (*sink)(void *user, const void *data, size_t len_bytes,
                                                tb_error *err),
                              void *user, tb_image_writer **out, tb_error *err)
{
    *out = NULL;
    tb_status st = check_spec(spec, err);
    if (st != TIMBRE_OK)
        return st;
    tb_image_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an image writer");
    writer->encoder = spec->is_jpeg ? &tb_jpeg_encoder : &tb_png_encoder;
    st = writer->encoder->open(spec, sink, user, &writer->state, err);
    if (st == TIMBRE_OK)
        *out = writer;
    else
        tb_image_writer_free(writer);
    return st;
}

tb_status tb_image_write_row(tb_image_writer *writer, const uint8_t *rgb, tb_error *err)
{
    return writer->encoder->write_row(writer->state, rgb, err);
}

tb_status tb_image_writer_finish(tb_image_writer *writer, tb_error *err)
{
    return writer->encoder->finish(writer->state, err);
}

void tb_image_writer_free(tb_image_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->state != NULL)
        writer->encoder->close(writer->state);
    free(writer);
}
