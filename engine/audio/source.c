#include "engine/audio/source.h"

#include <math.h>
#include <samplerate.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/audio/audio_file.h"
#include "engine/audio/channels.h"
#include "engine/base/limits.h"

enum { BLOCK_FRAMES = 4096 };

#define UNITS 32768.0f /* of 16-bit samples in libsndfile's 1.0 */

/* Frames that were made and not yet taken. */
typedef struct {
    float *frames; /* [BLOCK_FRAMES * channels], owned */
    int64_t at, n;
} block;

struct tb_source {
    timbre_audio *audio; /* owned */
    timbre_audio_info file;
    tb_source_info info;
    bool is_16_bit;
    float *raw;           /* [BLOCK_FRAMES * file channels], owned */
    block converted;      /* wanted channels at the file's rate */
    block resampled;      /* and at the wanted rate */
    SRC_STATE *resampler; /* owned; NULL: the file's rate is wanted */
    double ratio;
    int64_t n_in, n_out; /* frames read from the file, frames that left the resampler */
    bool is_at_end;      /* the file is read */
};

static tb_status check_file(const timbre_audio_info *file, tb_error *err)
{
    if (file->rate_hz < TB_RATE_MIN_HZ || file->rate_hz > TB_RATE_MAX_HZ)
        return tb_fail(err, TIMBRE_BAD_FILE, "the sound's rate of %d Hz is not within %d to %d Hz",
                       file->rate_hz, TB_RATE_MIN_HZ, TB_RATE_MAX_HZ);
    if (file->n_channels < 1 || file->n_channels > TB_AUDIO_MAX_CHANNELS)
        return tb_fail(err, TIMBRE_BAD_FILE, "the sound's %d channels exceed %d", file->n_channels,
                       TB_AUDIO_MAX_CHANNELS);
    return TIMBRE_OK;
}

static tb_status open_resampler(tb_source *s, bool is_best, tb_error *err)
{
    s->ratio = (double)s->info.rate_hz / s->info.file_rate_hz;
    if (!src_is_valid_ratio(s->ratio))
        return tb_fail(err, TIMBRE_UNSUPPORTED, "%d Hz cannot be brought to %d Hz: over 256 times",
                       s->info.file_rate_hz, s->info.rate_hz);
    int failed;
    s->resampler = src_new(is_best ? SRC_SINC_BEST_QUALITY : SRC_SINC_MEDIUM_QUALITY,
                           s->info.n_channels, &failed);
    return s->resampler != NULL ? TIMBRE_OK
                                : tb_fail(err, TIMBRE_NO_MEMORY, "no resampler for %d channels: %s",
                                          s->info.n_channels, src_strerror(failed));
}

static float *new_frames(int n_channels)
{
    return malloc(sizeof(float) * BLOCK_FRAMES * (size_t)n_channels);
}

/* libsndfile takes a FLAC that does not tell its length for one of 2^63-1 frames. */
static int64_t claimed_frames(const timbre_audio_info *file)
{
    return file->n_frames > 0 && file->n_frames <= TB_SOUND_MAX_FRAMES ? file->n_frames : 0;
}

static tb_status prepare(tb_source *s, const tb_source_spec *spec, tb_error *err)
{
    s->file.struct_size = sizeof s->file;
    timbre_audio_get_info(s->audio, &s->file);
    tb_status st = check_file(&s->file, err);
    if (st != TIMBRE_OK)
        return st;
    int bits = tb_audio_sample_bits(s->audio);
    s->is_16_bit = bits > 0 && bits <= 16;
    s->info = (tb_source_info){.rate_hz = spec->rate_hz > 0 ? spec->rate_hz : s->file.rate_hz,
                               .n_channels = spec->n_channels > 0 ? spec->n_channels
                                                                  : s->file.n_channels,
                               .file_rate_hz = s->file.rate_hz,
                               .file_n_channels = s->file.n_channels,
                               .n_frames = claimed_frames(&s->file)};
    s->raw = new_frames(s->file.n_channels);
    s->converted.frames = new_frames(s->info.n_channels);
    s->resampled.frames = new_frames(s->info.n_channels);
    if (s->raw == NULL || s->converted.frames == NULL || s->resampled.frames == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory to read %d channels", s->file.n_channels);
    return s->info.rate_hz == s->info.file_rate_hz ? TIMBRE_OK
                                                   : open_resampler(s, spec->is_best, err);
}

tb_status tb_source_new(timbre_audio *audio, const tb_source_spec *spec, tb_source **out,
                        tb_error *err)
{
    *out = NULL;
    tb_source *s = calloc(1, sizeof *s);
    if (s == NULL) {
        timbre_audio_close(audio);
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a reader");
    }
    s->audio = audio;
    tb_status st = prepare(s, spec, err);
    if (st == TIMBRE_OK)
        *out = s;
    else
        tb_source_close(s);
    return st;
}

tb_status tb_source_open(const char *path, const tb_source_spec *spec, tb_source **out,
                         tb_error *err)
{
    *out = NULL;
    timbre_audio *audio;
    tb_status st = timbre_audio_open(path, &audio, err);
    return st == TIMBRE_OK ? tb_source_new(audio, spec, out, err) : st;
}

void tb_source_close(tb_source *s)
{
    if (s == NULL)
        return;
    if (s->resampler != NULL)
        src_delete(s->resampler);
    timbre_audio_close(s->audio);
    free(s->raw);
    free(s->converted.frames);
    free(s->resampled.frames);
    free(s);
}

void tb_source_get_info(const tb_source *source, tb_source_info *info)
{
    *info = source->info;
}

/* n frames in units of 16-bit samples, of which `first` came before; the message is in units of the
 * file. */
static tb_status check_samples(const float *x, int64_t n, int n_channels, int64_t first,
                               int rate_hz, tb_error *err)
{
    for (int64_t i = 0; i < n * n_channels; i++) {
        int64_t frame = first + i / n_channels;
        if (!(fabsf(x[i]) <= TB_SAMPLE_MAX))
            return tb_fail(err, TIMBRE_BAD_FILE,
                           "the sound's sample of %g at %.3f s is not within %.0f times full scale",
                           (double)(x[i] / UNITS), (double)frame / rate_hz,
                           (double)(TB_SAMPLE_MAX / UNITS));
    }
    return TIMBRE_OK;
}

/* To 16-bit units. */
static tb_status scale(const tb_source *s, int64_t n, tb_error *err)
{
    for (int64_t i = 0; i < n * s->file.n_channels; i++)
        s->raw[i] *= UNITS;
    return check_samples(s->raw, n, s->file.n_channels, s->n_in, s->file.rate_hz, err);
}

/* The next block of the file; empty at its end. */
static tb_status fill_converted(tb_source *s, tb_error *err)
{
    int64_t n = 0;
    s->converted.at = s->converted.n = 0;
    if (s->is_at_end)
        return TIMBRE_OK;
    tb_status st = timbre_audio_read(s->audio, s->raw, BLOCK_FRAMES, &n, err);
    if (st == TIMBRE_OK)
        st = scale(s, n, err);
    if (st != TIMBRE_OK)
        return st;
    tb_channels_convert(s->raw, s->file.n_channels, s->converted.frames, s->info.n_channels, n,
                        s->is_16_bit);
    s->is_at_end = n < BLOCK_FRAMES;
    s->n_in += n;
    s->converted.n = n;
    return TIMBRE_OK;
}

static tb_status run_resampler(tb_source *s, bool *is_done, tb_error *err)
{
    const block *from = &s->converted;
    SRC_DATA data = {.data_in = from->frames + from->at * s->info.n_channels,
                     .input_frames = (long)(from->n - from->at),
                     .data_out = s->resampled.frames,
                     .output_frames = BLOCK_FRAMES,
                     .end_of_input = s->is_at_end,
                     .src_ratio = s->ratio};
    int failed = src_process(s->resampler, &data);
    if (failed != 0)
        return tb_fail(err, TIMBRE_FAILED, "libsamplerate failed: %s", src_strerror(failed));
    s->converted.at += data.input_frames_used;
    s->resampled.n = data.output_frames_gen;
    *is_done = data.output_frames_gen == 0 && data.input_frames_used == 0;
    if (*is_done && data.input_frames > 0)
        return tb_fail(err, TIMBRE_INTERNAL, "libsamplerate took nothing of %ld frames",
                       data.input_frames);
    return TIMBRE_OK;
}

/* Always in blocks of the same size, so that nothing depends on how they are taken. */
static tb_status fill_resampled(tb_source *s, tb_error *err)
{
    bool is_done = false;
    tb_status st = TIMBRE_OK;
    s->resampled.at = s->resampled.n = 0;
    while (st == TIMBRE_OK && s->resampled.n == 0 && !is_done) {
        bool is_last = s->is_at_end;
        if (s->converted.at == s->converted.n)
            st = fill_converted(s, err);
        if (st == TIMBRE_OK)
            st = run_resampler(s, &is_done, err);
        is_done = is_done && is_last;
    }
    int64_t most = (int64_t)((double)s->n_in * s->ratio + 0.5) - s->n_out;
    if (s->resampled.n > most)
        s->resampled.n = most > 0 ? most : 0;
    if (st == TIMBRE_OK) /* the filter overshoots */
        st = check_samples(s->resampled.frames, s->resampled.n, s->info.n_channels, s->n_out,
                           s->info.rate_hz, err);
    s->n_out += s->resampled.n;
    return st;
}

tb_status tb_source_read(tb_source *s, float *out, int64_t n, int64_t *n_read, tb_error *err)
{
    block *from = s->resampler != NULL ? &s->resampled : &s->converted;
    tb_status st = TIMBRE_OK;
    for (*n_read = 0; *n_read < n;) {
        if (from->at == from->n)
            st = s->resampler != NULL ? fill_resampled(s, err) : fill_converted(s, err);
        if (st != TIMBRE_OK || from->n == 0)
            break;
        int64_t part = from->n - from->at < n - *n_read ? from->n - from->at : n - *n_read;
        size_t n_channels = (size_t)s->info.n_channels;
        memcpy(out + (size_t)*n_read * n_channels, from->frames + (size_t)from->at * n_channels,
               sizeof *out * (size_t)part * n_channels);
        from->at += part;
        *n_read += part;
    }
    return st;
}

tb_status tb_source_seek(tb_source *s, int64_t frame, tb_error *err)
{
    if (s->resampler != NULL)
        return tb_fail(err, TIMBRE_UNSUPPORTED, "no seeking while %d Hz becomes %d Hz",
                       s->info.file_rate_hz, s->info.rate_hz);
    tb_status st = timbre_audio_seek(s->audio, frame, err);
    s->converted.at = s->converted.n = 0;
    s->n_in = frame;
    s->is_at_end = false;
    return st;
}

void tb_source_resampler_version(char out[16])
{
    const char *text = src_get_version(); /* "libsamplerate-0.2.2 (c) ..." */
    const char *dash = strchr(text, '-');
    text = dash != NULL ? dash + 1 : text;
    snprintf(out, 16, "%.*s", (int)strcspn(text, " "), text);
}
