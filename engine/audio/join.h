/* Clips of 16 bits joined to one sound, each reaching into the one before. */
#ifndef TB_AUDIO_JOIN_H
#define TB_AUDIO_JOIN_H

#include <stdint.h>

typedef enum tb_join {
    TB_JOIN_CLEAN,    /* of equal power: cosine out, sine in */
    TB_JOIN_RIFFUSION /* pydub 0.25.1's append with a crossfade: straight ramps to -120 dB, of more
                         than 100 ms in steps of a millisecond, rounded down, saturated */
} tb_join;

/* Adds clip[n_frames][n_channels] to out, which holds n_out frames and has room: the last n_overlap
 * of them and the first of the clip become one. n_overlap is at most either length. Returns the
 * frames that out holds then. */
int64_t tb_join_append(tb_join join, int16_t *out, int64_t n_out, const int16_t *clip,
                       int64_t n_frames, int n_channels, int rate_hz, int64_t n_overlap);

#endif
