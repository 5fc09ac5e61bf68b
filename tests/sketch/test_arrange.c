/* The arranger keeps what the brief asks, fills the length that was asked, and follows its seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sketch/compose.h"

static void check_parts(const tb_score *s)
{
    unsigned channels = 0;
    assert_in_range(s->n_parts, 1, TB_SCORE_MAX_PARTS);
    for (int i = 0; i < s->n_parts; i++) {
        const tb_part *p = &s->parts[i];
        assert_in_range(p->channel, 0, 15);
        assert_false(channels >> p->channel & 1);
        channels |= 1U << p->channel;
        assert_int_equal(p->channel == TB_DRUM_CHANNEL, p->instrument == TB_INSTRUMENT_DRUMS);
        if (p->instrument != TB_INSTRUMENT_DRUMS)
            assert_int_equal(p->program, tb_instrument_get(p->instrument)->program);
        assert_true(p->program <= 127 && p->volume <= 127 && p->pan <= 127 && p->reverb <= 127);
        assert_true(p->name[0] != '\0');
    }
}

static bool in_order(const tb_event *a, const tb_event *b)
{
    if (a->tick != b->tick)
        return a->tick < b->tick;
    if (a->part != b->part)
        return a->part < b->part;
    return a->kind != b->kind ? a->kind < b->kind : a->a <= b->a;
}

static void check_events(const tb_score *s)
{
    assert_true(s->n_events > 0 && s->n_events <= TB_SCORE_MAX_EVENTS);
    for (size_t i = 0; i < s->n_events; i++) {
        const tb_event *e = &s->events[i];
        assert_true(i == 0 || in_order(e - 1, e));
        assert_true(e->tick >= 0 && e->tick < s->length_ticks);
        assert_true(e->part < s->n_parts && e->a <= 127 && e->b <= 127);
        if (e->kind != TB_EVENT_NOTE)
            continue;
        const tb_instrument *in = tb_instrument_get(s->parts[e->part].instrument);
        assert_true(e->length_ticks >= 1 && e->b >= 1);
        if (is_pitched(s, e))
            assert_in_range(e->a, in->low, in->high);
    }
}

/* Something always sounds: no pitched silence of a second, up to the last frame of a take. */
static void check_sounding(const tb_score *s)
{
    int32_t until = 0;
    for (size_t i = 0; i < s->n_events; i++) {
        const tb_event *e = &s->events[i];
        if (!is_pitched(s, e))
            continue;
        assert_true(seconds_at(s, e->tick - until) <= 1.0);
        if (e->tick + e->length_ticks > until)
            until = e->tick + e->length_ticks;
    }
    if (s->loop)
        assert_true(seconds_at(s, s->length_ticks - until) <= 1.0);
    else
        assert_true(tb_score_frame(s, until) >= s->n_frames);
}

static void check_length(const tb_score *s, double duration_s)
{
    assert_int_equal(s->ticks_per_bar, s->beats_per_bar * TB_PPQ * 4 / s->beat_unit);
    if (!s->loop) {
        assert_int_equal(s->n_frames, (int64_t)floor(44100 * duration_s + 0.5));
        assert_true(seconds_at(s, s->n_bars * s->ticks_per_bar) >= duration_s);
        assert_true(seconds_at(s, (s->n_bars - 1) * s->ticks_per_bar) < duration_s);
        return;
    }
    double bar_s = seconds_at(s, s->ticks_per_bar);
    assert_int_equal(s->length_ticks, s->n_bars * s->ticks_per_bar);
    assert_int_equal(s->n_frames, tb_score_frame(s, s->length_ticks));
    assert_true(s->n_bars >= 1);
    if (s->n_bars > 1)
        assert_true(fabs(s->n_bars * bar_s - duration_s) <= bar_s / 2 + 1e-3);
}

static void check_all(const tb_score *s, double duration_s)
{
    check_parts(s);
    check_events(s);
    check_sounding(s);
    check_length(s, duration_s);
}

static void every_length_style_and_metre_makes_a_whole_score(void **state)
{
    static const double lengths[] = {1, 2.5, 5, 10, 30, 97.3, 300};
    static const int metres[][2] = {{0, 0}, {3, 4}, {5, 4},  {7, 8},
                                    {6, 8}, {2, 8}, {12, 8}, {12, 4}};
    (void)state;
    for (int style = 0; style < TB_STYLE_COUNT; style++)
        for (size_t m = 0; m < 8; m++)
            for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++)
                for (uint64_t k = 0; k < 4; k++) {
                    tb_brief b = ask_style((tb_style)style);
                    b.beats_per_bar = metres[m][0];
                    b.beat_unit = metres[m][1];
                    b.tempo_bpm = k == 3 ? 61 + 37 * (double)m : 0;
                    tb_arena arena;
                    tb_score s = arrange(&b, 100 * m + k, lengths[l], k % 2 == 1, &arena);
                    check_all(&s, lengths[l]);
                    if (m > 0) {
                        assert_int_equal(s.beats_per_bar, metres[m][0]);
                        assert_int_equal(s.beat_unit, metres[m][1]);
                    }
                    tb_arena_deinit(&arena);
                }
}

static void asked_tempo_is_exact_and_counts_dotted_quarters_in_compound_metres(void **state)
{
    static const struct {
        int beats, unit;
        double bpm;
        int32_t usec;
    } cases[] = {{4, 4, 84, 714286},  {3, 4, 171.5, 349854}, {6, 8, 80, 500000},
                 {7, 8, 120, 500000}, {12, 8, 60, 666667},   {3, 8, 90, 666667}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int loop = 0; loop < 2; loop++) {
            tb_brief b = ask_nothing();
            b.tempo_bpm = cases[i].bpm;
            b.beats_per_bar = cases[i].beats;
            b.beat_unit = cases[i].unit;
            tb_arena arena;
            tb_score s = arrange(&b, 5 + i, 20, loop, &arena);
            assert_int_equal(s.usec_per_quarter, cases[i].usec);
            tb_arena_deinit(&arena);
        }
}

static void tempo_words_move_the_tempo(void **state)
{
    (void)state;
    for (int style = 0; style < TB_STYLE_COUNT; style++) {
        tb_brief b = ask_style((tb_style)style);
        int32_t usec[3];
        for (int i = 0; i < 3; i++) {
            tb_arena arena;
            b.tempo_bias = 0.8 * (i - 1);
            usec[i] = arrange(&b, 3, 30, false, &arena).usec_per_quarter;
            tb_arena_deinit(&arena);
        }
        assert_true(usec[0] > usec[1] && usec[1] > usec[2]);
    }
}

/* Seconds until part `instrument` is first heard; a large number when it never is. */
static double heard_at(const tb_score *s, tb_instrument_id instrument)
{
    for (size_t i = 0; i < s->n_events; i++)
        if (s->events[i].kind == TB_EVENT_NOTE &&
            s->parts[s->events[i].part].instrument == instrument)
            return seconds_at(s, s->events[i].tick);
    return 1e9;
}

static void every_asked_instrument_is_heard_early(void **state)
{
    static const double lengths[] = {1, 5, 40};
    (void)state;
    for (int style = 0; style < TB_STYLE_COUNT; style++)
        for (int id = 0; id < TB_INSTRUMENT_COUNT; id++)
            for (int l = 0; l < 3; l++) {
                tb_brief b = ask_style((tb_style)style);
                tb_arena arena;
                for (int k = 0; k < 8; k += 1 + l) /* eight, four or three of them at once */
                    b.instruments[b.n_instruments++] = (tb_instrument_id)((id + 7 * k) %
                                                                          TB_INSTRUMENT_COUNT);
                tb_score s = arrange(&b, (uint64_t)id, lengths[l], id % 2, &arena);
                double by = lengths[l] / 2 < 5 ? lengths[l] / 2 : 5;
                for (int k = 0; k < b.n_instruments; k++)
                    assert_true(heard_at(&s, b.instruments[k]) <= by);
                check_all(&s, lengths[l]);
                tb_arena_deinit(&arena);
            }
}

static void excluded_instruments_are_never_heard(void **state)
{
    (void)state;
    for (int style = 0; style < TB_STYLE_COUNT; style++)
        for (uint64_t seed = 0; seed < 8; seed++) {
            tb_arena free_arena, arena;
            tb_brief b = ask_style((tb_style)style);
            tb_score before = arrange(&b, seed, 30, false, &free_arena);
            for (int i = 0; i < before.n_parts; i++)
                b.excluded[before.parts[i].instrument] = true;
            tb_score s = arrange(&b, seed, 30, false, &arena);
            for (int i = 0; i < s.n_parts; i++)
                assert_false(b.excluded[s.parts[i].instrument]);
            check_all(&s, 30);
            tb_arena_deinit(&arena);
            tb_arena_deinit(&free_arena);
        }
}

static void instruments_suggest_a_style(void **state)
{
    static const struct {
        tb_instrument_id instrument;
        unsigned styles;
    } cases[] = {
        {TB_INSTRUMENT_CHURCH_ORGAN, 1U << TB_STYLE_CLASSICAL},
        {TB_INSTRUMENT_DISTORTED_GUITAR, 1U << TB_STYLE_ROCK},
        {TB_INSTRUMENT_SAXOPHONE, 1U << TB_STYLE_JAZZ | 1U << TB_STYLE_FUNK},
        {TB_INSTRUMENT_SLAP_BASS, 1U << TB_STYLE_FUNK},
        {TB_INSTRUMENT_NYLON_GUITAR, 1U << TB_STYLE_BOSSA},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (uint64_t seed = 0; seed < 20; seed++) {
            tb_brief b = ask_nothing();
            b.n_instruments = 1;
            b.instruments[0] = cases[i].instrument;
            tb_arena arena;
            assert_true(cases[i].styles >> arrange(&b, seed, 5, false, &arena).style & 1);
            tb_arena_deinit(&arena);
        }
}

static double busyness(const tb_score *s)
{
    double sum = 0;
    for (size_t i = 0; i < s->n_events; i++)
        sum += s->events[i].kind == TB_EVENT_NOTE ? s->events[i].b : 0;
    return sum / seconds_at(s, s->length_ticks);
}

static void energy_is_heard(void **state)
{
    (void)state;
    for (int style = 0; style < TB_STYLE_COUNT; style++)
        for (uint64_t seed = 0; seed < 5; seed++) {
            tb_brief b = ask_style((tb_style)style);
            tb_arena calm_arena, wild_arena;
            b.energy = 0.05;
            tb_score calm = arrange(&b, seed, 40, false, &calm_arena);
            b.energy = 1;
            tb_score wild = arrange(&b, seed, 40, false, &wild_arena);
            if (busyness(&wild) <= 1.1 * busyness(&calm))
                fail_msg("%s, seed %d: wild %.0f, calm %.0f", tb_style_name((tb_style)style),
                         (int)seed, busyness(&wild), busyness(&calm));
            tb_arena_deinit(&calm_arena);
            tb_arena_deinit(&wild_arena);
        }
}

static void same_brief_and_seed_give_the_same_score(void **state)
{
    (void)state;
    for (int style = 0; style < TB_STYLE_COUNT; style++) {
        tb_arena a, b;
        tb_brief brief = ask_style((tb_style)style);
        tb_score x = arrange(&brief, 77, 30, false, &a), y = arrange(&brief, 77, 30, false, &b);
        assert_int_equal(x.n_events, y.n_events);
        assert_memory_equal(x.events, y.events, x.n_events * sizeof x.events[0]);
        assert_memory_equal(x.parts, y.parts, sizeof x.parts);
        tb_arena_deinit(&a);
        tb_arena_deinit(&b);
    }
}

/* The part of x's pitched notes that y has too: the same sixteenth of the piece and the same key.
 */
static double shared_notes(const tb_score *x, const tb_score *y)
{
    size_t n = 0, shared = 0;
    for (size_t i = 0; i < x->n_events; i++) {
        const tb_event *e = &x->events[i];
        if (!is_pitched(x, e))
            continue;
        bool found = false;
        for (size_t k = 0; k < y->n_events && !found; k++) {
            const tb_event *f = &y->events[k];
            found = is_pitched(y, f) && f->a == e->a && abs(f->tick - e->tick) <= 120;
        }
        n++;
        shared += found;
    }
    return n == 0 ? 0 : (double)shared / (double)n;
}

/* Mean part shared by pieces of neighbouring seeds. */
static double mean_shared(const tb_brief *brief)
{
    double sum = 0;
    for (uint64_t seed = 0; seed < 12; seed++) {
        tb_arena a, b;
        tb_score x = arrange(brief, seed, 20, false, &a);
        tb_score y = arrange(brief, seed + 1, 20, false, &b);
        sum += shared_notes(&x, &y);
        tb_arena_deinit(&a);
        tb_arena_deinit(&b);
    }
    return sum / 12;
}

static void different_seeds_differ_clearly_and_still_do_in_one_key(void **state)
{
    (void)state;
    for (int style = 0; style < TB_STYLE_COUNT; style++) {
        tb_brief brief = ask_style((tb_style)style);
        assert_true(mean_shared(&brief) <= 0.3);
        brief.key_root = 0;
        brief.mode = TB_MODE_MINOR;
        brief.beats_per_bar = brief.beat_unit = 4;
        assert_true(mean_shared(&brief) <= 0.6);
    }
}

static void the_busiest_music_there_is_fits_a_score(void **state)
{
    (void)state;
    for (int style = 0; style < TB_STYLE_COUNT; style++) {
        tb_brief b = ask_style((tb_style)style);
        b.tempo_bpm = 400;
        b.energy = 1;
        for (int id = 0; b.n_instruments < TB_BRIEF_MAX_INSTRUMENTS; id++)
            if (tb_instrument_get((tb_instrument_id)id)->roles & TB_ROLE_CHORDS)
                b.instruments[b.n_instruments++] = (tb_instrument_id)id;
        tb_arena arena;
        tb_score s = arrange(&b, 1, 300, false, &arena);
        check_all(&s, 300);
        tb_arena_deinit(&arena);
    }
}

static void lengths_outside_the_limits_are_refused_by_name(void **state)
{
    static const double bad[] = {0, 0.5, 301, -1, NAN, INFINITY};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tb_brief b = ask_nothing();
        tb_arena arena;
        tb_arena_init(&arena, 0);
        tb_score s;
        tb_error err = {0};
        tb_arrange_options o = {.seed = 1, .duration_s = bad[i]};
        assert_int_equal(tb_arrange(&b, &o, &arena, &s, &err), TIMBRE_BAD_INPUT);
        assert_non_null(strstr(err.message, "duration"));
        assert_true(err.fix[0] != '\0');
        tb_arena_deinit(&arena);
    }
}

static void running_out_of_memory_is_an_error(void **state)
{
    tb_brief b = ask_style(TB_STYLE_FUNK);
    tb_arrange_options o = {.seed = 1, .duration_s = 60};
    tb_status st = TIMBRE_NO_MEMORY;
    (void)state;
    for (size_t limit = 4096; st == TIMBRE_NO_MEMORY; limit += 16384) {
        tb_arena arena;
        tb_arena_init(&arena, limit);
        tb_score s;
        tb_error err = {0};
        st = tb_arrange(&b, &o, &arena, &s, &err);
        assert_true(st == TIMBRE_OK || st == TIMBRE_NO_MEMORY);
        assert_true(st == TIMBRE_OK || err.message[0] != '\0');
        tb_arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_style_and_metre_makes_a_whole_score),
        cmocka_unit_test(asked_tempo_is_exact_and_counts_dotted_quarters_in_compound_metres),
        cmocka_unit_test(tempo_words_move_the_tempo),
        cmocka_unit_test(every_asked_instrument_is_heard_early),
        cmocka_unit_test(excluded_instruments_are_never_heard),
        cmocka_unit_test(instruments_suggest_a_style),
        cmocka_unit_test(energy_is_heard),
        cmocka_unit_test(same_brief_and_seed_give_the_same_score),
        cmocka_unit_test(different_seeds_differ_clearly_and_still_do_in_one_key),
        cmocka_unit_test(the_busiest_music_there_is_fits_a_score),
        cmocka_unit_test(lengths_outside_the_limits_are_refused_by_name),
        cmocka_unit_test(running_out_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
