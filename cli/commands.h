/*
 * The one table of commands. Parser, help, man pages, completions and the tests read it; adding a
 * command is one row here and one file cmd_NAME.c.
 */
#ifndef TB_CLI_COMMANDS_H
#define TB_CLI_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"

struct tb_app;

typedef struct tb_example {
    const char *line;    /* as typed into a shell */
    const char *comment; /* what it does */
} tb_example;

/* What the shell may complete an operand with. */
typedef enum tb_operand_kind {
    TB_OPERAND_NONE,
    TB_OPERAND_TEXT,
    TB_OPERAND_FILE,
    TB_OPERAND_AUDIO,  /* a file to listen to */
    TB_OPERAND_IMAGE,  /* a spectrogram image */
    TB_OPERAND_CHOICE, /* one of operand_choices */
    TB_OPERAND_CONFIG, /* an action, then a settings key */
    TB_OPERAND_MODELS, /* an action, then the name of a model or a file */
    TB_OPERAND_TOPIC,  /* a command or a help topic */
} tb_operand_kind;

/* Another name of a command. */
typedef struct tb_alias {
    const char *name;
    const char *option; /* a switch that the name stands for as well; NULL: none */
} tb_alias;

enum { TB_EXAMPLES_MAX = 8, TB_ALIASES_MAX = 3 };

typedef struct tb_command {
    const char *name;
    tb_alias aliases[TB_ALIASES_MAX]; /* ends with a NULL name */
    const char *summary;              /* lower case, no full stop */
    const char *operands;             /* in the synopsis: "PROMPT|-"; "" for none */
    tb_operand_kind operand_kind;
    const char *const *operand_choices; /* NULL-terminated */
    size_t max_operands;
    const char *const *text;  /* paragraphs of the manual, NULL-terminated */
    const tb_option *options; /* its own; see tb_command_options for all */
    size_t n_options;
    bool has_fields;            /* also takes a flag for each field of a request */
    bool is_minor;              /* not in the program's short help, which has to fit a screen */
    bool survives_bad_settings; /* runs with built-in values when the settings are wrong */
    tb_example examples[TB_EXAMPLES_MAX]; /* at least two; ends with a NULL line */
    int (*run)(struct tb_app *app);       /* returns the exit code */
} tb_command;

const tb_command *tb_commands(size_t *n_commands);
/* By name or alias; NULL when unknown. */
const tb_command *tb_command_find(const char *name);
/* The alias `name` of the command; NULL: it has no such alias. */
const tb_alias *tb_command_find_alias(const tb_command *command, const char *name);
/* Everything that `command` accepts: its own, the request's fields, the global ones. NULL: only the
 * global ones. */
void tb_command_options(const tb_command *command, tb_option_list *out);

/* One function per command, in cmd_NAME.c. */
int tb_cmd_generate(struct tb_app *app);
int tb_cmd_batch(struct tb_app *app);
int tb_cmd_riff(struct tb_app *app);
int tb_cmd_show(struct tb_app *app);
int tb_cmd_play(struct tb_app *app);
int tb_cmd_radio(struct tb_app *app);
int tb_cmd_encode(struct tb_app *app);
int tb_cmd_decode(struct tb_app *app);
int tb_cmd_sample_clips(struct tb_app *app);
int tb_cmd_print_exif(struct tb_app *app);
int tb_cmd_spectrogram(struct tb_app *app);
int tb_cmd_models(struct tb_app *app);
int tb_cmd_serve(struct tb_app *app);
int tb_cmd_jobs(struct tb_app *app);
int tb_cmd_takes(struct tb_app *app);
int tb_cmd_chat(struct tb_app *app);
int tb_cmd_export(struct tb_app *app);
int tb_cmd_config(struct tb_app *app);
int tb_cmd_doctor(struct tb_app *app);
int tb_cmd_completion(struct tb_app *app);
int tb_cmd_version(struct tb_app *app);
int tb_cmd_help(struct tb_app *app);

#endif
