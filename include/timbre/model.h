/* Neural models on disk. */
#ifndef TIMBRE_MODEL_H
#define TIMBRE_MODEL_H

#include <stddef.h>

#include "timbre/cancel.h"
#include "timbre/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether `path` looks like a model: a folder with components of one, or a file that begins as
 * weights do. Nothing is checked. */
int timbre_model_is_at(const char *path);

/* The name of a model in takes and recipes: the last part of its path, which says nothing about the
 * machine; "sketch" is its own. Cut to what fits. */
void timbre_model_name(const char *model_id, char *out, size_t cap);

/*
 * What a model is, after checking every tensor's name, type and shape: JSON with architecture,
 * types, sizes, licence, memory need and every file that decides what the model computes
 * ("files": [{"name", "path", "bytes"}]). `tokenizer`: folder with a vocabulary for models without
 * their own; NULL or "": none. Owned (free), in *json. MODEL_MISSING, BAD_FILE (names file, tensor,
 * value), IO family, NO_MEMORY.
 */
TIMBRE_MUST_USE timbre_status timbre_model_describe(const char *path, const char *tokenizer,
                                                    char **json, timbre_error *err);

typedef struct timbre_convert_options {
    size_t struct_size; /* sizeof(timbre_convert_options) */
    const char *dtype;  /* of float tensors: "keep", "fp16", "fp32"; NULL: keep. Double precision is
                           kept as fp32. fp16 is round to nearest, ties to even */
    int replace;        /* overwrite a file that is there */
    void (*progress)(double fraction, void *user); /* of what is written; may be NULL */
    void *progress_user;
    const timbre_cancel *cancel; /* may be NULL */
} timbre_convert_options;

/*
 * Write a model, or any file of weights that the engine reads, into one .safetensors file.
 *
 * A model of the family (a folder in diffusers' form, a checkpoint) becomes a single file in the
 * names of Stable Diffusion 1.x's own code, without what no network uses (EMA copies, noise
 * schedules). Any other file (a component's, "*.index.json") keeps all its tensors and names. The
 * same input gives the same bytes; the new file appears whole or not at all; memory is bounded.
 *
 * options: NULL for the defaults. *report_json (owned: free; may be NULL): {"path", "bytes",
 * "sha256", "tensors", "dtype": {"fp16": bytes, ...}, "left_out": {"tensors", "bytes"}, "form":
 * "single file" or "tensors", "source_sha256": the model's own hash or null, "beside": names of the
 * model's files that a single file has no place for and that are not in OUT's folder, "notes":
 * sentences for people}.
 *
 * BAD_INPUT: dtype, `out` not ending in .safetensors or being one of the files read. EXISTS.
 * NO_SPACE, before anything is written where that can be known. BAD_FILE: what is read is damaged,
 * no model, or has a value beyond the range of fp16 (tensor and value are named). NOT_FOUND, IO
 * family, NO_MEMORY, CANCELLED.
 */
TIMBRE_MUST_USE timbre_status timbre_model_convert(const char *in, const char *out,
                                                   const timbre_convert_options *options,
                                                   char **report_json, timbre_error *err);

#ifdef __cplusplus
}
#endif
#endif
