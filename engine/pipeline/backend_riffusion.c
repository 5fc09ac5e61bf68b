/*
 * The riffusion backend: a diffusion model paints a spectrogram, the vocoder makes it sound. Runs
 * any model of the Stable Diffusion 1.x family whose pictures are Riffusion's spectrograms.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/audio/fade.h"
#include "engine/audio/levels.h"
#include "engine/audio/loudness.h"
#include "engine/base/limits.h"
#include "engine/base/str.h"
#include "engine/models/model_hints.h"
#include "engine/pipeline/json.h"
#include "engine/pipeline/request.h"
#include "engine/pipeline/riffusion.h"
#include "timbre/model.h"

/* Weights are seconds for 5 s of sound with a model of full size on two cores with AVX-512; that of
 * denoise is for one evaluation with guidance. */
static const tb_stage stages[] = {{"load", 2},      {"tokenize", 0.01}, {"encode", 0.5},
                                  {"denoise", 2.6}, {"decode", 2.8},    {"vocode", 0.15},
                                  {"master", 0.03}, {"save", 0.02}};

enum { CUT_FADE_MS = 20 };

/* ---- resolve: what the model decides ---- */

/* What a model without opinions gets. */
static const struct {
    const char *field, *value;
} fallbacks[] = {{"steps", "20"}, {"cfg_scale", "7"}, {"scheduler", "dpmpp_2m"}};

enum { N_HINTS = sizeof fallbacks / sizeof *fallbacks };

/* The members of timbre.json that are fields of a request and were not asked for. */
static tb_status apply_hints(timbre_request *request, const json_t *hints, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    json_t *wanted = json_object();
    bool is_full = wanted != NULL;
    for (size_t i = 0; is_full && i < N_HINTS; i++) {
        json_t *value = json_object_get(hints, fallbacks[i].field);
        if (value != NULL && !timbre_request_has(request, fallbacks[i].field))
            is_full = json_object_set(wanted, fallbacks[i].field, value) == 0;
    }
    if (!is_full) {
        json_decref(wanted);
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request");
    }
    st = tb_request_set_object(request, wanted, err);
    if (st == TIMBRE_BAD_INPUT) { /* not the user's mistake */
        tb_error why = {0};
        if (err != NULL)
            why = *err;
        st = tb_fail(err, TIMBRE_BAD_FILE, "'timbre.json': %s", why.message);
    }
    json_decref(wanted);
    for (size_t i = 0; st == TIMBRE_OK && i < N_HINTS; i++)
        if (!timbre_request_has(request, fallbacks[i].field))
            st = timbre_request_set(request, fallbacks[i].field, fallbacks[i].value, err);
    return st;
}

static tb_status check_limits(const timbre_request *request, tb_error *err)
{
    const char *scheduler = timbre_request_text(request, "scheduler");
    double seconds = timbre_request_number(request, "duration_seconds");
    bool is_known = false;
    for (size_t i = 0; tb_sampler_name(i) != NULL; i++)
        is_known |= strcmp(tb_sampler_name(i), scheduler) == 0;
    if (!is_known)
        return tb_fail(err, TIMBRE_BAD_INPUT, "scheduler '%s' is not there for this model",
                       scheduler);
    if (seconds > TB_NEURAL_MAX_SECONDS && !timbre_request_has(request, "init")) {
        tb_status st = tb_fail(
            err, TIMBRE_BAD_INPUT,
            "duration_seconds %.16g exceeds %g, what a neural model makes in one "
            "pass",
            seconds, TB_NEURAL_MAX_SECONDS);
        tb_fix(err, "ask for 20.4 seconds at most, or use --model sketch");
        return st;
    }
    static const char *const seeds[] = {"seed", "seed_b", "variation_seed"};
    tb_noise noise; /* refuses seeds that the generator does not take */
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && i < sizeof seeds / sizeof *seeds; i++)
        st = tb_noise_init(&noise, tb_riffusion_generator(request),
                           (uint64_t)timbre_request_integer(request, seeds[i]), err);
    if (st == TIMBRE_BAD_INPUT)
        tb_fix(err, "use a seed below 4294967296, or --generator torch-cuda");
    return st;
}

/* Parameters of the model's pictures are wanted before it is opened. */
static tb_status riffusion_complete(timbre_request *request, tb_error *err)
{
    json_t *hints = NULL;
    timbre_spectrogram_params params;
    tb_status st = tb_model_hints_read(tb_request_model_path(request), &hints, err);
    if (st == TIMBRE_OK)
        st = tb_riffusion_read_params(hints, &params, err);
    json_decref(hints);
    return st == TIMBRE_OK ? tb_rework_complete(request, &params, err) : st;
}

static tb_status riffusion_resolve(timbre_request *request, tb_error *err)
{
    json_t *hints = NULL;
    tb_status st = tb_model_hints_read(tb_request_model_path(request), &hints, err);
    if (st == TIMBRE_OK)
        st = apply_hints(request, hints, err);
    json_decref(hints);
    return st == TIMBRE_OK ? check_limits(request, err) : st;
}

/* ---- progress ---- */

enum { DENOISE = 3, N_CLIP_STAGES = 6 }; /* in the list of stages: each is done for every clip */

static void riffusion_weigh(const timbre_request *request, tb_stage *list)
{
    bool has_guidance = timbre_request_number(request, "cfg_scale") > 1;
    bool is_double = strcmp(timbre_request_text(request, "scheduler"), "kdpm_2_a") == 0;
    double n = (double)timbre_request_integer(request, "steps") * (is_double ? 2 : 1);
    list[DENOISE].weight *= n * (has_guidance ? 1 : 0.5);
    timbre_spectrogram_params params;
    tb_rework rework;
    timbre_spectrogram_params_init(&params); /* near enough for the weights */
    if (!timbre_request_has(request, "init") ||
        tb_rework_plan(request, &params, &rework, NULL) != TIMBRE_OK)
        return;
    if (timbre_request_has(request, "strength"))
        list[DENOISE].weight *= timbre_request_number(request, "strength");
    for (int i = DENOISE; i < N_CLIP_STAGES; i++)
        list[i].weight *= rework.n_clips;
}

/* ---- open, close, check ---- */

static void riffusion_close(void *state)
{
    tb_riffusion *r = state;
    if (r == NULL)
        return;
    tb_riffusion_unload(r);
    free(r->tokenizer_setting);
    free(r->soundfont);
    free(r->data_dir);
    free(r);
}

static tb_status read_residence(const char *word, tb_residence *out, tb_error *err)
{
    static const char *const words[] = {[TB_RESIDENCE_AUTO] = "auto", [TB_RESIDENCE_LOW] = "low"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (word == NULL || word[0] == '\0' || strcmp(word, words[i]) == 0) {
            *out = (tb_residence)i;
            return TIMBRE_OK;
        }
    return tb_fail(err, TIMBRE_BAD_INPUT, "memory '%.80s' is neither auto nor low", word);
}

static bool copy_places(tb_riffusion *r, const timbre_engine_options *options)
{
    if (options->soundfont != NULL)
        r->soundfont = tb_strdup(options->soundfont);
    if (options->data_dir != NULL)
        r->data_dir = tb_strdup(options->data_dir);
    return (options->soundfont == NULL || r->soundfont != NULL) &&
           (options->data_dir == NULL || r->data_dir != NULL);
}

static tb_status riffusion_open(const timbre_engine_options *options, void **state, tb_error *err)
{
    tb_residence residence = TB_RESIDENCE_AUTO;
    tb_status st = read_residence(options->memory, &residence, err);
    if (st != TIMBRE_OK)
        return st;
    tb_riffusion *r = calloc(1, sizeof *r);
    bool has_tokenizer = options->tokenizer != NULL && options->tokenizer[0] != '\0';
    if (r != NULL && has_tokenizer &&
        (r->tokenizer_setting = tb_strdup(options->tokenizer)) == NULL) {
        free(r);
        r = NULL;
    }
    if (r != NULL && !copy_places(r, options)) {
        riffusion_close(r);
        r = NULL;
    }
    if (r == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the riffusion backend");
    r->residence = residence;
    *state = r;
    return TIMBRE_OK;
}

/* Ready without a model: which one is a matter of the request. */
static tb_status riffusion_check(void *state, json_t *facts, tb_error *err)
{
    return TIMBRE_OK;
}

/* ---- run ---- */

typedef struct {
    const float *samples;
    tb_result *result;
    int64_t n_written;
} mastering;

static tb_status read_samples(void *user, int64_t frame, int64_t n, float *out, tb_error *err)
{
    memcpy(out, ((const mastering *)user)->samples + frame, (size_t)n * sizeof *out);
    return TIMBRE_OK;
}

static tb_status write_pcm(void *user, const int16_t *pcm, int64_t n, tb_error *err)
{
    mastering *m = user;
    memcpy(m->result->pcm + m->n_written, pcm, (size_t)n * sizeof *pcm);
    m->n_written += n;
    return TIMBRE_OK;
}

/* Cut to what was asked, with a short fade where music was cut off, and levelled. */
static tb_status master(const tb_riffusion_work *w, tb_result *result, tb_levels_report *levels,
                        tb_error *err)
{
    int64_t n_asked = w->size.n_frames;
    result->n_channels = 1;
    result->n_frames = n_asked < w->n_samples ? n_asked : w->n_samples;
    result->pcm = malloc((size_t)result->n_frames * sizeof *result->pcm);
    if (result->pcm == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %lld frames of sound",
                       (long long)result->n_frames);
    if (result->n_frames < w->n_samples || w->rework.n_clips > 1)
        tb_fade_out(w->samples, result->n_frames, 1, TB_SAMPLE_RATE_HZ * CUT_FADE_MS / 1000);
    mastering m = {.samples = w->samples, .result = result};
    tb_levels_io io = {.read = read_samples,
                       .write = write_pcm,
                       .user = &m,
                       .n_frames = result->n_frames,
                       .n_channels = 1,
                       .rate_hz = TB_SAMPLE_RATE_HZ};
    return tb_levels_clean(&io, &w->job->stages->progress, levels, err);
}

/* Without guidance the other side has no say; a single clip is joined to nothing. */
static json_t *list_unused(const tb_riffusion_work *w, const timbre_request *request)
{
    bool is_one = w->rework.n_clips == 1;
    const struct {
        const char *field;
        bool is_idle;
    } rows[] = {{"negative_prompt",
                 !w->has_guidance && timbre_request_text(request, "negative_prompt")[0] != '\0'},
                {"overlap_seconds", is_one && timbre_request_has(request, "overlap_seconds")},
                {"join", is_one && timbre_request_has(request, "join")}};
    json_t *names = tb_request_unused(request, TIMBRE_BACKEND_RIFFUSION);
    for (size_t i = 0; names != NULL && i < sizeof rows / sizeof *rows; i++)
        if (rows[i].is_idle && json_array_append_new(names, json_string(rows[i].field)) != 0) {
            json_decref(names);
            return NULL;
        }
    return names;
}

/* What was begun with, and in how many clips; NULL: nothing. */
static json_t *describe_rework(const tb_rework *rework)
{
    static const char *const kinds[] = {
        [TB_INIT_NAMED] = "seed image", [TB_INIT_PICTURE] = "picture", [TB_INIT_SOUND] = "sound"};
    if (rework->init == TB_INIT_NONE)
        return NULL;
    return json_pack("{s:s, s:b, s:b, s:i}", "init", kinds[rework->init], "blend",
                     (int)rework->is_blend, "mask", (int)rework->has_mask, "clips",
                     rework->n_clips);
}

static json_t *describe(const tb_riffusion_work *w, const timbre_request *request)
{
    char name[TB_MODEL_ID_MAX_BYTES + 1];
    tb_request_model_name(request, name, sizeof name);
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:f, s:s, s:i, s:i, s:o*, s:o}", "backend",
                     tb_backend_riffusion.name, "label", tb_backend_riffusion.label, "model", name,
                     "scheduler", timbre_request_text(request, "scheduler"), "steps",
                     (json_int_t)timbre_request_integer(request, "steps"), "cfg_scale",
                     timbre_request_number(request, "cfg_scale"), "generator",
                     timbre_request_text(request, "generator"), "image_width", w->size.width,
                     "image_height", w->size.height, "rework", describe_rework(&w->rework),
                     "unused", list_unused(w, request));
}

static json_t *list_ingredients(const tb_riffusion *r, const tb_riffusion_work *w,
                                const tb_levels_report *levels)
{
    const tb_job *job = w->job;
    char meter[16], name[TB_MODEL_ID_MAX_BYTES + 1];
    tb_loudness_version(meter);
    tb_request_model_name(job->request, name, sizeof name);
    return json_pack("{s:{s:s, s:s}, s:s, s:o, s:s*}", "model", "name", name, "sha256", r->sha256,
                     "libebur128", meter, "gain_db", tb_json_level(levels->gain_db), "blas",
                     tb_kernels_library(job->kernels));
}

/* What is known only behind the work. */
static json_t *measured_object(const tb_riffusion *r, const tb_levels_report *levels)
{
    const tb_conditioning *c = &r->conditioning;
    return json_pack("{s:s, s:i, s:I, s:I, s:o, s:o}", "model_sha256", r->sha256, "prompt_tokens",
                     c->n_prompt_tokens, "dropped_tokens", (json_int_t)c->n_dropped,
                     "dropped_negative_tokens", (json_int_t)c->n_dropped_negative, "loudness_lufs",
                     tb_json_level(levels->lufs), "true_peak_dbtp",
                     tb_json_level(levels->peak_dbtp));
}

static tb_status report_result(const tb_riffusion *r, const tb_riffusion_work *w,
                               const tb_levels_report *levels, tb_result *result, tb_error *err)
{
    json_t *measured = measured_object(r, levels);
    result->ingredients = list_ingredients(r, w, levels);
    result->extras = describe(w, w->job->request);
    bool is_whole = measured != NULL && result->ingredients != NULL && result->extras != NULL &&
                    json_object_update(result->extras, measured) == 0 &&
                    (w->ingredients == NULL ||
                     json_object_update(result->ingredients, w->ingredients) == 0);
    json_decref(measured);
    if (!is_whole)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the take's metadata");
    return tb_riffusion_format_png(r, w, &result->image, &result->image_len_bytes, err);
}

static tb_status prepare(tb_riffusion *r, tb_riffusion_work *w, tb_error *err)
{
    tb_status st = tb_riffusion_begin(r, w, err);
    if (st == TIMBRE_OK)
        st = tb_riffusion_read_init(r, w, err);
    return st == TIMBRE_OK ? tb_riffusion_load(r, w, err) : st;
}

static tb_status encode(tb_riffusion *r, tb_riffusion_work *w, tb_error *err)
{
    tb_status st = tb_riffusion_encode(r, w, err);
    return st == TIMBRE_OK ? tb_riffusion_encode_init(r, w, err) : st;
}

/* Nothing of the model is read behind this: it is time for its hash. */
static tb_status decode(tb_riffusion *r, tb_riffusion_work *w, tb_error *err)
{
    tb_status st = tb_riffusion_decode(r, w, err);
    return st == TIMBRE_OK ? tb_riffusion_finish_hash(r, w, err) : st;
}

/* The stages up to the picture; vocode and master follow. */
static const struct {
    tb_status (*run)(tb_riffusion *r, tb_riffusion_work *w, tb_error *err);
} steps[] = {{prepare}, {tb_riffusion_tokenize}, {encode}, {tb_riffusion_denoise}, {decode}};

static tb_status make_sound(tb_riffusion *r, tb_riffusion_work *w, tb_result *result, tb_error *err)
{
    tb_levels_report levels;
    tb_stages_next(w->job->stages);
    tb_status st = tb_riffusion_vocode(r, w, err);
    if (st == TIMBRE_OK) {
        tb_stages_next(w->job->stages);
        st = master(w, result, &levels, err);
    }
    if (st == TIMBRE_OK)
        st = report_result(r, w, &levels, result, err);
    return st;
}

static tb_status riffusion_run(void *state, const tb_job *job, tb_result *result, tb_error *err)
{
    tb_riffusion *r = state;
    tb_riffusion_work w = {.job = job};
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && i < sizeof steps / sizeof *steps; i++) {
        tb_stages_next(job->stages);
        st = steps[i].run(r, &w, err);
        if (st == TIMBRE_OK)
            st = tb_progress_check(&job->stages->progress, err);
    }
    if (st == TIMBRE_OK)
        st = make_sound(r, &w, result, err);
    if (w.is_low)
        tb_riffusion_let_go(r);
    tb_model_stop_sha256(r->model); /* of a take that failed */
    tb_riffusion_work_deinit(&w);
    return st;
}

static tb_status riffusion_preview(void *state, const timbre_request *request, tb_result *result,
                                   tb_error *err)
{
    tb_riffusion *r = state;
    tb_job job = {.request = request};
    tb_riffusion_work w = {.job = &job};
    tb_status st = tb_riffusion_begin(r, &w, err);
    if (st != TIMBRE_OK)
        return st;
    int64_t n_asked = w.size.n_frames, n_made = w.size.n_vocoded;
    result->n_frames = w.rework.n_clips > 1 || n_asked < n_made ? n_asked : n_made;
    result->extras = describe(&w, request);
    return result->extras != NULL ? TIMBRE_OK
                                  : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a preview");
}

const tb_backend tb_backend_riffusion = {
    .name = "riffusion",
    .label = "a diffusion model that paints spectrograms (Stable Diffusion 1.x family)",
    .bit = TIMBRE_BACKEND_RIFFUSION,
    .side = TIMBRE_SIDE_IMAGE,
    .stages = stages,
    .n_stages = sizeof stages / sizeof *stages,
    .weigh = riffusion_weigh,
    .complete = riffusion_complete,
    .resolve = riffusion_resolve,
    .open = riffusion_open,
    .close = riffusion_close,
    .check = riffusion_check,
    .preview = riffusion_preview,
    .run = riffusion_run,
};
