/* Options and manual text of `timbre spectrogram`. Included by the table of commands alone. */
#ifndef TB_CLI_VIEW_OPTIONS_H
#define TB_CLI_VIEW_OPTIONS_H

#include "cli/option_rows.h"
#include "engine/base/limits.h"

static const tb_option spectrogram_options[] = {
    {.name = "output",
     .short_name = 'o',
     .rule = {TB_VALUE_FILE},
     .value_name = "IMAGE",
     .help = "write a picture, .png or .jpg"},
    {.name = "width",
     .rule = {TB_VALUE_INTEGER, 8, TB_VIEW_MAX_WIDTH, NULL},
     .value_name = "N",
     .help = "of the plot: pixels (1024) or columns"},
    {.name = "height",
     .rule = {TB_VALUE_INTEGER, 4, TB_VIEW_MAX_HEIGHT, NULL},
     .value_name = "N",
     .help = "of the plot: pixels (512) or lines"},
    {.name = "start",
     .rule = {TB_VALUE_NUMBER, 0, 1e6, NULL},
     .value_name = "SEC",
     .default_text = "0",
     .help = "begin here"},
    {.name = "length",
     .short_name = 'l',
     .rule = {TB_VALUE_NUMBER, 0.001, 1e6, NULL},
     .value_name = "SEC",
     .help = "show so much; without: to the end"},
    {.name = "min-frequency",
     .rule = {TB_VALUE_NUMBER, 0, TB_RATE_MAX_HZ / 2.0, NULL},
     .value_name = "HZ",
     .default_text = "0",
     .help = "lower edge"},
    {.name = "max-frequency",
     .rule = {TB_VALUE_NUMBER, 1, TB_RATE_MAX_HZ / 2.0, NULL},
     .value_name = "HZ",
     .default_text = "20000",
     .help = "upper edge, at most half the sample rate"},
    {.name = "range",
     .rule = {TB_VALUE_NUMBER, 6, 120, NULL},
     .value_name = "DB",
     .default_text = "80",
     .help = "levels from the darkest to the brightest"},
    {.name = "title",
     .rule = {TB_VALUE_TEXT},
     .value_name = "TEXT",
     .help = "above the plot; without: the file's name"},
    {.name = "compare",
     .rule = {TB_VALUE_FILE},
     .value_name = "FILE",
     .help = "only what this sound has not"},
    {.name = "force", .help = "overwrite the picture"},
    OPTION_JSON,
    OPTION_PROGRESS,
    OPTION_THREADS,
    OPTION_CPU,
};

static const char *const spectrogram_text[] = {
    "Draws what is in a sound: time to the right, frequency upwards on a mel scale, level as "
    "colour in dB below the loudest place. In a terminal the drawing fits the window; COLORTERM, "
    "NO_COLOR and the locale decide between 24-bit colour, 256 colours, shades and plain ASCII.",
    "With -o it becomes a picture with axes, a title and a bar of levels, and its path is printed. "
    "--width and --height are those of the plot alone. --start and --length look at a part, "
    "--min-frequency and --max-frequency at a band.",
    "All channels are mixed to one. Each cell shows the largest level in its stretch of time, so "
    "that a click stands out in an hour of sound too. With --json only facts are printed: what "
    "is shown, and where the loudest place is.",
    "--compare FILE leaves what the sound has and FILE has not: amplitudes subtracted, each beside "
    "the "
    "loudest place of its own sound, over the time and the band that both have. The other way "
    "round "
    "is the other order.",
    "The picture is for looking at: timbre encode makes the image that timbre decode turns into "
    "sound again.",
    NULL};

#endif
