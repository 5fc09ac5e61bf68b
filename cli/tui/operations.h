/*
 * The one table of what can be done in the studio. Keys, hint line, help, palette, slash commands
 * and docs/studio.md are made from it; adding something is one row here and one function.
 */
#ifndef TB_CLI_TUI_OPERATIONS_H
#define TB_CLI_TUI_OPERATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct tb_studio;

/* Where keys of an operation act. */
enum {
    TB_WHERE_ANY = 1 << 0,
    TB_WHERE_PROMPT = 1 << 1,
    TB_WHERE_TAKES = 1 << 2,
    TB_WHERE_VIEW = 1 << 3, /* the spectrogram */
};

typedef struct tb_operation {
    const char *id;       /* in [keys]: "play-pause" */
    const char *title;    /* "Pause or go on" */
    const char *hint;     /* a word for the hint line; NULL: not there */
    unsigned where;       /* TB_WHERE_*, one */
    const char *keys;     /* built-in, as tb_keymap_set takes them */
    const char *slash;    /* "/cancel" without the slash; NULL: none */
    const char *argument; /* of the slash command, for people: "SECONDS"; NULL: none */
    const char *shell;    /* the same from a shell; NULL: it is about this screen only */
    int value;            /* for functions that serve several rows */
    bool is_quiet;        /* not in the palette: it only makes sense as a key */
    /* NULL: it can be done. Else why not, in a few words. May be NULL itself. */
    const char *(*why_not)(struct tb_studio *studio);
    /* `argument`: what followed the slash command; NULL: run by key or palette. */
    void (*run)(struct tb_studio *studio, const struct tb_operation *self, const char *argument);
} tb_operation;

const tb_operation *tb_operations(size_t *n);
/* Index by id; -1. */
int tb_operation_find(const char *id);
/* Index by slash command; -1. */
int tb_operation_find_slash(const char *name);
/* "Everywhere", "In the prompt" ... */
const char *tb_where_title(unsigned where);

/* Run it, or say why not. */
void tb_operation_run(struct tb_studio *studio, int operation, const char *argument);

/* The tables of docs/studio.md, as Markdown. */
void tb_operations_print(FILE *out);

#endif
