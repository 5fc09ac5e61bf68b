/* What the files of the model directory share: model.c opens, model_files.c finds, model_hash.c
 * hashes, model_hints.c reads timbre.json, model_check.c compares with what is outside of the
 * networks, model_describe.c tells. */
#ifndef TB_MODELS_MODEL_INSIDE_H
#define TB_MODELS_MODEL_INSIDE_H

#include "engine/models/json_config.h"
#include "engine/models/model.h"
#include "engine/tensor/stamp.h"

/* A file that decides what the model computes. */
typedef struct tb_model_file {
    char *name; /* inside the model, owned: "unet/config.json" */
    char *path; /* owned */
    tb_stamp stamp;
    char sha256[TB_SHA256_HEX_BYTES]; /* written by whoever hashes the model */
} tb_model_file;

typedef struct tb_model_hasher tb_model_hasher;

struct tb_model {
    char *path;          /* as it was given */
    char *root;          /* the folder that its files are in */
    char *tokenizer_dir; /* NULL until found */
    bool is_single;      /* one checkpoint file */
    tb_text_config text;
    tb_unet_config unet;
    tb_vae_config vae;
    bool has_config[TB_NETWORK_COUNT];     /* from a file, else Stable Diffusion 1.5's */
    json_t *scheduler, *timbre;            /* NULL: there is none */
    tb_weights *weights[TB_NETWORK_COUNT]; /* of a single file: the first only */
    tb_parameters *parameters[TB_NETWORK_COUNT];
    tb_model_file *files;
    size_t n_files, capacity;
    char sha256[TB_SHA256_HEX_BYTES]; /* "" until asked for */
    tb_model_hasher *hasher;          /* owned; NULL: none is at work */
};

/* Something is at the path, be it a symbolic link that leads nowhere. */
bool tb_model_has_path(const char *path);
bool tb_model_is_folder(const char *path);
/* The folder that the files of the model at a path are in: itself, or the one of a single file.
 * Owned; NULL for memory. */
char *tb_model_root(const char *model_path) TB_MUST_USE;

/* Note a file that matters, for the hash and to know it again. `path` is copied. Stamp: of what was
 * opened; NULL: of what is there now, which is then opened. */
TB_MUST_USE tb_status tb_model_add_file(tb_model *model, const char *name, const char *path,
                                        const tb_stamp *stamp, tb_error *err);
/* root/NAME, an object, or NULL in *out where there is none. */
TB_MUST_USE tb_status tb_model_read_json(tb_model *model, const char *name, json_t **out,
                                         tb_error *err);
/* Open the weights of a folder's component and note their files. */
TB_MUST_USE tb_status tb_model_open_component(tb_model *model, tb_network network, tb_error *err);
/* Open the one file of a checkpoint. */
TB_MUST_USE tb_status tb_model_open_single(tb_model *model, tb_error *err);
/* `given`, else the model's own folder with vocab.json and merges.txt. */
TB_MUST_USE tb_status tb_model_find_tokenizer(tb_model *model, const char *given, tb_error *err);
/* "prediction_type", where there is one, is a word that diffusers has for it. */
void tb_model_check_prediction(tb_json_reader *r);

#endif
