/*
 * A score: what the arranger wrote, ready for a synthesiser or a MIDI file. Time is integer ticks,
 * TB_PPQ to the quarter note, at one constant tempo, so that a MIDI file, the rendering and a
 * loop's length agree exactly.
 */
#ifndef TB_SKETCH_SCORE_H
#define TB_SKETCH_SCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/error.h"
#include "engine/base/limits.h"
#include "engine/sketch/brief.h"

enum { TB_PPQ = 960, TB_DRUM_CHANNEL = 9 };

typedef struct tb_part {
    char name[24];               /* "drums", "bass", "chords", "melody", "pad", ... */
    tb_instrument_id instrument; /* whose program it plays */
    uint8_t program;             /* GM program actually used (drums: kit number) */
    uint8_t channel;             /* MIDI channel; TB_DRUM_CHANNEL for drums; unique per part */
    uint8_t volume;              /* CC 7, 0..127 */
    uint8_t pan;                 /* CC 10, 64 = centre */
    uint8_t reverb;              /* CC 91 */
    uint8_t chorus;              /* CC 93 */
} tb_part;

typedef enum tb_event_kind {
    TB_EVENT_NOTE,       /* a = key 0..127, b = velocity 1..127, length_ticks >= 1 */
    TB_EVENT_CONTROL,    /* a = controller, b = value */
    TB_EVENT_PITCH_BEND, /* bend = -8192..8191 */
} tb_event_kind;

typedef struct tb_event {
    int32_t tick;         /* >= 0, humanised */
    int32_t length_ticks; /* notes only; may reach past the end of the score */
    uint8_t kind;         /* tb_event_kind */
    uint8_t part;         /* index into parts */
    uint8_t a, b;
    int16_t bend;
} tb_event;

typedef struct tb_score {
    int32_t usec_per_quarter; /* tempo; 60e6 / bpm rounded, as a MIDI file stores it */
    int beats_per_bar, beat_unit;
    int n_bars; /* bars in the score; the last may be cut by the asked length */
    int32_t ticks_per_bar;
    int32_t length_ticks; /* n_bars * ticks_per_bar for a loop, else up to the last note's end */
    int64_t n_frames;     /* length of the take at 44.1 kHz, exactly */
    bool loop;
    tb_style style;
    int key_root; /* 0..11 */
    tb_mode mode;
    int n_parts;
    tb_part parts[TB_SCORE_MAX_PARTS];
    size_t n_events;
    tb_event *events; /* sorted by (tick, part, kind, a); in the arena */
    int n_chords;     /* for metadata and tests */
    struct tb_score_chord {
        int32_t tick;
        char name[12]; /* "Am7", "Fmaj7", "G/B" */
    } * chords;
} tb_score;

typedef struct tb_arrange_options {
    uint64_t seed;
    double duration_s; /* 1..300 */
    bool loop;         /* whole bars, length nearest to duration_s, at least one bar; the end leads
                          back into the beginning */
} tb_arrange_options;

/*
 * Compose and arrange: a pure function of (brief, options). Arrays of *out live in `arena`.
 * n_frames: loop: round(length_ticks * usec_per_quarter * 44.1e-3 / TB_PPQ); else
 * round(44100 * duration_s).
 */
TB_MUST_USE tb_status tb_arrange(const tb_brief *brief, const tb_arrange_options *options,
                                 tb_arena *arena, tb_score *out, tb_error *err);

/* Frame (44.1 kHz) at which a tick sounds: floor(tick * usec_per_quarter * 44.1e-3 / TB_PPQ + 0.5),
 * in integer arithmetic. */
int64_t tb_score_frame(const tb_score *score, int32_t tick);

/* Standard MIDI File format 1 of the score. *bytes is malloc'ed, owned by the caller (free). */
TB_MUST_USE tb_status tb_midi_format(const tb_score *score, unsigned char **bytes,
                                     size_t *len_bytes, tb_error *err);

#endif
