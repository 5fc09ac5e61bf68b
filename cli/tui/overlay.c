#include "cli/tui/overlay.h"

#include <stdlib.h>

#include "cli/tui/studio.h"

tb_overlay *tb_overlay_new(const tb_overlay_kind *kind, void *state)
{
    tb_overlay *overlay = malloc(sizeof *overlay);
    if (overlay == NULL) {
        if (kind->free_state != NULL)
            kind->free_state(state);
        return NULL;
    }
    *overlay = (tb_overlay){kind, state};
    return overlay;
}

void tb_overlay_free(tb_overlay *overlay)
{
    if (overlay == NULL)
        return;
    if (overlay->kind->free_state != NULL)
        overlay->kind->free_state(overlay->state);
    free(overlay);
}

void *tb_overlay_state(tb_studio *studio, const tb_overlay_kind *kind)
{
    if (studio->overlay != NULL && studio->overlay->kind == kind)
        return studio->overlay->state;
    bool is_below = studio->below != NULL && studio->below->kind == kind;
    return is_below ? studio->below->state : NULL;
}

/* What ncurses sent is under the pixels still; only a redraw brings it back. */
void tb_studio_forget_picture(tb_studio *studio)
{
    if (!studio->has_picture)
        return;
    studio->has_picture = false;
    tb_picture_format_removal(studio->picture_form, &studio->after);
    if (studio->terminal != NULL)
        tb_terminal_redraw(studio->terminal);
    studio->must_redraw = studio->is_dirty = true;
}

void tb_studio_close_overlay(tb_studio *studio)
{
    tb_overlay_free(studio->overlay);
    studio->overlay = studio->below;
    studio->below = NULL;
    tb_studio_forget_picture(studio);
    studio->is_dirty = true;
}

/* The spectrogram stays below what is opened over it; everything else makes way. */
void tb_studio_open_overlay(tb_studio *studio, tb_overlay *overlay)
{
    if (overlay == NULL) {
        tb_studio_toast(studio, TB_ROLE_ERROR, "no memory");
        return;
    }
    bool stays = studio->overlay != NULL && studio->overlay->kind->where == TB_WHERE_VIEW &&
                 overlay->kind != studio->overlay->kind;
    if (stays)
        studio->below = studio->overlay;
    else
        tb_overlay_free(studio->overlay);
    studio->overlay = overlay;
    tb_studio_forget_picture(studio);
    studio->is_dirty = true;
}
