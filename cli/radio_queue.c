#include "cli/radio_queue.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/condition.h"

enum { CHANNELS = TB_RADIO_CHANNELS };

static const double QUARTER = 1.57079632679489661923; /* of a turn: cosine 1 to 0 */

struct tb_radio_queue {
    tb_radio_queue_options options;
    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t has_changed;
    tb_radio_clip *current;  /* owned; NULL: none was begun */
    tb_radio_clip *waiting;  /* owned, the next one first */
    tb_radio_clip *played;   /* owned, in no order */
    tb_radio_clip *leaving;  /* whose tail is heard beside the beginning of `current`; owned unless
                                it is `current` */
    int64_t at, leaving_at;  /* frames of them that were pulled; of the tail */
    int64_t fade_at, fade_n; /* of the fade to the end; fade_n 0: none */
    int n_waiting, n_accepted, n_begun, n_rounds;
    bool is_paused, is_closed, has_ended;
    bool is_last; /* `current` is, and its tail is the end */
};

void tb_radio_clip_free(tb_radio_clip *clip)
{
    if (clip == NULL)
        return;
    free(clip->id);
    free(clip->samples);
    free(clip);
}

static void free_all(tb_radio_clip *first)
{
    while (first != NULL) {
        tb_radio_clip *next = first->next;
        tb_radio_clip_free(first);
        first = next;
    }
}

tb_radio_queue *tb_radio_queue_new(const tb_radio_queue_options *options)
{
    tb_radio_queue *q = calloc(1, sizeof *q);
    if (q == NULL)
        return NULL;
    q->options = *options;
    (void)pthread_mutex_init(&q->mutex, NULL);
    tb_condition_init(&q->has_changed);
    return q;
}

void tb_radio_queue_free(tb_radio_queue *q)
{
    if (q == NULL)
        return;
    if (q->leaving != q->current)
        tb_radio_clip_free(q->leaving);
    tb_radio_clip_free(q->current);
    free_all(q->waiting);
    free_all(q->played);
    (void)pthread_cond_destroy(&q->has_changed);
    (void)pthread_mutex_destroy(&q->mutex);
    free(q);
}

static void lock(tb_radio_queue *q)
{
    (void)pthread_mutex_lock(&q->mutex);
}

static void unlock(tb_radio_queue *q)
{
    (void)pthread_cond_broadcast(&q->has_changed);
    (void)pthread_mutex_unlock(&q->mutex);
}

/* ---- the sound; with the mutex held ---- */

static void retire(tb_radio_queue *q, tb_radio_clip *clip)
{
    if (clip == NULL)
        return;
    free(clip->samples);
    clip->samples = NULL;
    clip->next = q->played;
    q->played = clip;
}

static int64_t tail_frames(const tb_radio_queue *q, const tb_radio_clip *clip)
{
    int64_t half = clip->n_frames / 2;
    return q->options.fade_frames < half ? q->options.fade_frames : half;
}

/* The clip without its tail, which is heard beside what follows. A loop gives none of its time
 * away: its tail is its beginning once more. */
static int64_t body_frames(const tb_radio_queue *q, const tb_radio_clip *clip)
{
    return clip->is_loop ? clip->n_frames : clip->n_frames - tail_frames(q, clip);
}

static const float *tail_at(const tb_radio_queue *q, const tb_radio_clip *clip, int64_t i)
{
    int64_t first = clip->is_loop ? 0 : clip->n_frames - tail_frames(q, clip);
    return clip->samples + (first + i) * CHANNELS;
}

static void end_leaving(tb_radio_queue *q)
{
    if (q->leaving != q->current)
        retire(q, q->leaving);
    q->leaving = NULL;
}

static bool has_all(const tb_radio_queue *q)
{
    return q->options.n_clips > 0 && q->n_accepted >= q->options.n_clips;
}

static void begin_next(tb_radio_queue *q)
{
    end_leaving(q);
    q->leaving = q->current;
    q->current = q->waiting;
    q->waiting = q->current->next;
    q->current->next = NULL;
    q->n_waiting--;
    q->n_begun++;
    q->n_rounds = 0;
    q->at = q->leaving_at = 0;
}

/* A loop meets itself without a seam. */
static void begin_again(tb_radio_queue *q)
{
    end_leaving(q);
    q->leaving = q->current->is_loop ? NULL : q->current;
    q->at = q->leaving_at = 0;
    q->n_rounds++;
}

/* At the end of what plays. False: there is nothing to go on with now. */
static bool turn(tb_radio_queue *q)
{
    if (q->waiting != NULL) {
        begin_next(q);
        return true;
    }
    if (q->current == NULL || (q->options.waits && q->fade_n == 0))
        return false;
    begin_again(q);
    return true;
}

/* The last clip goes to its own end, and fades on the last stretch. */
static void look_for_end(tb_radio_queue *q)
{
    bool is_near = q->current != NULL && q->at == q->current->n_frames - tail_frames(q, q->current);
    if (is_near && q->waiting == NULL && has_all(q))
        q->is_last = true;
}

static float gain_of(int64_t i, int64_t n, bool comes)
{
    double angle = ((double)i + 0.5) / (double)n * QUARTER;
    return (float)(comes ? sin(angle) : cos(angle));
}

/* Equal power: clips of different seeds add as noise does. */
static void mix_leaving(tb_radio_queue *q, float frame[CHANNELS])
{
    int64_t n = tail_frames(q, q->leaving);
    if (q->leaving_at >= n) {
        end_leaving(q);
        return;
    }
    const float *tail = tail_at(q, q->leaving, q->leaving_at);
    float in = gain_of(q->leaving_at, n, true), out = gain_of(q->leaving_at, n, false);
    for (int c = 0; c < CHANNELS; c++)
        frame[c] = frame[c] * in + tail[c] * out;
    q->leaving_at++;
}

static void fade(tb_radio_queue *q, float frame[CHANNELS])
{
    float gain = 1;
    if (q->is_last) {
        int64_t n = tail_frames(q, q->current), left = q->current->n_frames - q->at;
        gain *= n > 0 ? gain_of(n - left, n, false) : 1;
    }
    if (q->fade_n > 0)
        gain *= gain_of(q->fade_at++, q->fade_n, false);
    for (int c = 0; gain < 1 && c < CHANNELS; c++)
        frame[c] *= gain;
}

/* False: there is none now. */
static bool pull_frame(tb_radio_queue *q, float frame[CHANNELS])
{
    look_for_end(q);
    if (q->is_last ? q->at == q->current->n_frames : q->fade_n > 0 && q->fade_at == q->fade_n) {
        q->has_ended = true;
        return false;
    }
    bool is_over = q->current == NULL || (!q->is_last && q->at >= body_frames(q, q->current));
    if (is_over && !turn(q))
        return false;
    for (int c = 0; c < CHANNELS; c++)
        frame[c] = q->current->samples[q->at * CHANNELS + c];
    if (q->leaving != NULL)
        mix_leaving(q, frame);
    fade(q, frame);
    q->at++;
    return true;
}

int64_t tb_radio_queue_pull(tb_radio_queue *q, float *out, int64_t n)
{
    int64_t done = 0;
    lock(q);
    while (done < n && !q->is_paused && !q->has_ended && pull_frame(q, out + done * CHANNELS))
        done++;
    unlock(q);
    return done;
}

/* ---- the clips ---- */

tb_radio_wish tb_radio_queue_wait(tb_radio_queue *q)
{
    (void)pthread_mutex_lock(&q->mutex);
    while (!q->is_closed && q->played == NULL && (q->n_waiting >= TB_RADIO_AHEAD_MAX || has_all(q)))
        (void)pthread_cond_wait(&q->has_changed, &q->mutex);
    tb_radio_wish wish = q->played != NULL ? TB_RADIO_HAS_PLAYED
                         : q->is_closed    ? TB_RADIO_IS_CLOSED
                                           : TB_RADIO_WANTS_CLIP;
    (void)pthread_mutex_unlock(&q->mutex);
    return wish;
}

void tb_radio_queue_push(tb_radio_queue *q, tb_radio_clip *clip)
{
    lock(q);
    tb_radio_clip **last = &q->waiting;
    clip->next = NULL;
    if (q->is_closed) {
        retire(q, clip);
    } else {
        while (*last != NULL)
            last = &(*last)->next;
        *last = clip;
        q->n_waiting++;
        q->n_accepted++;
    }
    unlock(q);
}

tb_radio_clip *tb_radio_queue_take_played(tb_radio_queue *q)
{
    lock(q);
    tb_radio_clip *clip = q->played;
    if (clip != NULL) {
        q->played = clip->next;
        clip->next = NULL;
    }
    unlock(q);
    return clip;
}

static void drop_waiting(tb_radio_queue *q)
{
    while (q->waiting != NULL) {
        tb_radio_clip *clip = q->waiting;
        q->waiting = clip->next;
        retire(q, clip);
        q->n_waiting--;
        q->n_accepted--;
    }
}

void tb_radio_queue_drop_ahead(tb_radio_queue *q)
{
    lock(q);
    drop_waiting(q);
    unlock(q);
}

void tb_radio_queue_close(tb_radio_queue *q)
{
    lock(q);
    drop_waiting(q);
    end_leaving(q);
    retire(q, q->current);
    q->current = NULL;
    q->is_closed = q->has_ended = true;
    unlock(q);
}

/* ---- for who plays ---- */

void tb_radio_queue_pause(tb_radio_queue *q, bool is_paused)
{
    lock(q);
    q->is_paused = is_paused;
    unlock(q);
}

void tb_radio_queue_fade_out(tb_radio_queue *q, int64_t n)
{
    lock(q);
    q->has_ended |= q->current == NULL || q->is_paused || n <= 0;
    if (q->fade_n == 0)
        q->fade_n = n;
    unlock(q);
}

void tb_radio_queue_get_state(tb_radio_queue *q, tb_radio_state *out)
{
    lock(q);
    *out = (tb_radio_state){.is_playing = q->current != NULL,
                            .n_ahead = q->n_waiting,
                            .n_begun = q->n_begun,
                            .n_rounds = q->n_rounds,
                            .has_ended = q->has_ended};
    if (q->current != NULL) {
        out->step = q->current->step;
        out->at = q->at;
        out->n_frames = q->current->n_frames;
        (void)snprintf(out->id, sizeof out->id, "%s", q->current->id != NULL ? q->current->id : "");
    }
    unlock(q);
}
