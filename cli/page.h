/*
 * A manual page as a list of blocks, built from the tables of commands, options, settings and
 * status codes. Two renderers read it: help.c for the terminal, man.c for mdoc.
 */
#ifndef TB_CLI_PAGE_H
#define TB_CLI_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/commands.h"
#include "engine/base/arena.h"

typedef enum tb_block_kind {
    TB_BLOCK_HEADING,
    TB_BLOCK_SYNOPSIS, /* tag: command or ""; text: operands */
    TB_BLOCK_TEXT,
    TB_BLOCK_ITEM,    /* tag and its text */
    TB_BLOCK_OPTION,  /* option and its text */
    TB_BLOCK_EXAMPLE, /* tag: the line; text: what it does */
} tb_block_kind;

typedef struct tb_block {
    tb_block_kind kind;
    const char *tag, *text;
    tb_option option;
} tb_block;

typedef struct tb_page {
    const char *name; /* "timbre-generate"; a topic's own name */
    int section;      /* 1, 5; 7 for topics */
    const char *summary;
    tb_block *blocks; /* owned */
    size_t n_blocks, capacity;
    tb_arena texts; /* owns what the blocks point to, where that is not static */
    bool failed;    /* out of memory */
} tb_page;

/* The page called `name`: "timbre.1", "timbre-COMMAND.1", "timbre-config.5". False when there is
 * none. Free with tb_page_deinit either way. */
bool tb_page_load(tb_page *page, const char *name);
/* The page of a command; NULL: of the program. */
void tb_page_init_command(tb_page *page, const tb_command *command);
void tb_page_deinit(tb_page *page);

/* For those who build pages. Formatted text is kept by the page. */
void tb_page_add(tb_page *page, tb_block_kind kind, const char *tag, const char *text);
const char *tb_page_format(tb_page *page, const char *fmt, ...) TB_PRINTF(2, 3);

#endif
