#include "engine/spectrogram/frames_tables.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

enum { MAX_PARTS = 16 };

/* Where the window begins in n_fft. */
static int window_offset(const tb_frames_spec *spec)
{
    return (spec->n_fft - spec->win_length) / 2;
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

static tb_status make_factors(const tb_frames *f, int residue, float **out, tb_error *err)
{
    if (residue == 0)
        return TIMBRE_OK;
    *out = malloc(sizeof **out * 2 * (size_t)f->len);
    if (*out == NULL)
        return no_memory(err, f);
    for (int j = 0; j < f->len; j++)
        tb_fft_root_store((int64_t)residue * j % f->length, f->length, *out + 2 * (size_t)j);
    return TIMBRE_OK;
}

static size_t buffer_elements(const tb_frames *f)
{
    return tb_fft_data_len(f->fft) / TB_ELEMENT_FLOATS;
}

/* The element of the buffers of g that holds frequency k of N. */
static int element_of(const tb_frames *f, const tb_frames_group *g, int k)
{
    int behind = k % f->n_parts == g->residue[0] ? 0 : (int)buffer_elements(f);
    return behind + tb_fft_position(f->fft, k / f->n_parts);
}

static bool has_residue(const tb_frames *f, const tb_frames_group *g, int k)
{
    int r = k % f->n_parts;
    return r == g->residue[0] || (g->n_residues == 2 && r == g->residue[1]);
}

static int compare_pairs(const void *a, const void *b)
{
    return ((const tb_bin_pair *)a)->at - ((const tb_bin_pair *)b)->at;
}

static tb_status make_pairs(const tb_frames *f, tb_frames_group *g, tb_error *err)
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
static tb_status make_phases(const tb_frames *f, tb_frames_group *g, tb_error *err)
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
                tb_fft_root_store(g->pairs[i].bin * offset % f->spec.n_fft, f->spec.n_fft,
                                  g->phases[p] + 4 * (size_t)i + 2 * half);
            }
    }
    return TIMBRE_OK;
}

/* Elements of the group's transforms that no pair writes. */
static tb_status make_zeros(const tb_frames *f, tb_frames_group *g, tb_error *err)
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
    tb_frames_group *g = &f->groups[f->n_groups++];
    *g = (tb_frames_group){.residue = {residue, partner}, .n_residues = partner == residue ? 1 : 2};
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

static void free_group(tb_frames_group *g)
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
