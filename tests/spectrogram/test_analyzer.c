/*
 * Sound to mel bands as a stream: against the definition with its reflected ends, and the same
 * bytes however the sound is cut and on however many threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/spectrogram/analyzer.h"

enum { MAX_FRAMES = 4096, N_MELS = 6, N_BINS = 24 };

static const double two_pi = 6.28318530717958647692;

/* All of the analyzer's large pieces of memory come from here. */
static size_t reserved_bytes;

void *aligned_alloc(size_t alignment, size_t size)
{
    void *out = NULL;
    reserved_bytes += size;
    return posix_memalign(&out, alignment, size) == 0 ? out : NULL;
}

/* A bank by hand: filter i rises over four bins and falls over four. Bin 0 touches none. */
static int filters[N_BINS];
static float weights[N_BINS][2];
static const tb_mel bank = {N_MELS, N_BINS, filters, &weights[0][0]};

static void make_bank(void)
{
    for (int k = 0; k < N_BINS; k++) {
        int i = k / 4;
        filters[k] = k == 0 ? -1 : i;
        weights[k][0] = (float)(4 - k % 4) / 4;
        weights[k][1] = i + 1 < N_MELS ? (float)(k % 4) / 4 : 0;
    }
}

/* Where the sound comes from and the bands go to. */
typedef struct sound {
    int n_channels;
    int64_t n_samples, n_given;
    int64_t n_frames; /* written so far, of all channels */
    int64_t next_t;
    int next_channel, fail_at; /* fail_at: write that fails, from 1 on */
    const timbre_cancel *cancel;
    float *bands; /* [n_channels][MAX_FRAMES][N_MELS] */
} sound;

static float sample_at(int64_t i, int channel)
{
    return (float)((double)(int64_t)tb_random_at(20 + (uint64_t)channel, (uint64_t)i) * 0x1p-63);
}

static tb_status read_sound(void *user, float *out, int64_t n, int64_t *n_read, tb_error *err)
{
    sound *s = user;
    (void)err;
    int64_t left = s->n_samples - s->n_given;
    *n_read = left < n ? left : n;
    for (int64_t i = 0; i < *n_read; i++)
        for (int c = 0; c < s->n_channels; c++)
            out[i * s->n_channels + c] = sample_at(s->n_given + i, c);
    s->n_given += *n_read;
    return TIMBRE_OK;
}

static tb_status write_bands(void *user, int channel, int64_t t, int n_frames, const float *bands,
                             tb_error *err)
{
    sound *s = user;
    assert_int_equal(channel, s->next_channel);
    assert_int_equal(t, s->next_t);
    assert_in_range(n_frames, 1, 16);
    if (s->fail_at > 0 && --s->fail_at == 0)
        return tb_fail(err, TIMBRE_NO_SPACE, "the disk is full");
    for (int i = 0; i < N_MELS; i++)
        for (int j = 0; j < TB_BATCH_FRAMES; j++) {
            if (j < n_frames)
                s->bands[((int64_t)channel * MAX_FRAMES + t + j) * N_MELS + i] =
                    bands[i * TB_BATCH_FRAMES + j];
            else
                assert_true(bands[i * TB_BATCH_FRAMES + j] == 0);
        }
    s->next_channel = (channel + 1) % s->n_channels;
    if (s->next_channel == 0)
        s->next_t += n_frames;
    s->n_frames += n_frames;
    return TIMBRE_OK;
}

typedef struct layout {
    int n_fft, win_length, hop_length, n_channels;
} layout;

static tb_status run(const layout *l, sound *s, int n_threads, int64_t *n_frames, tb_error *err)
{
    tb_analyzer_spec spec = {l->n_fft, l->win_length, l->hop_length, &bank, l->n_channels};
    tb_analyzer_io io = {read_sound, write_bands, s};
    tb_progress progress = {.cancel = s->cancel};
    const tb_kernels *kernels;
    tb_pool *pool;
    assert_int_equal(tb_kernels_choose(NULL, &kernels, NULL), TIMBRE_OK);
    assert_int_equal(tb_pool_new(n_threads, &pool, NULL), TIMBRE_OK);
    s->n_channels = l->n_channels;
    tb_status st = tb_analyzer_run(&spec, kernels, pool, &io, &progress, n_frames, err);
    tb_pool_free(pool);
    return st;
}

static sound new_sound(const layout *l, int64_t n_samples)
{
    sound s = {.n_samples = n_samples};
    s.bands = calloc((size_t)l->n_channels * MAX_FRAMES * N_MELS, sizeof *s.bands);
    assert_non_null(s.bands);
    return s;
}

/* torch.stft: padding of floor(n_fft / 2) at both ends, then every window that fits. */
static int64_t n_frames_of(const layout *l, int64_t n_samples)
{
    return 1 + (n_samples + l->n_fft / 2 * 2 - l->n_fft) / l->hop_length;
}

static sound analyze(const layout *l, int64_t n_samples, int n_threads)
{
    sound s = new_sound(l, n_samples);
    int64_t n_frames = 0;
    tb_error err = {0};
    if (run(l, &s, n_threads, &n_frames, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    assert_int_equal(n_frames, n_frames_of(l, n_samples));
    assert_int_equal(s.n_frames, n_frames * l->n_channels);
    return s;
}

/* Sample i of n, reflected at both ends until it is inside, one step at a time. */
static int64_t reflected(int64_t i, int64_t n)
{
    while (n > 1 && (i < 0 || i >= n))
        i = i < 0 ? -i : 2 * (n - 1) - i;
    return n == 1 ? 0 : i;
}

static double magnitude(const layout *l, int64_t n_samples, int channel, int64_t t, int k)
{
    double re = 0, im = 0;
    for (int i = 0; i < l->win_length; i++) {
        int64_t n = (l->n_fft - l->win_length) / 2 + i;
        int64_t at = reflected(t * l->hop_length - l->n_fft / 2 + n, n_samples);
        double x = sample_at(at, channel) * (0.5 - 0.5 * cos(two_pi * i / l->win_length));
        re += x * cos(two_pi * (double)(n * k % l->n_fft) / l->n_fft);
        im += x * sin(two_pi * (double)(n * k % l->n_fft) / l->n_fft);
    }
    return hypot(re, im);
}

static void check_frame(const layout *l, const sound *s, int channel, int64_t t)
{
    double want[N_MELS + 1] = {0}, most = 1e-6;
    for (int k = 1; k < N_BINS; k++) {
        double m = magnitude(l, s->n_samples, channel, t, k);
        want[filters[k]] += weights[k][0] * m;
        want[filters[k] + 1] += weights[k][1] * m;
    }
    for (int i = 0; i < N_MELS; i++)
        most = fmax(most, want[i]);
    for (int i = 0; i < N_MELS; i++) {
        float got = s->bands[(channel * (int64_t)MAX_FRAMES + t) * N_MELS + i];
        if (!(fabs(got - want[i]) <= 2e-6 * most))
            fail_msg("n_fft %d, hop %d, %lld samples, frame %lld, band %d: %g, not %g", l->n_fft,
                     l->hop_length, (long long)s->n_samples, (long long)t, i, got, want[i]);
    }
}

static const layout layouts[] = {
    {64, 64, 16, 1},   {128, 40, 7, 2},     {101, 51, 10, 1}, {101, 50, 50, 2},
    {256, 64, 500, 3}, {4000, 60, 3000, 1}, {63, 63, 5, 1},
};

static void bands_are_those_of_the_definition_at_any_length(void **state)
{
    (void)state;
    static const int64_t lengths[] = {1, 2, 5, 31, 32, 33, 100, 1000, 3001, 20000};
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
            const layout *l = &layouts[i];
            sound s = analyze(l, lengths[k], 2);
            int64_t n_frames = n_frames_of(l, lengths[k]);
            for (int64_t t = 0; t < n_frames; t += t < 20 || t > n_frames - 20 ? 1 : 17)
                for (int c = 0; c < l->n_channels; c++)
                    check_frame(l, &s, c, t);
            free(s.bands);
        }
}

/* Around every multiple of a batch and of what one read or one round takes. */
static void no_length_loses_a_frame(void **state)
{
    (void)state;
    static const layout l = {48, 32, 8, 1};
    for (int64_t around = 0; around <= 40000; around = around == 0 ? 1024 : around * 2)
        for (int64_t n = around - 18; n <= around + 18; n++) {
            if (n < 1 || 1 + n / 8 > MAX_FRAMES)
                continue;
            sound s = analyze(&l, n, 1);
            check_frame(&l, &s, 0, n / 8);
            free(s.bands);
        }
}

/* What torch.stft gives (1.13.1): an odd transform has no column for a sound that ends on a hop. */
static void columns_are_as_many_as_torchs(void **state)
{
    (void)state;
    static const struct {
        layout l;
        int64_t n_samples, n_frames;
    } rows[] = {
        {{49, 32, 10, 1}, 1000, 100}, /* 1,000 Hz, 49 ms padded */
        {{49, 32, 10, 1}, 1001, 101}, {{49, 32, 11, 1}, 990, 90},  {{48, 32, 10, 1}, 1000, 101},
        {{101, 33, 10, 1}, 51, 6},    {{49, 32, 8, 1}, 1024, 128}, {{49, 32, 8, 1}, 16384, 2048},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sound s = analyze(&rows[i].l, rows[i].n_samples, 1);
        assert_int_equal(s.n_frames, rows[i].n_frames);
        check_frame(&rows[i].l, &s, 0, s.n_frames - 1);
        free(s.bands);
    }
}

/* The longest windows in the shortest steps on many threads; at Riffusion's parameters little. */
static void memory_has_a_ceiling(void **state)
{
    (void)state;
    static const struct {
        layout l;
        int n_threads;
        double max_mb;
    } rows[] = {{{1 << 18, 1 << 18, 65, 2}, 64, 600}, {{17640, 4410, 441, 2}, 64, 90}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        reserved_bytes = 0;
        sound s = analyze(&rows[i].l, 1000, rows[i].n_threads);
        check_frame(&rows[i].l, &s, 1, s.n_frames / 2 - 1);
        free(s.bands);
        if ((double)reserved_bytes > rows[i].max_mb * 1e6)
            fail_msg("%.0f MB for windows of %d", (double)reserved_bytes / 1e6, rows[i].l.n_fft);
    }
}

static void threads_change_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        sound one = analyze(&layouts[i], 20011, 1);
        static const int threads[] = {2, 3, 7};
        for (size_t k = 0; k < sizeof threads / sizeof *threads; k++) {
            sound many = analyze(&layouts[i], 20011, threads[k]);
            assert_memory_equal(one.bands, many.bands,
                                sizeof *one.bands * MAX_FRAMES * N_MELS *
                                    (size_t)layouts[i].n_channels);
            free(many.bands);
        }
        free(one.bands);
    }
}

static void no_sound_is_an_error(void **state)
{
    (void)state;
    sound s = new_sound(&layouts[0], 0);
    int64_t n_frames;
    tb_error err = {0};
    assert_int_equal(run(&layouts[0], &s, 1, &n_frames, &err), TIMBRE_BAD_INPUT);
    assert_non_null(strstr(err.message, "no samples"));
    free(s.bands);
}

static void what_the_writer_reports_comes_back(void **state)
{
    (void)state;
    for (int i = 1; i <= 3; i++) {
        sound s = new_sound(&layouts[1], 5000);
        s.fail_at = i;
        int64_t n_frames;
        tb_error err = {0};
        assert_int_equal(run(&layouts[1], &s, 2, &n_frames, &err), TIMBRE_NO_SPACE);
        assert_string_equal(err.message, "the disk is full");
        free(s.bands);
    }
}

static void cancel_stops_it(void **state)
{
    (void)state;
    timbre_cancel cancel = {0};
    timbre_cancel_request(&cancel);
    sound s = new_sound(&layouts[0], 5000);
    s.cancel = &cancel;
    int64_t n_frames;
    assert_int_equal(run(&layouts[0], &s, 1, &n_frames, NULL), TIMBRE_CANCELLED);
    assert_int_equal(s.n_frames, 0);
    free(s.bands);
}

int main(void)
{
    make_bank();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bands_are_those_of_the_definition_at_any_length),
        cmocka_unit_test(no_length_loses_a_frame),
        cmocka_unit_test(columns_are_as_many_as_torchs),
        cmocka_unit_test(memory_has_a_ceiling),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(no_sound_is_an_error),
        cmocka_unit_test(what_the_writer_reports_comes_back),
        cmocka_unit_test(cancel_stops_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
