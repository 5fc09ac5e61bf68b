/*
 * From the words of a prompt to the arrangement: what a musician asked for is what plays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compose.h"
#include "engine/base/random.h"
#include "engine/sketch/prompt.h"
#include "engine/sketch/soundfont.h"
#include "engine/sketch/synth.h"

static int setup(void **state)
{
    tb_lexicon *lexicon = NULL;
    tb_error err = {0};
    if (tb_lexicon_new(&lexicon, &err) != TIMBRE_OK)
        fprintf(stderr, "%s\n", err.message);
    *state = lexicon;
    return lexicon == NULL;
}

static int teardown(void **state)
{
    tb_lexicon_free(*state);
    return 0;
}

static tb_brief brief_of(void **state, const char *prompt)
{
    tb_brief b;
    tb_error err = {0};
    assert_int_equal(tb_prompt_read(*state, prompt, "", &b, &err), TIMBRE_OK);
    return b;
}

static tb_score play(void **state, const char *prompt, uint64_t seed, double duration_s,
                     tb_arena *arena)
{
    tb_brief b = brief_of(state, prompt);
    return arrange(&b, seed, duration_s, false, arena);
}

/* Beats per minute of a metre whose beat is a quarter. */
static double bpm_of(const tb_score *s)
{
    return 60e6 / s->usec_per_quarter;
}

static void tempo_words_are_requests_whatever_the_style(void **state)
{
    static const struct {
        const char *word;
        double low, high;
    } words[] = {{"largo", 40, 60},    {"adagio", 55, 76},     {"slow", 30, 92},
                 {"andante", 76, 108}, {"moderato", 100, 120}, {"allegro", 120, 156},
                 {"fast", 128, 300},   {"presto", 160, 200},   {"prestissimo", 160, 200}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (int style = -1; style < TB_STYLE_COUNT; style++)
            for (uint64_t seed = 0; seed < 8; seed++) {
                char prompt[80];
                snprintf(prompt, sizeof prompt, "%s, 4/4, %s", words[i].word,
                         style < 0 ? "piano" : tb_style_name((tb_style)style));
                tb_arena arena;
                tb_score s = play(state, prompt, seed, 30, &arena);
                if (bpm_of(&s) < words[i].low || bpm_of(&s) > words[i].high)
                    fail_msg("'%s' plays at %.1f bpm", prompt, bpm_of(&s));
                tb_arena_deinit(&arena);
            }
}

static void tempo_ranges_are_used_to_their_ends(void **state)
{
    double lowest = 1e9, highest = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        tb_arena arena;
        tb_score s = play(state, "jazz, 4/4", seed, 30, &arena);
        lowest = bpm_of(&s) < lowest ? bpm_of(&s) : lowest;
        highest = bpm_of(&s) > highest ? bpm_of(&s) : highest;
        tb_arena_deinit(&arena);
    }
    assert_true(lowest < 122 && highest > 180);
    assert_true(lowest >= 112 * 0.97 && highest <= 190 * 1.03);
}

/* "piano, upright bass, drums": who is on the stage, each once per player, by instrument. */
static void stage_of(const tb_score *s, char *out, size_t cap)
{
    size_t n = 0;
    out[0] = '\0';
    for (int id = 0; id < TB_INSTRUMENT_COUNT; id++) {
        bool leads_or_chords = false;
        for (int i = 0; i < s->n_parts; i++) {
            if ((int)s->parts[i].instrument != id)
                continue;
            bool doubled = strncmp(s->parts[i].name, "harmony", 7) == 0;
            if (!leads_or_chords || doubled)
                n += (size_t)snprintf(out + n, cap - n, "%s%s", n > 0 ? ", " : "",
                                      tb_instrument_get((tb_instrument_id)id)->name);
            leads_or_chords = true;
        }
    }
}

static void groups_have_the_size_that_they_are_named_for(void **state)
{
    static const struct {
        const char *prompt, *stage;
    } cases[] = {
        {"string quartet", "violin, violin, cello, cello"},
        {"brass quintet", "trumpet, trumpet, trombone, trombone, french horn"},
        {"power trio", "distorted guitar, electric bass, drums"},
        {"piano and violin duet", "piano, violin"},
        {"solo piano", "piano"},
        {"violin solo", "violin"},
        {"drum solo", "drums"},
        {"bass clarinet solo", "clarinet"},
        {"piano only", "piano"},
        {"jazz, only piano", "piano"},
        {"harp alone", "harp"},
        {"unaccompanied cello", "cello"},
        {"rock guitar without accompaniment", "electric guitar"},
        {"flute and harp, no other instruments", "harp, flute"},
        {"cello and piano, nothing else", "piano, cello"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (uint64_t seed = 0; seed < 10; seed++) {
            tb_arena arena;
            char stage[300];
            tb_score s = play(state, cases[i].prompt, seed, 20, &arena);
            stage_of(&s, stage, sizeof stage);
            if (strcmp(stage, cases[i].stage) != 0)
                fail_msg("'%s' is played by %s", cases[i].prompt, stage);
            tb_arena_deinit(&arena);
        }
}

static bool has(const tb_score *s, tb_instrument_id id)
{
    for (int i = 0; i < s->n_parts; i++)
        if (s->parts[i].instrument == id)
            return true;
    return false;
}

static int n_instruments(const tb_score *s)
{
    int n = 0;
    for (int id = 0; id < TB_INSTRUMENT_COUNT; id++)
        n += has(s, (tb_instrument_id)id);
    return n;
}

static void a_jazz_trio_is_chords_bass_and_drums(void **state)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        tb_arena arena;
        tb_score s = play(state, "jazz trio", seed, 20, &arena);
        assert_int_equal(n_instruments(&s), 3);
        assert_true(has(&s, TB_INSTRUMENT_DRUMS) && has(&s, TB_INSTRUMENT_UPRIGHT_BASS));
        tb_arena_deinit(&arena);
        s = play(state, "jazz duo", seed, 20, &arena);
        assert_int_equal(n_instruments(&s), 2);
        tb_arena_deinit(&arena);
        s = play(state, "funk bassline with a jazzy saxophone solo", seed, 20, &arena);
        assert_true(n_instruments(&s) >= 3);
        tb_arena_deinit(&arena);
    }
}

static void a_soloist_stands_in_the_middle(void **state)
{
    for (uint64_t seed = 0; seed < 10; seed++) {
        tb_arena arena;
        tb_score s = play(state, "solo piano", seed, 20, &arena);
        for (int i = 0; i < s.n_parts; i++)
            assert_int_equal(s.parts[i].pan, 64);
        tb_arena_deinit(&arena);
    }
}

static void only_rain_is_a_score_without_music(void **state)
{
    static const char *const prompts[] = {"only rain",
                                          "just rain",
                                          "rain sounds",
                                          "sound of rain",
                                          "rain, no music",
                                          "rain, wind, no instruments",
                                          "waves without instruments",
                                          "rain only"};
    for (size_t i = 0; i < sizeof prompts / sizeof *prompts; i++) {
        tb_arena arena;
        tb_brief b = brief_of(state, prompts[i]);
        assert_true(b.texture_only && b.n_understood > 0 && b.n_unknown == 0);
        tb_score s = arrange(&b, i, 20, i % 2 == 1, &arena);
        unsigned char *bytes;
        size_t len_bytes;
        assert_true(s.n_parts == 0 && s.n_events == 0 && s.n_bars > 0 && s.length_ticks > 0);
        assert_true(i % 2 == 1 ? s.n_frames > 0 : s.n_frames == 20 * 44100);
        assert_int_equal(tb_midi_format(&s, &bytes, &len_bytes, NULL), TIMBRE_OK);
        assert_memory_equal(bytes, "MThd", 4);
        free(bytes);
        tb_arena_deinit(&arena);
    }
    assert_false(brief_of(state, "lo-fi with rain sounds").texture_only);
    assert_false(brief_of(state, "piano, sound of rain").texture_only);
    assert_false(brief_of(state, "piano, no music").texture_only);
    for (uint64_t seed = 0; seed < 10; seed++) {
        tb_arena arena;
        tb_score s = play(state, "rain", seed, 20, &arena);
        assert_true(s.style == TB_STYLE_AMBIENT && !has(&s, TB_INSTRUMENT_DRUMS));
        tb_arena_deinit(&arena);
    }
}

static void instruments_get_styles_that_suit_them(void **state)
{
    static const struct {
        const char *prompt;
        unsigned styles;
    } cases[] = {
        {"piano", 1U << TB_STYLE_CLASSICAL | 1U << TB_STYLE_LOFI | 1U << TB_STYLE_JAZZ |
                      1U << TB_STYLE_AMBIENT},
        {"acoustic guitar", 1U << TB_STYLE_CLASSICAL | 1U << TB_STYLE_BOSSA | 1U << TB_STYLE_LOFI},
        {"violin", 1U << TB_STYLE_CLASSICAL},
        {"solo harp", 1U << TB_STYLE_CLASSICAL | 1U << TB_STYLE_AMBIENT},
        {"organ", 1U << TB_STYLE_JAZZ | 1U << TB_STYLE_CLASSICAL},
        {"slow piano", 1U << TB_STYLE_CLASSICAL | 1U << TB_STYLE_LOFI | 1U << TB_STYLE_AMBIENT},
        {"presto piano", 1U << TB_STYLE_CLASSICAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (uint64_t seed = 0; seed < 30; seed++) {
            tb_arena arena;
            tb_score s = play(state, cases[i].prompt, seed, 5, &arena);
            if (!(cases[i].styles >> s.style & 1))
                fail_msg("'%s' becomes %s", cases[i].prompt, tb_style_name(s.style));
            tb_arena_deinit(&arena);
        }
}

static bool lists(const tb_brief *b, const char *word, const char *meaning)
{
    for (int i = 0; i < b->n_understood; i++)
        if (strcmp(b->understood[i].word, word) == 0 &&
            strcmp(b->understood[i].meaning, meaning) == 0)
            return true;
    return false;
}

static void nothing_that_was_read_vanishes(void **state)
{
    tb_brief b = brief_of(state, "trombone and tuba, no music");
    assert_true(lists(&b, "tuba", "instrument trombone"));
    assert_true(lists(&b, "no music", "players nobody, nothing to play instead"));
    b = brief_of(state, "piano, violin, cello, harp, flute, oboe, sitar, koto, banjo");
    int n_left = 0;
    for (int i = 0; i < b.n_understood; i++)
        n_left += strstr(b.understood[i].meaning, ", no room") != NULL;
    assert_true(b.n_understood == 9 && n_left == 1);
    b = brief_of(state, "84 bpm, presto, A minor, lydian, 3/4, five four");
    assert_true(lists(&b, "presto", "tempo presto, overruled"));
    assert_true(lists(&b, "lydian", "mode lydian, overruled"));
    assert_true(lists(&b, "five four", "metre 5/4, overruled"));
    b = brief_of(state,
                 "Zyxw\303\274v \343\203\224\343\202\242\343\203\216 \343\203\224\343\203\224");
    assert_true(lists(&b, "\343\203\224\343\202\242\343\203\216", "instrument piano"));
    assert_string_equal(b.unknown[0], "Zyxw\303\274v");
    assert_string_equal(b.unknown[1], "\343\203\224\343\203\224");
}

static void a_minor_problem_is_no_key(void **state)
{
    tb_brief b = brief_of(state, "a minor problem in a major city");
    assert_true(b.key_root < 0 && b.mode < 0);
    assert_int_equal(brief_of(state, "lo-fi in a minor, 84 bpm").key_root, 9);
    assert_int_equal(brief_of(state, "a minor piano").key_root, 9);
}

static void degree_words_before_an_instrument_are_its_level(void **state)
{
    tb_brief b = brief_of(state, "jazz, quiet drums, loud piano, less bass");
    assert_int_equal(b.level_db[TB_INSTRUMENT_DRUMS], -6);
    assert_int_equal(b.level_db[TB_INSTRUMENT_PIANO], 4);
    assert_int_equal(b.level_db[TB_INSTRUMENT_UPRIGHT_BASS], -6);
    assert_true(b.energy == -1);
    tb_arena plain_arena, quiet_arena;
    tb_score plain = play(state, "jazz, drums", 1, 10, &plain_arena);
    tb_score quiet = play(state, "jazz, quiet drums", 1, 10, &quiet_arena);
    assert_int_equal(plain.n_events, quiet.n_events);
    for (int i = 0; i < plain.n_parts; i++)
        assert_true(plain.parts[i].instrument == TB_INSTRUMENT_DRUMS
                        ? quiet.parts[i].volume < plain.parts[i].volume
                        : quiet.parts[i].volume == plain.parts[i].volume);
    tb_arena_deinit(&plain_arena);
    tb_arena_deinit(&quiet_arena);
}

/* Notes of the first eight bars as text: relative keys of the first pitched part that is no bass.
 */
static uint64_t tune_hash(const tb_score *s)
{
    uint64_t hash = 1;
    for (size_t i = 0; i < s->n_events && s->events[i].tick < 8 * s->ticks_per_bar; i++)
        if (is_pitched(s, &s->events[i]))
            hash = tb_random_at(hash + s->events[i].a, 1);
    return hash;
}

static void another_prompt_is_another_tune_and_another_spelling_is_not(void **state)
{
    tb_arena a, b, c;
    tb_score one = play(state, "jazz, happy, C major, piano, 120 bpm", 5, 20, &a);
    tb_score same = play(state, "120 BPM; PIANO c major happpy jazz", 5, 20, &b);
    tb_score other = play(state, "jazz, happy, C major, piano, rain, 120 bpm", 5, 20, &c);
    assert_true(tune_hash(&one) == tune_hash(&same));
    assert_true(tune_hash(&one) != tune_hash(&other));
    tb_arena_deinit(&a);
    tb_arena_deinit(&b);
    tb_arena_deinit(&c);
}

/* Bars of a part that differ in their notes, onsets rounded to sixteenths; *n_bars: that sound. */
static int distinct_bars(const tb_score *s, int part, int *n_bars)
{
    uint64_t *seen = calloc((size_t)s->n_bars, sizeof *seen);
    int n = 0;
    assert_non_null(seen);
    *n_bars = 0;
    for (size_t i = 0; i < s->n_events; i++) {
        const tb_event *e = &s->events[i];
        int32_t step = (e->tick + 120) / 240, per_bar = s->ticks_per_bar / 240;
        if (e->part == part && e->kind == TB_EVENT_NOTE && step / per_bar < s->n_bars)
            seen[step / per_bar] += tb_random_at((uint64_t)(step % per_bar), e->a);
    }
    for (int i = 0; i < s->n_bars; i++) {
        bool again = seen[i] == 0;
        *n_bars += seen[i] != 0;
        for (int k = 0; k < i; k++)
            again |= seen[k] == seen[i];
        n += !again;
    }
    free(seen);
    return n;
}

static void long_takes_do_not_stand_still(void **state)
{
    for (int style = 0; style < TB_STYLE_COUNT; style++)
        for (uint64_t seed = 0; seed < 4; seed++) {
            tb_arena arena;
            bool has_melody = false;
            tb_score s = play(state, tb_style_name((tb_style)style), seed, 300, &arena);
            for (int i = 0; i < s.n_parts; i++) {
                int n_bars, n = distinct_bars(&s, i, &n_bars);
                has_melody |= strcmp(s.parts[i].name, "melody") == 0;
                bool is_melodic = strcmp(s.parts[i].name, "melody") == 0;
                int enough = is_melodic ? 24 : 6; /* drones and held chords vary less */
                bool is_pad = strncmp(s.parts[i].name, "pad", 3) == 0;
                if (s.parts[i].channel != TB_DRUM_CHANNEL && !is_pad && 4 * n < n_bars &&
                    n < enough)
                    fail_msg("%s, seed %d: %s has %d distinct bars of %d",
                             tb_style_name((tb_style)style), (int)seed, s.parts[i].name, n, n_bars);
            }
            assert_true(has_melody);
            tb_arena_deinit(&arena);
        }
}

static void a_soloist_has_something_to_play(void **state)
{
    static const struct {
        const char *prompt;
        double notes_per_s;
    } cases[] = {{"solo kalimba", 1},
                 {"solo bells, ambient", 1},
                 {"ambient, solo violin", 0.4},
                 {"ambient, solo french horn", 0.4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (uint64_t seed = 0; seed < 12; seed++) {
            tb_arena arena;
            tb_score s = play(state, cases[i].prompt, seed, 20, &arena);
            bool used[128] = {false};
            int n = 0, n_pitches = 0;
            for (size_t k = 0; k < s.n_events; k++) {
                if (s.events[k].kind != TB_EVENT_NOTE)
                    continue;
                n_pitches += !used[s.events[k].a];
                used[s.events[k].a] = true;
                n++;
            }
            if (n < 20 * cases[i].notes_per_s || n_pitches < 5)
                fail_msg("'%s', seed %d: %d notes of %d pitches", cases[i].prompt, (int)seed, n,
                         n_pitches);
            tb_arena_deinit(&arena);
        }
}

/* Loudness of frames [from, to) as mean square. */
static double power(const float *pcm, int64_t from, int64_t to)
{
    double sum = 0;
    for (int64_t i = 2 * from; i < 2 * to; i++)
        sum += (double)pcm[i] * (double)pcm[i];
    return sum / (double)(2 * (to - from) + 1);
}

/* How much louder the first two seconds of the last chord are than the body, in dB. */
static double end_over_body_db(const tb_score *s, const char *bank, tb_pool *pool)
{
    float *pcm = calloc((size_t)s->n_frames * 2, sizeof *pcm);
    tb_error err = {0};
    assert_non_null(pcm);
    if (tb_synth_render(s, bank, pool, NULL, pcm, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    int64_t end = tb_score_frame(s, s->chords[s->n_chords - 1].tick), until = end + 2 * 44100;
    until = until < s->n_frames ? until : s->n_frames;
    double db = 10 * log10(power(pcm, end, until) / power(pcm, end / 4, end));
    free(pcm);
    return db;
}

static void the_last_chord_is_no_louder_than_the_body(void **state)
{
    static const char *const prompts[] = {"ambient",    "church organ", "strings", "lo-fi",
                                          "jazz",       "funk",         "house",   "rock",
                                          "bossa nova", "classical"};
    char bank[TB_PATH_MAX_BYTES];
    tb_pool *pool;
    tb_error err = {0};
    if (tb_soundfont_find(NULL, NULL, bank, sizeof bank, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    assert_int_equal(tb_pool_new(2, &pool, &err), TIMBRE_OK);
    for (size_t i = 0; i < sizeof prompts / sizeof *prompts; i++) {
        double sum = 0;
        for (uint64_t seed = 0; seed < 2; seed++) {
            tb_arena arena;
            tb_score s = play(state, prompts[i], seed, 20, &arena);
            sum += end_over_body_db(&s, bank, pool);
            tb_arena_deinit(&arena);
        }
        print_message("# %s: last chord %+.1f dB\n", prompts[i], sum / 2);
        if (sum / 2 > 1)
            fail_msg("%s: the last chord is %.1f dB above the body", prompts[i], sum / 2);
    }
    tb_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tempo_words_are_requests_whatever_the_style),
        cmocka_unit_test(tempo_ranges_are_used_to_their_ends),
        cmocka_unit_test(groups_have_the_size_that_they_are_named_for),
        cmocka_unit_test(a_jazz_trio_is_chords_bass_and_drums),
        cmocka_unit_test(a_soloist_stands_in_the_middle),
        cmocka_unit_test(only_rain_is_a_score_without_music),
        cmocka_unit_test(instruments_get_styles_that_suit_them),
        cmocka_unit_test(nothing_that_was_read_vanishes),
        cmocka_unit_test(a_minor_problem_is_no_key),
        cmocka_unit_test(degree_words_before_an_instrument_are_its_level),
        cmocka_unit_test(another_prompt_is_another_tune_and_another_spelling_is_not),
        cmocka_unit_test(long_takes_do_not_stand_still),
        cmocka_unit_test(a_soloist_has_something_to_play),
        cmocka_unit_test(the_last_chord_is_no_louder_than_the_body),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
