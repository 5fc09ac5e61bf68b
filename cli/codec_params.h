/* Spectrogram parameters from the options of the command line. */
#ifndef TB_CLI_CODEC_PARAMS_H
#define TB_CLI_CODEC_PARAMS_H

#include "cli/options.h"
#include "timbre/spectrogram.h"

/* Let every parameter that was given win over what stands in *params. The names point into the
 * arguments. */
void tb_codec_params_apply(timbre_spectrogram_params *params, const tb_args *args);

#endif
