#include "cli/tui/sound.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/player.h"
#include "engine/base/condition.h"
#include "engine/base/str.h"
#include "timbre/audio.h"

enum {
    AHEAD_MS = 150, /* written before it is heard: what a change of volume has to wait */
    PAUSE_MS = 30,  /* between two looks while something plays */
    SECONDS_MAX = 20 * 60,
    RATE_LIMIT_HZ = 48000,
    CHANNELS_LIMIT = 2,
    RAMP_PER_SECOND = 100, /* a change of volume takes 10 ms */
    PIECE_FRAMES = 512,    /* written at once */
};

/* What was wished for and not done yet. */
typedef struct {
    char *path; /* owned: play this; NULL: no such wish */
    bool deletes, has_seek, has_stop, has_pause, has_source;
    double seek_s;
} wishes;

struct tb_sound {
    pthread_t thread;
    pthread_mutex_t mutex; /* guards wishes, state, n_changes, is_ending, is_loading */
    pthread_cond_t has_wish;
    wishes wishes;
    tb_sound_state state;
    int64_t
        n_changes; /* plays and stops so far: what was begun before the last one counts no more */
    bool is_ending, is_loading;
    pthread_mutex_t source_mutex; /* guards pull and source; held while it is called */
    tb_sound_pull pull;           /* NULL: none */
    void *source;
    int log_fd;
    void (*changed)(void *user);
    void *user;
    /* The thread's own. */
    tb_player *player;
    int player_rate_hz, player_channels;
    float *samples; /* owned, [n_frames, n_channels] */
    int64_t n_frames;
    int n_channels, rate_hz;
    int64_t next;     /* frame that is written next */
    int64_t origin;   /* frame that was first since the last drop */
    bool has_wrapped; /* round the end since then */
    float gain;
    bool plays_source; /* instead of samples */
};

/* ---- the sound itself ---- */

static tb_status read_samples(tb_sound *s, timbre_audio *audio, const timbre_audio_info *info,
                              tb_error *err)
{
    int64_t most = (int64_t)SECONDS_MAX * RATE_LIMIT_HZ * CHANNELS_LIMIT;
    if (info->n_frames <= 0 || info->n_channels < 1)
        return tb_fail(err, TIMBRE_BAD_FILE, "the sound is empty");
    if (info->n_frames > most / info->n_channels)
        return tb_fail(err, TIMBRE_UNSUPPORTED, "%lld frames of %d channels exceed %lld samples",
                       (long long)info->n_frames, info->n_channels, (long long)most);
    s->samples = malloc((size_t)info->n_frames * (size_t)info->n_channels * sizeof *s->samples);
    if (s->samples == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory to play");
    s->n_channels = info->n_channels;
    s->rate_hz = info->rate_hz;
    tb_status st = timbre_audio_read(audio, s->samples, info->n_frames, &s->n_frames, err);
    return st == TIMBRE_OK && s->n_frames == 0 ? tb_fail(err, TIMBRE_BAD_FILE, "the sound is empty")
                                               : st;
}

static tb_status load(tb_sound *s, const char *path, tb_error *err)
{
    timbre_audio *audio = NULL;
    timbre_audio_info info = {.struct_size = sizeof info};
    free(s->samples);
    s->samples = NULL;
    s->n_frames = 0;
    tb_status st = timbre_audio_open(path, &audio, err);
    if (st != TIMBRE_OK)
        return st;
    timbre_audio_get_info(audio, &info);
    st = read_samples(s, audio, &info, err);
    timbre_audio_close(audio);
    return st;
}

/* ---- the device ---- */

static void close_device(tb_sound *s)
{
    tb_player_close(s->player);
    s->player = NULL;
}

static tb_status open_device(tb_sound *s, tb_error *err)
{
    bool fits = s->player != NULL && s->player_rate_hz == s->rate_hz &&
                s->player_channels == s->n_channels;
    if (fits)
        return TIMBRE_OK;
    close_device(s);
    s->player_rate_hz = s->rate_hz;
    s->player_channels = s->n_channels;
    return tb_player_open(s->rate_hz, s->n_channels, s->log_fd, &s->player, err);
}

/* Forget what is on its way and go on from `position_s`, cut to the sound. */
static void jump(tb_sound *s, double position_s, bool plays)
{
    int64_t frame = llround(fmin(fmax(position_s, 0) * s->rate_hz, (double)s->n_frames));
    s->next = s->origin = frame;
    s->has_wrapped = false;
    tb_player_pause(s->player, true);
    tb_player_drop(s->player);
    if (plays)
        tb_player_pause(s->player, false);
}

/* Frame that is heard now. */
static int64_t heard_frame(const tb_sound *s)
{
    int64_t at = s->next - tb_player_pending(s->player);
    if (s->has_wrapped) /* perhaps several times, where the sound is short */
        at = (at % s->n_frames + s->n_frames) % s->n_frames;
    return at < s->origin && !s->has_wrapped ? s->origin : at;
}

/* ---- feeding ---- */

/* At most PIECE_FRAMES with the volume; at full volume the samples are as they are. */
static int64_t write_some(tb_sound *s, const float *from, int64_t n, float target)
{
    enum { CHANNELS_MAX = 8 };
    float piece[PIECE_FRAMES * CHANNELS_MAX];
    n = n < PIECE_FRAMES ? n : PIECE_FRAMES;
    if (s->gain >= 1 && target >= 1)
        return tb_player_write(s->player, from, n);
    float step = (float)RAMP_PER_SECOND / (float)s->rate_hz, gain = s->gain;
    for (int64_t i = 0; i < n; i++) {
        gain = gain < target ? fminf(gain + step, target) : fmaxf(gain - step, target);
        for (int c = 0; c < s->n_channels; c++)
            piece[i * s->n_channels + c] = from[i * s->n_channels + c] * gain;
    }
    s->gain = gain;
    return tb_player_write(s->player, piece, n);
}

/* Keep a little ahead of what is heard. */
static void feed(tb_sound *s, bool loops, float target)
{
    int64_t ahead = (int64_t)AHEAD_MS * s->rate_hz / 1000;
    int64_t room = ahead - tb_player_pending(s->player);
    while (room > 0) {
        if (s->next >= s->n_frames && loops) {
            s->next = 0;
            s->has_wrapped = true;
        }
        int64_t n = s->n_frames - s->next < room ? s->n_frames - s->next : room;
        const float *from = s->samples + s->next * s->n_channels;
        int64_t done = n > 0 ? write_some(s, from, n, target) : 0;
        if (done == 0)
            return;
        s->next += done;
        room -= done;
    }
}

/* The ring has room for more than is ever ahead: all that was pulled is written. */
static void feed_from_source(tb_sound *s, float target)
{
    float piece[PIECE_FRAMES * TB_SOUND_SOURCE_CHANNELS];
    int64_t ahead = (int64_t)AHEAD_MS * s->rate_hz / 1000;
    int64_t room = ahead - tb_player_pending(s->player), n = 1;
    (void)pthread_mutex_lock(&s->source_mutex);
    for (; room > 0 && n > 0 && s->pull != NULL; room -= n) {
        n = s->pull(piece, room < PIECE_FRAMES ? room : PIECE_FRAMES, s->source);
        if (n > 0)
            (void)write_some(s, piece, n, target);
    }
    (void)pthread_mutex_unlock(&s->source_mutex);
}

/* ---- the thread ---- */

static float volume_of(const tb_sound_state *state)
{
    return state->is_muted ? 0 : (float)state->volume / 100;
}

static void tell(tb_sound *s)
{
    if (s->changed != NULL)
        s->changed(s->user);
}

/* Whether `n_changes` is still the last play or stop; what belongs to an older one is not told. */
static bool is_current(tb_sound *s, int64_t n_changes)
{
    (void)pthread_mutex_lock(&s->mutex);
    bool is_so = s->n_changes == n_changes;
    (void)pthread_mutex_unlock(&s->mutex);
    return is_so;
}

static void fail(tb_sound *s, int64_t n_changes, const tb_error *err)
{
    (void)pthread_mutex_lock(&s->mutex);
    bool is_told = s->n_changes == n_changes;
    if (is_told) {
        s->state.failure = err->code;
        s->state.is_playing = s->is_loading = false;
        (void)snprintf(s->state.message, sizeof s->state.message, "%.159s", err->message);
    }
    (void)pthread_mutex_unlock(&s->mutex);
    if (is_told)
        tell(s);
}

static void stop(tb_sound *s)
{
    close_device(s);
    free(s->samples);
    s->samples = NULL;
    s->n_frames = 0;
    s->plays_source = false;
}

static void begin_source(tb_sound *s, int64_t n_changes)
{
    tb_error err = {0};
    free(s->samples);
    s->samples = NULL;
    s->n_frames = 0;
    s->rate_hz = TB_SOUND_SOURCE_RATE_HZ;
    s->n_channels = TB_SOUND_SOURCE_CHANNELS;
    if (s->player != NULL)
        tb_player_pause(s->player, true);
    if (open_device(s, &err) != TIMBRE_OK) {
        stop(s);
        fail(s, n_changes, &err);
        return;
    }
    s->plays_source = true;
    (void)pthread_mutex_lock(&s->mutex);
    bool is_told = s->n_changes == n_changes;
    if (is_told) {
        s->state.rate_hz = s->rate_hz;
        s->state.n_channels = s->n_channels;
    }
    tb_sound_state now = s->state;
    (void)pthread_mutex_unlock(&s->mutex);
    s->gain = volume_of(&now);
    jump(s, 0, is_told && now.is_playing);
    if (is_told)
        tell(s);
}

/* Load and start; seeks and pauses that came meanwhile hold. */
static void begin(tb_sound *s, const wishes *w, int64_t n_changes)
{
    tb_error err = {0};
    s->plays_source = false;
    if (s->player != NULL)
        tb_player_pause(s->player, true);
    tb_status st = load(s, w->path, &err);
    if (w->deletes)
        (void)unlink(w->path);
    if (st == TIMBRE_OK && is_current(s, n_changes))
        st = open_device(s, &err);
    if (st != TIMBRE_OK) {
        stop(s);
        fail(s, n_changes, &err);
        return;
    }
    (void)pthread_mutex_lock(&s->mutex);
    bool is_told = s->n_changes == n_changes;
    if (is_told) {
        s->is_loading = false;
        s->state.length_s = (double)s->n_frames / s->rate_hz;
        s->state.position_s = fmin(s->state.position_s, s->state.length_s);
        s->state.rate_hz = s->rate_hz;
        s->state.n_channels = s->n_channels;
        s->wishes.has_seek = s->wishes.has_pause = false; /* the state has them */
    }
    tb_sound_state now = s->state;
    (void)pthread_mutex_unlock(&s->mutex);
    if (!is_told)
        return; /* the next round has another wish */
    s->gain = volume_of(&now);
    jump(s, now.position_s, now.is_playing);
    tell(s);
}

static void do_wishes(tb_sound *s, const wishes *w, int64_t n_changes)
{
    if (w->has_stop)
        stop(s);
    if (w->path != NULL)
        begin(s, w, n_changes);
    if (w->has_source)
        begin_source(s, n_changes);
    bool is_empty = s->n_frames == 0 && !s->plays_source;
    if (is_empty || s->player == NULL || w->path != NULL)
        return;
    tb_sound_state now;
    tb_sound_get_state(s, &now);
    bool jumps = w->has_seek && !s->plays_source;
    if (jumps)
        jump(s, w->seek_s, now.is_playing);
    if (w->has_pause && !jumps)
        tb_player_pause(s->player, !now.is_playing);
    if (w->has_seek || w->has_pause)
        tell(s);
}

/* Where it is and whether it is over, unless a wish waits that changes both. */
static bool note_position(tb_sound *s, bool is_over)
{
    double position_s = (double)heard_frame(s) / s->rate_hz;
    (void)pthread_mutex_lock(&s->mutex);
    bool is_wished = s->wishes.path != NULL || s->wishes.has_seek || s->wishes.has_stop;
    if (!is_wished && s->state.is_playing) {
        s->state.position_s = is_over ? s->state.length_s : position_s;
        s->state.is_playing = !is_over;
        s->state.has_ended = is_over;
    }
    (void)pthread_mutex_unlock(&s->mutex);
    return is_over && !is_wished;
}

/* One look at what plays. */
static void play_on(tb_sound *s)
{
    (void)pthread_mutex_lock(&s->mutex);
    tb_sound_state now = s->state;
    bool is_loading = s->is_loading; /* what is loaded is not what is to be heard */
    (void)pthread_mutex_unlock(&s->mutex);
    if (!now.is_playing || is_loading || s->player == NULL)
        return;
    if (s->plays_source)
        feed_from_source(s, volume_of(&now));
    if (s->n_frames == 0)
        return;
    feed(s, now.loops, volume_of(&now));
    bool is_over = !now.loops && s->next >= s->n_frames && tb_player_is_drained(s->player);
    if (!note_position(s, is_over))
        return;
    tb_player_pause(s->player, true);
    tell(s);
}

static bool is_idle(const tb_sound *s)
{
    const wishes *w = &s->wishes;
    return !s->is_ending && w->path == NULL && !w->has_seek && !w->has_pause && !w->has_stop &&
           !w->has_source;
}

/* With the mutex held. */
static void wait_for_wish(tb_sound *s)
{
    struct timespec until = tb_condition_deadline(PAUSE_MS);
    if (s->state.is_playing && !s->is_loading)
        (void)tb_condition_wait(&s->has_wish, &s->mutex, &until);
    else
        (void)pthread_cond_wait(&s->has_wish, &s->mutex);
}

static void *run(void *user)
{
    tb_sound *s = user;
    (void)pthread_mutex_lock(&s->mutex);
    for (;;) {
        if (is_idle(s))
            wait_for_wish(s);
        if (s->is_ending)
            break;
        wishes w = s->wishes;
        int64_t n_changes = s->n_changes;
        s->wishes = (wishes){0};
        (void)pthread_mutex_unlock(&s->mutex);
        do_wishes(s, &w, n_changes);
        free(w.path);
        play_on(s);
        (void)pthread_mutex_lock(&s->mutex);
    }
    (void)pthread_mutex_unlock(&s->mutex);
    if (s->player != NULL)
        tb_player_pause(s->player, true);
    stop(s);
    return NULL;
}

/* ---- for the studio's thread ---- */

tb_status tb_sound_new(int log_fd, void (*changed)(void *user), void *user, tb_sound **out,
                       tb_error *err)
{
    *out = NULL;
    tb_sound *s = calloc(1, sizeof *s);
    if (s == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory to play");
    s->log_fd = log_fd;
    s->changed = changed;
    s->user = user;
    s->state.volume = 100;
    s->gain = 1;
    (void)pthread_mutex_init(&s->mutex, NULL);
    (void)pthread_mutex_init(&s->source_mutex, NULL);
    tb_condition_init(&s->has_wish);
    sigset_t all, before;
    sigfillset(&all); /* signals are the studio thread's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&s->thread, NULL, run, s);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        free(s);
        return tb_fail_errno(err, failed, "cannot start a thread to play");
    }
    *out = s;
    return TIMBRE_OK;
}

static void drop_path(tb_sound *s);

void tb_sound_free(tb_sound *s)
{
    if (s == NULL)
        return;
    (void)pthread_mutex_lock(&s->mutex);
    s->is_ending = true;
    (void)pthread_cond_signal(&s->has_wish);
    (void)pthread_mutex_unlock(&s->mutex);
    (void)pthread_join(s->thread, NULL);
    (void)pthread_cond_destroy(&s->has_wish);
    (void)pthread_mutex_destroy(&s->mutex);
    (void)pthread_mutex_destroy(&s->source_mutex);
    drop_path(s);
    free(s);
}

/* Between these two the thread changes nothing that both see. */
static void begin_wish(tb_sound *s)
{
    (void)pthread_mutex_lock(&s->mutex);
}

static void end_wish(tb_sound *s)
{
    (void)pthread_cond_signal(&s->has_wish);
    (void)pthread_mutex_unlock(&s->mutex);
}

/* One that waits to be played makes way. */
static void drop_path(tb_sound *s)
{
    if (s->wishes.path != NULL && s->wishes.deletes)
        (void)unlink(s->wishes.path);
    free(s->wishes.path);
    s->wishes = (wishes){0};
}

void tb_sound_play(tb_sound *s, const char *path, bool deletes, int64_t tag, double start_s)
{
    begin_wish(s);
    drop_path(s);
    s->n_changes++;
    s->wishes = (wishes){.path = tb_strdup(path), .deletes = deletes};
    s->is_loading = s->wishes.path != NULL;
    s->state.tag = tag;
    s->state.position_s = fmax(start_s, 0);
    s->state.has_ended = false;
    s->state.is_playing = s->is_loading;
    s->state.failure = s->is_loading ? TIMBRE_OK : TIMBRE_NO_MEMORY;
    s->state.message[0] = '\0';
    end_wish(s);
}

void tb_sound_play_source(tb_sound *s, tb_sound_pull pull, void *user, int64_t tag)
{
    (void)pthread_mutex_lock(&s->source_mutex);
    s->pull = pull;
    s->source = user;
    (void)pthread_mutex_unlock(&s->source_mutex);
    begin_wish(s);
    drop_path(s);
    s->n_changes++;
    s->wishes.has_source = true;
    s->is_loading = false;
    s->state = (tb_sound_state){.tag = tag,
                                .is_playing = true,
                                .loops = s->state.loops,
                                .volume = s->state.volume,
                                .is_muted = s->state.is_muted};
    end_wish(s);
}

void tb_sound_drop_source(tb_sound *s)
{
    (void)pthread_mutex_lock(&s->source_mutex);
    s->pull = NULL;
    (void)pthread_mutex_unlock(&s->source_mutex);
}

static void seek_locked(tb_sound *s, double position_s)
{
    double most = s->is_loading ? position_s : s->state.length_s;
    position_s = fmin(fmax(position_s, 0), fmax(most, 0));
    s->wishes.has_seek = true;
    s->wishes.seek_s = position_s;
    s->state.position_s = position_s;
    if (s->state.has_ended && position_s < most) {
        s->state.has_ended = false;
        s->state.is_playing = true;
    }
}

void tb_sound_pause(tb_sound *s, bool is_paused)
{
    begin_wish(s);
    bool can_play = s->state.tag != 0 && s->state.failure == TIMBRE_OK;
    if (s->state.has_ended && !is_paused)
        seek_locked(s, 0);
    s->wishes.has_pause = true;
    s->state.is_playing = can_play && !is_paused;
    end_wish(s);
}

void tb_sound_seek(tb_sound *s, double position_s)
{
    begin_wish(s);
    if (s->state.tag != 0)
        seek_locked(s, position_s);
    end_wish(s);
}

void tb_sound_set_loop(tb_sound *s, bool loops)
{
    begin_wish(s);
    s->state.loops = loops;
    end_wish(s);
}

void tb_sound_set_volume(tb_sound *s, int volume, bool is_muted)
{
    begin_wish(s);
    s->state.volume = volume < 0 ? 0 : volume > 100 ? 100 : volume;
    s->state.is_muted = is_muted;
    end_wish(s);
}

void tb_sound_stop(tb_sound *s)
{
    begin_wish(s);
    drop_path(s);
    s->n_changes++;
    s->wishes.has_stop = true;
    s->is_loading = false;
    s->state = (tb_sound_state){
        .loops = s->state.loops, .volume = s->state.volume, .is_muted = s->state.is_muted};
    end_wish(s);
}

void tb_sound_get_state(tb_sound *s, tb_sound_state *out)
{
    (void)pthread_mutex_lock(&s->mutex);
    *out = s->state;
    (void)pthread_mutex_unlock(&s->mutex);
}
