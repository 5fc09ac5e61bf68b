/*
 * A model on disk: a diffusers folder or a single-file checkpoint. Opening it reads the configs and
 * headers and checks every tensor's name, type and shape; nothing is loaded.
 */
#ifndef TB_MODELS_MODEL_H
#define TB_MODELS_MODEL_H

#include <jansson.h>

#include "engine/base/hash.h"
#include "engine/models/config.h"
#include "engine/models/parameters.h"
#include "engine/models/tokenizer.h"

typedef struct tb_model tb_model;

/*
 * path: a folder with model_index.json, or a .safetensors, .ckpt, .bin file. tokenizer_dir: folder
 * with vocab.json and merges.txt; NULL: the model's own ("tokenizer/", or beside a single file).
 * Components of a folder may not lead outside of it, but through symbolic links into the "blobs"
 * folder of the same Hugging Face cache. Returns owned.
 * MODEL_MISSING: there is nothing at path, or no vocabulary. BAD_FILE: not a model of the family;
 * names file, tensor, value.
 */
TB_MUST_USE tb_status tb_model_open(const char *path, const char *tokenizer_dir, tb_model **out,
                                    tb_error *err);
/* The same of a model whose vocabulary may be missing: tb_model_tokenizer_dir is then NULL. */
TB_MUST_USE tb_status tb_model_open_networks(const char *path, tb_model **out, tb_error *err);
void tb_model_close(tb_model *model); /* accepts NULL */

const tb_text_config *tb_model_text_config(const tb_model *model);
const tb_unet_config *tb_model_unet_config(const tb_model *model);
const tb_vae_config *tb_model_vae_config(const tb_model *model);
/* scheduler/scheduler_config.json, or NULL for a single file: Stable Diffusion 1.5's. Borrowed. */
const json_t *tb_model_scheduler_json(const tb_model *model);
/* timbre.json of the folder or beside a single file, checked (model_hints.h), or NULL. Borrowed. */
const json_t *tb_model_timbre_json(const tb_model *model);
tb_parameters *tb_model_parameters(tb_model *model, tb_network network);
const char *tb_model_tokenizer_dir(const tb_model *model);
const char *tb_model_path(const tb_model *model);

/* The tokenizer of that folder; BAD_FILE also where it has more tokens than the text encoder knows.
 * Returns owned (tb_tokenizer_free). */
TB_MUST_USE tb_status tb_model_open_tokenizer(const tb_model *model, tb_tokenizer **out,
                                              tb_error *err);
/* What tb_model_open leaves for later and can be known without loading: that the tokenizer opens
 * and fits. For those who approve a model without using it. */
TB_MUST_USE tb_status tb_model_check_rest(const tb_model *model, tb_error *err);

/* Every file that matters (as below) is the one that was opened, in the state that it had then. For
 * a model that is kept from use to use: a few calls of stat. */
bool tb_model_is_unchanged(const tb_model *model);
/* BAD_FILE, naming the file, where it is not so. */
TB_MUST_USE tb_status tb_model_check_unchanged(const tb_model *model, tb_error *err);

/* SHA-256 over "NAME SHA256\n" of each file that matters (weights, configs, vocabulary) in order of
 * their names inside the model; computed on first use. Reads all files. BAD_FILE:
 * one is not the file any more that was opened, so that the hash would be of other bytes.
 * CANCELLED when `progress` (may be NULL) says so. */
TB_MUST_USE tb_status tb_model_sha256(tb_model *model, const tb_progress *progress,
                                      char out[TB_SHA256_HEX_BYTES], tb_error *err);
/* Begins to make that hash on a thread of its own, so that it is there, or nearer, when it is asked
 * for. Never fails: what could not be begun is done then. Until it was asked for or stopped, files
 * are being read. */
void tb_model_begin_sha256(tb_model *model);
/* Forgets what was begun and not asked for. Accepts NULL. */
void tb_model_stop_sha256(tb_model *model);
/* For `show`: {"path","format","components":{"text_encoder":{...},...},"licence",...,
 * "files":[{"name","path","bytes"},...]}, the files that matter; new, or NULL for memory. */
json_t *tb_model_describe(tb_model *model);

#endif
