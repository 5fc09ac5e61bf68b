/* A take as another kind of file: the same samples, at another rate where the kind has not theirs,
 * the same recipe. */
#include <math.h>
#include <stdlib.h>

#include "engine/audio/audio_format.h"
#include "engine/audio/source.h"
#include "engine/pipeline/sound_target.h"
#include "timbre/audio.h"
#include "timbre/cancel.h"

enum { CHUNK_FRAMES = 8192 };

/* The samples as they stand in the file, or at another rate. */
typedef struct reader {
    timbre_audio *audio;
    tb_source *source; /* NULL: the file's own rate */
    int n_channels;
} reader;

/* 16-bit samples come out as they went in; finer ones are rounded, louder ones clipped. */
static void to_pcm(const float *in, int64_t n, float unit, int16_t *out)
{
    for (int64_t i = 0; i < n; i++) {
        float x = in[i] * unit; /* NaN: silence */
        out[i] = (int16_t)(x >= 32767.0F    ? 32767
                           : x <= -32768.0F ? -32768
                           : x == x         ? lrintf(x)
                                            : 0);
    }
}

static tb_status read_chunk(reader *from, float *in, int16_t *out, int64_t *got, tb_error *err)
{
    float unit = 32768.0F;
    tb_status st;
    if (from->source != NULL) {
        unit = 1; /* in units of 16-bit samples already */
        st = tb_source_read(from->source, in, CHUNK_FRAMES, got, err);
    } else {
        st = timbre_audio_read(from->audio, in, CHUNK_FRAMES, got, err);
    }
    if (st == TIMBRE_OK)
        to_pcm(in, *got * from->n_channels, unit, out);
    return st;
}

static tb_status copy_samples(reader *from, tb_sound_target *target, const timbre_cancel *cancel,
                              tb_error *err)
{
    size_t n_samples = (size_t)CHUNK_FRAMES * (size_t)from->n_channels;
    float *in = malloc(n_samples * sizeof *in);
    int16_t *out = malloc(n_samples * sizeof *out);
    tb_status st = in == NULL || out == NULL
                       ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory to convert a sound")
                       : TIMBRE_OK;
    for (int64_t got = 1; st == TIMBRE_OK && got > 0;) {
        st = read_chunk(from, in, out, &got, err);
        if (st == TIMBRE_OK && cancel != NULL && timbre_cancel_is_requested(cancel))
            st = tb_fail(err, TIMBRE_CANCELLED, "interrupted");
        if (st == TIMBRE_OK && got > 0)
            st = tb_sound_target_append(target, out, got, err);
    }
    free(in);
    free(out);
    return st;
}

/* Opens the file, and its samples at the rate that the format of `output` can have. */
static tb_status open_reader(reader *from, const char *path, const char *output, int *rate_hz,
                             tb_error *err)
{
    timbre_audio_info info = {.struct_size = sizeof info};
    tb_status st = timbre_audio_open(path, &from->audio, err);
    if (st != TIMBRE_OK)
        return st;
    timbre_audio_get_info(from->audio, &info);
    from->n_channels = info.n_channels;
    const char *format = tb_audio_format_of_path(output);
    *rate_hz = tb_audio_format_rate(tb_audio_format_find(format), info.rate_hz);
    const tb_audio_spec spec = {
        .format = format, .rate_hz = *rate_hz, .n_channels = info.n_channels};
    st = tb_audio_format_check(&spec, err);
    if (st != TIMBRE_OK || *rate_hz == info.rate_hz)
        return st;
    const tb_source_spec resampled = {.rate_hz = *rate_hz, .is_best = true};
    return tb_source_open(path, &resampled, &from->source, err);
}

tb_status timbre_audio_convert(const char *audio_path, const char *output, const char *title,
                               int replace, const timbre_cancel *cancel, tb_error *err)
{
    reader from = {0};
    int rate_hz = 0;
    tb_sound_target target = {.spool.fd = -1};
    const tb_progress progress = {.cancel = cancel};
    tb_status st = tb_sound_target_check(output, replace != 0, err);
    if (st == TIMBRE_OK)
        st = open_reader(&from, audio_path, output, &rate_hz, err);
    if (st == TIMBRE_OK)
        st = tb_sound_target_begin(&target, output, from.n_channels, rate_hz, err);
    if (st == TIMBRE_OK)
        st = copy_samples(&from, &target, cancel, err);
    if (st == TIMBRE_OK)
        st = tb_sound_target_end(&target, err);
    if (st == TIMBRE_OK)
        st = tb_sound_target_commit(&target, timbre_audio_recipe(from.audio),
                                    title != NULL ? title : timbre_audio_title(from.audio),
                                    replace != 0, &progress, err);
    tb_sound_target_deinit(&target);
    tb_source_close(from.source);
    timbre_audio_close(from.audio);
    return st;
}
