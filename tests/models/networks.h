/*
 * The small models of tests/data/models, and one call for each thing that a network does: reserves,
 * runs, checks. Every function fails the running test when something is amiss.
 */
#ifndef TESTS_MODELS_NETWORKS_H
#define TESTS_MODELS_NETWORKS_H

#include "engine/models/text_encoder.h"
#include "engine/models/unet.h"
#include "engine/models/vae.h"
#include "tests/models/vectors.h"

typedef struct networks {
    const char *model; /* "tiny" or "tiny-v" */
    tb_text_config text_config;
    tb_unet_config unet_config;
    tb_vae_config vae_config;
    tb_text_encoder *text;
    tb_unet *unet;
    tb_vae *vae;
} networks;

/* What runs them. */
typedef struct machine {
    const tb_kernels *kernels;
    tb_pool *pool;
} machine;

machine machine_new(const char *kernels, int n_threads);
void machine_free(machine *m);

/* Configs only. */
void networks_configure(networks *all, const char *model);
/* All of them. */
void networks_load(networks *all, const char *model);
void networks_free(networks *all);
/* One of them, in place of the one that is there, from a weights file. */
void networks_load_one(networks *all, tb_network network, const char *path);
/* The same, but it may fail; check-only: nothing is packed. All of the file must be asked for. */
tb_status networks_try_load(networks *all, tb_network network, const char *path, bool is_check_only,
                            tb_error *err);
/* The model's own weights file. */
void networks_path(const networks *all, tb_network network, char *path, size_t cap);

/* Inputs of one of the UNet's cases of the reference values. */
typedef struct unet_case {
    tb_unet_input input;
    const float *context;
    int n, n_tokens;
    float *latents; /* owned */
    int out_shape[VECTORS_RANK];
    const double *out;
} unet_case;

void unet_case_open(unet_case *c, const vectors *file, int i);
void unet_case_close(unet_case *c);

/* Results are owned by the caller. */
float *run_text(const networks *all, const machine *m, const int32_t *tokens, int n, int clip_skip);
float *run_unet(const networks *all, const machine *m, const unet_case *c);
float *run_decode(const networks *all, const machine *m, const float *latents, int h, int w);
float *run_encode(const networks *all, const machine *m, const float *image, int h, int w);

#endif
