/*
 * Every limit on outside input in one place. A limit that a user can meet is named in the error
 * that reports it.
 */
#ifndef TB_BASE_LIMITS_H
#define TB_BASE_LIMITS_H

#include <stdint.h>

enum {
    TB_PROMPT_MAX_BYTES = 1024,            /* UTF-8 bytes of a prompt or negative prompt */
    TB_RECIPE_MAX_BYTES = 8 * 1024,        /* ASCII JSON inside an audio file */
    TB_STDIN_PROMPT_MAX_BYTES = 64 * 1024, /* read from standard input before it is refused */
    TB_SIDECAR_MAX_BYTES = 64 * 1024,
    TB_SETTINGS_MAX_BYTES = 256 * 1024,
    TB_PATH_MAX_BYTES = 4096,
    TB_SAMPLE_RATE_HZ = 44100,
    TB_SKETCH_MAX_SECONDS = 300,
    TB_SCORE_MAX_EVENTS = 200000, /* about 300 s of sixteenths on sixteen parts, tenfold */
    TB_SCORE_MAX_PARTS = 16,      /* MIDI channels */
    TB_THREADS_MAX = 256,
    TB_RATE_MIN_HZ = 1000, /* of audio files and spectrograms */
    TB_RATE_MAX_HZ = 384000,
    TB_AUDIO_MAX_CHANNELS = 32,
    TB_STEP_MAX_MS = 1000, /* a pixel of a spectrogram image */
    TB_PADDED_MAX_MS = 4000,
    TB_TRANSFORM_MAX = 1 << 18,  /* samples of a padded window */
    TB_BINS_MAX = 1 << 15,       /* of a transform, up to the highest frequency of an image */
    TB_BANDS_MAX = 8192,         /* height of an image */
    TB_IMAGE_MAX_WIDTH = 400000, /* over an hour at 10 ms */
    TB_IMAGE_MAX_HEIGHT = TB_BANDS_MAX,
    TB_JPEG_MAX_SIDE = 65500,           /* libjpeg's */
    TB_INTERLACED_MAX_PIXELS = 1 << 26, /* such an image is held in memory */
    TB_GRIFFIN_LIM_MAX_ITER = 200,
    TB_MEL_MAX_ITER = 10000,
    TB_CLIPS_MAX = 100000,
    TB_VIEW_MAX_WIDTH = 16384, /* of the look at a sound */
    TB_VIEW_MAX_HEIGHT = 4096,
};

#define TB_SEED_MAX 9007199254740991LL /* 2^53-1: exact in a JSON number */

/* Of a sample, in units of 16-bit samples: 33 million times full scale, 150 dB above it, beyond any
 * use. Squares of a spectrum, windows of TB_TRANSFORM_MAX such samples, stay below 2^116, so that
 * single precision (2^128) holds them and sums over bands. */
#define TB_SAMPLE_MAX 0x1p40f

/* Frames of a sound, 795 hours at 384 kHz: what a file claims beyond this is no length. */
#define TB_SOUND_MAX_FRAMES ((int64_t)1 << 40)

#endif
