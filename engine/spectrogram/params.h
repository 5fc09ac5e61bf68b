/* What follows from the parameters of a spectrogram: lengths in samples, in Riffusion's arithmetic.
 */
#ifndef TB_SPECTROGRAM_PARAMS_H
#define TB_SPECTROGRAM_PARAMS_H

#include "engine/spectrogram/mel.h"
#include "timbre/spectrogram.h"

typedef struct tb_spectrogram_lengths {
    int n_fft, win_length, hop_length; /* trunc(ms / 1000.0 * rate) */
} tb_spectrogram_lengths;

/* Of checked parameters. */
tb_spectrogram_lengths tb_spectrogram_get_lengths(const timbre_spectrogram_params *params);
tb_mel_spec tb_spectrogram_mel_spec(const timbre_spectrogram_params *params);

#endif
