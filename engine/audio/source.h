/*
 * Sound from a file as the spectrogram wants it: the wished channels and rate, in units of 16-bit
 * samples (Riffusion's amplitudes), as a stream.
 */
#ifndef TB_AUDIO_SOURCE_H
#define TB_AUDIO_SOURCE_H

#include <stdint.h>

#include "engine/base/error.h"

typedef struct tb_source tb_source;

typedef struct tb_source_spec {
    int n_channels; /* 1, 2; 0: the file's own */
    int rate_hz;    /* 0: the file's own */
} tb_source_spec;

typedef struct tb_source_info {
    int rate_hz, n_channels;           /* what comes out */
    int file_rate_hz, file_n_channels; /* what the file has */
    int64_t n_frames;                  /* of the file, as it claims; may be wrong */
} tb_source_info;

/*
 * Channels: 2 to 1 is floor((L + R) / 2) of 16-bit samples (pydub, audioop.tomono), without the
 * floor for finer formats; more to 1 the mean; 1 to 2 the same twice; more to 2 by the layout of
 * ITU-R BS.775 for 5 and 6 channels, else even channels left and odd ones right. Rate:
 * libsamplerate (SINC_MEDIUM), the same as of the whole file however it is read. Limits: rate
 * 1,000..384,000 Hz, 1..32 channels: BAD_FILE naming value and limit.
 */
TB_MUST_USE tb_status tb_source_open(const char *path, const tb_source_spec *spec, tb_source **out,
                                     tb_error *err);
void tb_source_close(tb_source *source);
void tb_source_get_info(const tb_source *source, tb_source_info *info);
/* Up to n interleaved frames; *n_read < n only at the end. NaN or infinity in the file: BAD_FILE
 * naming the time. */
TB_MUST_USE tb_status tb_source_read(tb_source *source, float *out, int64_t n, int64_t *n_read,
                                     tb_error *err);
/* To a frame of the output, by its time; only without a change of rate (else UNSUPPORTED). */
TB_MUST_USE tb_status tb_source_seek(tb_source *source, int64_t frame, tb_error *err);

/* Version of the libsamplerate in use, "0.2.2"; static storage. */
const char *tb_source_resampler_version(void);

#endif
