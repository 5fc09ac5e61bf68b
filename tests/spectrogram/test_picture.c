/* The picture of a sound: what stands at which pixel, and axes that can be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/axis.h"
#include "engine/base/random.h"
#include "engine/spectrogram/colormap.h"
#include "engine/spectrogram/glyphs.h"
#include "engine/spectrogram/picture.h"

/* Lightness of OKLab (Ottosson 2020). */
static double lightness(const unsigned char rgb[3])
{
    double c[3];
    for (int i = 0; i < 3; i++) {
        double v = rgb[i] / 255.0;
        c[i] = v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
    }
    double l = cbrt(0.4122214708 * c[0] + 0.5363325363 * c[1] + 0.0514459929 * c[2]);
    double m = cbrt(0.2119034982 * c[0] + 0.6806995451 * c[1] + 0.1073969566 * c[2]);
    double s = cbrt(0.0883024619 * c[0] + 0.2817188376 * c[1] + 0.6299787005 * c[2]);
    return 0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s;
}

static void louder_is_lighter_in_even_steps(void **state)
{
    (void)state;
    enum { N = 16 };
    double before = 0, mean = 0;
    unsigned char rgb[3];
    for (int i = 0; i <= N; i++) {
        tb_colormap_get((double)i / N, rgb);
        double now = lightness(rgb);
        if (i == 0)
            assert_true(now < 0.2);
        else if (i == 1)
            mean = now - before;
        else
            assert_true(fabs(now - before - mean) < 0.2 * mean);
        before = now;
    }
    assert_true(before > 0.95);
}

static void levels_outside_have_the_colours_of_the_ends(void **state)
{
    (void)state;
    static const double outside[][2] = {{-3, 0}, {NAN, 0}, {1.5, 1}, {INFINITY, 1}};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        unsigned char is[3], was[3];
        tb_colormap_get(outside[i][0], is);
        tb_colormap_get(outside[i][1], was);
        assert_memory_equal(is, was, 3);
    }
}

/* The dots of a character as one number each for two halves; equal only for equal shapes. */
static void dots_of(uint32_t code, int scale, char *dots)
{
    for (int y = 0; y < TB_GLYPH_HEIGHT * scale; y++)
        for (int x = 0; x < TB_GLYPH_WIDTH * scale; x++)
            *dots++ = tb_glyph_dot(code, scale, x, y) ? '#' : '.';
    *dots = '\0';
}

static void every_letter_can_be_told_from_every_other(void **state)
{
    (void)state;
    for (int scale = 1; scale <= 2; scale++)
        for (uint32_t a = 32; a <= 127; a++) /* 127: a box, as all that is not known */
            for (uint32_t b = 32; b < a; b++) {
                char first[200], second[200];
                dots_of(a, scale, first);
                dots_of(b, scale, second);
                assert_string_not_equal(first, second);
            }
    char space[200], box[200], other[200];
    dots_of(' ', 2, space);
    assert_null(strchr(space, '#'));
    dots_of(127, 2, box);
    dots_of(0x1f3b5, 2, other);
    assert_string_equal(box, other);
}

static void any_bytes_are_some_characters(void **state)
{
    (void)state;
    assert_int_equal(tb_glyph_count(""), 0);
    assert_int_equal(tb_glyph_count("caf\xc3\xa9"), 4);
    assert_int_equal(tb_glyph_count("\xf0\x9f\x8e\xb5!"), 2);
    assert_int_equal(tb_glyph_count("\xf0\x9f"), 2); /* cut: two broken bytes */
    assert_int_equal(tb_glyph_count("a\x80\xffz"), 4);
}

static void accents_are_left_away(void **state)
{
    (void)state;
    static const char *const texts[] = {"\xc3\xbc", "u\xcc\x88", "\xe1\xbb\xa9", "u"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t len;
        assert_int_equal(tb_glyph_next(texts[i], &len), 'u');
        assert_int_equal(len, strlen(texts[i]));
    }
}

static void assert_marks(const tb_mark *marks, int n, const char *want)
{
    char all[1024] = "";
    for (int i = 0; i < n; i++) {
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i == 0 ? "" : " | ", marks[i].text);
    }
    assert_string_equal(all, want);
}

static void times_are_nice_numbers(void **state)
{
    (void)state;
    static const struct {
        double start_s, length_s, size, letter;
        const char *marks;
    } cases[] = {
        {0, 5, 600, 12, "0 s | 1 s | 2 s | 3 s | 4 s | 5 s"},
        {0, 2.2, 600, 12, "0.0 s | 0.5 s | 1.0 s | 1.5 s | 2.0 s"},
        {7.9, 1, 300, 12, "8.0 s | 8.5 s"},
        {0, 600, 600, 12, "0:00 | 2:00 | 4:00 | 6:00 | 8:00 | 10:00"},
        {58, 4, 600, 12, "0:58 | 0:59 | 1:00 | 1:01 | 1:02"},
        {3590, 20, 500, 12, "0:59:50 | 0:59:55 | 1:00:00 | 1:00:05 | 1:00:10"},
        {0, 36000, 700, 12, "0:00:00 | 2:00:00 | 4:00:00 | 6:00:00 | 8:00:00 | 10:00:00"},
        {0, 1.0 / 44100, 400, 12, "0.00000 s | 0.00001 s | 0.00002 s"},
        {0, 90, 20, 1, "0:00 | 0:30 | 1:00 | 1:30"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tb_mark marks[TB_MARKS_MAX];
        int n = tb_axis_times(cases[i].start_s, cases[i].length_s, cases[i].size, cases[i].letter,
                              marks);
        assert_marks(marks, n, cases[i].marks);
    }
}

static double draw(int *at)
{
    return (double)(tb_random_at(99, (uint64_t)(*at)++) >> 11) * 0x1p-53;
}

static void times_never_run_into_each_other(void **state)
{
    (void)state;
    int at = 0;
    for (int i = 0; i < 2000; i++) {
        double length_s = pow(10, 10 * draw(&at) - 5), start_s = pow(10, 7 * draw(&at) - 2);
        double size = 8 + 3000 * draw(&at), letter = 1 + 11 * draw(&at);
        tb_mark marks[TB_MARKS_MAX];
        int n = tb_axis_times(start_s, length_s, size, letter, marks);
        assert_in_range(n, 0, TB_MARKS_MAX);
        for (int k = 0; k < n; k++)
            assert_true(marks[k].at >= 0 && marks[k].at <= 1);
        for (int k = 1; k < n; k++)
            assert_true((marks[k].at - marks[k - 1].at) * size >=
                        letter * (double)strlen(marks[k].text));
    }
}

static void frequencies_are_those_that_people_know(void **state)
{
    (void)state;
    static const struct {
        double min_hz, max_hz, size, gap;
        const char *marks;
    } cases[] = {
        {0, 20000, 512, 16, "100 | 200 | 500 | 1k | 2k | 5k | 10k | 20k"},
        {0, 10000, 512, 16, "100 | 200 | 500 | 1k | 2k | 5k | 10k"},
        {300, 420, 100, 10, "300 | 320 | 340 | 360 | 380 | 400 | 420"},
        {10000, 11000, 100, 20, "10k | 10.5k | 11k"},
        {0, 20000, 5, 1, "1k | 10k"},
        {0, 20000, 12, 1, "200 | 500 | 1k | 2k | 5k | 10k | 20k"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tb_mark marks[TB_MARKS_MAX];
        int n = tb_axis_frequencies(cases[i].min_hz, cases[i].max_hz, cases[i].size, cases[i].gap,
                                    marks);
        assert_marks(marks, n, cases[i].marks);
        for (int k = 0; k < n; k++) { /* a mark stands where its frequency is */
            char *rest;
            double hz = strtod(marks[k].text, &rest) * (*rest == 'k' ? 1000 : 1);
            double there = tb_axis_hz_at(cases[i].min_hz, cases[i].max_hz, marks[k].at);
            assert_true(fabs(there - hz) < 1e-6 * hz);
        }
        for (int k = 1; k < n; k++)
            assert_true((marks[k].at - marks[k - 1].at) * cases[i].size >= cases[i].gap);
    }
}

static void levels_go_down_from_0(void **state)
{
    (void)state;
    tb_mark marks[TB_MARKS_MAX];
    assert_marks(marks, tb_axis_levels(80, 512, 32, marks),
                 "0 | -10 | -20 | -30 | -40 | -50 | -60 | -70 | -80");
    assert_marks(marks, tb_axis_levels(80, 60, 16, marks), "0 | -50");
    assert_marks(marks, tb_axis_levels(6, 500, 16, marks), "0 | -1 | -2 | -3 | -4 | -5 | -6");
}

/* A view of the given size, of noise between 0 and -100 dB. */
static timbre_view make_view(int width, int height)
{
    timbre_view view = {
        .width = width, .height = height, .duration_s = 5, .max_hz = 20000, .is_mel = 1};
    size_t n = (size_t)width * (size_t)height;
    view.db = malloc(n * sizeof *view.db);
    for (size_t i = 0; i < n; i++)
        view.db[i] = -100 * (float)(tb_random_at(5, i) >> 40) * 0x1p-24f;
    return view;
}

static const uint8_t *pixel(const tb_picture *p, int x, int y)
{
    return p->rgb + 3 * ((size_t)y * (size_t)p->width + (size_t)x);
}

static void a_cell_is_a_pixel_with_the_colour_of_its_level(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {8, 4}, {40, 300}, {500, 20}, {400, 200}, {3000, 2}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        timbre_view view = make_view(sizes[i][0], sizes[i][1]);
        tb_picture p;
        assert_int_equal(tb_picture_init(&p, &view, "a title", 80, NULL), TIMBRE_OK);
        assert_true(p.left + view.width < p.width && p.top + view.height < p.height);
        for (int y = 0; y < view.height; y++)
            for (int x = 0; x < view.width; x++) {
                double db = (double)view.db[(size_t)y * (size_t)view.width + (size_t)x];
                unsigned char rgb[3];
                tb_colormap_get(1 + db / 80, rgb);
                for (int c = 0; c < 3; c++) /* shades are rounded */
                    assert_in_range(pixel(&p, p.left + x, p.top + y)[c] + 3, rgb[c], rgb[c] + 6);
            }
        tb_picture_deinit(&p);
        free(view.db);
    }
}

/* Whether the pictures are the same in the columns from x on of the first n rows. */
static bool is_same_from(const tb_picture *a, const tb_picture *b, int x, int n_rows)
{
    for (int y = 0; y < n_rows; y++)
        if (memcmp(pixel(a, x, y), pixel(b, x, y), 3 * (size_t)(a->width - x)) != 0)
            return false;
    return true;
}

static void a_long_title_ends_before_the_bar(void **state)
{
    (void)state;
    timbre_view view = make_view(400, 200);
    char title[2000];
    memset(title, 'W', sizeof title - 1);
    title[sizeof title - 1] = '\0';
    tb_picture with, without, brief;
    assert_int_equal(tb_picture_init(&with, &view, title, 80, NULL), TIMBRE_OK);
    assert_int_equal(tb_picture_init(&without, &view, NULL, 80, NULL), TIMBRE_OK);
    assert_int_equal(tb_picture_init(&brief, &view, "WWWW", 80, NULL), TIMBRE_OK);
    assert_int_equal(with.width, without.width);
    assert_int_equal(with.height, without.height);
    int bar = with.left + view.width + 7 * with.scale;
    assert_true(is_same_from(&with, &without, bar, with.height));
    assert_false(is_same_from(&with, &without, with.left + view.width - 60, with.top));
    assert_false(is_same_from(&brief, &without, with.left, with.top));
    assert_true(is_same_from(&brief, &without, with.left + 6 * 12, with.top));
    tb_picture_deinit(&with);
    tb_picture_deinit(&without);
    tb_picture_deinit(&brief);
    free(view.db);
}

/* Pixels of a row of the picture, from x0 to x1, that are lighter than what is behind letters. */
static int count_ink(const tb_picture *p, int x0, int x1, int y)
{
    int n = 0;
    for (int x = x0; x < x1; x++)
        n += pixel(p, x, y)[1] > 180;
    return n;
}

static void ticks_stand_at_their_marks(void **state)
{
    (void)state;
    timbre_view view = make_view(501, 200);
    tb_picture p;
    assert_int_equal(tb_picture_init(&p, &view, NULL, 80, NULL), TIMBRE_OK);
    int below = p.top + view.height + 1, beside = p.left - 2;
    for (int second = 0; second <= 5; second++) {
        int x = p.left + second * 501 / 5 - (second == 5);
        assert_int_equal(count_ink(&p, x, x + 1, below), 1);
    }
    assert_int_equal(count_ink(&p, p.left - 5, p.left + view.width + 5, below), 6);
    tb_mark marks[TB_MARKS_MAX];
    int n = tb_axis_frequencies(0, 20000, 200, 16, marks), found = 0;
    for (int y = 0; y < p.height; y++)
        found += count_ink(&p, beside, beside + 1, y);
    assert_int_equal(found, n);
    for (int i = 0; i < n; i++) {
        int y = p.top + (int)((1 - marks[i].at) * 200);
        assert_int_equal(count_ink(&p, beside, beside + 1, y), 1);
    }
    tb_picture_deinit(&p);
    free(view.db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(louder_is_lighter_in_even_steps),
        cmocka_unit_test(levels_outside_have_the_colours_of_the_ends),
        cmocka_unit_test(every_letter_can_be_told_from_every_other),
        cmocka_unit_test(any_bytes_are_some_characters),
        cmocka_unit_test(accents_are_left_away),
        cmocka_unit_test(times_are_nice_numbers),
        cmocka_unit_test(times_never_run_into_each_other),
        cmocka_unit_test(frequencies_are_those_that_people_know),
        cmocka_unit_test(levels_go_down_from_0),
        cmocka_unit_test(a_cell_is_a_pixel_with_the_colour_of_its_level),
        cmocka_unit_test(a_long_title_ends_before_the_bar),
        cmocka_unit_test(ticks_stand_at_their_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
