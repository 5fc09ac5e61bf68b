/*
 * The text of a prompt while it is written: several lines of UTF-8, edited by grapheme clusters,
 * with undo and a kill buffer. Knows keys by meaning, not by binding, and nothing of the screen but
 * its width.
 */
#ifndef TB_CLI_TUI_EDITOR_H
#define TB_CLI_TUI_EDITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/tui/canvas.h"
#include "engine/base/str.h"

typedef enum tb_edit {
    TB_EDIT_LEFT,
    TB_EDIT_RIGHT,
    TB_EDIT_WORD_LEFT,
    TB_EDIT_WORD_RIGHT,
    TB_EDIT_LINE_START, /* of the logical line */
    TB_EDIT_LINE_END,
    TB_EDIT_UP, /* by rows of the screen; false at the first */
    TB_EDIT_DOWN,
    TB_EDIT_DELETE_BEFORE,
    TB_EDIT_DELETE_AFTER,
    TB_EDIT_KILL_WORD_BEFORE, /* to the blank before: Ctrl+W; into the kill buffer */
    TB_EDIT_KILL_WORD_AFTER,
    TB_EDIT_KILL_TO_START,
    TB_EDIT_KILL_TO_END,
    TB_EDIT_YANK,
    TB_EDIT_NEW_LINE,
    TB_EDIT_UNDO,
    TB_EDIT_REDO,
} tb_edit;

enum { TB_EDITOR_MAX_BYTES = 64 << 10, TB_EDITOR_UNDO_MAX = 200 };

typedef struct tb_editor_state {
    char *text;
    size_t cursor;
} tb_editor_state;

/* Zero-initialise. */
typedef struct tb_editor {
    tb_str text;
    size_t cursor;          /* byte, at the edge of a cluster */
    int wanted_column;      /* that Up and Down aim for */
    bool has_wanted_column; /* else that of the cursor */
    int columns;            /* of a row on the screen; 0: rows are the logical lines */
    char *killed;           /* owned */
    int last_edit;          /* typed letters in a row are one step of undo; kills in a row add up */
    tb_editor_state *undo, *redo; /* owned rings of owned texts, the newest last */
    size_t n_undo, n_redo;
} tb_editor;

void tb_editor_deinit(tb_editor *editor);
/* "" when empty. */
const char *tb_editor_text(const tb_editor *editor);
/* Replace the text, cursor at its end; can be undone. */
void tb_editor_set(tb_editor *editor, const char *text);
/* Put text at the cursor; what exceeds TB_EDITOR_MAX_BYTES is left out and false returned. */
bool tb_editor_insert(tb_editor *editor, const char *text, size_t n, bool is_typed);
/* Put one character at the cursor, as typed. */
void tb_editor_type(tb_editor *editor, uint32_t code);
/* False when there was nothing to do. */
bool tb_editor_edit(tb_editor *editor, tb_edit edit);
/* Put the cursor where a click on (row, column) of the drawn text points; rows as in
 * tb_editor_rows. */
void tb_editor_click(tb_editor *editor, int row_index, int column);

/* Rows that the text takes at `columns`, and the cursor's place in them. A row is broken before the
 * word that does not fit, a longer word between clusters; the cursor after a full row stands in the
 * next. */
int tb_editor_rows(tb_editor *editor, int columns, int *cursor_row, int *cursor_column);
/* Draw rows first_row .. into the area (its columns are those of tb_editor_rows). Does not set the
 * canvas' cursor. */
void tb_editor_draw(tb_editor *editor, tb_canvas *canvas, tb_area area, int first_row, tb_ink ink);

#endif
