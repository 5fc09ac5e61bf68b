/* A radio in the studio: the maker's thread asks for clips, the player's pulls them. The studio
 * only looks on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client/row.h"
#include "cli/radio_maker.h"
#include "cli/radio_plan.h"
#include "cli/radio_queue.h"
#include "cli/tui/operation_list.h"
#include "cli/tui/studio.h"
#include "engine/base/random.h"

enum { JOIN_FRAMES = TB_SOUND_SOURCE_RATE_HZ / 10 /* that two clips share */ };

struct tb_studio_radio {
    tb_app app; /* its settings are a copy: those of the studio may change meanwhile */
    json_t *base;
    tb_radio_plan plan;
    tb_radio_queue *queue;
    tb_radio_maker *maker;
    int64_t tag;
    bool is_late;
    char trouble[200];
};
typedef struct tb_studio_radio studio_radio;

/* ---- beginning and end ---- */

static void copy_app(studio_radio *r, const tb_app *app)
{
    r->app = (tb_app){.args = app->args, .is_utf8 = app->is_utf8};
    for (int i = 0; i < TB_SETTINGS_MAX; i++) {
        const char *text = app->settings.text[i];
        r->app.settings.text[i] = text != NULL ? tb_strdup(text) : NULL;
        r->app.settings.origin[i] = app->settings.origin[i];
    }
}

/* May wait for the worker, which is told to cancel. */
static void end_radio(void *state, const timbre_cancel *cancel)
{
    (void)cancel;
    studio_radio *r = state;
    tb_radio_maker_stop(r->maker);
    r->maker = NULL;
}

static void free_radio(void *user, void *state)
{
    (void)user;
    studio_radio *r = state;
    tb_radio_queue_free(r->queue);
    tb_radio_plan_deinit(&r->plan);
    json_decref(r->base);
    tb_settings_deinit(&r->app.settings);
    free(r);
}

static tb_status make_plan(studio_radio *r, const char *way, tb_error *err)
{
    const json_t *seed = json_object_get(r->base, "seed");
    uint32_t drawn = 0;
    tb_status st = json_is_integer(seed) ? TIMBRE_OK : tb_entropy(&drawn, sizeof drawn, err);
    if (st != TIMBRE_OK)
        return st;
    int64_t first = json_is_integer(seed) ? json_integer_value(seed) : drawn;
    return tb_radio_plan_init(&r->plan, &way, 1, TB_RADIO_STEP, first, err);
}

/* The settings of the next take, without those that a radio decides itself. */
static tb_status make_base(const tb_studio *studio, studio_radio *r, tb_error *err)
{
    r->base = tb_wishes_to_json(&studio->wishes);
    if (r->base == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request");
    for (const char *own; (own = tb_radio_find_own_field(r->base)) != NULL;)
        (void)json_object_del(r->base, own);
    return TIMBRE_OK;
}

static bool is_sketch(const tb_studio *studio, const json_t *base)
{
    const char *asked = tb_member_text(base, "model_id");
    const char *usual = tb_member_text(studio->contact.health, "default_model_id");
    return strcmp(asked[0] != '\0' ? asked : usual, "sketch") == 0;
}

static int64_t pull(float *out, int64_t n, void *user)
{
    studio_radio *r = user;
    return tb_radio_queue_pull(r->queue, out, n);
}

static tb_status begin(tb_studio *studio, studio_radio *r, const char *way, tb_error *err)
{
    copy_app(r, studio->app);
    tb_status st = make_base(studio, r, err);
    if (st == TIMBRE_OK)
        st = make_plan(r, way, err);
    if (st != TIMBRE_OK)
        return st;
    r->queue = tb_radio_queue_new(&(tb_radio_queue_options){.fade_frames = JOIN_FRAMES});
    if (r->queue == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a radio");
    return tb_radio_maker_start(&(tb_radio_maker_options){.app = &r->app,
                                                          .base = r->base,
                                                          .is_sketch = is_sketch(studio, r->base),
                                                          .queue = r->queue,
                                                          .plan = &r->plan},
                                &r->maker, err);
}

void tb_studio_radio_start(tb_studio *studio, const char *way)
{
    tb_error err = {0};
    tb_playback *p = &studio->playback;
    tb_studio_radio_stop(studio);
    if (studio->contact.contact != TB_CONTACT_ONLINE) {
        tb_studio_toast(studio, TB_ROLE_WARN, "the worker is not there: no radio");
        return;
    }
    studio_radio *r = calloc(1, sizeof *r);
    tb_status st = r != NULL ? begin(studio, r, way, &err)
                             : tb_fail(&err, TIMBRE_NO_MEMORY, "no memory for a radio");
    if (st == TIMBRE_OK && tb_studio_open_sound(studio)) {
        r->tag = ++p->tag;
        p->wanted[0] = p->id[0] = '\0';
        tb_sound_play_source(p->sound, pull, r, r->tag);
        tb_sound_get_state(p->sound, &p->state);
        studio->radio = r;
        bool blends = !is_sketch(studio, r->base);
        tb_studio_toast(studio, TB_ROLE_OK, "%s; /radio again ends it",
                        blends ? "radio: the first clip is being made"
                               : "radio: the sketch cannot blend, it plays the nearer prompt");
        return;
    }
    if (st != TIMBRE_OK)
        tb_studio_toast_error(studio, &err);
    if (r != NULL) {
        end_radio(r, NULL);
        free_radio(studio, r);
    }
}

void tb_studio_radio_stop(tb_studio *studio)
{
    studio_radio *r = studio->radio;
    tb_playback *p = &studio->playback;
    if (r == NULL)
        return;
    studio->radio = NULL;
    studio->is_dirty = true;
    tb_sound_drop_source(p->sound);
    tb_sound_get_state(p->sound, &p->state);
    if (p->state.tag == r->tag) {
        tb_sound_stop(p->sound);
        tb_sound_get_state(p->sound, &p->state);
        p->id[0] = '\0';
    }
    if (tb_tasks_start(&studio->tasks, end_radio, free_radio, r) == NULL) {
        end_radio(r, NULL);
        free_radio(studio, r);
    }
}

/* ---- as it plays ---- */

static void show_clip(tb_studio *studio, const tb_radio_state *now)
{
    tb_playback *p = &studio->playback;
    p->state.position_s = (double)now->at / TB_SOUND_SOURCE_RATE_HZ;
    p->state.length_s = (double)now->n_frames / TB_SOUND_SOURCE_RATE_HZ;
    if (strcmp(p->id, now->id) == 0)
        return;
    (void)snprintf(p->id, sizeof p->id, "%.39s", now->id);
    studio->is_dirty = true;
}

static void say_changes(tb_studio *studio, studio_radio *r, const tb_radio_state *now,
                        const tb_radio_making *making)
{
    bool is_late = now->n_rounds > 0;
    if (is_late && !r->is_late)
        tb_studio_toast(studio, TB_ROLE_TEXT, "the next clip is late: looping");
    r->is_late = is_late;
    if (strcmp(r->trouble, making->trouble) != 0 && making->trouble[0] != '\0')
        tb_studio_toast(studio, TB_ROLE_WARN, "radio, trying again: %s", making->trouble);
    (void)snprintf(r->trouble, sizeof r->trouble, "%s", making->trouble);
}

void tb_studio_radio_update(tb_studio *studio)
{
    studio_radio *r = studio->radio;
    tb_radio_state now;
    tb_radio_making making;
    if (r == NULL)
        return;
    const tb_sound_state *sound = &studio->playback.state;
    tb_radio_queue_get_state(r->queue, &now);
    tb_radio_maker_get(r->maker, &making);
    if (making.failure.code != TIMBRE_OK) {
        tb_studio_toast_error(studio, &making.failure);
        tb_studio_radio_stop(studio);
    } else if (sound->tag != r->tag || sound->failure != TIMBRE_OK) {
        tb_studio_radio_stop(studio); /* something else plays, or nothing can */
    } else {
        if (now.is_playing)
            show_clip(studio, &now);
        say_changes(studio, r, &now, &making);
    }
}

static void start_way(tb_studio *studio, const char *text, const char *user)
{
    (void)user;
    tb_studio_radio_start(studio, text);
}

TB_DO(radio)
{
    (void)self;
    if (argument != NULL && argument[0] != '\0') {
        tb_studio_radio_start(studio, argument);
    } else if (studio->radio != NULL) {
        tb_studio_radio_stop(studio);
        tb_studio_toast(studio, TB_ROLE_TEXT, "the radio is off");
    } else {
        tb_open_question(studio, "Radio: prompts with -> between them", "", start_way, "");
    }
}
