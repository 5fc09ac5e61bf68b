/*
 * What runs a kind of model. A backend turns a resolved request into PCM and says what it used; the
 * pipeline around it makes the recipe, the file and the metadata.
 */
#ifndef TB_PIPELINE_BACKEND_H
#define TB_PIPELINE_BACKEND_H

#include <jansson.h>
#include <stdint.h>

#include "engine/base/log.h"
#include "engine/kernels/kernels.h"
#include "engine/os/pool.h"
#include "engine/pipeline/stages.h"
#include "timbre/request.h"

/* What one generation has at hand; all borrowed. */
typedef struct tb_job {
    const timbre_request *request; /* resolved */
    const tb_kernels *kernels;
    tb_pool *pool;
    const tb_logger *log;
    tb_stages *stages;
    timbre_preview_fn preview; /* may be NULL */
    void *preview_user;
} tb_job;

/* What a backend made. Owned by the pipeline: tb_result_deinit. */
typedef struct tb_result {
    int16_t *pcm; /* [n_frames, n_channels], 44.1 kHz */
    int64_t n_frames;
    int n_channels;
    json_t *ingredients; /* object: what must be the same to get the same PCM; with "blas", the same
                            PCM is likely at best */
    json_t *extras;      /* object for metadata: what was understood and done */
    unsigned char *midi; /* Standard MIDI File, or NULL */
    size_t midi_len_bytes;
    unsigned char *image; /* the spectrogram as a PNG file, or NULL */
    size_t image_len_bytes;
} tb_result;

void tb_result_deinit(tb_result *result);

typedef struct tb_backend {
    const char *name;       /* "sketch" */
    const char *label;      /* one honest sentence for screens and metadata */
    unsigned bit;           /* TIMBRE_BACKEND_* */
    timbre_side side;       /* what its takes bring beside the sound */
    const tb_stage *stages; /* the last one is "save" and belongs to the pipeline */
    int n_stages;
    /* Change weights of a copy of the list for a resolved request; they need not add up to 1. NULL:
     * nothing to change. */
    void (*weigh)(const timbre_request *request, tb_stage *list);
    /* Fill in what other fields decide, before the table's defaults come: lengths of what is
     * begun with. NULL: nothing to do. */
    tb_status (*complete)(timbre_request *request, tb_error *err);
    /* Fill in what the model itself decides, and check what only it can. The request has a model
     * and the table's defaults. NULL: nothing to do. */
    tb_status (*resolve)(timbre_request *request, tb_error *err);
    /* State kept between takes, made with the first one. Freed by close. */
    tb_status (*open)(const timbre_engine_options *options, void **state, tb_error *err);
    void (*close)(void *state);
    /* Is it ready? OK, or why not and what to do. Adds facts to `facts` (an object). */
    tb_status (*check)(void *state, json_t *facts, tb_error *err);
    /* What the request would become: fills n_frames and extras of *result, no sound. */
    tb_status (*preview)(void *state, const timbre_request *request, tb_result *result,
                         tb_error *err);
    /* Runs all stages but the last. */
    tb_status (*run)(void *state, const tb_job *job, tb_result *result, tb_error *err);
} tb_backend;

extern const tb_backend tb_backend_sketch, tb_backend_riffusion;

enum { TB_BACKEND_COUNT = 2 };
extern const tb_backend *const tb_backends[TB_BACKEND_COUNT];

/* Index in tb_backends of the one that runs `model_id`: "sketch", else a folder or file that is
 * there. MODEL_MISSING. */
TB_MUST_USE tb_status tb_backend_find(const char *model_id, int *i_backend, tb_error *err);

#endif
