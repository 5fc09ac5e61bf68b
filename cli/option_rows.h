/* Options that several commands have, word for word. For the tables of commands only. */
#ifndef TB_CLI_OPTION_ROWS_H
#define TB_CLI_OPTION_ROWS_H

#include "cli/options.h"

#define OPTION_JSON                                                                                \
    {                                                                                              \
        .name = "json", .help = "one JSON object on standard output"                               \
    }
#define OPTION_DATA_DIR                                                                            \
    {                                                                                              \
        .name = "data-dir", .rule = {TB_VALUE_FOLDER}, .value_name = "DIR",                        \
        .help = "folder for Timbre's own data"                                                     \
    }
#define OPTION_SOUNDFONT                                                                           \
    {                                                                                              \
        .name = "soundfont", .setting = "engine.soundfont", .value_name = "FILE",                  \
        .help = "SoundFont that the sketch plays"                                                  \
    }
#define OPTION_TOKENIZER                                                                           \
    {                                                                                              \
        .name = "tokenizer", .setting = "engine.tokenizer", .value_name = "DIR",                   \
        .help = "folder of a vocabulary, for a model without one"                                  \
    }
#define OPTION_THREADS                                                                             \
    {                                                                                              \
        .name = "threads", .setting = "engine.threads", .value_name = "N",                         \
        .help = "threads; 0: as many as this process may use"                                      \
    }
#define OPTION_MEMORY                                                                              \
    {                                                                                              \
        .name = "memory", .setting = "engine.memory", .value_name = "MODE",                        \
        .help = "auto: the model whole where it fits; low: in parts"                               \
    }
#define OPTION_CPU                                                                                 \
    {                                                                                              \
        .name = "cpu", .setting = "engine.cpu", .value_name = "NAME",                              \
        .help = "kernels: auto, avx512, avx2, neon, blas; ref to check"                            \
    }
#define OPTION_WORKER                                                                              \
    {                                                                                              \
        .name = "worker", .setting = "worker.url", .value_name = "URL",                            \
        .help = "ask this worker, not the one of the data folder"                                  \
    }
#define OPTION_API_KEY_FILE                                                                        \
    {                                                                                              \
        .name = "api-key-file", .setting = "worker.api_key_file", .value_name = "FILE",            \
        .help = "file with the worker's key"                                                       \
    }
#define OPTION_PROGRESS                                                                            \
    {                                                                                              \
        .name = "progress", .setting = "ui.progress", .value_name = "MODE",                        \
        .help = "how to show it on stderr: auto, bar, lines, json, none"                           \
    }
/* Riffusion's spellings of --output. */
#define OPTION_AS_OUTPUT(option, value)                                                            \
    {                                                                                              \
        .name = (option), .same_as = "output", .rule = {TB_VALUE_FILE}, .value_name = (value),     \
        .help = "as --output"                                                                      \
    }

#endif
