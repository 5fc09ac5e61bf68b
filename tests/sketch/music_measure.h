/*
 * What a listener would measure on a rendered take: tempo, key, silences, seams. Works on the sound
 * alone and knows nothing of scores. Spectra by aubio (tests only: aubio is GPL).
 */
#ifndef TESTS_SKETCH_MUSIC_MEASURE_H
#define TESTS_SKETCH_MUSIC_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The strongest pulse in [lo_bpm, hi_bpm]: onset strength (aubio "specflux", hop 256), its
 * autocorrelation, and the tempo whose first beats' lags gather most of it. Which of a tempo, its
 * half and its double a listener taps is a matter of taste: the range decides.
 */
double measure_tempo_bpm(const float *pcm, int64_t n_frames, double lo_bpm, double hi_bpm);

/*
 * Key by chroma (Krumhansl & Kessler 1982 profiles over 24 keys). scale_mask: restrict the answer to
 * "major" (0), "minor" (1) or leave it open (-1). Returns root + 12 * is_minor.
 */
int measure_key(const float *pcm, int64_t n_frames, int mode);

/* Share of the chroma that falls on the 12-bit scale mask rooted at `root`, 0..1. */
double measure_in_scale(const float *pcm, int64_t n_frames, int root, unsigned scale_mask);

/* Longest time below threshold_db (dBFS, RMS over 10 ms), in seconds. */
double measure_longest_silence_s(const float *pcm, int64_t n_frames, double threshold_db);

/* Step over the seam of a loop divided by the largest step inside, the worse channel. */
double measure_seam(const float *pcm, int64_t n_frames);

/* Correlation at lag 0 of n samples, -1..1. */
double measure_correlation(const float *a, const float *b, int64_t n_samples);

#endif
