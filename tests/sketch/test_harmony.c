/* Harmony of the arranger: the asked key is heard, takes end on their tonic, voices lead;
 * chord names and metres. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/sketch/metre.h"
#include "engine/sketch/styles.h"
#include "tests/sketch/compose.h"

/* Krumhansl & Kessler 1982, probe-tone profiles of C major and C minor. */
static const double profiles[2][12] = {
    {6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88},
    {6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17},
};

static double correlation(const double *x, const double *profile, int root)
{
    double mean_x = 0, mean_p = 0, xy = 0, xx = 0, pp = 0;
    for (int i = 0; i < 12; i++) {
        mean_x += x[i] / 12;
        mean_p += profile[i] / 12;
    }
    for (int i = 0; i < 12; i++) {
        double dx = x[(i + root) % 12] - mean_x, dp = profile[i] - mean_p;
        xy += dx * dp;
        xx += dx * dx;
        pp += dp * dp;
    }
    return xy / sqrt(xx * pp + 1e-12);
}

/* The best of the 24 keys: root, plus 12 for minor. */
static int estimate_key(const tb_score *s)
{
    double weight[12] = {0};
    for (size_t i = 0; i < s->n_events; i++)
        if (is_pitched(s, &s->events[i]))
            weight[s->events[i].a % 12] += s->events[i].length_ticks;
    int best = 0;
    double best_r = -2;
    for (int k = 0; k < 24; k++) {
        double r = correlation(weight, profiles[k / 12], k % 12);
        if (r > best_r) {
            best_r = r;
            best = k;
        }
    }
    return best;
}

static void the_asked_key_is_the_one_heard(void **state)
{
    (void)state;
    for (int style = 0; style < TB_STYLE_COUNT; style++)
        for (int minor = 0; minor < 2; minor++) {
            int right = 0;
            for (int seed = 0; seed < 30; seed++) {
                tb_brief b = ask_style((tb_style)style);
                b.key_root = (seed * 5) % 12;
                b.mode = minor ? TB_MODE_MINOR : TB_MODE_MAJOR;
                tb_arena arena;
                tb_score s = arrange(&b, (uint64_t)seed, 30, seed % 3 == 0, &arena);
                assert_int_equal(s.key_root, b.key_root);
                assert_int_equal(s.mode, b.mode);
                right += estimate_key(&s) == b.key_root + 12 * minor;
                tb_arena_deinit(&arena);
            }
            if (right < 27)
                fail_msg("%s %s: key heard in %d of 30", tb_style_name((tb_style)style),
                         minor ? "minor" : "major", right);
        }
}

static void a_take_ends_on_its_tonic(void **state)
{
    (void)state;
    for (int style = 0; style < TB_STYLE_COUNT; style++)
        for (uint64_t seed = 0; seed < 10; seed++) {
            tb_brief b = ask_style((tb_style)style);
            tb_arena arena;
            tb_score s = arrange(&b, seed, 25, false, &arena);
            int lowest = 128;
            for (size_t i = 0; i < s.n_events; i++) /* what sounds at the end */
                if (is_pitched(&s, &s.events[i]) && s.events[i].a < lowest &&
                    tb_score_frame(&s, s.events[i].tick + s.events[i].length_ticks) >= s.n_frames)
                    lowest = s.events[i].a;
            assert_true(lowest < 128);
            unsigned tones = 1U << s.key_root | 1U << (s.key_root + 7) % 12 |
                             1U << (s.key_root + 4) % 12 | 1U << (s.key_root + 3) % 12;
            assert_true(tones >> lowest % 12 & 1);
            assert_in_range(s.chords[s.n_chords - 1].tick, s.length_ticks / 2, s.length_ticks);
            tb_arena_deinit(&arena);
        }
}

/* Every chord of every progression of a style, one after the other, by one of its rules. */
static void check_leading(const tb_style_rules *style, const tb_voicing_rule *rule)
{
    tb_key key = {2, TB_MODE_MAJOR};
    tb_voicing before = {0};
    double moved = 0, n = 0;
    for (int i = 0; i < TB_STYLE_PROGRESSIONS; i++)
        for (const char *at = style->major[i]; *at != '\0'; at += *at == ' ' || *at == '-') {
            tb_chord c = tb_chord_parse(at, key, style->chord_size, &at);
            tb_voicing v = tb_voicing_next(rule, &c, 48, 72, &before);
            assert_int_equal(v.n, strlen(rule->tones));
            for (int k = 0; k < v.n; k++) {
                assert_in_range(v.keys[k], 48, 72);
                assert_true(k == 0 || v.keys[k] > v.keys[k - 1]);
                assert_true(tb_chord_tones(&c) >> v.keys[k] % 12 & 1 ||
                            (c.root + 14) % 12 == v.keys[k] % 12 || /* a ninth or a thirteenth */
                            (c.root + 9) % 12 == v.keys[k] % 12);
                moved += before.n > 0 ? abs(v.keys[k] - before.keys[k]) : 0;
            }
            n += before.n > 0 ? v.n : 0;
            before = v;
        }
    assert_true(moved / n <= 4);
}

static void voices_move_little_and_never_cross(void **state)
{
    (void)state;
    for (int style = 0; style < TB_STYLE_COUNT; style++) {
        const tb_style_rules *rules = tb_style_rules_get((tb_style)style);
        check_leading(rules, &rules->comp);
        check_leading(rules, &rules->pad);
    }
}

static void chords_are_named_as_musicians_name_them(void **state)
{
    static const struct {
        const char *text;
        int root, mode, size;
        const char *name;
    } cases[] = {
        {"1", 9, TB_MODE_MINOR, TB_CHORD_SEVENTH, "Am7"},
        {"1", 5, TB_MODE_MAJOR, TB_CHORD_SEVENTH, "Fmaj7"},
        {"5/7", 0, TB_MODE_MAJOR, TB_CHORD_TRIAD, "G/B"},
        {"4", 5, TB_MODE_MAJOR, TB_CHORD_NINTH, "Bbmaj9"},
        {"5!", 0, TB_MODE_MINOR, TB_CHORD_SEVENTH, "G7"},
        {"57", 0, TB_MODE_MAJOR, TB_CHORD_TRIAD, "G7"},
        {"2", 0, TB_MODE_MINOR, TB_CHORD_SEVENTH, "Dm7b5"},
        {"4m", 0, TB_MODE_MAJOR, TB_CHORD_TRIAD, "Fm"},
        {"b7", 2, TB_MODE_MAJOR, TB_CHORD_TRIAD, "C"},
        {"7", 0, TB_MODE_MAJOR, TB_CHORD_TRIAD, "Bdim"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tb_key key = {cases[i].root, (tb_mode)cases[i].mode};
        tb_chord c = tb_chord_parse(cases[i].text, key, cases[i].size, NULL);
        char name[12];
        tb_chord_format(&c, key, name, sizeof name);
        assert_string_equal(name, cases[i].name);
    }
}

static void patterns_fit_every_metre_and_begin_on_their_beat(void **state)
{
    (void)state;
    for (int unit = 4; unit <= 8; unit += 4)
        for (int beats = 2; beats <= 12; beats++) {
            tb_metre m;
            char steps[TB_METRE_MAX_STEPS + 1];
            int covered = 0;
            tb_metre_init(&m, beats, unit);
            assert_int_equal(m.n_steps, beats * 16 / unit);
            for (int i = 0; i < m.n_pulses; i++) {
                assert_int_equal(m.pulses[i].start, covered);
                covered += m.pulses[i].n_steps;
            }
            assert_int_equal(covered, m.n_steps);
            tb_metre_fit(&m, "X...s...X...s...", 0, steps);
            assert_int_equal(strlen(steps), m.n_steps);
            assert_int_equal(steps[0], 'X');
            if (m.n_pulses > 1) /* a bar ends with a back beat */
                assert_int_equal(steps[m.pulses[m.n_pulses - 1].start], 's');
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_asked_key_is_the_one_heard),
        cmocka_unit_test(a_take_ends_on_its_tonic),
        cmocka_unit_test(voices_move_little_and_never_cross),
        cmocka_unit_test(chords_are_named_as_musicians_name_them),
        cmocka_unit_test(patterns_fit_every_metre_and_begin_on_their_beat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
