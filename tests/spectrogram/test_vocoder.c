/*
 * The wavefront against the same sums done on the whole signal at once, and what a listener relies
 * on: the right pitch, the right length, the same bytes for any number of threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "engine/base/random.h"
#include "engine/spectrogram/frames.h"
#include "engine/spectrogram/vocoder.h"
#include "tests/support/sanitized.h"

#if defined(__GLIBC__) && !IS_SANITIZED
#define CAN_MEASURE_MEMORY 1
#endif

enum { FRAMES = TB_BATCH_FRAMES, X_LEN = 4 * TB_LANES };

static const tb_kernels *kernels;

static int setup(void **state)
{
    (void)state;
    return tb_kernels_choose(NULL, &kernels, NULL) == TIMBRE_OK ? 0 : -1;
}

typedef struct {
    int rate_hz, n_fft, win_length, hop_length, n_mels, max_hz;
} params;

/* Rounds of the second, the last and the one before it work with every second sample; the last has
 * another order of bins then. */
static const params cases[] = {
    {8000, 800, 200, 20, 40, 3900},       {8000, 1600, 600, 50, 40, 780},
    {8000, 331, 99, 33, 20, 4000},        {8000, 400, 400, 25, 32, 3000},
    {8000, 256, 64, 64, 24, 4000},        {8000, 600, 150, 149, 24, 3500},
    {44100, 17640, 4410, 441, 64, 10000}, {8000, 1202, 600, 75, 30, 500},
};

enum { N_CASES = sizeof cases / sizeof *cases };

/* One sound: bands and where its samples go. */
typedef struct {
    tb_mel mel;
    tb_mel_inverse *inverse;
    tb_vocoder_spec spec;
    float *bands; /* [n_frames][n_mels] */
    float *out;
    int64_t n_out, n_read;
    int64_t fail_read_at, fail_write_at; /* frame, sample; -1: never */
    timbre_cancel *cancel;
    int64_t cancel_at; /* progress reports before the cancel; -1: never */
    int64_t n_reports;
    double last_fraction;
    size_t most_bytes;
} sound;

static tb_frames_spec frames_spec(const sound *s, int stride)
{
    return (tb_frames_spec){.n_fft = s->spec.n_fft,
                            .win_length = s->spec.win_length,
                            .hop_length = s->spec.hop_length,
                            .n_bins = s->spec.n_bins,
                            .stride = stride};
}

static sound make(const params *p, int64_t n_frames, int n_iter)
{
    sound s = {.fail_read_at = -1, .fail_write_at = -1, .cancel_at = -1};
    tb_mel_spec mel = {.sample_rate_hz = p->rate_hz,
                       .n_fft = p->n_fft,
                       .n_mels = p->n_mels,
                       .min_hz = 0,
                       .max_hz = p->max_hz};
    assert_int_equal(tb_mel_init(&s.mel, &mel, NULL), TIMBRE_OK);
    s.spec = (tb_vocoder_spec){.n_fft = p->n_fft,
                               .win_length = p->win_length,
                               .hop_length = p->hop_length,
                               .n_mels = p->n_mels,
                               .n_bins = s.mel.n_bins,
                               .n_frames = n_frames,
                               .n_iter = n_iter,
                               .momentum = 0.99,
                               .seed = 5};
    s.bands = calloc((size_t)n_frames * (size_t)p->n_mels, sizeof *s.bands);
    s.out = calloc((size_t)(n_frames * p->hop_length), sizeof *s.out);
    assert_true(s.bands != NULL && s.out != NULL);
    for (int64_t t = 0; t < n_frames; t++)
        for (int i = 0; i < p->n_mels; i++) {
            double level = 1 + sin(0.3 * i + 0.05 * (double)t) + (i == 7 ? 20 : 0);
            s.bands[t * p->n_mels + i] = (float)(1000 * level);
        }
    return s;
}

/* `inverse` borrows the filter bank where it lies, so it is made when `s` lies still. */
static void open_inverse(sound *s)
{
    static const tb_mel_inverse_spec lstsq = {.method = TB_MEL_LSTSQ};
    assert_int_equal(tb_mel_inverse_new(&s->mel, &lstsq, &s->inverse, NULL), TIMBRE_OK);
    s->spec.inverse = s->inverse;
}

static void deinit(sound *s)
{
    tb_mel_inverse_free(s->inverse);
    tb_mel_deinit(&s->mel);
    free(s->bands);
    free(s->out);
}

static void fill_batch(const sound *s, int64_t t, float *bands)
{
    for (int i = 0; i < s->spec.n_mels; i++)
        for (int l = 0; l < FRAMES; l++)
            bands[i * FRAMES + l] = t + l < s->spec.n_frames
                                        ? s->bands[(t + l) * s->spec.n_mels + i]
                                        : 0;
}

static tb_status read_bands(void *user, int64_t t, int n_frames, float *bands, tb_error *err)
{
    sound *s = user;
    assert_int_equal(t, s->n_read);
    assert_int_equal(n_frames, s->spec.n_frames - t < FRAMES ? s->spec.n_frames - t : FRAMES);
    if (s->fail_read_at >= 0 && t >= s->fail_read_at)
        return tb_fail(err, TIMBRE_BAD_FILE, "read failed");
    fill_batch(s, t, bands);
    s->n_read += n_frames;
    return TIMBRE_OK;
}

static tb_status write_samples(void *user, const float *samples, int64_t n, tb_error *err)
{
    sound *s = user;
    assert_true(n > 0 && s->n_out + n <= s->spec.hop_length * (s->spec.n_frames - 1));
    if (s->fail_write_at >= 0 && s->n_out >= s->fail_write_at)
        return tb_fail(err, TIMBRE_NO_SPACE, "write failed");
    memcpy(s->out + s->n_out, samples, sizeof *samples * (size_t)n);
    s->n_out += n;
#ifdef CAN_MEASURE_MEMORY
    struct mallinfo2 info = mallinfo2();
    size_t bytes = info.uordblks + info.hblkhd;
    s->most_bytes = bytes > s->most_bytes ? bytes : s->most_bytes;
#endif
    return TIMBRE_OK;
}

static void report(double fraction, void *user)
{
    sound *s = user;
    assert_true(fraction >= s->last_fraction && fraction <= 1 + 1e-9);
    s->last_fraction = fraction;
    if (s->n_reports++ == s->cancel_at)
        timbre_cancel_request(s->cancel);
}

static tb_status run_on(sound *s, int n_threads, tb_error *err)
{
    tb_pool *pool;
    tb_vocoder_io io = {.read = read_bands, .write = write_samples, .user = s};
    tb_progress progress = {.fn = report, .user = s, .cancel = s->cancel};
    assert_int_equal(tb_pool_new(n_threads, &pool, NULL), TIMBRE_OK);
    s->n_out = s->n_read = s->n_reports = 0;
    s->last_fraction = 0;
    tb_status st = tb_vocoder_run(&s->spec, kernels, pool, &io, &progress, err);
    tb_pool_free(pool);
    return st;
}

static void vocode(sound *s, int n_threads)
{
    tb_error err = {0};
    tb_status st = run_on(s, n_threads, &err);
    if (st != TIMBRE_OK)
        fail_msg("%s", err.message);
    assert_int_equal(s->n_out, s->spec.hop_length * (s->spec.n_frames - 1));
    assert_int_equal(s->n_read, s->spec.n_frames);
    assert_float_equal(s->last_fraction, 1, 1e-9);
}

/* --- the whole signal at once --- */

typedef struct {
    const sound *s;
    tb_frames *frames; /* every sample */
    int64_t n_batches;
    float *magnitudes; /* [n_batches][n_bins][16] */
    float *X, *before; /* [n_batches][n_bins][2][2][8] */
    float *rows;       /* [n_batches * 16][win] */
    float *grid, *scratch;
    double *y;
} whole;

static float *floats(size_t n)
{
    float *p = aligned_alloc(64, (n * sizeof *p + 63) / 64 * 64);
    assert_non_null(p);
    memset(p, 0, n * sizeof *p);
    return p;
}

static whole open_whole(const sound *s)
{
    whole w = {.s = s, .n_batches = (s->spec.n_frames + FRAMES - 1) / FRAMES};
    tb_frames_spec spec = frames_spec(s, 1);
    assert_int_equal(tb_frames_new(&spec, kernels, &w.frames, NULL), TIMBRE_OK);
    size_t bins = (size_t)w.n_batches * (size_t)s->spec.n_bins;
    w.magnitudes = floats(bins * FRAMES);
    w.X = floats(bins * X_LEN);
    w.before = floats(bins * X_LEN);
    w.rows = floats((size_t)w.n_batches * FRAMES * (size_t)tb_frames_len(w.frames));
    w.grid = floats((size_t)tb_frames_span(w.frames));
    size_t work = tb_frames_scratch_len(w.frames), work2 = tb_mel_inverse_scratch_len(s->inverse);
    w.scratch = floats(work > work2 ? work : work2);
    w.y = calloc((size_t)(s->spec.hop_length * s->spec.n_frames), sizeof *w.y);
    assert_non_null(w.y);
    return w;
}

static void close_whole(whole *w)
{
    tb_frames_free(w->frames);
    free(w->magnitudes);
    free(w->X);
    free(w->before);
    free(w->rows);
    free(w->grid);
    free(w->scratch);
    free(w->y);
}

/* X times the start, and the magnitudes. */
static void start_whole(whole *w)
{
    const tb_vocoder_spec *spec = &w->s->spec;
    tb_phase_spec phase_spec = {.start = spec->start,
                                .n_fft = spec->n_fft,
                                .hop_length = spec->hop_length,
                                .n_bins = spec->n_bins,
                                .seed = spec->seed,
                                .channel = spec->channel};
    tb_phase *phase;
    assert_int_equal(tb_phase_new(&phase_spec, &phase, NULL), TIMBRE_OK);
    float *bands = floats((size_t)spec->n_mels * FRAMES);
    for (int64_t b = 0; b < w->n_batches; b++) {
        float *magnitudes = w->magnitudes + b * spec->n_bins * FRAMES;
        fill_batch(w->s, b * FRAMES, bands);
        tb_mel_inverse_run(w->s->inverse, spec->channel, b * FRAMES, bands, magnitudes, w->scratch);
        tb_phase_run(phase, b * FRAMES, magnitudes, w->X + b * spec->n_bins * X_LEN);
    }
    free(bands);
    tb_phase_free(phase);
}

/* y = istft(X): every sample asks every frame. */
static void synthesize_whole(whole *w)
{
    const tb_vocoder_spec *spec = &w->s->spec;
    int win = spec->win_length, hop = spec->hop_length;
    int64_t before = spec->n_fft / 2 - (spec->n_fft - win) / 2;
    for (int64_t b = 0; b < w->n_batches; b++)
        tb_frames_synthesize(w->frames, b * FRAMES, w->X + b * spec->n_bins * X_LEN,
                             w->rows + b * FRAMES * win, w->scratch);
    for (int64_t n = 0; n < hop * (spec->n_frames - 1); n++) {
        double sum = 0, windows = 0;
        for (int64_t t = 0; t < spec->n_frames; t++) {
            int64_t at = n + before - t * hop;
            if (at < 0 || at >= win)
                continue;
            sum += w->rows[t * win + at];
            windows += pow(0.5 - 0.5 * cos(6.283185307179586 * (double)at / win), 2);
        }
        w->y[n] = windows < 1e-11 ? 0 : sum / windows;
    }
}

static double reflected(const whole *w, int64_t n)
{
    int64_t last = w->s->spec.hop_length * (w->s->spec.n_frames - 1) - 1;
    while (last > 0 && (n < 0 || n > last))
        n = n < 0 ? -n : 2 * last - n;
    return w->y[last > 0 ? n : 0];
}

/* R = stft(y) into X. */
static void analyze_whole(whole *w)
{
    for (int64_t b = 0; b < w->n_batches; b++) {
        int64_t begin = tb_frames_begin(w->frames, b * FRAMES);
        for (int g = 0; g < tb_frames_span(w->frames); g++)
            w->grid[g] = (float)reflected(w, begin + g);
        tb_frames_analyze(w->frames, b * FRAMES, w->grid, w->X + b * w->s->spec.n_bins * X_LEN,
                          w->scratch);
    }
}

/* One round of torchaudio's griffinlim after the stft. */
static void turn_whole(whole *w)
{
    double m = w->s->spec.momentum / (1 + w->s->spec.momentum);
    for (int64_t j = 0; j < w->n_batches * w->s->spec.n_bins; j++)
        for (int l = 0; l < FRAMES; l++) {
            float *X = w->X + j * X_LEN + l % 2 * 2 * TB_LANES + l / 2;
            float *before = w->before + j * X_LEN + l % 2 * 2 * TB_LANES + l / 2;
            double re = X[0] - m * before[0], im = X[TB_LANES] - m * before[TB_LANES];
            double scale = w->magnitudes[j * FRAMES + l] / (hypot(re, im) + 1e-16);
            before[0] = X[0];
            before[TB_LANES] = X[TB_LANES];
            X[0] = (float)(scale * re);
            X[TB_LANES] = (float)(scale * im);
        }
}

static void compute_whole(whole *w)
{
    start_whole(w);
    synthesize_whole(w);
    for (int i = 0; i < w->s->spec.n_iter; i++) {
        analyze_whole(w);
        turn_whole(w);
        synthesize_whole(w);
    }
}

/* Relative L2 distance of the vocoder's output from the whole computation. */
static double distance(const sound *s, const whole *w)
{
    double difference = 0, power = 0;
    for (int64_t n = 0; n < s->n_out; n++) {
        difference += pow(s->out[n] - w->y[n], 2);
        power += pow(w->y[n], 2);
    }
    return sqrt(difference / power);
}

static void check_whole(const params *p, int64_t n_frames, int n_iter, tb_phase_start start)
{
    sound s = make(p, n_frames, n_iter);
    s.spec.start = start;
    open_inverse(&s);
    vocode(&s, 2);
    whole w = open_whole(&s);
    compute_whole(&w);
    double d = distance(&s, &w);
    /* One step, reflected on and on, has lines; between them the phases are rounding errors'. */
    if (!(d < (n_frames == 2 ? 1e-2 : 5e-5)))
        fail_msg("%d-point window, step %d, %lld frames, %d rounds: off by %g", p->win_length,
                 p->hop_length, (long long)n_frames, n_iter, d);
    close_whole(&w);
    deinit(&s);
}

static void wavefront_is_the_whole_computation(void **state)
{
    (void)state;
    static const int64_t lengths[] = {2, 3, 4, 5, 16, 17, 21, 33, 100};
    for (int c = 0; c < N_CASES; c++)
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            if (cases[c].win_length > 1000 && lengths[i] > 40)
                continue;
            check_whole(&cases[c], lengths[i], 0, TB_PHASE_RANDOM);
            check_whole(&cases[c], lengths[i], 1, TB_PHASE_SPSI);
            check_whole(&cases[c], lengths[i], 3, TB_PHASE_RANDOM);
        }
    check_whole(&cases[1], 600, 2, TB_PHASE_RANDOM);
}

static void bytes_are_the_same_for_any_number_of_threads(void **state)
{
    (void)state;
    for (int c = 0; c < N_CASES; c++) {
        sound s = make(&cases[c], cases[c].win_length > 1000 ? 40 : 150, 5);
        open_inverse(&s);
        vocode(&s, 1);
        size_t bytes = sizeof *s.out * (size_t)s.n_out;
        float *first = malloc(bytes);
        assert_non_null(first);
        memcpy(first, s.out, bytes);
        static const int threads[] = {2, 3, 8};
        for (int i = 0; i < 3; i++) {
            memset(s.out, 0, bytes);
            vocode(&s, threads[i]);
            assert_memory_equal(s.out, first, bytes);
        }
        free(first);
        deinit(&s);
    }
}

/* What comes later does not change a beginning that no window of any round reaches from there. */
static void a_longer_sound_begins_with_the_shorter(void **state)
{
    (void)state;
    sound shorter = make(&cases[1], 200, 4), longer = make(&cases[1], 300, 4);
    open_inverse(&shorter);
    open_inverse(&longer);
    vocode(&shorter, 2);
    vocode(&longer, 2);
    int64_t reach = (4 + 1) * (int64_t)cases[1].win_length; /* of the end, a window a round */
    assert_memory_equal(shorter.out, longer.out,
                        sizeof *shorter.out * (size_t)(shorter.n_out - reach));
    deinit(&shorter);
    deinit(&longer);
}

static void seed_and_channel_choose_the_random_start(void **state)
{
    (void)state;
    sound s = make(&cases[0], 40, 2);
    open_inverse(&s);
    vocode(&s, 2);
    size_t bytes = sizeof *s.out * (size_t)s.n_out;
    float *first = malloc(bytes);
    assert_non_null(first);
    memcpy(first, s.out, bytes);
    s.spec.seed++;
    vocode(&s, 2);
    assert_memory_not_equal(s.out, first, bytes);
    s.spec.seed--;
    s.spec.channel = 1;
    vocode(&s, 2);
    assert_memory_not_equal(s.out, first, bytes);
    free(first);
    deinit(&s);
}

/* || |stft(y)| - S || / || S || */
static double convergence(const sound *s)
{
    whole w = open_whole(s);
    start_whole(&w);
    for (int64_t n = 0; n < s->n_out; n++)
        w.y[n] = s->out[n];
    analyze_whole(&w);
    double difference = 0, power = 0;
    for (int64_t j = 0; j < w.n_batches * s->spec.n_bins; j++)
        for (int l = 0; l < FRAMES; l++) {
            if (j / s->spec.n_bins * FRAMES + l >= s->spec.n_frames)
                continue;
            const float *X = w.X + j * X_LEN + l % 2 * 2 * TB_LANES + l / 2;
            double S = w.magnitudes[j * FRAMES + l];
            difference += pow(hypot((double)X[0], (double)X[TB_LANES]) - S, 2);
            power += S * S;
        }
    close_whole(&w);
    return sqrt(difference / power);
}

/* Amplitudes of a sine of `hz` as the encoder would make them. */
static void fill_sine(sound *s, double hz, int rate_hz)
{
    whole w = open_whole(s);
    for (int64_t n = 0; n < s->spec.hop_length * s->spec.n_frames; n++)
        w.y[n] = 1000 * sin(6.283185307179586 * hz * (double)n / rate_hz);
    analyze_whole(&w);
    float *magnitudes = floats((size_t)s->spec.n_bins * FRAMES);
    float *bands = floats((size_t)s->spec.n_mels * FRAMES);
    for (int64_t b = 0; b < w.n_batches; b++) {
        for (int64_t k = 0; k < s->spec.n_bins; k++)
            for (int l = 0; l < FRAMES; l++) {
                const float *X = w.X + (b * s->spec.n_bins + k) * X_LEN + l % 2 * 2 * TB_LANES;
                magnitudes[k * FRAMES + l] = hypotf(X[l / 2], X[l / 2 + TB_LANES]);
            }
        tb_mel_apply(&s->mel, magnitudes, bands);
        for (int64_t t = b * FRAMES; t < (b + 1) * FRAMES && t < s->spec.n_frames; t++)
            for (int i = 0; i < s->spec.n_mels; i++)
                s->bands[t * s->spec.n_mels + i] = bands[i * FRAMES + t % FRAMES];
    }
    free(magnitudes);
    free(bands);
    close_whole(&w);
}

static double level_at(const sound *s, double hz, int rate_hz)
{
    double re = 0, im = 0;
    for (int64_t n = 0; n < s->n_out; n++) {
        double hann = 0.5 - 0.5 * cos(6.283185307179586 * (double)n / (double)s->n_out);
        re += hann * s->out[n] * cos(6.283185307179586 * hz * (double)n / rate_hz);
        im += hann * s->out[n] * sin(6.283185307179586 * hz * (double)n / rate_hz);
    }
    return 4 * hypot(re, im) / (double)s->n_out; /* amplitude of a sine under a Hann window */
}

static void a_picture_of_a_sine_sounds_like_that_sine(void **state)
{
    (void)state;
    static const params riffusion = {44100, 17640, 4410, 441, 512, 10000};
    static const double pitches[] = {110, 440, 2637.02};
    static const struct {
        tb_phase_start start;
        int n_iter;
    } ways[] = {{TB_PHASE_RANDOM, 32}, {TB_PHASE_SPSI, 32}, {TB_PHASE_SPSI, 0}};
    for (int j = 0; j < 9; j++) {
        double pitch = pitches[j % 3], best = 0, best_level = 0;
        sound s = make(&riffusion, 48, ways[j / 3].n_iter);
        s.spec.start = ways[j / 3].start;
        open_inverse(&s);
        fill_sine(&s, pitch, 44100);
        vocode(&s, 2);
        for (double hz = pitch - 20; hz < pitch + 20; hz += 0.5) {
            double level = level_at(&s, hz, 44100);
            best = level > best_level ? hz : best;
            best_level = fmax(best_level, level);
        }
        double band_hz = 5.990685 * (700 + pitch) / 1127; /* from one mel band to the next */
        if (!(fabs(best - pitch) <= 2.5 + band_hz / 10 && best_level > 700 && best_level < 1200))
            fail_msg("%g Hz of level 1000 became %g Hz of %g", pitch, best, best_level);
        deinit(&s);
    }
}

static void a_peak_goes_on_at_its_interpolated_frequency(void **state)
{
    (void)state;
    enum { N_BINS = 40, K = 17 };
    static float magnitudes[N_BINS * FRAMES];
    float *X = floats(N_BINS * X_LEN);
    tb_phase_spec spec = {
        .start = TB_PHASE_SPSI, .n_fft = 1000, .hop_length = 77, .n_bins = N_BINS};
    tb_phase *phase;
    assert_int_equal(tb_phase_new(&spec, &phase, NULL), TIMBRE_OK);
    for (int l = 0; l < FRAMES; l++) { /* 10 - (k - 17.25)^2 */
        magnitudes[(K - 1) * FRAMES + l] = 8.4375f;
        magnitudes[K * FRAMES + l] = 9.9375f;
        magnitudes[(K + 1) * FRAMES + l] = 9.4375f;
    }
    tb_phase_run(phase, 0, magnitudes, X);
    for (int l = 0; l < FRAMES; l++)
        for (int k = K - 1; k <= K + 1; k++) {
            const float *x = X + k * X_LEN + l % 2 * 2 * TB_LANES + l / 2;
            double turns = (l + 1) * 17.25 * 77 / 1000 - k * 0.5; /* at the begin of the frame */
            double s = magnitudes[k * FRAMES + l];
            assert_float_equal(x[0], s * cos(6.283185307179586 * turns), 1e-5);
            assert_float_equal(x[TB_LANES], s * sin(6.283185307179586 * turns), 1e-5);
        }
    tb_phase_free(phase);
    free(X);
}

static void rounds_and_the_better_start_come_closer_to_the_picture(void **state)
{
    (void)state;
    double at[2][3];
    static const int rounds[3] = {0, 8, 32};
    for (int start = 0; start < 2; start++)
        for (int i = 0; i < 3; i++) {
            sound s = make(&cases[0], 120, rounds[i]);
            s.spec.start = start == 0 ? TB_PHASE_RANDOM : TB_PHASE_SPSI;
            open_inverse(&s);
            vocode(&s, 2);
            at[start][i] = convergence(&s);
            deinit(&s);
        }
    for (int start = 0; start < 2; start++)
        assert_true(at[start][1] < at[start][0] && at[start][2] < at[start][1]);
    assert_true(at[1][0] < 0.7 * at[0][0]);
    assert_true(at[1][1] < at[0][1]);
}

static void silence_is_silence(void **state)
{
    (void)state;
    for (int start = TB_PHASE_RANDOM; start <= TB_PHASE_SPSI; start++) {
        sound s = make(&cases[1], 40, 3);
        s.spec.start = (tb_phase_start)start;
        open_inverse(&s);
        memset(s.bands, 0, sizeof *s.bands * 40 * (size_t)s.spec.n_mels);
        memset(s.out, 0xff, sizeof *s.out * 40 * (size_t)s.spec.hop_length);
        vocode(&s, 2);
        for (int64_t n = 0; n < s.n_out; n++)
            assert_true(s.out[n] == 0);
        deinit(&s);
    }
}

static void memory_does_not_grow_with_the_length(void **state)
{
    (void)state;
#ifdef CAN_MEASURE_MEMORY
    size_t bytes[2];
    for (int i = 0; i < 2; i++) {
        sound s = make(&cases[1], i == 0 ? 1000 : 4000, 4);
        open_inverse(&s);
        struct mallinfo2 before = mallinfo2();
        vocode(&s, 2);
        bytes[i] = s.most_bytes - before.uordblks - before.hblkhd;
        deinit(&s);
    }
    assert_true(bytes[0] > 100000); /* it was measured at all */
    assert_true(bytes[1] <= bytes[0] + 8192);
#else
    skip();
#endif
}

static void more_memory_than_the_limit_is_refused(void **state)
{
    (void)state;
    /* Of the batches under way; of the signals between the rounds. */
    static const params wide[] = {{8000, 65536, 65536, 8, 64, 4000},
                                  {8000, 1 << 18, 1 << 18, 1 << 18, 8, 20}};
    static const int64_t lengths[] = {100000, 2};
    for (int i = 0; i < 2; i++) {
        sound s = make(&wide[i], lengths[i], 200);
        open_inverse(&s);
        tb_error err = {0};
        assert_int_equal(run_on(&s, 1, &err), TIMBRE_BAD_INPUT);
        assert_non_null(strstr(err.message, "200 rounds"));
        assert_int_equal(s.n_read, 0);
        deinit(&s);
    }
}

static void cancel_stops_within_a_step(void **state)
{
    (void)state;
    sound s = make(&cases[0], 400, 8);
    open_inverse(&s);
    timbre_cancel cancel = {0};
    s.cancel = &cancel;
    s.cancel_at = 6;
    tb_error err = {0};
    assert_int_equal(run_on(&s, 2, &err), TIMBRE_CANCELLED);
    assert_int_equal(s.n_reports, 7);
    assert_true(s.n_read <= 7 * FRAMES);
    deinit(&s);
}

static void errors_of_reading_and_writing_come_through(void **state)
{
    (void)state;
    sound s = make(&cases[0], 100, 2);
    open_inverse(&s);
    for (int i = 0; i < 2; i++) {
        tb_error err = {0};
        s.fail_read_at = i == 0 ? 48 : -1;
        s.fail_write_at = i == 0 ? -1 : 500;
        assert_int_equal(run_on(&s, 2, &err), i == 0 ? TIMBRE_BAD_FILE : TIMBRE_NO_SPACE);
        assert_string_equal(err.message, i == 0 ? "read failed" : "write failed");
    }
    deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wavefront_is_the_whole_computation),
        cmocka_unit_test(bytes_are_the_same_for_any_number_of_threads),
        cmocka_unit_test(a_longer_sound_begins_with_the_shorter),
        cmocka_unit_test(seed_and_channel_choose_the_random_start),
        cmocka_unit_test(a_picture_of_a_sine_sounds_like_that_sine),
        cmocka_unit_test(a_peak_goes_on_at_its_interpolated_frequency),
        cmocka_unit_test(rounds_and_the_better_start_come_closer_to_the_picture),
        cmocka_unit_test(silence_is_silence),
        cmocka_unit_test(memory_does_not_grow_with_the_length),
        cmocka_unit_test(more_memory_than_the_limit_is_refused),
        cmocka_unit_test(cancel_stops_within_a_step),
        cmocka_unit_test(errors_of_reading_and_writing_come_through),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
