#include "cli/radio.h"

#include <stdlib.h>
#include <string.h>

#include "cli/client/client.h"
#include "cli/client/row.h"
#include "cli/keys.h"
#include "cli/player.h"
#include "cli/radio_maker.h"
#include "cli/radio_plan.h"
#include "cli/radio_queue.h"
#include "cli/radio_record.h"
#include "cli/radio_show.h"
#include "cli/signals.h"
#include "engine/base/clock.h"
#include "engine/base/limits.h"
#include "engine/base/random.h"

enum {
    CHUNK_FRAMES = 4096,
    TICK_MS = 20,
    TICKS_PER_LINE = 5,
    AHEAD_FRAMES = TB_SAMPLE_RATE_HZ / 4, /* written before it is heard; the network is elsewhere */
    JOIN_FRAMES = TB_SAMPLE_RATE_HZ / 10, /* that two clips share */
    END_FRAMES = TB_SAMPLE_RATE_HZ / 10,  /* of the fade when it is stopped */
    END_LIMIT_S = 2,
};

typedef struct {
    tb_app *app;
    const tb_radio_options *options;
    tb_radio_plan plan;
    tb_radio_queue *queue;
    tb_radio_maker *maker;
    tb_player *player; /* NULL: it is only recorded */
    tb_radio_record record;
    tb_radio_show show;
    tb_keys keys;
    float gain;
    bool is_sketch, is_paused, is_sounding;
    double ending_s; /* clock when it was told to stop; 0: not yet */
    int64_t target;  /* leg that was skipped to; 0: none */
    float chunk[CHUNK_FRAMES * TB_RADIO_CHANNELS];
} radio;

/* ---- before ---- */

static tb_status make_plan(radio *r, tb_error *err)
{
    const json_t *seed = json_object_get(r->options->base, "seed");
    uint32_t drawn = 0;
    tb_status st = json_is_integer(seed) ? TIMBRE_OK : tb_entropy(&drawn, sizeof drawn, err);
    if (st != TIMBRE_OK)
        return st;
    int64_t first = json_is_integer(seed) ? json_integer_value(seed) : drawn;
    return tb_radio_plan_init(&r->plan, r->options->prompts, r->options->n_prompts,
                              r->options->step, first, err);
}

/* The worker is started where none runs, and asked which model answers. */
static tb_status ask_model(radio *r, tb_error *err)
{
    tb_client client = {0};
    json_t *health = NULL;
    const json_t *asked = json_object_get(r->options->base, "model_id");
    tb_status st = tb_client_open(r->app, TB_CLIENT_START, &client, err);
    if (st == TIMBRE_OK)
        st = tb_client_call(&client, "GET", "/health", NULL, NULL, &health, err);
    tb_client_close(&client);
    const char *model = json_is_string(asked) ? json_string_value(asked)
                                              : tb_member_text(health, "default_model_id");
    r->is_sketch = strcmp(model, "sketch") == 0;
    json_decref(health);
    if (st == TIMBRE_OK && r->is_sketch)
        tb_app_note(r->app, "the sketch cannot blend: each clip is a loop of the nearer prompt");
    return st;
}

static tb_status open_player(radio *r, tb_error *err)
{
    if (r->options->is_silent)
        return TIMBRE_OK;
    tb_error why = {0};
    int log_fd = r->app->log != NULL ? fileno(r->app->log) : -1;
    tb_status st = tb_player_open(TB_SAMPLE_RATE_HZ, TB_RADIO_CHANNELS, log_fd, &r->player, &why);
    if (st == TIMBRE_NO_AUDIO_OUTPUT && r->options->record != NULL) {
        tb_app_note(r->app, "%s: it is only recorded", why.message);
        return TIMBRE_OK;
    }
    if (st != TIMBRE_OK) {
        (void)tb_fail(err, st, "%s", why.message);
        tb_fix(err, "%.200s; --record FILE.wav writes it to a file instead", why.fix);
    }
    return st;
}

static tb_status open_all(radio *r, tb_error *err)
{
    const tb_radio_options *options = r->options;
    tb_status st = make_plan(r, err);
    if (st == TIMBRE_OK)
        st = open_player(r, err);
    if (st == TIMBRE_OK)
        st = ask_model(r, err);
    if (st == TIMBRE_OK && options->record != NULL)
        st = tb_radio_record_open(&r->record, options->record, options->replaces, err);
    if (st != TIMBRE_OK)
        return st;
    r->queue = tb_radio_queue_new(&(tb_radio_queue_options){
        .fade_frames = JOIN_FRAMES, .waits = r->player == NULL, .n_clips = options->n_clips});
    if (r->queue == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a radio");
    return tb_radio_maker_start(&(tb_radio_maker_options){.app = r->app,
                                                          .base = options->base,
                                                          .is_sketch = r->is_sketch,
                                                          .discards = options->discards,
                                                          .queue = r->queue,
                                                          .plan = &r->plan},
                                &r->maker, err);
}

/* ---- the sound ---- */

static tb_status take_frames(radio *r, int64_t n, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    if (r->record.path != NULL)
        st = tb_radio_record_append(&r->record, r->chunk, n, TB_SAMPLE_RATE_HZ, err);
    if (r->player == NULL)
        return st;
    for (int64_t i = 0; r->gain < 1 && i < n * TB_RADIO_CHANNELS; i++)
        r->chunk[i] *= r->gain;
    (void)tb_player_write(r->player, r->chunk, n); /* there is room for more than AHEAD_FRAMES */
    if (!r->is_sounding && !r->is_paused) {
        r->is_sounding = true;
        tb_player_pause(r->player, false);
    }
    return st;
}

static int count_begun(radio *r)
{
    tb_radio_state state;
    tb_radio_queue_get_state(r->queue, &state);
    return state.n_begun;
}

/* As much as the device takes now, or a file; not beyond the beginning of a clip, which is to be
 * shown. */
static tb_status feed(radio *r, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    int n_begun = count_begun(r);
    while (st == TIMBRE_OK && count_begun(r) == n_begun) {
        int64_t room = r->player != NULL ? AHEAD_FRAMES - tb_player_pending(r->player)
                                         : CHUNK_FRAMES;
        int64_t n = room > 0 ? tb_radio_queue_pull(r->queue, r->chunk,
                                                   room < CHUNK_FRAMES ? room : CHUNK_FRAMES)
                             : 0;
        if (n == 0)
            break;
        st = take_frames(r, n, err);
    }
    return st;
}

static void pause_sound(radio *r, bool is_paused)
{
    if (r->player != NULL && r->is_sounding)
        tb_player_pause(r->player, is_paused);
    tb_radio_queue_pause(r->queue, is_paused);
}

/* ---- keys ---- */

static void end(radio *r)
{
    if (r->ending_s > 0)
        return;
    r->ending_s = tb_clock_seconds();
    tb_radio_queue_fade_out(r->queue, END_FRAMES);
}

static void toggle_pause(radio *r)
{
    r->is_paused = !r->is_paused;
    pause_sound(r, r->is_paused);
}

/* What plays goes on until the first clip of the next prompt is there. Pressed again before that is
 * heard: on from there. */
static void skip(radio *r)
{
    tb_radio_state state;
    tb_radio_queue_get_state(r->queue, &state);
    int64_t leg = state.step.leg > r->target ? state.step.leg : r->target;
    tb_radio_maker_skip(r->maker, leg);
    tb_radio_queue_drop_ahead(r->queue);
    r->target = leg + 1;
}

/* Ctrl-Z: the shell gets the terminal as it was; after fg it is ours again. */
static void suspend(radio *r)
{
    pause_sound(r, true);
    tb_keys_give_back(&r->keys);
    (void)tb_signals_stop();
    tb_keys_take(&r->keys, r->app);
    if (!r->is_paused)
        pause_sound(r, false);
}

static void on_key(radio *r, tb_key key)
{
    if (key.code == 'q')
        end(r);
    else if (key.code == ' ')
        toggle_pause(r);
    else if (key.code == 'n')
        skip(r);
    else if (key.code == 'z' && key.mods == TB_MOD_CTRL)
        suspend(r);
}

/* ---- the loop ---- */

/* Whether all is over: heard to its end, or waited for long enough. */
static bool is_over(const radio *r, const tb_radio_state *state)
{
    if (r->ending_s > 0 && tb_clock_seconds() - r->ending_s > END_LIMIT_S)
        return true;
    return state->has_ended && (r->player == NULL || !r->is_sounding || r->is_paused ||
                                tb_player_is_drained(r->player));
}

static tb_status look_around(radio *r, int tick, bool *has_ended, tb_error *err)
{
    tb_radio_state state;
    tb_radio_making making;
    tb_radio_queue_get_state(r->queue, &state);
    tb_radio_maker_get(r->maker, &making);
    if (!r->keys.has_line || tick % TICKS_PER_LINE == 0)
        tb_radio_show_update(&r->show, r->app, &r->keys, &state, &making, r->is_paused);
    if (making.failure.code != TIMBRE_OK && !state.has_ended)
        end(r);
    *has_ended = is_over(r, &state);
    if (*has_ended && making.failure.code != TIMBRE_OK) {
        *err = making.failure;
        return err->code;
    }
    return TIMBRE_OK;
}

static tb_status run(radio *r, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    bool has_ended = false;
    for (int tick = 0; st == TIMBRE_OK && !has_ended; tick++) {
        tb_key key;
        if (tb_signals_caught() != 0)
            end(r);
        if (tb_signals_wants_stop())
            suspend(r);
        tb_keys_wait(&r->keys, TICK_MS);
        while (tb_keys_next(&r->keys, &key))
            on_key(r, key);
        st = feed(r, err);
        if (st == TIMBRE_OK)
            st = look_around(r, tick, &has_ended, err);
    }
    if (st == TIMBRE_OK && tb_signals_caught() != 0)
        st = tb_fail(err, TIMBRE_CANCELLED, "interrupted");
    return st;
}

static void close_all(radio *r)
{
    tb_player_close(r->player); /* silence first: the worker may take its time */
    tb_radio_maker_stop(r->maker);
    tb_radio_queue_free(r->queue);
    tb_radio_plan_deinit(&r->plan);
}

tb_status tb_radio_run(tb_app *app, const tb_radio_options *options, tb_error *err)
{
    radio *r = calloc(1, sizeof *r);
    if (r == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a radio");
    r->app = app;
    r->options = options;
    r->gain = (float)(tb_settings_number(&app->settings, "play.volume") / 100);
    r->keys = (tb_keys){.is_plain = options->is_plain, .takes_ctrl_z = true};
    tb_status st = open_all(r, err);
    if (st == TIMBRE_OK) {
        tb_signals_hold(true); /* the terminal is given back before anything ends the process */
        tb_keys_take(&r->keys, app);
        st = run(r, err);
        tb_keys_give_back(&r->keys);
        tb_signals_hold(false);
    }
    close_all(r);
    tb_error why = {0};
    if (tb_radio_record_close(&r->record, &why) != TIMBRE_OK && st == TIMBRE_OK) {
        *err = why;
        st = why.code;
    }
    tb_keys_deinit(&r->keys);
    free(r);
    return st;
}
