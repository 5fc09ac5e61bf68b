/* Small boxes that ask: a line of text, and what becomes of running takes at the end. */
#include <stdlib.h>
#include <string.h>

#include "cli/tui/studio.h"

typedef struct {
    char *title, *user; /* owned */
    tb_editor editor;
    void (*done)(tb_studio *studio, const char *text, const char *user);
} question;

static void free_question(void *state)
{
    question *q = state;
    free(q->title);
    free(q->user);
    tb_editor_deinit(&q->editor);
    free(q);
}

static tb_area draw_box(tb_studio *studio, const char *title, int rows)
{
    tb_canvas *canvas = &studio->canvas;
    tb_area all = tb_canvas_area(canvas);
    int columns = all.columns - 4 < 72 ? all.columns - 4 : 72;
    tb_area box = {(all.rows - rows) / 2, (all.columns - columns) / 2, rows, columns};
    tb_draw_fill(canvas, box, (tb_ink){0});
    tb_draw_rule(canvas, box, 0);
    tb_draw_rule(canvas, box, rows - 1);
    (void)tb_draw_cut(canvas, box, 0, 2, columns - 4, title, (tb_ink){.attrs = TB_ATTR_BOLD});
    return box;
}

static void draw(tb_studio *studio, void *state)
{
    question *q = state;
    tb_area box = draw_box(studio, q->title, 3);
    tb_area text = {box.row + 1, box.column + 2, 1, box.columns - 4};
    int row, column;
    (void)tb_editor_rows(&q->editor, text.columns, &row, &column);
    tb_editor_draw(&q->editor, &studio->canvas, text, row, (tb_ink){0});
    (void)tb_draw(&studio->canvas, box, 2, 2, " Enter takes it, Esc leaves it ",
                  (tb_ink){.role = TB_ROLE_DIM});
    studio->canvas.cursor_row = text.row;
    studio->canvas.cursor_column = text.column + column;
}

static void finish(tb_studio *studio, question *q)
{
    char *text = tb_strdup(tb_editor_text(&q->editor)), *user = q->user;
    void (*done)(tb_studio *, const char *, const char *) = q->done;
    q->user = NULL;
    tb_studio_close_overlay(studio);
    if (text != NULL)
        done(studio, text, user);
    free(text);
    free(user);
}

static bool input(tb_studio *studio, void *state, const tb_input *input)
{
    question *q = state;
    if (input->kind == TB_INPUT_PASTE) {
        (void)tb_editor_insert(&q->editor, input->text, strcspn(input->text, "\n"), false);
        return true;
    }
    if (input->kind != TB_INPUT_KEY)
        return false;
    if (input->key.code == TB_KEY_ENTER) {
        finish(studio, q);
        return true;
    }
    int operation = tb_keymap_find(&studio->keymap, TB_WHERE_PROMPT, input->key);
    size_t n;
    const tb_operation *o = operation >= 0 ? &tb_operations(&n)[operation] : NULL;
    bool is_edit = o != NULL && o->where == TB_WHERE_PROMPT && o->value != TB_EDIT_NEW_LINE &&
                   strcmp(o->id, "submit") != 0 && strcmp(o->id, "end-of-input") != 0;
    if (is_edit)
        (void)tb_editor_edit(&q->editor, (tb_edit)o->value);
    else if (input->key.code < TB_KEY_FIRST && input->key.mods == 0 && input->key.code >= ' ')
        tb_editor_type(&q->editor, input->key.code);
    else
        return false;
    return true;
}

static const tb_overlay_kind kind = {
    .name = "question", .draw = draw, .input = input, .free_state = free_question};

void tb_open_question(tb_studio *studio, const char *title, const char *text,
                      void (*done)(tb_studio *studio, const char *text, const char *user),
                      const char *user)
{
    question *q = calloc(1, sizeof *q);
    if (q == NULL) {
        tb_studio_toast(studio, TB_ROLE_ERROR, "no memory");
        return;
    }
    q->title = tb_strdup(title);
    q->user = tb_strdup(user);
    q->done = done;
    tb_editor_set(&q->editor, text);
    if (q->title == NULL || q->user == NULL) {
        free_question(q);
        return;
    }
    tb_studio_open_overlay(studio, tb_overlay_new(&kind, q));
}

/* ---- quit while takes are being made ---- */

static void draw_quit(tb_studio *studio, void *state)
{
    (void)state;
    tb_area box = draw_box(studio, " Takes are being made ", 5);
    static const char *const rows[] = {"f    finish them in the background, and quit",
                                       "c    cancel them, and quit", "Esc  stay"};
    for (int i = 0; i < 3; i++)
        (void)tb_draw(&studio->canvas, box, 1 + i, 3, rows[i], (tb_ink){0});
}

static bool quit_input(tb_studio *studio, void *state, const tb_input *input)
{
    (void)state;
    bool finishes = input->kind == TB_INPUT_KEY && input->key.code == 'f';
    bool cancels = input->kind == TB_INPUT_KEY && input->key.code == 'c' && input->key.mods == 0;
    for (size_t i = 0; cancels && i < studio->collection.n; i++)
        if (tb_take_is_active(studio->collection.takes[i]))
            tb_studio_cancel(studio, studio->collection.takes[i]);
    if (!finishes && !cancels)
        return false;
    studio->quits_when_idle = cancels;
    studio->must_quit = finishes;
    tb_studio_close_overlay(studio);
    return true;
}

static const tb_overlay_kind quit = {.name = "quit", .draw = draw_quit, .input = quit_input};

void tb_open_quit(tb_studio *studio)
{
    tb_studio_open_overlay(studio, tb_overlay_new(&quit, NULL));
}
