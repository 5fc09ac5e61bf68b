/*
 * Image files: every kind of PNG and JPEG gives the values that stand in it, what we write others
 * and we read back, and whatever is wrong with a file is said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jpeglib.h>

#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/limits.h"
#include "engine/base/random.h"
#include "images.h"

static void assert_same_picture(const picture *got, const picture *want, const char *what)
{
    if (got->width != want->width || got->height != want->height)
        fail_msg("%s: %d x %d", what, got->width, got->height);
    size_t n = (size_t)want->width * (size_t)want->height * 3;
    for (size_t i = 0; i < n; i++)
        if (got->rgb[i] != want->rgb[i])
            fail_msg("%s: value %zu is %d instead of %d", what, i, got->rgb[i], want->rgb[i]);
}

static void assert_reads_as(const tb_str *file, const picture *want, const char *what)
{
    tb_image_info info;
    picture got;
    tb_error err = {0};
    if (picture_read(file->bytes, file->len, &info, &got, &err) != TIMBRE_OK)
        fail_msg("%s: %s", what, err.message);
    assert_same_picture(&got, want, what);
    picture_free(&got);
}

/* Must be refused with this status and these words. */
static void assert_refused(const void *bytes, size_t len, tb_status want, const char *words)
{
    tb_image_info info;
    picture got;
    tb_error err = {0};
    tb_status st = picture_read(bytes, len, &info, &got, &err);
    if (st == TIMBRE_OK)
        picture_free(&got);
    if (st != want || strstr(err.message, words) == NULL)
        fail_msg("status %d, '%s' instead of %d, '%s'", st, err.message, want, words);
}

/* Other people's PNGs, through libpng: random samples of any kind. */
typedef struct {
    int color_type, depth, n_channels;
    const char *format;
    int n_colors; /* of the palette; 0: as many as the depth has */
} png_kind;

static const png_kind png_kinds[] = {
    {PNG_COLOR_TYPE_GRAY, 1, 1, "PNG, grey, 1 bit"},
    {PNG_COLOR_TYPE_GRAY, 2, 1, "PNG, grey, 2 bit"},
    {PNG_COLOR_TYPE_GRAY, 4, 1, "PNG, grey, 4 bit"},
    {PNG_COLOR_TYPE_GRAY, 8, 1, "PNG, grey, 8 bit"},
    {PNG_COLOR_TYPE_GRAY, 16, 1, "PNG, grey, 16 bit"},
    {PNG_COLOR_TYPE_PALETTE, 1, 1, "PNG, palette, 1 bit"},
    {PNG_COLOR_TYPE_PALETTE, 2, 1, "PNG, palette, 2 bit"},
    {PNG_COLOR_TYPE_PALETTE, 4, 1, "PNG, palette, 4 bit"},
    {PNG_COLOR_TYPE_PALETTE, 8, 1, "PNG, palette, 8 bit"},
    {PNG_COLOR_TYPE_RGB, 8, 3, "PNG, RGB, 8 bit"},
    {PNG_COLOR_TYPE_RGB, 16, 3, "PNG, RGB, 16 bit"},
    {PNG_COLOR_TYPE_GRAY_ALPHA, 8, 2, "PNG, grey + alpha, 8 bit"},
    {PNG_COLOR_TYPE_GRAY_ALPHA, 16, 2, "PNG, grey + alpha, 16 bit"},
    {PNG_COLOR_TYPE_RGB_ALPHA, 8, 4, "PNG, RGBA, 8 bit"},
    {PNG_COLOR_TYPE_RGB_ALPHA, 16, 4, "PNG, RGBA, 16 bit"},
};

enum { KIND_WIDTH = 37, KIND_HEIGHT = 19, N_KINDS = sizeof png_kinds / sizeof *png_kinds };

static void append_png(png_structp png, png_bytep data, size_t n)
{
    tb_str_append_bytes(png_get_io_ptr(png), data, n);
}

static void no_flush(png_structp png)
{
    (void)png;
}

static int sample_at(const png_kind *kind, int x, int y, int channel)
{
    int i = (y * KIND_WIDTH + x) * kind->n_channels + channel;
    return (int)(tb_random_at(17, (uint64_t)i) >> (64 - kind->depth));
}

static png_color palette_at(int i)
{
    return (png_color){(png_byte)(i * 7 + 1), (png_byte)(255 - i), (png_byte)(i * 31)};
}

/* What should be read of a pixel: 16 bits, alpha and transparency left out. */
static uint16_t wanted(const png_kind *kind, int x, int y, int c)
{
    bool is_color = (kind->color_type & PNG_COLOR_MASK_COLOR) != 0;
    if (kind->color_type == PNG_COLOR_TYPE_PALETTE) {
        png_color color = palette_at(sample_at(kind, x, y, 0));
        return (uint16_t)(257 * (c == 0 ? color.red : c == 1 ? color.green : color.blue));
    }
    int max = (1 << kind->depth) - 1;
    return (uint16_t)(sample_at(kind, x, y, is_color ? c : 0) * (65535 / max));
}

static void pack_row(const png_kind *kind, int y, png_byte *row)
{
    int n = KIND_WIDTH * kind->n_channels;
    memset(row, 0, (size_t)n * 2);
    for (int i = 0; i < n; i++) {
        int v = sample_at(kind, i / kind->n_channels, y, i % kind->n_channels);
        int bit = i * kind->depth;
        if (kind->depth == 16)
            row[2 * i] = (png_byte)(v >> 8);
        if (kind->depth >= 8)
            row[kind->depth / 8 * (i + 1) - 1] = (png_byte)v;
        else
            row[bit / 8] |= (png_byte)(v << (8 - kind->depth - bit % 8));
    }
}

/* Things that would change the colours if they were looked at. */
static void add_distractions(png_structp png, png_infop info, const png_kind *kind)
{
    png_byte alphas[2] = {0, 128};
    png_color_16 one = {.gray = 1, .red = 1, .green = 1, .blue = 1};
    char key[] = "Comment", words[] = "tra la la";
    png_text text = {.compression = PNG_TEXT_COMPRESSION_zTXt, .key = key, .text = words};
    png_set_gAMA(png, info, 1.0);
    png_set_bKGD(png, info, &one);
    png_set_text(png, info, &text, 1);
    if (kind->color_type == PNG_COLOR_TYPE_PALETTE)
        png_set_tRNS(png, info, alphas, 2, NULL);
    else if ((kind->color_type & PNG_COLOR_MASK_ALPHA) == 0)
        png_set_tRNS(png, info, NULL, 0, &one);
}

/* The EXIF block of a chunk: before or behind the pixels, or none. */
typedef enum { NO_EXIF, EXIF_BEFORE, EXIF_BEHIND, EXIF_WITH_PREFIX } exif_place;

static void write_exif(png_structp png, exif_place place)
{
    unsigned char chunk[6 + TB_EXIF_BYTES] = "Exif\0";
    timbre_spectrogram_params params;
    timbre_spectrogram_params_init(&params);
    params.num_frequencies = 300;
    tb_exif_format(&params, 5, chunk + 6);
    size_t skipped = place == EXIF_WITH_PREFIX ? 0 : 6;
    png_write_chunk(png, (png_const_bytep) "eXIf", chunk + skipped, sizeof chunk - skipped);
}

static tb_str make_png(const png_kind *kind, int interlace, exif_place place)
{
    tb_str file = {0};
    png_color palette[256];
    png_byte row[KIND_WIDTH * 8];
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    assert_non_null(png);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &file, append_png, no_flush);
    png_set_IHDR(png, info, KIND_WIDTH, KIND_HEIGHT, kind->depth, kind->color_type, interlace, 0,
                 0);
    png_set_check_for_invalid_index(png, 0); /* one of the tests wants them */
    for (int i = 0; i < 256; i++)
        palette[i] = palette_at(i);
    if (kind->color_type == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, kind->n_colors > 0 ? kind->n_colors : 1 << kind->depth);
    add_distractions(png, info, kind);
    png_write_info(png, info);
    if (place == EXIF_BEFORE || place == EXIF_WITH_PREFIX)
        write_exif(png, place);
    for (int pass = png_set_interlace_handling(png); pass > 0; pass--) {
        for (int y = 0; y < KIND_HEIGHT; y++) {
            pack_row(kind, y, row);
            png_write_row(png, row);
        }
    }
    if (place == EXIF_BEHIND)
        write_exif(png, place);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    return file;
}

static void every_kind_of_png_gives_the_values_in_it(void **state)
{
    (void)state;
    uint16_t rgb[KIND_HEIGHT * KIND_WIDTH * 3];
    picture want = {KIND_WIDTH, KIND_HEIGHT, rgb};
    for (int i = 0; i < 2 * N_KINDS; i++) {
        const png_kind *kind = &png_kinds[i / 2];
        for (int k = 0; k < KIND_HEIGHT * KIND_WIDTH * 3; k++)
            rgb[k] = wanted(kind, k / 3 % KIND_WIDTH, k / 3 / KIND_WIDTH, k % 3);
        tb_str file = make_png(kind, i % 2 ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, NO_EXIF);
        tb_image_info info;
        picture got;
        tb_error err = {0};
        if (picture_read(file.bytes, file.len, &info, &got, &err) != TIMBRE_OK)
            fail_msg("%s: %s", kind->format, err.message);
        assert_string_equal(info.format, kind->format);
        assert_false(info.has_exif);
        assert_false(info.has_params);
        assert_int_equal(info.params.num_frequencies, 512); /* the defaults */
        assert_true(isnan(info.max_value));
        assert_same_picture(&got, &want, kind->format);
        picture_free(&got);
        tb_str_deinit(&file);
    }
}

/* libpng itself would take such a pixel for black, which is the loudest. */
static void a_pixel_behind_the_palette_is_refused(void **state)
{
    (void)state;
    for (int interlace = 0; interlace < 2; interlace++) {
        png_kind kind = png_kinds[8];
        kind.n_colors = 200;
        tb_str file = make_png(&kind, interlace, NO_EXIF);
        assert_refused(file.bytes, file.len, TIMBRE_BAD_FILE, "behind its palette");
        tb_str_deinit(&file);
    }
}

static void the_exif_block_is_found_wherever_it_stands(void **state)
{
    (void)state;
    for (exif_place place = EXIF_BEFORE; place <= EXIF_WITH_PREFIX; place++) {
        tb_str file = make_png(&png_kinds[3], PNG_INTERLACE_NONE, place);
        tb_image_info info;
        picture got;
        tb_error err = {0};
        if (picture_read(file.bytes, file.len, &info, &got, &err) != TIMBRE_OK)
            fail_msg("place %d: %s", place, err.message);
        assert_true(info.has_exif);
        assert_true(info.has_params);
        assert_int_equal(info.params.num_frequencies, 300);
        assert_true(info.max_value == 5);
        picture_free(&got);
        tb_str_deinit(&file);
    }
}

static void written_pngs_come_back_exactly(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {512, 3}, {7, 513}, {100000, 4}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        picture p = picture_make(sizes[i][0], sizes[i][1], false);
        tb_str file = picture_write(&p, (tb_image_spec){0});
        tb_str again = picture_write(&p, (tb_image_spec){0});
        assert_reads_as(&file, &p, "written PNG");
        assert_int_equal(file.len, again.len);
        assert_memory_equal(file.bytes, again.bytes, file.len);
        tb_str_deinit(&file);
        tb_str_deinit(&again);
        picture_free(&p);
    }
}

/* Names of the chunks, each followed by a blank. */
static void list_chunks(const tb_str *file, char *out, size_t cap)
{
    const unsigned char *p = (const unsigned char *)file->bytes;
    size_t used = 0;
    for (size_t at = 8; at + 12 <= file->len && used + 6 < cap;) {
        size_t n = (size_t)p[at] << 24 | (size_t)p[at + 1] << 16 | (size_t)p[at + 2] << 8 |
                   p[at + 3];
        used += (size_t)snprintf(out + used, cap - used, "%.4s ", (const char *)p + at + 4);
        at += n + 12;
    }
}

/* As Pillow's files, which other programs read: and nothing in it that differs from run to run. */
static void a_png_holds_the_exif_behind_the_head_and_nothing_else(void **state)
{
    (void)state;
    unsigned char exif[TB_EXIF_BYTES];
    timbre_spectrogram_params params;
    timbre_spectrogram_params_init(&params);
    tb_exif_format(&params, 3, exif);
    picture p = picture_make(20, 10, false);
    tb_str file = picture_write(&p, (tb_image_spec){.exif = exif});
    char chunks[100] = "";
    list_chunks(&file, chunks, sizeof chunks);
    assert_string_equal(chunks, "IHDR eXIf IDAT IEND ");
    assert_memory_equal(file.bytes + 8 + 25 + 8, exif, sizeof exif);
    tb_str_deinit(&file);
    picture_free(&p);
}

static double worst_difference(const picture *a, const picture *b)
{
    double worst = 0;
    for (size_t i = 0; i < (size_t)a->width * (size_t)a->height * 3; i++)
        worst = fmax(worst, fabs((double)a->rgb[i] - b->rgb[i]) / 257);
    return worst;
}

static void jpegs_come_back_nearly_with_their_parameters(void **state)
{
    (void)state;
    unsigned char exif[TB_EXIF_BYTES];
    timbre_spectrogram_params params;
    timbre_spectrogram_params_init(&params);
    params.stereo = 1;
    tb_exif_format(&params, 7, exif);
    picture p = picture_make(130, 70, true);
    for (int quality = 75; quality <= 100; quality += 5) {
        tb_str file = picture_write(
            &p, (tb_image_spec){.is_jpeg = true, .quality = quality, .exif = exif});
        tb_image_info info;
        picture got;
        assert_int_equal(picture_read(file.bytes, file.len, &info, &got, NULL), TIMBRE_OK);
        assert_string_equal(info.format, "JPEG, colour");
        assert_true(info.has_params);
        assert_int_equal(info.params.stereo, 1);
        assert_true(info.max_value == 7);
        assert_int_equal(got.width, 130);
        assert_int_equal(got.height, 70);
        double worst = worst_difference(&got, &p);
        if (worst > (quality == 100 ? 3 : 12))
            fail_msg("quality %d: off by %.1f", quality, worst);
        picture_free(&got);
        tb_str_deinit(&file);
    }
    picture_free(&p);
}

/* Other people's JPEGs, through libjpeg. */
typedef struct {
    J_COLOR_SPACE color_space;
    int n_components;
    bool is_progressive, has_single_scans;
    int quality;
} jpeg_kind;

static tb_str make_jpeg(const jpeg_kind *kind, int width, int height)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jpeg_scan_info scans[4];
    unsigned char *bytes = NULL, row[256 * 4];
    unsigned long len = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &len);
    jpeg.image_width = (JDIMENSION)width;
    jpeg.image_height = (JDIMENSION)height;
    jpeg.input_components = kind->n_components;
    jpeg.in_color_space = kind->color_space;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, kind->quality, TRUE);
    if (kind->is_progressive)
        jpeg_simple_progression(&jpeg);
    if (kind->has_single_scans) {
        for (int i = 0; i < kind->n_components; i++)
            scans[i] = (jpeg_scan_info){.comps_in_scan = 1, .component_index = {i}, .Se = 63};
        jpeg.scan_info = scans;
        jpeg.num_scans = kind->n_components;
    }
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < height; y++) {
        for (int i = 0; i < width * kind->n_components; i++)
            row[i] = (unsigned char)(30 + 3 * (i / kind->n_components) + y);
        JSAMPROW rows = row;
        jpeg_write_scanlines(&jpeg, &rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    tb_str file = {0};
    tb_str_append_bytes(&file, bytes, len);
    free(bytes);
    return file;
}

static const jpeg_kind grey_jpeg = {JCS_GRAYSCALE, 1, .quality = 100};
static const jpeg_kind progressive_jpeg = {JCS_RGB, 3, .is_progressive = true, .quality = 100};
static const jpeg_kind scans_jpeg = {JCS_RGB, 3, .has_single_scans = true, .quality = 100};
static const jpeg_kind cmyk_jpeg = {JCS_CMYK, 4, .quality = 90};
static const jpeg_kind two_jpeg = {JCS_UNKNOWN, 2, .quality = 90};

static void grey_and_progressive_jpegs_are_read(void **state)
{
    (void)state;
    static const jpeg_kind *const kinds[] = {&grey_jpeg, &progressive_jpeg, &scans_jpeg};
    static const char *const formats[] = {"JPEG, grey", "JPEG, colour, progressive",
                                          "JPEG, colour"};
    for (int k = 0; k < 3; k++) {
        tb_str file = make_jpeg(kinds[k], 50, 40);
        tb_image_info info;
        picture got;
        tb_error err = {0};
        if (picture_read(file.bytes, file.len, &info, &got, &err) != TIMBRE_OK)
            fail_msg("%s: %s", formats[k], err.message);
        assert_string_equal(info.format, formats[k]);
        for (int i = 0; i < 50 * 40 * 3; i++) {
            int want = 30 + 3 * (i / 3 % 50) + i / 150;
            assert_int_equal(got.rgb[i] % 257, 0);
            if (abs(got.rgb[i] / 257 - want) > 3)
                fail_msg("%s: value %d is %d instead of %d", formats[k], i, got.rgb[i] / 257, want);
        }
        picture_free(&got);
        tb_str_deinit(&file);
    }
}

static void cmyk_is_refused_by_name_with_the_way_out(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        tb_str file = make_jpeg(i == 0 ? &cmyk_jpeg : &two_jpeg, 16, 16);
        tb_image_reader *reader;
        tb_error err = {0};
        assert_int_equal(tb_image_open_memory((unsigned char *)file.bytes, file.len, &reader, &err),
                         TIMBRE_UNSUPPORTED);
        assert_null(reader);
        assert_non_null(strstr(err.message, i == 0 ? "CMYK" : "2 components"));
        assert_non_null(strstr(err.fix, "RGB"));
        tb_str_deinit(&file);
    }
}

/* Width and height of a PNG's head; its checksum is not looked at before them. */
static void claim_png_size(tb_str *file, uint32_t width, uint32_t height)
{
    for (int i = 0; i < 4; i++) {
        file->bytes[16 + i] = (char)(width >> (24 - 8 * i));
        file->bytes[20 + i] = (char)(height >> (24 - 8 * i));
    }
}

static void sizes_beyond_the_limits_are_named(void **state)
{
    (void)state;
    static const struct {
        uint32_t width, height;
        bool is_interlaced;
        const char *words;
    } cases[] = {
        {500000, 4, false, "500000 pixels exceeds 400000"},
        {4, 9000, false, "9000 pixels exceeds 8192"},
        {0xffffffffu, 1, false, "4294967295"},
        {0, 5, false, "0 x 5"},
        {5, 0, false, "5 x 0"},
        {100000, 8000, true, "800000000 pixels of an interlaced image exceed 67108864"},
        {100000, 8000, false, "damaged"}, /* in the limits, but the checksum is of another head */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tb_str file = make_png(&png_kinds[3], cases[i].is_interlaced, NO_EXIF);
        claim_png_size(&file, cases[i].width, cases[i].height);
        assert_refused(file.bytes, file.len, TIMBRE_BAD_FILE, cases[i].words);
        tb_str_deinit(&file);
    }
}

static size_t find_bytes(const tb_str *file, const char *bytes, size_t n, size_t from)
{
    while (from + n <= file->len && memcmp(file->bytes + from, bytes, n) != 0)
        from++;
    if (from + n > file->len)
        fail_msg("a mark is missing");
    return from;
}

static void jpegs_that_ask_for_too_much_are_refused(void **state)
{
    (void)state;
    tb_str file = make_jpeg(&progressive_jpeg, 16, 16);
    size_t frame = find_bytes(&file, "\xff\xc2", 2, 0);
    memcpy(file.bytes + frame + 5, "\x1f\xff\xff\xdc", 4); /* 8191 x 65500 */
    assert_refused(file.bytes, file.len, TIMBRE_BAD_FILE, "536510500 pixels of a progressive");
    memcpy(file.bytes + frame + 5, "\x20\x01\x00\x10", 4);
    assert_refused(file.bytes, file.len, TIMBRE_BAD_FILE, "8193 pixels exceeds 8192");
    tb_str_deinit(&file);
    /* the last scan a thousand times over, which is allowed and only takes time */
    file = make_jpeg(&scans_jpeg, 16, 16);
    size_t scan = 0, n_file = file.len - 2;
    for (int i = 0; i < 3; i++)
        scan = find_bytes(&file, "\xff\xda", 2, scan + 1);
    tb_str many = {0};
    tb_str_append_bytes(&many, file.bytes, n_file);
    for (int i = 0; i < 1000; i++)
        tb_str_append_bytes(&many, file.bytes + scan, n_file - scan);
    tb_str_append_bytes(&many, file.bytes + n_file, 2);
    assert_refused(many.bytes, many.len, TIMBRE_BAD_FILE, "more than 500 scans");
    tb_str_deinit(&many);
    tb_str_deinit(&file);
}

static void a_file_that_ends_early_is_told_at_every_byte(void **state)
{
    (void)state;
    picture p = picture_make(24, 9, true);
    tb_str files[] = {make_png(&png_kinds[6], PNG_INTERLACE_ADAM7, EXIF_BEFORE),
                      make_png(&png_kinds[9], PNG_INTERLACE_NONE, EXIF_BEHIND),
                      picture_write(&p, (tb_image_spec){0}),
                      picture_write(&p, (tb_image_spec){.is_jpeg = true, .quality = 75}),
                      make_jpeg(&progressive_jpeg, 16, 16)};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        for (size_t len = 0; len < files[i].len; len++)
            assert_refused(files[i].bytes, len, TIMBRE_BAD_FILE, "'memory'");
        tb_str_deinit(&files[i]);
    }
    picture_free(&p);
}

/* Length, name, content and checksum of every chunk: no flipped bit goes through. */
static void a_png_with_any_byte_changed_is_refused(void **state)
{
    (void)state;
    tb_str file = make_png(&png_kinds[4], PNG_INTERLACE_NONE, EXIF_BEFORE);
    for (size_t i = 0; i < file.len; i++) {
        file.bytes[i] ^= (char)(1 << i % 8);
        assert_refused(file.bytes, file.len, TIMBRE_BAD_FILE, "'memory'");
        file.bytes[i] ^= (char)(1 << i % 8);
    }
    tb_str_append(&file, "x");
    assert_refused(file.bytes, file.len, TIMBRE_BAD_FILE, "behind the end");
    tb_str_deinit(&file);
}

static void a_jpeg_with_corrupt_data_is_refused(void **state)
{
    (void)state;
    tb_str file = make_jpeg(&grey_jpeg, 200, 200);
    size_t scan = find_bytes(&file, "\xff\xda", 2, 0);
    memcpy(file.bytes + (scan + file.len) / 2, "\xff\xd3", 2); /* a restart out of nowhere */
    assert_refused(file.bytes, file.len, TIMBRE_BAD_FILE, "damaged: ");
    tb_str_deinit(&file);
}

static void what_is_no_image_is_said_so(void **state)
{
    (void)state;
    assert_refused("", 0, TIMBRE_BAD_FILE, "empty");
    assert_refused("RIFF....WAVEfmt ", 16, TIMBRE_BAD_FILE, "neither PNG nor JPEG");
    assert_refused("\x89PNG\r\n\x1a", 7, TIMBRE_BAD_FILE, "neither PNG nor JPEG");
}

static void absurd_parameters_in_an_image_are_refused(void **state)
{
    (void)state;
    unsigned char exif[TB_EXIF_BYTES];
    timbre_spectrogram_params params;
    timbre_spectrogram_params_init(&params);
    params.step_size_ms = 0;
    tb_exif_format(&params, 3, exif);
    picture p = picture_make(8, 8, false);
    for (int is_jpeg = 0; is_jpeg < 2; is_jpeg++) {
        tb_str file = picture_write(
            &p, (tb_image_spec){.is_jpeg = is_jpeg, .quality = 75, .exif = exif});
        assert_refused(file.bytes, file.len, TIMBRE_BAD_FILE, "step_size_ms 0 is not in 1..1000");
        tb_str_deinit(&file);
    }
    picture_free(&p);
}

static void what_cannot_be_written_is_refused(void **state)
{
    (void)state;
    static const struct {
        tb_image_spec spec;
        const char *message, *fix;
    } cases[] = {
        {{.is_jpeg = true, .quality = 75, .width = 65501, .height = 1}, "65501", "PNG"},
        {{.is_jpeg = true, .quality = 101, .width = 1, .height = 1}, "quality 101", ""},
        {{.width = 0, .height = 1}, "0 x 1", ""},
        {{.width = TB_IMAGE_MAX_WIDTH + 1, .height = 1}, "400001", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tb_image_writer *writer;
        tb_error err = {0};
        assert_int_equal(tb_image_writer_new(&cases[i].spec, NULL, NULL, &writer, &err),
                         TIMBRE_BAD_INPUT);
        assert_null(writer);
        assert_non_null(strstr(err.message, cases[i].message));
        assert_non_null(strstr(err.fix, cases[i].fix));
    }
}

static tb_status refuse_when_spent(void *user, const void *data, size_t len_bytes, tb_error *err)
{
    int *calls_left = user;
    (void)data, (void)len_bytes;
    return (*calls_left)-- > 0 ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_SPACE, "the disk is full");
}

/* One attempt to write with a sink that takes n_calls pieces. */
static tb_status write_into(int n_calls, bool is_jpeg, tb_error *err)
{
    enum { WIDTH = 300, HEIGHT = 300 };
    static uint8_t row[WIDTH * 3];
    tb_image_spec spec = {.is_jpeg = is_jpeg, .quality = 100, .width = WIDTH, .height = HEIGHT};
    tb_image_writer *writer;
    tb_status st = tb_image_writer_new(&spec, refuse_when_spent, &n_calls, &writer, err);
    for (int y = 0; st == TIMBRE_OK && y < HEIGHT; y++) {
        for (int i = 0; i < WIDTH * 3; i++)
            row[i] = (uint8_t)tb_random_at((uint64_t)y, (uint64_t)i);
        st = tb_image_write_row(writer, row, err);
    }
    if (st == TIMBRE_OK)
        st = tb_image_writer_finish(writer, err);
    tb_image_writer_free(writer);
    return st;
}

static void the_error_of_a_full_disk_comes_through_wherever_it_strikes(void **state)
{
    (void)state;
    for (int is_jpeg = 0; is_jpeg < 2; is_jpeg++) {
        tb_status st = TIMBRE_NO_SPACE;
        int n_calls = 0;
        for (; st != TIMBRE_OK && n_calls < 1000; n_calls++) {
            tb_error err = {0};
            st = write_into(n_calls, is_jpeg, &err);
            if (st != TIMBRE_OK) {
                assert_int_equal(st, TIMBRE_NO_SPACE);
                assert_string_equal(err.message, "the disk is full");
            }
        }
        assert_int_equal(st, TIMBRE_OK);
        assert_true(n_calls > 3); /* head, pixels and end were all met */
    }
}

static void files_are_read_as_memory_is(void **state)
{
    (void)state;
    char folder[] = "/tmp/timbre-image-XXXXXX";
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    picture p = picture_make(300, 200, false), got;
    tb_str file = picture_write(&p, (tb_image_spec){0});
    tb_image_info info;
    tb_error err = {0};
    /* the first bytes decide, not the name */
    assert_int_equal(tb_file_write("a.jpg", file.bytes, file.len, false, NULL), TIMBRE_OK);
    assert_int_equal(picture_read_file("a.jpg", &info, &got, NULL), TIMBRE_OK);
    assert_same_picture(&got, &p, "a.jpg");
    picture_free(&got);
    timbre_image_info public_info = {.struct_size = sizeof public_info};
    assert_int_equal(timbre_image_read_info("a.jpg", &public_info, NULL), TIMBRE_OK);
    assert_int_equal(public_info.width, 300);
    assert_int_equal(public_info.height, 200);
    assert_string_equal(public_info.format, "PNG, RGB, 8 bit");
    assert_int_equal(public_info.has_exif, 0);
    assert_int_equal(public_info.params.step_size_ms, 10);

    assert_int_equal(picture_read_file("none.png", &info, &got, &err), TIMBRE_NOT_FOUND);
    assert_non_null(strstr(err.message, "none.png"));
    assert_int_equal(mkfifo("fifo.png", 0600), 0);
    assert_int_equal(picture_read_file("fifo.png", &info, &got, &err), TIMBRE_BAD_FILE);
    assert_int_equal(picture_read_file(folder, &info, &got, &err), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "not a regular file"));
    assert_int_equal(unlink("a.jpg") | unlink("fifo.png") | chdir("/") | rmdir(folder), 0);
    tb_str_deinit(&file);
    picture_free(&p);
}

/* Riffusion's own images; the digests are of Pillow's RGB values (np.array(image.convert("RGB"))).
 */
static void riffusions_images_are_read_as_pillow_reads_them(void **state)
{
    (void)state;
    static const char *const images[][2] = {
        {"seed_images/og_beat.png",
         "27aa1c9471db094e608a2a56e056b4d0978a59ad439661dfb2492d9ed25ebba4"},
        {"seed_images/vibes.png",
         "5165c77bf07e6c7bb7a2360c058c77d83bd459cc30c8e0e420ce8587bf6741f9"},
        {"seed_images/mask_top_third_75.png",
         "58fee25131bfd9fa0101d9fcfc17166bcbce62bb000acd4be7260056b3937c74"},
        {"pairs/funky_sax.png", "a8c05096d5643da985537900afc7e9c3cbc2f493b8d3c668ba9ada4ea74c6532"},
        {"pairs/rap_sample.jpg",
         "11e506cf0a7e1912727c538d9ffb3bbc742dd55047c3e46191cf22bd2bba8fae"}};
    const char *data = getenv("TIMBRE_TEST_DATA");
    if (data == NULL)
        skip();
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        char *path = tb_strf("%s/riffusion/%s", data, images[i][0]), hex[TB_SHA256_HEX_BYTES];
        assert_non_null(path);
        tb_image_info info;
        picture p;
        tb_error err = {0};
        if (picture_read_file(path, &info, &p, &err) != TIMBRE_OK)
            fail_msg("%s", err.message);
        size_t n = (size_t)p.width * (size_t)p.height * 3;
        uint8_t *bytes = malloc(n);
        assert_non_null(bytes);
        for (size_t k = 0; k < n; k++)
            bytes[k] = (uint8_t)(p.rgb[k] / 257);
        assert_int_equal(tb_sha256_bytes(bytes, n, hex, NULL), TIMBRE_OK);
        if (strcmp(hex, images[i][1]) != 0)
            fail_msg("%s: %s", images[i][0], hex);
        free(bytes);
        picture_free(&p);
        free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_png_gives_the_values_in_it),
        cmocka_unit_test(a_pixel_behind_the_palette_is_refused),
        cmocka_unit_test(the_exif_block_is_found_wherever_it_stands),
        cmocka_unit_test(written_pngs_come_back_exactly),
        cmocka_unit_test(a_png_holds_the_exif_behind_the_head_and_nothing_else),
        cmocka_unit_test(jpegs_come_back_nearly_with_their_parameters),
        cmocka_unit_test(grey_and_progressive_jpegs_are_read),
        cmocka_unit_test(cmyk_is_refused_by_name_with_the_way_out),
        cmocka_unit_test(sizes_beyond_the_limits_are_named),
        cmocka_unit_test(jpegs_that_ask_for_too_much_are_refused),
        cmocka_unit_test(a_file_that_ends_early_is_told_at_every_byte),
        cmocka_unit_test(a_png_with_any_byte_changed_is_refused),
        cmocka_unit_test(a_jpeg_with_corrupt_data_is_refused),
        cmocka_unit_test(what_is_no_image_is_said_so),
        cmocka_unit_test(absurd_parameters_in_an_image_are_refused),
        cmocka_unit_test(what_cannot_be_written_is_refused),
        cmocka_unit_test(the_error_of_a_full_disk_comes_through_wherever_it_strikes),
        cmocka_unit_test(files_are_read_as_memory_is),
        cmocka_unit_test(riffusions_images_are_read_as_pillow_reads_them),
    };
    return cmocka_run_group_tests_name("image_file", tests, NULL, NULL);
}
