/*
 * Settings: one table of keys, and the value in force for each with where it came from. A flag
 * beats the environment, that the user's file, that the system's file, that the built-in value.
 */
#ifndef TB_CLI_SETTINGS_H
#define TB_CLI_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"
#include "cli/value.h"
#include "engine/base/error.h"
#include "engine/base/str.h"

typedef struct tb_setting {
    const char *section, *name; /* "output", "dir": key output.dir */
    tb_value_rule rule;
    const char *default_text; /* "": decided when used */
    const char *env;          /* environment variable, or NULL */
    const char *flag;         /* long option that sets it for one run, or NULL */
    const char *field;        /* request field whose rules it has, or NULL */
    const char *help;         /* one line, lower case, no full stop */
    bool is_pattern;          /* a name with {seed} and the like */
} tb_setting;

typedef enum tb_origin {
    TB_ORIGIN_BUILT_IN,
    TB_ORIGIN_SYSTEM_FILE,
    TB_ORIGIN_USER_FILE,
    TB_ORIGIN_ENVIRONMENT,
    TB_ORIGIN_FLAG,
} tb_origin;

enum { TB_SETTINGS_MAX = 32 };

typedef struct tb_settings {
    char *text[TB_SETTINGS_MAX];  /* owned; NULL: built in */
    char *where[TB_SETTINGS_MAX]; /* owned: "FILE:LINE", the variable or the flag; NULL: built in */
    tb_origin origin[TB_SETTINGS_MAX];
    char *user_path; /* owned: the file that `config set` writes; NULL: no home folder */
    tb_str keys;     /* of [keys]: "FILE:LINE\tNAME\tKEYS\n", the strongest last */
    tb_str warnings; /* one a line */
} tb_settings;

const tb_setting *tb_settings_table(size_t *n);
/* Index by "section.name", or -1. */
int tb_setting_find(const char *key);
/* The nearest known key, or NULL. */
const char *tb_setting_suggest(const char *key, char buffer[80]);
/* Whether the option stands for the setting. One of the same name may mean something else: --length
 * of generate is the setting's, that of spectrogram is not. */
bool tb_setting_has_option(const tb_setting *setting, const tb_option *option);
/* Whether `value` is right for the setting; `shown` names it in the message. */
TB_MUST_USE tb_status tb_setting_check(const tb_setting *setting, const char *shown,
                                       const char *value, tb_error *err);

/*
 * Read files and environment. `config_path`: instead of the user's file, and then it must exist;
 * NULL: TIMBRE_CONFIG or the usual place. Goes on after an error and returns the first, so that
 * what is right is in force.
 */
TB_MUST_USE tb_status tb_settings_load(tb_settings *s, const char *config_path, tb_error *err);
/* Read this file alone: what tb_settings_load would say about it. Fills *s either way. */
TB_MUST_USE tb_status tb_settings_check_file(tb_settings *s, const char *path, tb_error *err);
/* Let the flags on the command line win. */
TB_MUST_USE tb_status tb_settings_apply(tb_settings *s, const tb_args *args, tb_error *err);
void tb_settings_deinit(tb_settings *s);

/* The value in force, "" when it is decided when used. Valid until tb_settings_deinit. */
const char *tb_settings_text(const tb_settings *s, const char *key);
double tb_settings_number(const tb_settings *s, const char *key);
tb_origin tb_settings_origin(const tb_settings *s, const char *key);

#endif
