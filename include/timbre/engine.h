/*
 * The engine: from a request to a finished take. One engine holds what is worth keeping between
 * takes (threads, lexicon, later: weights). One generation at a time per engine.
 */
#ifndef TIMBRE_ENGINE_H
#define TIMBRE_ENGINE_H

#include <stddef.h>

#include "timbre/cancel.h"
#include "timbre/log.h"
#include "timbre/request.h"
#include "timbre/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct timbre_engine timbre_engine;
typedef struct timbre_take timbre_take;

typedef struct timbre_engine_options {
    size_t struct_size;    /* sizeof(timbre_engine_options) */
    int n_threads;         /* 0: what affinity and cgroup allow */
    const char *soundfont; /* NULL or "": search */
    const char *data_dir;  /* Timbre's data folder; NULL: none */
    timbre_log_fn log;     /* NULL: silent */
    void *log_user;
    timbre_log_level log_level;
    const char *cpu; /* kernels: "auto", "ref", "avx2", "avx512", "neon", "blas"; NULL: auto */
    const char *tokenizer; /* folder with vocab.json and merges.txt for models without their own;
                              NULL or "": none */
    const char *memory;    /* "auto": a neural model stays in memory between takes where it fits;
                              "low": each network is there for its stage alone; NULL or "": auto */
} timbre_engine_options;

/* Returns owned. Does not load anything yet. BAD_INPUT: options.cpu, options.memory. UNSUPPORTED:
 * options.cpu. */
TIMBRE_MUST_USE timbre_status timbre_engine_new(const timbre_engine_options *options,
                                                timbre_engine **out, timbre_error *err);
void timbre_engine_free(timbre_engine *engine);

/* Where the take goes. */
typedef struct timbre_output {
    size_t struct_size;
    const char *path; /* exactly this file; NULL: a name is made in `dir`. May hold {seed} etc. */
    const char *dir;  /* output folder; made when missing. Used when path is NULL */
    const char *pattern; /* name below dir without extension; NULL: "{date}/{time}-{slug}-s{seed}".
                            Knows date time slug seed n model. A number is added when taken */
    int in_memory;       /* encode to memory only: see timbre_take_bytes */
    int replace;         /* overwrite `path` when it exists */
    int sidecar;         /* also write PATH.json */
    int index;           /* {n}: 1 for the first of several */
    const char *id;      /* UUID of the take; NULL: one is drawn */
} timbre_output;

typedef struct timbre_progress {
    size_t struct_size;
    const char *stage; /* the backend's own list: "load" "arrange" "render" "master" "save"; "load"
                          "tokenize" "encode" "denoise" "decode" "vocode" "master" "save" */
    int i_stage, n_stages; /* 0-based */
    double stage_fraction; /* 0..1 of this stage, from real work done */
    double fraction;       /* 0..1 of the whole, stages weighted as measured */
    double elapsed_s;
} timbre_progress;

/* Called from the thread that called timbre_generate. */
typedef void (*timbre_progress_fn)(const timbre_progress *progress, void *user);

/* What a neural model sees behind the noise so far: a small spectrogram image. */
typedef struct timbre_preview_image {
    size_t struct_size;
    int width, height;
    const unsigned char *pixels; /* [height][width] grey, loud is dark; valid during the call */
    int i_step, n_steps;         /* 1-based */
} timbre_preview_image;

/* Called from the thread that called timbre_generate, after steps of the sampler. */
typedef void (*timbre_preview_fn)(const timbre_preview_image *image, void *user);

typedef struct timbre_generate_options {
    size_t struct_size;
    const timbre_output *output; /* borrowed during the call */
    timbre_progress_fn progress; /* may be NULL */
    void *progress_user;
    const timbre_cancel *cancel; /* may be NULL */
    timbre_preview_fn preview;   /* may be NULL; costs a little when not */
    void *preview_user;
} timbre_generate_options;

/*
 * Make one take. `request` is resolved in a copy when it is not yet. On success *out is owned
 * (timbre_take_free). On any failure nothing is left on disk. Errors: BAD_INPUT, MODEL_MISSING,
 * EXISTS, IO family, NO_MEMORY, VERIFY_FAILED (the file read back differs), CANCELLED.
 */
TIMBRE_MUST_USE timbre_status timbre_generate(timbre_engine *engine, const timbre_request *request,
                                              const timbre_generate_options *options,
                                              timbre_take **out, timbre_error *err);

/*
 * What `request` would become, without making sound: the metadata of the take (JSON, as
 * timbre_take_metadata, without what is measured on the sound). Owned (free), in *metadata.
 */
TIMBRE_MUST_USE timbre_status timbre_preview(timbre_engine *engine, const timbre_request *request,
                                             char **metadata, timbre_error *err);

/* What a take brings beside its sound. */
typedef enum timbre_side {
    TIMBRE_SIDE_MIDI,  /* timbre_take_midi */
    TIMBRE_SIDE_IMAGE, /* timbre_take_image */
    TIMBRE_SIDE_COUNT
} timbre_side;

/* Whether takes of a resolved request have one. */
int timbre_request_makes(const timbre_request *request, timbre_side side);

/*
 * A file name from a pattern with {date} {time} {slug} {seed} {n} {model} ("{{" is one brace) for a
 * resolved request; `index` is {n}. BAD_INPUT names what is not known. Owned (free), in *name.
 */
TIMBRE_MUST_USE timbre_status timbre_expand_name(const char *pattern, const timbre_request *request,
                                                 int index, char **name, timbre_error *err);

void timbre_take_free(timbre_take *take);
/* All texts below are valid until timbre_take_free. */
const char *timbre_take_id(const timbre_take *take);       /* UUID */
const char *timbre_take_path(const timbre_take *take);     /* absolute; NULL when in memory */
const char *timbre_take_recipe(const timbre_take *take);   /* JSON, as inside the file */
const char *timbre_take_metadata(const timbre_take *take); /* JSON: prompt, seed, model_id,
                                                              duration_seconds, extras */
const char *timbre_take_sidecar(const timbre_take *take);  /* JSON, as in PATH.json */
const char *timbre_take_file_sha256(const timbre_take *take);
const unsigned char *timbre_take_bytes(const timbre_take *take, size_t *len_bytes); /* the encoded
                                                              file; NULL unless in_memory */
/* The arrangement as a Standard MIDI File; NULL for backends without one. */
const unsigned char *timbre_take_midi(const timbre_take *take, size_t *len_bytes);

/* The spectrogram that the sound was made of, as a PNG file with Riffusion's EXIF block; NULL for
 * backends without one. */
const unsigned char *timbre_take_image(const timbre_take *take, size_t *len_bytes);

/*
 * Compare the recipe of an old take with that of a new one made from the same request. Returns an
 * owned text (free) that names each ingredient that differs, one a line ("soundfont:
 * FluidR3Mono_GM.sf3 1a2b... was, 3c4d... is"); "" when all agree; NULL for memory or when either
 * is no recipe.
 */
char *timbre_recipe_compare(const char *old_recipe, const char *new_recipe);

/* The "request" object of a recipe as JSON text: owned (free), or NULL with err set. */
char *timbre_recipe_request(const char *recipe, timbre_error *err);

/* What is installed and ready, as JSON: {"backends":[{"name","ready","error","fix",...}],
 * "threads","cpu","kernels","libraries":{...},"soundfont":{"path","sha256"}}. Owned (free); NULL
 * for memory. */
char *timbre_engine_describe(timbre_engine *engine);

/* The library behind the kernels "blas", loaded to ask it ("OpenBLAS 0.3.21 Zen"); valid for ever.
 * NULL, with err set: none is installed. */
const char *timbre_blas_version(timbre_error *err);

/* Was a take of this recipe computed by the kernels "blas"? Such a one is repeated with them, by
 * the same BLAS at best to the bit, by another one nearly. 0 when it is no recipe, too. */
int timbre_recipe_is_blas(const char *recipe);

#ifdef __cplusplus
}
#endif
#endif
