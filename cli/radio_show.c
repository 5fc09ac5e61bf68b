#include "cli/radio_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client/row.h"
#include "cli/meter.h"
#include "engine/base/str.h"
#include "engine/base/utf8.h"

/* Lines are for logs: only what changed. */
static void say_changes(tb_radio_show *show, tb_app *app, const tb_radio_state *state,
                        const tb_radio_making *making)
{
    if (state->n_begun != show->n_begun) {
        char *title = tb_radio_step_title(&state->step);
        tb_app_note(app, "playing: %s, alpha %.4g, seed %lld (%d ahead)",
                    title != NULL ? title : "", state->step.alpha, (long long)state->step.seed,
                    state->n_ahead);
        free(title);
    }
    if (state->n_rounds > 0 && !show->is_late)
        tb_app_note(app, "late: looping");
    if (strcmp(show->trouble, making->trouble) != 0 && making->trouble[0] != '\0')
        tb_app_warn(app, "trying again: %s", making->trouble);
}

static void append_making(tb_str *line, const tb_radio_state *state, const tb_radio_making *making)
{
    const tb_radio_step *step = &making->step;
    if (making->trouble[0] != '\0') {
        tb_str_appendf(line, " | trying again: %s", making->trouble);
    } else if (making->is_making && state->is_playing && step->leg == state->step.leg) {
        tb_str_appendf(line, " | making %.4g", step->alpha);
    } else if (making->is_making) {
        char *title = tb_radio_step_title(step);
        tb_str_appendf(line, "%smaking %s %.4g", state->is_playing ? " | " : "",
                       title != NULL ? title : "", step->alpha);
        free(title);
    }
}

static char *make_line(const tb_radio_state *state, const tb_radio_making *making, bool is_paused)
{
    tb_str line = {0};
    if (state->is_playing) {
        char *title = tb_radio_step_title(&state->step);
        tb_str_appendf(&line, "%s %s %.4g seed %lld", is_paused ? "paused " : "playing",
                       title != NULL ? title : "", state->step.alpha, (long long)state->step.seed);
        free(title);
        if (state->n_rounds > 0)
            tb_str_append(&line, " | late: looping");
        else
            tb_str_appendf(&line, " | %d ahead", state->n_ahead);
    }
    append_making(&line, state, making);
    return tb_str_take(&line);
}

static void draw(const tb_app *app, tb_keys *keys, const char *text)
{
    if (!tb_keys_begin_line(keys))
        return;
    int most = tb_terminal_columns() - 1, wide = tb_utf8_columns(text, strlen(text));
    tb_row_print(stderr, text, most, true, app->is_utf8);
    tb_keys_end_line(keys, wide < most ? wide : most);
}

void tb_radio_show_update(tb_radio_show *show, tb_app *app, tb_keys *keys,
                          const tb_radio_state *state, const tb_radio_making *making,
                          bool is_paused)
{
    if (keys->has_line) {
        char *line = make_line(state, making, is_paused);
        draw(app, keys, line != NULL ? line : "");
        free(line);
    } else {
        say_changes(show, app, state, making);
    }
    show->n_begun = state->n_begun;
    show->is_late = state->n_rounds > 0;
    (void)snprintf(show->trouble, sizeof show->trouble, "%s", making->trouble);
}
