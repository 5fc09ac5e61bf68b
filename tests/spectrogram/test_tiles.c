/* A picture written one way and read the other is the same picture, of any size of element. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/spectrogram/tiles.h"

typedef struct {
    int n_rows, width, element_bytes;
} shape;

static const shape shapes[] = {
    {1, 1, 1},    {512, 513, 1}, {65, 256, 2},  {64, 257, 6},
    {63, 255, 4}, {3, 1000, 6},  {130, 700, 2}, {200, 40, 1},
};

static unsigned char *make_picture(const shape *s, size_t *len)
{
    *len = (size_t)s->n_rows * (size_t)s->width * (size_t)s->element_bytes;
    unsigned char *picture = malloc(*len);
    assert_non_null(picture);
    for (size_t i = 0; i < *len; i++)
        picture[i] = (unsigned char)tb_random_at(*len, i);
    return picture;
}

/* Columns [x, x + n) of the picture, to or from data [n_rows][n]. */
static void copy_columns(const shape *s, unsigned char *picture, int x, int n, unsigned char *data,
                         bool to_data)
{
    size_t e = (size_t)s->element_bytes, bytes = (size_t)n * e;
    for (size_t y = 0; y < (size_t)s->n_rows; y++) {
        unsigned char *in_picture = picture + (y * (size_t)s->width + (size_t)x) * e;
        unsigned char *in_data = data + y * bytes;
        memcpy(to_data ? in_data : in_picture, to_data ? in_picture : in_data, bytes);
    }
}

/* All columns in pieces of at most `most`, none across a tile. */
static void walk_columns(const tb_tiles *tiles, const shape *s, unsigned char *picture, int most,
                         bool is_write)
{
    unsigned char *data = malloc((size_t)s->n_rows * TB_TILE_COLUMNS * (size_t)s->element_bytes);
    assert_non_null(data);
    for (int x = 0, n; x < s->width; x += n) {
        n = TB_TILE_COLUMNS - x % TB_TILE_COLUMNS;
        n = n < most ? n : most;
        n = n < s->width - x ? n : s->width - x;
        if (is_write) {
            copy_columns(s, picture, x, n, data, true);
            assert_int_equal(tb_tiles_write_columns(tiles, x, n, data, NULL), TIMBRE_OK);
        } else {
            assert_int_equal(tb_tiles_read_columns(tiles, x, n, data, NULL), TIMBRE_OK);
            copy_columns(s, picture, x, n, data, false);
        }
    }
    free(data);
}

static void walk_rows(const tb_tiles *tiles, const shape *s, unsigned char *picture, int most,
                      bool is_write)
{
    size_t row_bytes = (size_t)s->width * (size_t)s->element_bytes;
    for (int y = 0, n; y < s->n_rows; y += n) {
        n = most < s->n_rows - y ? most : s->n_rows - y;
        unsigned char *at = picture + (size_t)y * row_bytes;
        tb_status st = is_write ? tb_tiles_write_rows(tiles, y, n, s->width, at, NULL)
                                : tb_tiles_read_rows(tiles, y, n, s->width, at, NULL);
        assert_int_equal(st, TIMBRE_OK);
    }
}

typedef void (*walk)(const tb_tiles *tiles, const shape *s, unsigned char *picture, int most,
                     bool is_write);

/* Beside another picture on the same spool, which must stay as it is. */
static void check(const shape *s, walk writer, int write_most, walk reader, int read_most)
{
    static const char neighbour[16] = "the one before..";
    char kept[sizeof neighbour];
    size_t len;
    unsigned char *picture = make_picture(s, &len), *back = calloc(1, len);
    assert_non_null(back);
    tb_spool spool;
    assert_int_equal(tb_spool_open(&spool, NULL, NULL), TIMBRE_OK);
    assert_int_equal(tb_spool_write(&spool, 0, neighbour, sizeof neighbour, NULL), TIMBRE_OK);
    tb_tiles tiles = {&spool, sizeof neighbour, s->n_rows, s->element_bytes};
    writer(&tiles, s, picture, write_most, true);
    reader(&tiles, s, back, read_most, false);
    assert_memory_equal(back, picture, len);
    assert_int_equal(tb_spool_read(&spool, 0, kept, sizeof kept, NULL), TIMBRE_OK);
    assert_memory_equal(kept, neighbour, sizeof kept);
    tb_spool_close(&spool);
    free(picture);
    free(back);
}

static void what_is_written_one_way_is_read_the_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        check(&shapes[i], walk_columns, 256, walk_rows, 64);
        check(&shapes[i], walk_columns, 16, walk_rows, 7);
        check(&shapes[i], walk_rows, 64, walk_columns, 256);
        check(&shapes[i], walk_rows, 1, walk_columns, 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_one_way_is_read_the_other),
    };
    return cmocka_run_group_tests_name("tiles", tests, NULL, NULL);
}
