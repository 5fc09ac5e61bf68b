/*
 * Layers loaded by name: the meeting of parameters and nn. Shapes are checked here; with check-only
 * parameters nothing is packed. `prefix` is a printf-made name such as "down_blocks.0.resnets.1".
 */
#ifndef TB_MODELS_LAYERS_H
#define TB_MODELS_LAYERS_H

#include "engine/models/parameters.h"
#include "engine/nn/conv.h"
#include "engine/nn/norm.h"

typedef struct tb_loader {
    tb_parameters *parameters;
    tb_status status; /* the first failure stays, so that loaders need no ladder of ifs */
    tb_error *err;
} tb_loader;

void tb_load_linear(tb_loader *loader, tb_matrix *out, const char *prefix, int n_out, int n_in,
                    bool has_bias);
/* Two layers of n_out outputs each that are one tensor's upper and lower half, with biases. */
void tb_load_linear_halves(tb_loader *loader, tb_matrix *upper, tb_matrix *lower,
                           const char *prefix, int n_out, int n_in);
/* pads 1 on all sides for kernel 3, none for 1 */
void tb_load_conv(tb_loader *loader, tb_conv *out, const char *prefix, int c_out, int c_in,
                  int kernel, int stride);
void tb_load_group_norm(tb_loader *loader, tb_norm *out, const char *prefix, int n_channels,
                        int n_groups, float eps);
void tb_load_layer_norm(tb_loader *loader, tb_norm *out, const char *prefix, int n_channels,
                        float eps);
/* [rows, columns] as floats, owned (free) */
void tb_load_table(tb_loader *loader, float **out, const char *name, int rows, int columns);

#endif
