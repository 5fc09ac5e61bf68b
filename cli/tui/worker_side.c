/* What the studio asks of its worker, and what it makes of the answers. */
#include <stdlib.h>
#include <string.h>

#include "cli/client/row.h"
#include "cli/tui/studio.h"
#include "engine/base/clock.h"

enum { PAGE = 200, PREVIEW_PAUSE_MS = 500, BELL_AFTER_S = 10 };

/* A failure of something that was asked for in passing: in the log, not on the screen. */
static bool has_failed(tb_studio *studio, const tb_reply *reply, const char *what)
{
    if (reply->status == TIMBRE_OK)
        return false;
    tb_studio_log(studio, "%s: %s", what, reply->err.message);
    return true;
}

static void ask(tb_studio *studio, const char *path, const char *id, tb_lane lane, tb_want want,
                tb_reply_fn done)
{
    tb_link_ask(
        studio->link,
        &(tb_ask){
            .lane = lane, .want = want, .method = "GET", .path = path, .id = id, .done = done});
    studio->is_dirty = true;
}

void tb_studio_get(tb_studio *studio, const char *path, const char *id, tb_reply_fn done)
{
    ask(studio, path, id, TB_LANE_CALLS, TB_WANT_JSON, done);
}

/* ---- lists ---- */

static void take_jobs(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    size_t i;
    json_t *job;
    if (has_failed(studio, reply, "jobs"))
        return;
    json_array_foreach(json_object_get(reply->json, "jobs"), i, job)(void)
        tb_collection_take_status(&studio->collection, job, NULL);
    studio->is_dirty = true;
}

static void take_artifacts(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    size_t i;
    json_t *artifact;
    studio->contact.is_listing = false;
    if (has_failed(studio, reply, "takes"))
        return;
    json_array_foreach(json_object_get(reply->json, "artifacts"), i, artifact)(void)
        tb_collection_take_artifact(&studio->collection, artifact, NULL);
    studio->is_dirty = true;
    const json_t *next = json_object_get(reply->json, "next");
    if (!json_is_string(next) && !json_is_integer(next))
        return;
    tb_str path = {0};
    tb_str_appendf(&path, "/artifacts?limit=%d", PAGE);
    char number[24];
    (void)snprintf(number, sizeof number, "%lld", (long long)json_integer_value(next));
    tb_query_append(&path, "after", json_is_string(next) ? json_string_value(next) : number);
    studio->contact.is_listing = true;
    ask(studio, tb_str_text(&path), NULL, TB_LANE_FETCHES, TB_WANT_JSON, take_artifacts);
    tb_str_deinit(&path);
}

static void ask_lists(tb_studio *studio)
{
    tb_studio_get(studio, "/jobs?state=queued,running,failed,cancelled&limit=200", NULL, take_jobs);
    studio->contact.is_listing = true;
    tb_studio_get(studio, "/artifacts?limit=200", NULL, take_artifacts);
}

/* ---- contact ---- */

static void go_online(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    tb_contact_state *contact = &studio->contact;
    if (contact->was_online || contact->n_tries > 0)
        tb_studio_toast(studio, TB_ROLE_OK, "the worker is back online");
    contact->contact = TB_CONTACT_ONLINE;
    contact->was_online = true;
    contact->n_tries = 0;
    json_decref(contact->health);
    contact->health = json_incref(reply->json);
    ask_lists(studio);
    tb_studio_ask_models(studio);
    tb_studio_send_unsent(studio);
    studio->is_dirty = true;
}

static void go_offline(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    tb_contact_state *contact = &studio->contact;
    contact->contact = TB_CONTACT_OFFLINE;
    contact->n_tries++;
    contact->retry_at_s = tb_clock_seconds() + reply->retry_s;
    (void)snprintf(contact->why, sizeof contact->why, "%.399s", reply->err.message);
    (void)snprintf(contact->fix, sizeof contact->fix, "%.199s", reply->err.fix);
    tb_studio_log(studio, "worker offline: %s", reply->err.message);
    studio->is_dirty = true;
}

/* ---- jobs and their takes ---- */

static void tell_end(tb_studio *studio, const tb_take *take)
{
    if (take->state == TB_TAKE_FAILED)
        tb_studio_log(studio, "take failed: %s", take->error != NULL ? take->error : "");
    if (take->state != TB_TAKE_DONE || !take->is_of_this_run || take->number == 0)
        return;
    tb_studio_log(studio, "take #%d is done: %s", take->number, take->prompt);
    bool was_long = take->began_s > 0 && tb_clock_seconds() - take->began_s > BELL_AFTER_S;
    if (was_long && !studio->is_focused)
        tb_str_append(&studio->after, "\a");
    if (studio->radio != NULL)
        return; /* it plays what it makes, and nothing else comes between */
    bool is_free = !studio->playback.state.is_playing && studio->playback.wanted[0] == '\0';
    const char *when = tb_settings_text(&studio->app->settings, "ui.autoplay");
    if (strcmp(when, "always") == 0 || (strcmp(when, "idle") == 0 && is_free))
        tb_studio_play(studio, take, 0);
}

static void take_artifact(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    if (has_failed(studio, reply, "take"))
        return;
    const tb_take *take = tb_collection_take_artifact(&studio->collection, reply->json, NULL);
    if (take != NULL)
        tell_end(studio, take);
    studio->is_dirty = true;
}

static void take_event(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    if (strcmp(reply->id, "status") != 0)
        return;
    const char *id = tb_member_text(reply->json, "job_id");
    const tb_take *before = tb_collection_find(&studio->collection, id);
    tb_take_state was = before != NULL ? before->state : TB_TAKE_UNSENT;
    tb_take *take = tb_collection_take_status(&studio->collection, reply->json, NULL);
    if (take == NULL)
        return;
    if (was != take->state && take->state == TB_TAKE_DONE) {
        char path[80];
        (void)snprintf(path, sizeof path, "/artifacts/%s", take->id);
        tb_studio_get(studio, path, take->id, take_artifact);
    } else if (was != take->state && !tb_take_is_active(take)) {
        tell_end(studio, take);
    }
    studio->is_dirty = true;
}

static void take_submitted(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    tb_take *unsent = tb_collection_find(&studio->collection, reply->id);
    studio->is_dirty = studio->is_draft_unsaved = true;
    if (reply->status == TIMBRE_WORKER_UNREACHABLE || reply->status == TIMBRE_STOPPING)
        return; /* it waits for the worker */
    bool was_selected = unsent != NULL && strcmp(studio->selected, unsent->id) == 0;
    if (reply->status != TIMBRE_OK) {
        tb_studio_toast_error(studio, &reply->err);
        if (unsent != NULL && tb_editor_text(&studio->editor)[0] == '\0')
            tb_editor_set(&studio->editor, unsent->prompt); /* to be mended */
    }
    if (unsent != NULL)
        tb_collection_remove(&studio->collection, unsent);
    if (reply->status != TIMBRE_OK)
        return;
    tb_take *take = tb_collection_take_status(&studio->collection, reply->json, NULL);
    if (take == NULL)
        return;
    take->is_of_this_run = true;
    if (was_selected)
        tb_studio_select(studio, take);
    if (take->state == TB_TAKE_DONE && take->number == 0) { /* its events were faster */
        char path[80];
        (void)snprintf(path, sizeof path, "/artifacts/%s", take->id);
        tb_studio_get(studio, path, take->id, take_artifact);
    }
}

/* The body waits in the take's extras until it is taken. */
static void send(tb_studio *studio, const tb_take *take)
{
    tb_link_ask(studio->link, &(tb_ask){.method = "POST",
                                        .path = "/generate",
                                        .body = json_incref(take->extras),
                                        .key = take->id,
                                        .id = take->id,
                                        .done = take_submitted});
}

void tb_studio_send_unsent(tb_studio *studio)
{
    tb_link_forget(studio->link, TB_LANE_CALLS, take_submitted);
    for (size_t i = 0; i < studio->collection.n; i++)
        if (studio->collection.takes[i]->state == TB_TAKE_UNSENT)
            send(studio, studio->collection.takes[i]);
}

static void take_cancelled(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    if (reply->status != TIMBRE_OK)
        tb_studio_toast_error(studio, &reply->err);
    else
        (void)tb_collection_take_status(&studio->collection, reply->json, NULL);
    studio->is_dirty = true;
}

void tb_studio_cancel(tb_studio *studio, const tb_take *take)
{
    if (take->state == TB_TAKE_UNSENT) {
        tb_collection_remove(&studio->collection, (tb_take *)take);
        studio->is_dirty = true;
        return;
    }
    char path[80];
    (void)snprintf(path, sizeof path, "/jobs/%s/cancel", take->id);
    tb_link_ask(studio->link,
                &(tb_ask){.method = "POST", .path = path, .id = take->id, .done = take_cancelled});
}

/* ---- what belongs to one take ---- */

static void take_peaks(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    tb_take *take = tb_collection_find(&studio->collection, reply->id);
    if (take == NULL || has_failed(studio, reply, "wave"))
        return;
    tb_take_set_peaks(take, reply->json);
    studio->is_dirty = true;
}

void tb_studio_want_peaks(tb_studio *studio, tb_take *take)
{
    if (take->has_asked_peaks || take->state != TB_TAKE_DONE || take->number == 0 ||
        studio->contact.contact != TB_CONTACT_ONLINE)
        return;
    take->has_asked_peaks = true;
    char path[96];
    (void)snprintf(path, sizeof path, "/artifacts/%s/peaks?n=%d", take->id, TB_TAKE_PEAKS);
    ask(studio, path, take->id, TB_LANE_FETCHES, TB_WANT_JSON, take_peaks);
}

static void take_preview(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    tb_levels levels;
    tb_error err = {0};
    studio->preview.is_asked = false;
    const tb_take *take = tb_collection_find(&studio->collection, reply->id);
    if (reply->status != TIMBRE_OK || take == NULL ||
        tb_levels_decode(reply->bytes.bytes, reply->bytes.len, &levels, &err) != TIMBRE_OK)
        return; /* there is none yet, or none for this kind of model */
    tb_levels_deinit(&studio->preview.levels);
    for (int i = 0; i < levels.width * levels.height; i++) /* loud is dark in the picture */
        levels.level[i] = (uint8_t)(255 - levels.level[i]);
    studio->preview.levels = levels;
    studio->preview.step = take->step;
    (void)snprintf(studio->preview.id, sizeof studio->preview.id, "%.39s", reply->id);
    studio->is_dirty = true;
}

void tb_studio_want_preview(tb_studio *studio, const tb_take *take)
{
    double now_s = tb_clock_seconds();
    bool has_one = !take->is_sketch && take->steps > 0 && studio->has_motion;
    if (!has_one || studio->preview.is_asked ||
        now_s - studio->preview.asked_s < PREVIEW_PAUSE_MS / 1e3)
        return;
    studio->preview.is_asked = true;
    studio->preview.asked_s = now_s;
    char path[80];
    (void)snprintf(path, sizeof path, "/jobs/%s/preview.png", take->id);
    ask(studio, path, take->id, TB_LANE_FETCHES, TB_WANT_BYTES, take_preview);
}

static void take_changed(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    if (reply->status != TIMBRE_OK)
        tb_studio_toast_error(studio, &reply->err);
    else
        (void)tb_collection_take_artifact(&studio->collection, reply->json, NULL);
    studio->is_dirty = true;
}

void tb_studio_patch(tb_studio *studio, const tb_take *take, json_t *changes)
{
    char path[80];
    (void)snprintf(path, sizeof path, "/artifacts/%s", take->id);
    tb_link_ask(studio->link, &(tb_ask){.method = "PATCH",
                                        .path = path,
                                        .body = changes,
                                        .id = take->id,
                                        .done = take_changed});
}

static void take_deleted(void *user, tb_reply *reply)
{
    tb_studio *studio = user;
    tb_take *take = tb_collection_find(&studio->collection, reply->id);
    studio->is_dirty = true;
    if (reply->status == TIMBRE_OK || take == NULL)
        return;
    take->is_trashed = false; /* it is still there */
    studio->collection.is_stale = true;
    tb_studio_toast_error(studio, &reply->err);
}

void tb_studio_delete(tb_studio *studio, tb_take *take)
{
    char path[80];
    (void)snprintf(path, sizeof path, "/artifacts/%s", take->id);
    (void)snprintf(studio->deleted, sizeof studio->deleted, "%s", take->id);
    take->is_trashed = true;
    studio->collection.is_stale = true;
    tb_link_ask(studio->link,
                &(tb_ask){.method = "DELETE", .path = path, .id = take->id, .done = take_deleted});
    studio->is_dirty = true;
}

void tb_studio_restore(tb_studio *studio, const char *id)
{
    char path[80];
    (void)snprintf(path, sizeof path, "/artifacts/%s/restore", id);
    tb_link_ask(studio->link,
                &(tb_ask){.method = "POST", .path = path, .id = id, .done = take_changed});
    studio->deleted[0] = '\0';
}

/* ---- life ---- */

tb_status tb_studio_connect(tb_studio *studio, tb_error *err)
{
    tb_link_free(studio->link);
    studio->link = NULL;
    studio->contact.contact = TB_CONTACT_NONE_YET;
    studio->contact.is_listing = false;
    const tb_link_options options = {.app = studio->app,
                                     .event = take_event,
                                     .online = go_online,
                                     .offline = go_offline,
                                     .user = studio};
    return tb_link_new(&options, &studio->link, err);
}
