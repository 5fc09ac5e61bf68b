/* A take as another kind of file: the same samples, the same recipe. */
#include <math.h>
#include <stdlib.h>

#include "engine/pipeline/sound_target.h"
#include "timbre/audio.h"
#include "timbre/cancel.h"

enum { CHUNK_FRAMES = 8192 };

/* 16-bit samples come out as they went in; finer ones are rounded, louder ones clipped. */
static void to_pcm(const float *in, int64_t n, int16_t *out)
{
    for (int64_t i = 0; i < n; i++) {
        long x = lrintf(in[i] * 32768.0F);
        out[i] = (int16_t)(x < -32768 ? -32768 : x > 32767 ? 32767 : x);
    }
}

static tb_status copy_samples(timbre_audio *audio, int n_channels, tb_sound_target *target,
                              const timbre_cancel *cancel, tb_error *err)
{
    size_t n_samples = (size_t)CHUNK_FRAMES * (size_t)n_channels;
    float *in = malloc(n_samples * sizeof *in);
    int16_t *out = malloc(n_samples * sizeof *out);
    tb_status st = in == NULL || out == NULL
                       ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory to convert a sound")
                       : TIMBRE_OK;
    for (int64_t got = 1; st == TIMBRE_OK && got > 0;) {
        st = timbre_audio_read(audio, in, CHUNK_FRAMES, &got, err);
        if (st == TIMBRE_OK && cancel != NULL && timbre_cancel_is_requested(cancel))
            st = tb_fail(err, TIMBRE_CANCELLED, "interrupted");
        if (st == TIMBRE_OK && got > 0) {
            to_pcm(in, got * n_channels, out);
            st = tb_sound_target_append(target, out, got, err);
        }
    }
    free(in);
    free(out);
    return st;
}

tb_status timbre_audio_convert(const char *audio_path, const char *output, const char *title,
                               int replace, const timbre_cancel *cancel, tb_error *err)
{
    timbre_audio *audio = NULL;
    timbre_audio_info info = {.struct_size = sizeof info};
    tb_sound_target target = {0};
    const tb_progress progress = {.cancel = cancel};
    tb_status st = tb_sound_target_check(output, replace != 0, err);
    if (st == TIMBRE_OK)
        st = timbre_audio_open(audio_path, &audio, err);
    if (st != TIMBRE_OK)
        return st;
    timbre_audio_get_info(audio, &info);
    st = tb_sound_target_begin(&target, output, info.n_channels, info.rate_hz, err);
    if (st == TIMBRE_OK)
        st = copy_samples(audio, info.n_channels, &target, cancel, err);
    if (st == TIMBRE_OK)
        st = tb_sound_target_end(&target, err);
    if (st == TIMBRE_OK)
        st = tb_sound_target_commit(&target, timbre_audio_recipe(audio), title, replace != 0,
                                    &progress, err);
    tb_sound_target_deinit(&target);
    timbre_audio_close(audio);
    return st;
}
