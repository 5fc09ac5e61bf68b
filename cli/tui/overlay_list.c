#include "cli/tui/overlay_list.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { BOX_COLUMNS = 72, BOX_ROWS = 14, FILTER_COLUMNS = 20 };

int tb_fuzzy_score(const char *text, const char *filter)
{
    int score = 0, run = 0;
    const char *begin = text;
    for (; *filter != '\0'; filter++) {
        if (*filter == ' ')
            continue;
        int wanted = tolower((unsigned char)*filter);
        for (run = *text != '\0' && tolower((unsigned char)*text) == wanted ? run : 0;
             *text != '\0' && tolower((unsigned char)*text) != wanted; text++)
            ;
        if (*text == '\0')
            return -1;
        bool is_first = text == begin || !isalnum((unsigned char)text[-1]);
        score += 1 + (is_first ? 8 : 0) + 4 * run;
        run++;
        text++;
    }
    return score;
}

void tb_list_add(tb_list *list, const tb_item *item, const char *text, const char *right,
                 const char *why)
{
    if (list->n == list->capacity) {
        size_t capacity = list->capacity == 0 ? 32 : list->capacity * 2;
        tb_item *items = realloc(list->items, capacity * sizeof *items);
        if (items == NULL)
            return;
        list->items = items;
        list->capacity = capacity;
    }
    tb_item *added = &list->items[list->n];
    *added = *item;
    added->text = tb_strdup(text);
    added->right = right != NULL ? tb_strdup(right) : NULL;
    added->why = why != NULL ? tb_strdup(why) : NULL;
    list->n += added->text != NULL;
}

static void empty(tb_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->items[i].text);
        free(list->items[i].right);
        free(list->items[i].why);
    }
    list->n = 0;
}

void tb_list_free(void *state)
{
    tb_list *list = state;
    empty(list);
    free(list->items);
    tb_editor_deinit(&list->filter);
    free(list);
}

/* From `at` on in the direction, over headings. */
static int selectable(const tb_list *list, int at, int step)
{
    while (at >= 0 && at < (int)list->n && list->items[at].is_heading)
        at += step;
    return at >= 0 && at < (int)list->n ? at : -1;
}

void tb_list_refill(tb_studio *studio, tb_list *list)
{
    empty(list);
    list->kind->fill(studio, list, tb_editor_text(&list->filter));
    int at = list->chosen < (int)list->n ? list->chosen : (int)list->n - 1;
    int found = selectable(list, at < 0 ? 0 : at, 1);
    list->chosen = found >= 0 ? found : 0;
    studio->is_dirty = true;
}

void tb_open_list(tb_studio *studio, const tb_list_kind *kind)
{
    tb_list *list = calloc(1, sizeof *list);
    if (list == NULL) {
        tb_studio_toast(studio, TB_ROLE_ERROR, "no memory");
        return;
    }
    list->kind = kind;
    tb_list_refill(studio, list);
    tb_studio_open_overlay(studio, tb_overlay_new(&kind->overlay, list));
}

/* ---- drawing ---- */

static tb_area draw_frame(tb_studio *studio, const tb_list *list)
{
    tb_canvas *canvas = &studio->canvas;
    tb_area all = tb_canvas_area(canvas);
    if (list->kind->is_screen)
        return (tb_area){0, 0, all.rows, all.columns};
    int columns = all.columns - 4 < BOX_COLUMNS ? all.columns - 4 : BOX_COLUMNS;
    int rows = all.rows - 4 < BOX_ROWS ? all.rows - 4 : BOX_ROWS;
    rows = rows < 6 ? 6 : rows;
    tb_area box = {(all.rows - rows) / 2, (all.columns - columns) / 2, rows, columns};
    tb_draw_fill(canvas, box, (tb_ink){0});
    bool u = canvas->is_utf8;
    for (int side = 0; side < 2; side++)
        for (int row = 0; row < rows; row++)
            (void)tb_draw(canvas, box, row, side * (columns - 1), tb_sign_text(TB_SIGN_COLUMN, u),
                          (tb_ink){.role = TB_ROLE_DIM});
    tb_draw_rule(canvas, box, 0);
    tb_draw_rule(canvas, box, rows - 1);
    static const tb_sign corners[2][2] = {
        {TB_SIGN_CORNER_TOP_LEFT, TB_SIGN_CORNER_TOP_RIGHT},
        {TB_SIGN_CORNER_BOTTOM_LEFT, TB_SIGN_CORNER_BOTTOM_RIGHT}};
    for (int i = 0; i < 4; i++)
        (void)tb_draw(canvas, box, i / 2 * (rows - 1), i % 2 * (columns - 1),
                      tb_sign_text(corners[i / 2][i % 2], u), (tb_ink){.role = TB_ROLE_DIM});
    return (tb_area){box.row, box.column + 1, rows, columns - 2};
}

static void draw_filter(tb_studio *studio, tb_list *list, tb_area area, int row, int column)
{
    tb_canvas *canvas = &studio->canvas;
    const char *text = tb_editor_text(&list->filter);
    column += tb_draw(canvas, area, row, column, "> ", (tb_ink){.role = TB_ROLE_ACCENT});
    int taken = tb_draw(canvas, area, row, column, text, (tb_ink){0});
    taken = column + taken < area.columns ? taken : area.columns - column - 1;
    canvas->cursor_row = area.row + row;
    canvas->cursor_column = area.column + column + taken;
}

static void draw_item(tb_studio *studio, const tb_list *list, tb_area area, int row, int i)
{
    const tb_item *item = &list->items[i];
    bool is_chosen = i == list->chosen;
    tb_ink ink = {.role = (uint8_t)(item->why != NULL ? TB_ROLE_DIM : TB_ROLE_TEXT),
                  .attrs = (uint8_t)((item->is_heading ? TB_ATTR_BOLD : 0) |
                                     (is_chosen ? TB_ATTR_REVERSE : 0))};
    tb_area line = {area.row + row, area.column, 1, area.columns};
    if (is_chosen)
        tb_draw_fill(&studio->canvas, line, ink);
    const char *right = item->why != NULL ? item->why : item->right != NULL ? item->right : "";
    int wide = tb_text_columns(right, strlen(right));
    wide = wide > area.columns / 2 ? area.columns / 2 : wide;
    int at = area.columns - wide - 1;
    (void)tb_draw_cut(&studio->canvas, line, 0, item->is_heading ? 1 : 3, at - 4, item->text, ink);
    (void)tb_draw_cut(&studio->canvas, line, 0, at, wide, right, ink);
}

void tb_list_draw(tb_studio *studio, void *state)
{
    tb_list *list = state;
    tb_canvas *canvas = &studio->canvas;
    tb_area area = draw_frame(studio, list);
    bool is_screen = list->kind->is_screen;
    char title[120];
    (void)snprintf(title, sizeof title, " %s ", list->kind->title);
    (void)tb_draw(canvas, area, 0, is_screen ? 0 : 1, title, (tb_ink){.attrs = TB_ATTR_BOLD});
    int hint = tb_text_columns(list->kind->hint, strlen(list->kind->hint));
    if (is_screen && area.columns > (int)strlen(title) + FILTER_COLUMNS + hint)
        (void)tb_draw_right(canvas, area, 0, list->kind->hint, (tb_ink){0});
    int top = is_screen ? 2 : 1;
    if (is_screen)
        tb_draw_rule(canvas, area, 1);
    if (list->kind->has_filter && is_screen)
        draw_filter(studio, list, area, 0, (int)strlen(title) + 2);
    else if (list->kind->has_filter)
        draw_filter(studio, list, area, top++, 1);
    tb_area body = {area.row + top, area.column, area.rows - top - 1, area.columns};
    int last = (int)list->n - body.rows;
    if (list->chosen < list->first)
        list->first = list->chosen;
    if (list->chosen >= list->first + body.rows)
        list->first = list->chosen - body.rows + 1;
    list->first = list->first > last ? last : list->first;
    list->first = list->first < 0 || list->chosen <= 1 ? 0 : list->first;
    for (int i = 0; i < body.rows && list->first + i < (int)list->n; i++)
        draw_item(studio, list, body, i, list->first + i);
    if (list->n == 0)
        (void)tb_draw(canvas, body, 0, 3, "nothing fits", (tb_ink){.role = TB_ROLE_DIM});
    char count[48];
    (void)snprintf(count, sizeof count, " %d of %zu ", list->n > 0 ? list->chosen + 1 : 0, list->n);
    (void)tb_draw_right(canvas, (tb_area){area.row, area.column, area.rows, area.columns - 1},
                        area.rows - 1, count, (tb_ink){.role = TB_ROLE_DIM});
    if (!is_screen)
        (void)tb_draw_cut(canvas, area, area.rows - 1, 1, area.columns - 3 - (int)strlen(count),
                          list->kind->hint, (tb_ink){.role = TB_ROLE_DIM});
}

/* ---- keys ---- */

static void move(tb_list *list, int step)
{
    for (int i = 0; i < abs(step); i++) {
        int next = selectable(list, list->chosen + (step < 0 ? -1 : 1), step < 0 ? -1 : 1);
        if (next < 0)
            return;
        list->chosen = next;
    }
}

static bool edit_filter(tb_studio *studio, tb_list *list, tb_key key)
{
    if (!list->kind->has_filter)
        return false;
    if (key.code == TB_KEY_BACKSPACE) {
        (void)tb_editor_edit(&list->filter, TB_EDIT_DELETE_BEFORE);
    } else if (key.code == 'u' && key.mods == TB_MOD_CTRL) {
        tb_editor_set(&list->filter, "");
    } else if (key.code < TB_KEY_FIRST && key.code >= ' ' &&
               (key.mods & ~(uint32_t)TB_MOD_SHIFT) == 0) {
        tb_editor_type(&list->filter, key.code);
    } else {
        return false;
    }
    list->chosen = list->first = 0;
    tb_list_refill(studio, list);
    return true;
}

static bool take_mouse(tb_list *list, const tb_mouse *mouse)
{
    if (mouse->kind == TB_MOUSE_WHEEL_UP)
        move(list, -3);
    if (mouse->kind == TB_MOUSE_WHEEL_DOWN)
        move(list, 3);
    return true;
}

bool tb_list_input(tb_studio *studio, void *state, const tb_input *input)
{
    static const struct {
        uint32_t code, mods;
        int step;
    } moves[] = {{TB_KEY_UP, 0, -1},        {TB_KEY_DOWN, 0, 1},    {TB_KEY_PAGE_UP, 0, -10},
                 {TB_KEY_PAGE_DOWN, 0, 10}, {'p', TB_MOD_CTRL, -1}, {'n', TB_MOD_CTRL, 1},
                 {TB_KEY_HOME, 0, -100000}, {TB_KEY_END, 0, 100000}};
    tb_list *list = state;
    if (input->kind == TB_INPUT_MOUSE)
        return take_mouse(list, &input->mouse);
    if (input->kind != TB_INPUT_KEY)
        return input->kind == TB_INPUT_PASTE;
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++)
        if (moves[i].code == input->key.code && moves[i].mods == input->key.mods) {
            move(list, moves[i].step);
            return true;
        }
    const tb_item *item = list->n > 0 ? &list->items[list->chosen] : NULL;
    if (input->key.code == TB_KEY_ENTER) {
        if (item != NULL && item->why != NULL)
            tb_studio_toast(studio, TB_ROLE_WARN, "%s: %s", item->text, item->why);
        else if (item != NULL && !item->is_heading)
            list->kind->choose(studio, list, item);
        return true;
    }
    if (list->kind->key != NULL && list->kind->key(studio, list, item, input->key))
        return true;
    return edit_filter(studio, list, input->key);
}
