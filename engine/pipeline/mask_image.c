#include "engine/pipeline/mask_image.h"

#include <stdlib.h>
#include <string.h>

#include "timbre/request.h"

enum { SIDE = 512, KNOT_ROWS = 32, N_KNOTS = SIDE / KNOT_ROWS + 1, WHITE = 255 };

const char *const tb_mask_names[] = {"mask_beat_lines_80",
                                     "mask_gradient_dark",
                                     "mask_gradient_top_70",
                                     "mask_gradient_top_fifth_75",
                                     "mask_top_third_75",
                                     "mask_top_third_95",
                                     NULL};

/* Grey at every KNOT_ROWS-th row from the top, straight lines between; white below the last. */
typedef struct {
    const char *name;
    int n_knots;
    uint8_t knots[N_KNOTS];
} gradient;

static const gradient gradients[] = {
    {"mask_gradient_dark", 9, {32, 38, 49, 68, 94, 132, 173, 215, 250}},
    {"mask_gradient_top_70", 9, {165, 171, 180, 193, 207, 222, 235, 246, 254}},
    {"mask_gradient_top_fifth_75", 5, {165, 177, 199, 224, 245}},
};

/* A grey part above a white one. */
static const struct {
    const char *name;
    int n_rows;
    uint8_t grey;
} tops[] = {{"mask_top_third_75", 180, 192}, {"mask_top_third_95", 165, 242}};

static uint8_t gradient_at(const gradient *g, int y)
{
    int i = y / KNOT_ROWS, part = y % KNOT_ROWS;
    if (i >= g->n_knots)
        return WHITE;
    int from = g->knots[i], to = i + 1 < g->n_knots ? g->knots[i + 1] : WHITE;
    return (uint8_t)(from + ((to - from) * part + KNOT_ROWS / 2) / KNOT_ROWS);
}

/* Soft dark lines on the beats of a bar and a half, in the upper two fifths. */
static uint8_t beat_lines_at(int x, int y)
{
    static const int centers[] = {1, 64, 191, 319, 446, 509};
    static const uint8_t profile[] = {203, 203, 204, 205, 208, 213, 221, 230, 239, 245, 250, 253};
    enum {
        N_CENTERS = sizeof centers / sizeof *centers,
        N_PROFILE = sizeof profile,
        LINE_ROWS = 203
    };
    uint8_t grey = WHITE;
    for (int i = 0; y < LINE_ROWS && i < N_CENTERS; i++) {
        int distance = abs(x - centers[i]);
        if (distance < N_PROFILE && profile[distance] < grey)
            grey = profile[distance];
    }
    return grey;
}

static uint8_t value_at(const char *name, int x, int y)
{
    for (size_t i = 0; i < sizeof tops / sizeof *tops; i++)
        if (strcmp(name, tops[i].name) == 0)
            return y < tops[i].n_rows ? tops[i].grey : WHITE;
    for (size_t i = 0; i < sizeof gradients / sizeof *gradients; i++)
        if (strcmp(name, gradients[i].name) == 0)
            return gradient_at(&gradients[i], y);
    return beat_lines_at(x, y);
}

tb_status tb_mask_image_draw(const char *name, tb_raster *out, tb_error *err)
{
    *out = (tb_raster){0};
    if (!timbre_input_has_name("mask", name))
        return tb_fail(err, TIMBRE_BAD_INPUT, "mask '%.80s' is not known", name);
    tb_status st = tb_raster_new(SIDE, SIDE, 1, out, err);
    for (int y = 0; st == TIMBRE_OK && y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            out->pixels[y * SIDE + x] = value_at(name, x, y);
    return st;
}
