#include "engine/pipeline/seed_image.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/hash.h"
#include "engine/base/str.h"

/* Five bars' worth of 512 columns: the beats of each come out even in 5.11 s. */
static const struct {
    const char *name, *prompt, *seed;
} sketches[] = {
    {"og_beat", "funk drum beat with bass at 94 bpm", "1"},
    {"agile", "fast breakbeat drums and bass at 188 bpm", "2"},
    {"marim", "marimba melody at 94 bpm", "3"},
    {"motorway", "driving techno beat with synth bass at 141 bpm", "4"},
    {"vibes", "vibraphone chords, slow jazz at 94 bpm", "5"},
};

static tb_status new_request(const char *name, timbre_request **out, tb_error *err)
{
    size_t i = 0;
    while (strcmp(sketches[i].name, name) != 0)
        i++;
    const char *const fields[][2] = {{"prompt", sketches[i].prompt},
                                     {"seed", sketches[i].seed},
                                     {"model_id", "sketch"},
                                     {"duration_seconds", "5.2"}};
    tb_status st = timbre_request_new(out, err);
    for (size_t k = 0; st == TIMBRE_OK && k < sizeof fields / sizeof *fields; k++)
        st = timbre_request_set(*out, fields[k][0], fields[k][1], err);
    return st == TIMBRE_OK ? timbre_request_resolve(*out, err) : st;
}

/* The sketch backend's stages are nobody's business here, but they can be stopped. */
static tb_status play(const timbre_request *request, const tb_seed_place *place, const tb_job *job,
                      tb_result *result, tb_error *err)
{
    tb_stages stages;
    tb_stages_init(&stages, tb_backend_sketch.stages, tb_backend_sketch.n_stages,
                   &(tb_stages_listener){.cancel = job->stages->progress.cancel}, job->log);
    tb_job ours = {.request = request,
                   .kernels = job->kernels,
                   .pool = job->pool,
                   .log = job->log,
                   .stages = &stages};
    timbre_engine_options options = {
        .struct_size = sizeof options, .soundfont = place->soundfont, .data_dir = place->data_dir};
    void *state = NULL;
    tb_status st = tb_backend_sketch.open(&options, &state, err);
    if (st == TIMBRE_OK)
        st = tb_backend_sketch.run(state, &ours, result, err);
    tb_backend_sketch.close(state);
    return st;
}

static tb_status sketch(const char *name, const tb_seed_place *place, const tb_sound_picture *spec,
                        const tb_job *job, tb_raster *out, tb_error *err)
{
    timbre_request *request = NULL;
    tb_result result = {0};
    tb_status st = new_request(name, &request, err);
    if (st == TIMBRE_OK)
        st = play(request, place, job, &result, err);
    if (st == TIMBRE_OK)
        st = tb_sound_picture_draw(spec, result.pcm, result.n_frames, result.n_channels, out, err);
    tb_result_deinit(&result);
    timbre_request_free(request);
    return st;
}

/* By its pixels: they are what the take depends on. */
static tb_status describe(const char *name, const tb_raster *raster, json_t **ingredients,
                          tb_error *err)
{
    char hex[TB_SHA256_HEX_BYTES];
    size_t n = (size_t)raster->width * (size_t)raster->height * (size_t)raster->n_channels;
    tb_status st = tb_sha256_bytes(raster->pixels, n, hex, err);
    if (st == TIMBRE_OK)
        *ingredients = json_pack("{s:{s:s, s:s}}", "seed_image", "name", name, "sha256", hex);
    if (st == TIMBRE_OK && *ingredients == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a seed image");
    return st;
}

tb_status tb_seed_image_make(const char *name, const tb_seed_place *place,
                             const tb_sound_picture *spec, const tb_job *job, tb_raster *out,
                             json_t **ingredients, tb_error *err)
{
    struct stat info;
    char *path = tb_strf("%s/seed_images/%s.png", place->model, name);
    if (path == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    bool is_own = stat(path, &info) == 0;
    tb_status st = is_own ? tb_raster_read(path, out, err)
                          : sketch(name, place, spec, job, out, err);
    free(path);
    if (st == TIMBRE_OK)
        st = describe(name, out, ingredients, err);
    return st;
}
