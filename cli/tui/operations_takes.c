/* Operations on the selected take and on what plays. */
#include <stdlib.h>
#include <string.h>

#include "cli/tui/operation_list.h"
#include "cli/tui/studio.h"

const char *tb_why_no_take(tb_studio *studio)
{
    return tb_studio_selected(studio) != NULL ? NULL : "there is no take yet";
}

const char *tb_why_no_sound_file(tb_studio *studio)
{
    const tb_take *take = tb_studio_selected(studio);
    if (take == NULL)
        return "there is no take yet";
    return take->state == TB_TAKE_DONE && take->number > 0 ? NULL : "this take has no sound";
}

const char *tb_why_no_sound(tb_studio *studio)
{
    return studio->playback.id[0] != '\0' ? NULL : "nothing was played yet";
}

const char *tb_why_nothing_deleted(tb_studio *studio)
{
    return studio->deleted[0] != '\0' ? NULL : "nothing was deleted";
}

/* "#12", "12" or "": the selected one. */
static tb_take *named(tb_studio *studio, const char *argument)
{
    if (argument == NULL || argument[0] == '\0')
        return tb_studio_selected(studio);
    int number = atoi(argument + (argument[0] == '#'));
    tb_take *take = tb_collection_find_number(&studio->collection, number);
    if (take == NULL)
        tb_studio_toast(studio, TB_ROLE_ERROR, "there is no take %s", argument);
    return take;
}

TB_DO(play)
{
    (void)self;
    const tb_take *take = named(studio, argument);
    if (take == NULL)
        return;
    if (take->state == TB_TAKE_DONE)
        tb_studio_play(studio, take, 0);
    else if (!tb_take_is_active(take))
        tb_studio_again(studio, take, TB_AGAIN_SAME_SEED);
}

TB_DO(pause)
{
    (void)self, (void)argument;
    tb_playback *p = &studio->playback;
    if (p->sound == NULL)
        return;
    if (p->state.has_ended)
        tb_sound_seek(p->sound, 0);
    tb_sound_pause(p->sound, p->state.is_playing && !p->state.has_ended);
}

TB_DO(seek)
{
    (void)argument;
    tb_playback *p = &studio->playback;
    if (p->sound == NULL)
        return;
    tb_sound_get_state(p->sound, &p->state);
    tb_sound_seek(p->sound, p->state.position_s + self->value);
}

TB_DO(volume)
{
    (void)argument;
    tb_playback *p = &studio->playback;
    int volume = p->volume + self->value;
    p->volume = volume < 0 ? 0 : volume > 100 ? 100 : volume;
    p->is_muted = false;
    if (p->sound != NULL)
        tb_sound_set_volume(p->sound, p->volume, false);
}

TB_DO(mute)
{
    (void)self, (void)argument;
    tb_playback *p = &studio->playback;
    p->is_muted = !p->is_muted;
    if (p->sound != NULL)
        tb_sound_set_volume(p->sound, p->volume, p->is_muted);
}

TB_DO(loop)
{
    (void)self, (void)argument;
    tb_playback *p = &studio->playback;
    p->loops = !p->loops;
    if (p->sound != NULL)
        tb_sound_set_loop(p->sound, p->loops);
    tb_studio_toast(studio, TB_ROLE_OK, "%s", p->loops ? "round and round" : "once");
}

TB_DO(compare)
{
    (void)self, (void)argument;
    tb_studio_compare(studio);
}

TB_DO(move)
{
    (void)argument;
    tb_collection_update(&studio->collection);
    int row = tb_collection_row_of(&studio->collection, tb_studio_selected(studio));
    int step = self->value;
    if (abs(step) > 1) /* half a page, in takes */
        step = (step < 0 ? -1 : 1) *
               (studio->layout.takes.rows > 4 ? studio->layout.takes.rows / 4 : 1);
    for (int i = 0; i < abs(step); i++) {
        int next = tb_collection_step(&studio->collection, row, step);
        if (next < 0)
            break;
        row = next;
    }
    if (row >= 0 && row < (int)studio->collection.n_rows)
        tb_studio_select(studio, studio->collection.rows[row].take);
}

static void select_row(tb_studio *studio, int from, int step)
{
    tb_collection_update(&studio->collection);
    int row = tb_collection_step(&studio->collection, from, step);
    if (row >= 0)
        tb_studio_select(studio, studio->collection.rows[row].take);
}

TB_DO(first)
{
    (void)self, (void)argument;
    select_row(studio, -1, 1);
    studio->first_row = 0;
}

TB_DO(last)
{
    (void)self, (void)argument;
    tb_collection_update(&studio->collection);
    select_row(studio, (int)studio->collection.n_rows, -1);
    studio->first_row = -1;
}

static void search(tb_studio *studio, const char *text, const char *user)
{
    (void)user;
    tb_collection_set_search(&studio->collection, text);
    tb_do_last(studio, NULL, NULL);
    if (studio->collection.n_rows == 0)
        tb_studio_toast(studio, TB_ROLE_WARN, "no take has '%s'; Esc shows all again", text);
}

TB_DO(search)
{
    (void)self;
    studio->focus = TB_FOCUS_TAKES;
    if (argument != NULL)
        search(studio, argument, "");
    else
        tb_open_question(studio, "Search takes", "", search, "");
}

TB_DO(filter)
{
    (void)argument;
    static const char *const names[] = {"all takes", "favourites", "failed and cancelled takes",
                                        "takes since the start"};
    tb_collection_set_filter(&studio->collection, (tb_filter)self->value);
    tb_do_last(studio, self, NULL);
    tb_studio_toast(studio, TB_ROLE_TEXT, "%s", names[self->value]);
}

TB_DO(again)
{
    const tb_take *take = named(studio, argument);
    if (take != NULL)
        tb_studio_again(studio, take, (tb_again)self->value);
}

TB_DO(view)
{
    (void)self;
    const tb_take *take = named(studio, argument);
    if (take != NULL)
        tb_open_spectrogram(studio, take);
}

static void export_as(tb_studio *studio, const char *text, const char *user)
{
    const tb_take *take = tb_collection_find(&studio->collection, user);
    if (take != NULL)
        tb_studio_export(studio, take, text);
}

TB_DO(export)
{
    (void)self;
    const tb_take *take = tb_studio_selected(studio);
    if (argument != NULL && argument[0] != '\0')
        tb_studio_export(studio, take, argument);
    else
        tb_open_question(studio, "Export as (wav, flac, ogg, opus, mp3 or a file name)", "mp3",
                         export_as, take->id);
}

TB_DO(export_stars)
{
    (void)self, (void)argument;
    int n = 0;
    for (size_t i = 0; i < studio->collection.n; i++) {
        const tb_take *take = studio->collection.takes[i];
        if (!take->is_starred || take->is_trashed || take->state != TB_TAKE_DONE)
            continue;
        tb_studio_export(studio, take, "flac");
        n++;
    }
    tb_studio_toast(studio, n > 0 ? TB_ROLE_OK : TB_ROLE_WARN, "%d favourites%s", n,
                    n > 0 ? " are exported as FLAC" : ": f makes one");
}

TB_DO(star)
{
    (void)self;
    tb_take *take = named(studio, argument);
    if (take == NULL)
        return;
    take->is_starred = !take->is_starred;
    tb_studio_patch(studio, take, json_pack("{s:b}", "starred", take->is_starred));
}

static void rename_to(tb_studio *studio, const char *text, const char *user)
{
    const tb_take *take = tb_collection_find(&studio->collection, user);
    if (take != NULL)
        tb_studio_patch(studio, take, json_pack("{s:s?}", "title", text[0] != '\0' ? text : NULL));
}

TB_DO(rename)
{
    (void)self;
    const tb_take *take = tb_studio_selected(studio);
    if (argument != NULL)
        rename_to(studio, argument, take->id);
    else
        tb_open_question(studio, "Title", take->title != NULL ? take->title : "", rename_to,
                         take->id);
}

TB_DO(delete)
{
    (void)self;
    tb_take *take = named(studio, argument);
    if (take == NULL)
        return;
    if (tb_take_is_active(take) || take->state == TB_TAKE_UNSENT) {
        tb_studio_cancel(studio, take);
        return;
    }
    int row = tb_collection_row_of(&studio->collection, take);
    int next = tb_collection_step(&studio->collection, row, 1);
    next = next >= 0 ? next : tb_collection_step(&studio->collection, row, -1);
    const tb_take *other = next >= 0 ? studio->collection.rows[next].take : NULL;
    if (strcmp(studio->playback.id, take->id) == 0 && studio->playback.sound != NULL) {
        tb_sound_stop(studio->playback.sound);
        studio->playback.id[0] = '\0';
    }
    if (take->state == TB_TAKE_DONE) {
        tb_studio_delete(studio, take);
        tb_studio_toast(studio, TB_ROLE_OK, "deleted #%d, u brings it back", take->number);
    } else {
        take->is_trashed = true; /* there is no file; its job is forgotten in 30 days */
        studio->collection.is_stale = true;
        tb_studio_toast(studio, TB_ROLE_OK, "hidden until the next start");
    }
    tb_studio_select(studio, other);
}

TB_DO(undelete)
{
    (void)self, (void)argument;
    tb_take *take = tb_collection_find(&studio->collection, studio->deleted);
    tb_studio_restore(studio, take != NULL ? take->id : studio->deleted);
    if (take != NULL) {
        take->is_trashed = false;
        studio->collection.is_stale = true;
        tb_studio_select(studio, take);
        tb_studio_toast(studio, TB_ROLE_OK, "#%d is back", take->number);
    }
}

TB_DO(copy_path)
{
    (void)self, (void)argument;
    tb_studio_copy(studio, tb_studio_selected(studio)->path, "the path");
}

TB_DO(copy_command)
{
    (void)self, (void)argument;
    tb_studio_copy_command(studio, tb_studio_selected(studio));
}

TB_DO(details)
{
    (void)self, (void)argument;
    tb_open_details(studio, tb_studio_selected(studio));
}

TB_DO(reveal)
{
    (void)self, (void)argument;
    const char *path = tb_studio_selected(studio)->path;
    tb_studio_reveal(studio, path != NULL ? path : "");
}

TB_DO(again_operation)
{
    (void)self, (void)argument;
    if (studio->last_operation >= 0)
        tb_operation_run(studio, studio->last_operation, NULL);
}

/* ---- in the spectrogram ---- */

TB_DO(zoom)
{
    (void)argument;
    tb_spectrogram_zoom(studio, self->value);
}

TB_DO(range)
{
    (void)argument;
    tb_spectrogram_range(studio, self->value);
}

TB_DO(colors)
{
    (void)self, (void)argument;
    tb_spectrogram_colors(studio);
}

TB_DO(scale)
{
    (void)self, (void)argument;
    tb_spectrogram_scale(studio);
}

TB_DO(save_picture)
{
    (void)self, (void)argument;
    tb_spectrogram_save(studio);
}
