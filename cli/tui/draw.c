/* The frame around everything: title, rules, prompt, settings line, hints, and small helpers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client/row.h"
#include "cli/tui/studio.h"
#include "engine/base/clock.h"
#include "engine/base/limits.h"
#include "timbre/version.h"

static const tb_ink plain = {0};
static const tb_ink bold = {.attrs = TB_ATTR_BOLD};
static const tb_ink dim = {.role = TB_ROLE_DIM};

void tb_time_text(double seconds, char out[16])
{
    int s = seconds > 0 ? (int)seconds : 0;
    if (s >= 3600)
        (void)snprintf(out, 16, "%d:%02d:%02d", s / 3600 % 1000, s / 60 % 60, s % 60);
    else
        (void)snprintf(out, 16, "%d:%02d", s / 60, s % 60);
}

void tb_draw_bar(tb_canvas *canvas, tb_area area, int row, int column, int columns, double fraction,
                 tb_role role)
{
    int filled = (int)lround(fraction * columns);
    for (int i = 0; i < columns; i++) {
        tb_sign sign = i < filled ? TB_SIGN_BAR : TB_SIGN_NO_BAR;
        tb_ink ink = {.role = (uint8_t)(i < filled ? role : TB_ROLE_DIM)};
        (void)tb_draw(canvas, area, row, column + i, tb_sign_text(sign, canvas->is_utf8), ink);
    }
}

void tb_draw_wave(tb_canvas *canvas, tb_area area, int row, int column, int columns,
                  const uint8_t *peaks, double playhead, tb_ink ink)
{
    int at = playhead < 0 ? -1 : (int)(playhead * columns);
    at = at >= columns ? columns - 1 : at;
    for (int i = 0; i < columns; i++) {
        int from = i * TB_TAKE_PEAKS / columns, to = (i + 1) * TB_TAKE_PEAKS / columns;
        uint8_t peak = 0;
        for (int k = from; k < (to > from ? to : from + 1) && k < TB_TAKE_PEAKS; k++)
            peak = peaks[k] > peak ? peaks[k] : peak;
        const char *text = i == at ? tb_sign_text(TB_SIGN_PLAYHEAD, canvas->is_utf8)
                                   : tb_level_text(peak / 255.0, canvas->is_utf8);
        tb_ink own = ink;
        own.role = (uint8_t)(i == at ? TB_ROLE_WARN : i < at ? TB_ROLE_ACCENT : ink.role);
        (void)tb_draw(canvas, area, row, column + i, text, own);
    }
}

/* ---- title ---- */

/* Builds of one version differ behind the plus. */
static bool is_other_version(const char *version)
{
    size_t n = strcspn(version, "+"), own = strcspn(timbre_version(), "+");
    return n > 0 && (n != own || strncmp(version, timbre_version(), n) != 0);
}

static int draw_contact(tb_studio *studio, char *out, size_t size, tb_role *role)
{
    const tb_contact_state *c = &studio->contact;
    bool is_utf8 = studio->is_utf8;
    int n_unsent, n = tb_collection_count_active(&studio->collection, &n_unsent);
    double done = json_number_value(json_object_get(c->pull, "done_bytes"));
    double all = json_number_value(json_object_get(c->pull, "bytes"));
    *role = TB_ROLE_OK;
    if (c->contact == TB_CONTACT_OFFLINE) {
        *role = TB_ROLE_ERROR;
        return snprintf(out, size, "%s worker offline", tb_sign_text(TB_SIGN_FAILED, is_utf8));
    }
    if (c->contact == TB_CONTACT_NONE_YET) {
        *role = TB_ROLE_DIM;
        return snprintf(out, size, "%s starting", tb_sign_text(TB_SIGN_ELLIPSIS, is_utf8));
    }
    if (c->pulling[0] != '\0') {
        *role = TB_ROLE_ACCENT;
        return snprintf(out, size, "%s %d%%", tb_sign_text(TB_SIGN_DOWN, is_utf8),
                        all > 0 ? (int)(100 * done / all) : 0);
    }
    const char *state = tb_member_text(c->health, "status");
    if (strcmp(state, "degraded") == 0) {
        *role = TB_ROLE_WARN;
        return snprintf(out, size, "! %s", tb_member_text(c->health, "message"));
    }
    if (is_other_version(tb_member_text(c->health, "version"))) {
        *role = TB_ROLE_WARN;
        return snprintf(out, size, "! worker %.20s, this is %.20s",
                        tb_member_text(c->health, "version"), timbre_version());
    }
    return n > 0
               ? snprintf(out, size, "%s ready   queue %d", tb_sign_text(TB_SIGN_READY, is_utf8), n)
               : snprintf(out, size, "%s ready", tb_sign_text(TB_SIGN_READY, is_utf8));
}

static const char *model_of(const tb_studio *studio)
{
    const char *wish = tb_wishes_text(&studio->wishes, "model_id");
    return wish != NULL ? wish : tb_member_text(studio->contact.health, "default_model_id");
}

void tb_draw_title(tb_studio *studio)
{
    tb_area area = studio->layout.title;
    tb_canvas *canvas = &studio->canvas;
    char right[320], left[120];
    tb_role role;
    (void)draw_contact(studio, right, sizeof right, &role);
    int wide = tb_text_columns(right, strlen(right));
    int column = area.columns - wide - 1;
    (void)tb_draw_cut(canvas, area, 0, column > 20 ? column : 20, area.columns - 21, right,
                      (tb_ink){.role = (uint8_t)role});
    int n = tb_collection_count_done(&studio->collection);
    static const char *const filters[] = {"", "   favourites", "   failed", "   this session"};
    (void)tb_draw(canvas, area, 0, 1, "timbre", bold);
    (void)snprintf(left, sizeof left, "%d take%s%s%s%s", n, n == 1 ? "" : "s",
                   filters[studio->collection.filter],
                   studio->collection.search != NULL ? "   /" : "",
                   studio->collection.search != NULL ? studio->collection.search : "");
    int at = 10 + tb_draw_cut(canvas, area, 0, 10, column - 12, left, plain);
    const char *model = model_of(studio);
    if (column - at > (int)strlen(model) + 6)
        (void)tb_draw(canvas, area, 0, at + 3, model, dim);
}

/* ---- rules ---- */

static void draw_rules(tb_studio *studio)
{
    tb_canvas *canvas = &studio->canvas;
    const tb_layout *l = &studio->layout;
    tb_area all = tb_canvas_area(canvas);
    tb_draw_rule(canvas, all, 1);
    tb_draw_rule(canvas, all, l->takes.row + l->takes.rows);
    tb_draw_rule(canvas, all, l->prompt.row - 1);
    if (l->side.rows == 0)
        return;
    int column = l->side.column - 1, bottom = l->side.row + l->side.rows;
    (void)tb_draw(canvas, all, 1, column, tb_sign_text(TB_SIGN_TEE, canvas->is_utf8), dim);
    for (int row = 2; row < bottom; row++)
        (void)tb_draw(canvas, all, row, column, tb_sign_text(TB_SIGN_COLUMN, canvas->is_utf8), dim);
    (void)tb_draw(canvas, all, bottom, column, tb_sign_text(TB_SIGN_TEE_UP, canvas->is_utf8), dim);
}

/* ---- settings in one line ---- */

void tb_draw_settings(tb_studio *studio)
{
    tb_area area = studio->layout.settings;
    if (area.rows == 0)
        return;
    char text[256], key[TB_KEY_NAME_MAX], edit[48];
    const tb_wishes *w = &studio->wishes;
    const char *steps = tb_wishes_text(w, "steps"), *seed = tb_wishes_text(w, "seed");
    const char *guidance = tb_wishes_text(w, "cfg_scale");
    (void)snprintf(text, sizeof text, "%s  %s s%s%s%s%s  seed %s", model_of(studio),
                   tb_wishes_shown(w, tb_wish_find("duration_seconds")),
                   steps != NULL ? "  steps " : "", steps != NULL ? steps : "",
                   guidance != NULL ? "  cfg " : "", guidance != NULL ? guidance : "",
                   seed != NULL ? seed : "random");
    tb_keymap_label(&studio->keymap, tb_operation_find("settings"), key);
    (void)snprintf(edit, sizeof edit, "%s settings ", key);
    int right = tb_draw_right(&studio->canvas, area, 0, edit, dim);
    (void)tb_draw_cut(&studio->canvas, area, 0, 1, right - 2, text, plain);
}

/* ---- prompt ---- */

void tb_draw_prompt(tb_studio *studio)
{
    tb_area area = studio->layout.prompt;
    tb_canvas *canvas = &studio->canvas;
    bool has_focus = studio->focus == TB_FOCUS_PROMPT;
    size_t length = strlen(tb_editor_text(&studio->editor));
    tb_area text = {area.row, area.column + 3, area.rows, area.columns - 3 - 10};
    int row, column;
    (void)tb_editor_rows(&studio->editor, text.columns, &row, &column);
    int first = row >= area.rows ? row - area.rows + 1 : 0;
    (void)tb_draw(canvas, area, 0, 1, tb_sign_text(TB_SIGN_PROMPT, canvas->is_utf8),
                  (tb_ink){.role = (uint8_t)(has_focus ? TB_ROLE_ACCENT : TB_ROLE_DIM)});
    tb_editor_draw(&studio->editor, canvas, text, first, plain);
    if (length > TB_PROMPT_MAX_BYTES / 2) {
        char counter[48];
        bool is_over = length > TB_PROMPT_MAX_BYTES;
        (void)snprintf(counter, sizeof counter, "%zu/%d ", length, TB_PROMPT_MAX_BYTES);
        (void)tb_draw_right(canvas, area, 0, counter,
                            (tb_ink){.role = (uint8_t)(is_over ? TB_ROLE_ERROR : TB_ROLE_DIM)});
    }
    if (has_focus && studio->overlay == NULL) {
        canvas->cursor_row = text.row + row - first;
        canvas->cursor_column = text.column + (column < text.columns ? column : text.columns - 1);
    }
}

/* ---- hints ---- */

typedef struct {
    tb_canvas *canvas;
    tb_area area;
    int column, right;
} hint_row;

static void draw_hint(hint_row *h, const char *key, const char *word)
{
    int wide = tb_text_columns(key, strlen(key)) + tb_text_columns(word, strlen(word)) + 1;
    if (key[0] == '\0' || h->column + wide + 2 > h->right)
        return;
    h->column += tb_draw(h->canvas, h->area, 0, h->column, key, bold) + 1;
    h->column += tb_draw(h->canvas, h->area, 0, h->column, word, plain) + 2;
}

void tb_draw_hint_row(tb_studio *studio, tb_area area, unsigned where, const char *extra)
{
    size_t n;
    char key[TB_KEY_NAME_MAX], help[64];
    const tb_operation *table = tb_operations(&n);
    tb_keymap_label(&studio->keymap, tb_operation_find("help"), key);
    (void)snprintf(help, sizeof help, "%s help ", key);
    hint_row h = {&studio->canvas, area, 1, 0};
    h.right = tb_draw_right(&studio->canvas, area, 0, help, bold);
    if (extra != NULL)
        h.column += tb_draw_cut(&studio->canvas, area, 0, 1, h.right - 2, extra, plain) + 2;
    const unsigned order[] = {where, TB_WHERE_ANY};
    for (size_t place = 0; place < 2; place++)
        for (size_t i = 0; i < n; i++) {
            if (table[i].where != order[place] || table[i].hint == NULL ||
                strcmp(table[i].id, "help") == 0)
                continue;
            tb_keymap_label(&studio->keymap, (int)i, key);
            draw_hint(&h, key, table[i].hint);
        }
}

/* Over the blank row too, where it is long; what does not fit is in the log. */
static void draw_toast(tb_studio *studio, tb_area area)
{
    const tb_toast *toast = &studio->toast;
    tb_canvas *canvas = &studio->canvas;
    char key[TB_KEY_NAME_MAX], help[48];
    const tb_layout *l = &studio->layout;
    int n_free = area.row - (l->prompt.row + l->prompt.rows); /* blank rows above */
    int columns = tb_text_columns(toast->text, strlen(toast->text));
    bool is_long = columns > area.columns - 11;
    tb_area rows = {area.row - (is_long ? n_free : 0), 1, 1 + (is_long ? n_free : 0),
                    area.columns - 11};
    bool is_cut = columns > rows.rows * rows.columns;
    tb_keymap_label(&studio->keymap, tb_operation_find(is_cut ? "log" : "help"), key);
    (void)snprintf(help, sizeof help, "%s %s ", key, is_cut ? "log" : "help");
    (void)tb_draw_wrapped(canvas, rows, 0, 0, rows.rows, toast->text,
                          (tb_ink){.role = (uint8_t)toast->role});
    (void)tb_draw_right(canvas, area, 0, help, bold);
}

void tb_draw_hints(tb_studio *studio)
{
    tb_area area = studio->layout.hints;
    if (studio->toast.until_s > 0) {
        draw_toast(studio, area);
        return;
    }
    unsigned where = studio->focus == TB_FOCUS_PROMPT ? TB_WHERE_PROMPT : TB_WHERE_TAKES;
    tb_draw_hint_row(studio, area, where, where == TB_WHERE_PROMPT ? "/ commands" : NULL);
}

/* ---- everything ---- */

static void draw_too_small(tb_studio *studio)
{
    tb_area all = tb_canvas_area(&studio->canvas);
    char text[64];
    (void)tb_draw(&studio->canvas, all, 0, 0, "timbre needs 40x10 or more", bold);
    (void)snprintf(text, sizeof text, "this window is %dx%d", all.columns, all.rows);
    (void)tb_draw(&studio->canvas, all, 1, 0, text, plain);
    (void)tb_draw(&studio->canvas, all, 3, 0, "Ctrl+C quits", plain);
}

static void draw_all(tb_studio *studio)
{
    tb_draw_title(studio);
    draw_rules(studio);
    tb_draw_takes(studio);
    tb_draw_side(studio);
    tb_draw_player(studio);
    tb_draw_settings(studio);
    tb_draw_prompt(studio);
    tb_draw_slash(studio);
    tb_draw_hints(studio);
}

void tb_studio_draw(tb_studio *studio)
{
    tb_collection_update(&studio->collection);
    tb_canvas_clear(&studio->canvas);
    tb_layout_make(studio);
    if (studio->layout.is_too_small) {
        draw_too_small(studio);
        return;
    }
    const tb_overlay *overlay = studio->overlay;
    bool is_covered = overlay != NULL && overlay->kind->is_screen;
    if (!is_covered && studio->below != NULL)
        studio->below->kind->draw(studio, studio->below->state);
    else if (!is_covered)
        draw_all(studio);
    if (overlay != NULL)
        overlay->kind->draw(studio, overlay->state);
}
