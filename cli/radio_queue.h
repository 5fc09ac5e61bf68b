/*
 * The clips of a radio as one sound without end: one that plays, those made ahead of it, and the
 * joins between. Who makes clips pushes them on its thread; who plays pulls frames on another.
 * Where the next clip is late, the last one goes round until it comes.
 */
#ifndef TB_CLI_RADIO_QUEUE_H
#define TB_CLI_RADIO_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/radio_plan.h"

enum { TB_RADIO_CHANNELS = 2, TB_RADIO_AHEAD_MAX = 2 };

typedef struct tb_radio_clip {
    tb_radio_step step;
    char *id;       /* owned: of its job; NULL: none */
    float *samples; /* owned, [n_frames, TB_RADIO_CHANNELS]; NULL once it was played */
    int64_t n_frames;
    bool is_loop; /* its end leads back to its beginning, to the sample */
    struct tb_radio_clip *next;
} tb_radio_clip;

/* Accepts NULL. */
void tb_radio_clip_free(tb_radio_clip *clip);

typedef struct tb_radio_queue tb_radio_queue;

typedef struct tb_radio_queue_options {
    int64_t fade_frames; /* that two clips share; less in clips that are short */
    bool waits;          /* for a file: a late clip is waited for, nothing goes round */
    int n_clips;         /* the end comes behind so many; 0: never */
} tb_radio_queue_options;

typedef struct tb_radio_state {
    bool is_playing;    /* some clip was begun */
    tb_radio_step step; /* of it */
    char id[64];        /* of its job; "": none */
    int64_t at, n_frames;
    int n_ahead;  /* clips that wait behind it */
    int n_begun;  /* clips so far, this one counted */
    int n_rounds; /* times that it was begun again because the next one is late */
    bool has_ended;
} tb_radio_state;

/* Owned; NULL for memory. */
tb_radio_queue *tb_radio_queue_new(const tb_radio_queue_options *options);
/* Accepts NULL. */
void tb_radio_queue_free(tb_radio_queue *queue);

/* ---- for who makes clips ---- */

typedef enum tb_radio_wish {
    TB_RADIO_WANTS_CLIP, /* there is room for one */
    TB_RADIO_HAS_PLAYED, /* see tb_radio_queue_take_played */
    TB_RADIO_IS_CLOSED,
} tb_radio_wish;

/* Waits until there is something to do; clips that were played go first. */
tb_radio_wish tb_radio_queue_wait(tb_radio_queue *queue);
/* Takes the clip, of at least one frame. */
void tb_radio_queue_push(tb_radio_queue *queue, tb_radio_clip *clip);
/* One that was played or dropped, without its samples. Owned; NULL: none. */
tb_radio_clip *tb_radio_queue_take_played(tb_radio_queue *queue);

/* ---- for who plays ---- */

/* The next n frames, interleaved; how many there are. Fewer: before the first clip, while paused,
 * behind the end, and with `waits` while the next clip is late. */
int64_t tb_radio_queue_pull(tb_radio_queue *queue, float *out, int64_t n);
/* Nothing is pulled while paused; it goes on with the next sample. */
void tb_radio_queue_pause(tb_radio_queue *queue, bool is_paused);
/* Drop the clips that wait; they count as played, and others take their places. */
void tb_radio_queue_drop_ahead(tb_radio_queue *queue);
/* The end comes within n frames, with a fade. */
void tb_radio_queue_fade_out(tb_radio_queue *queue, int64_t n);
/* No clip is wanted any more; all that are there count as played. */
void tb_radio_queue_close(tb_radio_queue *queue);
void tb_radio_queue_get_state(tb_radio_queue *queue, tb_radio_state *out);

#endif
