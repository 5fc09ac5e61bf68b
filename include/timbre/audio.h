/*
 * Audio files as takes: facts, samples and the recipe inside. Reads what libsndfile reads.
 */
#ifndef TIMBRE_AUDIO_H
#define TIMBRE_AUDIO_H

#include <stddef.h>
#include <stdint.h>

#include "timbre/cancel.h"
#include "timbre/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct timbre_audio timbre_audio;

typedef struct timbre_audio_info {
    size_t struct_size;
    int rate_hz;
    int n_channels;
    int64_t n_frames;
    char format[48]; /* "WAV, 16 bit", "FLAC, 24 bit", "MPEG, MP3" */
} timbre_audio_info;

/* Open for reading. Returns owned (timbre_audio_close accepts NULL). NOT_FOUND, PERMISSION,
 * BAD_FILE. */
TIMBRE_MUST_USE timbre_status timbre_audio_open(const char *path, timbre_audio **out,
                                                timbre_error *err);
void timbre_audio_close(timbre_audio *audio);
void timbre_audio_get_info(const timbre_audio *audio, timbre_audio_info *info);
/* The recipe inside the file as JSON, or NULL when there is none (or none that can be trusted to be
 * one: not JSON, over 8 KiB). Valid until close. */
const char *timbre_audio_recipe(const timbre_audio *audio);
/* The title inside the file, UTF-8, or NULL when there is none. Valid until close. */
const char *timbre_audio_title(const timbre_audio *audio);
/* Read up to n_frames interleaved float frames (-1..1) at the position; *n_read < n_frames at the
 * end. */
TIMBRE_MUST_USE timbre_status timbre_audio_read(timbre_audio *audio, float *out, int64_t n_frames,
                                                int64_t *n_read, timbre_error *err);
TIMBRE_MUST_USE timbre_status timbre_audio_seek(timbre_audio *audio, int64_t frame,
                                                timbre_error *err);

/*
 * Write the sound of a file as another one, whose ending says the format (timbre_audio_formats): 16
 * bit samples, the recipe of the old file where it has one, and a title (UTF-8, at most 200 bytes
 * are kept; NULL: the old file's; "": none). A rate that Opus or MP3 cannot have, such as 44.1 kHz
 * in Opus, becomes 48 kHz. The file is read back (recipe and title are the same, the length within
 * the codec's padding, and the samples too where the format is exact) and appears whole or not at
 * all. UNSUPPORTED: the format cannot have so many channels. EXISTS unless replace; CANCELLED; what
 * timbre_audio_open says.
 */
TIMBRE_MUST_USE timbre_status timbre_audio_convert(const char *audio_path, const char *output,
                                                   const char *title, int replace,
                                                   const timbre_cancel *cancel, timbre_error *err);

#ifdef __cplusplus
}
#endif
#endif
