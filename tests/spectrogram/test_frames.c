/*
 * Batches of frames against torch.stft's definition in double precision: windows and hops of every
 * parity, frames before the sound, padding of every kind, the half-rate grid.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/spectrogram/frames.h"

enum { BIN = 4 * TB_LANES, MOMENTUM_ROUNDS = 3 };

static const double two_pi = 6.28318530717958647692;
static const float momentum = 0.49748744f;

static const tb_frames_spec specs[] = {
    /* n_fft, win, hop, n_bins, stride */
    {64, 64, 16, 33, 1},   /* no padding */
    {64, 16, 4, 33, 1},    /* four parts */
    {64, 16, 5, 9, 1},     /* a part of the band */
    {63, 20, 5, 32, 1},    /* odd length */
    {45, 9, 2, 23, 1},     /* five parts: no residue but 0 is its own partner */
    {60, 17, 5, 31, 1},    /* the window is no divisor */
    {194, 50, 7, 98, 1},   /* 2 * 97: Bluestein */
    {388, 97, 10, 195, 1}, /* four parts of 97 */
    {97, 97, 10, 49, 1},     {1024, 8, 3, 513, 1}, /* more padding than is worth parts */
    {7, 1, 1, 4, 1},                               /* a window of one zero */
    {240, 60, 15, 60, 2},                          /* half rate: even and odd windows and hops */
    {240, 60, 16, 60, 2},    {240, 61, 15, 50, 2}, {240, 61, 14, 55, 2},
    {240, 240, 11, 60, 2},   {250, 50, 9, 63, 2}, /* an odd number of grid points */
    {1260, 315, 31, 300, 2},
};

enum { N_SPECS = sizeof specs / sizeof *specs };

static const tb_frames_spec riffusion = {17640, 4410, 441, 4001, 1};

static float *new_floats(size_t n)
{
    float *out = aligned_alloc(64, (n * sizeof *out + 63) / 64 * 64);
    assert_non_null(out);
    for (size_t i = 0; i < n; i++)
        out[i] = NAN;
    return out;
}

static float noise_at(uint64_t key, int64_t i)
{
    return (float)((double)(int64_t)tb_random_at(key, (uint64_t)i) * 0x1p-63);
}

/* Everything that a call works on. */
typedef struct bench {
    tb_frames_spec spec;
    tb_frames *frames;
    int64_t t;
    size_t len, X_len, R_len;
    float *grid, *X, *Y, *S, *R, *out, *scratch;
} bench;

static bench start(const tb_frames_spec *spec, int64_t t)
{
    bench b = {.spec = *spec, .t = t};
    const tb_kernels *kernels;
    tb_error err = {0};
    assert_int_equal(tb_kernels_choose(NULL, &kernels, &err), TIMBRE_OK);
    if (tb_frames_new(spec, kernels, &b.frames, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    b.len = (size_t)tb_frames_len(b.frames);
    b.X_len = b.R_len = (size_t)spec->n_bins * BIN;
    b.grid = new_floats((size_t)tb_frames_span(b.frames));
    b.X = new_floats(b.X_len);
    b.Y = new_floats(b.X_len);
    b.S = new_floats(b.R_len / 2);
    b.R = new_floats(b.R_len);
    b.out = new_floats(b.len * TB_BATCH_FRAMES);
    b.scratch = new_floats(tb_frames_scratch_len(b.frames));
    return b;
}

static void stop(bench *b)
{
    tb_frames_free(b->frames);
    float *all[] = {b->grid, b->X, b->Y, b->S, b->R, b->out, b->scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

/* The signal at a sample of the grid; key 0 is band-limited, others are noise. */
static double signal_at(uint64_t key, const tb_frames_spec *spec, int64_t sample)
{
    if (key != 0)
        return noise_at(key, sample);
    double sum = 0;
    for (int i = 0; i < 24; i++) {
        double bin = (double)(spec->n_bins - 1) * (i + 0.37 * (i % 3)) / 24.5;
        sum += cos(two_pi * (bin * (double)sample / spec->n_fft + 0.13 * i * i));
    }
    return sum;
}

static void fill_grid(bench *b, uint64_t key)
{
    int64_t begin = tb_frames_begin(b->frames, b->t);
    for (int64_t g = 0; g < tb_frames_span(b->frames); g++)
        b->grid[g] = (float)signal_at(key, &b->spec, (begin + g) * b->spec.stride);
}

static double hann(int64_t i, int win)
{
    return i < 0 || i >= win ? 0 : 0.5 - 0.5 * cos(two_pi * (double)i / win);
}

typedef struct bin {
    double re, im;
} bin;

static bin turn(double x, int64_t k, int64_t n, int64_t n_fft)
{
    double angle = two_pi * (double)(k * n % n_fft) / (double)n_fft;
    return (bin){x * cos(angle), x * sin(angle)};
}

/* Bin k of frame t by the definition, of every `stride`-th sample. */
static bin stft(const tb_frames_spec *s, uint64_t key, int64_t t, int k, int stride)
{
    bin sum = {0, 0};
    int offset = (s->n_fft - s->win_length) / 2;
    for (int64_t n = offset; n < offset + s->win_length; n++) {
        int64_t sample = t * s->hop_length - s->n_fft / 2 + n;
        if (sample % stride != 0)
            continue;
        double x = hann(n - offset, s->win_length) * (float)signal_at(key, s, sample) * stride;
        bin y = turn(x, k, n, s->n_fft);
        sum.re += y.re;
        sum.im -= y.im;
    }
    return sum;
}

/* Row j of the batch in a layout of bins. */
static float *part(float *X, int k, int j)
{
    return X + (size_t)k * BIN + (size_t)(j % 2) * 2 * TB_LANES + (size_t)(j / 2);
}

/* Point g of frame j of irfft and window of the bins in X. */
static double istft(bench *b, const float *X, int j, size_t g)
{
    const tb_frames_spec *s = &b->spec;
    int64_t sample = (tb_frames_begin(b->frames, b->t + j) + (int64_t)g) * s->stride;
    int64_t n = sample - (b->t + j) * s->hop_length + s->n_fft / 2;
    double sum = 0;
    for (int k = 0; k < s->n_bins; k++) {
        const float *x = part((float *)X, k, j);
        bool is_real = k == 0 || 2 * k == s->n_fft;
        bin w = turn(is_real ? 1 : 2, k, n, s->n_fft);
        sum += x[0] * w.re - (is_real ? 0 : x[TB_LANES] * w.im);
    }
    return sum / s->n_fft * hann(n - (s->n_fft - s->win_length) / 2, s->win_length);
}

typedef struct snr {
    double error, power;
} snr;

static void snr_add(snr *s, double got, double want)
{
    s->error += (got - want) * (got - want);
    s->power += want * want;
}

static void check_snr(const snr *s, double least_db, const tb_frames_spec *spec, const char *what)
{
    if (s->power == 0 && s->error == 0)
        return;
    double db = 10 * log10(s->power / s->error);
    if (!(db >= least_db))
        fail_msg("%s, n_fft %d, win %d, hop %d, stride %d: %.1f dB", what, spec->n_fft,
                 spec->win_length, spec->hop_length, spec->stride, db);
}

static void check_spectrum(bench *b, float *X, uint64_t key, int stride, int step, double least_db)
{
    snr s = {0};
    for (int j = 0; j < TB_BATCH_FRAMES; j++)
        for (int k = j % step; k < b->spec.n_bins; k += step) {
            bin want = stft(&b->spec, key, b->t + j, k, stride);
            snr_add(&s, part(X, k, j)[0], want.re);
            snr_add(&s, part(X, k, j)[TB_LANES], want.im);
        }
    check_snr(&s, least_db, &b->spec, "spectrum");
}

static void spectra_are_those_of_the_definition(void **state)
{
    (void)state;
    static const int64_t starts[] = {-9, 160000001};
    for (int i = 0; i < N_SPECS; i++) {
        for (size_t k = 0; k < sizeof starts / sizeof *starts; k++) {
            bench b = start(&specs[i], starts[k]);
            fill_grid(&b, 1);
            tb_frames_analyze(b.frames, b.t, b.grid, b.X, b.scratch);
            check_spectrum(&b, b.X, 1, b.spec.stride, 1, 110);
            stop(&b);
        }
    }
}

/* What the half-rate grid is for: nothing is lost of sound that is within the band. */
static void half_the_samples_are_enough_in_the_band(void **state)
{
    (void)state;
    for (int odd = 0; odd < 4; odd++) {
        tb_frames_spec spec = riffusion;
        spec.hop_length += odd & 1;
        spec.win_length += odd / 2;
        spec.stride = tb_frames_best_stride(&spec);
        assert_int_equal(spec.stride, 2);
        bench b = start(&spec, odd - 2);
        fill_grid(&b, 0);
        tb_frames_analyze(b.frames, b.t, b.grid, b.X, b.scratch);
        check_spectrum(&b, b.X, 0, 1, 1009, 110);
        stop(&b);
    }
}

static void the_stride_follows_the_band(void **state)
{
    (void)state;
    tb_frames_spec spec = riffusion;
    assert_int_equal(tb_frames_best_stride(&spec), 2);
    spec.n_bins = 4100; /* too near to a quarter of the rate */
    assert_int_equal(tb_frames_best_stride(&spec), 1);
    spec.n_bins = 8821;
    assert_int_equal(tb_frames_best_stride(&spec), 1);
    spec = (tb_frames_spec){17641, 4410, 441, 4001, 1};
    assert_int_equal(tb_frames_best_stride(&spec), 1);
    spec = (tb_frames_spec){17640, 100, 441, 4001, 1}; /* a short window spreads far */
    assert_int_equal(tb_frames_best_stride(&spec), 1);
}

static void fill_spectrum(bench *b)
{
    for (size_t i = 0; i < b->X_len; i++)
        b->X[i] = noise_at(2, (int64_t)i);
}

static void synthesis_is_the_inverse_of_the_definition(void **state)
{
    (void)state;
    for (int i = 0; i < N_SPECS; i++) {
        bench b = start(&specs[i], i - 4);
        fill_spectrum(&b);
        tb_frames_synthesize(b.frames, b.t, b.X, b.out, b.scratch);
        snr s = {0};
        for (int j = 0; j < TB_BATCH_FRAMES; j++)
            for (size_t g = 0; g < b.len; g++)
                snr_add(&s, b.out[(size_t)j * b.len + g], istft(&b, b.X, j, g));
        check_snr(&s, 110, &b.spec, "synthesis");
        stop(&b);
    }
}

static void synthesis_at_full_size(void **state)
{
    (void)state;
    for (int stride = 1; stride <= 2; stride++) {
        tb_frames_spec spec = riffusion;
        spec.stride = stride;
        bench b = start(&spec, -1);
        fill_spectrum(&b);
        tb_frames_synthesize(b.frames, b.t, b.X, b.out, b.scratch);
        snr s = {0};
        for (int j = 0; j < TB_BATCH_FRAMES; j++)
            for (size_t g = (size_t)j; g < b.len; g += 211)
                snr_add(&s, b.out[(size_t)j * b.len + g], istft(&b, b.X, j, g));
        check_snr(&s, 110, &spec, "synthesis");
        stop(&b);
    }
}

static void magnitudes_are_those_of_the_spectrum_in_frame_order(void **state)
{
    (void)state;
    for (int i = 0; i < N_SPECS; i++) {
        bench b = start(&specs[i], 1);
        fill_grid(&b, 3);
        tb_frames_analyze(b.frames, b.t, b.grid, b.X, b.scratch);
        tb_frames_magnitudes(b.frames, b.t, b.grid, b.Y, b.scratch);
        snr s = {0};
        for (int k = 0; k < b.spec.n_bins; k++)
            for (int j = 0; j < TB_BATCH_FRAMES; j++) {
                const float *x = part(b.X, k, j);
                snr_add(&s, b.Y[k * TB_BATCH_FRAMES + j], hypot((double)x[0], (double)x[TB_LANES]));
            }
        check_snr(&s, 120, &b.spec, "magnitudes");
        stop(&b);
    }
}

/* Magnitudes of bin k, frame j of a target spectrogram. */
static double target(int k, int j)
{
    return 1 + noise_at(4, k * 64 + j);
}

static void fill_target(bench *b)
{
    for (int k = 0; k < b->spec.n_bins; k++)
        for (int j = 0; j < TB_BATCH_FRAMES; j++)
            b->S[(2 * tb_frames_slot(b->frames, k) + j % 2) * TB_LANES + j / 2] = (float)target(k,
                                                                                                j);
    memset(b->R, 0, sizeof *b->R * b->R_len);
}

/* Y of round `round` (signals of keys 10, 11, ...) in double precision. */
static bin griffin_lim(const bench *b, int k, int j, int round)
{
    bin before = {0, 0};
    if (round > 0)
        before = stft(&b->spec, 9 + (uint64_t)round, b->t + j, k, b->spec.stride);
    bin now = stft(&b->spec, 10 + (uint64_t)round, b->t + j, k, b->spec.stride);
    bin a = {now.re - momentum * before.re, now.im - momentum * before.im};
    double scale = target(k, j) / (hypot(a.re, a.im) + 1e-16);
    return (bin){a.re * scale, a.im * scale};
}

/* One round beside the definition, of which the next one takes its spectra from b->X. */
static void check_round(bench *b, int round)
{
    bool is_last = round == MOMENTUM_ROUNDS - 1;
    fill_grid(b, 10 + (uint64_t)round);
    if (is_last)
        tb_frames_griffin_lim_last(b->frames, b->t, b->grid, b->S, b->R, momentum, b->Y,
                                   b->scratch);
    else
        tb_frames_griffin_lim(b->frames, b->t, b->grid, b->S, b->R, momentum, b->out, b->scratch);
    snr s = {0};
    for (int k = 0; k < b->spec.n_bins; k++)
        for (int j = 0; j < TB_BATCH_FRAMES; j++) {
            bin want = griffin_lim(b, k, j, round);
            if (is_last) {
                snr_add(&s, part(b->Y, k, j)[0], want.re);
                snr_add(&s, part(b->Y, k, j)[TB_LANES], want.im);
            }
            part(b->X, k, j)[0] = (float)want.re;
            part(b->X, k, j)[TB_LANES] = (float)want.im;
        }
    for (int j = 0; j < TB_BATCH_FRAMES && !is_last; j++)
        for (size_t g = 0; g < b->len; g++)
            snr_add(&s, b->out[(size_t)j * b->len + g], istft(b, b->X, j, g));
    check_snr(&s, 80, &b->spec, is_last ? "last round" : "round");
}

static void rounds_of_griffin_lim_are_those_of_the_definition(void **state)
{
    (void)state;
    for (int i = 0; i < N_SPECS; i++) {
        if (specs[i].win_length == 1 || specs[i].n_fft > 1000)
            continue;
        bench b = start(&specs[i], -3 - i);
        fill_target(&b);
        for (int round = 0; round < MOMENTUM_ROUNDS; round++)
            check_round(&b, round);
        stop(&b);
    }
}

/* At full size, composed of analysis, double arithmetic and synthesis. */
static void a_round_at_full_size_is_what_its_parts_give(void **state)
{
    (void)state;
    tb_frames_spec spec = riffusion;
    spec.stride = 2;
    bench b = start(&spec, 7);
    fill_target(&b);
    fill_grid(&b, 10);
    tb_frames_analyze(b.frames, b.t, b.grid, b.X, b.scratch);
    for (int k = 0; k < spec.n_bins; k++)
        for (int j = 0; j < TB_BATCH_FRAMES; j++) {
            float *x = part(b.X, k, j);
            double scale = target(k, j) / (hypot((double)x[0], (double)x[TB_LANES]) + 1e-16);
            x[0] = (float)(x[0] * scale);
            x[TB_LANES] = (float)(x[TB_LANES] * scale);
        }
    float *want = new_floats(b.len * TB_BATCH_FRAMES);
    tb_frames_synthesize(b.frames, b.t, b.X, want, b.scratch);
    tb_frames_griffin_lim(b.frames, b.t, b.grid, b.S, b.R, momentum, b.out, b.scratch);
    snr s = {0};
    for (size_t i = 0; i < b.len * TB_BATCH_FRAMES; i++)
        snr_add(&s, b.out[i], want[i]);
    check_snr(&s, 100, &spec, "full size");
    free(want);
    stop(&b);
}

static void silence_stays_silence(void **state)
{
    (void)state;
    bench b = start(&specs[1], 0);
    memset(b.grid, 0, sizeof *b.grid * (size_t)tb_frames_span(b.frames));
    fill_target(&b);
    tb_frames_griffin_lim(b.frames, b.t, b.grid, b.S, b.R, momentum, b.out, b.scratch);
    for (size_t i = 0; i < b.len * TB_BATCH_FRAMES; i++)
        assert_true(b.out[i] == 0);
    stop(&b);
}

static void every_variant_gives_the_same_bits(void **state)
{
    (void)state;
    const tb_kernels *ref;
    assert_int_equal(tb_kernels_choose("ref", &ref, NULL), TIMBRE_OK);
    for (int i = 0; i < N_SPECS; i++) {
        bench b = start(&specs[i], i), r = start(&specs[i], i);
        tb_frames_free(r.frames);
        assert_int_equal(tb_frames_new(&specs[i], ref, &r.frames, NULL), TIMBRE_OK);
        bench *both[] = {&b, &r};
        for (int v = 0; v < 2; v++) {
            bench *x = both[v];
            fill_grid(x, 5);
            fill_target(x);
            tb_frames_griffin_lim(x->frames, x->t, x->grid, x->S, x->R, momentum, x->out,
                                  x->scratch);
            tb_frames_analyze(x->frames, x->t, x->grid, x->X, x->scratch);
        }
        assert_memory_equal(b.out, r.out, sizeof *b.out * b.len * TB_BATCH_FRAMES);
        assert_memory_equal(b.R, r.R, sizeof *b.R * b.R_len);
        assert_memory_equal(b.X, r.X, sizeof *b.X * b.X_len);
        stop(&b);
        stop(&r);
    }
}

static void impossible_frames_are_refused(void **state)
{
    (void)state;
    static const tb_frames_spec bad[] = {
        {0, 1, 1, 1, 1},   {1 << 21, 1, 1, 1, 1},   {64, 65, 1, 1, 1},  {64, 0, 1, 1, 1},
        {64, 16, 0, 1, 1}, {64, 16, 1 << 30, 1, 1}, {64, 16, 4, 0, 1},  {64, 16, 4, 34, 1},
        {64, 16, 4, 1, 3}, {63, 16, 4, 1, 2},       {64, 16, 4, 17, 2},
    };
    const tb_kernels *kernels;
    assert_int_equal(tb_kernels_choose(NULL, &kernels, NULL), TIMBRE_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tb_frames *frames;
        tb_error err = {0};
        assert_int_equal(tb_frames_new(&bad[i], kernels, &frames, &err), TIMBRE_BAD_INPUT);
        assert_null(frames);
        assert_true(strlen(err.message) > 10);
    }
    tb_frames_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spectra_are_those_of_the_definition),
        cmocka_unit_test(half_the_samples_are_enough_in_the_band),
        cmocka_unit_test(the_stride_follows_the_band),
        cmocka_unit_test(synthesis_is_the_inverse_of_the_definition),
        cmocka_unit_test(synthesis_at_full_size),
        cmocka_unit_test(magnitudes_are_those_of_the_spectrum_in_frame_order),
        cmocka_unit_test(rounds_of_griffin_lim_are_those_of_the_definition),
        cmocka_unit_test(a_round_at_full_size_is_what_its_parts_give),
        cmocka_unit_test(silence_stays_silence),
        cmocka_unit_test(every_variant_gives_the_same_bits),
        cmocka_unit_test(impossible_frames_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
