#include "cli/play_file.h"

#include <stdlib.h>

#include "cli/keys.h"
#include "cli/meter.h"
#include "cli/player.h"
#include "cli/signals.h"
#include "timbre/audio.h"

enum { CHUNK_FRAMES = 4096, TICK_MS = 20, TICKS_PER_LINE = 5 };

typedef struct {
    tb_app *app;
    timbre_audio *audio;
    timbre_audio_info info;
    tb_player *player;
    float *chunk;                /* [CHUNK_FRAMES, n_channels] */
    int64_t chunk_at, chunk_len; /* frames of it that are written, and that it holds */
    int64_t base_frame;          /* place in the file where the player's count began */
    float gain;
    bool loops, at_end, is_paused, is_done;
    tb_keys keys;
} playing;

/* Fill the device's ring as far as it goes. */
static tb_status feed(playing *p, tb_error *err)
{
    while (!p->at_end) {
        if (p->chunk_at == p->chunk_len) {
            p->chunk_at = 0;
            tb_status st = timbre_audio_read(p->audio, p->chunk, CHUNK_FRAMES, &p->chunk_len, err);
            if (st == TIMBRE_OK && p->chunk_len == 0 && p->loops && p->info.n_frames > 0) {
                st = timbre_audio_seek(p->audio, 0, err);
                if (st == TIMBRE_OK)
                    st = timbre_audio_read(p->audio, p->chunk, CHUNK_FRAMES, &p->chunk_len, err);
            }
            if (st != TIMBRE_OK)
                return st;
            p->at_end = p->chunk_len == 0;
            for (int64_t i = 0; p->gain < 1 && i < p->chunk_len * p->info.n_channels; i++)
                p->chunk[i] *= p->gain;
        }
        p->chunk_at += tb_player_write(p->player, p->chunk + p->chunk_at * p->info.n_channels,
                                       p->chunk_len - p->chunk_at);
        if (p->chunk_at < p->chunk_len)
            break;
    }
    return TIMBRE_OK;
}

static int64_t current_frame(const playing *p)
{
    int64_t frame = p->base_frame + tb_player_position(p->player);
    return p->info.n_frames > 0 ? (p->loops ? frame % p->info.n_frames : frame) : 0;
}

static tb_status move_to(playing *p, int64_t frame, tb_error *err)
{
    frame = frame < 0 ? 0 : frame > p->info.n_frames ? p->info.n_frames : frame;
    tb_player_pause(p->player, true);
    tb_player_drop(p->player);
    p->base_frame = frame;
    p->chunk_at = p->chunk_len = 0;
    p->at_end = false;
    tb_status st = timbre_audio_seek(p->audio, frame, err);
    if (st == TIMBRE_OK)
        st = feed(p, err);
    if (st == TIMBRE_OK && !p->is_paused)
        tb_player_pause(p->player, false);
    return st;
}

static void toggle_pause(playing *p)
{
    p->is_paused = !p->is_paused;
    tb_player_pause(p->player, p->is_paused);
}

static tb_status on_key(playing *p, tb_key key, tb_error *err)
{
    bool is_arrow = key.code == TB_KEY_LEFT || key.code == TB_KEY_RIGHT;
    double seconds = key.mods & TB_MOD_SHIFT ? 1 : 5;
    if (is_arrow)
        return move_to(p,
                       current_frame(p) + (int64_t)((key.code == TB_KEY_LEFT ? -seconds : seconds) *
                                                    p->info.rate_hz),
                       err);
    if (key.code == ' ')
        toggle_pause(p);
    p->is_done = p->is_done || key.code == 'q';
    return TIMBRE_OK;
}

/* Wait one tick, or less when keys come. */
static tb_status wait_for_keys(playing *p, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    tb_key key;
    tb_keys_wait(&p->keys, TICK_MS);
    while (st == TIMBRE_OK && !p->is_done && tb_keys_next(&p->keys, &key))
        st = on_key(p, key, err);
    return st;
}

static void show_line(playing *p)
{
    if (!tb_keys_begin_line(&p->keys))
        return;
    double at_s = (double)current_frame(p) / p->info.rate_hz;
    double all_s = (double)p->info.n_frames / p->info.rate_hz;
    int columns = tb_terminal_columns() - 32;
    columns = columns > 40 ? 40 : columns;
    int drawn = fprintf(stderr, "%s %d:%02d ", p->is_paused ? "paused " : "playing", (int)at_s / 60,
                        (int)at_s % 60);
    if (columns >= 4) {
        tb_bar_print(stderr, all_s > 0 ? at_s / all_s : 0, columns, p->app->is_utf8);
        drawn += columns + 2;
    }
    drawn += fprintf(stderr, " %d:%02d", (int)all_s / 60, (int)all_s % 60);
    tb_keys_end_line(&p->keys, drawn);
}

/* Ctrl-Z: the shell gets the terminal as it was; after fg it is ours again. */
static void suspend(playing *p)
{
    tb_player_pause(p->player, true);
    tb_keys_give_back(&p->keys);
    (void)tb_signals_stop();
    tb_keys_take(&p->keys, p->app);
    if (!p->is_paused)
        tb_player_pause(p->player, false);
}

static tb_status run(playing *p, tb_error *err)
{
    tb_status st = feed(p, err);
    if (st == TIMBRE_OK)
        tb_player_pause(p->player, false);
    for (int tick = 0; st == TIMBRE_OK && !p->is_done; tick++) {
        if (tb_signals_caught() != 0)
            return tb_fail(err, TIMBRE_CANCELLED, "interrupted");
        if (tb_signals_wants_stop())
            suspend(p);
        else if (tb_signals_take_continued()) /* after SIGSTOP, or fg after bg */
            tb_keys_take(&p->keys, p->app);
        if (tick % TICKS_PER_LINE == 0)
            show_line(p);
        st = wait_for_keys(p, err);
        if (st == TIMBRE_OK)
            st = feed(p, err);
        if (p->at_end && tb_player_is_drained(p->player))
            p->is_done = true;
    }
    return st;
}

static tb_status open_all(playing *p, const char *path, const tb_play_options *options,
                          tb_error *err)
{
    tb_status st = timbre_audio_open(path, &p->audio, err);
    if (st != TIMBRE_OK)
        return st;
    p->info.struct_size = sizeof p->info;
    timbre_audio_get_info(p->audio, &p->info);
    p->base_frame = (int64_t)(options->start_s * p->info.rate_hz);
    if (p->base_frame > p->info.n_frames)
        return tb_fail(err, TIMBRE_BAD_INPUT, "--start %g s is behind the end at %.2f s",
                       options->start_s, (double)p->info.n_frames / p->info.rate_hz);
    if (p->base_frame > 0)
        st = timbre_audio_seek(p->audio, p->base_frame, err);
    p->chunk = calloc((size_t)CHUNK_FRAMES * (size_t)p->info.n_channels, sizeof *p->chunk);
    if (st == TIMBRE_OK && p->chunk == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory to play '%s'", path);
    int log_fd = p->app->log != NULL ? fileno(p->app->log) : -1;
    if (st == TIMBRE_OK)
        st = tb_player_open(p->info.rate_hz, p->info.n_channels, log_fd, &p->player, err);
    if (st == TIMBRE_NO_AUDIO_OUTPUT) {
        tb_error why = *err;
        tb_fix(err, "%.200s; the file is whole and can be played elsewhere", why.fix);
    }
    return st;
}

tb_status tb_play_file(tb_app *app, const char *path, const tb_play_options *options, tb_error *err)
{
    playing p = {.app = app,
                 .keys = {.is_plain = options->is_plain},
                 .loops = options->loops,
                 .gain = (float)(tb_settings_number(&app->settings, "play.volume") / 100)};
    tb_status st = open_all(&p, path, options, err);
    if (st == TIMBRE_OK) {
        tb_signals_hold(true); /* the terminal is given back before anything ends the process */
        tb_signals_catch_stop();
        tb_keys_take(&p.keys, app);
        st = run(&p, err);
        tb_keys_give_back(&p.keys);
        tb_signals_hold(false);
        tb_player_close(p.player);
    }
    tb_keys_deinit(&p.keys);
    free(p.chunk);
    timbre_audio_close(p.audio);
    return st;
}
