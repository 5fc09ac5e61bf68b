/* Takes to listen to: their sound comes over HTTP into a file of this run, then plays. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/tui/studio.h"
#include "cli/tui/wake.h"
#include "timbre/spectrogram.h"

static void sound_changed(void *user)
{
    (void)user;
    tb_wake();
}

bool tb_studio_open_sound(tb_studio *studio)
{
    tb_playback *p = &studio->playback;
    tb_error err = {0};
    if (p->sound == NULL &&
        tb_sound_new(studio->log_fd, sound_changed, studio, &p->sound, &err) != TIMBRE_OK)
        tb_studio_toast_error(studio, &err);
    if (p->sound == NULL)
        return false;
    tb_sound_set_volume(p->sound, p->volume, p->is_muted);
    tb_sound_set_loop(p->sound, p->loops);
    return true;
}

static char *sound_file(const tb_studio *studio, const char *id)
{
    return tb_strf("%s/%s.audio", studio->cache_dir, id);
}

static void start(tb_studio *studio, const char *id, const char *file)
{
    tb_playback *p = &studio->playback;
    if (!tb_studio_open_sound(studio))
        return;
    (void)snprintf(p->id, sizeof p->id, "%.39s", id);
    p->wanted[0] = '\0';
    tb_sound_play(p->sound, file, false, ++p->tag, p->wanted_start_s);
    tb_sound_get_state(p->sound, &p->state);
    studio->is_dirty = true;
}

static void take_sound(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    bool is_wanted = strcmp(studio->playback.wanted, reply->id) == 0;
    studio->is_dirty = true;
    if (reply->status != TIMBRE_OK) {
        if (is_wanted)
            studio->playback.wanted[0] = '\0';
        tb_studio_toast_error(studio, &reply->err);
    } else if (is_wanted) {
        start(studio, reply->id, reply->file);
    }
}

void tb_studio_play(tb_studio *studio, const tb_take *take, double start_s)
{
    tb_playback *p = &studio->playback;
    if (take->state != TB_TAKE_DONE || take->number == 0)
        return;
    char *file = sound_file(studio, take->id);
    if (file == NULL)
        return;
    p->wanted_start_s = start_s;
    if (access(file, R_OK) == 0) {
        start(studio, take->id, file);
    } else {
        char path[96];
        (void)snprintf(p->wanted, sizeof p->wanted, "%s", take->id);
        (void)snprintf(path, sizeof path, "/artifacts/%s/audio", take->id);
        tb_link_forget(studio->link, TB_LANE_FETCHES, take_sound); /* an older wish */
        tb_link_ask(studio->link, &(tb_ask){.lane = TB_LANE_FETCHES,
                                            .want = TB_WANT_FILE,
                                            .path = path,
                                            .file = file,
                                            .id = take->id,
                                            .done = take_sound});
    }
    free(file);
    studio->is_dirty = true;
}

void tb_studio_sound_changed(tb_studio *studio)
{
    tb_playback *p = &studio->playback;
    if (p->sound == NULL)
        return;
    tb_status before = p->state.failure;
    bool was_playing = p->state.is_playing;
    tb_sound_get_state(p->sound, &p->state);
    studio->is_dirty |= was_playing != p->state.is_playing; /* the last frame shows the end */
    if (p->state.failure == TIMBRE_OK || p->state.failure == before)
        return;
    tb_studio_log(studio, "sound: %s", p->state.message);
    if (p->state.failure != TIMBRE_NO_AUDIO_OUTPUT)
        tb_studio_toast(studio, TB_ROLE_ERROR, "%s", p->state.message);
    else if (!p->has_said_no_output)
        tb_studio_toast(studio, TB_ROLE_WARN, "no sound output on this machine (/log says more)");
    p->has_said_no_output |= p->state.failure == TIMBRE_NO_AUDIO_OUTPUT;
    studio->is_dirty = true;
}

/* First press: A. Second, on another take: B, from its start. From then on: the other one, at the
 * same place. */
void tb_studio_compare(tb_studio *studio)
{
    tb_playback *p = &studio->playback;
    const tb_take *selected = tb_studio_selected(studio);
    if (selected == NULL || selected->number == 0)
        return;
    bool is_new = strcmp(selected->id, p->a) != 0 && strcmp(selected->id, p->b) != 0;
    if (p->a[0] == '\0' || (p->b[0] != '\0' && is_new)) {
        (void)snprintf(p->a, sizeof p->a, "%s", selected->id);
        p->b[0] = '\0';
        tb_studio_toast(studio, TB_ROLE_OK, "A is #%d: choose another take for B",
                        selected->number);
        return;
    }
    if (p->b[0] == '\0' && strcmp(selected->id, p->a) == 0) {
        p->a[0] = '\0';
        tb_studio_toast(studio, TB_ROLE_TEXT, "nothing is compared");
        return;
    }
    if (p->b[0] == '\0')
        (void)snprintf(p->b, sizeof p->b, "%s", selected->id);
    const char *next = strcmp(p->id, p->b) == 0 ? p->a : p->b;
    const tb_take *take = tb_collection_find(&studio->collection, next);
    if (take == NULL)
        return;
    tb_studio_play(studio, take, p->state.is_playing ? p->state.position_s : 0);
    tb_studio_toast(studio, TB_ROLE_OK, "%s: #%d", next == p->a ? "A" : "B", take->number);
}

/* ---- export ---- */

static void exported(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    if (reply->status == TIMBRE_OK)
        tb_studio_toast_saved(studio, "exported to", reply->file);
    else
        tb_studio_toast_error(studio, &reply->err);
}

static bool is_format(const char *name)
{
    const char *const *formats = timbre_audio_formats();
    for (size_t i = 0; formats[i] != NULL; i++)
        if (strcmp(formats[i], name) == 0)
            return true;
    return false;
}

/* A name below the current folder that is not taken: of the take's file, with the format's ending.
 * Owned. */
static char *free_name(const tb_take *take, const char *format)
{
    const char *name = take->path != NULL ? strrchr(take->path, '/') : NULL;
    name = name != NULL ? name + 1 : "take.wav";
    int stem = (int)(strrchr(name, '.') != NULL ? strrchr(name, '.') - name : (long)strlen(name));
    for (int i = 1; i < 1000; i++) {
        char *file = i == 1 ? tb_strf("%.*s.%s", stem, name, format)
                            : tb_strf("%.*s-%d.%s", stem, name, i, format);
        if (file == NULL || (access(file, F_OK) != 0 && errno == ENOENT))
            return file;
        free(file);
    }
    return NULL;
}

void tb_studio_export(tb_studio *studio, const tb_take *take, const char *where)
{
    const char *dot = strrchr(where, '.');
    const char *format = is_format(where) ? where : dot != NULL ? dot + 1 : "";
    if (where[0] == '\0')
        format = take->format != NULL ? take->format : "wav";
    if (!is_format(format)) {
        tb_studio_toast(studio, TB_ROLE_ERROR, "'%s' is none of wav, flac, ogg, opus, mp3", where);
        return;
    }
    bool is_named = where[0] != '\0' && !is_format(where);
    char *file = is_named ? tb_strdup(where) : free_name(take, format);
    if (file == NULL || (is_named && access(file, F_OK) == 0)) {
        tb_studio_toast(studio, TB_ROLE_ERROR, "'%s' exists: choose another name",
                        file != NULL ? file : where);
    } else {
        char path[128];
        (void)snprintf(path, sizeof path, "/artifacts/%s/audio?format=%s", take->id, format);
        tb_link_ask(studio->link, &(tb_ask){.lane = TB_LANE_FETCHES,
                                            .want = TB_WANT_FILE,
                                            .path = path,
                                            .file = file,
                                            .id = take->id,
                                            .done = exported});
        tb_studio_toast(studio, TB_ROLE_TEXT, "exporting #%d to %s", take->number, file);
    }
    free(file);
}
