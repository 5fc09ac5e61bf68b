#include "cli/codec_params.h"

#include <string.h>

#define FIELD(name) offsetof(timbre_spectrogram_params, name)

static const struct {
    const char *option;
    size_t offset; /* of an int */
} numbers[] = {
    {"sample-rate", FIELD(sample_rate_hz)},
    {"step-size-ms", FIELD(step_size_ms)},
    {"window-duration-ms", FIELD(window_duration_ms)},
    {"padded-duration-ms", FIELD(padded_duration_ms)},
    {"num-frequencies", FIELD(num_frequencies)},
    {"min-frequency", FIELD(min_frequency_hz)},
    {"max-frequency", FIELD(max_frequency_hz)},
    {"mel-iterations", FIELD(max_mel_iters)},
    {"iterations", FIELD(num_griffin_lim_iters)},
};

static const struct {
    const char *option;
    size_t offset; /* of a text */
} names[] = {
    {"mel-scale-norm", FIELD(mel_scale_norm)},
    {"mel-scale-type", FIELD(mel_scale_type)},
};

void tb_codec_params_apply(timbre_spectrogram_params *params, const tb_args *args)
{
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (tb_args_has(args, numbers[i].option)) {
            int value = (int)tb_args_number(args, numbers[i].option, 0);
            memcpy((char *)params + numbers[i].offset, &value, sizeof value);
        }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *text = tb_args_value(args, names[i].option);
        if (text != NULL)
            memcpy((char *)params + names[i].offset, &text, sizeof text);
    }
    params->power_for_image = tb_args_number(args, "power-for-image", params->power_for_image);
    params->stereo = tb_args_is_on(args, "stereo", params->stereo != 0);
}
