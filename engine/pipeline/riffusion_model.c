/* The model that the riffusion backend keeps between takes: found, checked, loaded, let go. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/limits.h"
#include "engine/base/str.h"
#include "engine/os/memory.h"
#include "engine/pipeline/riffusion.h"

void tb_riffusion_unload(tb_riffusion *r)
{
    tb_conditioning_deinit(&r->conditioning);
    tb_riffusion_let_go(r);
    tb_tokenizer_free(r->tokenizer);
    tb_model_close(r->model);
    free(r->path);
    free(r->tokenizer_dir);
    *r = (tb_riffusion){.tokenizer_setting = r->tokenizer_setting,
                        .soundfont = r->soundfont,
                        .data_dir = r->data_dir,
                        .residence = r->residence};
}

/* ---- the sound that the model's pictures are of ---- */

/* Members of "spectrogram" in timbre.json; what is not there is Riffusion's. */
static const struct {
    const char *name;
    size_t offset;
} params_members[] = {
    {"step_size_ms", offsetof(timbre_spectrogram_params, step_size_ms)},
    {"window_duration_ms", offsetof(timbre_spectrogram_params, window_duration_ms)},
    {"padded_duration_ms", offsetof(timbre_spectrogram_params, padded_duration_ms)},
    {"num_frequencies", offsetof(timbre_spectrogram_params, num_frequencies)},
    {"min_frequency", offsetof(timbre_spectrogram_params, min_frequency_hz)},
    {"max_frequency", offsetof(timbre_spectrogram_params, max_frequency_hz)},
};

tb_status tb_riffusion_read_params(const json_t *timbre_json, timbre_spectrogram_params *params,
                                   tb_error *err)
{
    const json_t *members = json_object_get(timbre_json, "spectrogram");
    timbre_spectrogram_params_init(params);
    for (size_t i = 0; i < sizeof params_members / sizeof *params_members; i++) {
        const json_t *value = json_object_get(members, params_members[i].name);
        if (value == NULL)
            continue;
        json_int_t n = json_integer_value(value);
        if (!json_is_integer(value) || n < 0 || n > INT32_MAX)
            return tb_fail(err, TIMBRE_BAD_FILE,
                           "timbre.json: spectrogram.%s is no whole number from 0 on",
                           params_members[i].name);
        int number = (int)n;
        memcpy((char *)params + params_members[i].offset, &number, sizeof number);
    }
    return timbre_spectrogram_params_check(params, err);
}

int tb_riffusion_width(const timbre_spectrogram_params *params, double seconds)
{
    int hop = tb_spectrogram_get_lengths(params).hop_length;
    int64_t n_columns = (int64_t)(seconds * params->sample_rate_hz / hop + 0.5) + 1;
    return (int)((n_columns + TB_WIDTH_STEP - 1) / TB_WIDTH_STEP * TB_WIDTH_STEP);
}

tb_status tb_riffusion_size_of(const tb_riffusion *r, int width, tb_riffusion_size *size,
                               tb_error *err)
{
    const timbre_spectrogram_params *params = &r->vocode.params;
    const tb_vae_config *vae = tb_model_vae_config(r->model);
    int factor = tb_vae_factor(vae), hop = tb_spectrogram_get_lengths(params).hop_length;
    if (params->num_frequencies % factor != 0 || width % factor != 0)
        return tb_fail(err, TIMBRE_BAD_INPUT,
                       "a picture of %dx%d pixels is no multiple of %d, the autoencoder's factor",
                       width, params->num_frequencies, factor);
    if (width > TB_NEURAL_MAX_WIDTH || params->num_frequencies > TB_NEURAL_MAX_WIDTH)
        return tb_fail(err, TIMBRE_BAD_INPUT,
                       "a picture of %dx%d pixels is larger than %d on a side", width,
                       params->num_frequencies, TB_NEURAL_MAX_WIDTH);
    *size = (tb_riffusion_size){.h = params->num_frequencies / factor,
                                .w = width / factor,
                                .height = params->num_frequencies,
                                .width = width,
                                .n_channels = vae->latent_channels,
                                .n_vocoded = (int64_t)hop * (width - 1)};
    size->n_latents = (int64_t)size->h * size->w * size->n_channels;
    return TIMBRE_OK;
}

tb_status tb_riffusion_get_size(const tb_riffusion *r, double seconds, tb_riffusion_size *size,
                                tb_error *err)
{
    const timbre_spectrogram_params *params = &r->vocode.params;
    tb_status st = tb_riffusion_size_of(r, tb_riffusion_width(params, seconds), size, err);
    size->n_frames = (int64_t)(seconds * params->sample_rate_hz + 0.5);
    return st;
}

/* ---- open and load ---- */

/* The scheduler's config, and timbre.json's word on what the model predicts. */
static tb_status read_schedule(tb_riffusion *r, tb_error *err)
{
    static const struct {
        const char *name;
        tb_prediction prediction;
    } rows[] = {{"epsilon", TB_PREDICTION_EPSILON},
                {"v_prediction", TB_PREDICTION_V},
                {"sample", TB_PREDICTION_SAMPLE}};
    const json_t *hints = tb_model_timbre_json(r->model);
    const char *said = json_string_value(json_object_get(hints, "prediction_type"));
    tb_status st = tb_schedule_read(tb_model_scheduler_json(r->model), &r->schedule, err);
    for (size_t i = 0; said != NULL && i < sizeof rows / sizeof *rows; i++)
        if (strcmp(said, rows[i].name) == 0)
            r->schedule.prediction = rows[i].prediction;
    return st;
}

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

tb_status tb_riffusion_open(tb_riffusion *r, const char *path, const char *tokenizer_dir,
                            tb_error *err)
{
    if (is_same_text(r->path, path) && is_same_text(r->tokenizer_dir, tokenizer_dir) &&
        tb_model_is_unchanged(r->model))
        return TIMBRE_OK;
    tb_riffusion_unload(r);
    if (tokenizer_dir != NULL && (r->tokenizer_dir = tb_strdup(tokenizer_dir)) == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    tb_status st = tb_model_open(path, tokenizer_dir != NULL ? tokenizer_dir : r->tokenizer_setting,
                                 &r->model, err);
    if (st == TIMBRE_OK)
        st = tb_model_open_tokenizer(r->model, &r->tokenizer, err);
    if (st == TIMBRE_OK)
        st = read_schedule(r, err);
    if (st == TIMBRE_OK)
        st = tb_riffusion_read_params(tb_model_timbre_json(r->model), &r->vocode.params, err);
    if (st == TIMBRE_OK && (r->path = tb_strdup(path)) == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    if (st != TIMBRE_OK)
        tb_riffusion_unload(r);
    return st;
}

/* At most: a token takes a byte of the text or more. */
static int count_chunks(const tb_riffusion *r, const timbre_request *request)
{
    int n_tokens = tb_model_text_config(r->model)->n_positions - 2;
    size_t prompt = strlen(timbre_request_text(request, "prompt"));
    size_t negative = strlen(timbre_request_text(request, "negative_prompt"));
    size_t other = strlen(timbre_request_text(request, "prompt_b"));
    size_t most = prompt > negative ? prompt : negative;
    int n_bytes = (int)(most > other ? most : other);
    int n = n_tokens > 0 ? (n_bytes + n_tokens - 1) / n_tokens : 1;
    return n < 1 ? 1 : n > TB_PROMPT_MAX_CHUNKS ? TB_PROMPT_MAX_CHUNKS : n;
}

static tb_status measure(const tb_riffusion *r, const tb_riffusion_work *w, tb_riffusion_need *need,
                         tb_error *err)
{
    const tb_job *job = w->job;
    tb_riffusion_plan plan = {.size = &w->size,
                              .n_texts = (w->has_guidance ? 2 : 1) + w->rework.is_blend,
                              .n_clips = w->rework.n_clips,
                              .n_sides = w->has_guidance ? 2 : 1,
                              .n_chunks = count_chunks(r, job->request),
                              .has_preview = job->preview != NULL,
                              .has_init = w->rework.init != TB_INIT_NONE};
    return tb_riffusion_measure(r->model, &plan, job->kernels, job->pool, need, err);
}

static int64_t held_bytes(const tb_riffusion *r, const tb_riffusion_need *need)
{
    return (r->encoder != NULL ? need->encoder : 0) + (r->unet != NULL ? need->unet : 0) +
           (r->vae != NULL ? need->decoder : 0);
}

/* The whole take has to fit: with all networks, what is loaded already counted out, or with each
 * in its stage. */
static tb_status choose_residence(tb_riffusion *r, tb_riffusion_work *w, tb_error *err)
{
    const tb_logger *log = w->job->log;
    tb_riffusion_need need;
    tb_status st = measure(r, w, &need, err);
    if (st != TIMBRE_OK)
        return st;
    int64_t held = held_bytes(r, &need), available = tb_memory_available();
    w->is_low = tb_riffusion_is_low(r->residence, &need, held, available);
    tb_logger_write(log, TIMBRE_LOG_INFO,
                    "memory: weights %.2f GB, denoise %.2f GB, decode %.2f GB, at most %.2f GB",
                    (double)(need.encoder + need.unet + need.decoder) / 1e9,
                    (double)need.denoise / 1e9, (double)need.decode / 1e9,
                    (double)(w->is_low ? need.low_peak : need.peak) / 1e9);
    if (!w->is_low)
        return TIMBRE_OK;
    if (r->residence != TB_RESIDENCE_LOW)
        tb_logger_write(log, TIMBRE_LOG_INFO,
                        "memory: to keep all networks takes %.2f GB and %.2f GB are free: each is "
                        "loaded for its stage alone",
                        (double)(need.peak - held) / 1e9, (double)available / 1e9);
    tb_riffusion_let_go(r); /* of an earlier take */
    return tb_memory_require("this take", need.low_peak, err);
}

/* Part of a stage's progress. */
typedef struct {
    const tb_progress *whole;
    double from, to;
} part;

static void report_part(double fraction, void *user)
{
    const part *p = user;
    tb_progress_report(p->whole, p->from + (p->to - p->from) * fraction);
}

static tb_status load_networks(tb_riffusion *r, const tb_job *job, tb_error *err)
{
    const tb_progress *whole = &job->stages->progress;
    part vae = {whole, 0, 0.1}, unet = {whole, 0.1, 1};
    tb_progress vae_progress = {report_part, &vae, whole->cancel};
    tb_progress unet_progress = {report_part, &unet, whole->cancel};
    tb_status st = tb_riffusion_hold(r, job, TB_NETWORK_VAE, &vae_progress, err);
    return st == TIMBRE_OK ? tb_riffusion_hold(r, job, TB_NETWORK_UNET, &unet_progress, err) : st;
}

tb_status tb_riffusion_load(tb_riffusion *r, tb_riffusion_work *w, tb_error *err)
{
    tb_status st = choose_residence(r, w, err);
    if (st != TIMBRE_OK)
        return st;
    tb_model_begin_sha256(r->model);
    if (!w->is_low)
        st = load_networks(r, w->job, err);
    if (st != TIMBRE_OK) { /* all or nothing: the next take begins anew */
        tb_conditioning_deinit(&r->conditioning);
        tb_riffusion_let_go(r);
    }
    return st;
}

tb_status tb_riffusion_finish_hash(tb_riffusion *r, const tb_riffusion_work *w, tb_error *err)
{
    tb_status st = tb_model_sha256(r->model, &w->job->stages->progress, r->sha256, err);
    if (st != TIMBRE_OK && st != TIMBRE_CANCELLED) { /* what was made of it is not to be used */
        tb_conditioning_deinit(&r->conditioning);
        tb_riffusion_let_go(r);
    }
    return st;
}
