/* Options and manual texts of `timbre batch` and `timbre riff`. Included by the table of commands
 * alone. */
#ifndef TB_CLI_REWORK_OPTIONS_H
#define TB_CLI_REWORK_OPTIONS_H

#include "cli/option_rows.h"

static const char *const batch_formats[] = {"wav", "flac", NULL};

static const tb_option batch_options[] = {
    {.name = "output",
     .short_name = 'o',
     .rule = {TB_VALUE_FOLDER},
     .value_name = "DIR",
     .help = "folder; without: the file's name, here"},
    {.name = "seeds",
     .rule = {TB_VALUE_INTEGER, 1, 10, NULL},
     .value_name = "N",
     .default_text = "1",
     .help = "takes of each prompt: seeds s, s+1, ..."},
    {.name = "model",
     .short_name = 'm',
     .rule = {TB_VALUE_FILE},
     .value_name = "MODEL",
     .help = "instead of what the file says"},
    {.name = "format",
     .short_name = 'f',
     .rule = {TB_VALUE_CHOICE, .choices = batch_formats},
     .value_name = "FORMAT",
     .help = "wav or flac"},
    {.name = "dry-run", .help = "list what would be made"},
    OPTION_JSON,
    OPTION_PROGRESS,
    OPTION_AS_OUTPUT("output-dir", "DIR"),
    OPTION_SOUNDFONT,
    OPTION_TOKENIZER,
    OPTION_THREADS,
    OPTION_MEMORY,
    OPTION_CPU,
};

static const char *const batch_text[] = {
    "The file is that of riffusion's batch page: {\"params\": {...}, \"entries\": [{\"prompt\": "
    "\"...\"}, ...]}. params (one set or a list) have checkpoint, scheduler, num_inference_steps, "
    "guidance, width and name; entries prompt, negative_prompt and seed (42 without). Both also "
    "take the fields of a request: duration_seconds, init, strength, prompt_b and the others of "
    "timbre generate. What an entry says comes before what its set says.",
    "Every take becomes SET-ENTRY-sSEED.wav, with its picture and its sidecar beside it; "
    "index.json lists them. A take that is there already is kept, so that a batch that was stopped "
    "goes on where it was. One that cannot be made is told, and the others go on; the exit code is "
    "that of the first that failed.",
    "A file has at most 1 MiB and asks for at most 10,000 takes. The sketch leaves out what it "
    "does not use of params, such as the scheduler, and says so.",
    NULL};

static const char *const riff_text[] = {
    "Riffusion's interpolation: clips between two prompts, each begun with the same picture "
    "(--init, a seed image by default), so that rhythm and shape stay while the sound changes. It "
    "takes everything that timbre generate takes; --strength says how much of the picture is made "
    "anew, --seed-b, --strength-b and --cfg-b are those of the other end.",
    "A neural model is needed: timbre models pull riffusion-v1.", NULL};

#endif
