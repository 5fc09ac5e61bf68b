/* JPEG through libjpeg(-turbo). Its warnings are errors here: what it would guess is not sound. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "engine/base/limits.h"
#include "engine/spectrogram/image_codec.h"

enum {
    BUFFER_BYTES = 16 * 1024,
    MAX_SCANS = 500,                            /* of a progressive image; 10 are usual */
    MAX_MEMORY = TB_INTERLACED_MAX_PIXELS * 8L, /* coefficients: 3 components of 2 bytes, padding */
    MARKER = 0xff,
};

typedef struct {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr input;
    struct jpeg_progress_mgr progress;
    tb_image_source *source;
    jmp_buf jump;
    char message[JMSG_LENGTH_MAX]; /* libjpeg's, of the error that made it jump */
    bool is_out_of_memory;
    JSAMPLE *row; /* [width][1 or 3]; owned */
    JOCTET buffer[BUFFER_BYTES];
} jpeg_reader;

static void stop(jpeg_reader *r, const char *message)
{
    snprintf(r->message, sizeof r->message, "%s", message);
    longjmp(r->jump, 1);
}

static void on_error(j_common_ptr jpeg)
{
    jpeg_reader *r = jpeg->client_data;
    char message[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, message);
    r->is_out_of_memory = jpeg->err->msg_code == JERR_OUT_OF_MEMORY;
    stop(r, message);
}

static void on_message(j_common_ptr jpeg, int level)
{
    if (level < 0) /* a warning: the data is corrupt */
        on_error(jpeg);
}

static void on_progress(j_common_ptr jpeg)
{
    jpeg_reader *r = jpeg->client_data;
    if (r->jpeg.input_scan_number > MAX_SCANS)
        stop(r, "more than 500 scans");
}

static void init_source(j_decompress_ptr jpeg)
{
    (void)jpeg;
}

static boolean fill_buffer(j_decompress_ptr jpeg)
{
    jpeg_reader *r = jpeg->client_data;
    size_t n = tb_image_source_read(r->source, r->buffer, sizeof r->buffer);
    if (n == 0)
        stop(r, "the file ends too early");
    r->input.next_input_byte = r->buffer;
    r->input.bytes_in_buffer = n;
    return TRUE;
}

static void skip_input(j_decompress_ptr jpeg, long n_bytes)
{
    jpeg_reader *r = jpeg->client_data;
    while (n_bytes > (long)r->input.bytes_in_buffer) {
        n_bytes -= (long)r->input.bytes_in_buffer;
        (void)fill_buffer(jpeg);
    }
    if (n_bytes > 0) {
        r->input.next_input_byte += n_bytes;
        r->input.bytes_in_buffer -= (size_t)n_bytes;
    }
}

/* Run a step of calls to libjpeg. A step owns nothing: an error ends it by a jump to here. */
static tb_status run(jpeg_reader *r, void (*step)(jpeg_reader *), tb_error *err)
{
    if (setjmp(r->jump) == 0) {
        step(r);
        return TIMBRE_OK;
    }
    if (r->is_out_of_memory)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory to read '%s'", r->source->name);
    return tb_image_source_fail(r->source, r->message, err);
}

/* The next marker segment before the pixels: its marker, and the length of what follows. */
static bool next_segment(tb_image_source *source, int *marker, uint32_t *n_bytes)
{
    enum { SOS = 0xda, EOI = 0xd9 };
    unsigned char two[2];
    if (tb_image_source_read(source, two, 2) < 2 || two[0] != MARKER)
        return false;
    while (two[1] == MARKER) /* fill bytes */
        if (tb_image_source_read(source, &two[1], 1) < 1)
            return false;
    *marker = two[1];
    if (*marker == SOS || *marker == EOI || tb_image_source_read(source, two, 2) < 2)
        return false;
    *n_bytes = (uint32_t)two[0] << 8 | two[1];
    if (*n_bytes < 2)
        return false;
    *n_bytes -= 2;
    return true;
}

/* Read by ourselves, so that libjpeg keeps no markers in memory. */
static tb_status find_exif(tb_image_source *source, unsigned char **exif, size_t *exif_len,
                           tb_error *err)
{
    enum { APP1 = JPEG_APP0 + 1, PREFIX_BYTES = 6 };
    unsigned char prefix[PREFIX_BYTES];
    int marker;
    uint32_t n;
    tb_image_source_skip(source, 2); /* SOI */
    while (next_segment(source, &marker, &n)) {
        if (marker == APP1 && n >= PREFIX_BYTES) {
            n -= PREFIX_BYTES;
            if (tb_image_source_read(source, prefix, PREFIX_BYTES) < PREFIX_BYTES)
                return TIMBRE_OK; /* libjpeg will say so */
            if (memcmp(prefix, "Exif\0", PREFIX_BYTES) == 0)
                return tb_image_read_exif(source, n, exif, exif_len, err);
        }
        tb_image_source_skip(source, n);
    }
    return TIMBRE_OK;
}

static void read_header(jpeg_reader *r)
{
    jpeg_create_decompress(&r->jpeg);
    r->jpeg.client_data = r;
    r->jpeg.mem->max_memory_to_use = MAX_MEMORY;
    r->input = (struct jpeg_source_mgr){.init_source = init_source,
                                        .fill_input_buffer = fill_buffer,
                                        .skip_input_data = skip_input,
                                        .resync_to_restart = jpeg_resync_to_restart,
                                        .term_source = init_source};
    r->jpeg.src = &r->input;
    r->progress.progress_monitor = on_progress;
    r->jpeg.progress = &r->progress;
    (void)jpeg_read_header(&r->jpeg, TRUE);
}

static void start(jpeg_reader *r)
{
    r->jpeg.out_color_space = r->jpeg.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    r->jpeg.dct_method = JDCT_ISLOW; /* exact: the same pixels on every CPU */
    (void)jpeg_start_decompress(&r->jpeg);
}

static void read_one_row(jpeg_reader *r)
{
    (void)jpeg_read_scanlines(&r->jpeg, &r->row, 1);
}

static void read_end(jpeg_reader *r)
{
    (void)jpeg_finish_decompress(&r->jpeg);
}

static tb_status check_kind(jpeg_reader *r, tb_error *err)
{
    const struct jpeg_decompress_struct *jpeg = &r->jpeg;
    const char *name = r->source->name;
    tb_status st = TIMBRE_OK;
    if (jpeg->num_components == 4)
        st = tb_fail(err, TIMBRE_UNSUPPORTED,
                     "'%s' is a CMYK JPEG: only grey and colour can be read", name);
    else if (jpeg->num_components != 1 && jpeg->num_components != 3)
        st = tb_fail(err, TIMBRE_UNSUPPORTED,
                     "'%s' is a JPEG of %d components: only 1 or 3 can be read", name,
                     jpeg->num_components);
    if (st != TIMBRE_OK) {
        tb_fix(err, "convert it to RGB: magick IN.jpg -colorspace sRGB OUT.png");
        return st;
    }
    st = tb_image_check_size(r->source, jpeg->image_width, jpeg->image_height, err);
    if (st == TIMBRE_OK && jpeg_has_multiple_scans(&r->jpeg))
        st = tb_image_check_pixels(r->source, jpeg->image_width, jpeg->image_height,
                                   "a progressive", err);
    return st;
}

static tb_status open_jpeg(tb_image_source *source, void **state, tb_image_info *info,
                           unsigned char **exif, size_t *exif_len, tb_error *err)
{
    tb_status st = find_exif(source, exif, exif_len, err);
    if (st != TIMBRE_OK)
        return st;
    tb_image_source_rewind(source);
    jpeg_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a JPEG reader");
    *state = r;
    r->source = source;
    r->jpeg.err = jpeg_std_error(&r->errors);
    r->jpeg.client_data = r;
    r->errors.error_exit = on_error;
    r->errors.emit_message = on_message;
    st = run(r, read_header, err);
    if (st == TIMBRE_OK)
        st = check_kind(r, err);
    info->width = (int)r->jpeg.image_width;
    info->height = (int)r->jpeg.image_height;
    snprintf(info->format, sizeof info->format, "JPEG, %s%s",
             r->jpeg.num_components == 1 ? "grey" : "colour",
             r->jpeg.progressive_mode ? ", progressive" : "");
    return st;
}

/* Begin the pixels, at the first row: a progressive image is read whole here. */
static tb_status begin_rows(jpeg_reader *r, tb_error *err)
{
    r->row = malloc((size_t)r->jpeg.image_width * 3);
    if (r->row == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a row of %u pixels",
                       r->jpeg.image_width);
    return run(r, start, err);
}

static tb_status read_jpeg_row(void *state, uint16_t *rgb, tb_error *err)
{
    jpeg_reader *r = state;
    tb_status st = r->row == NULL ? begin_rows(r, err) : TIMBRE_OK;
    if (st == TIMBRE_OK)
        st = run(r, read_one_row, err);
    if (st != TIMBRE_OK)
        return st;
    size_t width = r->jpeg.output_width, step = (size_t)r->jpeg.output_components;
    for (size_t x = 0; x < width; x++)
        for (size_t c = 0; c < 3; c++)
            rgb[3 * x + c] = (uint16_t)(r->row[step * x + (step == 3 ? c : 0)] * 257);
    return TIMBRE_OK;
}

static tb_status finish_jpeg(void *state, tb_error *err)
{
    return run(state, read_end, err);
}

static void close_jpeg(void *state)
{
    jpeg_reader *r = state;
    jpeg_destroy_decompress(&r->jpeg);
    free(r->row);
    free(r);
}

const tb_image_decoder tb_jpeg_decoder = {.n_magic = 3,
                                          .magic = {MARKER, 0xd8, MARKER},
                                          .open = open_jpeg,
                                          .read_row = read_jpeg_row,
                                          .finish = finish_jpeg,
                                          .close = close_jpeg};
