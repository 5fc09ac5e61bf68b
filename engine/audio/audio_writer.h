/*
 * Audio files written block by block, to a file that has no name yet or to memory; the one encoder
 * behind takes and clips. Formats: wav and flac (exact, with the recipe), ogg, opus, mp3 (for
 * sharing; with the recipe too, in their comment or tag).
 */
#ifndef TB_AUDIO_AUDIO_WRITER_H
#define TB_AUDIO_AUDIO_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/audio/audio_file.h"

typedef struct tb_audio_writer tb_audio_writer;

/* NULL-terminated endings; the first is "wav". */
const char *const *tb_audio_formats(void);
/* The format by a path's ending, in any case; NULL when it is none of them. */
const char *tb_audio_format_of_path(const char *path);
/* wav and flac: what is read back is what was written. */
bool tb_audio_format_is_exact(const char *format);
/* Whether the format can have what the spec says: UNSUPPORTED names what is possible. A spec with
 * n_frames 0 says nothing about the length. */
TB_MUST_USE tb_status tb_audio_format_check(const tb_audio_spec *spec, tb_error *err);

/* To descriptor `fd`, positioned at the start (as of tb_file_writer; not closed here).
 * spec->recipe and spec->title may be NULL. Checks the spec first. */
TB_MUST_USE tb_status tb_audio_writer_open(const tb_audio_spec *spec, int fd, tb_audio_writer **out,
                                           tb_error *err);
/* n frames of 16-bit samples, interleaved. Disk full is NO_SPACE; more than the format holds is
 * UNSUPPORTED naming the limit. */
TB_MUST_USE tb_status tb_audio_writer_append(tb_audio_writer *writer, const int16_t *pcm, int64_t n,
                                             tb_error *err);
/* Ends the file: header and index are written; frees the writer, whatever comes back. */
TB_MUST_USE tb_status tb_audio_writer_close(tb_audio_writer *writer, tb_error *err);
/* Give up: free without caring for what stands in the file. Accepts NULL. */
void tb_audio_writer_abort(tb_audio_writer *writer);

/* pcm[n_frames * n_channels] in one piece, to memory. *bytes is malloc'ed, owned by the caller.
 * Exact formats: the same input gives the same bytes: no clock, no path. */
TB_MUST_USE tb_status tb_audio_encode(const tb_audio_spec *spec, const int16_t *pcm,
                                      unsigned char **bytes, size_t *len_bytes, tb_error *err);

#endif
