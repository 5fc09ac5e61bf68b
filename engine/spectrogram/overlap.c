#include "engine/spectrogram/overlap.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/math.h"

enum { FRAMES = TB_BATCH_FRAMES };

#define SUM_MIN 1e-11 /* torch.istft refuses windows that add up to less */

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The sum at sample n, of which frames first .. last are those that exist and cover it: they see
 * sample n at j = n + before - t * hop of the window. */
static double sum_at(const tb_window_sum *sum, int64_t n)
{
    int64_t at = n + sum->before, hop = sum->hop_length;
    int64_t first = at < sum->win_length ? 0 : (at - sum->win_length) / hop + 1;
    int64_t last = min64(at / hop, sum->n_frames - 1);
    int64_t lowest = at - last * hop;
    double all = sum->prefix[at - first * hop];
    return lowest < hop ? all : all - sum->prefix[lowest - hop];
}

tb_status tb_window_sum_init(tb_window_sum *sum, const tb_frames_spec *spec, int64_t n_frames,
                             tb_error *err)
{
    int win = spec->win_length, hop = spec->hop_length;
    *sum = (tb_window_sum){.win_length = win, .hop_length = hop, .n_frames = n_frames};
    sum->before = spec->n_fft / 2 - (spec->n_fft - win) / 2;
    sum->prefix = malloc(sizeof *sum->prefix * (size_t)win);
    sum->steady = malloc(sizeof *sum->steady * (size_t)hop);
    if (sum->prefix == NULL || sum->steady == NULL) {
        tb_window_sum_deinit(sum);
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a window of %d samples", win);
    }
    for (int j = 0; j < win; j++) {
        double w = 0.5 - 0.5 * tb_cos(2 * TB_PI * j / win);
        sum->prefix[j] = w * w + (j >= hop ? sum->prefix[j - hop] : 0);
    }
    for (int r = 0; r < hop; r++)
        sum->steady[r] = (float)sum->prefix[r + (win - 1 - r) / hop * hop];
    return TIMBRE_OK;
}

void tb_window_sum_deinit(tb_window_sum *sum)
{
    free(sum->prefix);
    free(sum->steady);
    *sum = (tb_window_sum){0};
}

/* From the begin of a batch to the begin of the next, in grid points (16 is a multiple of any
 * stride). */
static int64_t batch_points(const tb_frames *frames)
{
    return tb_frames_begin(frames, FRAMES) - tb_frames_begin(frames, 0);
}

int tb_overlap_lag(const tb_frames *frames)
{
    int64_t step = batch_points(frames);
    int64_t reach = tb_frames_begin(frames, FRAMES - 1) + tb_frames_len(frames) -
                    tb_frames_begin(frames, 0);
    return (int)((reach + step - 1) / step);
}

int64_t tb_overlap_ring_len(const tb_frames *frames, int lag)
{
    return lag * batch_points(frames) + tb_frames_span(frames) + TB_OVERLAP_MARGIN;
}

tb_status tb_overlap_init(tb_overlap *overlap, const tb_frames *frames, const tb_window_sum *sum,
                          int lag, tb_error *err)
{
    int stride = tb_frames_get_spec(frames)->stride;
    int64_t n_samples = sum->hop_length * (sum->n_frames - 1);
    *overlap = (tb_overlap){.frames = frames, .sum = sum};
    overlap->n_points = (n_samples - 1) / stride + 1;
    overlap->ring_len = tb_overlap_ring_len(frames, lag);
    overlap->ring = calloc((size_t)overlap->ring_len, sizeof *overlap->ring);
    if (overlap->ring == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %lld samples",
                       (long long)overlap->ring_len);
    return TIMBRE_OK;
}

void tb_overlap_deinit(tb_overlap *overlap)
{
    free(overlap->ring);
    *overlap = (tb_overlap){0};
}

/* Where point g is, and how many of the n from there on lie side by side. */
static float *piece_at(const tb_overlap *overlap, int64_t g, int64_t n, int64_t *n_piece)
{
    int64_t at = g % overlap->ring_len;
    *n_piece = min64(n, overlap->ring_len - at);
    return overlap->ring + at;
}

static void clear_until(tb_overlap *overlap, int64_t end)
{
    while (overlap->n_touched < end) {
        int64_t n;
        float *piece = piece_at(overlap, overlap->n_touched, end - overlap->n_touched, &n);
        memset(piece, 0, sizeof *piece * (size_t)n);
        overlap->n_touched += n;
    }
}

static void add_frame(tb_overlap *overlap, int64_t t, const float *row)
{
    int64_t begin = tb_frames_begin(overlap->frames, t);
    int64_t end = min64(begin + tb_frames_len(overlap->frames), overlap->n_points);
    clear_until(overlap, end);
    for (int64_t g = max64(begin, 0), n; g < end; g += n) {
        float *piece = piece_at(overlap, g, end - g, &n);
        const float *from = row + (g - begin);
        for (int64_t i = 0; i < n; i++)
            piece[i] += from[i];
    }
}

static float divide(float x, double sum)
{
    return sum < SUM_MIN ? 0 : x / (float)sum;
}

/* Points up to `end` get no more frames. */
static void finish_until(tb_overlap *overlap, int64_t end)
{
    const tb_window_sum *sum = overlap->sum;
    int64_t stride = tb_frames_get_spec(overlap->frames)->stride, hop = sum->hop_length;
    int64_t steady_begin = sum->win_length - sum->before; /* from here on all frames exist */
    int64_t steady_end = sum->n_frames * hop - sum->before;
    int64_t residue = (overlap->n_done * stride + sum->before) % hop;
    while (overlap->n_done < end) {
        int64_t n;
        float *piece = piece_at(overlap, overlap->n_done, end - overlap->n_done, &n);
        for (int64_t i = 0; i < n; i++) {
            int64_t sample = (overlap->n_done + i) * stride;
            bool is_steady = sample >= steady_begin && sample < steady_end;
            piece[i] = divide(piece[i], is_steady ? sum->steady[residue] : sum_at(sum, sample));
            for (residue += stride; residue >= hop;)
                residue -= hop;
        }
        overlap->n_done += n;
    }
}

/* Where the points end that are complete once frames up to t + 15 are there. */
static int64_t done_after(const tb_overlap *overlap, int64_t t)
{
    int64_t end = max64(tb_frames_begin(overlap->frames, t + FRAMES), 0);
    return t + FRAMES < overlap->sum->n_frames ? min64(end, overlap->n_points) : overlap->n_points;
}

void tb_overlap_add(tb_overlap *overlap, int64_t t, const float *rows)
{
    size_t len = (size_t)tb_frames_len(overlap->frames);
    for (int j = 0; j < FRAMES && t + j < overlap->sum->n_frames; j++)
        add_frame(overlap, t + j, rows + (size_t)j * len);
    finish_until(overlap, done_after(overlap, t));
}

void tb_overlap_skip(tb_overlap *overlap, int64_t t)
{
    overlap->n_done = done_after(overlap, t);
    overlap->n_touched = max64(overlap->n_touched, overlap->n_done);
}

/* The point that stands for point g outside the signal: y[-n] = y[n], y[L-1+n] = y[L-1-n], back and
 * forth. */
static float reflected(const tb_overlap *overlap, int64_t g)
{
    int64_t stride = tb_frames_get_spec(overlap->frames)->stride;
    int64_t last = overlap->sum->hop_length * (overlap->sum->n_frames - 1) - 1;
    int64_t sample = 0;
    if (last > 0) {
        sample = g * stride % (2 * last);
        sample = sample < 0 ? sample + 2 * last : sample;
        sample = sample > last ? 2 * last - sample : sample;
    }
    return overlap->ring[sample / stride % overlap->ring_len];
}

void tb_overlap_gather(const tb_overlap *overlap, int64_t t, float *grid)
{
    const tb_frames *frames = overlap->frames;
    int64_t begin = tb_frames_begin(frames, t);
    int64_t t_last = min64(t + FRAMES, overlap->sum->n_frames) - 1;
    int64_t end = tb_frames_begin(frames, t_last) + tb_frames_len(frames);
    int64_t inner_end = min64(end, overlap->n_points);
    int64_t g = begin;
    for (; g < 0 && g < end; g++)
        grid[g - begin] = reflected(overlap, g);
    for (int64_t n; g < inner_end; g += n) {
        const float *piece = piece_at(overlap, g, inner_end - g, &n);
        memcpy(grid + (g - begin), piece, sizeof *grid * (size_t)n);
    }
    for (; g < end; g++)
        grid[g - begin] = reflected(overlap, g);
    memset(grid + (end - begin), 0,
           sizeof *grid * (size_t)(tb_frames_span(frames) - (end - begin)));
}

const float *tb_overlap_peek(const tb_overlap *overlap, int64_t g, int64_t n_max, int64_t *n)
{
    return piece_at(overlap, g, min64(n_max, overlap->n_done - g), n);
}
