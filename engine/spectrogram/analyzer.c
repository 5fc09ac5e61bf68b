/*
 * A window slides over the sound: the samples that a round of batches covers, by channel, with what
 * is reflected at both ends written out. A round's batches are tasks of the pool; then its bands
 * are handed out in order.
 */
#include "engine/spectrogram/analyzer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/os/scratch.h"
#include "engine/spectrogram/frames.h"

enum {
    READ_FRAMES = 4096,
    ROUND_SAMPLES = 1 << 18, /* a round is about so many samples, at least one batch */
    HISTORY = 2 /* samples before a frame to which the end may be reflected: see reflect_end */
};

typedef struct analyzer {
    const tb_analyzer_spec *spec;
    const tb_analyzer_io *io;
    tb_frames *frames;
    int n_batches;      /* of a round */
    int64_t t;          /* first frame of the round */
    int64_t n_read;     /* samples of a channel so far */
    bool has_ended;     /* n_read is the length of the sound */
    int64_t origin;     /* sample at which the window begins; below 0: reflected ones */
    int64_t window_len; /* samples of a channel in the window */
    float *window;      /* [n_channels][window_len] */
    float *interleaved; /* [READ_FRAMES][n_channels] */
    float *bands;       /* [n_batches][n_channels][bands_len] */
    size_t bands_len;   /* [n_mels][TB_BATCH_FRAMES] */
    size_t magnitudes_len;
    tb_scratch scratch; /* magnitudes, then what tb_frames needs */
} analyzer;

static int64_t round_frames(const analyzer *a)
{
    return (int64_t)a->n_batches * TB_BATCH_FRAMES;
}

static float *channel_window(const analyzer *a, int channel)
{
    return a->window + (size_t)channel * (size_t)a->window_len;
}

/* Tasks of a round of n batches that run at once. */
static int64_t n_at_once(const analyzer *a, int64_t n_batches, int n_threads)
{
    int64_t n_tasks = n_batches * a->spec->n_channels;
    return n_tasks < n_threads ? n_tasks : n_threads;
}

static int64_t window_len_of(const analyzer *a, int64_t n_batches)
{
    return HISTORY + (n_batches * TB_BATCH_FRAMES - 1) * a->spec->hop_length + a->spec->win_length;
}

/* Floats that grow with the round. */
static int64_t round_len(const analyzer *a, int64_t n_batches, int n_threads, size_t piece_len)
{
    int64_t channel_len = window_len_of(a, n_batches) + n_batches * (int64_t)a->bands_len;
    return a->spec->n_channels * channel_len +
           n_at_once(a, n_batches, n_threads) * (int64_t)piece_len;
}

static void plan_round(analyzer *a, int n_threads, size_t piece_len)
{
    const int64_t most = ROUND_SAMPLES / TB_BATCH_FRAMES / a->spec->hop_length;
    int64_t n = most < 2 * n_threads ? most : 2 * n_threads;
    while (n > 1 &&
           round_len(a, n, n_threads, piece_len) * (int64_t)sizeof(float) > TB_ANALYZER_MAX_BYTES)
        n--;
    a->n_batches = n < 1 ? 1 : (int)n;
    a->window_len = window_len_of(a, a->n_batches);
}

static tb_status allocate(analyzer *a, int n_threads, tb_error *err)
{
    const tb_analyzer_spec *s = a->spec;
    size_t n_channels = (size_t)s->n_channels;
    a->bands_len = (size_t)s->mel->n_mels * TB_BATCH_FRAMES;
    a->magnitudes_len = (size_t)s->mel->n_bins * TB_BATCH_FRAMES;
    size_t piece_len = a->magnitudes_len + tb_frames_scratch_len(a->frames);
    plan_round(a, n_threads, piece_len);
    a->window = tb_floats_alloc(n_channels * (size_t)a->window_len);
    a->interleaved = tb_floats_alloc(n_channels * READ_FRAMES);
    a->bands = tb_floats_alloc(n_channels * (size_t)a->n_batches * a->bands_len);
    if (a->window == NULL || a->interleaved == NULL || a->bands == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory to analyse %d channels", s->n_channels);
    return tb_scratch_init(&a->scratch, (int)n_at_once(a, a->n_batches, n_threads), piece_len, err);
}

/* Move the window to where the round begins, keeping what is in both. */
static void slide(analyzer *a)
{
    int64_t origin = tb_frames_begin(a->frames, a->t) - HISTORY;
    int64_t kept = a->t == 0 ? 0 : a->n_read - origin;
    for (int c = 0; c < a->spec->n_channels && kept > 0; c++)
        memmove(channel_window(a, c), channel_window(a, c) + (origin - a->origin),
                sizeof(float) * (size_t)kept);
    a->origin = origin;
}

/* The next samples into the window; those before it are let go. */
static void take(analyzer *a, int64_t n)
{
    int n_channels = a->spec->n_channels;
    int64_t skipped = a->origin > a->n_read ? a->origin - a->n_read : 0;
    for (int c = 0; c < n_channels; c++) {
        float *to = channel_window(a, c);
        for (int64_t i = skipped; i < n; i++)
            to[a->n_read - a->origin + i] = a->interleaved[i * n_channels + c];
    }
    a->n_read += n;
}

/* Read until the window is full or the sound ends. */
static tb_status fill(analyzer *a, tb_error *err)
{
    int64_t end = a->origin + a->window_len;
    while (!a->has_ended && a->n_read < end) {
        int64_t wanted = end - a->n_read < READ_FRAMES ? end - a->n_read : READ_FRAMES, got = 0;
        tb_status st = a->io->read(a->io->user, a->interleaved, wanted, &got, err);
        if (st != TIMBRE_OK)
            return st;
        take(a, got);
        a->has_ended = got < wanted;
    }
    if (a->n_read == 0)
        return tb_fail(err, TIMBRE_BAD_INPUT, "the sound has no samples");
    return TIMBRE_OK;
}

/* Where sample s, outside of n samples, is reflected to; n must be known or beyond the fold. */
static int64_t reflect(int64_t s, int64_t n)
{
    if (n == 1)
        return 0;
    int64_t period = 2 * (n - 1), at = s % period;
    at = at < 0 ? at + period : at;
    return at < n ? at : period - at;
}

static void reflect_samples(analyzer *a, int64_t from, int64_t to)
{
    for (int c = 0; c < a->spec->n_channels; c++) {
        float *x = channel_window(a, c);
        for (int64_t s = from; s < to; s++)
            x[s - a->origin] = x[reflect(s, a->n_read) - a->origin];
    }
}

/* An odd transform is padded by one sample less than its length. */
static int64_t n_frames_of(const analyzer *a)
{
    return 1 + (a->n_read - a->spec->n_fft % 2) / a->spec->hop_length;
}

/*
 * What the last frame covers behind the end. Its middle, a multiple of the hop, is in the sound or
 * just behind it, so that what is reflected reaches at most HISTORY samples before its begin.
 */
static void reflect_end(analyzer *a)
{
    int64_t window_end = a->origin + a->window_len;
    int64_t end = tb_frames_begin(a->frames, n_frames_of(a) - 1) + a->spec->win_length;
    end = end < window_end ? end : window_end;
    reflect_samples(a, a->n_read, end);
    int64_t rest = end > a->n_read ? end : a->n_read;
    for (int c = 0; c < a->spec->n_channels; c++)
        for (int64_t s = rest; s < window_end; s++)
            channel_window(a, c)[s - a->origin] = 0; /* of frames that are not there */
}

/* A frame of digital silence is silent: without this it would have the rounding errors of the frame
 * that shares its transform, and a pixel or two of grey. The window's first value is 0. */
static void silence_frames(const analyzer *a, const float *grid, float *bands)
{
    for (int j = 0; j < TB_BATCH_FRAMES; j++) {
        const float *samples = grid + (int64_t)j * a->spec->hop_length;
        int i = 1;
        while (i < a->spec->win_length && samples[i] == 0)
            i++;
        if (i < a->spec->win_length)
            continue;
        for (int m = 0; m < a->spec->mel->n_mels; m++)
            bands[m * TB_BATCH_FRAMES + j] = 0;
    }
}

static void analyze_batch(int i_task, void *user)
{
    analyzer *a = user;
    int channel = i_task % a->spec->n_channels;
    int64_t first = (int64_t)(i_task / a->spec->n_channels) * TB_BATCH_FRAMES;
    float *bands = a->bands + (size_t)i_task * a->bands_len;
    float *magnitudes = tb_scratch_take(&a->scratch);
    const float *grid = channel_window(a, channel) + HISTORY + first * a->spec->hop_length;
    tb_frames_magnitudes(a->frames, a->t + first, grid, magnitudes, magnitudes + a->magnitudes_len);
    tb_mel_apply(a->spec->mel, magnitudes, bands);
    tb_scratch_give(&a->scratch, magnitudes);
    silence_frames(a, grid, bands);
}

static void clear_lanes(float *bands, int n_mels, int n_frames)
{
    for (int i = 0; i < n_mels; i++)
        for (int j = n_frames; j < TB_BATCH_FRAMES; j++)
            bands[i * TB_BATCH_FRAMES + j] = 0;
}

static tb_status write_round(const analyzer *a, int64_t n_frames, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    float *bands = a->bands;
    for (int64_t i = 0; i < n_frames && st == TIMBRE_OK; i += TB_BATCH_FRAMES) {
        int n = (int)(n_frames - i < TB_BATCH_FRAMES ? n_frames - i : TB_BATCH_FRAMES);
        for (int c = 0; c < a->spec->n_channels && st == TIMBRE_OK; c++, bands += a->bands_len) {
            clear_lanes(bands, a->spec->mel->n_mels, n);
            st = a->io->write(a->io->user, c, a->t + i, n, bands, err);
        }
    }
    return st;
}

/* *n_done: frames of the round; fewer than round_frames, or 0, at the end. */
static tb_status run_round(analyzer *a, tb_pool *pool, int64_t *n_done, tb_error *err)
{
    slide(a);
    tb_status st = fill(a, err);
    if (st != TIMBRE_OK)
        return st;
    if (a->t == 0)
        reflect_samples(a, tb_frames_begin(a->frames, 0), 0);
    int64_t n = round_frames(a);
    if (a->has_ended) {
        int64_t left = n_frames_of(a) - a->t;
        n = left < n ? left : n;
        if (n > 0)
            reflect_end(a);
    }
    int64_t n_batches = (n + TB_BATCH_FRAMES - 1) / TB_BATCH_FRAMES;
    tb_pool_run(pool, (int)n_batches * a->spec->n_channels, analyze_batch, a);
    *n_done = n;
    return write_round(a, n, err);
}

static tb_status run_rounds(analyzer *a, tb_pool *pool, const tb_progress *progress, tb_error *err)
{
    for (;;) {
        if (tb_progress_is_cancelled(progress))
            return tb_fail(err, TIMBRE_CANCELLED, "cancelled");
        int64_t n = 0;
        tb_status st = run_round(a, pool, &n, err);
        if (st != TIMBRE_OK)
            return st;
        a->t += n;
        if (a->has_ended && a->t >= n_frames_of(a))
            return TIMBRE_OK;
    }
}

tb_status tb_analyzer_run(const tb_analyzer_spec *spec, const tb_kernels *kernels, tb_pool *pool,
                          const tb_analyzer_io *io, const tb_progress *progress, int64_t *n_frames,
                          tb_error *err)
{
    analyzer a = {.spec = spec, .io = io};
    tb_frames_spec frames = {.n_fft = spec->n_fft,
                             .win_length = spec->win_length,
                             .hop_length = spec->hop_length,
                             .n_bins = spec->mel->n_bins,
                             .stride = 1};
    *n_frames = 0;
    tb_status st = tb_frames_new(&frames, kernels, &a.frames, err);
    if (st == TIMBRE_OK)
        st = allocate(&a, tb_pool_n_threads(pool), err);
    if (st == TIMBRE_OK)
        st = run_rounds(&a, pool, progress, err);
    *n_frames = a.t;
    tb_frames_free(a.frames);
    free(a.window);
    free(a.interleaved);
    free(a.bands);
    tb_scratch_deinit(&a.scratch);
    return st;
}
