/*
 * With N = n_fft / stride = P * M, bin k = P * m + r is frequency m of the transform of length M of
 * z[j] * exp(-2 pi i r j / N). Bin N - k, which splits the two frames of a lane, is of residue
 * P - r: so residues are worked on in groups {r, P - r}, whose buffers stand one behind the other.
 * The way back adds up the groups, each turned by the conjugate factors.
 *
 * Inside, phases refer to the first grid point of a frame; `phases` turn them to torch's reference.
 * That point is at an even or odd sample of the frame when stride is 2, so there are two windows
 * and two references, one for each parity of the frame's first sample.
 */
#include "engine/spectrogram/frames.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/math.h"
#include "engine/kernels/table.h"
#include "engine/spectrogram/fft.h"

enum { MAX_PARTS = 16 };

/* Residues r and P - r. */
typedef struct group {
    int residue[2];
    int n_residues;      /* 1: the residue is its own partner */
    float *factors[2];   /* [len][2] exp(-2 pi i r j / N); NULL for r = 0, which is not turned */
    int n_pairs;         /* bins of these residues, in the order of where they stand */
    int slot;            /* of the first one */
    tb_bin_pair *pairs;  /* [n_pairs] */
    float *phases[2];    /* by the parity of the first frame: [n_pairs][2 halves][2] */
    int n_zeros, *zeros; /* elements that hold no bin of the band */
} group;

struct tb_frames {
    tb_frames_spec spec;
    const tb_kernels *kernels;
    int length;       /* N */
    int sub_length;   /* M */
    int n_parts;      /* P */
    int len;          /* grid points of a frame */
    int before;       /* samples from the begin of a frame to t * hop */
    tb_fft *fft;      /* of length M */
    float *window[2]; /* by parity: [len], times stride / 2: the kernels do not halve */
    float *back[2];   /* [len], over n_fft */
    int n_groups;
    group *groups; /* that of residue 0 first */
    int *slots;    /* [n_bins] */
};

static int64_t floor_half(int64_t x)
{
    return x >= 0 ? x / 2 : -((1 - x) / 2);
}

/* Where the window begins in n_fft. */
static int window_offset(const tb_frames_spec *spec)
{
    return (spec->n_fft - spec->win_length) / 2;
}

static int64_t first_sample(const tb_frames *f, int64_t t)
{
    return t * f->spec.hop_length - f->before;
}

/* 1 when the first sample of frame t is none of the grid. */
static int parity(const tb_frames *f, int64_t t)
{
    return f->spec.stride == 2 ? (int)(first_sample(f, t) & 1) : 0;
}

int64_t tb_frames_begin(const tb_frames *frames, int64_t t)
{
    int64_t sample = first_sample(frames, t);
    return frames->spec.stride == 2 ? floor_half(sample + 1) : sample;
}

int tb_frames_len(const tb_frames *frames)
{
    return frames->len;
}

int tb_frames_span(const tb_frames *frames)
{
    int64_t most = 0;
    for (int64_t t = 0; t < 2; t++) {
        int64_t span = tb_frames_begin(frames, t + TB_BATCH_FRAMES - 1) -
                       tb_frames_begin(frames, t);
        most = span > most ? span : most;
    }
    return (int)most + frames->len;
}

const tb_frames_spec *tb_frames_get_spec(const tb_frames *frames)
{
    return &frames->spec;
}

int tb_frames_slot(const tb_frames *frames, int k)
{
    return frames->slots[k];
}

/*
 * Energy at the top of the band comes back to it, folded at a quarter of the rate, from n_fft / 2 -
 * 2 * top bins away. A Hann window has fallen to 1 / (pi d^3) of its peak at d of its own bins.
 */
int tb_frames_best_stride(const tb_frames_spec *spec)
{
    const int64_t enough = 175; /* 1 / (pi 175^3) < 2^-24 */
    int64_t distance = spec->n_fft / 2 - 2 * ((int64_t)spec->n_bins - 1);
    bool is_far = distance * spec->win_length >= enough * spec->n_fft;
    return spec->n_fft % 2 == 0 && is_far ? 2 : 1;
}

static tb_status check_spec(const tb_frames_spec *s, tb_error *err)
{
    if (s->n_fft < 1 || s->n_fft > TB_FFT_MAX_LENGTH)
        return tb_fail(err, TIMBRE_BAD_INPUT, "n_fft %d is not from 1 to %d", s->n_fft,
                       (int)TB_FFT_MAX_LENGTH);
    if (s->win_length < 1 || s->win_length > s->n_fft)
        return tb_fail(err, TIMBRE_BAD_INPUT, "win_length %d is not from 1 to n_fft %d",
                       s->win_length, s->n_fft);
    if (s->hop_length < 1 || s->hop_length > INT_MAX / 64)
        return tb_fail(err, TIMBRE_BAD_INPUT, "hop_length %d is not from 1 to %d", s->hop_length,
                       INT_MAX / 64);
    if (s->stride != 1 && (s->stride != 2 || s->n_fft % 2 != 0))
        return tb_fail(err, TIMBRE_BAD_INPUT, "stride %d is not 1, or 2 with an even n_fft %d",
                       s->stride, s->n_fft);
    int most = s->stride == 1 ? s->n_fft / 2 + 1 : (s->n_fft / 2 + 1) / 2;
    if (s->n_bins < 1 || s->n_bins > most)
        return tb_fail(err, TIMBRE_BAD_INPUT, "n_bins %d is not from 1 to %d", s->n_bins, most);
    return TIMBRE_OK;
}

/* The smallest divisor of N that holds the window; short windows in long transforms get no more
 * than MAX_PARTS transforms of more than they need. */
static int find_sub_length(const tb_frames *f)
{
    int m = f->len;
    while (f->length % m != 0 || f->length / m > MAX_PARTS)
        m++;
    return m;
}

static tb_status no_memory(tb_error *err, const tb_frames *f)
{
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the tables of frames of %d samples",
                   f->spec.n_fft);
}

/* Sample i of the periodic Hann window; 0 behind its end. */
static double hann(int64_t i, int n)
{
    if (i >= n)
        return 0;
    double re, im;
    tb_fft_root(i, n, &re, &im);
    return 0.5 - 0.5 * re;
}

static tb_status make_windows(tb_frames *f, tb_error *err)
{
    const tb_frames_spec *s = &f->spec;
    for (int p = 0; p < s->stride; p++) {
        f->window[p] = malloc(sizeof(float) * (size_t)f->len);
        f->back[p] = malloc(sizeof(float) * (size_t)f->len);
        if (f->window[p] == NULL || f->back[p] == NULL)
            return no_memory(err, f);
        for (int j = 0; j < f->len; j++) {
            double w = hann(p + (int64_t)j * s->stride, s->win_length);
            f->window[p][j] = (float)(w * s->stride / 2);
            f->back[p][j] = (float)(w / s->n_fft);
        }
    }
    return TIMBRE_OK;
}

static void store_root(float *out, int64_t num, int64_t den)
{
    double re, im;
    tb_fft_root(num % den, den, &re, &im);
    out[0] = (float)re;
    out[1] = (float)im;
}

static tb_status make_factors(const tb_frames *f, int residue, float **out, tb_error *err)
{
    if (residue == 0)
        return TIMBRE_OK;
    *out = malloc(sizeof **out * 2 * (size_t)f->len);
    if (*out == NULL)
        return no_memory(err, f);
    for (int j = 0; j < f->len; j++)
        store_root(*out + 2 * (size_t)j, (int64_t)residue * j, f->length);
    return TIMBRE_OK;
}

static size_t buffer_elements(const tb_frames *f)
{
    return tb_fft_data_len(f->fft) / TB_ELEMENT_FLOATS;
}

/* The element of the buffers of g that holds frequency k of N. */
static int element_of(const tb_frames *f, const group *g, int k)
{
    int behind = k % f->n_parts == g->residue[0] ? 0 : (int)buffer_elements(f);
    return behind + tb_fft_position(f->fft, k / f->n_parts);
}

static bool has_residue(const tb_frames *f, const group *g, int k)
{
    int r = k % f->n_parts;
    return r == g->residue[0] || (g->n_residues == 2 && r == g->residue[1]);
}

static int compare_pairs(const void *a, const void *b)
{
    return ((const tb_bin_pair *)a)->at - ((const tb_bin_pair *)b)->at;
}

static tb_status make_pairs(const tb_frames *f, group *g, tb_error *err)
{
    int most = g->n_residues * (f->spec.n_bins / f->n_parts + 1);
    g->pairs = malloc(sizeof *g->pairs * (size_t)most);
    if (g->pairs == NULL)
        return no_memory(err, f);
    for (int k = 0; k < f->spec.n_bins; k++)
        if (has_residue(f, g, k))
            g->pairs[g->n_pairs++] = (tb_bin_pair){
                .bin = k,
                .at = element_of(f, g, k),
                .mirror_at = element_of(f, g, k == 0 ? 0 : f->length - k),
            };
    qsort(g->pairs, (size_t)g->n_pairs, sizeof *g->pairs, compare_pairs);
    for (int i = 0; i < g->n_pairs; i++)
        f->slots[g->pairs[i].bin] = g->slot + i;
    return TIMBRE_OK;
}

/* Factors from phases of the first grid point to those of sample t * hop - n_fft / 2. */
static tb_status make_phases(const tb_frames *f, group *g, tb_error *err)
{
    for (int p = 0; p < f->spec.stride; p++) {
        g->phases[p] = malloc(sizeof(float) * 4 * (size_t)(g->n_pairs + 1));
        if (g->phases[p] == NULL)
            return no_memory(err, f);
        for (int i = 0; i < g->n_pairs; i++)
            for (int half = 0; half < 2; half++) {
                int64_t offset = window_offset(&f->spec);
                if (f->spec.stride == 2)
                    offset += (p + half * f->spec.hop_length) & 1;
                store_root(g->phases[p] + 4 * (size_t)i + 2 * half, g->pairs[i].bin * offset,
                           f->spec.n_fft);
            }
    }
    return TIMBRE_OK;
}

/* Elements of the group's transforms that no pair writes. */
static tb_status make_zeros(const tb_frames *f, group *g, tb_error *err)
{
    size_t n = buffer_elements(f) * (size_t)g->n_residues;
    char *is_used = calloc(n, 1);
    g->zeros = malloc(sizeof *g->zeros * n);
    if (is_used == NULL || g->zeros == NULL) {
        free(is_used);
        return no_memory(err, f);
    }
    for (int i = 0; i < g->n_pairs; i++)
        is_used[g->pairs[i].at] = is_used[g->pairs[i].mirror_at] = 1;
    for (int part = 0; part < g->n_residues; part++)
        for (int i = 0; i < f->sub_length; i++) {
            int at = part * (int)buffer_elements(f) + i;
            if (!is_used[at])
                g->zeros[g->n_zeros++] = at;
        }
    free(is_used);
    return TIMBRE_OK;
}

static tb_status make_group(tb_frames *f, int residue, int slot, tb_error *err)
{
    int partner = residue == 0 ? 0 : f->n_parts - residue;
    group *g = &f->groups[f->n_groups++];
    *g = (group){.residue = {residue, partner}, .n_residues = partner == residue ? 1 : 2};
    g->slot = slot;
    tb_status st = make_pairs(f, g, err);
    for (int i = 0; i < g->n_residues && st == TIMBRE_OK; i++)
        st = make_factors(f, g->residue[i], &g->factors[i], err);
    if (st == TIMBRE_OK)
        st = make_phases(f, g, err);
    if (st == TIMBRE_OK)
        st = make_zeros(f, g, err);
    return st;
}

static tb_status make_groups(tb_frames *f, tb_error *err)
{
    f->groups = calloc((size_t)f->n_parts / 2 + 1, sizeof *f->groups);
    f->slots = calloc((size_t)f->spec.n_bins, sizeof *f->slots);
    if (f->groups == NULL || f->slots == NULL)
        return no_memory(err, f);
    int slot = 0;
    for (int r = 0; r <= f->n_parts / 2; r++) {
        tb_status st = make_group(f, r, slot, err);
        if (st != TIMBRE_OK)
            return st;
        slot += f->groups[r].n_pairs;
    }
    return TIMBRE_OK;
}

tb_status tb_frames_new(const tb_frames_spec *spec, const tb_kernels *kernels, tb_frames **out,
                        tb_error *err)
{
    *out = NULL;
    tb_status st = check_spec(spec, err);
    if (st != TIMBRE_OK)
        return st;
    tb_frames *f = calloc(1, sizeof *f);
    if (f == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for frames");
    f->spec = *spec;
    f->kernels = kernels;
    f->length = spec->n_fft / spec->stride;
    f->len = (spec->win_length + spec->stride - 1) / spec->stride;
    f->before = spec->n_fft / 2 - window_offset(spec);
    f->sub_length = find_sub_length(f);
    f->n_parts = f->length / f->sub_length;
    st = tb_fft_new(f->sub_length, &f->fft, err);
    if (st == TIMBRE_OK)
        st = make_windows(f, err);
    if (st == TIMBRE_OK)
        st = make_groups(f, err);
    if (st != TIMBRE_OK) {
        tb_frames_free(f);
        return st;
    }
    *out = f;
    return TIMBRE_OK;
}

static void free_group(group *g)
{
    for (int i = 0; i < 2; i++) {
        free(g->factors[i]);
        free(g->phases[i]);
    }
    free(g->pairs);
    free(g->zeros);
}

void tb_frames_free(tb_frames *frames)
{
    if (frames == NULL)
        return;
    for (int i = 0; i < frames->n_groups; i++)
        free_group(&frames->groups[i]);
    for (int p = 0; p < 2; p++) {
        free(frames->window[p]);
        free(frames->back[p]);
    }
    free(frames->groups);
    free(frames->slots);
    tb_fft_free(frames->fft);
    free(frames);
}

/* What one call works on. */
typedef struct batch {
    const tb_frames *f;
    int parity[2];  /* of the even and the odd frames */
    float *frames;  /* the windowed frames: they become group 0 where that is the only one */
    float *sum;     /* buffer of group 0, then the sum over the groups */
    float *buffers; /* of the group at work, but for group 0 */
} batch;

size_t tb_frames_scratch_len(const tb_frames *frames)
{
    return tb_fft_data_len(frames->fft) * (frames->n_groups == 1 ? 1 : 4);
}

static batch batch_at(const tb_frames *f, int64_t t, float *scratch)
{
    size_t len = tb_fft_data_len(f->fft);
    batch b = {.f = f, .parity = {parity(f, t), parity(f, t + 1)}, .sum = scratch};
    if (f->n_groups > 1) {
        b.frames = scratch + len;
        b.buffers = scratch + 2 * len;
    }
    return b;
}

static void clear_elements(float *data, int from, int to)
{
    memset(data + (size_t)from * TB_ELEMENT_FLOATS, 0,
           sizeof *data * TB_ELEMENT_FLOATS * (size_t)(to - from));
}

static void load_frames(const batch *b, int64_t t, const float *grid)
{
    const tb_frames *f = b->f;
    const float *rows[TB_BATCH_FRAMES];
    for (int i = 0; i < TB_BATCH_FRAMES; i++)
        rows[i] = grid + (tb_frames_begin(f, t + i) - tb_frames_begin(f, t));
    f->kernels->load_rows(b->sum, rows, f->window[b->parity[0]], f->window[b->parity[1]], f->len);
    if (b->frames != NULL)
        memcpy(b->frames, b->sum, sizeof *b->sum * TB_ELEMENT_FLOATS * (size_t)f->len);
}

/* The turned transforms of a group; returns its buffers. */
static float *transform_group(const batch *b, const group *g)
{
    const tb_frames *f = b->f;
    float *buffers = g->residue[0] == 0 ? b->sum : b->buffers;
    for (int i = 0; i < g->n_residues; i++) {
        float *data = buffers + (size_t)i * tb_fft_data_len(f->fft);
        if (g->factors[i] != NULL)
            f->kernels->multiply(data, b->frames, g->factors[i], f->len);
        clear_elements(data, f->len, f->sub_length);
        tb_fft_forward(f->fft, f->kernels, data);
    }
    return buffers;
}

/* Back from the bins of a group to its part of the sum. */
static void add_group(const batch *b, const group *g, float *buffers)
{
    const tb_frames *f = b->f;
    for (int i = 0; i < g->n_zeros; i++)
        clear_elements(buffers, g->zeros[i], g->zeros[i] + 1);
    for (int i = 0; i < g->n_residues; i++) {
        float *data = buffers + (size_t)i * tb_fft_data_len(f->fft);
        tb_fft_inverse(f->fft, f->kernels, data);
        if (g->factors[i] != NULL)
            f->kernels->multiply_conj_add(b->sum, data, g->factors[i], f->len);
    }
}

static void store_frames(const batch *b, float *out)
{
    const tb_frames *f = b->f;
    float *rows[TB_BATCH_FRAMES];
    for (size_t i = 0; i < TB_BATCH_FRAMES; i++)
        rows[i] = out + i * (size_t)f->len;
    f->kernels->store_rows(rows, b->sum, f->back[b->parity[0]], f->back[b->parity[1]], f->len);
}

static tb_bin_pairs pairs_of(const batch *b, const group *g)
{
    return (tb_bin_pairs){.pairs = g->pairs, .phases = g->phases[b->parity[0]], .n = g->n_pairs};
}

void tb_frames_analyze(const tb_frames *frames, int64_t t, const float *grid, float *X,
                       float *scratch)
{
    batch b = batch_at(frames, t, scratch);
    load_frames(&b, t, grid);
    for (const group *g = frames->groups; g < frames->groups + frames->n_groups; g++) {
        tb_bin_pairs pairs = pairs_of(&b, g);
        frames->kernels->analyze(X, transform_group(&b, g), &pairs);
    }
}

void tb_frames_magnitudes(const tb_frames *frames, int64_t t, const float *grid, float *magnitudes,
                          float *scratch)
{
    batch b = batch_at(frames, t, scratch);
    load_frames(&b, t, grid);
    for (const group *g = frames->groups; g < frames->groups + frames->n_groups; g++) {
        tb_bin_pairs pairs = pairs_of(&b, g);
        frames->kernels->magnitudes(magnitudes, transform_group(&b, g), &pairs);
    }
}

void tb_frames_synthesize(const tb_frames *frames, int64_t t, const float *X, float *out,
                          float *scratch)
{
    batch b = batch_at(frames, t, scratch);
    for (const group *g = frames->groups; g < frames->groups + frames->n_groups; g++) {
        tb_bin_pairs pairs = pairs_of(&b, g);
        float *buffers = g->residue[0] == 0 ? b.sum : b.buffers;
        frames->kernels->synthesize(buffers, X, &pairs);
        add_group(&b, g, buffers);
    }
    store_frames(&b, out);
}

void tb_frames_griffin_lim(const tb_frames *frames, int64_t t, const float *grid, const float *S,
                           float *R, float momentum, float *out, float *scratch)
{
    batch b = batch_at(frames, t, scratch);
    load_frames(&b, t, grid);
    for (const group *g = frames->groups; g < frames->groups + frames->n_groups; g++) {
        size_t slot = (size_t)g->slot;
        tb_bin_pairs pairs = pairs_of(&b, g);
        float *buffers = transform_group(&b, g);
        frames->kernels->griffin_lim(buffers, S + slot * 2 * TB_LANES,
                                     R + slot * 2 * TB_ELEMENT_FLOATS, momentum, &pairs);
        add_group(&b, g, buffers);
    }
    store_frames(&b, out);
}

void tb_frames_griffin_lim_last(const tb_frames *frames, int64_t t, const float *grid,
                                const float *S, float *R, float momentum, float *Y, float *scratch)
{
    batch b = batch_at(frames, t, scratch);
    load_frames(&b, t, grid);
    for (const group *g = frames->groups; g < frames->groups + frames->n_groups; g++) {
        size_t slot = (size_t)g->slot;
        tb_bin_pairs pairs = pairs_of(&b, g);
        frames->kernels->griffin_lim_last(Y, transform_group(&b, g), S + slot * 2 * TB_LANES,
                                          R + slot * 2 * TB_ELEMENT_FLOATS, momentum, &pairs);
    }
}
