#include "cli/help.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "engine/base/str.h"
#include "engine/base/utf8.h"

enum {
    COLUMNS = 80, /* where standard output is no terminal */
    COLUMNS_MIN = 40,
    COLUMNS_MAX = 100,      /* longer lines are hard to read */
    TAG_COLUMNS = 26,       /* of the short help, with the indent of 2 */
    SHORT_OPTIONS_MAX = 15, /* what 24 lines leave */
    INDENT = 4,
    ITEM_INDENT = 10,
};

void tb_option_format(const tb_option *option, char *out, size_t size)
{
    const char *space = option->value_name == NULL ? "" : " ";
    const char *value = option->value_name == NULL ? "" : option->value_name;
    if (option->name == NULL)
        (void)snprintf(out, size, "-%c", option->short_name);
    else if (option->short_name == 0)
        (void)snprintf(out, size, "    --%s%s%s", option->name, space, value);
    else
        (void)snprintf(out, size, "-%c, --%s%s%s", option->short_name, option->name, space, value);
}

static void print_row(FILE *out, int columns, const char *tag, const char *text)
{
    fprintf(out, "  %-*s%s\n", columns - 2, tag, text);
}

/* Columns before the help texts: wide enough for the longest tag. */
static int tag_columns(const tb_option_list *options, size_t n)
{
    int columns = TAG_COLUMNS;
    for (size_t i = 0; i < n; i++) {
        char tag[64];
        tb_option_format(&options->items[i], tag, sizeof tag);
        int needed = 2 + (int)strlen(tag) + 1;
        columns = needed > columns ? needed : columns;
    }
    return columns;
}

static void print_options(FILE *out, const tb_command *command)
{
    tb_option_list options;
    tb_command_options(command, &options);
    bool is_cut = options.n > SHORT_OPTIONS_MAX + 1;
    size_t n = is_cut ? SHORT_OPTIONS_MAX : options.n;
    int columns = tag_columns(&options, n);
    for (size_t i = 0; i < n; i++) {
        char tag[64];
        tb_option_format(&options.items[i], tag, sizeof tag);
        print_row(out, columns, tag, options.items[i].help);
    }
    if (is_cut)
        fprintf(out, "\nAll %zu options: timbre %s --help\n", options.n, command->name);
}

/* "actions: list, pull, ...", in the line below the summary; the manual says what each does. */
static void print_actions(FILE *out, const tb_command *command)
{
    if (command->operand_kind != TB_OPERAND_MODELS && command->operand_kind != TB_OPERAND_CONFIG)
        return;
    for (size_t i = 0; command->operand_choices[i] != NULL; i++)
        fprintf(out, "%s%s", i == 0 ? "actions: " : ", ", command->operand_choices[i]);
    fputs("\n", out);
}

/* The commands fill the screen; of the options that all have there is room for the names. */
static void print_global_names(FILE *out)
{
    tb_option_list options;
    tb_command_options(NULL, &options);
    fputs("\nwith each:", out);
    for (size_t i = 0; i < options.n; i++)
        if (options.items[i].name != NULL)
            fprintf(out, " --%s", options.items[i].name);
    fputs("\n", out);
}

static void print_short_program(FILE *out)
{
    size_t n;
    const tb_command *commands = tb_commands(&n);
    fputs("timbre generate \"lo-fi piano over gentle rain\"\ntimbre play take.wav\n\n"
          "usage: timbre [COMMAND [ARGUMENTS]]     without: the studio, in a terminal\n",
          out);
    for (size_t i = 0; i < n; i++) {
        if (commands[i].is_minor)
            continue;
        char tag[TAG_COLUMNS];
        const tb_alias *alias = &commands[i].aliases[0];
        bool is_plain = alias->name != NULL && alias->option == NULL; /* the same and no more */
        (void)snprintf(tag, sizeof tag, "%s%s%s", commands[i].name, is_plain ? ", " : "",
                       is_plain ? alias->name : "");
        print_row(out, TAG_COLUMNS, tag, commands[i].summary);
    }
    print_global_names(out);
    fputs("More: timbre help COMMAND; all commands and options: timbre --help\n", out);
}

int tb_help_print_short(FILE *out, const tb_command *command)
{
    if (command == NULL) {
        print_short_program(out);
        return 0;
    }
    fprintf(out, "%s\n%s\n\nusage: timbre %s [OPTIONS] %s\n%s\n", command->examples[0].line,
            command->examples[1].line, command->name, command->operands, command->summary);
    print_actions(out, command);
    fputs("\n", out);
    print_options(out, command);
    return 0;
}

static int text_columns(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return COLUMNS;
    return size.ws_col < COLUMNS_MIN   ? COLUMNS_MIN
           : size.ws_col > COLUMNS_MAX ? COLUMNS_MAX
                                       : size.ws_col;
}

/* Text in words, from column `indent` on. */
static void print_wrapped(const char *text, int indent)
{
    int column = 0, columns = text_columns();
    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        int wide = tb_utf8_columns(text, length);
        if (column > 0 && column + 1 + wide > columns) {
            printf("\n");
            column = 0;
        }
        printf("%*s%.*s", column == 0 ? indent : 1, "", (int)length, text);
        column = (column == 0 ? indent : column + 1) + wide;
        text += length;
        while (*text == ' ')
            text++;
    }
    printf("\n");
}

static void print_example(const tb_block *block)
{
    print_wrapped(block->text, INDENT);
    const char *at = block->tag;
    for (;;) {
        size_t length = strcspn(at, "\n");
        printf("%*s%.*s\n", length > 0 ? ITEM_INDENT - 2 : 0, "", (int)length, at);
        if (at[length] == '\0')
            break;
        at += length + 1;
    }
    printf("\n");
}

static void print_block(const tb_app *app, const tb_block *block)
{
    char tag[96];
    switch (block->kind) {
    case TB_BLOCK_HEADING:
        printf("%s%s%s\n", tb_app_style(app, 1, TB_STYLE_BOLD), block->text,
               tb_app_style(app, 1, TB_STYLE_PLAIN));
        break;
    case TB_BLOCK_SYNOPSIS:
        printf("%sSYNOPSIS%s\n%*stimbre %s%s%s\n\n", tb_app_style(app, 1, TB_STYLE_BOLD),
               tb_app_style(app, 1, TB_STYLE_PLAIN), INDENT, "", block->tag,
               block->tag[0] == '\0' ? "" : " [OPTIONS] ", block->text);
        break;
    case TB_BLOCK_TEXT:
        print_wrapped(block->text, INDENT);
        printf("\n");
        break;
    case TB_BLOCK_ITEM:
        printf("%*s%s\n", INDENT, "", block->tag);
        print_wrapped(block->text, ITEM_INDENT);
        break;
    case TB_BLOCK_OPTION:
        tb_option_format(&block->option, tag, sizeof tag);
        printf("%*s%s\n", INDENT, "", tag + strspn(tag, " "));
        print_wrapped(block->text, ITEM_INDENT);
        break;
    case TB_BLOCK_EXAMPLE:
        print_example(block);
        break;
    }
}

static bool is_list(tb_block_kind kind)
{
    return kind == TB_BLOCK_ITEM || kind == TB_BLOCK_OPTION;
}

int tb_page_print(tb_app *app, const tb_page *page)
{
    tb_error err = {0};
    if (page->failed) {
        (void)tb_fail(&err, TIMBRE_NO_MEMORY, "no memory for a manual page");
        return tb_app_fail(app, &err);
    }
    if (page->section == 7)
        printf("%s%s%s: %s\n\n", tb_app_style(app, 1, TB_STYLE_BOLD), page->name,
               tb_app_style(app, 1, TB_STYLE_PLAIN), page->summary);
    else
        printf("%sNAME%s\n%*s%s - %s\n\n", tb_app_style(app, 1, TB_STYLE_BOLD),
               tb_app_style(app, 1, TB_STYLE_PLAIN), INDENT, "", page->name, page->summary);
    for (size_t i = 0; i < page->n_blocks; i++) {
        if (i > 0 && is_list(page->blocks[i - 1].kind) && !is_list(page->blocks[i].kind))
            printf("\n");
        print_block(app, &page->blocks[i]);
    }
    return 0;
}

int tb_help_print(tb_app *app, const tb_command *command)
{
    tb_page page;
    tb_page_init_command(&page, command);
    int code = tb_page_print(app, &page);
    tb_page_deinit(&page);
    return code;
}
