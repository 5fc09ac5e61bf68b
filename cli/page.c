#include "cli/page.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/topics.h"

static tb_block *add_block(tb_page *page, tb_block_kind kind)
{
    if (page->n_blocks == page->capacity) {
        size_t capacity = page->capacity == 0 ? 64 : 2 * page->capacity;
        tb_block *blocks = realloc(page->blocks, capacity * sizeof *blocks);
        if (blocks == NULL) {
            page->failed = true;
            return NULL;
        }
        page->blocks = blocks;
        page->capacity = capacity;
    }
    tb_block *block = &page->blocks[page->n_blocks++];
    *block = (tb_block){.kind = kind, .tag = "", .text = ""};
    return block;
}

void tb_page_add(tb_page *page, tb_block_kind kind, const char *tag, const char *text)
{
    tb_block *block = add_block(page, kind);
    if (block == NULL)
        return;
    block->tag = tag;
    block->text = text;
}

const char *tb_page_format(tb_page *page, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = NULL;
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    char *kept = n < 0 ? NULL : tb_arena_push_str(&page->texts, text, (size_t)n);
    if (n >= 0)
        free(text);
    if (kept == NULL)
        page->failed = true;
    return kept == NULL ? "" : kept;
}

/* A line of help as a sentence. */
static const char *sentence(tb_page *page, const char *text)
{
    return tb_page_format(page, "%c%s.", toupper((unsigned char)text[0]), text + 1);
}

static void add_option(tb_page *page, const tb_option *option)
{
    tb_block *block = add_block(page, TB_BLOCK_OPTION);
    if (block == NULL)
        return;
    block->option = *option;
    const char *text = option->help;
    if (option->rule.choices != NULL && (option->field != NULL || option->words != NULL))
        for (size_t i = 0; option->rule.choices[i] != NULL; i++)
            text = tb_page_format(page, "%s%s %s", text, i == 0 ? ":" : ",",
                                  option->rule.choices[i]);
    if (option->default_text != NULL)
        text = tb_page_format(page, "%s (default %s)", text, option->default_text);
    if (tb_option_has_opposite(option))
        text = tb_page_format(page, "%s; --no-%s takes it back", text, option->name);
    block->text = sentence(page, text);
}

static void add_options(tb_page *page, const tb_command *command)
{
    tb_option_list options;
    tb_command_options(command, &options);
    tb_page_add(page, TB_BLOCK_HEADING, "", "OPTIONS");
    for (size_t i = 0; i < options.n; i++)
        add_option(page, &options.items[i]);
}

static void add_command_list(tb_page *page)
{
    size_t n;
    const tb_command *commands = tb_commands(&n);
    tb_page_add(page, TB_BLOCK_HEADING, "", "COMMANDS");
    for (size_t i = 0; i < n; i++) {
        const char *tag = commands[i].name;
        for (size_t a = 0; a < TB_ALIASES_MAX && commands[i].aliases[a].name != NULL; a++)
            tag = tb_page_format(page, "%s, %s", tag, commands[i].aliases[a].name);
        tb_page_add(page, TB_BLOCK_ITEM, tag, sentence(page, commands[i].summary));
    }
}

static void add_program(tb_page *page)
{
    tb_page_add(page, TB_BLOCK_SYNOPSIS, "", "[COMMAND [ARGUMENTS]]");
    tb_page_add(page, TB_BLOCK_HEADING, "", "DESCRIPTION");
    tb_page_add(
        page, TB_BLOCK_TEXT, "",
        "Timbre turns a sentence into sound, on this machine and without a network. Without a "
        "command, in a terminal, it opens the studio, a workspace in the full screen. The result "
        "of a command goes to standard output; progress, warnings and hints go to standard "
        "error.");
    tb_page_add(page, TB_BLOCK_TEXT, "",
                "A take is an audio file with its recipe inside: enough to make the same samples "
                "again.");
    add_command_list(page);
}

/* The pages of all commands in alphabetical order, as references. */
static const char *list_pages(tb_page *page)
{
    size_t n;
    const tb_command *commands = tb_commands(&n);
    const char *text = "", *last = "";
    for (;;) {
        const char *next = NULL;
        for (size_t k = 0; k < n; k++)
            if (strcmp(commands[k].name, last) > 0 &&
                (next == NULL || strcmp(commands[k].name, next) < 0))
                next = commands[k].name;
        if (next == NULL)
            return text;
        text = tb_page_format(page, "%stimbre-%s(1), ", text, next);
        last = next;
    }
}

static void add_see_also(tb_page *page, const char *references)
{
    tb_page_add(page, TB_BLOCK_HEADING, "", "SEE ALSO");
    tb_page_add(page, TB_BLOCK_TEXT, "", references);
}

void tb_page_init_command(tb_page *page, const tb_command *command)
{
    *page = (tb_page){.name = "timbre", .section = 1, .summary = "make sound from text"};
    if (command != NULL) {
        page->name = tb_page_format(page, "timbre-%s", command->name);
        page->summary = command->summary;
        tb_page_add(page, TB_BLOCK_SYNOPSIS, command->name, command->operands);
        tb_page_add(page, TB_BLOCK_HEADING, "", "DESCRIPTION");
        for (size_t i = 0; command->text[i] != NULL; i++)
            tb_page_add(page, TB_BLOCK_TEXT, "", command->text[i]);
    } else {
        add_program(page);
    }
    add_options(page, command);
    if (command == NULL || command->has_fields)
        for (size_t i = 0; i < 2; i++) { /* ENVIRONMENT and FILES */
            static const char *const names[] = {"environment", "files"};
            tb_page_add(page, TB_BLOCK_HEADING, "", i == 0 ? "ENVIRONMENT" : "FILES");
            tb_topic_find(names[i])->build(page);
        }
    tb_page_add(page, TB_BLOCK_HEADING, "", "EXIT STATUS");
    tb_topic_find("exit-codes")->build(page);
    tb_page_add(page, TB_BLOCK_HEADING, "", "EXAMPLES");
    const tb_example *examples =
        (command != NULL ? command : tb_command_find("generate"))->examples;
    for (size_t i = 0; i < TB_EXAMPLES_MAX && examples[i].line != NULL; i++)
        tb_page_add(page, TB_BLOCK_EXAMPLE, examples[i].line, examples[i].comment);
    add_see_also(page, command != NULL
                           ? "timbre(1), timbre-config(5)"
                           : tb_page_format(page, "%stimbre-config(5)", list_pages(page)));
}

static void init_settings(tb_page *page)
{
    *page = (tb_page){.name = "timbre-config", .section = 5, .summary = "settings of timbre"};
    tb_page_add(page, TB_BLOCK_HEADING, "", "DESCRIPTION");
    tb_topic_find("settings")->build(page);
    tb_page_add(page, TB_BLOCK_HEADING, "", "FILES");
    tb_topic_find("files")->build(page);
    tb_page_add(page, TB_BLOCK_HEADING, "", "EXAMPLES");
    tb_page_add(page, TB_BLOCK_EXAMPLE,
                "[output]\ndir = ~/Takes\nformat = flac\n\n[generate]\n"
                "length = 10",
                "a file with three settings");
    add_see_also(page, "timbre(1), timbre-config(1)");
}

bool tb_page_load(tb_page *page, const char *name)
{
    *page = (tb_page){0};
    if (strcmp(name, "timbre-config.5") == 0) {
        init_settings(page);
        return true;
    }
    if (strcmp(name, "timbre.1") == 0) {
        tb_page_init_command(page, NULL);
        return true;
    }
    char command[32];
    size_t length = strlen(name);
    if (strncmp(name, "timbre-", 7) != 0 || length < 10 || length >= sizeof command ||
        strcmp(name + length - 2, ".1") != 0)
        return false;
    (void)snprintf(command, sizeof command, "%.*s", (int)length - 9, name + 7);
    const tb_command *found = tb_command_find(command);
    if (found == NULL || strcmp(found->name, command) != 0)
        return false;
    tb_page_init_command(page, found);
    return true;
}

void tb_page_deinit(tb_page *page)
{
    free(page->blocks);
    tb_arena_deinit(&page->texts);
    *page = (tb_page){0};
}
