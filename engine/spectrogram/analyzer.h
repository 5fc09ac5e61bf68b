/*
 * Sound to mel amplitudes, as a stream: reads samples as they come, hands out batches of frames in
 * order, never holds more than a few seconds. Frames of a round are computed on all threads; the
 * result does not depend on their number or on how the sound is cut into reads.
 */
#ifndef TB_SPECTROGRAM_ANALYZER_H
#define TB_SPECTROGRAM_ANALYZER_H

#include <stdint.h>

#include "engine/base/progress.h"
#include "engine/os/pool.h"
#include "engine/spectrogram/mel.h"

typedef struct tb_analyzer_spec {
    int n_fft, win_length, hop_length;
    const tb_mel *mel; /* borrowed */
    int n_channels;
} tb_analyzer_spec;

typedef struct tb_analyzer_io {
    /* Up to n interleaved frames of samples into out[n * n_channels]; *n_read < n only at the end.
     */
    tb_status (*read)(void *user, float *out, int64_t n, int64_t *n_read, tb_error *err);
    /* Frames t .. t+n_frames-1 (n_frames <= 16) of one channel; bands [n_mels][16]. For each batch
     * all channels in order, batches in order. */
    tb_status (*write)(void *user, int channel, int64_t t, int n_frames, const float *bands,
                       tb_error *err);
    void *user;
} tb_analyzer_io;

/* What a round may take, as long as it is of more than one batch: with large windows and many
 * threads the rounds get shorter. 90 MB at Riffusion's parameters on 64 threads. */
#define TB_ANALYZER_MAX_BYTES ((int64_t)512 << 20)

/*
 * The whole way. Reflect padding of floor(n_fft/2) as torch.stft's `center`, so that the frames are
 * 1 + floor(n_samples / hop), of an odd n_fft 1 + floor((n_samples - 1) / hop); of sound shorter
 * than the padding the reflection goes on back and forth (as numpy.pad), where torch refuses; one
 * sample is repeated. No samples at all: BAD_INPUT. *n_frames: how many.
 */
TB_MUST_USE tb_status tb_analyzer_run(const tb_analyzer_spec *spec, const tb_kernels *kernels,
                                      tb_pool *pool, const tb_analyzer_io *io,
                                      const tb_progress *progress, int64_t *n_frames,
                                      tb_error *err);

#endif
