/* Text to read and scroll in a full screen: the log, a take's details, what doctor says. */
#include <stdlib.h>
#include <string.h>

#include "cli/client/row.h"
#include "cli/music.h"
#include "cli/tui/studio.h"
#include "engine/base/file.h"

enum { LOG_MAX_BYTES = 4 << 20 };

typedef struct {
    char *title, *text; /* owned */
    int first, n_rows;  /* rows scrolled away; of the whole text at the last width */
    bool wants_end;
} reader;

static void free_reader(void *state)
{
    reader *r = state;
    free(r->title);
    free(r->text);
    free(r);
}

/* Bytes of the row that begins at `text`: broken behind a blank, a very long word at the edge. */
static size_t row_bytes(const char *text, int columns)
{
    size_t line = strcspn(text, "\n");
    size_t n = tb_text_fit(text, line, columns), cut = n;
    if (n == 0 || n == line)
        return line;
    while (cut > n / 2 && text[cut - 1] != ' ')
        cut--;
    return cut > n / 2 ? cut : n;
}

static const char *next_row(const char *text, int columns)
{
    text += row_bytes(text, columns);
    return *text == '\n' ? text + 1 : text;
}

static void draw(tb_studio *studio, void *state)
{
    reader *r = state;
    tb_canvas *canvas = &studio->canvas;
    tb_area all = tb_canvas_area(canvas), body = {2, 1, all.rows - 4, all.columns - 2};
    r->n_rows = 0;
    for (const char *at = r->text; *at != '\0'; at = next_row(at, body.columns))
        r->n_rows++;
    int last = r->n_rows > body.rows ? r->n_rows - body.rows : 0;
    r->first = r->wants_end || r->first > last ? last : r->first < 0 ? 0 : r->first;
    r->wants_end = false;
    (void)tb_draw_cut(canvas, all, 0, 1, all.columns - 20, r->title,
                      (tb_ink){.attrs = TB_ATTR_BOLD});
    (void)tb_draw_right(canvas, all, 0, "Esc closes ", (tb_ink){0});
    tb_draw_rule(canvas, all, 1);
    int row = 0;
    for (const char *at = r->text; *at != '\0' && row < r->first + body.rows;
         at = next_row(at, body.columns), row++)
        if (row >= r->first)
            (void)tb_draw_bytes(canvas, body, row - r->first, 0, at, row_bytes(at, body.columns),
                                (tb_ink){0});
    char where[64] = "empty ";
    int last_shown = r->first + body.rows < r->n_rows ? r->first + body.rows : r->n_rows;
    if (r->n_rows > 0)
        (void)snprintf(where, sizeof where, "%d-%d of %d ", r->first + 1, last_shown, r->n_rows);
    tb_draw_rule(canvas, all, all.rows - 2);
    tb_area bottom = {all.rows - 1, 0, 1, all.columns};
    (void)tb_draw(canvas, bottom, 0, 1,
                  studio->is_utf8 ? "↑↓ PgUp PgDn g G scroll" : "Up Down PgUp PgDn g G scroll",
                  (tb_ink){0});
    (void)tb_draw_right(canvas, bottom, 0, where, (tb_ink){.role = TB_ROLE_DIM});
}

static bool input(tb_studio *studio, void *state, const tb_input *input)
{
    static const struct {
        uint32_t code;
        int step; /* rows; 0: the beginning */
        bool is_end;
    } keys[] = {{TB_KEY_UP, -1, false},
                {'k', -1, false},
                {TB_KEY_DOWN, 1, false},
                {'j', 1, false},
                {TB_KEY_PAGE_UP, -10, false},
                {TB_KEY_PAGE_DOWN, 10, false},
                {' ', 10, false},
                {'g', 0, false},
                {TB_KEY_HOME, 0, false},
                {'G', 1, true},
                {TB_KEY_END, 1, true}};
    reader *r = state;
    if (input->kind == TB_INPUT_MOUSE) {
        r->first += input->mouse.kind == TB_MOUSE_WHEEL_UP     ? -3
                    : input->mouse.kind == TB_MOUSE_WHEEL_DOWN ? 3
                                                               : 0;
        return true;
    }
    if (input->kind != TB_INPUT_KEY || input->key.mods != 0)
        return false;
    if (input->key.code == 'q') {
        tb_studio_close_overlay(studio);
        return true;
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].code == input->key.code) {
            r->wants_end = keys[i].is_end;
            r->first = keys[i].step == 0 ? 0 : r->first + keys[i].step;
            return true;
        }
    return false;
}

static const tb_overlay_kind kind = {
    .name = "text", .is_screen = true, .draw = draw, .input = input, .free_state = free_reader};

static reader *open_reader(tb_studio *studio, const char *title, const char *text)
{
    reader *r = calloc(1, sizeof *r);
    if (r != NULL) {
        r->title = tb_strdup(title);
        r->text = tb_strdup(text);
    }
    if (r == NULL || r->title == NULL || r->text == NULL) {
        if (r != NULL)
            free_reader(r);
        return NULL;
    }
    tb_studio_open_overlay(studio, tb_overlay_new(&kind, r));
    return r;
}

void tb_open_text(tb_studio *studio, const char *title, const char *text)
{
    (void)open_reader(studio, title, text);
}

void tb_open_log(tb_studio *studio)
{
    char *path = tb_strf("%s/studio.log", studio->data_dir), *text = NULL;
    size_t n = 0;
    tb_error err = {0};
    if (path == NULL || tb_file_read(path, LOG_MAX_BYTES, &text, &n, &err) != TIMBRE_OK) {
        tb_studio_toast(studio, TB_ROLE_WARN, "the log cannot be read");
    } else {
        reader *r = open_reader(studio, path, text);
        if (r != NULL)
            r->wants_end = true;
    }
    free(text);
    free(path);
}

/* ---- details ---- */

static void add_row(tb_str *out, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0')
        tb_str_appendf(out, "%-14s %s\n", name, value);
}

static void add_extra(tb_str *out, const json_t *extras, const char *name)
{
    const json_t *value = json_object_get(extras, name);
    char *text = json_is_string(value) ? tb_strdup(json_string_value(value))
                 : value != NULL
                     ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(10))
                     : NULL;
    add_row(out, name, text);
    free(text);
}

static void show_recipe(void *user, tb_reply *reply)
{
    reader *r = tb_overlay_state(user, &kind);
    if (r == NULL || reply->status != TIMBRE_OK)
        return;
    char *recipe = json_dumps(reply->json, JSON_INDENT(2) | JSON_REAL_PRECISION(10));
    char *text = recipe != NULL ? tb_strf("%s\nrecipe\n\n%s\n", r->text, recipe) : NULL;
    if (text != NULL) {
        free(r->text);
        r->text = text;
    }
    free(recipe);
    ((tb_studio *)user)->is_dirty = true;
}

void tb_open_details(tb_studio *studio, const tb_take *take)
{
    tb_str text = {0};
    char line[96], path[96];
    (void)snprintf(line, sizeof line, "take");
    if (take->number > 0)
        (void)snprintf(line, sizeof line, "take #%d", take->number);
    add_row(&text, "prompt", take->prompt);
    add_row(&text, "title", take->title);
    add_row(&text, "model", take->model_id);
    if (take->is_sketch)
        add_row(&text, "label", tb_member_text(take->extras, "label"));
    tb_str_appendf(&text, "%-14s %lld\n", "seed", (long long)take->seed);
    if (take->length_s > 0)
        tb_str_appendf(&text, "%-14s %.2f s\n", "length", take->length_s);
    add_row(&text, "error", take->error);
    add_row(&text, "fix", take->fix);
    add_row(&text, "file", take->path);
    const char *key;
    json_t *value;
    json_object_foreach(take->extras, key,
                        value) if (take->state == TB_TAKE_DONE && strcmp(key, "label") != 0)
        add_extra(&text, take->extras, key);
    (void)open_reader(studio, line, tb_str_text(&text));
    tb_str_deinit(&text);
    if (take->state != TB_TAKE_DONE)
        return;
    (void)snprintf(path, sizeof path, "/artifacts/%s/recipe", take->id);
    tb_studio_get(studio, path, take->id, show_recipe);
}
