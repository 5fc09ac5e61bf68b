/* Spectrograms in a terminal: what is read from a PNG, and what the cells show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <png.h>

#include "cli/tui/picture.h"

/* ---- levels ---- */

static tb_levels make(int width, int height, const uint8_t *level)
{
    tb_levels levels = {width, height, malloc((size_t)width * (size_t)height)};
    assert_non_null(levels.level);
    memcpy(levels.level, level, (size_t)width * (size_t)height);
    return levels;
}

static size_t write_png(const uint8_t *level, int width, int height, uint32_t format,
                        uint8_t bytes[], size_t limit)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (uint32_t)width,
                       .height = (uint32_t)height,
                       .format = format};
    size_t n = limit;
    assert_true(png_image_write_to_memory(&image, bytes, &n, 0, level, 0, NULL));
    return n;
}

static void a_png_is_its_grey(void **state)
{
    uint8_t grey[5 * 3], bytes[1000];
    for (int i = 0; i < 15; i++)
        grey[i] = (uint8_t)(i * 17);
    size_t n = write_png(grey, 5, 3, PNG_FORMAT_GRAY, bytes, sizeof bytes);
    tb_levels levels;
    assert_int_equal(tb_levels_decode(bytes, n, &levels, NULL), TIMBRE_OK);
    assert_int_equal(levels.width, 5);
    assert_int_equal(levels.height, 3);
    assert_memory_equal(levels.level, grey, 15);
    tb_levels_deinit(&levels);
    assert_null(levels.level);
    tb_levels_deinit(&levels);
}

static void a_png_of_colors_is_their_luma(void **state)
{
    static const uint8_t rgb[] = {0, 0, 0, 0, 0, 255, 255, 0, 0, 0, 255, 0, 255, 255, 255};
    uint8_t bytes[1000];
    size_t n = write_png(rgb, 5, 1, PNG_FORMAT_RGB, bytes, sizeof bytes);
    tb_levels levels;
    assert_int_equal(tb_levels_decode(bytes, n, &levels, NULL), TIMBRE_OK);
    for (int i = 1; i < 5; i++) /* green is brighter than red, red than blue */
        assert_true(levels.level[i] > levels.level[i - 1]);
    assert_int_equal(levels.level[0], 0);
    assert_int_equal(levels.level[4], 255);
    tb_levels_deinit(&levels);
}

static void what_is_transparent_is_dark(void **state)
{
    static const uint8_t grey_alpha[] = {255, 0, 255, 255};
    uint8_t bytes[1000];
    size_t n = write_png(grey_alpha, 2, 1, PNG_FORMAT_GA, bytes, sizeof bytes);
    tb_levels levels;
    assert_int_equal(tb_levels_decode(bytes, n, &levels, NULL), TIMBRE_OK);
    assert_int_equal(levels.level[0], 0);
    assert_int_equal(levels.level[1], 255);
    tb_levels_deinit(&levels);
}

/* Either a picture of that size or a damaged file with a message; the latter leaves nothing. */
static bool try_decode(const uint8_t *bytes, size_t n)
{
    tb_levels levels;
    tb_error err = {0};
    tb_status status = tb_levels_decode(bytes, n, &levels, &err);
    if (status == TIMBRE_OK) {
        assert_non_null(levels.level);
        tb_levels_deinit(&levels);
        return true;
    }
    assert_int_equal(status, TIMBRE_BAD_FILE);
    assert_string_not_equal(err.message, "");
    assert_null(levels.level);
    return false;
}

static size_t write_noise(uint8_t *bytes, size_t limit)
{
    static uint8_t level[64 * 48];
    uint32_t random = 1;
    for (size_t i = 0; i < sizeof level; i++) {
        random = random * 1664525 + 1013904223;
        level[i] = (uint8_t)(random >> 24);
    }
    return write_png(level, 64, 48, PNG_FORMAT_GRAY, bytes, limit);
}

static void a_cut_png_is_a_damaged_file(void **state)
{
    static uint8_t bytes[10000];
    size_t n = write_noise(bytes, sizeof bytes);
    assert_true(try_decode(bytes, n));
    for (size_t cut = 0; cut + 64 < n; cut += 64) {
        uint8_t *copy = malloc(cut + 1); /* its end is where valgrind and ASan see more read */
        assert_non_null(copy);
        memcpy(copy, bytes, cut);
        assert_false(try_decode(copy, cut));
        free(copy);
    }
}

static void a_png_with_flipped_bits_is_refused_or_drawn(void **state)
{
    static uint8_t bytes[10000], copy[10000];
    size_t n = write_noise(bytes, sizeof bytes);
    uint32_t random = 7;
    int n_refused = 0;
    for (int i = 0; i < 2000; i++) {
        memcpy(copy, bytes, n);
        for (int k = 0; k <= i % 3; k++) {
            random = random * 1664525 + 1013904223;
            /* half of them in the first chunk */
            size_t at = (random >> 8) % (i % 2 == 0 ? 33 : n);
            copy[at] ^= (uint8_t)(1U << (random >> 5 & 7));
        }
        n_refused += try_decode(copy, n) ? 0 : 1;
    }
    assert_true(n_refused > 1500); /* checksums */
}

static void pictures_have_a_limit(void **state)
{
    enum { OVER = TB_LEVELS_MAX_SIDE + 1 };
    static uint8_t level[OVER], bytes[20000];
    size_t n = write_png(level, OVER, 1, PNG_FORMAT_GRAY, bytes, sizeof bytes);
    assert_false(try_decode(bytes, n));
    n = write_png(level, 1, OVER, PNG_FORMAT_GRAY, bytes, sizeof bytes);
    assert_false(try_decode(bytes, n));
    n = write_png(level, OVER - 1, 1, PNG_FORMAT_GRAY, bytes, sizeof bytes);
    assert_true(try_decode(bytes, n));
}

static void what_is_no_png_is_a_damaged_file(void **state)
{
    static const uint8_t jpeg[] = {0xff, 0xd8, 0xff, 0xe0, 0, 16, 'J', 'F', 'I', 'F', 0, 1};
    assert_false(try_decode(jpeg, sizeof jpeg));
    assert_false(try_decode(jpeg, 0));
    assert_false(try_decode((const uint8_t *)"{\"title\":\"not found\"}", 21));
}

static void scaling_keeps_the_largest_of_each_box(void **state)
{
    static const uint8_t level[] = {
        1, 2, 3, 4,  5, 6, /* */
        7, 8, 9, 90, 1, 2, /* */
        0, 0, 0, 0,  0, 0, /* */
        0, 3, 0, 0,  0, 77,
    };
    tb_levels levels = make(6, 4, level), out;
    assert_int_equal(tb_levels_scale(&levels, 3, 2, &out, NULL), TIMBRE_OK);
    assert_memory_equal(out.level, ((uint8_t[]){8, 90, 6, 3, 0, 77}), 6);
    tb_levels_deinit(&out);
    assert_int_equal(tb_levels_scale(&levels, 0, -1, &out, NULL), TIMBRE_OK);
    assert_int_equal(out.width * out.height, 1);
    assert_int_equal(out.level[0], 90);
    tb_levels_deinit(&out);
    assert_int_equal(tb_levels_scale(&levels, TB_LEVELS_MAX_SIDE + 1, 1, &out, NULL),
                     TIMBRE_BAD_INPUT);
    tb_levels_deinit(&out);
    tb_levels_deinit(&levels);
}

static void no_bright_line_is_lost_at_any_size(void **state)
{
    static uint8_t level[53 * 31];
    for (int at = 0; at < 53 * 31; at += 97) {
        memset(level, 10, sizeof level);
        level[at] = 255;
        tb_levels levels = make(53, 31, level), out;
        for (int width = 1; width <= 120; width += 7) {
            assert_int_equal(tb_levels_scale(&levels, width, 1 + width / 2, &out, NULL), TIMBRE_OK);
            assert_non_null(memchr(out.level, 255, (size_t)out.width * (size_t)out.height));
            tb_levels_deinit(&out);
        }
        tb_levels_deinit(&levels);
    }
}

static void a_larger_picture_repeats_levels(void **state)
{
    tb_levels levels = make(2, 1, (uint8_t[]){9, 200}), out;
    assert_int_equal(tb_levels_scale(&levels, 4, 2, &out, NULL), TIMBRE_OK);
    assert_memory_equal(out.level, ((uint8_t[]){9, 9, 200, 200, 9, 9, 200, 200}), 8);
    tb_levels_deinit(&out);
    tb_levels_deinit(&levels);
}

/* ---- colours ---- */

static void maps_have_their_published_colors(void **state)
{
    static const struct {
        tb_color_map map;
        uint8_t level;
        int rgb[3];
    } anchors[] = {
        /* matplotlib 3 */
        {TB_MAP_VIRIDIS, 0, {68, 1, 84}},
        {TB_MAP_VIRIDIS, 64, {59, 82, 139}},
        {TB_MAP_VIRIDIS, 100, {42, 118, 142}},
        {TB_MAP_VIRIDIS, 128, {33, 145, 140}},
        {TB_MAP_VIRIDIS, 201, {115, 208, 86}},
        {TB_MAP_VIRIDIS, 255, {253, 231, 37}},
        {TB_MAP_MAGMA, 0, {0, 0, 4}},
        {TB_MAP_MAGMA, 64, {81, 18, 124}},
        {TB_MAP_MAGMA, 100, {137, 40, 129}},
        {TB_MAP_MAGMA, 128, {183, 55, 121}},
        {TB_MAP_MAGMA, 192, {252, 137, 97}},
        {TB_MAP_MAGMA, 255, {252, 253, 191}},
        {TB_MAP_GREY, 0, {0, 0, 0}},
        {TB_MAP_GREY, 99, {99, 99, 99}},
        {TB_MAP_GREY_INVERSE, 0, {255, 255, 255}},
        {TB_MAP_GREY_INVERSE, 99, {156, 156, 156}},
    };
    for (size_t i = 0; i < sizeof anchors / sizeof anchors[0]; i++) {
        uint8_t rgb[3];
        tb_color_map_rgb(anchors[i].map, anchors[i].level, rgb);
        for (int c = 0; c < 3; c++)
            assert_in_range(rgb[c] + 2, anchors[i].rgb[c], anchors[i].rgb[c] + 4);
    }
}

/* Brighter is always brighter: what the maps were made for. */
static void maps_grow_in_brightness(void **state)
{
    for (tb_color_map map = 0; map < TB_MAP_COUNT; map++) {
        double before = map == TB_MAP_GREY_INVERSE ? 1e9 : -1;
        assert_true(strlen(tb_color_map_name(map)) > 0);
        for (int i = 0; i < 256; i += 3) {
            uint8_t rgb[3];
            tb_color_map_rgb(map, (uint8_t)i, rgb);
            double luma = 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
            assert_true(map == TB_MAP_GREY_INVERSE ? luma < before : luma > before);
            before = luma;
        }
    }
}

/* ---- characters ---- */

static tb_canvas make_canvas(int rows, int columns, bool is_utf8)
{
    tb_canvas canvas = {.is_utf8 = is_utf8};
    assert_true(tb_canvas_resize(&canvas, rows, columns));
    return canvas;
}

static const tb_cell *cell_at(const tb_canvas *canvas, int row, int column)
{
    return &canvas->cells[row * canvas->columns + column];
}

static void a_half_block_has_the_levels_of_its_halves(void **state)
{
    static const uint8_t level[] = {10, 20, 30, 40, 50, 60, 70, 80};
    tb_levels levels = make(2, 4, level);
    tb_canvas canvas = make_canvas(4, 5, true);
    tb_picture_draw(&canvas, (tb_area){1, 2, 2, 2}, &levels, TB_PICTURE_BLOCKS);
    for (int y = 0; y < 2; y++)
        for (int x = 0; x < 2; x++) {
            const tb_cell *cell = cell_at(&canvas, 1 + y, 2 + x);
            assert_int_equal(cell->piece.code[0], 0x2580);
            assert_int_equal(cell->ink.role, TB_ROLE_PICTURE);
            assert_int_equal(cell->ink.fore, level[2 * (2 * y) + x]);
            assert_int_equal(cell->ink.back, level[2 * (2 * y + 1) + x]);
        }
    /* nothing beside the area */
    assert_int_equal(cell_at(&canvas, 0, 2)->ink.role, TB_ROLE_TEXT);
    assert_int_equal(cell_at(&canvas, 1, 1)->ink.role, TB_ROLE_TEXT);
    assert_int_equal(cell_at(&canvas, 1, 4)->ink.role, TB_ROLE_TEXT);
    assert_int_equal(cell_at(&canvas, 3, 2)->ink.role, TB_ROLE_TEXT);
    tb_canvas_deinit(&canvas);
    tb_levels_deinit(&levels);
}

static void odd_heights_fill_all_halves(void **state)
{
    for (int height = 1; height <= 9; height += 2) {
        uint8_t level[9];
        for (int i = 0; i < height; i++)
            level[i] = (uint8_t)(100 + 10 * i);
        tb_levels levels = make(1, height, level);
        tb_canvas canvas = make_canvas(2, 1, true);
        tb_picture_draw(&canvas, tb_canvas_area(&canvas), &levels, TB_PICTURE_BLOCKS);
        const tb_ink top = cell_at(&canvas, 0, 0)->ink, bottom = cell_at(&canvas, 1, 0)->ink;
        assert_true(top.fore >= 100 && top.fore <= top.back);
        assert_true(top.back <= bottom.fore && bottom.fore <= bottom.back);
        assert_int_equal(bottom.back, 100 + 10 * (height - 1)); /* the lowest row is drawn */
        tb_canvas_deinit(&canvas);
        tb_levels_deinit(&levels);
    }
}

static void assert_drawn(bool is_utf8, tb_picture_form form, const char *expected)
{
    tb_levels levels = make(5, 1, (uint8_t[]){0, 64, 128, 180, 255});
    tb_canvas canvas = make_canvas(1, 6, is_utf8);
    tb_picture_draw(&canvas, (tb_area){0, 0, 1, 5}, &levels, form);
    tb_draw(&canvas, tb_canvas_area(&canvas), 0, 5, "|", (tb_ink){0});
    tb_str text = {0};
    tb_canvas_dump(&canvas, &text);
    assert_string_equal(tb_str_text(&text), expected);
    tb_str_deinit(&text);
    tb_canvas_deinit(&canvas);
    tb_levels_deinit(&levels);
}

static void without_colors_a_level_is_a_character(void **state)
{
    assert_drawn(true, TB_PICTURE_SHADES, " ░▒▓█|\n");
    assert_drawn(true, TB_PICTURE_ASCII, " :+#@|\n");
    assert_drawn(true, TB_PICTURE_BLOCKS, "▀▀▀▀▀|\n");
    assert_drawn(true, TB_PICTURE_KITTY, "▀▀▀▀▀|\n");
    assert_drawn(true, TB_PICTURE_NONE, "     |\n");
    for (tb_picture_form form = TB_PICTURE_ASCII; form <= TB_PICTURE_KITTY; form++)
        assert_drawn(false, form, " :+#@|\n"); /* no byte beyond ASCII */
}

static void nothing_is_drawn_of_no_picture(void **state)
{
    tb_canvas canvas = make_canvas(2, 2, true);
    tb_levels none = {0};
    tb_str out = {0};
    tb_picture_draw(&canvas, tb_canvas_area(&canvas), &none, TB_PICTURE_BLOCKS);
    tb_picture_draw(&canvas, (tb_area){0, 0, -1, 5}, &none, TB_PICTURE_ASCII);
    assert_int_equal(cell_at(&canvas, 0, 0)->ink.role, TB_ROLE_TEXT);
    assert_int_equal(tb_picture_format((tb_area){0, 0, 2, 2}, &none, TB_MAP_GREY, TB_PICTURE_KITTY,
                                       8, 16, &out, NULL),
                     TIMBRE_OK);
    assert_int_equal(out.len, 0);
    tb_canvas_deinit(&canvas);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_png_is_its_grey),
        cmocka_unit_test(a_png_of_colors_is_their_luma),
        cmocka_unit_test(what_is_transparent_is_dark),
        cmocka_unit_test(a_cut_png_is_a_damaged_file),
        cmocka_unit_test(a_png_with_flipped_bits_is_refused_or_drawn),
        cmocka_unit_test(pictures_have_a_limit),
        cmocka_unit_test(what_is_no_png_is_a_damaged_file),
        cmocka_unit_test(scaling_keeps_the_largest_of_each_box),
        cmocka_unit_test(no_bright_line_is_lost_at_any_size),
        cmocka_unit_test(a_larger_picture_repeats_levels),
        cmocka_unit_test(maps_have_their_published_colors),
        cmocka_unit_test(maps_grow_in_brightness),
        cmocka_unit_test(a_half_block_has_the_levels_of_its_halves),
        cmocka_unit_test(odd_heights_fill_all_halves),
        cmocka_unit_test(without_colors_a_level_is_a_character),
        cmocka_unit_test(nothing_is_drawn_of_no_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
