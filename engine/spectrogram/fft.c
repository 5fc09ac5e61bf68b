/*
 * A smooth length n = r0 * r1 * ... is done in passes (Cooley & Tukey 1965). Forward: pass i turns
 * each block of its length into r_i blocks of a smaller length, in place; depth first, so that from
 * some pass on a block and all that becomes of it stay in the first-level cache. What comes out has
 * its digits reversed; the inverse does the same steps backwards.
 *
 * Any other length is a convolution with a chirp (Bluestein 1970) of some smooth length.
 */
#include "engine/spectrogram/fft.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/math.h"
#include "engine/kernels/table.h"

enum {
    MAX_STAGES = 24,
    CACHE_ELEMENTS = 420 /* 27 KB: with twiddles inside any 32 KB */
};

typedef struct stage {
    int radix;
    int length;      /* of the blocks that the pass splits */
    float *twiddles; /* [length / radix - 1][radix - 1][2] */
} stage;

struct tb_fft {
    int n;
    int smooth_n; /* of the passes: n, or Bluestein's */
    int n_stages;
    stage stages[MAX_STAGES];
    int32_t *position;    /* [n] */
    float *chirp;         /* [n][2] exp(-pi i j^2 / n); NULL when n is smooth */
    float *chirp_spectra; /* [smooth_n][2] of the conjugate chirp, over smooth_n, in its order */
};

/* Which radices, in the order of the passes. */
static const int radices[] = {7, 5, 4, 3, 2};

enum { N_RADICES = sizeof radices / sizeof *radices };

void tb_fft_root(int64_t num, int64_t den, double *re, double *im)
{
    static const int turn[4][2] = {{1, 0}, {0, -1}, {-1, 0}, {0, 1}}; /* (-i)^quadrant */
    int64_t quadrant = 4 * num / den, rest = 4 * num - quadrant * den;
    double angle = TB_PI / 2 * (double)rest / (double)den;
    double c = rest == 0 ? 1 : tb_cos(angle), s = rest == 0 ? 0 : -tb_sin(angle);
    const int *q = turn[quadrant & 3];
    *re = c * q[0] - s * q[1];
    *im = c * q[1] + s * q[0];
}

void tb_fft_root_store(int64_t num, int64_t den, float out[2])
{
    double re, im;
    tb_fft_root(num, den, &re, &im);
    out[0] = (float)re;
    out[1] = (float)im;
}

/* n without its factors 2, 3, 5 and 7. */
static int rough_part(int n)
{
    static const int primes[] = {2, 3, 5, 7};
    for (size_t i = 0; i < sizeof primes / sizeof *primes; i++)
        while (n % primes[i] == 0)
            n /= primes[i];
    return n;
}

static tb_status no_memory(tb_error *err, int n)
{
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a transform of length %d", n);
}

static tb_status add_stage(tb_fft *fft, int radix, int length, tb_error *err)
{
    int m = length / radix;
    stage *s = &fft->stages[fft->n_stages++];
    *s = (stage){.radix = radix, .length = length};
    s->twiddles = malloc(sizeof *s->twiddles * 2 * (size_t)(radix - 1) * (size_t)m);
    if (s->twiddles == NULL)
        return no_memory(err, fft->n);
    float *w = s->twiddles;
    for (int j = 1; j < m; j++)
        for (int p = 1; p < radix; p++, w += 2)
            tb_fft_root_store((int64_t)j * p, length, w);
    return TIMBRE_OK;
}

static tb_status add_stages(tb_fft *fft, tb_error *err)
{
    int rest = fft->smooth_n;
    for (int i = 0; i < N_RADICES; i++)
        while (rest % radices[i] == 0) {
            tb_status st = add_stage(fft, radices[i], rest, err);
            if (st != TIMBRE_OK)
                return st;
            rest /= radices[i];
        }
    return TIMBRE_OK;
}

static int smooth_position(const tb_fft *fft, int k)
{
    int position = 0;
    for (int i = 0; i < fft->n_stages; i++) {
        const stage *s = &fft->stages[i];
        position += k % s->radix * (s->length / s->radix);
        k /= s->radix;
    }
    return position;
}

static tb_status find_positions(tb_fft *fft, tb_error *err)
{
    fft->position = malloc(sizeof *fft->position * (size_t)fft->n);
    if (fft->position == NULL)
        return no_memory(err, fft->n);
    for (int k = 0; k < fft->n; k++)
        fft->position[k] = fft->n == fft->smooth_n ? smooth_position(fft, k) : k;
    return TIMBRE_OK;
}

static void forward_from(const tb_fft *fft, const tb_kernels *kernels, int i_stage, float *data)
{
    if (i_stage == fft->n_stages)
        return;
    const stage *first = &fft->stages[i_stage];
    int length = first->length, m = length / first->radix;
    kernels->frames->fft_forward[first->radix](data, 1, m, first->twiddles);
    if (length <= CACHE_ELEMENTS) {
        for (const stage *s = first + 1; s < fft->stages + fft->n_stages; s++)
            kernels->frames->fft_forward[s->radix](data, length / s->length, s->length / s->radix,
                                                   s->twiddles);
        return;
    }
    for (int p = 0; p < first->radix; p++)
        forward_from(fft, kernels, i_stage + 1, data + (size_t)p * (size_t)m * TB_ELEMENT_FLOATS);
}

static void inverse_from(const tb_fft *fft, const tb_kernels *kernels, int i_stage, float *data)
{
    if (i_stage == fft->n_stages)
        return;
    const stage *first = &fft->stages[i_stage];
    int length = first->length, m = length / first->radix;
    if (length <= CACHE_ELEMENTS)
        for (const stage *s = fft->stages + fft->n_stages - 1; s > first; s--)
            kernels->frames->fft_inverse[s->radix](data, length / s->length, s->length / s->radix,
                                                   s->twiddles);
    else
        for (int p = 0; p < first->radix; p++)
            inverse_from(fft, kernels, i_stage + 1,
                         data + (size_t)p * (size_t)m * TB_ELEMENT_FLOATS);
    kernels->frames->fft_inverse[first->radix](data, 1, m, first->twiddles);
}

/* The conjugate chirp of both signs of time, transformed. Any variant gives the same bits. */
static tb_status transform_chirp(tb_fft *fft, tb_error *err)
{
    const tb_kernels *kernels;
    tb_status st = tb_kernels_choose(NULL, &kernels, err);
    if (st != TIMBRE_OK)
        return st;
    size_t size = (size_t)fft->smooth_n;
    float *data = calloc(size * TB_ELEMENT_FLOATS, sizeof *data);
    if (data == NULL)
        return no_memory(err, fft->n);
    for (int j = 0; j < fft->n; j++) {
        size_t at[2] = {(size_t)j, (size_t)(j == 0 ? 0 : fft->smooth_n - j)};
        for (int side = 0; side < 2; side++) {
            data[at[side] * TB_ELEMENT_FLOATS] = fft->chirp[2 * j];
            data[at[side] * TB_ELEMENT_FLOATS + TB_LANES] = -fft->chirp[2 * j + 1];
        }
    }
    forward_from(fft, kernels, 0, data);
    for (size_t i = 0; i < size; i++) {
        const float *x = data + i * TB_ELEMENT_FLOATS;
        fft->chirp_spectra[2 * i] = x[0] / (float)fft->smooth_n;
        fft->chirp_spectra[2 * i + 1] = x[TB_LANES] / (float)fft->smooth_n;
    }
    free(data);
    return TIMBRE_OK;
}

static tb_status make_chirp(tb_fft *fft, tb_error *err)
{
    fft->chirp = malloc(sizeof *fft->chirp * 2 * (size_t)fft->n);
    fft->chirp_spectra = malloc(sizeof *fft->chirp_spectra * 2 * (size_t)fft->smooth_n);
    if (fft->chirp == NULL || fft->chirp_spectra == NULL)
        return no_memory(err, fft->n);
    for (int64_t j = 0; j < fft->n; j++)
        tb_fft_root_store(j * j % (2 * (int64_t)fft->n), 2 * (int64_t)fft->n, fft->chirp + 2 * j);
    return transform_chirp(fft, err);
}

tb_status tb_fft_new(int n, tb_fft **out, tb_error *err)
{
    *out = NULL;
    if (n < 1 || n > TB_FFT_MAX_LENGTH)
        return tb_fail(err, TIMBRE_BAD_INPUT, "transform length %d is not from 1 to %d", n,
                       (int)TB_FFT_MAX_LENGTH);
    tb_fft *fft = calloc(1, sizeof *fft);
    if (fft == NULL)
        return no_memory(err, n);
    fft->n = fft->smooth_n = n;
    bool is_smooth = rough_part(n) == 1;
    if (!is_smooth)
        for (fft->smooth_n = 2 * n - 1; rough_part(fft->smooth_n) != 1;)
            fft->smooth_n++;
    tb_status st = add_stages(fft, err);
    if (st == TIMBRE_OK)
        st = find_positions(fft, err);
    if (st == TIMBRE_OK && !is_smooth)
        st = make_chirp(fft, err);
    if (st != TIMBRE_OK) {
        tb_fft_free(fft);
        return st;
    }
    *out = fft;
    return TIMBRE_OK;
}

void tb_fft_free(tb_fft *fft)
{
    if (fft == NULL)
        return;
    for (int i = 0; i < fft->n_stages; i++)
        free(fft->stages[i].twiddles);
    free(fft->position);
    free(fft->chirp);
    free(fft->chirp_spectra);
    free(fft);
}

size_t tb_fft_data_len(const tb_fft *fft)
{
    return (size_t)fft->smooth_n * TB_ELEMENT_FLOATS;
}

int tb_fft_position(const tb_fft *fft, int k)
{
    return fft->position[k];
}

/* What is behind the n elements may be anything. */
static void clear_rest(const tb_fft *fft, float *data)
{
    size_t used = (size_t)fft->n * TB_ELEMENT_FLOATS;
    memset(data + used, 0, sizeof *data * (tb_fft_data_len(fft) - used));
}

void tb_fft_forward(const tb_fft *fft, const tb_kernels *kernels, float *data)
{
    if (fft->chirp == NULL) {
        forward_from(fft, kernels, 0, data);
        return;
    }
    kernels->frames->multiply(data, data, fft->chirp, fft->n);
    clear_rest(fft, data);
    forward_from(fft, kernels, 0, data);
    kernels->frames->multiply(data, data, fft->chirp_spectra, fft->smooth_n);
    inverse_from(fft, kernels, 0, data);
    kernels->frames->multiply(data, data, fft->chirp, fft->n);
}

/* The chirp is the same both ways round, so the spectrum of its conjugate is the conjugate. */
void tb_fft_inverse(const tb_fft *fft, const tb_kernels *kernels, float *data)
{
    if (fft->chirp == NULL) {
        inverse_from(fft, kernels, 0, data);
        return;
    }
    kernels->frames->multiply_conj(data, data, fft->chirp, fft->n);
    clear_rest(fft, data);
    forward_from(fft, kernels, 0, data);
    kernels->frames->multiply_conj(data, data, fft->chirp_spectra, fft->smooth_n);
    inverse_from(fft, kernels, 0, data);
    kernels->frames->multiply_conj(data, data, fft->chirp, fft->n);
}

void tb_fft_real_forward(const tb_fft *fft, const tb_kernels *kernels, const float *rows,
                         float *bins, float *scratch)
{
    const float *row[TB_BATCH_FRAMES];
    for (size_t i = 0; i < TB_BATCH_FRAMES; i++)
        row[i] = rows + i * (size_t)fft->n;
    kernels->frames->load_rows(scratch, row, NULL, NULL, fft->n);
    tb_fft_forward(fft, kernels, scratch);
    kernels->frames->split_bins(bins, scratch, fft->position, fft->n);
}

void tb_fft_real_inverse(const tb_fft *fft, const tb_kernels *kernels, const float *bins,
                         float *rows, float *scratch)
{
    float *row[TB_BATCH_FRAMES];
    for (size_t i = 0; i < TB_BATCH_FRAMES; i++)
        row[i] = rows + i * (size_t)fft->n;
    kernels->frames->join_bins(scratch, bins, fft->position, fft->n);
    tb_fft_inverse(fft, kernels, scratch);
    kernels->frames->store_rows(row, scratch, NULL, NULL, fft->n);
}
