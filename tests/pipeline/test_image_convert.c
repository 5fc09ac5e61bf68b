/* Pictures in memory as other image files: what Pillow's image.save(..., "JPEG") would write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "engine/base/hash.h"
#include "engine/base/limits.h"
#include "engine/base/random.h"
#include "tests/spectrogram/images.h"
#include "timbre/spectrogram.h"

enum { WIDTH = 133, HEIGHT = 70 }; /* no whole blocks */

/* Sharp edges in every channel. */
static picture made_picture(void)
{
    picture p = picture_make(WIDTH, HEIGHT, true);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int c = 0; c < 3; c++) {
                int v = (x * x * 7 + x * y * 13 + y * y + c * 91) >> 3 & 255;
                p.rgb[(y * WIDTH + x) * 3 + c] = (uint16_t)(v * 257);
            }
    return p;
}

static tb_str png_of(const picture *p, bool with_exif)
{
    unsigned char exif[TB_EXIF_BYTES];
    timbre_spectrogram_params params;
    timbre_spectrogram_params_init(&params);
    tb_exif_format(&params, 3, exif);
    return picture_write(p, (tb_image_spec){.exif = with_exif ? exif : NULL});
}

static timbre_status convert(const tb_str *file, const char *format, int quality,
                             unsigned char **out, size_t *len, timbre_error *err)
{
    const timbre_image_convert_options options = {
        .struct_size = sizeof options, .format = format, .jpeg_quality = quality};
    return timbre_image_convert((const unsigned char *)file->bytes, file->len, &options, out, len,
                                err);
}

/* Owned. */
static unsigned char *converted(const tb_str *file, const char *format, int quality, size_t *len)
{
    unsigned char *out = NULL;
    timbre_error err = {0};
    if (convert(file, format, quality, &out, len, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    assert_non_null(out);
    return out;
}

/* ---- JPEG ---- */

/* ITU-T T.81, tables K.1 and K.2, in zigzag order. */
static const unsigned char luminance[64] = {
    16, 11, 12,  14,  12,  10, 16, 14,  13,  14,  18,  17,  16, 19,  24,  40,
    26, 24, 22,  22,  24,  49, 35, 37,  29,  40,  58,  51,  61, 60,  57,  51,
    56, 55, 64,  72,  92,  78, 64, 68,  87,  69,  55,  56,  80, 109, 81,  87,
    95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99};
static const unsigned char chrominance[64] = {
    17, 18, 18, 24, 21, 24, 47, 26, 26, 47, 99, 66, 56, 66, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99};

typedef struct markers {
    int n_tables;
    unsigned char tables[2][64]; /* zigzag */
    unsigned char frame[15];     /* SOF0's content */
    int n_exif;
} markers;

static markers markers_of(const unsigned char *jpeg, size_t len)
{
    markers m = {0};
    assert_true(len > 4 && jpeg[0] == 0xff && jpeg[1] == 0xd8);
    for (size_t i = 2; i + 4 < len && jpeg[i + 1] != 0xda;) {
        assert_int_equal(jpeg[i], 0xff);
        size_t n = (size_t)jpeg[i + 2] << 8 | jpeg[i + 3];
        const unsigned char *content = jpeg + i + 4;
        if (jpeg[i + 1] == 0xdb) {
            assert_int_equal(n, 67); /* one table of 8 bits */
            assert_true(content[0] < 2);
            memcpy(m.tables[content[0]], content + 1, 64);
            m.n_tables++;
        }
        if (jpeg[i + 1] == 0xc0) {
            assert_int_equal(n, 2 + sizeof m.frame);
            memcpy(m.frame, content, sizeof m.frame);
        }
        m.n_exif += jpeg[i + 1] == 0xe1;
        i += 2 + n;
    }
    assert_int_equal(m.n_tables, 2);
    return m;
}

/* libjpeg's jpeg_quality_scaling, from 50 on. */
static void assert_table(const unsigned char *got, const unsigned char *base, int quality)
{
    for (int i = 0; i < 64; i++) {
        int wanted = (base[i] * (200 - 2 * quality) + 50) / 100;
        assert_int_equal(got[i], wanted > 1 ? wanted : 1);
    }
}

static void a_jpeg_is_pillows(void **state)
{
    (void)state;
    picture p = made_picture();
    tb_str png = png_of(&p, true);
    size_t len = 0;
    unsigned char *jpeg = converted(&png, "jpeg", 0, &len);
    markers m = markers_of(jpeg, len);
    assert_table(m.tables[0], luminance, 75);
    assert_table(m.tables[1], chrominance, 75);
    assert_int_equal(m.n_exif, 0);
    static const unsigned char frame[] = {8, 0, HEIGHT, 0, WIDTH, 3,    1, 0x22,
                                          0, 2, 0x11,   1, 3,     0x11, 1};
    assert_memory_equal(m.frame, frame, sizeof frame);
#ifdef LIBJPEG_TURBO_VERSION /* others may round otherwise */
    char hex[TB_SHA256_HEX_BYTES];
    assert_int_equal(tb_sha256_bytes(jpeg, len, hex, NULL), TIMBRE_OK);
    /* Pillow 9.1.0: image.save(file, "JPEG") */
    assert_string_equal(hex, "0755f16291ea3cbbae689dd748ff888fad6464086470979107eb85fa769206bb");
#endif
    free(jpeg);
    tb_str_deinit(&png);
    picture_free(&p);
}

static void quality_can_be_chosen(void **state)
{
    (void)state;
    picture p = made_picture();
    tb_str png = png_of(&p, false);
    size_t len = 0;
    unsigned char *jpeg = converted(&png, "jpeg", 90, &len);
    const markers m = markers_of(jpeg, len);
    assert_table(m.tables[0], luminance, 90);
    free(jpeg);
    tb_str_deinit(&png);
    picture_free(&p);
}

/* ---- PNG ---- */

static void assert_keeps_pixels(const tb_str *file, const picture *p)
{
    size_t len = 0;
    unsigned char *png = converted(file, "png", 0, &len);
    tb_image_info info;
    picture got;
    assert_int_equal(picture_read(png, len, &info, &got, NULL), TIMBRE_OK);
    assert_string_equal(info.format, "PNG, RGB, 8 bit");
    assert_false(info.has_exif);
    assert_true(got.width == p->width && got.height == p->height);
    assert_memory_equal(got.rgb, p->rgb, (size_t)p->width * (size_t)p->height * 3 * sizeof *p->rgb);
    picture_free(&got);
    free(png);
}

static void a_png_keeps_its_pixels(void **state)
{
    (void)state;
    picture p = made_picture(), decoded;
    tb_image_info info;
    tb_str png = png_of(&p, true),
           jpeg = picture_write(&p, (tb_image_spec){.is_jpeg = true, .quality = 75});
    assert_keeps_pixels(&png, &p);
    assert_int_equal(picture_read(jpeg.bytes, jpeg.len, &info, &decoded, NULL), TIMBRE_OK);
    assert_keeps_pixels(&jpeg, &decoded); /* what a JPEG decodes to */
    picture_free(&decoded);
    tb_str_deinit(&jpeg);
    tb_str_deinit(&png);
    picture_free(&p);
}

/* ---- refusals ---- */

static void assert_refused(const tb_str *file, const char *format, int quality, timbre_status want,
                           const char *words)
{
    unsigned char none = 0, *out = &none;
    size_t len = 1;
    timbre_error err = {0};
    assert_int_equal(convert(file, format, quality, &out, &len, &err), want);
    assert_null(out);
    assert_int_equal(len, 0);
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' instead of '%s'", err.message, words);
}

static void what_cannot_be_converted_is_named(void **state)
{
    (void)state;
    picture p = made_picture();
    tb_str png = png_of(&p, false), text = {0}, none = {.bytes = (char[]){""}};
    tb_str_append(&text, "GIF89a and so on");
    assert_refused(&png, "gif", 0, TIMBRE_BAD_INPUT, "image format 'gif' is neither jpeg nor png");
    assert_refused(&png, NULL, 0, TIMBRE_BAD_INPUT, "image format '' is neither");
    assert_refused(&png, "jpeg", 101, TIMBRE_BAD_INPUT, "JPEG quality 101 is not in 1..100");
    assert_refused(&png, "jpeg", -1, TIMBRE_BAD_INPUT, "JPEG quality -1");
    assert_refused(&text, "jpeg", 0, TIMBRE_BAD_FILE, "neither PNG nor JPEG");
    assert_refused(&none, "jpeg", 0, TIMBRE_BAD_FILE, "empty");
    tb_str_deinit(&text);
    tb_str_deinit(&png);
    picture_free(&p);
}

static void a_damaged_file_is_refused_wherever_it_ends(void **state)
{
    (void)state;
    picture p = made_picture();
    tb_str png = png_of(&p, true);
    for (size_t len = 0; len < png.len; len += len < 300 ? 1 : 97) {
        const tb_str part = {.bytes = png.bytes, .len = len};
        assert_refused(&part, "png", 0, TIMBRE_BAD_FILE, "");
    }
    png.bytes[png.len / 2] ^= 0x40;
    assert_refused(&png, "jpeg", 0, TIMBRE_BAD_FILE, "");
    tb_str_deinit(&png);
    picture_free(&p);
}

static tb_status append(void *user, const void *data, size_t len_bytes, tb_error *err)
{
    (void)err;
    tb_str_append_bytes(user, data, len_bytes);
    return TIMBRE_OK;
}

/* 8,193 x 8,192: within the limits of files, over that of memory. It has its first rows alone, so
 * that reading on would say something else. */
static void a_huge_picture_is_refused_before_it_is_read(void **state)
{
    (void)state;
    enum { TALL = TB_IMAGE_MAX_HEIGHT, WIDE = TB_INTERLACED_MAX_PIXELS / TALL + 1, ROWS = 10 };
    const tb_image_spec spec = {.width = WIDE, .height = TALL};
    static uint8_t row[WIDE * 3];
    tb_str file = {0};
    tb_image_writer *writer;
    assert_int_equal(tb_image_writer_new(&spec, append, &file, &writer, NULL), TIMBRE_OK);
    for (int y = 0; y < ROWS; y++) {
        for (size_t i = 0; i < sizeof row; i++)
            row[i] = (uint8_t)tb_random_at((uint64_t)y, i);
        assert_int_equal(tb_image_write_row(writer, row, NULL), TIMBRE_OK);
    }
    tb_image_writer_free(writer);
    assert_refused(&file, "jpeg", 0, TIMBRE_BAD_INPUT,
                   "an image of 8193 x 8192 pixels exceeds 67108864");
    tb_str_deinit(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_jpeg_is_pillows),
        cmocka_unit_test(quality_can_be_chosen),
        cmocka_unit_test(a_png_keeps_its_pixels),
        cmocka_unit_test(what_cannot_be_converted_is_named),
        cmocka_unit_test(a_damaged_file_is_refused_wherever_it_ends),
        cmocka_unit_test(a_huge_picture_is_refused_before_it_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
