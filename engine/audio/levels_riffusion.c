/*
 * riffusion-hobby's levels: numpy's scaling to int16, then two gains of pydub, which are those of
 * Python's audioop. Both gains follow from the samples' extremes and mean square, so one pass
 * measures and one writes.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/audio/leveller.h"
#include "engine/audio/levels.h"
#include "engine/audio/loudness.h"
#include "engine/base/math.h"

enum { CHUNK_FRAMES = 4096, CHUNK_SAMPLES = CHUNK_FRAMES * TB_SOUND_MAX_CHANNELS };

#define TARGET_DBFS (-12.0)
#define HEADROOM_DB 0.1
#define FULL_SCALE  32768.0 /* pydub's max_possible_amplitude */

/* Progress: where each pass ends. */
#define DONE_SCANNED  0.2
#define DONE_MEASURED 0.4

typedef struct {
    const tb_levels_io *io;
    const tb_progress *progress;
    float scale;                  /* to int16 */
    double square_sum;            /* of the scaled samples, added up in their order */
    int lowest, highest;          /* of the scaled samples */
    double gain_db, normalize_db; /* for the report */
    double gain, normalize;       /* the same as factors */
    tb_loudness meter;
    int64_t n_clipped;
} levelling;

/* audioop.mul: to the range, then down. */
static int multiply(int x, double factor, int64_t *n_clipped)
{
    double y = x * factor;
    if (y > INT16_MAX || y < INT16_MIN)
        ++*n_clipped;
    return (int)floor(y > INT16_MAX ? INT16_MAX : y < INT16_MIN ? INT16_MIN : y);
}

/* The next chunk as numpy's astype(int16) leaves it. */
static tb_status read_scaled(const levelling *l, int64_t frame, int n, int16_t *out, tb_error *err)
{
    float chunk[CHUNK_SAMPLES];
    tb_status st = tb_progress_check(l->progress, err);
    if (st == TIMBRE_OK)
        st = l->io->read(l->io->user, frame, n, chunk, err);
    for (int i = 0; i < n * l->io->n_channels && st == TIMBRE_OK; i++)
        out[i] = (int16_t)(chunk[i] * l->scale);
    return st;
}

static tb_status measure_chunk(levelling *l, int64_t frame, int n, tb_error *err)
{
    int16_t pcm[CHUNK_SAMPLES];
    tb_status st = read_scaled(l, frame, n, pcm, err);
    for (int i = 0; i < n * l->io->n_channels && st == TIMBRE_OK; i++) {
        l->square_sum += (double)pcm[i] * pcm[i];
        l->lowest = pcm[i] < l->lowest ? pcm[i] : l->lowest;
        l->highest = pcm[i] > l->highest ? pcm[i] : l->highest;
    }
    return st;
}

static tb_status write_chunk(levelling *l, int64_t frame, int n, tb_error *err)
{
    int16_t pcm[CHUNK_SAMPLES];
    float heard[CHUNK_SAMPLES];
    int64_t none = 0; /* the second gain leaves headroom */
    tb_status st = read_scaled(l, frame, n, pcm, err);
    if (st != TIMBRE_OK)
        return st;
    for (int i = 0; i < n * l->io->n_channels; i++) {
        int louder = multiply(pcm[i], l->gain, &l->n_clipped);
        pcm[i] = (int16_t)multiply(louder, l->normalize, &none);
        heard[i] = (float)pcm[i] / (float)FULL_SCALE;
    }
    st = tb_loudness_add(&l->meter, heard, n, err);
    return st == TIMBRE_OK ? l->io->write(l->io->user, pcm, n, err) : st;
}

static tb_status each_chunk(levelling *l, double from, double to,
                            tb_status (*work)(levelling *l, int64_t frame, int n, tb_error *err),
                            tb_error *err)
{
    int64_t n_frames = l->io->n_frames;
    tb_status st = TIMBRE_OK;
    for (int64_t i = 0; i < n_frames && st == TIMBRE_OK; i += CHUNK_FRAMES) {
        tb_progress_report(l->progress, from + (to - from) * (double)i / (double)n_frames);
        st = work(l, i, n_frames - i < CHUNK_FRAMES ? (int)(n_frames - i) : CHUNK_FRAMES, err);
    }
    return st;
}

/* riffusion's apply_gain(-12 - dBFS), then pydub's normalize(headroom=0.1). */
static void find_gains(levelling *l)
{
    double n_samples = (double)l->io->n_frames * l->io->n_channels;
    double rms = floor(sqrt(l->square_sum / n_samples));
    int64_t ignored = 0;
    l->gain_db = rms > 0 ? TARGET_DBFS - tb_gain_to_db(rms / FULL_SCALE) : 0;
    l->gain = tb_db_to_gain(l->gain_db);
    int peak = abs(multiply(l->lowest, l->gain, &ignored));
    int high = abs(multiply(l->highest, l->gain, &ignored));
    peak = high > peak ? high : peak;
    l->normalize_db = peak > 0 ? tb_gain_to_db(FULL_SCALE * tb_db_to_gain(-HEADROOM_DB) / peak) : 0;
    l->normalize = tb_db_to_gain(l->normalize_db);
}

static tb_status run(levelling *l, tb_error *err)
{
    const tb_levels_io *io = l->io;
    const tb_sound sound = {.read = io->read,
                            .user = io->user,
                            .n_frames = io->n_frames,
                            .n_channels = io->n_channels,
                            .rate_hz = io->rate_hz,
                            .scale = 1};
    float peak;
    tb_status st = tb_level_scan(&sound, 0, l->progress, &peak, err);
    if (st != TIMBRE_OK)
        return st;
    l->scale = INT16_MAX / peak;
    if (!isfinite(l->scale))
        l->scale = 0; /* silence, or so near to it that numpy's factor would be infinite */
    st = each_chunk(l, DONE_SCANNED, DONE_MEASURED, measure_chunk, err);
    if (st != TIMBRE_OK)
        return st;
    find_gains(l);
    return each_chunk(l, DONE_MEASURED, 1, write_chunk, err);
}

tb_status tb_levels_riffusion(const tb_levels_io *io, const tb_progress *progress,
                              tb_levels_report *report, tb_error *err)
{
    levelling l = {.io = io, .progress = progress};
    *report = (tb_levels_report){0};
    tb_status st = tb_loudness_init(&l.meter, io->n_channels, io->rate_hz, true, err);
    if (st == TIMBRE_OK)
        st = run(&l, err);
    if (st == TIMBRE_OK)
        *report = (tb_levels_report){.gain_db = (l.scale > 0 ? tb_gain_to_db(l.scale) : 0) +
                                                l.gain_db + l.normalize_db,
                                     .lufs = tb_loudness_lufs(&l.meter),
                                     .peak_dbtp = tb_loudness_peak_dbtp(&l.meter),
                                     .n_clipped = l.n_clipped};
    tb_loudness_deinit(&l.meter);
    return st;
}
