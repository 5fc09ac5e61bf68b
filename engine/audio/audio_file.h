/*
 * Audio files read from disk and memory, with the recipe inside: WAV in a chunk 'tmbr', the others
 * an MP3 in its tag (id3.h), the
 * others in their comment. What was written is read back here before it is shown.
 */
#ifndef TB_AUDIO_AUDIO_FILE_H
#define TB_AUDIO_AUDIO_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "timbre/audio.h"

typedef struct tb_audio_spec {
    const char *format; /* of tb_audio_formats */
    int rate_hz;
    int n_channels;
    int64_t n_frames;
    const char *recipe; /* ASCII JSON, at most TB_RECIPE_MAX_BYTES */
    const char *title;  /* UTF-8, for players; at most 200 bytes are kept */
} tb_audio_spec;

/* Open an encoded file in memory; `bytes` must outlive the reader. Close with timbre_audio_close.
 */
TB_MUST_USE tb_status tb_audio_open_memory(const unsigned char *bytes, size_t len_bytes,
                                           timbre_audio **out, tb_error *err);

/* Read `audio` to its end and compare with what was meant: frames, channels, every sample and the
 * recipe. Any difference: VERIFY_FAILED naming it. */
TB_MUST_USE tb_status tb_audio_verify(timbre_audio *audio, const tb_audio_spec *spec,
                                      const int16_t *pcm, tb_error *err);

/* The same with the SHA-256 of the samples instead of the samples. spec->recipe NULL: any. */
TB_MUST_USE tb_status tb_audio_verify_hash(timbre_audio *audio, const tb_audio_spec *spec,
                                           const char *hex, tb_error *err);
/* SHA-256 of the 16-bit samples from the position to the end, interleaved, as they stand in memory
 * on this machine. Finer samples are rounded by libsndfile. */
TB_MUST_USE tb_status tb_audio_hash_pcm(timbre_audio *audio, char hex[TB_SHA256_HEX_BYTES],
                                        tb_error *err);

/* Title and recipe are those of the spec, as far as it has any: VERIFY_FAILED. */
TB_MUST_USE tb_status tb_audio_verify_texts(const timbre_audio *audio, const tb_audio_spec *spec,
                                            tb_error *err);

/* Bits of integer samples: 8, 16, 24 or 32; 0 for floating point and lossy formats. */
int tb_audio_sample_bits(const timbre_audio *audio);

/* Version of the libsndfile in use, "1.2.0"; static storage. */
const char *tb_audio_library_version(void);

#endif
