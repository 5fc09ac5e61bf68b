/* The MIDI file says what the score says, read back by a reader that knows only the standard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/sketch/compose.h"

typedef struct reader {
    const unsigned char *bytes;
    size_t len, at;
} reader;

/* What a track was found to hold. */
typedef struct track {
    int n_notes, n_controls, program, channel;
    int32_t end, last_note_end;
    uint32_t tempo;
    int metre[2], key[2];
    char name[32];
    uint64_t checksum; /* of (tick, key, velocity) of all notes */
    int sounding[128]; /* 1 while the key is held */
} track;

static unsigned take(reader *r, int n_bytes)
{
    unsigned value = 0;
    assert_true(r->at + (size_t)n_bytes <= r->len);
    while (n_bytes-- > 0)
        value = value << 8 | r->bytes[r->at++];
    return value;
}

static unsigned take_variable(reader *r)
{
    unsigned value = 0, byte, n = 0;
    do {
        byte = take(r, 1);
        value = value << 7 | (byte & 0x7F);
        assert_true(++n <= 4);
    } while (byte & 0x80);
    return value;
}

static void read_meta(reader *r, track *t, bool *ended)
{
    unsigned type = take(r, 1), len = take_variable(r);
    const unsigned char *data = r->bytes + r->at;
    assert_true(r->at + len <= r->len);
    r->at += len;
    if (type == 0x2F)
        *ended = true;
    if (type == 0x51)
        t->tempo = (unsigned)data[0] << 16 | (unsigned)data[1] << 8 | data[2];
    if (type == 0x58) {
        t->metre[0] = data[0];
        t->metre[1] = 1 << data[1];
    }
    if (type == 0x59) {
        t->key[0] = data[0] < 128 ? data[0] : data[0] - 256;
        t->key[1] = data[1];
    }
    if (type == 0x03 && len < sizeof t->name)
        memcpy(t->name, data, len);
}

static uint64_t mark(int32_t tick, unsigned key, unsigned velocity)
{
    uint64_t x = ((uint64_t)(uint32_t)tick << 14 | key << 7 | velocity) + 0x9E3779B97F4A7C15U;
    return x * x * 0xBF58476D1CE4E5B9U;
}

static void read_note(track *t, int32_t tick, unsigned status, unsigned key, unsigned velocity)
{
    bool starts = (status & 0xF0) == 0x90;
    assert_int_equal(t->sounding[key], !starts); /* never struck twice, never released twice */
    t->sounding[key] = starts;
    if (!starts) {
        t->last_note_end = tick;
        return;
    }
    assert_in_range(velocity, 1, 127);
    t->n_notes++;
    t->checksum += mark(tick, key, velocity);
}

static track read_track(reader *r)
{
    track t = {.channel = -1, .program = -1};
    bool ended = false;
    int32_t tick = 0;
    assert_int_equal(take(r, 4), 0x4D54726B);
    size_t len = take(r, 4), from = r->at;
    while (!ended) {
        tick += (int32_t)take_variable(r);
        unsigned status = take(r, 1);
        assert_true(status >= 0x80); /* no running status is written */
        if (status == 0xFF) {
            read_meta(r, &t, &ended);
            continue;
        }
        assert_true(t.channel < 0 || t.channel == (int)(status & 15));
        t.channel = (int)(status & 15);
        unsigned a = take(r, 1), b = (status & 0xF0) == 0xC0 ? 0 : take(r, 1);
        assert_true(a < 128 && b < 128);
        if ((status & 0xE0) == 0x80)
            read_note(&t, tick, status, a, b);
        else if ((status & 0xF0) == 0xC0)
            t.program = (int)a;
        else
            t.n_controls++;
    }
    t.end = tick;
    assert_int_equal(r->at - from, len);
    for (int key = 0; key < 128; key++)
        assert_int_equal(t.sounding[key], 0);
    return t;
}

static void check_part(const tb_score *s, int i, const track *t)
{
    uint64_t checksum = 0;
    int n = 0;
    for (size_t k = 0; k < s->n_events; k++)
        if (s->events[k].part == i && s->events[k].kind == TB_EVENT_NOTE) {
            checksum += mark(s->events[k].tick, s->events[k].a, s->events[k].b);
            n++;
        }
    assert_int_equal(t->n_notes, n);
    assert_true(t->checksum == checksum);
    assert_string_equal(t->name, s->parts[i].name);
    if (t->n_notes > 0) {
        assert_int_equal(t->channel, s->parts[i].channel);
        assert_int_equal(t->program, s->parts[i].program);
    }
    assert_true(t->n_controls >= 4 && t->last_note_end <= s->length_ticks);
}

static void check_file(const tb_score *s)
{
    unsigned char *bytes = NULL;
    size_t len = 0;
    tb_error err = {0};
    assert_int_equal(tb_midi_format(s, &bytes, &len, &err), TIMBRE_OK);
    reader r = {.bytes = bytes, .len = len};
    assert_int_equal(take(&r, 4), 0x4D546864);
    assert_int_equal(take(&r, 4), 6);
    assert_int_equal(take(&r, 2), 1);
    assert_int_equal(take(&r, 2), s->n_parts + 1);
    assert_int_equal(take(&r, 2), TB_PPQ);
    track tempo = read_track(&r);
    assert_int_equal(tempo.tempo, s->usec_per_quarter);
    assert_int_equal(tempo.metre[0], s->beats_per_bar);
    assert_int_equal(tempo.metre[1], s->beat_unit);
    assert_int_equal(tempo.n_notes, 0);
    for (int i = 0; i < s->n_parts; i++) {
        track t = read_track(&r);
        check_part(s, i, &t);
        assert_int_equal(t.end, s->length_ticks);
    }
    assert_int_equal(r.at, len);
    free(bytes);
}

static void files_read_back_as_the_score(void **state)
{
    (void)state;
    for (int style = 0; style < TB_STYLE_COUNT; style++)
        for (int k = 0; k < 6; k++) {
            tb_brief b = ask_style((tb_style)style);
            b.beats_per_bar = k == 3 ? 7 : 0;
            b.beat_unit = k == 3 ? 8 : 0;
            tb_arena arena;
            tb_score s = arrange(&b, (uint64_t)k, 3 + 11 * k, k % 2, &arena);
            check_file(&s);
            tb_arena_deinit(&arena);
        }
}

static void key_signatures_count_sharps_and_flats(void **state)
{
    static const struct {
        int root, mode, fifths, minor;
    } cases[] = {{0, TB_MODE_MAJOR, 0, 0},  {9, TB_MODE_MINOR, 0, 1},  {7, TB_MODE_MAJOR, 1, 0},
                 {5, TB_MODE_MAJOR, -1, 0}, {0, TB_MODE_MINOR, -3, 1}, {11, TB_MODE_MAJOR, 5, 0},
                 {2, TB_MODE_DORIAN, 0, 1}, {10, TB_MODE_MAJOR, -2, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tb_brief b = ask_style(TB_STYLE_ROCK);
        b.key_root = cases[i].root;
        b.mode = cases[i].mode;
        tb_arena arena;
        tb_score s = arrange(&b, 1, 5, false, &arena);
        unsigned char *bytes = NULL;
        size_t len = 0;
        assert_int_equal(tb_midi_format(&s, &bytes, &len, NULL), TIMBRE_OK);
        reader r = {.bytes = bytes, .len = len, .at = 14};
        track t = read_track(&r);
        assert_int_equal(t.key[0], cases[i].fifths);
        assert_int_equal(t.key[1], cases[i].minor);
        free(bytes);
        tb_arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_read_back_as_the_score),
        cmocka_unit_test(key_signatures_count_sharps_and_flats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
