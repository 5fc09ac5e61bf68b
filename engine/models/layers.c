#include "engine/models/layers.h"

#include <stdio.h>

#include "engine/models/names_ldm.h"

static const tb_tensor *get_named(tb_loader *loader, const char *name, int rank,
                                  const int64_t *shape)
{
    const tb_tensor *tensor = NULL;
    if (loader->status == TIMBRE_OK)
        loader->status = tb_parameters_get(loader->parameters, name, rank, shape, &tensor,
                                           loader->err);
    return loader->status == TIMBRE_OK ? tensor : NULL;
}

/* NULL after a failure. */
static const tb_tensor *get(tb_loader *loader, const char *prefix, const char *part, int rank,
                            const int64_t *shape)
{
    char name[TB_TENSOR_NAME_MAX_BYTES]; /* of our making: it fits */
    snprintf(name, sizeof name, "%s.%s", prefix, part);
    return get_named(loader, name, rank, shape);
}

static bool is_loading(const tb_loader *loader)
{
    return loader->status == TIMBRE_OK && !tb_parameters_is_check_only(loader->parameters);
}

/* What the packed bytes depend on, for check-only loads, too. */
static tb_dtype packed_dtype(const tb_tensor *weight)
{
    return weight->dtype == TB_DTYPE_F16 || weight->dtype == TB_DTYPE_BF16 ? weight->dtype
                                                                           : TB_DTYPE_F32;
}

static void begin_matrix(tb_loader *loader, const tb_tensor *weight)
{
    if (is_loading(loader) && !tb_weights_expect(weight)) {
        loader->status = tb_fail(loader->err, TIMBRE_BAD_FILE, "'%s' cannot be read from its file",
                                 weight->name);
        tb_fix(loader->err, "the file was cut short meanwhile, or the disk fails: try again with "
                            "a whole one");
    }
}

static void finish_matrix(tb_loader *loader, const tb_tensor *weight)
{
    if (!is_loading(loader))
        return;
    tb_weights_let_go(weight); /* the packed copy is the one in use */
    loader->status = tb_parameters_advance(loader->parameters, weight, loader->err);
}

static void pack_rows(tb_loader *loader, tb_matrix *out, const tb_tensor *weight,
                      const tb_tensor *bias, int first)
{
    if (is_loading(loader))
        loader->status = tb_matrix_pack_rows(tb_parameters_pool(loader->parameters), out, weight,
                                             bias, first, out->n_out, loader->err);
}

static void load_matrix(tb_loader *loader, tb_matrix *out, const char *prefix, int rank,
                        const int64_t *shape, bool has_bias)
{
    const tb_tensor *weight = get(loader, prefix, "weight", rank, shape);
    const tb_tensor *bias = has_bias ? get(loader, prefix, "bias", 1, shape) : NULL;
    if (weight == NULL)
        return;
    out->dtype = packed_dtype(weight);
    begin_matrix(loader, weight);
    pack_rows(loader, out, weight, bias, 0);
    finish_matrix(loader, weight);
}

void tb_load_linear_halves(tb_loader *loader, tb_matrix *upper, tb_matrix *lower,
                           const char *prefix, int n_out, int n_in)
{
    const int64_t shape[] = {2 * (int64_t)n_out, n_in};
    const tb_tensor *weight = get(loader, prefix, "weight", 2, shape);
    const tb_tensor *bias = get(loader, prefix, "bias", 1, shape);
    *upper = *lower = (tb_matrix){.n_out = n_out, .n_in = n_in};
    if (weight == NULL)
        return;
    upper->dtype = lower->dtype = packed_dtype(weight);
    begin_matrix(loader, weight);
    pack_rows(loader, upper, weight, bias, 0);
    pack_rows(loader, lower, weight, bias, n_out);
    finish_matrix(loader, weight);
}

void tb_load_linear(tb_loader *loader, tb_matrix *out, const char *prefix, int n_out, int n_in,
                    bool has_bias)
{
    const int64_t shape[] = {n_out, n_in};
    *out = (tb_matrix){.n_out = n_out, .n_in = n_in};
    load_matrix(loader, out, prefix, 2, shape, has_bias);
}

void tb_load_conv(tb_loader *loader, tb_conv *out, const char *prefix, int c_out, int c_in,
                  int kernel, int stride)
{
    const int64_t shape[] = {c_out, c_in, kernel, kernel};
    *out = (tb_conv){
        .matrix = {.n_out = c_out, .n_in = kernel * kernel * c_in},
        .c_in = c_in,
        .kernel = kernel,
        .stride = stride,
        .pad_before = kernel / 2,
        .pad_after = kernel / 2,
    };
    load_matrix(loader, &out->matrix, prefix, 4, shape, true);
}

static void load_norm(tb_loader *loader, tb_norm *out, const char *prefix)
{
    const int64_t shape[] = {out->n_channels};
    const tb_tensor *gain = get(loader, prefix, "weight", 1, shape);
    const tb_tensor *shift = get(loader, prefix, "bias", 1, shape);
    if (is_loading(loader))
        loader->status = tb_floats_load(gain, &out->gain, loader->err);
    if (is_loading(loader))
        loader->status = tb_floats_load(shift, &out->shift, loader->err);
}

void tb_load_group_norm(tb_loader *loader, tb_norm *out, const char *prefix, int n_channels,
                        int n_groups, float eps)
{
    *out = (tb_norm){.n_channels = n_channels, .n_groups = n_groups, .eps = eps};
    load_norm(loader, out, prefix);
}

void tb_load_layer_norm(tb_loader *loader, tb_norm *out, const char *prefix, int n_channels,
                        float eps)
{
    *out = (tb_norm){.n_channels = n_channels, .eps = eps};
    load_norm(loader, out, prefix);
}

void tb_load_table(tb_loader *loader, float **out, const char *name, int rows, int columns)
{
    const int64_t shape[] = {rows, columns};
    const tb_tensor *tensor = get_named(loader, name, 2, shape);
    if (is_loading(loader))
        loader->status = tb_floats_load(tensor, out, loader->err);
    if (!is_loading(loader))
        return;
    tb_weights_let_go(tensor);
    loader->status = tb_parameters_advance(loader->parameters, tensor, loader->err);
}
