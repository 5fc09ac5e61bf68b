#include "cli/completion.h"

#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/endings.h"
#include "cli/settings.h"
#include "cli/topics.h"
#include "timbre/request.h"

static void append_words(tb_str *out, const char *const *words)
{
    for (size_t i = 0; words != NULL && words[i] != NULL; i++)
        tb_str_appendf(out, "%s%s", i == 0 ? "" : " ", words[i]);
}

static void append_setting_keys(tb_str *out)
{
    size_t n;
    const tb_setting *settings = tb_settings_table(&n);
    for (size_t i = 0; i < n; i++)
        tb_str_appendf(out, "%s%s.%s", i == 0 ? "" : " ", settings[i].section, settings[i].name);
}

/* "generate|gen" */
static void append_names(tb_str *out, const tb_command *command, const char *between)
{
    tb_str_append(out, command->name);
    for (size_t i = 0; i < TB_ALIASES_MAX && command->aliases[i].name != NULL; i++)
        tb_str_appendf(out, "%s%s", between, command->aliases[i].name);
}

static void append_command_names(tb_str *out)
{
    size_t n;
    const tb_command *commands = tb_commands(&n);
    for (size_t i = 0; i < n; i++) {
        tb_str_append(out, i == 0 ? "" : " ");
        append_names(out, &commands[i], " ");
    }
}

static void append_topic_names(tb_str *out)
{
    size_t n;
    const tb_topic *topics = tb_topics(&n);
    for (size_t i = 0; i < n; i++)
        tb_str_appendf(out, " %s", topics[i].name);
}

/* "wav|flac" */
static void append_endings(tb_str *out, tb_operand_kind kind)
{
    const char *const *endings = kind == TB_OPERAND_IMAGE ? tb_image_endings : tb_audio_endings;
    for (size_t i = 0; endings[i] != NULL; i++)
        tb_str_appendf(out, "%s%s", i == 0 ? "" : "|", endings[i]);
}

/* A function of bash that offers folders and files of the kind. */
static void append_bash_files(tb_str *out, const char *name, tb_operand_kind kind)
{
    tb_str_appendf(out,
                   "%s()\n{\n    local IFS=$'\\n' file\n    COMPREPLY=()\n"
                   "    for file in $(compgen -f -- \"$1\"); do\n"
                   "        [[ -d $file || $file =~ \\.(",
                   name);
    append_endings(out, kind);
    tb_str_append(out, ")$ ]] && COMPREPLY+=(\"$file\")\n    done\n"
                       "    compopt -o filenames 2>/dev/null\n}\n\n");
}

/* The words that a setting may have, its own or its request field's; NULL: any. */
static const char *const *choices_of(const tb_setting *setting)
{
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    for (size_t i = 0; setting->field != NULL && i < n; i++)
        if (strcmp(fields[i].name, setting->field) == 0)
            return fields[i].choices;
    return setting->rule.choices;
}

static bool is_path(tb_value_kind kind)
{
    return kind == TB_VALUE_FILE || kind == TB_VALUE_FOLDER;
}

/* Text for single quotes of a shell; also without what zsh's specifications give a meaning. */
static void append_quoted(tb_str *out, const char *text, const char *escaped)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            tb_str_append(out, "'\\'");
        else if (strchr(escaped, *text) != NULL)
            tb_str_append(out, "\\");
        tb_str_append_bytes(out, text, 1);
    }
}

/* What the shells ask for the names of models: those installed and those known. */
static const char name_pattern[] = "sed -n 's/^ *\"name\": \"\\(.*\\)\",*$/\\1/p'";
static const char named_actions[] = "pull show verify rm path";

/* A function of bash or zsh that prints them. */
static void append_models_function(tb_str *out)
{
    tb_str_appendf(out,
                   "_timbre_names()\n{\n    \"${1:-timbre}\" models --json 2>/dev/null | %s\n}\n\n",
                   name_pattern);
}

/* "pull|show" */
static void append_named_actions(tb_str *out)
{
    for (const char *at = named_actions; *at != '\0'; at++)
        tb_str_append_bytes(out, *at == ' ' ? "|" : at, 1);
}

/* --- bash ------------------------------------------------------------------------------------ */

/* "--format|-f" */
static void append_pattern(tb_str *out, const char *command, const tb_option *option)
{
    if (option->name != NULL)
        tb_str_appendf(out, "%s:--%s", command, option->name);
    if (option->name != NULL && option->short_name != 0)
        tb_str_append(out, "|");
    if (option->short_name != 0)
        tb_str_appendf(out, "%s:-%c", command, option->short_name);
}

/* What may follow an option that takes a value. */
static void append_bash_values(tb_str *out, const tb_command *command)
{
    tb_option_list options;
    tb_command_options(command, &options);
    for (size_t i = 0; i < options.n; i++) {
        const tb_option *option = &options.items[i];
        if (option->rule.kind == TB_VALUE_SWITCH)
            continue;
        tb_str_append(out, "    ");
        append_pattern(out, command == NULL ? "" : command->name, option);
        tb_str_append(out, ") ");
        if (is_path(option->rule.kind))
            tb_str_append(out, "_timbre_files \"$cur\"");
        else if (option->rule.choices != NULL) {
            tb_str_append(out, "COMPREPLY=($(compgen -W '");
            append_words(out, option->rule.choices);
            tb_str_append(out, "' -- \"$cur\"))");
        } else
            tb_str_append(out, ":");
        tb_str_append(out, "; return ;;\n");
    }
}

static void append_bash_options(tb_str *out, const tb_command *command)
{
    tb_option_list options;
    tb_command_options(command, &options);
    tb_str_appendf(out, "        %s) words='", command == NULL ? "''" : command->name);
    for (size_t i = 0; i < options.n; i++) {
        const char *space = i == 0 ? "" : " ";
        if (options.items[i].name != NULL)
            tb_str_appendf(out, "%s--%s", space, options.items[i].name);
        else
            tb_str_appendf(out, "%s-%c", space, options.items[i].short_name);
    }
    tb_str_append(out, "' ;;\n");
}

static void append_bash_setting_values(tb_str *out)
{
    size_t n;
    const tb_setting *settings = tb_settings_table(&n);
    for (size_t i = 0; i < n; i++) {
        const char *const *choices = choices_of(&settings[i]);
        if (choices == NULL && !is_path(settings[i].rule.kind))
            continue;
        tb_str_appendf(out, " set:%s.%s) ", settings[i].section, settings[i].name);
        if (choices == NULL) {
            tb_str_append(out, "_timbre_files \"$cur\" ;;");
            continue;
        }
        tb_str_append(out, "words='");
        append_words(out, choices);
        tb_str_append(out, "' ;;");
    }
}

static void append_bash_operands(tb_str *out, const tb_command *command)
{
    tb_str_appendf(out, "    %s) ", command->name);
    switch (command->operand_kind) {
    case TB_OPERAND_FILE:
        tb_str_append(out, "_timbre_files \"$cur\"");
        break;
    case TB_OPERAND_AUDIO:
        tb_str_append(out, "_timbre_audio \"$cur\"");
        break;
    case TB_OPERAND_IMAGE:
        tb_str_append(out, "_timbre_image \"$cur\"");
        break;
    case TB_OPERAND_CHOICE:
        tb_str_append(out, "words='");
        append_words(out, command->operand_choices);
        tb_str_append(out, "'");
        break;
    case TB_OPERAND_CONFIG:
        tb_str_append(out, "case ${COMP_WORDS[COMP_CWORD-2]}:$prev in *:config) words='");
        append_words(out, command->operand_choices);
        tb_str_append(out, "' ;; config:get|config:set|config:unset) words='");
        append_setting_keys(out);
        tb_str_append(out, "' ;;");
        append_bash_setting_values(out);
        tb_str_append(out, " esac");
        break;
    case TB_OPERAND_MODELS:
        tb_str_append(out, "if ((COMP_CWORD == i + 1)); then words='");
        append_words(out, command->operand_choices);
        tb_str_append(out, "'; else case ${COMP_WORDS[i+1]} in ");
        append_named_actions(out);
        tb_str_append(out, ") words=$(_timbre_names \"${COMP_WORDS[0]}\") ;; *) _timbre_files "
                           "\"$cur\" ;; esac; fi");
        break;
    case TB_OPERAND_TOPIC:
        tb_str_append(out, "words='");
        append_command_names(out);
        append_topic_names(out);
        tb_str_append(out, "'");
        break;
    case TB_OPERAND_TEXT:
    case TB_OPERAND_NONE:
        tb_str_append(out, ":");
        break;
    }
    tb_str_append(out, " ;;\n");
}

static void format_bash(tb_str *out)
{
    size_t n;
    const tb_command *commands = tb_commands(&n);
    tb_str_append(out, "# Completion of timbre for bash: source <(timbre completion bash)\n"
                       "_timbre_files()\n{\n    local IFS=$'\\n'\n"
                       "    COMPREPLY=($(compgen -f -- \"$1\"))\n"
                       "    compopt -o filenames 2>/dev/null\n}\n\n");
    append_models_function(out);
    append_bash_files(out, "_timbre_audio", TB_OPERAND_AUDIO);
    append_bash_files(out, "_timbre_image", TB_OPERAND_IMAGE);
    tb_str_append(out, "_timbre()\n{\n"
                       "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                       "    local command='' words='' i\n"
                       "    # bash splits --option=value at the sign\n"
                       "    if [[ $cur == = ]]; then cur=''\n"
                       "    elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
                       "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                       "        case ${COMP_WORDS[i]} in\n");
    for (size_t i = 0; i < n; i++) {
        tb_str_append(out, "        ");
        append_names(out, &commands[i], "|");
        tb_str_appendf(out, ") command=%s; break ;;\n", commands[i].name);
    }
    tb_str_append(out, "        esac\n    done\n    COMPREPLY=()\n    case $command:$prev in\n");
    append_bash_values(out, NULL);
    for (size_t i = 0; i < n; i++)
        append_bash_values(out, &commands[i]);
    tb_str_append(out, "    esac\n    if [[ $cur == -* ]]; then\n        case $command in\n");
    append_bash_options(out, NULL);
    for (size_t i = 0; i < n; i++)
        append_bash_options(out, &commands[i]);
    tb_str_append(out, "        esac\n        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                       "        return\n    fi\n    case $command in\n    '') words='");
    append_command_names(out);
    tb_str_append(out, "' ;;\n");
    for (size_t i = 0; i < n; i++)
        append_bash_operands(out, &commands[i]);
    tb_str_append(out, "    esac\n    if [[ -n $words ]]; then\n"
                       "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n    fi\n}\n"
                       "complete -F _timbre timbre\n");
}

/* --- zsh ------------------------------------------------------------------------------------- */

static void append_zsh_option(tb_str *out, const tb_option *option)
{
    static const char special[] = "[]:\\";
    char names[2][40] = {""};
    int n = 0;
    if (option->short_name != 0)
        (void)snprintf(names[n++], sizeof names[0], "-%c", option->short_name);
    if (option->name != NULL)
        (void)snprintf(names[n++], sizeof names[0], "--%s", option->name);
    for (int i = 0; i < n; i++) {
        tb_str_appendf(out, "            '(%s%s%s)%s[", names[0], n > 1 ? " " : "",
                       n > 1 ? names[1] : "", names[i]);
        append_quoted(out, option->help, special);
        tb_str_append(out, "]");
        if (option->value_name != NULL) {
            tb_str_appendf(out, ":%s:", option->value_name);
            if (is_path(option->rule.kind))
                tb_str_append(out, "_files");
            else if (option->rule.choices != NULL) {
                tb_str_append(out, "(");
                append_words(out, option->rule.choices);
                tb_str_append(out, ")");
            }
        }
        tb_str_append(out, "' \\\n");
    }
}

static void append_zsh_setting_values(tb_str *out)
{
    size_t n;
    const tb_setting *settings = tb_settings_table(&n);
    for (size_t i = 0; i < n; i++) {
        const char *const *choices = choices_of(&settings[i]);
        if (choices == NULL && !is_path(settings[i].rule.kind))
            continue;
        tb_str_appendf(out, " (%s.%s) ", settings[i].section, settings[i].name);
        tb_str_append(out, choices == NULL ? "_files" : "compadd ");
        append_words(out, choices);
        tb_str_append(out, " ;;");
    }
}

static void append_zsh_operands(tb_str *out, const tb_command *command)
{
    switch (command->operand_kind) {
    case TB_OPERAND_FILE:
        tb_str_append(out, "            '*:file:_files'\n");
        break;
    case TB_OPERAND_AUDIO:
    case TB_OPERAND_IMAGE:
        tb_str_append(out, "            '*:file:_files -g \"*.(");
        append_endings(out, command->operand_kind);
        tb_str_append(out, ")\"'\n");
        break;
    case TB_OPERAND_CHOICE:
        tb_str_append(out, "            '1:shell:(");
        append_words(out, command->operand_choices);
        tb_str_append(out, ")'\n");
        break;
    case TB_OPERAND_CONFIG:
        tb_str_append(out, "            '1:action:(");
        append_words(out, command->operand_choices);
        tb_str_append(out, ")' '2:key:(");
        append_setting_keys(out);
        tb_str_append(out, ")' '3:value:{case $words[CURRENT-1] in");
        append_zsh_setting_values(out);
        tb_str_append(out, " esac}'\n");
        break;
    case TB_OPERAND_MODELS:
        tb_str_append(out, "            '1:action:(");
        append_words(out, command->operand_choices);
        tb_str_append(out, ")' '2:model:{case $words[2] in (");
        append_named_actions(out);
        tb_str_append(out, ") compadd $(_timbre_names) ;; (*) _files ;; esac}' '3:file:_files'\n");
        break;
    case TB_OPERAND_TOPIC:
        tb_str_append(out, "            '1:topic:(");
        append_command_names(out);
        append_topic_names(out);
        tb_str_append(out, ")'\n");
        break;
    case TB_OPERAND_TEXT:
    case TB_OPERAND_NONE:
        tb_str_append(out, "            '1: :'\n");
        break;
    }
}

static void append_zsh_command(tb_str *out, const tb_command *command)
{
    tb_option_list options;
    tb_command_options(command, &options);
    tb_str_append(out, "    ");
    append_names(out, command, "|");
    tb_str_append(out, ")\n        _arguments -s \\\n");
    for (size_t i = 0; i < options.n; i++)
        append_zsh_option(out, &options.items[i]);
    append_zsh_operands(out, command);
    tb_str_append(out, "        ;;\n");
}

static void format_zsh(tb_str *out)
{
    size_t n;
    const tb_command *commands = tb_commands(&n);
    tb_option_list globals;
    tb_command_options(NULL, &globals);
    tb_str_append(out, "#compdef timbre\n"
                       "# Completion of timbre for zsh: save it as _timbre in a folder of $fpath\n"
                       "\n");
    append_models_function(out);
    tb_str_append(out, "_timbre()\n{\n    local -a commands\n    local -A opt_args\n    local i "
                       "command='' state line context\n"
                       "    commands=(\n");
    for (size_t i = 0; i < n; i++) {
        tb_str_appendf(out, "        '%s:", commands[i].name);
        append_quoted(out, commands[i].summary, ":\\");
        tb_str_append(out, "'\n");
    }
    tb_str_append(out, "    )\n    for ((i = 2; i < CURRENT; i++)); do\n"
                       "        case ${words[i]} in\n        (");
    for (size_t i = 0; i < n; i++) {
        tb_str_append(out, i == 0 ? "" : "|");
        append_names(out, &commands[i], "|");
    }
    tb_str_append(out, ")\n            command=${words[i]}\n"
                       "            words=(\"${(@)words[i,-1]}\")\n"
                       "            ((CURRENT -= i - 1))\n            break ;;\n"
                       "        esac\n    done\n    case $command in\n    ('')\n"
                       "        _arguments -C -s \\\n");
    for (size_t i = 0; i < globals.n; i++)
        append_zsh_option(out, &globals.items[i]);
    tb_str_append(out, "            '1:command:->command' && return\n"
                       "        [[ $state == command ]] && _describe command commands ;;\n");
    for (size_t i = 0; i < n; i++)
        append_zsh_command(out, &commands[i]);
    tb_str_append(out, "    esac\n}\nif [[ $funcstack[1] == _timbre ]]; then\n    _timbre \"$@\"\n"
                       "else\n    compdef _timbre timbre\nfi\n");
}

/* --- fish ------------------------------------------------------------------------------------ */

static void append_fish_option(tb_str *out, const char *condition, const tb_option *option)
{
    tb_str_appendf(out, "complete -c timbre%s", condition);
    if (option->name != NULL)
        tb_str_appendf(out, " -l %s", option->name);
    if (option->short_name != 0)
        tb_str_appendf(out, " -s %c", option->short_name);
    if (is_path(option->rule.kind))
        tb_str_append(out, " -r -F");
    else if (option->rule.kind != TB_VALUE_SWITCH)
        tb_str_append(out, " -x");
    if (option->rule.choices != NULL) {
        tb_str_append(out, " -a '");
        append_words(out, option->rule.choices);
        tb_str_append(out, "'");
    }
    tb_str_append(out, " -d '");
    append_quoted(out, option->help, "\\");
    tb_str_append(out, "'\n");
}

static void append_fish_setting_values(tb_str *out)
{
    size_t n;
    const tb_setting *settings = tb_settings_table(&n);
    for (size_t i = 0; i < n; i++) {
        const char *const *choices = choices_of(&settings[i]);
        if (choices == NULL && !is_path(settings[i].rule.kind))
            continue;
        tb_str_appendf(out,
                       "complete -c timbre -n '__fish_seen_subcommand_from set; and "
                       "__fish_seen_subcommand_from %s.%s' ",
                       settings[i].section, settings[i].name);
        tb_str_append(out, choices == NULL ? "-F" : "-a '");
        append_words(out, choices);
        tb_str_append(out, choices == NULL ? "\n" : "'\n");
    }
}

/* Inside double quotes of fish. */
static void append_fish_models(tb_str *out)
{
    static const char seen[] = "complete -c timbre -n '__fish_seen_subcommand_from models; and "
                               "__fish_seen_subcommand_from %s' ";
    tb_str_appendf(out, seen, named_actions);
    tb_str_append(out, "-a \"(timbre models --json 2>/dev/null | ");
    for (const char *at = name_pattern; *at != '\0'; at++) {
        if (strchr("\"\\$", *at) != NULL)
            tb_str_append(out, "\\");
        tb_str_append_bytes(out, at, 1);
    }
    tb_str_append(out, ")\"\n");
    tb_str_appendf(out, seen, "add convert");
    tb_str_append(out, "-F\n");
}

static void append_fish_operands(tb_str *out, const tb_command *command, const char *condition)
{
    if (command->operand_kind == TB_OPERAND_FILE) {
        tb_str_appendf(out, "complete -c timbre%s -F\n", condition);
        return;
    }
    if (command->operand_kind == TB_OPERAND_AUDIO || command->operand_kind == TB_OPERAND_IMAGE) {
        tb_str_appendf(out,
                       "complete -c timbre%s -x -a \"(__fish_complete_path (commandline -ct)"
                       " | string match -re '(/|\\.(",
                       condition);
        append_endings(out, command->operand_kind);
        tb_str_append(out, "))(\\t|\\$)')\"\n");
        return;
    }
    if (command->operand_kind == TB_OPERAND_TEXT || command->operand_kind == TB_OPERAND_NONE)
        return;
    if (command->operand_kind == TB_OPERAND_CONFIG)
        append_fish_setting_values(out);
    if (command->operand_kind == TB_OPERAND_MODELS)
        append_fish_models(out);
    tb_str_appendf(out, "complete -c timbre%s -a '", condition);
    append_words(out, command->operand_choices);
    if (command->operand_kind == TB_OPERAND_CONFIG) {
        tb_str_append(out, " ");
        append_setting_keys(out);
    }
    if (command->operand_kind == TB_OPERAND_TOPIC) {
        append_command_names(out);
        append_topic_names(out);
    }
    tb_str_append(out, "'\n");
}

static void format_fish(tb_str *out)
{
    size_t n;
    const tb_command *commands = tb_commands(&n);
    tb_option_list globals;
    tb_command_options(NULL, &globals);
    tb_str_append(out, "# Completion of timbre for fish: save it as "
                       "~/.config/fish/completions/timbre.fish\ncomplete -c timbre -f\n");
    for (size_t i = 0; i < globals.n; i++)
        append_fish_option(out, "", &globals.items[i]);
    for (size_t i = 0; i < n; i++) {
        tb_str condition = {0};
        tb_str_appendf(out, "complete -c timbre -n __fish_use_subcommand -a %s -d '",
                       commands[i].name);
        append_quoted(out, commands[i].summary, "\\");
        tb_str_append(out, "'\n");
        tb_str_append(&condition, " -n '__fish_seen_subcommand_from ");
        append_names(&condition, &commands[i], " ");
        tb_str_append(&condition, "'");
        tb_option_list options;
        tb_command_options(&commands[i], &options);
        for (size_t o = 0; o + globals.n < options.n; o++) /* the global ones stand last */
            append_fish_option(out, tb_str_text(&condition), &options.items[o]);
        append_fish_operands(out, &commands[i], tb_str_text(&condition));
        tb_str_deinit(&condition);
    }
}

bool tb_completion_format(const char *shell, tb_str *out)
{
    static const struct {
        const char *name;
        void (*format)(tb_str *out);
    } shells[] = {{"bash", format_bash}, {"zsh", format_zsh}, {"fish", format_fish}};
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(shells[i].name, shell) != 0)
            continue;
        shells[i].format(out);
        return true;
    }
    return false;
}
