/* A list to choose from, with a line to filter it: palette, help, settings, old prompts, models. */
#ifndef TB_CLI_TUI_OVERLAY_LIST_H
#define TB_CLI_TUI_OVERLAY_LIST_H

#include "cli/tui/studio.h"

typedef struct tb_item {
    char *text;  /* owned */
    char *right; /* owned: in the last columns; may be NULL */
    char *why;   /* owned: it cannot be chosen; NULL: it can */
    bool is_heading;
    long value;
} tb_item;

typedef struct tb_list tb_list;

typedef struct tb_list_kind {
    const char *title, *hint;
    bool is_screen;  /* the whole screen; else a box in the middle */
    bool has_filter; /* letters filter; else they go to `key` */
    /* Add the items that fit `filter` (tb_list_add); called after each change of it. */
    void (*fill)(tb_studio *studio, tb_list *list, const char *filter);
    /* Enter. The list is still open. */
    void (*choose)(tb_studio *studio, tb_list *list, const tb_item *item);
    /* Other keys; NULL: none. */
    bool (*key)(tb_studio *studio, tb_list *list, const tb_item *item, tb_key key);
    const tb_overlay_kind overlay; /* made with TB_LIST_OVERLAY */
} tb_list_kind;

struct tb_list {
    const tb_list_kind *kind;
    tb_item *items; /* owned */
    size_t n, capacity;
    tb_editor filter;
    int chosen, first;
};

void tb_open_list(tb_studio *studio, const tb_list_kind *kind);
void tb_list_add(tb_list *list, const tb_item *item, const char *text, const char *right,
                 const char *why);
/* Fill it anew, what is chosen stays where it can. */
void tb_list_refill(tb_studio *studio, tb_list *list);
/* How well `text` has the letters of `filter` in their order, any case: beginnings of words and
 * runs count more. Negative: it has not. "" fits all. */
int tb_fuzzy_score(const char *text, const char *filter);

void tb_list_draw(tb_studio *studio, void *state);
bool tb_list_input(tb_studio *studio, void *state, const tb_input *input);
void tb_list_free(void *state);
#define TB_LIST_OVERLAY(list_name, covers)                                                         \
    {                                                                                              \
        .name = (list_name), .is_screen = (covers), .draw = tb_list_draw, .input = tb_list_input,  \
        .free_state = tb_list_free                                                                 \
    }

#endif
