#include "engine/diffusion/schedule.h"

#include <math.h>
#include <string.h>

enum { LANES = 8 }; /* of torch's vectors, AVX2 */

/* Every message begins with the file, as those of the other configs do. */
#define CONFIG "'scheduler/scheduler_config.json'"

/* Sampling begins with noise: a schedule that ends with less than this never made any of a picture.
 * Stable Diffusion 1.5 ends at 14.6. */
static const double sigma_end_min = 0.1;

/* Riffusion's scheduler_config.json, which is Stable Diffusion 1.5's. */
static const tb_schedule riffusion = {.n_train = 1000,
                                      .beta_start = 0.00085,
                                      .beta_end = 0.012,
                                      .is_scaled_linear = true,
                                      .steps_offset = 1};

/* What diffusers takes where the file does not say (PNDMScheduler and its kin). */
static const tb_schedule absent = {
    .n_train = 1000, .beta_start = 0.0001, .beta_end = 0.02, .has_alpha_one_ddim = true};

static const struct {
    const char *name;
    tb_prediction prediction;
} predictions[] = {
    {"epsilon", TB_PREDICTION_EPSILON},
    {"v_prediction", TB_PREDICTION_V},
    {"sample", TB_PREDICTION_SAMPLE},
};

static const struct {
    const char *name;
    tb_spacing spacing;
} spacings[] = {
    {"leading", TB_SPACING_LEADING},
    {"linspace", TB_SPACING_LINSPACE},
    {"trailing", TB_SPACING_TRAILING},
};

/* Keys that change the mathematics and that no sampler here follows. */
static const char *const refused[] = {"trained_betas", "rescale_betas_zero_snr", "thresholding"};

/* A key that says null counts as absent. */
static const json_t *find(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);
    return json_is_null(value) ? NULL : value;
}

static tb_status read_int(const json_t *json, const char *key, int least, int most, int *out,
                          tb_error *err)
{
    const json_t *value = find(json, key);
    if (value == NULL)
        return TIMBRE_OK;
    if (!json_is_integer(value))
        return tb_fail(err, TIMBRE_BAD_FILE, CONFIG ": '%s' is not an integer", key);
    json_int_t number = json_integer_value(value);
    if (number < least || number > most)
        return tb_fail(err, TIMBRE_BAD_FILE, CONFIG ": '%s' %lld is not in %d to %d", key,
                       (long long)number, least, most);
    *out = (int)number;
    return TIMBRE_OK;
}

static tb_status read_beta(const json_t *json, const char *key, double *out, tb_error *err)
{
    const json_t *value = find(json, key);
    if (value == NULL)
        return TIMBRE_OK;
    double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= 1e-8 && number <= 0.999))
        return tb_fail(err, TIMBRE_BAD_FILE, CONFIG ": '%s' %g is not a number in 1e-8 to 0.999",
                       key, number);
    *out = number;
    return TIMBRE_OK;
}

/* NULL where the file does not say. */
static tb_status read_text(const json_t *json, const char *key, const char **out, tb_error *err)
{
    const json_t *value = find(json, key);
    *out = json_string_value(value);
    if (value != NULL && *out == NULL)
        return tb_fail(err, TIMBRE_BAD_FILE, CONFIG ": '%s' is not a text", key);
    return TIMBRE_OK;
}

static tb_status fail_text(const char *key, const char *value, const char *known, tb_error *err)
{
    return tb_fail(err, TIMBRE_BAD_FILE, CONFIG ": '%s' '%.40s' is none of %s", key, value, known);
}

static tb_status check_refused(const json_t *json, tb_error *err)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const json_t *value = find(json, refused[i]);
        if (value != NULL && !json_is_false(value))
            return tb_fail(err, TIMBRE_BAD_FILE,
                           CONFIG ": '%s' is set, which no scheduler here follows", refused[i]);
    }
    return TIMBRE_OK;
}

static tb_status read_betas(const json_t *json, tb_schedule *s, tb_error *err)
{
    const char *text = NULL;
    tb_status status = read_int(json, "num_train_timesteps", 2, TB_TRAIN_STEPS_MAX, &s->n_train,
                                err);
    if (status == TIMBRE_OK)
        status = read_beta(json, "beta_start", &s->beta_start, err);
    if (status == TIMBRE_OK)
        status = read_beta(json, "beta_end", &s->beta_end, err);
    if (status == TIMBRE_OK)
        status = read_text(json, "beta_schedule", &text, err);
    if (status != TIMBRE_OK)
        return status;
    if (s->beta_start > s->beta_end)
        return tb_fail(err, TIMBRE_BAD_FILE, CONFIG ": 'beta_start' %g exceeds 'beta_end' %g",
                       s->beta_start, s->beta_end);
    s->is_scaled_linear = text != NULL && strcmp(text, "scaled_linear") == 0;
    if (text != NULL && !s->is_scaled_linear && strcmp(text, "linear") != 0)
        return fail_text("beta_schedule", text, "linear, scaled_linear", err);
    return TIMBRE_OK;
}

static tb_status read_prediction(const json_t *json, tb_schedule *s, tb_error *err)
{
    const char *text = NULL;
    tb_status status = read_text(json, "prediction_type", &text, err);
    if (status != TIMBRE_OK || text == NULL)
        return status;
    for (size_t i = 0; i < sizeof predictions / sizeof *predictions; i++) {
        if (strcmp(text, predictions[i].name) != 0)
            continue;
        s->prediction = predictions[i].prediction;
        return TIMBRE_OK;
    }
    return fail_text("prediction_type", text, "epsilon, v_prediction, sample", err);
}

static tb_status read_spacing(const json_t *json, tb_schedule *s, tb_error *err)
{
    const char *text = NULL;
    tb_status status = read_text(json, "timestep_spacing", &text, err);
    if (status != TIMBRE_OK || text == NULL)
        return status;
    for (size_t i = 0; i < sizeof spacings / sizeof *spacings; i++) {
        if (strcmp(text, spacings[i].name) != 0)
            continue;
        s->spacing = spacings[i].spacing;
        return TIMBRE_OK;
    }
    return fail_text("timestep_spacing", text, "leading, linspace, trailing", err);
}

static tb_status read_alpha_one(const json_t *json, tb_schedule *s, tb_error *err)
{
    const json_t *value = find(json, "set_alpha_to_one");
    if (value == NULL)
        return TIMBRE_OK;
    if (!json_is_boolean(value))
        return tb_fail(err, TIMBRE_BAD_FILE,
                       CONFIG ": 'set_alpha_to_one' is neither true nor false");
    s->has_alpha_one = s->has_alpha_one_ddim = json_is_true(value);
    return TIMBRE_OK;
}

static tb_status read_keys(const json_t *json, tb_schedule *s, tb_error *err)
{
    *s = absent;
    if (!json_is_object(json))
        return tb_fail(err, TIMBRE_BAD_FILE, CONFIG ": not a JSON object");
    tb_status status = check_refused(json, err);
    if (status == TIMBRE_OK)
        status = read_betas(json, s, err);
    if (status == TIMBRE_OK)
        status = read_prediction(json, s, err);
    if (status == TIMBRE_OK)
        status = read_spacing(json, s, err);
    if (status == TIMBRE_OK)
        status = read_int(json, "steps_offset", 0, s->n_train - 1, &s->steps_offset, err);
    if (status == TIMBRE_OK)
        status = read_alpha_one(json, s, err);
    return status;
}

/*
 * torch.linspace in single precision, to the bit as its AVX2 kernel rounds: vectors of eight from
 * the nearer end, both products fused.
 */
static float linspace(float start, float end, int n, int i)
{
    float step = (end - start) / (float)(n - 1);
    int lane = i - i % LANES + LANES > n ? 0 : i % LANES; /* the rest is computed one by one */
    int first = i - lane;
    float base = first < n / 2 ? fmaf(step, (float)first, start)
                               : fmaf(-step, (float)(n - 1 - first), end);
    return fmaf((float)lane, step, base);
}

/* torch.cumprod multiplies in double precision and rounds every result. */
static void multiply_alphas(tb_schedule *s)
{
    float start = (float)(s->is_scaled_linear ? sqrt(s->beta_start) : s->beta_start);
    float end = (float)(s->is_scaled_linear ? sqrt(s->beta_end) : s->beta_end);
    double product = 1;
    for (int i = 0; i < s->n_train; i++) {
        float beta = linspace(start, end, s->n_train, i);
        if (s->is_scaled_linear)
            beta *= beta;
        product *= 1 - beta;
        s->alphas_cumprod[i] = (float)product;
    }
}

tb_status tb_schedule_read(const json_t *json, tb_schedule *schedule, tb_error *err)
{
    *schedule = riffusion;
    tb_status status = json == NULL ? TIMBRE_OK : read_keys(json, schedule, err);
    if (status != TIMBRE_OK)
        return status;
    multiply_alphas(schedule);
    float last = schedule->alphas_cumprod[schedule->n_train - 1];
    if (last < 1e-12F) /* noise beyond a million: sums of single precision lose the picture */
        return tb_fail(err, TIMBRE_BAD_FILE,
                       CONFIG ": betas up to %g leave %g of the picture, below 1e-12",
                       schedule->beta_end, (double)last);
    double sigma = sqrt((1 - (double)last) / last);
    if (!(sigma > sigma_end_min))
        return tb_fail(err, TIMBRE_BAD_FILE,
                       CONFIG ": betas up to %g end with noise of %.3g, not above %g",
                       schedule->beta_end, sigma, sigma_end_min);
    return TIMBRE_OK;
}
