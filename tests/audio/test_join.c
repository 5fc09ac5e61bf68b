/* Clips joined: as pydub does (tools/reference/join_vectors.py), and with equal power. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/audio/join.h"
#include "tests/models/vectors.h"

static int number_of(const json_t *row, const char *name)
{
    return (int)json_integer_value(json_object_get(row, name));
}

static int16_t *samples_of(const vectors *file, const char *name, int i, int64_t *n_frames,
                           int room)
{
    char full[32];
    int shape[VECTORS_RANK];
    (void)snprintf(full, sizeof full, "%s_%d", name, i);
    const int32_t *values = vectors_ints(file, full, shape);
    size_t n = (size_t)shape[0] * (size_t)shape[1];
    int16_t *out = calloc(n + (size_t)room, sizeof *out);
    assert_non_null(out);
    for (size_t k = 0; k < n; k++)
        out[k] = (int16_t)values[k];
    *n_frames = shape[0];
    return out;
}

static void riffusions_way_is_pydubs(void **state)
{
    (void)state;
    vectors file;
    vectors_open(&file, "join");
    const json_t *cases = json_object_get(file.json, "cases");
    assert_true(json_array_size(cases) >= 5);
    for (int i = 0; i < (int)json_array_size(cases); i++) {
        const json_t *row = json_array_get(cases, (size_t)i);
        int rate = number_of(row, "rate"), n_channels = number_of(row, "channels");
        int64_t overlap = (int64_t)rate * number_of(row, "overlap_ms") / 1000, n_a, n_b, n_want;
        int16_t *b = samples_of(&file, "b", i, &n_b, 0);
        int16_t *a = samples_of(&file, "a", i, &n_a, (int)n_b * n_channels);
        int16_t *want = samples_of(&file, "joined", i, &n_want, 0);
        int64_t n = tb_join_append(TB_JOIN_RIFFUSION, a, n_a, b, n_b, n_channels, rate, overlap);
        assert_int_equal(n, n_want);
        int most = 0;
        for (int64_t k = 0; k < n * n_channels; k++)
            most = abs(a[k] - want[k]) > most ? abs(a[k] - want[k]) : most;
        printf("# %d Hz, %d channels, %lld frames of overlap: at most %d apart\n", rate, n_channels,
               (long long)overlap, most);
        assert_int_equal(most, 0);
        free(a);
        free(b);
        free(want);
    }
    vectors_close(&file);
}

/* A sum of sines that have nothing to do with each other. */
static void fill(int16_t *out, int n, double hz)
{
    for (int i = 0; i < n; i++)
        out[i] = (int16_t)(8000 * sin(6.283185307 * hz * i / 44100));
}

static double power(const int16_t *pcm, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)pcm[i] * pcm[i];
    return sum / n;
}

static void the_clean_way_keeps_the_power(void **state)
{
    (void)state;
    enum { N = 22050, OVERLAP = 8820 };
    static int16_t out[2 * N], clip[N];
    fill(out, N, 441);
    fill(clip, N, 1000.7);
    assert_int_equal(tb_join_append(TB_JOIN_CLEAN, out, N, clip, N, 1, 44100, OVERLAP),
                     2 * N - OVERLAP);
    double before = power(out, N - OVERLAP), across = power(out + N - OVERLAP, OVERLAP);
    assert_float_equal(10 * log10(across / before), 0, 0.1);
    assert_memory_equal(out + N, clip + OVERLAP, (N - OVERLAP) * sizeof *clip);
}

/* cos + sin of a constant lies between it and sqrt 2 of it; the gains are those of frame centres:
 * of two frames, cos and sin of pi/8 and 3 pi/8. */
static void the_clean_way_rounds_and_bounds_a_constant(void **state)
{
    (void)state;
    enum { N = 4410, LEVEL = 10000, MOST = 14142 };
    static int16_t out[2 * N], clip[N];
    for (int i = 0; i < N; i++)
        out[i] = clip[i] = LEVEL;
    (void)tb_join_append(TB_JOIN_CLEAN, out, N, clip, N, 1, 44100, N);
    for (int i = 0; i < N; i++)
        assert_in_range(out[i], LEVEL, MOST);
    assert_int_equal(out[N / 2], MOST);

    int16_t two[] = {1000, 1000}, none[] = {0, 0};
    static const int16_t want[] = {924, 383}; /* 923.88, 382.68 */
    (void)tb_join_append(TB_JOIN_CLEAN, two, 2, none, 2, 1, 44100, 2);
    assert_memory_equal(two, want, sizeof want);
}

static void without_overlap_clips_follow_each_other(void **state)
{
    (void)state;
    int16_t out[8] = {1, 2, 3, 4}, clip[] = {5, 6, 7, 8};
    static const int16_t want[] = {1, 2, 3, 4, 5, 6, 7, 8};
    assert_int_equal(tb_join_append(TB_JOIN_CLEAN, out, 2, clip, 2, 2, 44100, 0), 4);
    assert_memory_equal(out, want, sizeof want);
}

static void what_is_too_loud_is_cut(void **state)
{
    (void)state;
    for (tb_join join = TB_JOIN_CLEAN; join <= TB_JOIN_RIFFUSION; join++) {
        int16_t out[64], clip[64];
        for (int i = 0; i < 64; i++)
            out[i] = clip[i] = i % 2 == 0 ? INT16_MAX : INT16_MIN;
        (void)tb_join_append(join, out, 64, clip, 64, 1, 44100, 64);
        for (int i = 0; i < 64; i++)
            assert_true(i % 2 == 0 ? out[i] > 20000 : out[i] < -20000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(riffusions_way_is_pydubs),
        cmocka_unit_test(the_clean_way_keeps_the_power),
        cmocka_unit_test(the_clean_way_rounds_and_bounds_a_constant),
        cmocka_unit_test(without_overlap_clips_follow_each_other),
        cmocka_unit_test(what_is_too_loud_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
