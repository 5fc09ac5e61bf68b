#include "cli/options.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "engine/base/number.h"

bool tb_option_has_opposite(const tb_option *option)
{
    return option->rule.kind == TB_VALUE_SWITCH && (option->field != NULL || option->has_opposite);
}

typedef struct {
    tb_args *args;
    tb_option_list known;
    char **argv;
    int argc, at;
    tb_error *err;
} parser;

static tb_status parse_operand(parser *p, const char *word);

static const tb_option *find_long(const parser *p, const char *name)
{
    for (size_t i = 0; i < p->known.n; i++)
        if (p->known.items[i].name != NULL && strcmp(p->known.items[i].name, name) == 0)
            return &p->known.items[i];
    return NULL;
}

static tb_status add_item(parser *p, const tb_option *option, const char *value)
{
    if (option->is_operand)
        return parse_operand(p, value);
    if (option->same_as != NULL) {
        bool is_opposite = strncmp(option->same_as, "no-", 3) == 0;
        option = find_long(p, option->same_as + (is_opposite ? 3 : 0));
        assert(option != NULL);
        value = is_opposite ? "false" : value;
    }
    tb_args *args = p->args;
    if (args->n_items == args->capacity) {
        size_t capacity = args->capacity == 0 ? 16 : 2 * args->capacity;
        tb_arg *items = realloc(args->items, capacity * sizeof *items);
        if (items == NULL)
            return tb_fail(p->err, TIMBRE_NO_MEMORY, "no memory for %zu options", capacity);
        args->items = items;
        args->capacity = capacity;
    }
    args->items[args->n_items++] = (tb_arg){.option = *option, .value = value};
    return TIMBRE_OK;
}

/* Help and version end the parsing: what stands after them is not looked at. */
static bool is_final(parser *p, const tb_option *option)
{
    if (option->name == NULL && option->short_name == 'h')
        p->args->wants_short_help = true;
    else if (option->name != NULL && strcmp(option->name, "help") == 0)
        p->args->wants_help = true;
    else if (option->name != NULL && strcmp(option->name, "version") == 0)
        p->args->wants_version = true;
    else
        return false;
    p->at = p->argc;
    return true;
}

static tb_status take(parser *p, const tb_option *option, const char *shown, const char *value)
{
    tb_status st = tb_value_check(&option->rule, shown, value, p->err);
    bool is_time = option->value_name != NULL && strcmp(option->value_name, "SEC") == 0;
    if (st != TIMBRE_OK && is_time)
        tb_fix(p->err, "give it in seconds, such as 90");
    return st != TIMBRE_OK ? st : add_item(p, option, value);
}

static tb_status missing_value(parser *p, const tb_option *option, const char *shown)
{
    tb_status st = tb_fail(p->err, TIMBRE_BAD_INPUT, "option %s needs a value", shown);
    tb_fix(p->err, "%s %s", shown, option->value_name);
    return st;
}

static const char *command_name(const parser *p)
{
    return p->args->command == NULL ? "" : p->args->command->name;
}

/* "--cfg-scale", "--cfg_scale": the option of the field that has this name; NULL: none. */
static const char *find_by_field(const parser *p, const char *name)
{
    for (size_t i = 0; i < p->known.n; i++) {
        const char *a = p->known.items[i].field, *b = name;
        while (a != NULL && *a != '\0' && (*a == *b || (*a == '_' && *b == '-')))
            a++, b++;
        if (a != NULL && *a == '\0' && *b == '\0')
            return p->known.items[i].name;
    }
    return NULL;
}

static tb_status unknown_long(parser *p, const char *name)
{
    const char *of_field = find_by_field(p, name);
    tb_suggestion near = tb_suggestion_begin(name);
    for (size_t i = 0; i < p->known.n; i++)
        if (p->known.items[i].name != NULL)
            tb_suggestion_offer(&near, p->known.items[i].name);
    const char *space = p->args->command == NULL ? "" : " ";
    tb_status st = tb_fail(p->err, TIMBRE_BAD_INPUT, "unknown option '--%.80s'", name);
    if (of_field != NULL || near.best != NULL)
        tb_fix(p->err, "did you mean --%s?", of_field != NULL ? of_field : near.best);
    else
        tb_fix(p->err, "timbre%s%s -h lists the options", space, command_name(p));
    return st;
}

static tb_status parse_long(parser *p, const char *text)
{
    char shown[96];
    char name[80];
    const char *equals = strchr(text, '=');
    size_t length = equals == NULL ? strlen(text) : (size_t)(equals - text);
    if (length >= sizeof name)
        return tb_fail(p->err, TIMBRE_BAD_INPUT, "unknown option '--%.60s...'", text);
    memcpy(name, text, length);
    name[length] = '\0';
    (void)snprintf(shown, sizeof shown, "--%s", name);
    const tb_option *option = find_long(p, name);
    bool is_negated = false;
    if (option == NULL && strncmp(name, "no-", 3) == 0) {
        option = find_long(p, name + 3);
        is_negated = option != NULL && tb_option_has_opposite(option);
        option = is_negated ? option : NULL;
    }
    if (option == NULL)
        return unknown_long(p, name);
    if (option->rule.kind != TB_VALUE_SWITCH) {
        if (equals != NULL)
            return take(p, option, shown, equals + 1);
        if (p->at >= p->argc)
            return missing_value(p, option, shown);
        return take(p, option, shown, p->argv[p->at++]);
    }
    if (equals != NULL)
        return tb_fail(p->err, TIMBRE_BAD_INPUT, "option %s takes no value", shown);
    if (is_final(p, option))
        return TIMBRE_OK;
    return add_item(p, option, is_negated ? "false" : "true");
}

static const tb_option *find_short(const parser *p, char letter)
{
    for (size_t i = 0; i < p->known.n; i++)
        if (p->known.items[i].short_name == letter)
            return &p->known.items[i];
    return NULL;
}

/* "-qv", "-n4", "-n 4", "-o-" */
static tb_status parse_short(parser *p, const char *letters)
{
    for (const char *c = letters; *c != '\0'; c++) {
        char shown[] = {'-', *c, '\0'};
        const tb_option *option = find_short(p, *c);
        if (option == NULL) {
            tb_status st = tb_fail(p->err, TIMBRE_BAD_INPUT, "unknown option '-%c'",
                                   (unsigned char)*c < 0x80 ? *c : '?');
            tb_fix(p->err,
                   "timbre%s%s -h lists the options; text that begins with a dash goes "
                   "after --",
                   p->args->command == NULL ? "" : " ", command_name(p));
            return st;
        }
        if (option->rule.kind != TB_VALUE_SWITCH) {
            if (c[1] != '\0')
                return take(p, option, shown, c + 1);
            if (p->at >= p->argc)
                return missing_value(p, option, shown);
            return take(p, option, shown, p->argv[p->at++]);
        }
        if (is_final(p, option))
            return TIMBRE_OK;
        tb_status st = add_item(p, option, "true");
        if (st != TIMBRE_OK)
            return st;
    }
    return TIMBRE_OK;
}

static tb_status unknown_command(parser *p, const char *word)
{
    size_t n;
    const tb_command *commands = tb_commands(&n);
    tb_suggestion near = tb_suggestion_begin(word);
    for (size_t i = 0; i < n; i++) {
        tb_suggestion_offer(&near, commands[i].name);
        for (size_t a = 0; a < TB_ALIASES_MAX && commands[i].aliases[a].name != NULL; a++)
            tb_suggestion_offer(&near, commands[i].aliases[a].name);
    }
    tb_status st = tb_fail(p->err, TIMBRE_BAD_INPUT, "unknown command '%.80s'", word);
    if (near.best != NULL)
        tb_fix(p->err, "did you mean timbre %s?", near.best);
    else if (strchr(word, ' ') != NULL)
        tb_fix(p->err, "to make sound from a prompt: timbre generate \"%.100s\"", word);
    else
        tb_fix(p->err, "timbre -h lists the commands");
    return st;
}

static tb_status parse_operand(parser *p, const char *word)
{
    tb_args *args = p->args;
    if (args->command == NULL) {
        args->command = tb_command_find(word);
        if (args->command == NULL)
            return unknown_command(p, word);
        tb_command_options(args->command, &p->known);
        const tb_alias *alias = tb_command_find_alias(args->command, word);
        bool implies = alias != NULL && alias->option != NULL;
        return implies ? add_item(p, find_long(p, alias->option), "true") : TIMBRE_OK;
    }
    if (args->n_operands == args->command->max_operands) {
        tb_status st = tb_fail(p->err, TIMBRE_BAD_INPUT, "'%.80s' is one argument too many", word);
        if (args->command->operand_kind == TB_OPERAND_TEXT)
            tb_fix(p->err, "put the whole prompt in quotes: timbre %s \"%.60s %.60s\"",
                   args->command->name, args->operands[args->n_operands - 1], word);
        else
            tb_fix(p->err, "timbre %s -h shows how it is used", args->command->name);
        return st;
    }
    args->operands[args->n_operands++] = word;
    return TIMBRE_OK;
}

/* "-1" in "config set KEY -1": no option is called like that. */
static bool is_negative_number(const parser *p, const char *word)
{
    double value;
    return word[0] == '-' && (word[1] == '.' || (word[1] >= '0' && word[1] <= '9')) &&
           find_short(p, word[1]) == NULL && tb_number_parse(word, &value);
}

tb_status tb_args_parse(tb_args *args, int argc, char **argv, tb_error *err)
{
    *args = (tb_args){0};
    args->operands = calloc((size_t)argc + 1, sizeof *args->operands);
    if (args->operands == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %d arguments", argc);
    parser p = {.args = args, .argv = argv, .argc = argc, .at = 1, .err = err};
    tb_command_options(NULL, &p.known);
    bool only_operands = false;
    while (p.at < p.argc) {
        const char *word = argv[p.at++];
        tb_status st;
        bool is_operand = word[0] != '-' || word[1] == '\0' || is_negative_number(&p, word);
        if (only_operands || is_operand)
            st = parse_operand(&p, word);
        else if (strcmp(word, "--") == 0)
            only_operands = true, st = TIMBRE_OK;
        else if (word[1] == '-')
            st = parse_long(&p, word + 2);
        else
            st = parse_short(&p, word + 1);
        if (st != TIMBRE_OK)
            return st;
    }
    return TIMBRE_OK;
}

void tb_args_deinit(tb_args *args)
{
    free(args->items);
    free(args->operands);
    *args = (tb_args){0};
}

const char *tb_args_value(const tb_args *args, const char *name)
{
    for (size_t i = args->n_items; i-- > 0;)
        if (args->items[i].option.name != NULL && strcmp(args->items[i].option.name, name) == 0)
            return args->items[i].value;
    return NULL;
}

bool tb_args_has(const tb_args *args, const char *name)
{
    return tb_args_value(args, name) != NULL;
}

bool tb_args_is_on(const tb_args *args, const char *name, bool otherwise)
{
    const char *text = tb_args_value(args, name);
    return text == NULL ? otherwise : strcmp(text, "true") == 0;
}

double tb_args_number(const tb_args *args, const char *name, double otherwise)
{
    const char *text = tb_args_value(args, name);
    double value = otherwise;
    if (text != NULL)
        (void)tb_number_parse(text, &value); /* checked by the parser */
    return value;
}
