/*
 * Audio files in memory and on disk, with the recipe inside: WAV in a chunk 'tmbr', FLAC in the
 * Vorbis comment COMMENT. Encoding goes to memory, so that one path serves files and streams and
 * what was written can be read back before it is shown.
 */
#ifndef TB_AUDIO_AUDIO_FILE_H
#define TB_AUDIO_AUDIO_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "timbre/audio.h"

typedef struct tb_audio_spec {
    const char *format; /* "wav" or "flac", as in the field output_format */
    int rate_hz;
    int n_channels;
    int64_t n_frames;
    const char *recipe; /* ASCII JSON, at most TB_RECIPE_MAX_BYTES */
    const char *title;  /* UTF-8, for players; at most 200 bytes are kept */
} tb_audio_spec;

/* Encode pcm[n_frames * n_channels] as 16 bit. *bytes is malloc'ed, owned by the caller. The same
 * input gives the same bytes: no clock, no path. */
TB_MUST_USE tb_status tb_audio_encode(const tb_audio_spec *spec, const int16_t *pcm,
                                      unsigned char **bytes, size_t *len_bytes, tb_error *err);

/* Open an encoded file in memory; `bytes` must outlive the reader. Close with timbre_audio_close.
 */
TB_MUST_USE tb_status tb_audio_open_memory(const unsigned char *bytes, size_t len_bytes,
                                           timbre_audio **out, tb_error *err);

/* Read `audio` to its end and compare with what was meant: frames, channels, every sample and the
 * recipe. Any difference: VERIFY_FAILED naming it. */
TB_MUST_USE tb_status tb_audio_verify(timbre_audio *audio, const tb_audio_spec *spec,
                                      const int16_t *pcm, tb_error *err);

/* Version of the libsndfile in use, "1.2.0"; static storage. */
const char *tb_audio_library_version(void);

#endif
