/* Images in memory: other sizes and grey are Pillow's to the bit, and files are read or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/spectrogram/resize.h"
#include "images.h"
#include "tests/models/vectors.h"

/* Array `name` as a raster that borrows its pixels. */
static tb_raster borrow(const vectors *file, const char *name)
{
    int shape[VECTORS_RANK];
    const uint8_t *pixels = vectors_bytes(file, name, shape);
    return (tb_raster){shape[1], shape[0], shape[2], (uint8_t *)(uintptr_t)pixels};
}

static size_t n_samples(const tb_raster *r)
{
    return (size_t)r->width * (size_t)r->height * (size_t)r->n_channels;
}

static void assert_same(const tb_raster *got, const tb_raster *want, const char *what)
{
    if (got->width != want->width || got->height != want->height ||
        got->n_channels != want->n_channels)
        fail_msg("%s: %d x %d x %d", what, got->width, got->height, got->n_channels);
    if (memcmp(got->pixels, want->pixels, n_samples(want)) != 0)
        fail_msg("%s: other pixels", what);
}

static void sizes_are_pillows_to_the_bit(void **state)
{
    (void)state;
    vectors file;
    vectors_open(&file, "resize");
    int shape[VECTORS_RANK];
    const int32_t *cases = vectors_ints(&file, "cases", shape);
    assert_true(shape[0] > 0 && shape[1] == 5);
    for (int i = 0; i < shape[0]; i++) {
        const int32_t *c = cases + (size_t)i * 5;
        char before[40], after[40], what[80];
        snprintf(before, sizeof before, "in_%d_%dx%d", c[0], c[1], c[2]);
        snprintf(after, sizeof after, "out_%d", i);
        snprintf(what, sizeof what, "%s to %dx%d", before, c[3], c[4]);
        tb_raster in = borrow(&file, before), want = borrow(&file, after), got;
        tb_error err = {0};
        if (tb_resize(&in, c[3], c[4], &got, &err) != TIMBRE_OK)
            fail_msg("%s: %s", what, err.message);
        assert_same(&got, &want, what);
        tb_raster_deinit(&got);
    }
    vectors_close(&file);
}

static void grey_is_pillows_to_the_bit(void **state)
{
    (void)state;
    static const char *const sizes[] = {"47x32", "64x64", "501x4", "1x1"};
    vectors file;
    vectors_open(&file, "resize");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char name[40];
        snprintf(name, sizeof name, "in_3_%s", sizes[i]);
        tb_raster rgb = borrow(&file, name), got;
        snprintf(name, sizeof name, "grey_%s", sizes[i]);
        tb_raster want = borrow(&file, name);
        assert_int_equal(tb_raster_to_grey(&rgb, &got, NULL), TIMBRE_OK);
        assert_same(&got, &want, name);
        tb_raster_deinit(&got);
    }
    vectors_close(&file);
}

static void greys_of_grey_stay(void **state)
{
    (void)state;
    tb_raster rgb, grey;
    assert_int_equal(tb_raster_new(256, 1, 3, &rgb, NULL), TIMBRE_OK);
    for (size_t i = 0; i < n_samples(&rgb); i++)
        rgb.pixels[i] = (uint8_t)(i / 3);
    assert_int_equal(tb_raster_to_grey(&rgb, &grey, NULL), TIMBRE_OK);
    for (int v = 0; v < 256; v++)
        assert_int_equal(grey.pixels[v], v);
    tb_raster_deinit(&grey);
    tb_raster_deinit(&rgb);
}

/* Normalised weights: an even image has no darker border, whatever the filter leaves out there. */
static void an_even_image_stays_even(void **state)
{
    (void)state;
    static const int sides[] = {1, 2, 3, 99, 100, 101, 1000};
    enum { N_SIDES = sizeof sides / sizeof *sides };
    tb_raster in, out;
    assert_int_equal(tb_raster_new(100, 3, 1, &in, NULL), TIMBRE_OK);
    for (int v = 0; v <= 255; v += 51) {
        memset(in.pixels, v, n_samples(&in));
        for (int i = 0; i < N_SIDES; i++) {
            assert_int_equal(tb_resize(&in, sides[i], 7, &out, NULL), TIMBRE_OK);
            for (size_t k = 0; k < n_samples(&out); k++)
                assert_int_equal(out.pixels[k], v);
            tb_raster_deinit(&out);
        }
    }
    tb_raster_deinit(&in);
}

static void assert_no_raster(const tb_raster *r)
{
    assert_null(r->pixels);
    assert_int_equal(r->width | r->height | r->n_channels, 0);
}

static void sizes_beyond_the_limits_are_named(void **state)
{
    (void)state;
    static const struct {
        int from_width, from_height, width, height;
        const char *words;
    } cases[] = {
        {4, 4, 0, 4, "to a width of 0 pixels is not in 1..8192"},
        {4, 4, 8193, 4, "to a width of 8193 pixels is not in 1..8192"},
        {4, 4, 4, -1, "to a height of -1 pixels is not in 1..8192"},
        {4, 4, 4, 8193, "to a height of 8193 pixels is not in 1..8192"},
        {8193, 1, 4, 4, "from a width of 8193 pixels is not in 1..8192"},
        {1, 8193, 4, 4, "from a height of 8193 pixels is not in 1..8192"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tb_raster in, out = {.width = 7};
        tb_error err = {0};
        assert_int_equal(tb_raster_new(cases[i].from_width, cases[i].from_height, 1, &in, NULL),
                         TIMBRE_OK);
        assert_int_equal(tb_resize(&in, cases[i].width, cases[i].height, &out, &err),
                         TIMBRE_BAD_INPUT);
        assert_non_null(strstr(err.message, cases[i].words));
        assert_no_raster(&out);
        tb_raster_deinit(&in);
    }
}

static void the_longest_sides_are_resized(void **state)
{
    (void)state;
    tb_raster in, narrow, wide;
    assert_int_equal(tb_raster_new(8192, 1, 1, &in, NULL), TIMBRE_OK);
    memset(in.pixels, 255, n_samples(&in));
    assert_int_equal(tb_resize(&in, 1, 1, &narrow, NULL), TIMBRE_OK);
    assert_int_equal(narrow.pixels[0], 255);
    assert_int_equal(tb_resize(&narrow, 1, 8192, &wide, NULL), TIMBRE_OK);
    assert_memory_equal(wide.pixels, in.pixels, 8192);
    tb_raster_deinit(&narrow);
    tb_raster_deinit(&wide);
    tb_raster_deinit(&in);
    tb_raster_deinit(&in); /* zeroed */
}

static void rasters_have_a_size_in_the_limits(void **state)
{
    (void)state;
    static const struct {
        int width, height;
        const char *words;
    } cases[] = {
        {0, 5, "0 x 5 pixels is empty"},
        {5, -1, "5 x -1 pixels is empty"},
        {8193, 8192, "67117056 pixels exceeds 67108864"},
        {0x7fffffff, 0x7fffffff, "exceeds 67108864"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tb_raster out = {.width = 7};
        tb_error err = {0};
        assert_int_equal(tb_raster_new(cases[i].width, cases[i].height, 3, &out, &err),
                         TIMBRE_BAD_INPUT);
        assert_non_null(strstr(err.message, cases[i].words));
        assert_no_raster(&out);
    }
}

/* A folder of its own for files, left again by leave_folder. */
static void enter_folder(char folder[])
{
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
}

static void leave_folder(const char *folder)
{
    assert_int_equal(chdir("/") | rmdir(folder), 0);
}

static void assert_unreadable(const char *path, tb_status want, const char *words)
{
    tb_raster out = {.width = 7};
    tb_error err = {0};
    tb_status st = tb_raster_read(path, &out, &err);
    if (st != want || strstr(err.message, words) == NULL)
        fail_msg("status %d, '%s' instead of %d, '%s'", st, err.message, want, words);
    assert_no_raster(&out);
}

static void files_are_read_whole(void **state)
{
    (void)state;
    char folder[] = "/tmp/timbre-raster-XXXXXX";
    enter_folder(folder);
    picture p = picture_make(37, 21, false);
    tb_str png = picture_write(&p, (tb_image_spec){0});
    tb_str jpeg = picture_write(&p, (tb_image_spec){.is_jpeg = true, .quality = 95});
    tb_raster got;
    assert_int_equal(tb_file_write("a", png.bytes, png.len, false, NULL), TIMBRE_OK);
    assert_int_equal(tb_raster_read("a", &got, NULL), TIMBRE_OK);
    assert_int_equal(got.width, 37);
    assert_int_equal(got.height, 21);
    assert_int_equal(got.n_channels, 3);
    for (size_t i = 0; i < n_samples(&got); i++)
        assert_int_equal(got.pixels[i] * 257, p.rgb[i]);
    tb_raster_deinit(&got);
    tb_image_info info;
    picture rows;
    assert_int_equal(tb_file_write("b", jpeg.bytes, jpeg.len, false, NULL), TIMBRE_OK);
    assert_int_equal(picture_read_file("b", &info, &rows, NULL), TIMBRE_OK);
    assert_int_equal(tb_raster_read("b", &got, NULL), TIMBRE_OK);
    for (size_t i = 0; i < n_samples(&got); i++)
        assert_int_equal(got.pixels[i] * 257, rows.rgb[i]);
    tb_raster_deinit(&got);
    picture_free(&rows);
    picture_free(&p);
    tb_str_deinit(&png);
    tb_str_deinit(&jpeg);
    assert_int_equal(unlink("a") | unlink("b"), 0);
    leave_folder(folder);
}

static void damaged_and_missing_files_are_refused(void **state)
{
    (void)state;
    char folder[] = "/tmp/timbre-raster-XXXXXX";
    enter_folder(folder);
    picture p = picture_make(37, 21, false);
    tb_str png = picture_write(&p, (tb_image_spec){0});
    assert_unreadable("none.png", TIMBRE_NOT_FOUND, "none.png");
    for (size_t len = 0; len < png.len; len += len + 97 < png.len ? 97 : 1) {
        assert_int_equal(tb_file_write("a.png", png.bytes, len, true, NULL), TIMBRE_OK);
        assert_unreadable("a.png", TIMBRE_BAD_FILE, "'a.png'");
    }
    assert_int_equal(tb_file_write("a.png", "no image", 8, true, NULL), TIMBRE_OK);
    assert_unreadable("a.png", TIMBRE_BAD_FILE, "neither PNG nor JPEG");
    picture_free(&p);
    tb_str_deinit(&png);
    assert_int_equal(unlink("a.png"), 0);
    leave_folder(folder);
}

/* Each side is in the limits of image files: the head alone decides, before memory is asked for. */
static void files_of_too_many_pixels_are_refused(void **state)
{
    (void)state;
    static const unsigned char head[] = {
        0x89, 'P',  'N',  'G',  '\r', '\n', 0x1a, '\n', 0,   0,   0,   13,  'I',  'H', 'D',
        'R',  0,    0,    0x20, 1,    0,    0,    0x20, 0,   8,   2,   0,   0,    0, /* 8193 x 8192
                                                                                      */
        0x12, 0x0a, 0x36, 0x30, 0,    0,    0,    1,    'I', 'D', 'A', 'T', 0x78,
    };
    char folder[] = "/tmp/timbre-raster-XXXXXX";
    enter_folder(folder);
    assert_int_equal(tb_file_write("a.png", head, sizeof head, false, NULL), TIMBRE_OK);
    assert_unreadable("a.png", TIMBRE_BAD_FILE,
                      "'a.png': 8193 x 8192 = 67117056 pixels exceed 67108864");
    assert_int_equal(unlink("a.png"), 0);
    leave_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_pillows_to_the_bit),
        cmocka_unit_test(grey_is_pillows_to_the_bit),
        cmocka_unit_test(greys_of_grey_stay),
        cmocka_unit_test(an_even_image_stays_even),
        cmocka_unit_test(sizes_beyond_the_limits_are_named),
        cmocka_unit_test(the_longest_sides_are_resized),
        cmocka_unit_test(rasters_have_a_size_in_the_limits),
        cmocka_unit_test(files_are_read_whole),
        cmocka_unit_test(damaged_and_missing_files_are_refused),
        cmocka_unit_test(files_of_too_many_pixels_are_refused),
    };
    return cmocka_run_group_tests_name("resize", tests, NULL, NULL);
}
