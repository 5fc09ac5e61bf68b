#include "cli/tui/editor.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "cli/tui/cluster.h"

/* What the last edit was, for what belongs together. */
enum { LAST_NONE, LAST_TYPED, LAST_KILL };

const char *tb_editor_text(const tb_editor *e)
{
    return tb_str_text(&e->text);
}

static size_t length(const tb_editor *e)
{
    return e->text.len;
}

/* ---- undo ---- */

static void empty_stack(tb_editor_state *stack, size_t *n)
{
    for (size_t i = 0; i < *n; i++)
        free(stack[i].text);
    *n = 0;
}

static void push_state(tb_editor_state **stack, size_t *n, const tb_editor *e)
{
    if (*stack == NULL)
        *stack = calloc(TB_EDITOR_UNDO_MAX, sizeof **stack);
    char *text = *stack != NULL ? tb_strdup(tb_editor_text(e)) : NULL;
    if (text == NULL)
        return; /* one step less to go back */
    if (*n == TB_EDITOR_UNDO_MAX) {
        free((*stack)[0].text);
        memmove(*stack, *stack + 1, (*n - 1) * sizeof **stack);
        (*n)--;
    }
    (*stack)[(*n)++] = (tb_editor_state){text, e->cursor};
}

/* Before a change: what it changes can come back. */
static void remember(tb_editor *e)
{
    push_state(&e->undo, &e->n_undo, e);
    empty_stack(e->redo, &e->n_redo);
}

/* By text[0 .. n). */
static void replace_all(tb_editor *e, const char *text, size_t n, size_t cursor)
{
    tb_str_deinit(&e->text);
    tb_str_append_bytes(&e->text, text, n);
    e->cursor = cursor <= e->text.len ? cursor : e->text.len;
    e->has_wanted_column = false;
}

static bool go_back(tb_editor *e, tb_editor_state **from, size_t *n_from, tb_editor_state **to,
                    size_t *n_to)
{
    if (*n_from == 0)
        return false;
    push_state(to, n_to, e);
    tb_editor_state state = (*from)[--*n_from];
    replace_all(e, state.text, strlen(state.text), state.cursor);
    free(state.text);
    return true;
}

void tb_editor_deinit(tb_editor *e)
{
    empty_stack(e->undo, &e->n_undo);
    empty_stack(e->redo, &e->n_redo);
    free(e->undo);
    free(e->redo);
    free(e->killed);
    tb_str_deinit(&e->text);
    *e = (tb_editor){0};
}

/* ---- changes ---- */

void tb_editor_set(tb_editor *e, const char *text)
{
    size_t n = strlen(text);
    while (n > TB_EDITOR_MAX_BYTES || (n > 0 && (text[n] & 0xC0) == 0x80))
        n--;
    remember(e);
    replace_all(e, text, n, n);
    e->last_edit = LAST_NONE;
}

/* What was joined or parted may have other clusters: the cursor goes to the next edge. */
static void snap(tb_editor *e)
{
    const char *text = tb_editor_text(e);
    size_t at = e->cursor;
    while (at > 0 && text[at - 1] != '\n')
        at--;
    while (at < e->cursor)
        at += tb_cluster_next(text + at, length(e) - at);
    e->cursor = at;
    e->has_wanted_column = false;
}

static void put(tb_editor *e, const char *text, size_t n)
{
    tb_str next = {0};
    tb_str_append_bytes(&next, tb_editor_text(e), e->cursor);
    tb_str_append_bytes(&next, text, n);
    tb_str_append(&next, tb_editor_text(e) + e->cursor);
    if (next.failed) {
        tb_str_deinit(&next);
        return;
    }
    tb_str_deinit(&e->text);
    e->text = next;
    e->cursor += n;
    snap(e);
}

bool tb_editor_insert(tb_editor *e, const char *text, size_t n, bool is_typed)
{
    size_t room = TB_EDITOR_MAX_BYTES - length(e), fits = n;
    while (fits > room || (fits < n && fits > 0 && (text[fits] & 0xC0) == 0x80))
        fits--;
    if (fits > 0) {
        bool goes_on = is_typed && e->last_edit == LAST_TYPED && strchr(" \n", text[0]) == NULL;
        if (!goes_on)
            remember(e);
        put(e, text, fits);
        e->last_edit = is_typed ? LAST_TYPED : LAST_NONE;
    }
    return fits == n;
}

void tb_editor_type(tb_editor *e, uint32_t code)
{
    utf8proc_uint8_t bytes[4];
    utf8proc_ssize_t n = utf8proc_encode_char((utf8proc_int32_t)code, bytes);
    if (n > 0)
        (void)tb_editor_insert(e, (const char *)bytes, (size_t)n, true);
}

/* Take [from, to) out; into the kill buffer, before (is_before) or behind what was cut just now. */
static bool cut(tb_editor *e, size_t from, size_t to, bool kills, bool is_before)
{
    if (from >= to)
        return false;
    remember(e);
    const char *text = tb_editor_text(e);
    char *piece = kills ? strndup(text + from, to - from) : NULL;
    if (piece != NULL) {
        const char *old = e->last_edit == LAST_KILL && e->killed != NULL ? e->killed : "";
        char *joined = tb_strf("%s%s", is_before ? piece : old, is_before ? old : piece);
        free(e->killed);
        e->killed = joined;
        free(piece);
    }
    tb_str rest = {0};
    tb_str_append_bytes(&rest, text, from);
    tb_str_append(&rest, text + to);
    tb_str_deinit(&e->text);
    e->text = rest;
    e->cursor = from;
    snap(e);
    e->last_edit = kills ? LAST_KILL : LAST_NONE;
    return true;
}

/* ---- places ---- */

static size_t before(const tb_editor *e, size_t at)
{
    return at - tb_cluster_before(tb_editor_text(e), at);
}

static size_t after(const tb_editor *e, size_t at)
{
    return at + tb_cluster_next(tb_editor_text(e) + at, length(e) - at);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

static size_t line_start(const tb_editor *e, size_t at)
{
    while (at > 0 && tb_editor_text(e)[at - 1] != '\n')
        at--;
    return at;
}

/* The last edge of a cluster that is not behind `at`. */
static size_t edge_before(const tb_editor *e, size_t at)
{
    size_t edge = line_start(e, at), next = edge;
    while (next <= at && next < length(e)) {
        edge = next;
        next = after(e, edge);
    }
    return next <= at ? next : edge;
}

/* Letters and whatever is not ASCII belong to words. */
static bool is_word(char c)
{
    return (unsigned char)c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') || c == '_';
}

static size_t word_start(const tb_editor *e, size_t at, bool by_blanks)
{
    const char *text = tb_editor_text(e);
    while (at > 0 && (by_blanks ? is_blank(text[at - 1]) : !is_word(text[at - 1])))
        at--;
    while (at > 0 && (by_blanks ? !is_blank(text[at - 1]) : is_word(text[at - 1])))
        at--;
    return edge_before(e, at);
}

static size_t word_end(const tb_editor *e, size_t at)
{
    const char *text = tb_editor_text(e);
    while (at < length(e) && !is_word(text[at]))
        at++;
    while (at < length(e) && is_word(text[at]))
        at++;
    size_t edge = edge_before(e, at); /* a mark after a sign that is no word */
    return edge < at ? after(e, edge) : at;
}

static size_t line_end(const tb_editor *e, size_t at)
{
    return at + strcspn(tb_editor_text(e) + at, "\n");
}

static bool move_to(tb_editor *e, size_t to)
{
    bool moves = to != e->cursor;
    e->cursor = to;
    e->has_wanted_column = false;
    e->last_edit = LAST_NONE;
    return moves;
}

/* ---- rows of the screen ---- */

/* A blank that no mark sits on. */
static bool is_break(const char *text, size_t n)
{
    return text[0] == ' ' && tb_cluster_next(text, n) == 1;
}

/* End of the row that begins at `from`, and where the next begins (past a line break). */
static size_t row_end(const tb_editor *e, size_t from, int columns, size_t *next)
{
    const char *text = tb_editor_text(e);
    size_t line = line_end(e, from);
    size_t fits = columns > 0 ? tb_text_fit(text + from, line - from, columns) : line - from;
    *next = from + fits;
    if (from + fits == line) {
        bool is_full = columns > 0 && tb_text_columns(text + from, fits) == columns;
        if (line < length(e) || !is_full) /* beyond the end: there is no further row */
            *next = line + 1;
        return line;
    }
    size_t at = fits;
    while (at > 0 && !is_break(text + from + at - 1, line - (from + at - 1)))
        at--;
    if (at == 0)
        at = fits > 0 ? fits : tb_cluster_next(text + from, line - from);
    *next = from + at;
    return from + at;
}

typedef struct {
    size_t from, to;
} row;

/* Bounds of row `i`; false: there is none. */
static bool find_row(const tb_editor *e, int i, row *out)
{
    size_t from = 0, next;
    for (int k = 0;; k++) {
        size_t to = row_end(e, from, e->columns, &next);
        *out = (row){from, to};
        if (k == i)
            return true;
        if (next > length(e) || (next == from && to == from))
            return false;
        from = next;
    }
}

int tb_editor_rows(tb_editor *e, int columns, int *cursor_row, int *cursor_column)
{
    size_t from = 0, next;
    int n = 0;
    e->columns = columns;
    *cursor_row = *cursor_column = 0;
    for (;; n++) {
        size_t to = row_end(e, from, columns, &next);
        if (e->cursor >= from && (e->cursor < next || next > length(e))) {
            *cursor_row = n;
            *cursor_column = tb_text_columns(tb_editor_text(e) + from, e->cursor - from);
        }
        if (next > length(e) || (next == from && to == from))
            return n + 1;
        from = next;
    }
}

/* The cluster's edge in the row that is nearest before the column. */
static size_t place_in_row(const tb_editor *e, row r, int column)
{
    size_t fits = tb_text_fit(tb_editor_text(e) + r.from, r.to - r.from, column);
    size_t at = r.from + fits;
    bool is_wrapped = at == r.to && r.to < length(e) && tb_editor_text(e)[r.to] != '\n';
    return is_wrapped && at > r.from ? before(e, at) : at;
}

static bool move_row(tb_editor *e, int step)
{
    int cursor_row, cursor_column;
    (void)tb_editor_rows(e, e->columns, &cursor_row, &cursor_column);
    int wanted = e->has_wanted_column ? e->wanted_column : cursor_column;
    row r;
    if (cursor_row + step < 0 || !find_row(e, cursor_row + step, &r))
        return false;
    (void)move_to(e, place_in_row(e, r, wanted));
    e->wanted_column = wanted;
    e->has_wanted_column = true;
    return true;
}

void tb_editor_click(tb_editor *e, int row_index, int column)
{
    row r;
    if (row_index >= 0 && find_row(e, row_index, &r))
        (void)move_to(e, place_in_row(e, r, column < 0 ? 0 : column));
}

void tb_editor_draw(tb_editor *e, tb_canvas *canvas, tb_area area, int first_row, tb_ink ink)
{
    row r;
    e->columns = area.columns;
    for (int i = 0; i < area.rows && find_row(e, first_row + i, &r); i++)
        (void)tb_draw_bytes(canvas, area, i, 0, tb_editor_text(e) + r.from, r.to - r.from, ink);
}

/* ---- edits by meaning ---- */

static bool yank(tb_editor *e)
{
    if (e->killed == NULL || e->killed[0] == '\0')
        return false;
    (void)tb_editor_insert(e, e->killed, strlen(e->killed), false);
    return true;
}

/* A line break where the line is empty already. */
static bool kill_to_end(tb_editor *e)
{
    size_t end = line_end(e, e->cursor);
    return cut(e, e->cursor, end > e->cursor ? end : after(e, end), true, false);
}

bool tb_editor_edit(tb_editor *e, tb_edit edit)
{
    size_t at = e->cursor;
    switch (edit) {
    case TB_EDIT_LEFT:
        return move_to(e, before(e, at));
    case TB_EDIT_RIGHT:
        return move_to(e, after(e, at));
    case TB_EDIT_WORD_LEFT:
        return move_to(e, word_start(e, at, false));
    case TB_EDIT_WORD_RIGHT:
        return move_to(e, word_end(e, at));
    case TB_EDIT_LINE_START:
        return move_to(e, line_start(e, at));
    case TB_EDIT_LINE_END:
        return move_to(e, line_end(e, at));
    case TB_EDIT_UP:
        return move_row(e, -1);
    case TB_EDIT_DOWN:
        return move_row(e, 1);
    case TB_EDIT_DELETE_BEFORE:
        return cut(e, before(e, at), at, false, false);
    case TB_EDIT_DELETE_AFTER:
        return cut(e, at, after(e, at), false, false);
    case TB_EDIT_KILL_WORD_BEFORE:
        return cut(e, word_start(e, at, true), at, true, true);
    case TB_EDIT_KILL_WORD_AFTER:
        return cut(e, at, word_end(e, at), true, false);
    case TB_EDIT_KILL_TO_START:
        return cut(e, line_start(e, at), at, true, true);
    case TB_EDIT_KILL_TO_END:
        return kill_to_end(e);
    case TB_EDIT_YANK:
        return yank(e);
    case TB_EDIT_NEW_LINE:
        return tb_editor_insert(e, "\n", 1, false);
    case TB_EDIT_UNDO:
        e->last_edit = LAST_NONE;
        return go_back(e, &e->undo, &e->n_undo, &e->redo, &e->n_redo);
    case TB_EDIT_REDO:
        e->last_edit = LAST_NONE;
        return go_back(e, &e->redo, &e->n_redo, &e->undo, &e->n_undo);
    }
    return false;
}
