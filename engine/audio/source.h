/*
 * Sound from a file as the spectrogram wants it: the wished channels and rate, in units of 16-bit
 * samples (Riffusion's amplitudes), as a stream.
 */
#ifndef TB_AUDIO_SOURCE_H
#define TB_AUDIO_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "timbre/audio.h"

typedef struct tb_source tb_source;

typedef struct tb_source_spec {
    int n_channels; /* 1, 2; 0: the file's own */
    int rate_hz;    /* 0: the file's own */
    bool is_best;   /* SINC_BEST, for sound that is listened to, instead of SINC_MEDIUM */
} tb_source_spec;

typedef struct tb_source_info {
    int rate_hz, n_channels;           /* what comes out */
    int file_rate_hz, file_n_channels; /* what the file has */
    int64_t n_frames; /* of the file, as it claims; may be wrong; 0: it does not say */
} tb_source_info;

/*
 * Samples are 32768 times what libsndfile gives: of 16 bits and fewer exact integers, of finer and
 * of lossy files not rounded to integers (pydub, through ffmpeg, would round MP3 and Ogg).
 * Channels: as tb_channels_convert. Rate: libsamplerate (SINC_MEDIUM), the same as of the whole
 * file however it is read, at most round(frames * ratio) frames. Limits: TB_RATE_MIN_HZ ..
 * TB_RATE_MAX_HZ, 1 .. TB_AUDIO_MAX_CHANNELS: BAD_FILE naming value and limit. A change of rate by
 * more than 256 times: UNSUPPORTED.
 */
TB_MUST_USE tb_status tb_source_open(const char *path, const tb_source_spec *spec, tb_source **out,
                                     tb_error *err);
/* The same from a file that is open already. Takes `audio`, on failure too. */
TB_MUST_USE tb_status tb_source_new(timbre_audio *audio, const tb_source_spec *spec,
                                    tb_source **out, tb_error *err);
/* Accepts NULL. */
void tb_source_close(tb_source *source);
void tb_source_get_info(const tb_source *source, tb_source_info *info);
/* Up to n interleaved frames; *n_read < n only at the end. A sample that is not finite or beyond
 * TB_SAMPLE_MAX, in the file or after the change of rate: BAD_FILE naming value, limit and time.
 * What comes out is within TB_SAMPLE_MAX. After an error the only use left is closing. */
TB_MUST_USE tb_status tb_source_read(tb_source *source, float *out, int64_t n, int64_t *n_read,
                                     tb_error *err);
/* To a frame of the output, by its time; only without a change of rate (else UNSUPPORTED). */
TB_MUST_USE tb_status tb_source_seek(tb_source *source, int64_t frame, tb_error *err);

/* Version of the libsamplerate in use, e.g. "0.2.2", into out[16]. */
void tb_source_resampler_version(char out[16]);

#endif
