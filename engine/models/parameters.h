/*
 * The tensors of one network by their names in today's diffusers form, whatever the file calls them
 * (older diffusers, transformers with or without "text_model.", LDM checkpoints). Each is asked for
 * once with the shape it must have; what was never asked for is an extra one.
 */
#ifndef TB_MODELS_PARAMETERS_H
#define TB_MODELS_PARAMETERS_H

#include "engine/base/progress.h"
#include "engine/os/pool.h"
#include "engine/tensor/weights.h"

typedef enum tb_network {
    TB_NETWORK_TEXT,
    TB_NETWORK_UNET,
    TB_NETWORK_VAE,
    TB_NETWORK_COUNT
} tb_network;

/* "text_encoder", "unet", "vae": the components' folders in diffusers' layout. */
const char *tb_network_name(tb_network network);

typedef struct tb_parameters tb_parameters;

/*
 * Finds the given network's tensors in `weights` (borrowed, kept open): all of them for a component
 * file, those with the network's prefix in a single-file checkpoint ("model.diffusion_model.",
 * "cond_stage_model.transformer.", "first_stage_model."). EMA copies, optimizer states and
 * position_ids are left out. The text encoder's names begin with "text_model.". Returns owned.
 * BAD_FILE: two tensors of the file are the same one of the network.
 */
TB_MUST_USE tb_status tb_parameters_new(const tb_weights *weights, tb_network network,
                                        tb_parameters **out, tb_error *err);
void tb_parameters_free(tb_parameters *parameters); /* accepts NULL */

/*
 * The tensor of this name and shape, a rank of 0 for any; the file may have more or fewer trailing
 * dimensions of 1, *out has those asked for. BAD_FILE: "unet: tensor 'conv_in.weight' is missing"
 * or "... is [320, 4, 1, 1], not [320, 4, 3, 3]" or "... is int64, not of a float type". Asking
 * again is allowed.
 */
TB_MUST_USE tb_status tb_parameters_get(tb_parameters *parameters, const char *name, int rank,
                                        const int64_t *shape, const tb_tensor **out, tb_error *err);
bool tb_parameters_has(const tb_parameters *parameters, const char *name);
/* The i-th by today's names, i below tb_parameters_measure().n_tensors, as the file has it; *name
 * is valid until free. */
const tb_tensor *tb_parameters_at(const tb_parameters *parameters, size_t i, const char **name);
/* BAD_FILE names the first that nobody asked for, and how many there are. Lists of what a network
 * wants come from a loading of it. */
TB_MUST_USE tb_status tb_parameters_check_extra(const tb_parameters *parameters, tb_error *err);

/* Of a single-file checkpoint: BAD_FILE names a tensor that belongs to none of the networks and is
 * not known to be left over from training. */
TB_MUST_USE tb_status tb_parameters_check_strangers(const tb_weights *weights, tb_error *err);

/* For `show`: number of parameters and bytes by type. */
typedef struct tb_parameters_facts {
    int64_t n_tensors, n_parameters, n_bytes;
    int64_t n_bytes_of[TB_DTYPE_COUNT];
} tb_parameters_facts;
tb_parameters_facts tb_parameters_measure(const tb_parameters *parameters);

/* Who is told how much of the network's bytes is loaded, and may stop it; NULL: nobody. Borrowed
 * while loaders run. */
void tb_parameters_set_progress(tb_parameters *parameters, const tb_progress *progress);
/* One tensor is loaded. CANCELLED. */
TB_MUST_USE tb_status tb_parameters_advance(tb_parameters *parameters, const tb_tensor *tensor,
                                            tb_error *err);

/* Threads on which loaders pack what they load; NULL, as at first: the caller's alone. Borrowed. */
void tb_parameters_set_pool(tb_parameters *parameters, tb_pool *pool);
tb_pool *tb_parameters_pool(const tb_parameters *parameters);

/* To load only shapes (`show`, checks before any memory is used): loaders then check every tensor
 * but pack none. */
void tb_parameters_set_check_only(tb_parameters *parameters, bool is_check_only);
bool tb_parameters_is_check_only(const tb_parameters *parameters);

#endif
