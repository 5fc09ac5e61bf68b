/*
 * The synthesiser on scores written by hand: when things sound, loops, threads, damaged SoundFonts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/sketch/soundfont.h"
#include "engine/sketch/synth.h"

enum { BAR = 4 * TB_PPQ, MAX_EVENTS = 512, BANK_MAX_BYTES = 1 << 28 };

static char bank[TB_PATH_MAX_BYTES]; /* the installed SoundFont */

static int find_bank(void **state)
{
    (void)state;
    tb_error err = {0};
    if (tb_soundfont_find(NULL, NULL, bank, sizeof bank, &err) == TIMBRE_OK)
        return 0;
    fprintf(stderr, "%s: %s\n", err.message, err.fix);
    return -1;
}

static void add_note(tb_score *s, int part, int32_t tick, int32_t length_ticks, int key)
{
    assert_true(s->n_events < MAX_EVENTS);
    s->events[s->n_events++] = (tb_event){.tick = tick,
                                          .length_ticks = length_ticks,
                                          .kind = TB_EVENT_NOTE,
                                          .part = (uint8_t)part,
                                          .a = (uint8_t)key,
                                          .b = 100};
}

static void add_part(tb_score *s, const char *name, int program, int channel)
{
    tb_part *p = &s->parts[s->n_parts++];
    *p = (tb_part){.program = (uint8_t)program,
                   .channel = (uint8_t)channel,
                   .volume = 100,
                   .pan = 64,
                   .reverb = 50,
                   .chorus = 20};
    snprintf(p->name, sizeof p->name, "%s", name);
}

/* An empty score of `n_bars` bars at 120 bpm: 2 s each. `events` has room for MAX_EVENTS. */
static tb_score empty_score(tb_event *events, int n_bars, bool loop)
{
    return (tb_score){.usec_per_quarter = 500000,
                      .beats_per_bar = 4,
                      .beat_unit = 4,
                      .n_bars = n_bars,
                      .ticks_per_bar = BAR,
                      .length_ticks = n_bars * BAR,
                      .n_frames = 88200LL * n_bars,
                      .loop = loop,
                      .events = events};
}

/* A small band: piano, bass, strings, drums, bar by bar. */
static tb_score band(tb_event *events, int n_bars, bool loop)
{
    tb_score s = empty_score(events, n_bars, loop);
    add_part(&s, "piano", 0, 0);
    add_part(&s, "bass", 33, 1);
    add_part(&s, "strings", 48, 2);
    add_part(&s, "drums", 0, TB_DRUM_CHANNEL);
    for (int bar = 0; bar < n_bars; bar++) {
        int32_t tick = bar * BAR;
        int root = 48 + (bar % 4) * 5 % 12;
        add_note(&s, 2, tick, BAR, root + 12);
        add_note(&s, 2, tick, BAR, root + 19);
        for (int beat = 0; beat < 4; beat++, tick += TB_PPQ) {
            add_note(&s, 0, tick, TB_PPQ, root + 12 + 4 * beat % 12);
            add_note(&s, 1, tick, TB_PPQ / 2, root - 12);
            add_note(&s, 3, tick, 60, beat % 2 ? 38 : 36);
        }
    }
    return s;
}

static float *render(const tb_score *s, tb_pool *pool)
{
    float *out = malloc(sizeof *out * 2 * (size_t)s->n_frames);
    assert_non_null(out);
    tb_error err = {0};
    if (tb_synth_render(s, bank, pool, NULL, out, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    return out;
}

static float peak_between(const float *pcm, int64_t from, int64_t to)
{
    float peak = 0;
    for (int64_t i = 2 * from; i < 2 * to; i++)
        peak = fmaxf(peak, fabsf(pcm[i]));
    return peak;
}

static void same_bytes_for_any_number_of_threads(void **state)
{
    (void)state;
    static const int n_threads[] = {1, 2, 3, 8};
    static tb_event events[MAX_EVENTS];
    for (int loop = 0; loop < 2; loop++) {
        tb_score s = band(events, 2, loop);
        float *want = render(&s, NULL);
        for (size_t i = 0; i < sizeof n_threads / sizeof *n_threads; i++) {
            tb_pool *pool;
            assert_int_equal(tb_pool_new(n_threads[i], &pool, NULL), TIMBRE_OK);
            float *got = render(&s, pool);
            assert_memory_equal(want, got, sizeof *want * 2 * (size_t)s.n_frames);
            free(got);
            tb_pool_free(pool);
        }
        free(want);
    }
}

/* A drum stroke sounds where its tick says: late by its own attack and at most 0.73 ms either way.
 */
static void a_stroke_sounds_at_its_tick(void **state)
{
    (void)state;
    static tb_event events[MAX_EVENTS];
    double least_ms = INFINITY, most_ms = -INFINITY;
    for (int32_t tick = 1000; tick < BAR - 500; tick += 777) {
        tb_score s = empty_score(events, 1, false);
        add_part(&s, "drums", 0, TB_DRUM_CHANNEL);
        add_note(&s, 0, tick, 60, 37); /* side stick: a sharp attack */
        float *pcm = render(&s, NULL);
        float peak = peak_between(pcm, 0, s.n_frames);
        int64_t at = 0;
        while (fabsf(pcm[2 * at]) < 0.05f * peak)
            at++;
        double late_ms = (double)(at - tb_score_frame(&s, tick)) / 44.1;
        least_ms = fmin(least_ms, late_ms);
        most_ms = fmax(most_ms, late_ms);
        free(pcm);
    }
    if (least_ms < -0.8 || most_ms > 5 || most_ms - least_ms > 1.6)
        fail_msg("late by %.2f to %.2f ms", least_ms, most_ms);
}

/* The note-off of a note struck again belongs to the old stroke, not to the new one. */
static void a_note_struck_again_sounds_on(void **state)
{
    (void)state;
    static tb_event events[MAX_EVENTS];
    tb_score s = empty_score(events, 2, false);
    add_part(&s, "organ", 16, 0);
    add_note(&s, 0, 0, BAR, 60);
    add_note(&s, 0, BAR / 2, BAR, 60); /* sounds to 1.5 bars = 3 s; the first ends at 2 s */
    float *pcm = render(&s, NULL);
    float before = peak_between(pcm, 1 * 44100, 2 * 44100 - 4410);
    float after = peak_between(pcm, 2 * 44100 + 8820, 3 * 44100 - 4410);
    assert_true(after > 0.5f * before);
    assert_true(peak_between(pcm, 4 * 44100 - 4410, 4 * 44100) < 0.1f * before);
    free(pcm);
}

static void bends_and_controls_are_heard(void **state)
{
    (void)state;
    static tb_event events[MAX_EVENTS];
    float *pcm[3];
    for (int k = 0; k < 3; k++) {
        tb_score s = empty_score(events, 1, false);
        add_part(&s, "flute", 73, 0);
        add_note(&s, 0, 0, BAR, 72);
        if (k == 1)
            events[s.n_events++] = (tb_event){
                .tick = BAR / 2, .kind = TB_EVENT_PITCH_BEND, .bend = 4096};
        if (k == 2)
            events[s.n_events++] = (tb_event){
                .tick = BAR / 2, .kind = TB_EVENT_CONTROL, .a = 7, .b = 10};
        pcm[k] = render(&s, NULL);
    }
    assert_memory_equal(pcm[0], pcm[1], sizeof(float) * 2 * 44000);
    assert_true(memcmp(pcm[0] + 2 * 50000, pcm[1] + 2 * 50000, sizeof(float) * 2 * 8820) != 0);
    assert_true(peak_between(pcm[2], 60000, 80000) < 0.2f * peak_between(pcm[0], 60000, 80000));
    for (int k = 0; k < 3; k++)
        free(pcm[k]);
}

/* A loop is what would be heard if its score were played over what still rings of the last turn. */
static void a_loop_is_its_sound_folded_over_itself(void **state)
{
    (void)state;
    static tb_event events[MAX_EVENTS];
    tb_score s = band(events, 1, true);
    float *loop = render(&s, NULL);
    tb_score whole_score = s;
    whole_score.loop = false;
    whole_score.n_frames = 4 * s.n_frames; /* 2 s of music, 6 s of tail */
    float *whole = render(&whole_score, NULL);
    for (int64_t i = 0; i < 2 * s.n_frames; i++) {
        float want = 0;
        for (int turn = 0; turn < 4; turn++)
            want += whole[2 * turn * s.n_frames + i];
        if (fabsf(want - loop[i]) > 1e-4f)
            fail_msg("frame %lld: %g, not %g", (long long)i / 2, loop[i], want);
    }
    assert_true(peak_between(whole, s.n_frames, s.n_frames + 4410) > 0.01f); /* it has a tail */
    free(whole);
    free(loop);
}

static void the_seam_is_no_larger_than_other_steps(void **state)
{
    (void)state;
    static tb_event events[MAX_EVENTS];
    for (int n_bars = 1; n_bars <= 2; n_bars++) {
        tb_score s = band(events, n_bars, true);
        s.n_frames -= 17; /* not a multiple of anything */
        float *pcm = render(&s, NULL);
        for (int c = 0; c < 2; c++) {
            float most = 0;
            for (int64_t i = 1; i < s.n_frames; i++)
                most = fmaxf(most, fabsf(pcm[2 * i + c] - pcm[2 * i - 2 + c]));
            assert_true(fabsf(pcm[c] - pcm[2 * s.n_frames - 2 + c]) <= most);
        }
        free(pcm);
    }
}

static void count_progress(double fraction, void *user)
{
    double *last = user;
    assert_true(fraction >= last[0] && fraction <= 1);
    last[0] = fraction;
    last[1]++;
}

static void progress_goes_from_0_to_1_and_starts_at_once(void **state)
{
    (void)state;
    static tb_event events[MAX_EVENTS];
    tb_score s = band(events, 8, false);
    double last[2] = {0, 0};
    tb_progress progress = {.fn = count_progress, .user = last};
    float *out = malloc(sizeof *out * 2 * (size_t)s.n_frames);
    assert_non_null(out);
    assert_int_equal(tb_synth_render(&s, bank, NULL, &progress, out, NULL), TIMBRE_OK);
    assert_true(last[0] > 0.999 && last[1] >= 8);
    free(out);
}

static void cancel_in(double fraction, void *user)
{
    if (fraction > 0)
        timbre_cancel_request(user);
}

static void cancel_stops_it(void **state)
{
    (void)state;
    static tb_event events[MAX_EVENTS];
    tb_score s = band(events, 8, false);
    timbre_cancel cancel = {0};
    tb_progress progress = {.fn = cancel_in, .user = &cancel, .cancel = &cancel};
    float *out = malloc(sizeof *out * 2 * (size_t)s.n_frames);
    assert_non_null(out);
    tb_error err = {0};
    assert_int_equal(tb_synth_render(&s, bank, NULL, &progress, out, &err), TIMBRE_CANCELLED);
    assert_int_equal(err.code, TIMBRE_CANCELLED);
    assert_int_equal(tb_synth_render(&s, bank, NULL, &progress, out, NULL), TIMBRE_CANCELLED);
    free(out);
}

static void a_missing_drum_kit_falls_back_to_the_standard_one(void **state)
{
    (void)state;
    static tb_event events[MAX_EVENTS];
    tb_score s = empty_score(events, 1, false);
    add_part(&s, "drums", 99, TB_DRUM_CHANNEL);
    add_note(&s, 0, 0, 60, 38);
    float *pcm = render(&s, NULL);
    assert_true(peak_between(pcm, 0, s.n_frames) > 0.01f);
    free(pcm);
}

/* Write bytes to `path` and render the band with it; nothing may reach standard error. */
static tb_status render_with(const char *path, const char *bytes, size_t n_bytes, tb_error *err)
{
    static tb_event events[MAX_EVENTS];
    assert_int_equal(tb_file_write(path, bytes, n_bytes, true, NULL), TIMBRE_OK);
    tb_score s = band(events, 1, false);
    float *out = malloc(sizeof *out * 2 * (size_t)s.n_frames);
    assert_non_null(out);
    FILE *capture = tmpfile();
    assert_non_null(capture);
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    dup2(fileno(capture), STDERR_FILENO);
    *err = (tb_error){0};
    tb_status st = tb_synth_render(&s, path, NULL, NULL, out, err);
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_int_equal(lseek(fileno(capture), 0, SEEK_END), 0);
    fclose(capture);
    free(out);
    return st;
}

/* Offset of the record of `program` (bank 0) in the phdr chunk: 38 bytes, program at 20, bank
 * at 22. */
static size_t find_preset(const char *bytes, size_t n_bytes, int program)
{
    for (size_t at = n_bytes - 8; at > 0; at--) {
        if (memcmp(bytes + at, "phdr", 4) != 0)
            continue;
        for (size_t i = at + 8; i + 38 <= n_bytes; i += 38)
            if (bytes[i + 20] == program && bytes[i + 21] == 0 && bytes[i + 22] == 0)
                return i;
    }
    fail_msg("no preset %d in the SoundFont", program);
    return 0;
}

static void a_damaged_soundfont_is_a_clear_error(void **state)
{
    (void)state;
    char *bytes, folder[] = "/tmp/timbre-render-XXXXXX", path[64];
    size_t n_bytes;
    tb_error err = {0};
    assert_int_equal(tb_file_read(bank, BANK_MAX_BYTES, &bytes, &n_bytes, &err), TIMBRE_OK);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/bank.sf3", folder);

    const size_t cuts[] = {0, 5, 12, 3000, n_bytes / 3, n_bytes - 60000, n_bytes - 1};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        assert_int_equal(render_with(path, bytes, cuts[i], &err), TIMBRE_BAD_FILE);
        assert_non_null(strstr(err.message, path));
        assert_true(err.fix[0] != '\0');
    }
    const char *text = "It was a dark and stormy night, and no instrument was to be heard.\n";
    assert_int_equal(render_with(path, text, strlen(text), &err), TIMBRE_BAD_FILE);

    size_t preset = find_preset(bytes, n_bytes, 33);
    bytes[preset + 22] = 77; /* moved to a bank where nobody looks */
    assert_int_equal(render_with(path, bytes, n_bytes, &err), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "program 33"));
    bytes[preset + 22] = 0;
    assert_int_equal(render_with(path, bytes, n_bytes, &err), TIMBRE_OK);

    memset(bytes + 4096, 0, n_bytes - (1 << 20)); /* whole length, but no samples in it */
    assert_int_equal(render_with(path, bytes, n_bytes, &err), TIMBRE_BAD_FILE);

    unlink(path);
    assert_int_equal(tb_soundfont_check(path, &err), TIMBRE_MODEL_MISSING);
    assert_int_equal(tb_soundfont_check(folder, &err), TIMBRE_BAD_FILE);
    rmdir(folder);
    free(bytes);
}

static void soundfonts_are_looked_for_in_order(void **state)
{
    (void)state;
    char folder[] = "/tmp/timbre-bank-XXXXXX", sub[64], own[96], out[TB_PATH_MAX_BYTES];
    assert_non_null(mkdtemp(folder));
    snprintf(sub, sizeof sub, "%s/soundfonts", folder);
    snprintf(own, sizeof own, "%s/own.sf3", sub);
    assert_int_equal(tb_dir_make(sub, NULL), TIMBRE_OK);
    const char empty_bank[] = "RIFF\4\0\0\0sfbk";
    assert_int_equal(tb_file_write(own, empty_bank, 12, true, NULL), TIMBRE_OK);

    tb_error err = {0};
    const char *const data_first[] = {"/nowhere/a.sf3", "@/soundfonts/own.sf3", bank, NULL};
    assert_int_equal(tb_soundfont_find_among(data_first, folder, out, sizeof out, &err), TIMBRE_OK);
    assert_string_equal(out, own);
    assert_int_equal(tb_soundfont_find_among(data_first, NULL, out, sizeof out, &err), TIMBRE_OK);
    assert_string_equal(out, bank);

    const char *const none[] = {"/nowhere/a.sf3", "@/b.sf3", NULL};
    assert_int_equal(tb_soundfont_find_among(none, folder, out, sizeof out, &err),
                     TIMBRE_MODEL_MISSING);
    assert_true(err.fix[0] != '\0');

    assert_int_equal(tb_soundfont_find(own, NULL, out, sizeof out, &err), TIMBRE_OK);
    assert_string_equal(out, own);
    assert_int_equal(tb_soundfont_find("/nowhere/a.sf3", NULL, out, sizeof out, &err),
                     TIMBRE_MODEL_MISSING);
    assert_non_null(strstr(err.message, "/nowhere/a.sf3"));
    unlink(own);
    rmdir(sub);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bytes_for_any_number_of_threads),
        cmocka_unit_test(a_stroke_sounds_at_its_tick),
        cmocka_unit_test(a_note_struck_again_sounds_on),
        cmocka_unit_test(bends_and_controls_are_heard),
        cmocka_unit_test(a_loop_is_its_sound_folded_over_itself),
        cmocka_unit_test(the_seam_is_no_larger_than_other_steps),
        cmocka_unit_test(progress_goes_from_0_to_1_and_starts_at_once),
        cmocka_unit_test(cancel_stops_it),
        cmocka_unit_test(a_missing_drum_kit_falls_back_to_the_standard_one),
        cmocka_unit_test(a_damaged_soundfont_is_a_clear_error),
        cmocka_unit_test(soundfonts_are_looked_for_in_order),
    };
    return cmocka_run_group_tests(tests, find_bank, NULL);
}
