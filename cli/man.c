#include "cli/man.h"

#include <ctype.h>
#include <string.h>

static const char PAGE_DATE[] = "November 22, 2026"; /* when the texts were last read through */

/* A backslash would begin an escape; a dot or quote at the start of a line a request. */
static void append_escaped(tb_str *out, const char *text, size_t length, bool at_line_start)
{
    if (at_line_start && length > 0 && (text[0] == '.' || text[0] == '\''))
        tb_str_append(out, "\\&");
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\\')
            tb_str_append(out, "\\e");
        else
            tb_str_append_bytes(out, text + i, 1);
        if (text[i] == '\n' && i + 1 < length && (text[i + 1] == '.' || text[i + 1] == '\''))
            tb_str_append(out, "\\&");
    }
}

/* Each sentence on its own line, as mdoc wants it. */
static void append_text(tb_str *out, const char *text)
{
    while (*text != '\0') {
        const char *end = text;
        while (*end != '\0' && !(*end == '.' && end[1] == ' '))
            end++;
        size_t length = (size_t)(end - text) + (*end == '.');
        append_escaped(out, text, length, true);
        tb_str_append(out, "\n");
        text += length;
        while (*text == ' ')
            text++;
    }
}

/* One argument of a macro: never taken for a macro or a delimiter. */
static void append_argument(tb_str *out, const char *text)
{
    tb_str_append(out, " \"");
    append_escaped(out, text, strlen(text), true);
    tb_str_append(out, "\"");
}

static void append_option_tag(tb_str *out, const tb_option *option)
{
    tb_str_append(out, ".It");
    if (option->short_name != 0)
        tb_str_appendf(out, " Fl %c", option->short_name);
    if (option->short_name != 0 && option->name != NULL)
        tb_str_append(out, " ,");
    if (option->name != NULL)
        tb_str_appendf(out, " Fl Fl %s", option->name);
    if (option->value_name != NULL)
        tb_str_appendf(out, " Ar %s", option->value_name);
    tb_str_append(out, "\n");
}

static void append_synopsis(tb_str *out, const tb_block *block)
{
    tb_str_append(out, ".Sh SYNOPSIS\n.Nm timbre\n");
    if (block->tag[0] != '\0')
        tb_str_appendf(out, ".Cm %s\n.Op Ar OPTIONS\n", block->tag);
    if (block->text[0] != '\0') {
        tb_str_append(out, ".Ar");
        append_argument(out, block->text);
        tb_str_append(out, "\n");
    }
}

/* "timbre(1), timbre-config(5)" as cross references. */
static void append_references(tb_str *out, const char *text)
{
    while (*text != '\0') {
        size_t name = strcspn(text, "("), length = strcspn(text, ",");
        bool is_last = text[length] == '\0';
        tb_str_appendf(out, ".Xr %.*s %c%s\n", (int)name, text, text[name + 1],
                       is_last ? "" : " ,");
        text += length;
        text += strspn(text, ", ");
    }
}

static bool is_item(const tb_page *page, size_t i)
{
    return i < page->n_blocks &&
           (page->blocks[i].kind == TB_BLOCK_ITEM || page->blocks[i].kind == TB_BLOCK_OPTION);
}

static void append_item(tb_str *out, const tb_page *page, size_t i)
{
    const tb_block *block = &page->blocks[i];
    if (i == 0 || !is_item(page, i - 1))
        tb_str_append(out, ".Bl -tag -width Ds\n");
    if (block->kind == TB_BLOCK_OPTION) {
        append_option_tag(out, &block->option);
    } else {
        tb_str_append(out, ".It Cm");
        append_argument(out, block->tag);
        tb_str_append(out, "\n");
    }
    append_text(out, block->text);
    if (!is_item(page, i + 1))
        tb_str_append(out, ".El\n");
}

static void append_block(tb_str *out, const tb_page *page, size_t i, bool is_references)
{
    const tb_block *block = &page->blocks[i];
    bool follows_text = i > 0 && page->blocks[i - 1].kind != TB_BLOCK_HEADING;
    switch (block->kind) {
    case TB_BLOCK_HEADING:
        tb_str_appendf(out, ".Sh %s\n", block->text);
        break;
    case TB_BLOCK_SYNOPSIS:
        append_synopsis(out, block);
        break;
    case TB_BLOCK_TEXT:
        if (is_references) {
            append_references(out, block->text);
            break;
        }
        tb_str_append(out, follows_text ? ".Pp\n" : "");
        append_text(out, block->text);
        break;
    case TB_BLOCK_EXAMPLE:
        tb_str_append(out, follows_text ? ".Pp\n" : "");
        append_text(out, block->text);
        tb_str_append(out, ".Bd -literal -offset indent\n");
        append_escaped(out, block->tag, strlen(block->tag), true);
        tb_str_append(out, "\n.Ed\n");
        break;
    case TB_BLOCK_ITEM:
    case TB_BLOCK_OPTION:
        append_item(out, page, i);
        break;
    }
}

void tb_page_format_mdoc(const tb_page *page, tb_str *out)
{
    char title[40];
    size_t n = 0;
    for (; page->name[n] != '\0' && n + 1 < sizeof title; n++)
        title[n] = (char)toupper((unsigned char)page->name[n]);
    title[n] = '\0';
    tb_str_appendf(out, ".Dd %s\n.Dt %s %d\n.Os\n.Sh NAME\n.Nm %s\n.Nd %s\n", PAGE_DATE, title,
                   page->section, page->name, page->summary);
    bool is_references = false;
    for (size_t i = 0; i < page->n_blocks; i++) {
        if (page->blocks[i].kind == TB_BLOCK_HEADING)
            is_references = strcmp(page->blocks[i].text, "SEE ALSO") == 0;
        append_block(out, page, i, is_references);
    }
}
