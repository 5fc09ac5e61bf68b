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
 * autocorrelation, and the tempo at whose beats' lags it is highest, weighted towards 120 bpm as
 * listeners are. Which of a tempo, its half and its double is tapped stays a matter of taste.
 */
double measure_tempo_bpm(const float *pcm, int64_t n_frames, double lo_bpm, double hi_bpm);

/*
 * Key by chroma: the best of 24 by correlation with the profiles of Albrecht & Shanahan (2013),
 * which tell a key from its dominant better than Krumhansl & Kessler's. `mode`: 0 only major, 1
 * only minor, -1 any. Returns root + 12 * is_minor.
 */
int measure_key(const float *pcm, int64_t n_frames, int mode);

/* Longest time below threshold_db (dBFS, RMS over 10 ms), in seconds. */
double measure_longest_silence_s(const float *pcm, int64_t n_frames, double threshold_db);

/* Step over the seam of a loop divided by the largest step inside, the worse channel. */
double measure_seam(const float *pcm, int64_t n_frames);

/* Correlation at lag 0 of n samples, -1..1. */
double measure_correlation(const float *a, const float *b, int64_t n_samples);

#endif
