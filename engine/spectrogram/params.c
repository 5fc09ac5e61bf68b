#include "engine/spectrogram/params.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/limits.h"

void timbre_spectrogram_params_init(timbre_spectrogram_params *params)
{
    *params = (timbre_spectrogram_params){.struct_size = sizeof *params,
                                          .sample_rate_hz = 44100,
                                          .step_size_ms = 10,
                                          .window_duration_ms = 100,
                                          .padded_duration_ms = 400,
                                          .num_frequencies = 512,
                                          .max_frequency_hz = 10000,
                                          .power_for_image = 0.25,
                                          .mel_scale_norm = "none",
                                          .mel_scale_type = "htk",
                                          .max_mel_iters = 200,
                                          .num_griffin_lim_iters = 32};
}

typedef struct {
    const char *name;
    size_t offset;
    int min, max;
} int_limit;

/* Named as in riffusion. */
#define FIELD(text, member, min, max)                                                              \
    {                                                                                              \
        text, offsetof(timbre_spectrogram_params, member), min, max                                \
    }
static const int_limit int_limits[] = {
    FIELD("stereo", stereo, 0, 1),
    FIELD("sample_rate", sample_rate_hz, TB_RATE_MIN_HZ, TB_RATE_MAX_HZ),
    FIELD("step_size_ms", step_size_ms, 1, TB_STEP_MAX_MS),
    FIELD("window_duration_ms", window_duration_ms, 1, TB_PADDED_MAX_MS),
    FIELD("padded_duration_ms", padded_duration_ms, 1, TB_PADDED_MAX_MS),
    FIELD("num_frequencies", num_frequencies, 1, TB_BANDS_MAX),
    FIELD("min_frequency", min_frequency_hz, 0, TB_RATE_MAX_HZ / 2),
    FIELD("max_frequency", max_frequency_hz, 1, TB_RATE_MAX_HZ / 2),
    FIELD("max_mel_iters", max_mel_iters, 1, TB_MEL_MAX_ITER),
    FIELD("num_griffin_lim_iters", num_griffin_lim_iters, 0, TB_GRIFFIN_LIM_MAX_ITER),
};

static tb_status check_ints(const timbre_spectrogram_params *params, tb_error *err)
{
    for (size_t i = 0; i < sizeof int_limits / sizeof *int_limits; i++) {
        const int_limit *limit = &int_limits[i];
        int value;
        memcpy(&value, (const char *)params + limit->offset, sizeof value);
        if (value < limit->min || value > limit->max)
            return tb_fail(err, TIMBRE_BAD_INPUT, "%s %d is not in %d..%d", limit->name, value,
                           limit->min, limit->max);
    }
    return TIMBRE_OK;
}

static bool is_one_of(const char *text, const char *a, const char *b)
{
    return text != NULL && (strcmp(text, a) == 0 || strcmp(text, b) == 0);
}

static tb_status check_names(const timbre_spectrogram_params *params, tb_error *err)
{
    if (!is_one_of(params->mel_scale_norm, "none", "slaney"))
        return tb_fail(err, TIMBRE_BAD_INPUT, "mel_scale_norm is not 'none' or 'slaney'");
    if (!is_one_of(params->mel_scale_type, "htk", "slaney"))
        return tb_fail(err, TIMBRE_BAD_INPUT, "mel_scale_type is not 'htk' or 'slaney'");
    return TIMBRE_OK;
}

static tb_status check_lengths(const timbre_spectrogram_params *params, tb_error *err)
{
    tb_spectrogram_lengths lengths = tb_spectrogram_get_lengths(params);
    if (lengths.hop_length < 1 || lengths.win_length < 2)
        return tb_fail(err, TIMBRE_BAD_INPUT, "a step of %d samples or a window of %d is too short",
                       lengths.hop_length, lengths.win_length);
    if (lengths.n_fft > TB_TRANSFORM_MAX)
        return tb_fail(err, TIMBRE_BAD_INPUT, "a padded window of %d samples exceeds %d",
                       lengths.n_fft, TB_TRANSFORM_MAX);
    double n_bins = (double)params->max_frequency_hz * lengths.n_fft / params->sample_rate_hz;
    if (fmin(n_bins, lengths.n_fft / 2.0) > TB_BINS_MAX)
        return tb_fail(err, TIMBRE_BAD_INPUT, "%.0f frequency bins up to %d Hz exceed %d", n_bins,
                       params->max_frequency_hz, TB_BINS_MAX);
    return TIMBRE_OK;
}

/* What single fields cannot tell. */
static tb_status check_together(const timbre_spectrogram_params *p, tb_error *err)
{
    if (p->min_frequency_hz >= p->max_frequency_hz) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT,
                               "min_frequency %d is not below max_frequency %d",
                               p->min_frequency_hz, p->max_frequency_hz);
        tb_fix(err, "raise it with --max-frequency");
        return st;
    }
    if (p->padded_duration_ms < p->window_duration_ms) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT,
                               "padded_duration_ms %d is less than window_duration_ms %d",
                               p->padded_duration_ms, p->window_duration_ms);
        tb_fix(err, "raise it to %d or more with --padded-duration-ms", p->window_duration_ms);
        return st;
    }
    if (p->step_size_ms > p->window_duration_ms) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT,
                               "step_size_ms %d exceeds window_duration_ms %d", p->step_size_ms,
                               p->window_duration_ms);
        tb_fix(err, "raise the window with --window-duration-ms");
        return st;
    }
    return check_lengths(p, err);
}

tb_status timbre_spectrogram_params_check(const timbre_spectrogram_params *params, tb_error *err)
{
    tb_status st = check_ints(params, err);
    if (st == TIMBRE_OK)
        st = check_names(params, err);
    if (st == TIMBRE_OK && !(params->power_for_image >= 0.01 && params->power_for_image <= 10))
        st = tb_fail(err, TIMBRE_BAD_INPUT, "power_for_image %g is not in 0.01..10",
                     params->power_for_image);
    return st == TIMBRE_OK ? check_together(params, err) : st;
}

static int samples_of(int ms, int rate_hz)
{
    return (int)(ms / 1000.0 * rate_hz);
}

tb_spectrogram_lengths tb_spectrogram_get_lengths(const timbre_spectrogram_params *params)
{
    return (tb_spectrogram_lengths){
        .n_fft = samples_of(params->padded_duration_ms, params->sample_rate_hz),
        .win_length = samples_of(params->window_duration_ms, params->sample_rate_hz),
        .hop_length = samples_of(params->step_size_ms, params->sample_rate_hz)};
}

tb_mel_spec tb_spectrogram_mel_spec(const timbre_spectrogram_params *params)
{
    return (tb_mel_spec){.sample_rate_hz = params->sample_rate_hz,
                         .n_fft = tb_spectrogram_get_lengths(params).n_fft,
                         .n_mels = params->num_frequencies,
                         .min_hz = params->min_frequency_hz,
                         .max_hz = params->max_frequency_hz,
                         .slaney_scale = strcmp(params->mel_scale_type, "slaney") == 0,
                         .slaney_norm = strcmp(params->mel_scale_norm, "slaney") == 0};
}
