#include "engine/spectrogram/vocoder.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/os/scratch.h"
#include "engine/spectrogram/frames.h"
#include "engine/spectrogram/overlap.h"

enum {
    FRAMES = TB_BATCH_FRAMES,
    S_LEN = FRAMES,     /* floats of a bin in S: [2][TB_LANES] */
    X_LEN = 2 * FRAMES, /* in R, X and Y: [2][2][TB_LANES] */
    ALIGN_LEN = 16      /* floats of 64 bytes */
};

/* What a task needs beside its batch: parts of a piece of scratch memory. */
typedef struct scratch {
    float *grid;   /* [span] signal under the batch */
    float *rows;   /* [16][len] frames of the batch */
    float *coarse; /* [16][len of coarse] the same on the grid of `coarse` */
    float *Y;      /* [n_bins][2][2][TB_LANES] */
    float *work;   /* of tb_frames and tb_mel_inverse */
} scratch;

/* What a stage makes. The reflection at the ends of a sound has a kink, whose overtones every
 * second sample cannot hold: near the ends all samples are there. */
typedef struct signals {
    tb_overlap coarse; /* with the best stride; not of the last stage, nor if the best is 1 */
    tb_overlap fine;   /* every sample: of the last stage, and near the ends */
} signals;

/* Stage 0 starts, stages 1 .. n_iter are rounds. */
typedef struct vocoder {
    const tb_vocoder_spec *spec;
    tb_frames *coarse, *fine; /* the same when the best stride is 1 */
    tb_phase *phase;
    tb_window_sum sum;
    signals *stages; /* [n_iter + 1] */
    int lag;         /* batches between one stage and the next */
    int64_t n_batches;
    int n_slots; /* batches under way at most; batch b is in slot b % n_slots */
    float *S, *R;
    float *bands, *magnitudes; /* of stage 0: [n_mels][16], [n_bins][16] */
    tb_scratch scratch;
    size_t grid_len, rows_len, coarse_len; /* floats of a piece's parts */
    float momentum;
    int64_t step;
    int n_tasks;
    int *tasks; /* [n_iter + 1] stages of this step */
} vocoder;

static size_t padded(size_t n_floats)
{
    return (n_floats + ALIGN_LEN - 1) / ALIGN_LEN * ALIGN_LEN;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static tb_status alloc_floats(size_t n_floats, float **out, tb_error *err)
{
    *out = tb_floats_alloc(n_floats);
    if (*out != NULL)
        return TIMBRE_OK;
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %zu bytes of sound",
                   sizeof(float) * n_floats);
}

/* Stage i has a signal on the coarse grid. */
static bool has_coarse(const vocoder *v, int stage)
{
    return v->coarse != v->fine && stage < v->spec->n_iter;
}

static tb_status init_frames(vocoder *v, const tb_kernels *kernels, tb_error *err)
{
    const tb_vocoder_spec *spec = v->spec;
    tb_frames_spec frames = {.n_fft = spec->n_fft,
                             .win_length = spec->win_length,
                             .hop_length = spec->hop_length,
                             .n_bins = spec->n_bins,
                             .stride = 1};
    int stride = tb_frames_best_stride(&frames);
    tb_status st = tb_window_sum_init(&v->sum, &frames, spec->n_frames, err);
    if (st == TIMBRE_OK)
        st = tb_frames_new(&frames, kernels, &v->fine, err);
    v->coarse = v->fine;
    frames.stride = stride;
    if (st == TIMBRE_OK && stride != 1)
        st = tb_frames_new(&frames, kernels, &v->coarse, err);
    return st;
}

static tb_status init_stages(vocoder *v, tb_error *err)
{
    int n_iter = v->spec->n_iter;
    v->stages = calloc((size_t)n_iter + 1, sizeof *v->stages);
    v->tasks = calloc((size_t)n_iter + 1, sizeof *v->tasks);
    if (v->stages == NULL || v->tasks == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %d rounds", n_iter);
    tb_status st = TIMBRE_OK;
    for (int i = 0; i <= n_iter && st == TIMBRE_OK; i++) {
        st = tb_overlap_init(&v->stages[i].fine, v->fine, &v->sum, v->lag, err);
        if (st == TIMBRE_OK && has_coarse(v, i))
            st = tb_overlap_init(&v->stages[i].coarse, v->coarse, &v->sum, v->lag, err);
    }
    return st;
}

/* Of the slots and of all stages' signals. */
static int64_t count_bytes(const vocoder *v, int64_t n_slots)
{
    int64_t n_floats = n_slots * v->spec->n_bins * (S_LEN + X_LEN);
    n_floats += (v->spec->n_iter + 1) * tb_overlap_ring_len(v->fine, v->lag);
    if (has_coarse(v, 0))
        n_floats += v->spec->n_iter * tb_overlap_ring_len(v->coarse, v->lag);
    return n_floats * (int64_t)sizeof(float);
}

static tb_status init_slots(vocoder *v, tb_error *err)
{
    size_t n_bins = (size_t)v->spec->n_bins;
    int64_t under_way = (int64_t)v->spec->n_iter * v->lag + 1;
    if (under_way > v->n_batches)
        under_way = v->n_batches;
    int64_t bytes = count_bytes(v, under_way);
    if (bytes > TB_VOCODER_MAX_BYTES) {
        tb_fail(err, TIMBRE_BAD_INPUT,
                "%d rounds over windows of %d samples in steps of %d need %lld MB, more than %lld",
                v->spec->n_iter, v->spec->win_length, v->spec->hop_length, (long long)(bytes >> 20),
                (long long)(TB_VOCODER_MAX_BYTES >> 20));
        tb_fix(err, "take fewer rounds, a longer step or a shorter window");
        return TIMBRE_BAD_INPUT;
    }
    v->n_slots = (int)under_way;
    tb_status st = alloc_floats((size_t)v->n_slots * n_bins * S_LEN, &v->S, err);
    if (st == TIMBRE_OK)
        st = alloc_floats((size_t)v->n_slots * n_bins * X_LEN, &v->R, err);
    if (st == TIMBRE_OK)
        st = alloc_floats((size_t)v->spec->n_mels * FRAMES, &v->bands, err);
    if (st == TIMBRE_OK)
        st = alloc_floats(n_bins * FRAMES, &v->magnitudes, err);
    return st;
}

static tb_status init_scratch(vocoder *v, int n_threads, tb_error *err)
{
    v->grid_len = padded((size_t)tb_frames_span(v->fine));
    v->rows_len = padded((size_t)tb_frames_len(v->fine) * FRAMES);
    v->coarse_len = padded((size_t)tb_frames_len(v->coarse) * FRAMES);
    size_t Y = (size_t)v->spec->n_bins * X_LEN;
    size_t work = larger(tb_frames_scratch_len(v->coarse), tb_frames_scratch_len(v->fine));
    work = larger(work, tb_mel_inverse_scratch_len(v->spec->inverse));
    return tb_scratch_init(&v->scratch, n_threads,
                           v->grid_len + v->rows_len + v->coarse_len + Y + work, err);
}

static scratch split_scratch(const vocoder *v, float *piece)
{
    scratch s;
    s.grid = piece;
    s.rows = s.grid + v->grid_len;
    s.coarse = s.rows + v->rows_len;
    s.Y = s.coarse + v->coarse_len;
    s.work = s.Y + (size_t)v->spec->n_bins * X_LEN;
    return s;
}

static tb_status init(vocoder *v, const tb_vocoder_spec *spec, const tb_kernels *kernels,
                      int n_threads, tb_error *err)
{
    *v = (vocoder){.spec = spec, .n_batches = (spec->n_frames + FRAMES - 1) / FRAMES};
    v->momentum = (float)(spec->momentum / (1 + spec->momentum));
    tb_phase_spec phase = {.start = spec->start,
                           .n_fft = spec->n_fft,
                           .hop_length = spec->hop_length,
                           .n_bins = spec->n_bins,
                           .seed = spec->seed,
                           .channel = spec->channel};
    tb_status st = init_frames(v, kernels, err);
    if (st != TIMBRE_OK)
        return st;
    int fine_lag = tb_overlap_lag(v->fine), coarse_lag = tb_overlap_lag(v->coarse);
    v->lag = fine_lag > coarse_lag ? fine_lag : coarse_lag;
    st = tb_phase_new(&phase, &v->phase, err);
    if (st == TIMBRE_OK)
        st = init_slots(v, err);
    if (st == TIMBRE_OK)
        st = init_stages(v, err);
    if (st == TIMBRE_OK)
        st = init_scratch(v, n_threads, err);
    return st;
}

static void deinit(vocoder *v)
{
    for (int i = 0; i <= v->spec->n_iter && v->stages != NULL; i++) {
        tb_overlap_deinit(&v->stages[i].coarse);
        tb_overlap_deinit(&v->stages[i].fine);
    }
    tb_scratch_deinit(&v->scratch);
    free(v->stages);
    free(v->tasks);
    free(v->S);
    free(v->R);
    free(v->bands);
    free(v->magnitudes);
    tb_phase_free(v->phase);
    if (v->coarse != v->fine)
        tb_frames_free(v->coarse);
    tb_frames_free(v->fine);
    tb_window_sum_deinit(&v->sum);
}

/* Begin of batch b and end of its last frame, in samples. */
static int64_t batch_begin(const vocoder *v, int64_t b)
{
    return tb_frames_begin(v->fine, b * FRAMES);
}

static int64_t batch_end(const vocoder *v, int64_t b)
{
    int64_t end = (b + 1) * FRAMES;
    int64_t last = (end < v->spec->n_frames ? end : v->spec->n_frames) - 1;
    return tb_frames_begin(v->fine, last) + tb_frames_len(v->fine);
}

/* Batch b sees the reflection. */
static bool is_at_end(const vocoder *v, int64_t b)
{
    return batch_begin(v, b) < 0 || batch_end(v, b) > v->spec->hop_length * (v->spec->n_frames - 1);
}

/* Batch b covers something of a batch at an end. */
static bool is_near_end(const vocoder *v, int64_t b)
{
    int64_t first = b > v->lag ? b - v->lag : 0;
    for (int64_t e = first; e <= b + v->lag && e < v->n_batches; e++)
        if (is_at_end(v, e) && batch_end(v, b) > batch_begin(v, e) - TB_OVERLAP_MARGIN &&
            batch_begin(v, b) < batch_end(v, e))
            return true;
    return false;
}

/* Whose spectra the rounds take of batch b. */
static const tb_frames *frames_in(const vocoder *v, int64_t b)
{
    return is_at_end(v, b) ? v->fine : v->coarse;
}

/* Whose frames stage i makes of batch b. */
static const tb_frames *frames_out(const vocoder *v, int stage, int64_t b)
{
    return !has_coarse(v, stage) || is_near_end(v, b) ? v->fine : v->coarse;
}

/* magnitudes [n_bins][16 frames] to S [n_bins][2][TB_LANES] in the order of tb_frames_slot. */
static void sort_magnitudes(const vocoder *v, const tb_frames *frames, float *S)
{
    for (int k = 0; k < v->spec->n_bins; k++) {
        const float *from = v->magnitudes + (size_t)k * FRAMES;
        float *to = S + (size_t)tb_frames_slot(frames, k) * S_LEN;
        for (int l = 0; l < FRAMES; l++)
            to[l % 2 * TB_LANES + l / 2] = from[l];
    }
}

/* Stage 0. R holds the spectra of the start until they are sound. */
static void start_batch(vocoder *v, int64_t b, float *S, float *R, const scratch *s)
{
    const tb_vocoder_spec *spec = v->spec;
    int64_t t = b * FRAMES;
    tb_mel_inverse_run(spec->inverse, spec->channel, t, v->bands, v->magnitudes, s->work);
    tb_phase_run(v->phase, t, v->magnitudes, R);
    tb_frames_synthesize(frames_out(v, 0, b), t, R, s->rows, s->work);
    sort_magnitudes(v, frames_in(v, b), S);
    memset(R, 0, sizeof *R * (size_t)spec->n_bins * X_LEN);
}

static void run_round(const vocoder *v, int stage, int64_t b, const float *S, float *R,
                      const scratch *s)
{
    int64_t t = b * FRAMES;
    const tb_frames *in = frames_in(v, b), *out = frames_out(v, stage, b);
    const signals *before = &v->stages[stage - 1];
    tb_overlap_gather(in == v->fine ? &before->fine : &before->coarse, t, s->grid);
    if (in == out) {
        tb_frames_griffin_lim(in, t, s->grid, S, R, v->momentum, s->rows, s->work);
        return;
    }
    tb_frames_griffin_lim_last(in, t, s->grid, S, R, v->momentum, s->Y, s->work);
    tb_frames_synthesize(out, t, s->Y, s->rows, s->work);
}

/* Of frames with every sample, those on the coarse grid. */
static void thin_rows(const vocoder *v, int64_t t, const float *rows, float *coarse)
{
    int stride = tb_frames_get_spec(v->coarse)->stride;
    int len = tb_frames_len(v->coarse), fine_len = tb_frames_len(v->fine);
    for (int j = 0; j < FRAMES; j++) {
        int64_t shift = tb_frames_begin(v->coarse, t + j) * stride -
                        tb_frames_begin(v->fine, t + j);
        const float *from = rows + (size_t)j * (size_t)fine_len;
        float *to = coarse + (size_t)j * (size_t)len;
        for (int g = 0; g < len; g++) {
            int64_t at = shift + (int64_t)g * stride;
            to[g] = at >= 0 && at < fine_len ? from[at] : 0;
        }
    }
}

static void add_rows(vocoder *v, int stage, int64_t b, const scratch *s)
{
    signals *to = &v->stages[stage];
    int64_t t = b * FRAMES;
    bool is_fine = frames_out(v, stage, b) == v->fine;
    if (is_fine)
        tb_overlap_add(&to->fine, t, s->rows);
    else
        tb_overlap_skip(&to->fine, t);
    if (!has_coarse(v, stage))
        return;
    if (is_fine)
        thin_rows(v, t, s->rows, s->coarse);
    tb_overlap_add(&to->coarse, t, is_fine ? s->coarse : s->rows);
}

static int64_t batch_of(const vocoder *v, int stage)
{
    return v->step - (int64_t)stage * v->lag;
}

/* Tasks of a step write their own batch's slot and their own stage's signals. */
static void run_task(int i_task, void *user)
{
    vocoder *v = user;
    int stage = v->tasks[i_task];
    int64_t b = batch_of(v, stage);
    size_t slot = (size_t)(b % v->n_slots) * (size_t)v->spec->n_bins;
    float *S = v->S + slot * S_LEN, *R = v->R + slot * X_LEN;
    float *piece = tb_scratch_take(&v->scratch);
    const scratch s = split_scratch(v, piece);
    if (stage == 0)
        start_batch(v, b, S, R, &s);
    else
        run_round(v, stage, b, S, R, &s);
    add_rows(v, stage, b, &s);
    tb_scratch_give(&v->scratch, piece);
}

static tb_status read_batch(vocoder *v, const tb_vocoder_io *io, tb_error *err)
{
    int64_t t = v->step * FRAMES;
    if (v->step >= v->n_batches)
        return TIMBRE_OK;
    int64_t left = v->spec->n_frames - t;
    return io->read(io->user, t, left < FRAMES ? (int)left : FRAMES, v->bands, err);
}

static void find_tasks(vocoder *v)
{
    v->n_tasks = 0;
    for (int stage = 0; stage <= v->spec->n_iter; stage++)
        if (batch_of(v, stage) >= 0 && batch_of(v, stage) < v->n_batches)
            v->tasks[v->n_tasks++] = stage;
}

/* Samples that this step has completed. */
static tb_status write_samples(const vocoder *v, int64_t *n_written, const tb_vocoder_io *io,
                               tb_error *err)
{
    const tb_overlap *signal = &v->stages[v->spec->n_iter].fine;
    tb_status st = TIMBRE_OK;
    while (*n_written < signal->n_done && st == TIMBRE_OK) {
        int64_t n;
        const float *samples = tb_overlap_peek(signal, *n_written, signal->n_done, &n);
        st = io->write(io->user, samples, n, err);
        *n_written += n;
    }
    return st;
}

static tb_status run_steps(vocoder *v, tb_pool *pool, const tb_vocoder_io *io,
                           const tb_progress *progress, tb_error *err)
{
    int64_t n_steps = v->n_batches + (int64_t)v->spec->n_iter * v->lag;
    double n_all = (double)v->n_batches * (v->spec->n_iter + 1), n_ran = 0;
    int64_t n_written = 0;
    tb_status st = TIMBRE_OK;
    for (; v->step < n_steps && st == TIMBRE_OK; v->step++) {
        if (tb_progress_is_cancelled(progress))
            return tb_fail(err, TIMBRE_CANCELLED, "cancelled");
        st = read_batch(v, io, err);
        if (st != TIMBRE_OK)
            break;
        find_tasks(v);
        tb_pool_run(pool, v->n_tasks, run_task, v);
        n_ran += v->n_tasks;
        st = write_samples(v, &n_written, io, err);
        tb_progress_report(progress, n_ran / n_all);
    }
    return st;
}

tb_status tb_vocoder_run(const tb_vocoder_spec *spec, const tb_kernels *kernels, tb_pool *pool,
                         const tb_vocoder_io *io, const tb_progress *progress, tb_error *err)
{
    vocoder v;
    tb_status st = init(&v, spec, kernels, tb_pool_n_threads(pool), err);
    if (st == TIMBRE_OK)
        st = run_steps(&v, pool, io, progress, err);
    deinit(&v);
    return st;
}
