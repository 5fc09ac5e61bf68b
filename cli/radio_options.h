/* Options and manual text of `timbre radio`. Included by the table of commands alone. */
#ifndef TB_CLI_RADIO_OPTIONS_H
#define TB_CLI_RADIO_OPTIONS_H

#include "cli/option_rows.h"

static const tb_option radio_options[] = {
    {.name = "step",
     .rule = {TB_VALUE_NUMBER, 0.01, 1, NULL},
     .value_name = "X",
     .default_text = "0.25",
     .help = "how far each clip goes on to the next prompt"},
    {.name = "count",
     .short_name = 'n',
     .rule = {TB_VALUE_INTEGER, 1, 100000, NULL},
     .value_name = "N",
     .help = "stop after so many clips"},
    {.name = "record",
     .short_name = 'o',
     .rule = {TB_VALUE_FILE},
     .value_name = "FILE",
     .help = "also write what is heard, as a WAV file"},
    {.name = "no-play", .help = "only record, as fast as clips are made"},
    {.name = "force", .help = "overwrite the recording"},
    {.name = "discard", .help = "clips that were played leave the history"},
    {.name = "volume", .setting = "play.volume", .value_name = "N", .help = "volume in percent"},
    OPTION_WORKER,
    OPTION_API_KEY_FILE,
    OPTION_DATA_DIR,
};

static const char *const radio_text[] = {
    "Plays without end: a way from the first prompt to the second in steps, on to the next and "
    "behind the last to the first again, as Riffusion's web app does it. Prompts are words of "
    "their own, or one text with -> between them. One prompt alone goes from seed to seed.",
    "Each clip is made by the worker while others play, at most two ahead. When the next one is "
    "late the last one goes round until it comes. A neural model blends both prompts in every "
    "clip; it begins with --init (og_beat) and makes --strength (0.75) of it anew. The sketch "
    "cannot blend: with it each clip is a loop of the nearer prompt.",
    "In a terminal: space pauses, n goes to the next prompt, q ends. Clips stay in the history as "
    "all takes do, unless --discard puts them into the trash.",
    "With --record on a machine without sound, or with --no-play, the file grows as fast as clips "
    "are made, and none goes round. Its path is printed at the end.",
    NULL};

#endif
