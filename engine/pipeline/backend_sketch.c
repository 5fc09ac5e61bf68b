/*
 * The sketch backend: prompt -> arrangement -> FluidSynth -> level. It plays until a neural model
 * is installed and says so everywhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/audio/highpass.h"
#include "engine/audio/loudness.h"
#include "engine/audio/master.h"
#include "engine/base/arena.h"
#include "engine/base/hash.h"
#include "engine/base/limits.h"
#include "engine/base/str.h"
#include "engine/pipeline/backend.h"
#include "engine/pipeline/json.h"
#include "engine/pipeline/request.h"
#include "engine/sketch/prompt.h"
#include "engine/sketch/score.h"
#include "engine/sketch/soundfont.h"
#include "engine/sketch/synth.h"
#include "engine/sketch/texture.h"
#include "engine/sketch/theory.h"

#define RUMBLE_HZ 20.0 /* below hearing, and below the lowest note of a piano (27.5 Hz) */

static const tb_stage stages[] = {
    {"load", 0.04}, {"arrange", 0.01}, {"render", 0.73}, {"master", 0.20}, {"save", 0.02}};

typedef struct {
    tb_lexicon *lexicon;
    char *soundfont_setting; /* owned; NULL: search */
    char *data_dir;          /* owned; NULL: none */
    char soundfont[TB_PATH_MAX_BYTES];
    char soundfont_sha256[TB_SHA256_HEX_BYTES]; /* of the file as first loaded; "" before */
} sketch;

/* One take on its way. */
typedef struct {
    tb_brief brief;
    tb_arena arena;
    tb_score score;
    float *mix; /* [n_frames, 2] */
    tb_master_report levels;
} work;

static void sketch_close(void *state)
{
    sketch *s = state;
    if (s == NULL)
        return;
    tb_lexicon_free(s->lexicon);
    free(s->soundfont_setting);
    free(s->data_dir);
    free(s);
}

static tb_status sketch_open(const timbre_engine_options *options, void **state, tb_error *err)
{
    sketch *s = calloc(1, sizeof *s);
    if (s == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the sketch backend");
    tb_status st = tb_lexicon_new(&s->lexicon, err);
    if (options->soundfont != NULL)
        s->soundfont_setting = tb_strdup(options->soundfont);
    if (options->data_dir != NULL)
        s->data_dir = tb_strdup(options->data_dir);
    if (st == TIMBRE_OK && ((options->soundfont != NULL && s->soundfont_setting == NULL) ||
                            (options->data_dir != NULL && s->data_dir == NULL)))
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the sketch backend");
    if (st != TIMBRE_OK) {
        sketch_close(s);
        return st;
    }
    *state = s;
    return TIMBRE_OK;
}

static tb_status sketch_resolve(timbre_request *request, tb_error *err)
{
    double seconds = timbre_request_number(request, "duration_seconds");
    if (seconds <= TB_SKETCH_MAX_SECONDS)
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "duration_seconds %.16g exceeds %d of a sketch",
                           seconds, TB_SKETCH_MAX_SECONDS);
    tb_fix(err, "ask for 1 to %d seconds", TB_SKETCH_MAX_SECONDS);
    return st;
}

static tb_status find_soundfont(sketch *s, tb_error *err)
{
    if (s->soundfont_sha256[0] != '\0')
        return TIMBRE_OK;
    tb_status st = tb_soundfont_find(s->soundfont_setting, s->data_dir, s->soundfont,
                                     sizeof s->soundfont, err);
    return st == TIMBRE_OK ? tb_sha256_file(s->soundfont, s->soundfont_sha256, err) : st;
}

static tb_status sketch_check(void *state, json_t *facts, tb_error *err)
{
    sketch *s = state;
    (void)json_object_set_new(facts, "fluidsynth", json_string(tb_synth_version()));
    tb_status st = find_soundfont(s, err);
    if (st == TIMBRE_OK)
        (void)json_object_set_new(
            facts, "soundfont",
            json_pack("{s:s, s:s}", "path", s->soundfont, "sha256", s->soundfont_sha256));
    return st;
}

static void log_load(const sketch *s, const tb_job *job)
{
    tb_logger_write(job->log, TIMBRE_LOG_DEBUG, "SoundFont %s, sha256 %s", s->soundfont,
                    s->soundfont_sha256);
}

static void log_score(const tb_score *score, const tb_job *job)
{
    tb_logger_write(job->log, TIMBRE_LOG_DEBUG, "%d bars, %d parts, %zu events, %lld frames",
                    score->n_bars, score->n_parts, score->n_events, (long long)score->n_frames);
}

static tb_status arrange(const sketch *s, const timbre_request *r, work *w, tb_error *err)
{
    tb_status st = tb_prompt_read(s->lexicon, timbre_request_text(r, "prompt"),
                                  timbre_request_text(r, "negative_prompt"), &w->brief, err);
    tb_arrange_options options = {.seed = (uint64_t)timbre_request_integer(r, "seed"),
                                  .duration_s = timbre_request_number(r, "duration_seconds"),
                                  .loop = timbre_request_boolean(r, "loop")};
    return st == TIMBRE_OK ? tb_arrange(&w->brief, &options, &w->arena, &w->score, err) : st;
}

static tb_status render(const sketch *s, const tb_job *job, work *w, tb_error *err)
{
    w->mix = calloc((size_t)w->score.n_frames * 2, sizeof *w->mix);
    if (w->mix == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %lld frames of sound",
                       (long long)w->score.n_frames);
    tb_status st = tb_synth_render(&w->score, s->soundfont, job->pool, &job->stages->progress,
                                   w->mix, err);
    if (st != TIMBRE_OK)
        return st;
    /* some pads of the common banks have an offset louder than their sound */
    tb_highpass_run(w->mix, w->score.n_frames, RUMBLE_HZ, w->score.loop);
    tb_progress quiet = {.cancel = job->stages->progress.cancel};
    return tb_texture_mix(w->brief.texture_level, w->score.n_parts == 0,
                          (uint64_t)timbre_request_integer(job->request, "seed"), w->score.loop,
                          w->mix, w->score.n_frames, &quiet, err);
}

static tb_status master(const tb_job *job, work *w, tb_result *result, tb_error *err)
{
    double seconds = (double)w->score.n_frames / TB_SAMPLE_RATE_HZ;
    tb_master_options options = {.target_lufs = -16,
                                 .ceiling_dbtp = -1,
                                 .loop = w->score.loop,
                                 .fade_out_s = seconds < 10 ? seconds * 0.1 : 1.0};
    tb_status st = tb_master_run(w->mix, w->score.n_frames, &options, &job->stages->progress,
                                 &w->levels, err);
    if (st != TIMBRE_OK)
        return st;
    result->n_channels = 2;
    result->n_frames = w->score.n_frames;
    result->pcm = malloc((size_t)result->n_frames * 2 * sizeof *result->pcm);
    if (result->pcm == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %lld frames of sound",
                       (long long)result->n_frames);
    tb_pcm_to_int16(w->mix, result->n_frames * 2, result->pcm);
    return TIMBRE_OK;
}

static json_t *understood_array(const tb_brief *brief)
{
    json_t *list = json_array();
    for (int i = 0; i < brief->n_understood; i++)
        (void)json_array_append_new(list, json_pack("{s:s, s:s}", "word", brief->understood[i].word,
                                                    "meaning", brief->understood[i].meaning));
    return list;
}

static json_t *unknown_array(const tb_brief *brief)
{
    json_t *list = json_array();
    for (int i = 0; i < brief->n_unknown; i++)
        (void)json_array_append_new(list, json_string(brief->unknown[i]));
    return list;
}

static json_t *parts_array(const tb_score *score)
{
    json_t *list = json_array();
    for (int i = 0; i < score->n_parts; i++)
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s}", "part", score->parts[i].name, "instrument",
                            tb_instrument_get(score->parts[i].instrument)->name));
    return list;
}

static json_t *textures_array(const tb_brief *brief)
{
    json_t *list = json_array();
    for (int i = 0; i < TB_TEXTURE_COUNT; i++)
        if (brief->texture_level[i] > 0)
            (void)json_array_append_new(list, json_string(tb_texture_name((tb_texture)i)));
    return list;
}

static json_t *describe(const work *w, const timbre_request *request)
{
    const tb_score *s = &w->score;
    char key[24], metre[12];
    snprintf(key, sizeof key, "%s %s",
             tb_key_tonic_name((tb_key){.root = s->key_root, .mode = s->mode}),
             tb_mode_name(s->mode));
    snprintf(metre, sizeof metre, "%d/%d", s->beats_per_bar, s->beat_unit);
    double bpm = (double)(int64_t)(60e8 / s->usec_per_quarter + 0.5) / 100;
    return json_pack("{s:s, s:s, s:s, s:f, s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:o}", "backend",
                     tb_backend_sketch.name, "label", tb_backend_sketch.label, "style",
                     tb_style_name(s->style), "tempo_bpm", bpm, "key", key, "metre", metre, "bars",
                     s->n_bars, "parts", parts_array(s), "textures", textures_array(&w->brief),
                     "understood", understood_array(&w->brief), "unknown", unknown_array(&w->brief),
                     "unused", tb_request_unused(request, TIMBRE_BACKEND_SKETCH));
}

static json_t *list_ingredients(const sketch *s, const work *w)
{
    const char *slash = strrchr(s->soundfont, '/');
    char meter[16];
    tb_loudness_version(meter);
    return json_pack("{s:{s:s, s:s}, s:s, s:s, s:o}", "soundfont", "name",
                     slash == NULL ? s->soundfont : slash + 1, "sha256", s->soundfont_sha256,
                     "fluidsynth", tb_synth_version(), "libebur128", meter, "gain_db",
                     tb_json_level(w->levels.gain_db));
}

static tb_status report_result(const sketch *s, const tb_job *job, work *w, tb_result *result,
                               tb_error *err)
{
    result->ingredients = list_ingredients(s, w);
    result->extras = describe(w, job->request);
    if (result->extras != NULL) {
        (void)json_object_set_new(result->extras, "loudness_lufs",
                                  tb_json_level(w->levels.output_lufs));
        (void)json_object_set_new(result->extras, "true_peak_dbtp",
                                  tb_json_level(w->levels.output_dbtp));
    }
    if (result->ingredients == NULL || result->extras == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the take's metadata");
    return tb_midi_format(&w->score, &result->midi, &result->midi_len_bytes, err);
}

static tb_status sketch_run(void *state, const tb_job *job, tb_result *result, tb_error *err)
{
    sketch *s = state;
    work *w = calloc(1, sizeof *w);
    if (w == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the sketch backend");
    tb_arena_init(&w->arena, 0);
    tb_stages_next(job->stages); /* load */
    tb_status st = find_soundfont(s, err);
    if (st == TIMBRE_OK) {
        log_load(s, job);
        tb_stages_next(job->stages);
        st = arrange(s, job->request, w, err);
    }
    if (st == TIMBRE_OK) {
        log_score(&w->score, job);
        tb_stages_next(job->stages);
        st = render(s, job, w, err);
    }
    if (st == TIMBRE_OK) {
        tb_stages_next(job->stages);
        st = master(job, w, result, err);
    }
    if (st == TIMBRE_OK)
        st = report_result(s, job, w, result, err);
    free(w->mix);
    tb_arena_deinit(&w->arena);
    free(w);
    return st;
}

static tb_status sketch_preview(void *state, const timbre_request *request, tb_result *result,
                                tb_error *err)
{
    work *w = calloc(1, sizeof *w);
    if (w == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the sketch backend");
    tb_arena_init(&w->arena, 0);
    tb_status st = arrange(state, request, w, err);
    if (st == TIMBRE_OK && (result->extras = describe(w, request)) == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a preview");
    result->n_frames = w->score.n_frames;
    tb_arena_deinit(&w->arena);
    free(w);
    return st;
}

const tb_backend tb_backend_sketch = {
    .name = "sketch",
    .label = "a sketch: composed by rules and played from a SoundFont, not by the AI model",
    .bit = TIMBRE_BACKEND_SKETCH,
    .side = TIMBRE_SIDE_MIDI,
    .stages = stages,
    .n_stages = sizeof stages / sizeof *stages,
    .resolve = sketch_resolve,
    .open = sketch_open,
    .close = sketch_close,
    .check = sketch_check,
    .preview = sketch_preview,
    .run = sketch_run,
};
