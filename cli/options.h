/*
 * The parser of the command line. It knows options and operands from tables, not what they mean:
 * "--name=value", "--name value", "-n4", grouped switches "-qv", "--" and options after operands.
 * Nothing is guessed: an unknown name is an error with the nearest known one in its fix.
 */
#ifndef TB_CLI_OPTIONS_H
#define TB_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/value.h"
#include "engine/base/error.h"

typedef struct tb_option {
    const char *name; /* long name without dashes; NULL: only the short one */
    char short_name;  /* 0: none */
    tb_value_rule rule;
    const char *value_name;   /* "SEC"; NULL for switches */
    const char *default_text; /* shown in help; NULL: none */
    const char *help;         /* one line, lower case, no full stop */
    const char *field;        /* the request field that it sets; NULL: none */
    const char *setting;      /* key of the setting that it stands for, whose rule and default it
                                 has; NULL: none */
    const char *same_as; /* another spelling of this long option; "no-NAME": of its opposite; NULL:
                            none */
    bool is_operand;     /* another spelling of an operand */
    bool has_opposite;   /* a switch with --no-NAME; those of request fields have one too */
    const char *const *(*words)(void); /* the engine's list of what it may be, instead of `rule`;
                                          NULL: none */
} tb_option;

enum { TB_OPTIONS_MAX = 96 };

/* Whether --no-NAME takes it back. */
bool tb_option_has_opposite(const tb_option *option);

/* All options that a command accepts, in the order of help. */
typedef struct tb_option_list {
    tb_option items[TB_OPTIONS_MAX];
    size_t n;
} tb_option_list;

typedef struct tb_arg {
    tb_option option;
    const char *value; /* borrowed from argv; "true" or "false" for switches */
} tb_arg;

struct tb_command;

typedef struct tb_args {
    const struct tb_command *command; /* NULL: none was named */
    tb_arg *items;                    /* owned, in the order given */
    size_t n_items, capacity;
    const char **operands; /* owned array of borrowed texts */
    size_t n_operands;
    bool wants_short_help, wants_help, wants_version; /* parsing stopped there */
} tb_args;

/* Parse argv[1..argc-1]. BAD_INPUT with a fix for anything unknown. */
TB_MUST_USE tb_status tb_args_parse(tb_args *args, int argc, char **argv, tb_error *err);
void tb_args_deinit(tb_args *args);

/* The last value given for the long option `name`, or NULL. */
const char *tb_args_value(const tb_args *args, const char *name);
bool tb_args_has(const tb_args *args, const char *name);
/* Whether a switch is on; `otherwise` when neither it nor its opposite is given. */
bool tb_args_is_on(const tb_args *args, const char *name, bool otherwise);
/* As tb_args_value for options checked as numbers; `otherwise` when not given. */
double tb_args_number(const tb_args *args, const char *name, double otherwise);

#endif
