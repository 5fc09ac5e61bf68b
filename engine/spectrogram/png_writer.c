/* PNG, RGB of 8 bits, through libpng: no times, no texts, so that the same rows give the same file.
 */
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/spectrogram/image_codec.h"

typedef struct {
    const tb_image_spec *spec; /* during open */
    tb_image_sink sink;
    void *user;
    png_structp png;
    png_infop info;
    jmp_buf jump;
    char message[128];        /* libpng's, of the error that made it jump */
    tb_status sink_status;    /* not OK: the sink's error stands in *err */
    tb_error *err;            /* of the call under way */
    const unsigned char *row; /* of the call under way */
} png_writer;

static PNG_NORETURN void on_error(png_structp png, png_const_charp message)
{
    png_writer *w = png_get_error_ptr(png);
    snprintf(w->message, sizeof w->message, "%s", message);
    longjmp(w->jump, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png, (void)message;
}

static void on_write(png_structp png, png_bytep bytes, size_t n)
{
    png_writer *w = png_get_io_ptr(png);
    w->sink_status = w->sink(w->user, bytes, n, w->err);
    if (w->sink_status != TIMBRE_OK)
        png_error(png, "the sink failed");
}

static void on_flush(png_structp png)
{
    (void)png;
}

/* Run a step of calls to libpng. A step owns nothing: libpng's errors end it by a jump to here. */
static tb_status run(png_writer *w, void (*step)(png_writer *), tb_error *err)
{
    w->err = err;
    if (setjmp(w->jump) == 0) {
        step(w);
        return TIMBRE_OK;
    }
    if (w->sink_status != TIMBRE_OK)
        return w->sink_status;
    return tb_fail(err, TIMBRE_NO_MEMORY, "libpng cannot write on: %s", w->message);
}

static void create(png_writer *w)
{
    w->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, w, on_error, on_warning);
    if (w->png != NULL)
        w->info = png_create_info_struct(w->png);
}

static void write_head(png_writer *w)
{
    enum { IDAT_BYTES = 64 * 1024, LEVEL = 3 };
    const tb_image_spec *spec = w->spec;
    png_set_write_fn(w->png, w, on_write, on_flush);
    png_set_user_limits(w->png, (png_uint_32)spec->width, (png_uint_32)spec->height);
    png_set_compression_buffer_size(w->png, IDAT_BYTES);
    /* On spectrograms, against the defaults (level 6, all filters): a third of the time; a grey one
     * is 2-6 % smaller, a stereo one 11 % larger. */
    png_set_compression_level(w->png, LEVEL);
    png_set_filter(w->png, PNG_FILTER_TYPE_BASE, PNG_FILTER_PAETH);
    png_set_IHDR(w->png, w->info, (png_uint_32)spec->width, (png_uint_32)spec->height, 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(w->png, w->info);
    if (spec->exif != NULL) /* where Pillow puts it: behind IHDR, before the pixels */
        png_write_chunk(w->png, (png_const_bytep) "eXIf", spec->exif, TB_EXIF_BYTES);
}

static void write_one_row(png_writer *w)
{
    png_write_row(w->png, w->row);
}

static void write_end(png_writer *w)
{
    png_write_end(w->png, NULL);
}

static tb_status open_png(const tb_image_spec *spec, tb_image_sink sink, void *user, void **state,
                          tb_error *err)
{
    png_writer *w = calloc(1, sizeof *w);
    if (w == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a PNG writer");
    *state = w;
    w->spec = spec;
    w->sink = sink;
    w->user = user;
    tb_status st = run(w, create, err);
    if (st == TIMBRE_OK && w->info == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "libpng cannot be started");
    return st == TIMBRE_OK ? run(w, write_head, err) : st;
}

static tb_status write_png_row(void *state, const uint8_t *rgb, tb_error *err)
{
    png_writer *w = state;
    w->row = rgb;
    return run(w, write_one_row, err);
}

static tb_status finish_png(void *state, tb_error *err)
{
    return run(state, write_end, err);
}

static void close_png(void *state)
{
    png_writer *w = state;
    png_destroy_write_struct(&w->png, &w->info);
    free(w);
}

const tb_image_encoder tb_png_encoder = {
    .open = open_png, .write_row = write_png_row, .finish = finish_png, .close = close_png};
