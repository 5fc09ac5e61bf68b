/* The engine object and the life of one generation: resolve, run the backend, recipe, save. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/audio/audio_file.h"
#include "engine/audio/source.h"
#include "engine/base/limits.h"
#include "engine/os/cpu.h"
#include "engine/pipeline/engine.h"
#include "engine/pipeline/json.h"
#include "engine/pipeline/recipe.h"
#include "engine/pipeline/request.h"
#include "engine/pipeline/save.h"

struct timbre_engine {
    timbre_engine_options options; /* texts owned by the engine */
    tb_logger log;
    tb_pool *pool;
    const tb_kernels *kernels;
    void *states[TB_BACKEND_COUNT]; /* of tb_backends */
};

tb_pool *tb_engine_pool(timbre_engine *engine)
{
    return engine->pool;
}

const tb_kernels *tb_engine_kernels(const timbre_engine *engine)
{
    return engine->kernels;
}

const tb_logger *tb_engine_log(const timbre_engine *engine)
{
    return &engine->log;
}

void timbre_engine_free(timbre_engine *engine)
{
    if (engine == NULL)
        return;
    for (int i = 0; i < TB_BACKEND_COUNT; i++)
        tb_backends[i]->close(engine->states[i]);
    tb_pool_free(engine->pool);
    free(engine);
}

void tb_copy_options(void *out, size_t size, const void *in, size_t struct_size)
{
    memcpy(out, in, struct_size < size ? struct_size : size);
}

tb_status timbre_engine_new(const timbre_engine_options *options, timbre_engine **out,
                            tb_error *err)
{
    *out = NULL;
    timbre_engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the engine");
    tb_copy_options(&engine->options, sizeof engine->options, options, options->struct_size);
    engine->log = (tb_logger){.fn = engine->options.log,
                              .user = engine->options.log_user,
                              .min_level = engine->options.log_level};
    tb_status st = tb_pool_new(engine->options.n_threads, &engine->pool, err);
    if (st == TIMBRE_OK)
        st = tb_kernels_choose(engine->options.cpu, &engine->kernels, err);
    for (int i = 0; st == TIMBRE_OK && i < TB_BACKEND_COUNT; i++)
        st = tb_backends[i]->open(&engine->options, &engine->states[i], err);
    engine->options.soundfont = engine->options.data_dir = NULL; /* the caller's; copied by open */
    engine->options.cpu = engine->options.tokenizer = engine->options.memory = NULL;
    if (st != TIMBRE_OK) {
        timbre_engine_free(engine);
        return st;
    }
    *out = engine;
    return TIMBRE_OK;
}

void tb_result_deinit(tb_result *result)
{
    free(result->pcm);
    free(result->midi);
    free(result->image);
    json_decref(result->ingredients);
    json_decref(result->extras);
    *result = (tb_result){0};
}

static char *format_metadata(const timbre_request *request, const tb_result *result)
{
    double seconds = (double)result->n_frames / TB_SAMPLE_RATE_HZ;
    char model[TB_MODEL_ID_MAX_BYTES + 1];
    tb_request_model_name(request, model, sizeof model);
    json_t *j = json_pack("{s:s, s:I, s:s, s:f, s:O}", "prompt",
                          timbre_request_text(request, "prompt"), "seed",
                          (json_int_t)timbre_request_integer(request, "seed"), "model_id", model,
                          "duration_seconds", seconds, "extras", result->extras);
    char *text = tb_json_format(j);
    json_decref(j);
    return text;
}

tb_status timbre_preview(timbre_engine *engine, const timbre_request *request, char **metadata,
                         tb_error *err)
{
    *metadata = NULL;
    int i = 0;
    timbre_request *resolved;
    tb_status st = timbre_request_copy(request, &resolved, err);
    if (st != TIMBRE_OK)
        return st;
    tb_result result = {0};
    st = timbre_request_resolve(resolved, err);
    if (st == TIMBRE_OK)
        st = tb_backend_find(tb_request_model_path(resolved), &i, err);
    if (st == TIMBRE_OK)
        st = tb_backends[i]->preview(engine->states[i], resolved, &result, err);
    if (st == TIMBRE_OK && (*metadata = format_metadata(resolved, &result)) == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the metadata");
    tb_result_deinit(&result);
    timbre_request_free(resolved);
    return st;
}

/* Everything about the take but its file. */
static tb_status make_take(const tb_backend *backend, const tb_job *job, const char *id,
                           tb_result *result, timbre_take **out, tb_error *err)
{
    timbre_take *take = calloc(1, sizeof *take);
    if (take == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a take");
    take->made_at = time(NULL);
    tb_status st = TIMBRE_OK;
    if (id == NULL)
        st = tb_uuid_draw(take->id, err);
    else
        (void)snprintf(take->id, sizeof take->id, "%s", id);
    if (st == TIMBRE_OK && json_object_set_new(result->ingredients, "libsndfile",
                                               json_string(tb_audio_library_version())) != 0)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a recipe");
    if (st == TIMBRE_OK)
        st = tb_recipe_format(backend, job->request, result, &take->recipe, err);
    if (st == TIMBRE_OK && (take->metadata = format_metadata(job->request, result)) == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the metadata");
    take->midi = result->midi;
    take->midi_len_bytes = result->midi_len_bytes;
    take->image = result->image;
    take->image_len_bytes = result->image_len_bytes;
    result->midi = result->image = NULL;
    if (st != TIMBRE_OK) {
        timbre_take_free(take);
        return st;
    }
    *out = take;
    return TIMBRE_OK;
}

static tb_status run_job(timbre_engine *engine, int i_backend, const tb_job *job,
                         const timbre_output *output, timbre_take **out, tb_error *err)
{
    const tb_backend *backend = tb_backends[i_backend];
    tb_result result = {0};
    timbre_take *take = NULL;
    tb_status st = backend->run(engine->states[i_backend], job, &result, err);
    if (st == TIMBRE_OK)
        st = make_take(backend, job, output->id, &result, &take, err);
    if (st == TIMBRE_OK)
        st = tb_progress_check(&job->stages->progress, err);
    if (st == TIMBRE_OK) {
        tb_stages_next(job->stages);
        st = tb_save_run(output, job, &result, take, err);
    }
    if (st == TIMBRE_OK) {
        tb_stages_finish(job->stages);
    } else {
        timbre_take_free(take);
        take = NULL;
    }
    tb_result_deinit(&result);
    *out = take;
    return st;
}

/* The backend's list, its weights for this request adding up to 1. */
static void weigh_stages(const tb_backend *backend, const timbre_request *resolved,
                         tb_stage list[TB_STAGES_MAX])
{
    double sum = 0;
    memcpy(list, backend->stages, (size_t)backend->n_stages * sizeof *list);
    if (backend->weigh != NULL)
        backend->weigh(resolved, list);
    for (int i = 0; i < backend->n_stages; i++)
        sum += list[i].weight;
    for (int i = 0; i < backend->n_stages; i++)
        list[i].weight /= sum;
}

static tb_status start_job(timbre_engine *engine, const timbre_request *resolved,
                           const timbre_generate_options *options, const timbre_output *output,
                           timbre_take **out, tb_error *err)
{
    int i = 0;
    tb_status st = tb_backend_find(tb_request_model_path(resolved), &i, err);
    if (st != TIMBRE_OK)
        return st;
    tb_stage list[TB_STAGES_MAX];
    weigh_stages(tb_backends[i], resolved, list);
    tb_stages stages;
    tb_stages_init(
        &stages, list, tb_backends[i]->n_stages,
        &(tb_stages_listener){options->progress, options->progress_user, options->cancel},
        &engine->log);
    tb_job job = {.request = resolved,
                  .kernels = engine->kernels,
                  .pool = engine->pool,
                  .log = &engine->log,
                  .stages = &stages,
                  .preview = options->preview,
                  .preview_user = options->preview_user};
    return run_job(engine, i, &job, output, out, err);
}

tb_status timbre_generate(timbre_engine *engine, const timbre_request *request,
                          const timbre_generate_options *options, timbre_take **out, tb_error *err)
{
    *out = NULL;
    timbre_generate_options ours = {0};
    timbre_output output = {0};
    tb_copy_options(&ours, sizeof ours, options, options->struct_size);
    if (ours.output == NULL)
        return tb_fail(err, TIMBRE_BAD_INPUT, "no output is given");
    tb_copy_options(&output, sizeof output, ours.output, ours.output->struct_size);
    timbre_request *resolved;
    tb_status st = timbre_request_copy(request, &resolved, err);
    if (st != TIMBRE_OK)
        return st;
    if (output.path != NULL && !output.in_memory)
        st = timbre_request_match_path(resolved, output.path, err);
    if (st == TIMBRE_OK)
        st = timbre_request_resolve(resolved, err);
    if (st == TIMBRE_OK)
        st = tb_save_check(&output, resolved, err);
    if (st == TIMBRE_OK)
        st = start_job(engine, resolved, &ours, &output, out, err);
    timbre_request_free(resolved);
    return st;
}

const char *timbre_blas_version(timbre_error *err)
{
    const tb_kernels *kernels = NULL;
    return tb_kernels_choose("blas", &kernels, err) == TIMBRE_OK ? tb_kernels_library(kernels)
                                                                 : NULL;
}

/* {"name","label","ready","error","fix"}; what the backend knows is added to `facts`. */
static json_t *describe_backend(const timbre_engine *engine, int i, json_t *facts)
{
    tb_error err = {0};
    tb_status st = tb_backends[i]->check(engine->states[i], facts, &err);
    return json_pack("{s:s, s:s, s:b, s:s, s:s}", "name", tb_backends[i]->name, "label",
                     tb_backends[i]->label, "ready", st == TIMBRE_OK, "error",
                     st == TIMBRE_OK ? "" : err.message, "fix", st == TIMBRE_OK ? "" : err.fix);
}

char *timbre_engine_describe(timbre_engine *engine)
{
    char cpu[64], resampler[16];
    tb_cpu_describe(cpu, sizeof cpu);
    tb_source_resampler_version(resampler);
    json_t *facts = json_object();
    json_t *backends = json_array();
    for (int i = 0; backends != NULL && i < TB_BACKEND_COUNT; i++)
        (void)json_array_append_new(backends, describe_backend(engine, i, facts));
    json_t *fluidsynth = json_incref(json_object_get(facts, "fluidsynth"));
    json_t *j = json_pack("{s:o, s:i, s:s, s:s, s:{s:s, s:s, s:o*}, s:O*}", "backends", backends,
                          "threads", tb_pool_n_threads(engine->pool), "cpu", cpu, "kernels",
                          tb_kernels_name(engine->kernels), "libraries", "libsndfile",
                          tb_audio_library_version(), "libsamplerate", resampler, "fluidsynth",
                          fluidsynth, "soundfont", json_object_get(facts, "soundfont"));
    char *text = tb_json_format(j);
    json_decref(j);
    json_decref(facts);
    return text;
}
