#include "engine/pipeline/vocode.h"

#include <stdlib.h>
#include <string.h>

#include "engine/spectrogram/pixels.h"

tb_status tb_vocode_init(tb_vocode *vocode, const tb_vocode_choices *choices, int64_t width,
                         int n_channels, tb_error *err)
{
    *vocode = (tb_vocode){.choices = *choices, .width = width};
    tb_mel_spec mel_spec = tb_spectrogram_mel_spec(&choices->params);
    tb_mel_inverse_spec spec = {.method = choices->inverse,
                                .n_iter = choices->params.max_mel_iters,
                                .n_frames = width,
                                .n_channels = n_channels,
                                .seed = choices->seed};
    vocode->table = malloc(65536 * sizeof *vocode->table);
    if (vocode->table == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the amplitudes of pixels");
    tb_pixels_table((float)choices->params.power_for_image, TB_VOCODE_MAX_VALUE, vocode->table);
    tb_status st = tb_mel_init(&vocode->mel, &mel_spec, err);
    return st == TIMBRE_OK ? tb_mel_inverse_new(&vocode->mel, &spec, &vocode->inverse, err) : st;
}

void tb_vocode_deinit(tb_vocode *vocode)
{
    tb_mel_inverse_free(vocode->inverse);
    tb_mel_deinit(&vocode->mel);
    free(vocode->table);
    *vocode = (tb_vocode){0};
}

tb_status tb_vocode_run(const tb_vocode *vocode, int channel, const tb_kernels *kernels,
                        tb_pool *pool, const tb_vocoder_io *io, const tb_progress *progress,
                        tb_error *err)
{
    tb_spectrogram_lengths lengths = tb_spectrogram_get_lengths(&vocode->choices.params);
    tb_vocoder_spec spec = {.n_fft = lengths.n_fft,
                            .win_length = lengths.win_length,
                            .hop_length = lengths.hop_length,
                            .inverse = vocode->inverse,
                            .n_mels = vocode->mel.n_mels,
                            .n_bins = vocode->mel.n_bins,
                            .n_frames = vocode->width,
                            .n_iter = vocode->choices.params.num_griffin_lim_iters,
                            .momentum = 0.99,
                            .start = vocode->choices.phase,
                            .seed = vocode->choices.seed,
                            .channel = channel};
    return tb_vocoder_run(&spec, kernels, pool, io, progress, err);
}

typedef struct {
    const tb_vocode *vocode;
    const uint8_t *pixels;
    float *samples; /* the next ones go here */
} memory_image;

static tb_status read_bands(void *user, int64_t t, int n_frames, float *bands, tb_error *err)
{
    const memory_image *image = user;
    int n_bands = image->vocode->choices.params.num_frequencies;
    for (int band = 0; band < n_bands; band++) {
        const uint8_t *row = image->pixels + (n_bands - 1 - band) * image->vocode->width + t;
        float *out = bands + (size_t)band * TB_BATCH_FRAMES;
        for (int i = 0; i < TB_BATCH_FRAMES; i++)
            out[i] = i < n_frames ? image->vocode->table[row[i] * 257] : 0;
    }
    return TIMBRE_OK;
}

static tb_status write_samples(void *user, const float *samples, int64_t n, tb_error *err)
{
    memory_image *image = user;
    memcpy(image->samples, samples, (size_t)n * sizeof *samples);
    image->samples += n;
    return TIMBRE_OK;
}

tb_status tb_vocode_pixels(const tb_vocode *vocode, const uint8_t *pixels,
                           const tb_kernels *kernels, tb_pool *pool, const tb_progress *progress,
                           float *samples, tb_error *err)
{
    memory_image image = {.vocode = vocode, .pixels = pixels};
    image.samples = samples;
    tb_vocoder_io io = {.read = read_bands, .write = write_samples, .user = &image};
    return tb_vocode_run(vocode, 0, kernels, pool, &io, progress, err);
}
