/*
 * Every limit on outside input in one place. A limit that a user can meet is named in the error
 * that reports it.
 */
#ifndef TB_BASE_LIMITS_H
#define TB_BASE_LIMITS_H

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
};

#define TB_SEED_MAX 9007199254740991LL /* 2^53-1: exact in a JSON number */

#endif
