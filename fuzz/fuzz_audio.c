/* Any bytes as an audio file: opened, described, its recipe looked for, read to the end or to a
 * limit; then the same as a source for spectrograms, mixed and resampled. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/audio/audio_file.h"
#include "engine/audio/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_some(timbre_audio *audio, const timbre_audio_info *info)
{
    enum { FRAMES = 256, BLOCKS = 64, MAX_CHANNELS = 64 };
    if (info->n_channels > MAX_CHANNELS)
        return;
    float *block = malloc((size_t)FRAMES * (size_t)info->n_channels * sizeof *block);
    int64_t n = FRAMES;
    for (int i = 0; block != NULL && i < BLOCKS && n == FRAMES; i++)
        if (timbre_audio_read(audio, block, FRAMES, &n, NULL) != TIMBRE_OK)
            break;
    (void)!timbre_audio_seek(audio, info->n_frames / 2, NULL);
    free(block);
}

/* What comes out are numbers, and a failure has a reason. */
static void read_source(const uint8_t *data, size_t size, const tb_source_spec *spec)
{
    enum { FRAMES = 256, BLOCKS = 64 };
    timbre_audio *audio;
    tb_source *source = NULL;
    timbre_error err = {0};
    float block[FRAMES * 2];
    int64_t n = FRAMES;
    timbre_status st = tb_audio_open_memory(data, size, &audio, &err);
    if (st == TIMBRE_OK)
        st = tb_source_new(audio, spec, &source, &err);
    for (int i = 0; st == TIMBRE_OK && i < BLOCKS && n == FRAMES; i++) {
        st = tb_source_read(source, block, FRAMES, &n, &err);
        for (int64_t k = 0; st == TIMBRE_OK && k < n * spec->n_channels; k++)
            if (!isfinite(block[k]))
                abort();
    }
    if (st != TIMBRE_OK && err.message[0] == '\0')
        abort();
    tb_source_close(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    timbre_audio *audio;
    timbre_error err = {0};
    if (tb_audio_open_memory(data, size, &audio, &err) != TIMBRE_OK) {
        if (err.message[0] == '\0')
            abort(); /* every refusal says why */
        return 0;
    }
    timbre_audio_info info = {.struct_size = sizeof info};
    timbre_audio_get_info(audio, &info);
    (void)timbre_audio_recipe(audio);
    read_some(audio, &info);
    timbre_audio_close(audio);
    read_source(data, size, &(tb_source_spec){.n_channels = 2});
    read_source(data, size, &(tb_source_spec){.n_channels = 1, .rate_hz = 44100});
    return 0;
}
