#include "engine/spectrogram/colormap.h"

/*
 * OKLCH lightness 0.16 .. 0.97 in even steps; the hue goes from indigo (285 degrees) by violet,
 * magenta (350) and coral (20) to straw (100), the chroma is up to 0.19 where sRGB has it.
 */
static const unsigned char stops[][3] = {
    {12, 12, 22},    {25, 20, 45},    {41, 26, 69},   {61, 30, 92},    {83, 32, 114},
    {114, 31, 124},  {142, 38, 123},  {170, 47, 118}, {196, 57, 111},  {221, 71, 100},
    {240, 91, 89},   {252, 117, 85},  {255, 147, 96}, {255, 176, 103}, {255, 202, 115},
    {253, 226, 156}, {254, 247, 201},
};

enum { N_STOPS = sizeof stops / sizeof stops[0] };

void tb_colormap_get(double level, unsigned char rgb[3])
{
    double at = level >= 1 ? N_STOPS - 1 : level > 0 ? level * (N_STOPS - 1) : 0;
    int below = at < N_STOPS - 1 ? (int)at : N_STOPS - 2;
    double part = at - below;
    for (int i = 0; i < 3; i++)
        rgb[i] = (unsigned char)(stops[below][i] * (1 - part) + stops[below + 1][i] * part + 0.5);
}
