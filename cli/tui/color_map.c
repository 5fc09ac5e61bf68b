/* The colours of a level: 33 points of each map, straight lines between them (at most 2 of 255 off
 * matplotlib's viridis and magma, whose 256 colours are in the public domain, CC0). */
#include "cli/tui/picture.h"

enum { N_POINTS = 33 };

static const uint32_t viridis[N_POINTS] = {
    0x440154, 0x470d60, 0x48186a, 0x482374, 0x472d7b, 0x453781, 0x424086, 0x3e4989, 0x3b528b,
    0x375b8d, 0x33638d, 0x2f6b8e, 0x2c728e, 0x297a8e, 0x26828e, 0x23898e, 0x21918c, 0x1f978b,
    0x1f9f88, 0x21a685, 0x27ad81, 0x31b57b, 0x3dbc74, 0x4cc26c, 0x5cc863, 0x6ece58, 0x81d34d,
    0x95d840, 0xaadc32, 0xc0df25, 0xd5e21a, 0xeae51a, 0xfde725};

static const uint32_t magma[N_POINTS] = {
    0x000004, 0x030312, 0x0a0822, 0x130d34, 0x1d1147, 0x29115a, 0x36106b, 0x440f76, 0x51127c,
    0x5d177f, 0x6a1c81, 0x762181, 0x832681, 0x902a81, 0x9c2e7f, 0xaa337d, 0xb73779, 0xc23b75,
    0xcf4070, 0xdb476a, 0xe55064, 0xee5b5e, 0xf4695c, 0xf9785d, 0xfb8761, 0xfd9668, 0xfea571,
    0xfeb47b, 0xfec287, 0xfed194, 0xfde0a1, 0xfceeb0, 0xfcfdbf};

static const struct {
    const char *name;
    const uint32_t *points; /* NULL: grey */
    bool is_inverse;
} maps[TB_MAP_COUNT] = {
    [TB_MAP_VIRIDIS] = {"viridis", viridis, false},
    [TB_MAP_MAGMA] = {"magma", magma, false},
    [TB_MAP_GREY] = {"grey", NULL, false},
    [TB_MAP_GREY_INVERSE] = {"inverse grey", NULL, true},
};

const char *tb_color_map_name(tb_color_map map)
{
    return maps[map].name;
}

void tb_color_map_rgb(tb_color_map map, uint8_t level, uint8_t rgb[3])
{
    const uint32_t *points = maps[map].points;
    if (points == NULL) {
        rgb[0] = rgb[1] = rgb[2] = maps[map].is_inverse ? (uint8_t)(255 - level) : level;
        return;
    }
    unsigned place = level * (N_POINTS - 1U);
    unsigned i = place / 255, part = place % 255;
    unsigned next = i + 1 < N_POINTS ? i + 1 : i;
    for (unsigned c = 0; c < 3; c++) {
        unsigned shift = 16 - 8 * c;
        unsigned a = points[i] >> shift & 255, b = points[next] >> shift & 255;
        rgb[c] = (uint8_t)((a * (255 - part) + b * part + 127) / 255);
    }
}
