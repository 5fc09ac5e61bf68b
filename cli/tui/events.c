/* What the terminal sends, given to whoever has the keys. */
#include <string.h>

#include "cli/tui/operation_list.h"
#include "cli/tui/studio.h"
#include "cli/tui/terminal_kind.h"
#include "engine/base/clock.h"

static unsigned where_now(const tb_studio *studio)
{
    if (studio->overlay != NULL)
        return studio->overlay->kind->where;
    return studio->focus == TB_FOCUS_PROMPT ? TB_WHERE_PROMPT : TB_WHERE_TAKES;
}

static bool is_character(tb_key key)
{
    return key.code >= ' ' && key.code < TB_KEY_FIRST && (key.mods & ~(uint32_t)TB_MOD_SHIFT) == 0;
}

static void type(tb_studio *studio, uint32_t code)
{
    if (code == '?' && tb_editor_text(&studio->editor)[0] == '\0') {
        tb_open_help(studio);
        return;
    }
    tb_editor_type(&studio->editor, code);
    studio->slash_choice = 0;
    tb_studio_prompt_changed(studio);
}

static void take_key(tb_studio *studio, tb_key key)
{
    unsigned where = where_now(studio);
    bool is_typing = studio->overlay == NULL && where == TB_WHERE_PROMPT;
    if (is_typing && key.code == TB_KEY_TAB && key.mods == 0 && tb_complete_slash(studio))
        return;
    int operation = tb_keymap_find(&studio->keymap, where, key);
    if (operation < 0 || operation != tb_operation_find("interrupt"))
        studio->cancel_asked_s = studio->quit_asked_s = 0; /* "again" means at once */
    if (operation >= 0)
        tb_operation_run(studio, operation, NULL);
    else if (is_typing && is_character(key))
        type(studio, key.code);
}

static void paste(tb_studio *studio, const tb_input *input)
{
    if (studio->overlay != NULL)
        return;
    studio->focus = TB_FOCUS_PROMPT;
    if (!tb_editor_insert(&studio->editor, input->text, input->len_bytes, false))
        tb_studio_toast(studio, TB_ROLE_WARN, "the prompt takes no more than %d bytes",
                        TB_EDITOR_MAX_BYTES);
    tb_studio_prompt_changed(studio);
}

/* ---- mouse ---- */

static bool is_inside(tb_area area, const tb_mouse *mouse)
{
    return mouse->row >= area.row && mouse->row < area.row + area.rows &&
           mouse->column >= area.column && mouse->column < area.column + area.columns;
}

static void scroll(tb_studio *studio, int rows)
{
    int last = (int)studio->collection.n_rows - studio->layout.takes.rows;
    int first = studio->shown_first_row + rows;
    studio->first_row = first < 0 ? 0 : first >= last ? -1 : first;
    if (studio->focus == TB_FOCUS_TAKES) { /* the selected take comes along */
        const tb_operation move = {.value = rows < 0 ? -1 : 1};
        tb_do_move(studio, &move, NULL);
    }
}

static void press_take(tb_studio *studio, const tb_mouse *mouse)
{
    int row = tb_takes_row_at(studio, mouse->row);
    if (row < 0)
        return;
    const tb_take *take = studio->collection.rows[row].take;
    double now_s = tb_clock_seconds();
    bool is_second = strcmp(studio->pressed, take->id) == 0 && now_s - studio->pressed_s < 0.4;
    studio->focus = TB_FOCUS_TAKES;
    tb_studio_select(studio, take);
    (void)snprintf(studio->pressed, sizeof studio->pressed, "%s", is_second ? "" : take->id);
    studio->pressed_s = now_s;
    if (is_second)
        tb_operation_run(studio, tb_operation_find("play"), NULL);
}

static void press(tb_studio *studio, const tb_mouse *mouse)
{
    const tb_layout *l = &studio->layout;
    if (is_inside(l->player, mouse)) {
        double at_s = tb_player_time_at(studio, mouse->row, mouse->column);
        if (at_s >= 0 && studio->playback.sound != NULL)
            tb_sound_seek(studio->playback.sound, at_s);
        else if (mouse->kind == TB_MOUSE_PRESS)
            tb_operation_run(studio, tb_operation_find("play-pause"), NULL);
    } else if (mouse->kind == TB_MOUSE_PRESS && is_inside(l->takes, mouse)) {
        press_take(studio, mouse);
    } else if (mouse->kind == TB_MOUSE_PRESS && is_inside(l->prompt, mouse)) {
        studio->focus = TB_FOCUS_PROMPT;
        tb_editor_click(&studio->editor, mouse->row - l->prompt.row, mouse->column - 3);
    } else if (mouse->kind == TB_MOUSE_PRESS &&
               (is_inside(l->settings, mouse) || is_inside(l->side, mouse))) {
        tb_open_settings(studio);
    }
}

static void take_mouse(tb_studio *studio, const tb_mouse *mouse)
{
    if (studio->overlay != NULL || studio->layout.is_too_small)
        return;
    if (mouse->kind == TB_MOUSE_WHEEL_UP || mouse->kind == TB_MOUSE_WHEEL_DOWN) {
        int step = mouse->kind == TB_MOUSE_WHEEL_UP ? -1 : 1;
        if (is_inside(studio->layout.player, mouse)) {
            const tb_operation seek = {.value = step * 5};
            tb_do_seek(studio, &seek, NULL);
        } else {
            scroll(studio, 3 * step);
        }
    } else if (mouse->button == 0 && mouse->kind != TB_MOUSE_RELEASE) {
        press(studio, mouse);
    }
}

/* ---- what the terminal says of itself ---- */

static void take_answer(tb_studio *studio, const tb_input *input)
{
    switch (input->answer) {
    case TB_ANSWER_SYNC:
        tb_terminal_set_sync(studio->terminal, input->number != 0);
        break;
    case TB_ANSWER_BACKGROUND: {
        uint32_t c = input->number;
        double luma = 0.299 * (c >> 16 & 255) + 0.587 * (c >> 8 & 255) + 0.114 * (c & 255);
        const char *wanted = tb_settings_text(&studio->app->settings, "ui.background");
        bool is_light = strcmp(wanted, "light") == 0 || (strcmp(wanted, "auto") == 0 && luma > 127);
        if (is_light != studio->is_light)
            tb_terminal_set_light(studio->terminal, is_light);
        studio->is_light = is_light;
        break;
    }
    case TB_ANSWER_CELL_PIXELS:
        studio->cell_height = (int)(input->number >> 16);
        studio->cell_width = (int)(input->number & 0xFFFF);
        break;
    case TB_ANSWER_KITTY_IMAGE:
        studio->facts.answers_kitty = input->number != 0;
        break;
    case TB_ANSWER_ATTRIBUTES:
        studio->facts.has_answered = true;
        studio->facts.answers_sixel = input->number != 0;
        break;
    case TB_ANSWER_NAME:
        (void)snprintf(studio->terminal_name, sizeof studio->terminal_name, "%.*s",
                       (int)input->len_bytes, input->text);
        studio->facts.name = studio->terminal_name;
        break;
    case TB_ANSWER_NONE:
        break;
    }
    studio->picture_form = tb_terminal_picture_form(
        &studio->facts, tb_settings_text(&studio->app->settings, "ui.images"));
}

void tb_studio_handle(tb_studio *studio, const tb_input *input)
{
    if (input->kind == TB_INPUT_ANSWER) {
        if (studio->terminal != NULL)
            take_answer(studio, input);
        studio->is_dirty = true;
        return;
    }
    studio->is_dirty = true;
    tb_overlay *overlay = studio->overlay;
    if (overlay != NULL && overlay->kind->input != NULL &&
        overlay->kind->input(studio, overlay->state, input))
        return;
    if (input->kind == TB_INPUT_KEY)
        take_key(studio, input->key);
    else if (input->kind == TB_INPUT_PASTE)
        paste(studio, input);
    else if (input->kind == TB_INPUT_MOUSE)
        take_mouse(studio, &input->mouse);
    else if (input->kind == TB_INPUT_FOCUS)
        studio->is_focused = input->is_focused;
}
