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

void tb_studio_close_overlay(tb_studio *studio)
{
    tb_overlay_free(studio->overlay);
    studio->overlay = studio->below;
    studio->below = NULL;
    studio->has_picture = false;
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
    studio->is_dirty = true;
}
