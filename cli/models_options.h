/* Options, actions and manual text of `timbre models`. Included by the table of commands alone. */
#ifndef TB_CLI_MODELS_OPTIONS_H
#define TB_CLI_MODELS_OPTIONS_H

#include "cli/option_rows.h"

static const char *const kinds_of_numbers[] = {"keep", "fp16", "fp32", NULL};

static const tb_option models_options[] = {
    {.name = "revision",
     .rule = {TB_VALUE_TEXT},
     .value_name = "R",
     .help = "branch, tag or commit to pull; without: main"},
    {.name = "accept-license",
     .rule = {TB_VALUE_TEXT},
     .value_name = "ID",
     .help = "you accept this licence; pull asks nothing"},
    {.name = "dry-run", .help = "show what pull would fetch"},
    {.name = "repair", .help = "remove what verify finds wrong, to fetch anew"},
    {.name = "force", .help = "let rm take others' files, convert overwrite"},
    {.name = "name",
     .rule = {TB_VALUE_TEXT},
     .value_name = "NAME",
     .help = "what add calls it; without: its file's name"},
    {.name = "dtype",
     .rule = {TB_VALUE_CHOICE, .choices = kinds_of_numbers},
     .value_name = "TYPE",
     .default_text = "keep",
     .help = "numbers in what convert writes"},
    OPTION_JSON,
    OPTION_PROGRESS,
    OPTION_TOKENIZER,
    OPTION_DATA_DIR,
};

static const char *const model_actions[] = {"list", "pull", "show",    "verify", "rm",
                                            "path", "add",  "convert", NULL};

static const char *const models_text[] = {
    "Finds, fetches and looks after the models that generate can use. Without an action it lists "
    "them.",
    "list: what is here, and which answers.",
    "pull NAME: fetch a model.",
    "show NAME: what is known of a model.",
    "verify [NAME]: read every byte again.",
    "rm NAME: delete what was fetched for a model.",
    "path [NAME]: where a model is, or the cache.",
    "add PATH: name a model of your own.",
    "convert IN OUT.safetensors: write a model as one file.",
    "list shows what is installed, which model answers when none is named and why, and what the "
    "known ones would need. Models lie in the cache that Hugging Face's programs use, so what "
    "diffusers has downloaded is found, and the reverse.",
    "pull fetches a known model, such as riffusion-v1, or any repository ORG/NAME in the form of "
    "diffusers; only the files that are needed. What stops it loses nothing: the same command goes "
    "on where it ended. Every byte is checked with SHA-256, and nothing is visible until all is "
    "there. Standard output carries the model's path and nothing else.",
    "A licence that asks something of you is shown before anything is fetched: on a terminal as "
    "one question, with the text one key away. A script says --accept-license "
    "creativeml-openrail-m instead.",
    "verify reads every file of a model, or of all, and compares it with what came; the exit code "
    "is 8 when one differs. With --repair such files are removed, and pull brings them again.",
    "rm takes away what Timbre fetched and no other model needs; --force also what other programs "
    "brought. An added model is only forgotten.",
    "add tells Timbre of a model at another place, after checking it. convert writes any model or "
    "file of weights as one safetensors file. path prints where a model is, or the cache.",
    NULL};

#endif
