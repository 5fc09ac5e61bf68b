/*
 * Standard MIDI File, format 1 (RP-001): a tempo track, then a track per part. A loop's file is as
 * long as the loop: what rings over its end is let go there.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/str.h"
#include "engine/sketch/score.h"
#include "engine/sketch/theory.h"

enum {
    META = 0xFF,
    META_NAME = 0x03,
    META_END = 0x2F,
    META_TEMPO = 0x51,
    META_METRE = 0x58,
    META_KEY = 0x59,
    NOTE_OFF = 0x80,
    NOTE_ON = 0x90,
    CONTROL = 0xB0,
    PROGRAM = 0xC0,
    BEND = 0xE0
};

/* At one tick notes end first, then controllers move, then notes start. */
typedef enum { ORDER_OFF, ORDER_CONTROL, ORDER_ON } order;

typedef struct message {
    int32_t tick;
    uint8_t order;
    uint8_t bytes[3];
} message;

typedef struct track {
    tb_str bytes;
    int32_t tick; /* of the last message */
} track;

static void put(tb_str *s, const uint8_t *bytes, size_t n)
{
    tb_str_append_bytes(s, bytes, n);
}

static void put_big_endian(tb_str *s, uint32_t value, int n_bytes)
{
    for (int shift = 8 * (n_bytes - 1); shift >= 0; shift -= 8)
        put(s, &(uint8_t){(uint8_t)(value >> shift)}, 1);
}

/* Seven bits a byte, most significant first, the high bit set on all but the last. */
static void put_variable(tb_str *s, uint32_t value)
{
    for (int shift = 28; shift > 0; shift -= 7)
        if (value >> shift != 0)
            put(s, &(uint8_t){(uint8_t)(0x80 | (value >> shift & 0x7F))}, 1);
    put(s, &(uint8_t){(uint8_t)(value & 0x7F)}, 1);
}

static void put_delta(track *t, int32_t tick)
{
    put_variable(&t->bytes, (uint32_t)(tick - t->tick));
    t->tick = tick;
}

static void put_meta(track *t, int32_t tick, uint8_t type, const void *data, size_t len)
{
    put_delta(t, tick);
    put(&t->bytes, (const uint8_t[]){META, type}, 2);
    put_variable(&t->bytes, (uint32_t)len);
    tb_str_append_bytes(&t->bytes, data, len);
}

static void put_message(track *t, int32_t tick, uint8_t status, int a, int b)
{
    put_delta(t, tick);
    bool has_two = (status & 0xF0) != PROGRAM;
    put(&t->bytes, (const uint8_t[]){status, (uint8_t)a, (uint8_t)b}, has_two ? 3 : 2);
}

/* Close the track and append it, with its header, to the file. */
static void finish_track(track *t, int32_t end, tb_str *file)
{
    put_meta(t, end > t->tick ? end : t->tick, META_END, NULL, 0);
    tb_str_append(file, "MTrk");
    put_big_endian(file, (uint32_t)t->bytes.len, 4);
    tb_str_append_bytes(file, t->bytes.bytes, t->bytes.len);
    file->failed |= t->bytes.failed;
    tb_str_deinit(&t->bytes);
}

static void write_tempo_track(const tb_score *score, tb_str *file)
{
    track t = {0};
    tb_key key = {score->key_root, score->mode};
    uint32_t tempo = (uint32_t)score->usec_per_quarter;
    bool compound = score->beat_unit == 8 && score->beats_per_bar % 3 == 0;
    /* numerator, log2 of the unit, MIDI clocks to a metronome click, 32nds to a quarter */
    const uint8_t metre[4] = {(uint8_t)score->beats_per_bar, score->beat_unit == 8 ? 3 : 2,
                              compound ? 36 : 24, 8};
    bool minor = score->mode == TB_MODE_MINOR || score->mode == TB_MODE_DORIAN ||
                 score->mode == TB_MODE_PHRYGIAN || score->mode == TB_MODE_LOCRIAN;
    const char *name = tb_style_name(score->style);
    put_meta(&t, 0, META_NAME, name, strlen(name));
    put_meta(&t, 0, META_TEMPO,
             (const uint8_t[]){(uint8_t)(tempo >> 16), (uint8_t)(tempo >> 8), (uint8_t)tempo}, 3);
    put_meta(&t, 0, META_METRE, metre, sizeof metre);
    put_meta(&t, 0, META_KEY, (const uint8_t[]){(uint8_t)tb_key_signature(key), minor}, 2);
    finish_track(&t, score->length_ticks, file);
}

static void write_setup(track *t, const tb_part *part)
{
    const uint8_t controls[4][2] = {
        {7, part->volume}, {10, part->pan}, {91, part->reverb}, {93, part->chorus}};
    put_meta(t, 0, META_NAME, part->name, strlen(part->name));
    put_message(t, 0, (uint8_t)(PROGRAM | part->channel), part->program, 0);
    for (int i = 0; i < 4; i++)
        put_message(t, 0, (uint8_t)(CONTROL | part->channel), controls[i][0], controls[i][1]);
}

static int compare(const void *left, const void *right)
{
    const message *x = left, *y = right;
    if (x->tick != y->tick)
        return x->tick < y->tick ? -1 : 1;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return memcmp(x->bytes, y->bytes, sizeof x->bytes);
}

static size_t collect(const tb_score *score, int i_part, message *out)
{
    size_t n = 0;
    uint8_t channel = score->parts[i_part].channel;
    for (size_t i = 0; i < score->n_events; i++) {
        const tb_event *e = &score->events[i];
        if (e->part != i_part)
            continue;
        if (e->kind == TB_EVENT_NOTE) {
            int32_t end = e->tick + e->length_ticks;
            if (score->loop && end > score->length_ticks)
                end = score->length_ticks;
            out[n++] = (message){e->tick, ORDER_ON, {(uint8_t)(NOTE_ON | channel), e->a, e->b}};
            out[n++] = (message){end, ORDER_OFF, {(uint8_t)(NOTE_OFF | channel), e->a, 64}};
        } else if (e->kind == TB_EVENT_CONTROL) {
            out[n++] = (message){
                e->tick, ORDER_CONTROL, {(uint8_t)(CONTROL | channel), e->a, e->b}};
        } else {
            unsigned bend = (unsigned)(e->bend + 8192);
            out[n++] = (message){
                e->tick, ORDER_CONTROL, {(uint8_t)(BEND | channel), bend & 0x7F, bend >> 7 & 0x7F}};
        }
    }
    qsort(out, n, sizeof out[0], compare);
    return n;
}

static void write_part_track(const tb_score *score, int i_part, message *scratch, tb_str *file)
{
    track t = {0};
    size_t n = collect(score, i_part, scratch);
    write_setup(&t, &score->parts[i_part]);
    for (size_t i = 0; i < n; i++) {
        const message *m = &scratch[i];
        put_message(&t, m->tick, m->bytes[0], m->bytes[1], m->bytes[2]);
    }
    finish_track(&t, score->length_ticks, file);
}

tb_status tb_midi_format(const tb_score *score, unsigned char **bytes, size_t *len_bytes,
                         tb_error *err)
{
    message *scratch = calloc(2 * score->n_events + 1, sizeof *scratch);
    tb_str file = {0};
    tb_str_append(&file, "MThd");
    put_big_endian(&file, 6, 4);
    put_big_endian(&file, 1, 2);
    put_big_endian(&file, (uint32_t)score->n_parts + 1, 2);
    put_big_endian(&file, TB_PPQ, 2);
    write_tempo_track(score, &file);
    for (int i = 0; i < score->n_parts && scratch != NULL; i++)
        write_part_track(score, i, scratch, &file);
    file.failed |= scratch == NULL;
    free(scratch);
    size_t len = file.len;
    char *taken = tb_str_take(&file);
    if (taken == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a MIDI file of %zu events",
                       score->n_events);
    *bytes = (unsigned char *)taken;
    *len_bytes = len;
    return TIMBRE_OK;
}
