/* JPEG through libjpeg(-turbo), with Pillow's settings. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include "engine/spectrogram/image_codec.h"

enum { BUFFER_BYTES = 16 * 1024, FULL_COLOUR_QUALITY = 95 };

typedef struct {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr output;
    const tb_image_spec *spec; /* during open */
    tb_image_sink sink;
    void *user;
    jmp_buf jump;
    char message[JMSG_LENGTH_MAX]; /* libjpeg's, of the error that made it jump */
    tb_status sink_status;         /* not OK: the sink's error stands in *err */
    tb_error *err;                 /* of the call under way */
    const uint8_t *row;            /* of the call under way */
    JOCTET buffer[BUFFER_BYTES];
} jpeg_writer;

static void on_error(j_common_ptr jpeg)
{
    jpeg_writer *w = jpeg->client_data;
    jpeg->err->format_message(jpeg, w->message);
    longjmp(w->jump, 1);
}

static void on_message(j_common_ptr jpeg, int level)
{
    (void)jpeg, (void)level;
}

static void begin_buffer(j_compress_ptr jpeg)
{
    jpeg_writer *w = jpeg->client_data;
    w->output.next_output_byte = w->buffer;
    w->output.free_in_buffer = sizeof w->buffer;
}

static void pass_on(jpeg_writer *w, size_t n)
{
    w->sink_status = w->sink(w->user, w->buffer, n, w->err);
    if (w->sink_status != TIMBRE_OK)
        longjmp(w->jump, 1);
}

/* libjpeg asks for the whole buffer to be written, whatever free_in_buffer says. */
static boolean empty_buffer(j_compress_ptr jpeg)
{
    jpeg_writer *w = jpeg->client_data;
    pass_on(w, sizeof w->buffer);
    begin_buffer(jpeg);
    return TRUE;
}

static void end_buffer(j_compress_ptr jpeg)
{
    jpeg_writer *w = jpeg->client_data;
    pass_on(w, sizeof w->buffer - w->output.free_in_buffer);
}

/* Run a step of calls to libjpeg. A step owns nothing: an error ends it by a jump to here. */
static tb_status run(jpeg_writer *w, void (*step)(jpeg_writer *), tb_error *err)
{
    w->err = err;
    if (setjmp(w->jump) == 0) {
        step(w);
        return TIMBRE_OK;
    }
    if (w->sink_status != TIMBRE_OK)
        return w->sink_status;
    return tb_fail(err, TIMBRE_NO_MEMORY, "libjpeg cannot write on: %s", w->message);
}

static void write_exif(jpeg_writer *w)
{
    static const unsigned char prefix[] = {'E', 'x', 'i', 'f', 0, 0};
    jpeg_write_m_header(&w->jpeg, JPEG_APP0 + 1, sizeof prefix + TB_EXIF_BYTES);
    for (size_t i = 0; i < sizeof prefix; i++)
        jpeg_write_m_byte(&w->jpeg, prefix[i]);
    for (int i = 0; i < TB_EXIF_BYTES; i++)
        jpeg_write_m_byte(&w->jpeg, w->spec->exif[i]);
}

static void write_head(jpeg_writer *w)
{
    jpeg_create_compress(&w->jpeg);
    w->output = (struct jpeg_destination_mgr){.init_destination = begin_buffer,
                                              .empty_output_buffer = empty_buffer,
                                              .term_destination = end_buffer};
    w->jpeg.dest = &w->output;
    w->jpeg.image_width = (JDIMENSION)w->spec->width;
    w->jpeg.image_height = (JDIMENSION)w->spec->height;
    w->jpeg.input_components = 3;
    w->jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&w->jpeg); /* 4:2:0 */
    jpeg_set_quality(&w->jpeg, w->spec->quality, TRUE);
    w->jpeg.dct_method = JDCT_ISLOW;
    if (w->spec->quality >= FULL_COLOUR_QUALITY)
        w->jpeg.comp_info[0].h_samp_factor = w->jpeg.comp_info[0].v_samp_factor = 1;
    jpeg_start_compress(&w->jpeg, TRUE);
    if (w->spec->exif != NULL)
        write_exif(w);
}

static void write_one_row(jpeg_writer *w)
{
    JSAMPROW row = (JSAMPROW)(uintptr_t)w->row; /* read only */
    (void)jpeg_write_scanlines(&w->jpeg, &row, 1);
}

static void write_end(jpeg_writer *w)
{
    jpeg_finish_compress(&w->jpeg);
}

static tb_status open_jpeg(const tb_image_spec *spec, tb_image_sink sink, void *user, void **state,
                           tb_error *err)
{
    jpeg_writer *w = calloc(1, sizeof *w);
    if (w == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a JPEG writer");
    *state = w;
    w->spec = spec;
    w->sink = sink;
    w->user = user;
    w->jpeg.err = jpeg_std_error(&w->errors);
    w->jpeg.client_data = w;
    w->errors.error_exit = on_error;
    w->errors.emit_message = on_message;
    return run(w, write_head, err);
}

static tb_status write_jpeg_row(void *state, const uint8_t *rgb, tb_error *err)
{
    jpeg_writer *w = state;
    w->row = rgb;
    return run(w, write_one_row, err);
}

static tb_status finish_jpeg(void *state, tb_error *err)
{
    return run(state, write_end, err);
}

static void close_jpeg(void *state)
{
    jpeg_writer *w = state;
    jpeg_destroy_compress(&w->jpeg);
    free(w);
}

const tb_image_encoder tb_jpeg_encoder = {
    .open = open_jpeg, .write_row = write_jpeg_row, .finish = finish_jpeg, .close = close_jpeg};
