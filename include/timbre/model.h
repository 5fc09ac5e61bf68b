/* Neural models on disk. */
#ifndef TIMBRE_MODEL_H
#define TIMBRE_MODEL_H

#include <stddef.h>

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
 * types, sizes, licence and memory need. `tokenizer`: folder with a vocabulary for models without
 * their own; NULL or "": none. Owned (free), in *json. MODEL_MISSING, BAD_FILE (names file, tensor,
 * value), IO family, NO_MEMORY.
 */
TIMBRE_MUST_USE timbre_status timbre_model_describe(const char *path, const char *tokenizer,
                                                    char **json, timbre_error *err);

#ifdef __cplusplus
}
#endif
#endif
