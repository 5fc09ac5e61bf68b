/* Spectrograms of pixels: what a terminal reads out of the bytes for sixel, kitty and iTerm2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "cli/tui/picture.h"

/* A dark left half and a bright right half, the bottom half of both a third of the way up. */
static tb_levels make_quarters(int width, int height)
{
    tb_levels levels = {width, height, malloc((size_t)width * (size_t)height)};
    assert_non_null(levels.level);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            levels.level[y * width + x] = (uint8_t)((x < width / 2 ? 0 : 170) +
                                                    (y < height / 2 ? 0 : 85));
    return levels;
}

/* The bytes between "save the cursor, go there" and "restore it". */
static char *format(tb_area area, const tb_levels *levels, tb_picture_form form, int cell_width,
                    int cell_height)
{
    tb_str out = {0};
    char place[32];
    int n = snprintf(place, sizeof place, "\0337\033[%d;%dH", area.row + 1, area.column + 1);
    assert_int_equal(
        tb_picture_format(area, levels, TB_MAP_MAGMA, form, cell_width, cell_height, &out, NULL),
        TIMBRE_OK);
    assert_true(out.len > (size_t)n + 2 && out.len <= 1 << 20);
    assert_memory_equal(out.bytes, place, n);
    assert_string_equal(out.bytes + out.len - 2, "\0338");
    char *body = strndup(out.bytes + n, out.len - (size_t)n - 2);
    assert_non_null(body);
    assert_int_equal(strlen(body), out.len - (size_t)n - 2); /* no NUL goes to a terminal */
    tb_str_deinit(&out);
    return body;
}

typedef struct image {
    int width, height;
    uint8_t *rgb; /* [height][width][3] */
} image;

static image image_new(int width, int height)
{
    assert_true(width > 0 && width <= 8192);
    assert_true(height > 0 && height <= 8192);
    image made = {width, height, malloc((size_t)width * (size_t)height * 3 + 1)};
    assert_non_null(made.rgb);
    memset(made.rgb, 0, (size_t)width * (size_t)height * 3);
    return made;
}

/* In the middle of each quarter, the colour of its level. */
static void assert_quarters(const image *picture, int tolerance)
{
    for (int i = 0; i < 4; i++) {
        int x = picture->width * (i % 2 == 0 ? 1 : 3) / 4;
        int y = picture->height * (i < 2 ? 1 : 3) / 4;
        uint8_t rgb[3];
        tb_color_map_rgb(TB_MAP_MAGMA, (uint8_t)((i % 2) * 170 + (i / 2) * 85), rgb);
        for (int c = 0; c < 3; c++) {
            int found = picture->rgb[(y * picture->width + x) * 3 + c];
            assert_true(abs(found - rgb[c]) <= tolerance);
        }
    }
}

/* ---- sixel (DEC STD 070) ---- */

typedef struct sixel_reader {
    const char *at;
    image picture;
    uint8_t palette[256][3];
    int x, y, color, right, bottom;
} sixel_reader;

static int read_int(sixel_reader *reader)
{
    char *end;
    long value = strtol(reader->at, &end, 10);
    assert_ptr_not_equal(end, reader->at);
    reader->at = end;
    return (int)value;
}

static int read_next(sixel_reader *reader)
{
    assert_int_equal(*reader->at, ';');
    reader->at++;
    return read_int(reader);
}

static void read_color(sixel_reader *reader)
{
    reader->color = read_int(reader);
    assert_in_range(reader->color, 0, 255);
    if (*reader->at != ';')
        return;
    assert_int_equal(read_next(reader), 2); /* RGB in percent */
    for (int c = 0; c < 3; c++)
        reader->palette[reader->color][c] = (uint8_t)(read_next(reader) * 255 / 100);
}

static void paint(sixel_reader *reader, int bits, int n)
{
    for (int k = 0; k < n; k++, reader->x++)
        for (int bit = 0; bit < 6; bit++) {
            if ((bits >> bit & 1) == 0)
                continue;
            assert_true(reader->x < reader->picture.width);
            assert_true(reader->y + bit < reader->picture.height);
            memcpy(reader->picture.rgb +
                       ((reader->y + bit) * reader->picture.width + reader->x) * 3,
                   reader->palette[reader->color], 3);
            reader->right = reader->x + 1 > reader->right ? reader->x + 1 : reader->right;
            reader->bottom = reader->y + bit + 1 > reader->bottom ? reader->y + bit + 1
                                                                  : reader->bottom;
        }
}

static void read_sixel(sixel_reader *reader)
{
    int n = 1;
    char c = *reader->at++;
    if (c == '!') {
        n = read_int(reader);
        c = *reader->at++;
    }
    assert_in_range(c, '?', '~');
    paint(reader, c - '?', n);
}

static image decode_sixel(const char *text)
{
    sixel_reader reader = {.at = text};
    assert_memory_equal(text, "\033P", 2);
    reader.at = strchr(text, 'q');
    assert_non_null(reader.at);
    assert_memory_equal(reader.at, "q\"1;1;", 6);
    reader.at += 6;
    int width = read_int(&reader);
    reader.picture = image_new(width, read_next(&reader));
    while (*reader.at != '\033') {
        switch (*reader.at) {
        case '#':
            reader.at++;
            read_color(&reader);
            break;
        case '$':
            reader.at++;
            reader.x = 0;
            break;
        case '-':
            reader.at++;
            reader.x = 0;
            reader.y += 6;
            break;
        default:
            read_sixel(&reader);
        }
    }
    assert_string_equal(reader.at, "\033\\");
    assert_int_equal(reader.right, reader.picture.width);
    assert_int_equal(reader.bottom, reader.picture.height);
    return reader.picture;
}

static void sixels_have_the_size_and_colors_of_the_area(void **state)
{
    tb_levels levels = make_quarters(64, 32);
    char *text = format((tb_area){4, 7, 6, 20}, &levels, TB_PICTURE_SIXEL, 9, 17);
    image picture = decode_sixel(text);
    assert_int_equal(picture.width, 20 * 9);
    assert_int_equal(picture.height, 6 * 17); /* no row of pixels more: the screen would scroll */
    assert_quarters(&picture, 12);            /* the palette is libchafa's choice */
    free(picture.rgb);
    free(text);
    tb_levels_deinit(&levels);
}

static void sixels_never_begin_a_line_that_they_do_not_fill(void **state)
{
    tb_levels levels = make_quarters(16, 16);
    for (int cell_height = 10; cell_height < 23; cell_height++) {
        char *text = format((tb_area){0, 0, 3, 5}, &levels, TB_PICTURE_SIXEL, 8, cell_height);
        image picture = decode_sixel(text);
        assert_int_equal(picture.height % 6, 0);
        assert_in_range(picture.height, 3 * cell_height - 5, 3 * cell_height);
        free(picture.rgb);
        free(text);
    }
    tb_levels_deinit(&levels);
}

/* ---- base64 ---- */

/* Owned; the bytes that the text has without its padding. */
static uint8_t *decode_base64(const char *text, size_t n, size_t *len)
{
    assert_int_equal(n % 4, 0);
    uint8_t *bytes = malloc(n + 1);
    assert_non_null(bytes);
    int n_bytes = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)n);
    assert_true(n_bytes > 0);
    *len = (size_t)n_bytes - (text[n - 1] == '=') - (text[n - 2] == '=');
    return bytes;
}

/* ---- kitty (its graphics protocol) ---- */

typedef struct kitty_reader {
    char head[200]; /* the keys of the first command */
    tb_str pixels;  /* of all chunks: each is base64 of its own */
    int n_commands;
    bool is_ended;
} kitty_reader;

static const char *read_command(kitty_reader *reader, const char *text)
{
    assert_memory_equal(text, "\033_G", 3);
    text += 3;
    const char *end = strstr(text, "\033\\");
    assert_non_null(end);
    size_t n_keys = strcspn(text, ";\033");
    char keys[200];
    assert_true(n_keys < sizeof keys);
    memcpy(keys, text, n_keys);
    keys[n_keys] = 0;
    if (reader->n_commands++ == 0)
        memcpy(reader->head, keys, n_keys + 1);
    assert_false(reader->is_ended);       /* nothing after the last chunk */
    assert_non_null(strstr(keys, "q=2")); /* no answer that the prompt would take for keys */
    reader->is_ended = strstr(keys, "m=1") == NULL;
    const char *payload = text[n_keys] == ';' ? text + n_keys + 1 : end;
    assert_true(end - payload <= 4096);
    if (!reader->is_ended) /* readers that join the chunks first find padding at the end only */
        assert_int_not_equal(end[-1], '=');
    if (payload < end) {
        size_t n;
        uint8_t *bytes = decode_base64(payload, (size_t)(end - payload), &n);
        tb_str_append_bytes(&reader->pixels, bytes, n);
        free(bytes);
    }
    return end + 2;
}

static int key_value(const char *keys, const char *key)
{
    const char *at = strstr(keys, key);
    assert_non_null(at);
    return atoi(at + strlen(key));
}

static image decode_kitty(const char *text, kitty_reader *reader)
{
    *reader = (kitty_reader){0};
    while (*text != 0)
        text = read_command(reader, text);
    assert_true(reader->is_ended);
    assert_int_equal(key_value(reader->head, ",f="), 24);
    image picture = image_new(key_value(reader->head, ",s="), key_value(reader->head, ",v="));
    size_t n_pixels = (size_t)picture.width * (size_t)picture.height;
    assert_int_equal(reader->pixels.len, n_pixels * 3);
    memcpy(picture.rgb, tb_str_text(&reader->pixels), n_pixels * 3);
    tb_str_deinit(&reader->pixels);
    return picture;
}

static void kitty_gets_all_pixels_in_chunks(void **state)
{
    tb_levels levels = make_quarters(64, 32);
    char *text = format((tb_area){2, 0, 6, 20}, &levels, TB_PICTURE_KITTY, 9, 17);
    kitty_reader reader;
    image picture = decode_kitty(text, &reader);
    assert_int_equal(picture.width, 20 * 9);
    assert_int_equal(picture.height, 6 * 17);
    assert_int_equal(key_value(reader.head, ",c="), 20);
    assert_int_equal(key_value(reader.head, ",r="), 6);
    assert_int_equal(key_value(reader.head, ",C="), 1); /* the cursor stays */
    assert_quarters(&picture, 1);
    free(picture.rgb);

    tb_str removal = {0};
    char id[32];
    tb_picture_format_removal(TB_PICTURE_KITTY, &removal);
    (void)snprintf(id, sizeof id, ",i=%d,", key_value(reader.head, ",i="));
    assert_memory_equal(tb_str_text(&removal), "\033_Ga=d,", 7);
    assert_non_null(strstr(tb_str_text(&removal), id)); /* ours, and no other program's */
    tb_str_deinit(&removal);
    free(text);
    tb_levels_deinit(&levels);
}

/* ---- iTerm2: a file, here TIFF 6.0 ---- */

static uint32_t get(const uint8_t *bytes, size_t at, int n, bool is_little)
{
    uint32_t value = 0;
    for (int i = 0; i < n; i++)
        value |= (uint32_t)bytes[at + (size_t)i] << (8 * (is_little ? i : n - 1 - i));
    return value;
}

/* The value of a tag that has one, or where its values are; `standard` without the tag. */
static uint32_t tag_value(const uint8_t *bytes, size_t n, uint32_t tag, uint32_t standard)
{
    bool is_little = bytes[0] == 'I';
    size_t at = get(bytes, 4, 4, is_little);
    assert_true(at + 2 <= n);
    uint32_t n_tags = get(bytes, at, 2, is_little);
    assert_true(at + 2 + 12 * (size_t)n_tags <= n);
    for (at += 2; n_tags > 0; n_tags--, at += 12) {
        bool is_short = get(bytes, at + 2, 2, is_little) == 3 &&
                        get(bytes, at + 4, 4, is_little) == 1;
        if (get(bytes, at, 2, is_little) == tag)
            return get(bytes, at + 8, is_short ? 2 : 4, is_little);
    }
    return standard;
}

static image decode_tiff(const uint8_t *bytes, size_t n)
{
    enum { WIDTH = 256, HEIGHT, COMPRESSION = 259, STRIPS = 273, SAMPLES = 277 };
    assert_true(n > 8);
    assert_true(memcmp(bytes, "II*\0", 4) == 0 || memcmp(bytes, "MM\0*", 4) == 0);
    assert_int_equal(tag_value(bytes, n, COMPRESSION, 1), 1);
    image picture = image_new((int)tag_value(bytes, n, WIDTH, 0),
                              (int)tag_value(bytes, n, HEIGHT, 0));
    size_t first = tag_value(bytes, n, STRIPS, 0), n_samples = tag_value(bytes, n, SAMPLES, 1);
    size_t n_pixels = (size_t)picture.width * (size_t)picture.height;
    assert_in_range(n_samples, 3, 4);
    assert_true(first + n_pixels * n_samples <= n);
    for (size_t i = 0; i < n_pixels; i++)
        memcpy(picture.rgb + 3 * i, bytes + first + i * n_samples, 3);
    return picture;
}

static void iterm2_gets_a_file_with_the_picture(void **state)
{
    tb_levels levels = make_quarters(64, 32);
    char *text = format((tb_area){2, 0, 6, 20}, &levels, TB_PICTURE_ITERM2, 9, 17);
    assert_memory_equal(text, "\033]1337;File=", 12);
    const char *file = strchr(text, ':');
    assert_non_null(file);
    const char *wanted[] = {"inline=1", "width=20;", "height=6;", "preserveAspectRatio=0"};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        assert_true(strstr(text, wanted[i]) != NULL && strstr(text, wanted[i]) < file);
    size_t len = strlen(file + 1) - 1, n;
    assert_string_equal(file + 1 + len, "\a");
    uint8_t *bytes = decode_base64(file + 1, len, &n);
    image picture = decode_tiff(bytes, n);
    assert_int_equal(picture.width, 20 * 9);
    assert_int_equal(picture.height, 6 * 17);
    assert_quarters(&picture, 1);
    free(picture.rgb);
    free(bytes);
    free(text);
    tb_levels_deinit(&levels);
}

/* ---- limits ---- */

/* Noise, which no form makes shorter, on a screen of four thousand pixels. */
static void a_large_picture_has_fewer_pixels_not_more_bytes(void **state)
{
    tb_levels levels = make_quarters(1024, 512);
    uint32_t random = 3;
    for (int i = 0; i < 1024 * 512; i++) {
        random = random * 1664525 + 1013904223;
        levels.level[i] = (uint8_t)(random >> 24);
    }
    for (tb_picture_form form = TB_PICTURE_SIXEL; form <= TB_PICTURE_KITTY; form++) {
        char *text = format((tb_area){0, 0, 60, 240}, &levels, form, 16, 32); /* looks at it */
        free(text);
    }
    char *text = format((tb_area){0, 0, 60, 240}, &levels, TB_PICTURE_SIXEL, 16, 32);
    image picture = decode_sixel(text);
    assert_int_equal(picture.width, 240 * 16); /* sixels cannot be stretched: all are drawn */
    free(picture.rgb);
    free(text);
    tb_levels_deinit(&levels);
}

static void odd_places_and_cells_are_taken(void **state)
{
    static const struct {
        tb_area area;
        int cell_width, cell_height;
    } cases[] = {
        {{0, 0, 1, 1}, 0, 0},     {{0, 0, 1, 1}, 1, 1},     {{5, 5, 3, 300}, -4, 9},
        {{0, 0, 9000, 2}, 8, 16}, {{0, 0, 2, 9000}, 8, 16}, {{0, 0, 2, 2}, 100000, 100000},
    };
    tb_levels levels = make_quarters(3, 5);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (tb_picture_form form = TB_PICTURE_SIXEL; form <= TB_PICTURE_KITTY; form++)
            free(format(cases[i].area, &levels, form, cases[i].cell_width, cases[i].cell_height));
    tb_levels_deinit(&levels);
}

static void forms_of_characters_send_nothing(void **state)
{
    tb_levels levels = make_quarters(8, 8);
    tb_str out = {0};
    for (tb_picture_form form = TB_PICTURE_NONE; form <= TB_PICTURE_BLOCKS; form++) {
        assert_int_equal(
            tb_picture_format((tb_area){0, 0, 5, 5}, &levels, TB_MAP_GREY, form, 8, 16, &out, NULL),
            TIMBRE_OK);
        tb_picture_format_removal(form, &out);
    }
    tb_picture_format_removal(TB_PICTURE_SIXEL, &out);
    tb_picture_format_removal(TB_PICTURE_ITERM2, &out);
    assert_int_equal(out.len, 0);
    tb_levels_deinit(&levels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kitty_gets_all_pixels_in_chunks),
        cmocka_unit_test(forms_of_characters_send_nothing),
    };
    const struct CMUnitTest with_chafa[] = {
        cmocka_unit_test(kitty_gets_all_pixels_in_chunks),
        cmocka_unit_test(forms_of_characters_send_nothing),
        cmocka_unit_test(sixels_have_the_size_and_colors_of_the_area),
        cmocka_unit_test(sixels_never_begin_a_line_that_they_do_not_fill),
        cmocka_unit_test(iterm2_gets_a_file_with_the_picture),
        cmocka_unit_test(a_large_picture_has_fewer_pixels_not_more_bytes),
        cmocka_unit_test(odd_places_and_cells_are_taken),
    };
    if (tb_picture_has_form(TB_PICTURE_SIXEL))
        return cmocka_run_group_tests(with_chafa, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
