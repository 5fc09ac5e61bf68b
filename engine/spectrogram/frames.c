/* Batches through the tables of frames_tables.h, which has the idea. */
#include "engine/spectrogram/frames.h"

#include <string.h>

#include "engine/spectrogram/frames_tables.h"

static int64_t floor_half(int64_t x)
{
    return x >= 0 ? x / 2 : -((1 - x) / 2);
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
    batch b = {
        .f = f, .parity = {parity(f, t), parity(f, t + 1)}, .sum = scratch, .buffers = scratch};
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
    f->kernels->frames->load_rows(b->sum, rows, f->window[b->parity[0]], f->window[b->parity[1]],
                                  f->len);
    if (b->frames != NULL)
        memcpy(b->frames, b->sum, sizeof *b->sum * TB_ELEMENT_FLOATS * (size_t)f->len);
}

/* The turned transforms of a group; returns its buffers. */
static float *transform_group(const batch *b, const tb_frames_group *g)
{
    const tb_frames *f = b->f;
    float *buffers = g->residue[0] == 0 ? b->sum : b->buffers;
    for (int i = 0; i < g->n_residues; i++) {
        float *data = buffers + (size_t)i * tb_fft_data_len(f->fft);
        if (g->factors[i] != NULL)
            f->kernels->frames->multiply(data, b->frames, g->factors[i], f->len);
        clear_elements(data, f->len, f->sub_length);
        tb_fft_forward(f->fft, f->kernels, data);
    }
    return buffers;
}

/* Back from the bins of a group to its part of the sum. */
static void add_group(const batch *b, const tb_frames_group *g, float *buffers)
{
    const tb_frames *f = b->f;
    for (int i = 0; i < g->n_zeros; i++)
        clear_elements(buffers, g->zeros[i], g->zeros[i] + 1);
    for (int i = 0; i < g->n_residues; i++) {
        float *data = buffers + (size_t)i * tb_fft_data_len(f->fft);
        tb_fft_inverse(f->fft, f->kernels, data);
        if (g->factors[i] != NULL)
            f->kernels->frames->multiply_conj_add(b->sum, data, g->factors[i], f->len);
    }
}

static void store_frames(const batch *b, float *out)
{
    const tb_frames *f = b->f;
    float *rows[TB_BATCH_FRAMES];
    for (size_t i = 0; i < TB_BATCH_FRAMES; i++)
        rows[i] = out + i * (size_t)f->len;
    f->kernels->frames->store_rows(rows, b->sum, f->back[b->parity[0]], f->back[b->parity[1]],
                                   f->len);
}

static tb_bin_pairs pairs_of(const batch *b, const tb_frames_group *g)
{
    return (tb_bin_pairs){.pairs = g->pairs, .phases = g->phases[b->parity[0]], .n = g->n_pairs};
}

void tb_frames_analyze(const tb_frames *frames, int64_t t, const float *grid, float *X,
                       float *scratch)
{
    batch b = batch_at(frames, t, scratch);
    load_frames(&b, t, grid);
    for (const tb_frames_group *g = frames->groups; g < frames->groups + frames->n_groups; g++) {
        tb_bin_pairs pairs = pairs_of(&b, g);
        frames->kernels->frames->analyze(X, transform_group(&b, g), &pairs);
    }
}

void tb_frames_magnitudes(const tb_frames *frames, int64_t t, const float *grid, float *magnitudes,
                          float *scratch)
{
    batch b = batch_at(frames, t, scratch);
    load_frames(&b, t, grid);
    for (const tb_frames_group *g = frames->groups; g < frames->groups + frames->n_groups; g++) {
        tb_bin_pairs pairs = pairs_of(&b, g);
        frames->kernels->frames->magnitudes(magnitudes, transform_group(&b, g), &pairs);
    }
}

void tb_frames_synthesize(const tb_frames *frames, int64_t t, const float *X, float *out,
                          float *scratch)
{
    batch b = batch_at(frames, t, scratch);
    for (const tb_frames_group *g = frames->groups; g < frames->groups + frames->n_groups; g++) {
        tb_bin_pairs pairs = pairs_of(&b, g);
        float *buffers = g->residue[0] == 0 ? b.sum : b.buffers;
        frames->kernels->frames->synthesize(buffers, X, &pairs);
        add_group(&b, g, buffers);
    }
    store_frames(&b, out);
}

void tb_frames_griffin_lim(const tb_frames *frames, int64_t t, const float *grid, const float *S,
                           float *R, float momentum, float *out, float *scratch)
{
    batch b = batch_at(frames, t, scratch);
    load_frames(&b, t, grid);
    for (const tb_frames_group *g = frames->groups; g < frames->groups + frames->n_groups; g++) {
        size_t slot = (size_t)g->slot;
        tb_bin_pairs pairs = pairs_of(&b, g);
        float *buffers = transform_group(&b, g);
        frames->kernels->frames->griffin_lim(buffers, S + slot * 2 * TB_LANES,
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
    for (const tb_frames_group *g = frames->groups; g < frames->groups + frames->n_groups; g++) {
        size_t slot = (size_t)g->slot;
        tb_bin_pairs pairs = pairs_of(&b, g);
        frames->kernels->frames->griffin_lim_last(
            Y, transform_group(&b, g), S + slot * 2 * TB_LANES, R + slot * 2 * TB_ELEMENT_FLOATS,
            momentum, &pairs);
    }
}
