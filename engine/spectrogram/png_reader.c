/*
 * PNG through libpng. What has nothing to do with the values of the pixels (gamma, transparency,
 * texts) is left out; the EXIF block is looked for beforehand, as it may stand behind the pixels.
 */
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/limits.h"
#include "engine/spectrogram/image_codec.h"

enum { SIGNATURE_BYTES = 8, IHDR_BYTES = 13, MAX_CHUNKS = 1 << 22 };

typedef struct {
    tb_image_source *source;
    png_structp png;
    png_infop info;
    jmp_buf jump;
    char message[128]; /* libpng's, of the error that made it jump */
    bool is_out_of_memory;
    png_uint_32 width, height;
    int bit_depth, color_type, interlace_type; /* of the file */
    png_colorp palette;                        /* [n_colors], libpng's; NULL: not that kind */
    int n_colors;
    size_t row_bytes;    /* after libpng: indices, or RGB of 16 bits */
    unsigned char *rows; /* [1][row_bytes], if interlaced [height][row_bytes]; owned */
    png_uint_32 i_row;   /* the next */
} png_reader;

static PNG_NORETURN void on_error(png_structp png, png_const_charp message)
{
    png_reader *r = png_get_error_ptr(png);
    snprintf(r->message, sizeof r->message, "%s", message);
    longjmp(r->jump, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png, (void)message;
}

static png_voidp allocate(png_structp png, png_alloc_size_t n_bytes)
{
    png_reader *r = png_get_mem_ptr(png);
    void *p = malloc(n_bytes);
    r->is_out_of_memory |= p == NULL;
    return p;
}

static void release(png_structp png, png_voidp p)
{
    (void)png;
    free(p);
}

static void on_read(png_structp png, png_bytep to, size_t n)
{
    png_reader *r = png_get_io_ptr(png);
    if (tb_image_source_read(r->source, to, n) < n)
        png_error(png, "the file ends too early");
}

/* Run a step of calls to libpng. A step owns nothing: libpng's errors end it by a jump to here. */
static tb_status run(png_reader *r, void (*step)(png_reader *), tb_error *err)
{
    if (setjmp(r->jump) == 0) {
        step(r);
        return TIMBRE_OK;
    }
    if (r->is_out_of_memory)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory to read '%s'", r->source->name);
    return tb_image_source_fail(r->source, r->message, err);
}

static uint32_t big_endian(const unsigned char bytes[4])
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The size in IHDR against the limits, with better words than libpng's. What else is wrong there
 * libpng says. */
static tb_status check_ihdr(tb_image_source *source, tb_error *err)
{
    unsigned char head[SIGNATURE_BYTES + 8 + IHDR_BYTES];
    size_t n = tb_image_source_read(source, head, sizeof head);
    if (n < sizeof head)
        return tb_image_source_fail(source, "the file ends within its head", err);
    const unsigned char *ihdr = head + SIGNATURE_BYTES + 8;
    if (memcmp(ihdr - 4, "IHDR", 4) != 0)
        return TIMBRE_OK;
    uint32_t width = big_endian(ihdr), height = big_endian(ihdr + 4);
    tb_status st = tb_image_check_size(source, width, height, err);
    if (st == TIMBRE_OK && ihdr[12] != PNG_INTERLACE_NONE)
        st = tb_image_check_pixels(source, width, height, "an interlaced", err);
    return st;
}

/* The first eXIf chunk, wherever it stands. Its checksum is libpng's to look at, as of all chunks.
 */
static tb_status find_exif(tb_image_source *source, unsigned char **exif, size_t *exif_len,
                           tb_error *err)
{
    unsigned char head[8];
    tb_image_source_rewind(source);
    tb_image_source_skip(source, SIGNATURE_BYTES);
    for (int i = 0; i < MAX_CHUNKS; i++) {
        if (tb_image_source_read(source, head, sizeof head) < sizeof head)
            break;
        uint32_t n = big_endian(head);
        if (memcmp(head + 4, "eXIf", 4) == 0)
            return tb_image_read_exif(source, n, exif, exif_len, err);
        if (memcmp(head + 4, "IEND", 4) == 0 || n > PNG_UINT_31_MAX)
            break;
        tb_image_source_skip(source, n + 4);
    }
    return TIMBRE_OK;
}

static void create(png_reader *r)
{
    r->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, r, on_error, on_warning, r, allocate,
                                      release);
    if (r->png != NULL)
        r->info = png_create_info_struct(r->png);
}

static void read_header(png_reader *r)
{
    png_set_read_fn(r->png, r, on_read);
    png_set_user_limits(r->png, TB_IMAGE_MAX_WIDTH, TB_IMAGE_MAX_HEIGHT);
    png_set_crc_action(r->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    /* texts, profiles and the like are skipped, not unpacked */
    png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(r->png, r->info);
    png_get_IHDR(r->png, r->info, &r->width, &r->height, &r->bit_depth, &r->color_type,
                 &r->interlace_type, NULL, NULL);
}

/* A palette is looked up by ourselves: libpng takes indices behind its end for black, the loudest.
 */
static void set_transforms(png_reader *r)
{
    static const uint16_t one = 1;
    if (r->color_type == PNG_COLOR_TYPE_PALETTE) {
        png_get_PLTE(r->png, r->info, &r->palette, &r->n_colors);
        png_set_packing(r->png);
    } else {
        png_set_gray_to_rgb(r->png);
        png_set_strip_alpha(r->png);
        png_set_expand_16(r->png);             /* times 257; also greys of less than 8 bits */
        if (*(const unsigned char *)&one == 1) /* PNG is big-endian */
            png_set_swap(r->png);
    }
    (void)png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    r->row_bytes = png_get_rowbytes(r->png, r->info);
    if (r->row_bytes != (size_t)r->width * (r->palette != NULL ? 1 : 3 * sizeof(uint16_t)))
        png_error(r->png, "rows of an unknown kind");
}

static void read_one_row(png_reader *r)
{
    png_read_row(r->png, r->rows, NULL);
}

static void read_passes(png_reader *r)
{
    for (int pass = 0; pass < PNG_INTERLACE_ADAM7_PASSES; pass++)
        for (png_uint_32 y = 0; y < r->height; y++)
            png_read_row(r->png, r->rows + y * r->row_bytes, NULL);
}

static void read_end(png_reader *r)
{
    png_read_end(r->png, NULL);
}

static void png_format(const png_reader *r, char *out, size_t cap)
{
    static const struct {
        int color_type;
        const char *name;
    } kinds[] = {{PNG_COLOR_TYPE_GRAY, "grey"},
                 {PNG_COLOR_TYPE_PALETTE, "palette"},
                 {PNG_COLOR_TYPE_RGB, "RGB"},
                 {PNG_COLOR_TYPE_RGB_ALPHA, "RGBA"},
                 {PNG_COLOR_TYPE_GRAY_ALPHA, "grey + alpha"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].color_type == r->color_type)
            snprintf(out, cap, "PNG, %s, %d bit", kinds[i].name, r->bit_depth);
}

static tb_status open_png(tb_image_source *source, void **state, tb_image_info *info,
                          unsigned char **exif, size_t *exif_len, tb_error *err)
{
    tb_status st = check_ihdr(source, err);
    if (st == TIMBRE_OK)
        st = find_exif(source, exif, exif_len, err);
    if (st != TIMBRE_OK)
        return st;
    tb_image_source_rewind(source);
    png_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a PNG reader");
    *state = r;
    r->source = source;
    st = run(r, create, err);
    if (st == TIMBRE_OK && r->info == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "libpng cannot be started");
    if (st == TIMBRE_OK)
        st = run(r, read_header, err);
    if (st == TIMBRE_OK)
        st = run(r, set_transforms, err);
    info->width = (int)r->width;
    info->height = (int)r->height;
    png_format(r, info->format, sizeof info->format);
    return st;
}

static tb_status look_up(const png_reader *r, const unsigned char *indices, uint16_t *rgb,
                         tb_error *err)
{
    for (size_t x = 0; x < r->width; x++) {
        if (indices[x] >= r->n_colors)
            return tb_image_source_fail(r->source, "a pixel has a colour behind its palette", err);
        const png_color *color = &r->palette[indices[x]];
        rgb[3 * x] = (uint16_t)(color->red * 257);
        rgb[3 * x + 1] = (uint16_t)(color->green * 257);
        rgb[3 * x + 2] = (uint16_t)(color->blue * 257);
    }
    return TIMBRE_OK;
}

/* Memory for the rows at the first of them; all are read then, if interlaced. */
static tb_status begin_rows(png_reader *r, bool is_interlaced, tb_error *err)
{
    r->rows = calloc(is_interlaced ? r->height : 1, r->row_bytes);
    if (r->rows == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the pixels of '%s'", r->source->name);
    return is_interlaced ? run(r, read_passes, err) : TIMBRE_OK;
}

static tb_status read_png_row(void *state, uint16_t *rgb, tb_error *err)
{
    png_reader *r = state;
    bool is_interlaced = r->interlace_type != PNG_INTERLACE_NONE;
    tb_status st = r->rows == NULL ? begin_rows(r, is_interlaced, err) : TIMBRE_OK;
    if (st == TIMBRE_OK && !is_interlaced)
        st = run(r, read_one_row, err);
    if (st != TIMBRE_OK)
        return st;
    const unsigned char *row = r->rows + (is_interlaced ? r->i_row * r->row_bytes : 0);
    r->i_row++;
    if (r->palette != NULL)
        return look_up(r, row, rgb, err);
    memcpy(rgb, row, r->row_bytes);
    return TIMBRE_OK;
}

static tb_status finish_png(void *state, tb_error *err)
{
    png_reader *r = state;
    tb_status st = run(r, read_end, err);
    unsigned char more;
    if (st == TIMBRE_OK && tb_image_source_read(r->source, &more, 1) > 0)
        st = tb_image_source_fail(r->source, "it goes on behind the end of the image", err);
    return st;
}

static void close_png(void *state)
{
    png_reader *r = state;
    png_destroy_read_struct(&r->png, &r->info, NULL);
    free(r->rows);
    free(r);
}

const tb_image_decoder tb_png_decoder = {.n_magic = SIGNATURE_BYTES,
                                         .magic = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'},
                                         .open = open_png,
                                         .read_row = read_png_row,
                                         .finish = finish_png,
                                         .close = close_png};
