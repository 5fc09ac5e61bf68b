#include "engine/models/convert.h"

#include <string.h>

#include "engine/models/model_inside.h"
#include "engine/models/names_ldm.h"

static const char position_ids[] = "text_model.embeddings.position_ids";

static tb_status no_memory(tb_error *err)
{
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the tensors of a conversion");
}

/* ---- one tensor ---- */

static void add(tb_convert_source *s, const char *name, const tb_tensor *source, tb_dtype dtype)
{
    tb_safetensors_tensor *t = &s->tensors[s->n++];
    *t = (tb_safetensors_tensor){name, source, source->dtype, source->rank, {0}};
    memcpy(t->shape, source->shape, sizeof t->shape);
    if (!tb_dtype_is_float(source->dtype))
        return;
    if (dtype != TB_DTYPE_COUNT)
        t->dtype = dtype;
    else if (source->dtype == TB_DTYPE_F64)
        t->dtype = TB_DTYPE_F32;
    s->n_rounded += source->dtype == TB_DTYPE_F64 && t->dtype == TB_DTYPE_F32;
}

static bool ends_with(const char *name, const char *end)
{
    size_t len = strlen(name), len_end = strlen(end);
    return len >= len_end && strcmp(name + len - len_end, end) == 0;
}

/* A projection that the original made of a 1x1 convolution: the VAE's attention, and what leads
 * into a transformer of the UNet and out of it. `name`: today's. */
static bool is_convolution(const tb_model *model, tb_network network, const char *name)
{
    if (network == TB_NETWORK_VAE)
        return strstr(name, ".attentions.") != NULL && ends_with(name, ".weight") &&
               strstr(name, ".group_norm.") == NULL;
    return network == TB_NETWORK_UNET && !model->unet.has_linear_projection &&
           (ends_with(name, ".proj_in.weight") || ends_with(name, ".proj_out.weight"));
}

/* ---- a model ---- */

static tb_status add_network(tb_convert_source *s, tb_network network, tb_dtype dtype,
                             tb_error *err)
{
    const tb_parameters *parameters = s->model->parameters[network];
    size_t n = (size_t)tb_parameters_measure(parameters).n_tensors;
    tb_ldm_blocks *blocks = tb_arena_push(&s->arena, 1, sizeof *blocks);
    const char *name;
    char original[TB_TENSOR_NAME_MAX_BYTES];
    if (blocks == NULL)
        return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        (void)tb_parameters_at(parameters, i, &name);
        tb_ldm_blocks_add(blocks, name);
    }
    for (size_t i = 0; i < n; i++) {
        const tb_tensor *source = tb_parameters_at(parameters, i, &name);
        if (!tb_ldm_original(blocks, network, name, original))
            return tb_fail(err, TIMBRE_BAD_FILE, "the name '%.200s' is too long", name);
        const char *copy = tb_arena_push_str(&s->arena, original, strlen(original));
        if (copy == NULL)
            return no_memory(err);
        add(s, copy, source, dtype);
        tb_safetensors_tensor *t = &s->tensors[s->n - 1];
        if (is_convolution(s->model, network, name))
            while (t->rank < 4)
                t->shape[t->rank++] = 1;
    }
    return TIMBRE_OK;
}

/* The buffer 0, 1, 2, ... that the original's text encoder has among its tensors. */
static tb_status add_position_ids(tb_convert_source *s, tb_error *err)
{
    int n = s->model->text.n_positions;
    tb_tensor *tensor = tb_arena_push(&s->arena, 1, sizeof *tensor);
    int64_t *values = tb_arena_push(&s->arena, (size_t)n, sizeof *values);
    char name[TB_TENSOR_NAME_MAX_BYTES];
    if (tensor == NULL || values == NULL ||
        !tb_ldm_original(&(tb_ldm_blocks){0}, TB_NETWORK_TEXT, position_ids, name) ||
        (tensor->name = tb_arena_push_str(&s->arena, name, strlen(name))) == NULL)
        return no_memory(err);
    for (int i = 0; i < n; i++)
        values[i] = i;
    tensor->dtype = TB_DTYPE_I64;
    tensor->rank = 2;
    tensor->shape[0] = tensor->stride[1] = 1;
    tensor->shape[1] = tensor->stride[0] = tensor->n_elements = n;
    tensor->data = values;
    add(s, tensor->name, tensor, TB_DTYPE_COUNT);
    return TIMBRE_OK;
}

/* A checkpoint may claim any shape by strides of 0. */
static int64_t add_bytes(int64_t sum, const tb_tensor *tensor)
{
    int64_t n_bytes, total;
    if (__builtin_mul_overflow(tensor->n_elements, (int64_t)tb_dtype_size(tensor->dtype),
                               &n_bytes) ||
        __builtin_add_overflow(sum, n_bytes, &total))
        return INT64_MAX;
    return total;
}

/* Tensors that belong to no network; position_ids are written anew. */
static void measure_left_out(tb_convert_source *s)
{
    int64_t n = 0, n_bytes = 0, n_used_bytes = 0;
    for (int i = 0; i < TB_NETWORK_COUNT; i++) {
        const tb_weights *weights = s->model->weights[i];
        for (size_t j = 0; weights != NULL && j < tb_weights_count(weights); j++) {
            const tb_tensor *tensor = tb_weights_at(weights, j);
            if (ends_with(tensor->name, "position_ids"))
                continue;
            n++;
            n_bytes = add_bytes(n_bytes, tensor);
        }
    }
    for (size_t i = 0; i < s->n; i++)
        n_used_bytes = add_bytes(n_used_bytes, s->tensors[i].source);
    s->n_left_out = n - (int64_t)s->n;
    s->n_left_out_bytes = n_bytes == INT64_MAX ? n_bytes : n_bytes - n_used_bytes;
}

static tb_status reserve(tb_convert_source *s, size_t n, tb_error *err)
{
    tb_arena_init(&s->arena, 0);
    s->tensors = tb_arena_push(&s->arena, n, sizeof *s->tensors);
    return s->tensors == NULL ? no_memory(err) : TIMBRE_OK;
}

static tb_status open_model(const char *path, tb_dtype dtype, tb_convert_source *s, tb_error *err)
{
    tb_status st = tb_model_open_networks(path, &s->model, err);
    size_t n = 1; /* position_ids */
    for (int i = 0; st == TIMBRE_OK && i < TB_NETWORK_COUNT; i++)
        n += (size_t)tb_parameters_measure(s->model->parameters[i]).n_tensors;
    if (st == TIMBRE_OK)
        st = reserve(s, n, err);
    for (int i = 0; st == TIMBRE_OK && i < TB_NETWORK_COUNT; i++)
        st = add_network(s, (tb_network)i, dtype, err);
    if (st != TIMBRE_OK)
        return st;
    measure_left_out(s);
    return add_position_ids(s, err);
}

/* ---- any weights file ---- */

/* Tensors of all three networks. */
static bool is_whole_model(const tb_weights *weights)
{
    int n = 0;
    for (int network = 0; network < TB_NETWORK_COUNT; network++) {
        size_t i = 0;
        while (i < tb_weights_count(weights) &&
               tb_ldm_name_inside((tb_network)network, tb_weights_at(weights, i)->name) == NULL)
            i++;
        n += i < tb_weights_count(weights);
    }
    return n == TB_NETWORK_COUNT;
}

static tb_status open_weights(const char *path, tb_dtype dtype, tb_convert_source *s,
                              bool *is_model, tb_error *err)
{
    tb_status st = tb_weights_open(path, &s->weights, err);
    if (st != TIMBRE_OK)
        return st;
    *is_model = is_whole_model(s->weights);
    if (*is_model)
        return TIMBRE_OK;
    size_t n = tb_weights_count(s->weights);
    if (n == 0)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' has no tensors", path);
    st = reserve(s, n, err);
    for (size_t i = 0; st == TIMBRE_OK && i < n; i++) {
        const tb_tensor *tensor = tb_weights_at(s->weights, i);
        add(s, tensor->name, tensor, dtype);
    }
    return st;
}

static tb_status open_any(const char *path, tb_dtype dtype, tb_convert_source *s, tb_error *err)
{
    bool is_model = tb_model_is_folder(path);
    tb_status st = TIMBRE_OK;
    if (!tb_model_has_path(path))
        return tb_fail(err, TIMBRE_NOT_FOUND, "there is nothing at '%s'", path);
    if (!is_model)
        st = open_weights(path, dtype, s, &is_model, err);
    if (st != TIMBRE_OK || !is_model)
        return st;
    tb_weights_close(s->weights);
    s->weights = NULL;
    return open_model(path, dtype, s, err);
}

tb_status tb_convert_open(const char *path, tb_dtype dtype, tb_convert_source *source,
                          tb_error *err)
{
    *source = (tb_convert_source){0};
    tb_status st = open_any(path, dtype, source, err);
    if (st != TIMBRE_OK)
        tb_convert_close(source);
    return st;
}

void tb_convert_close(tb_convert_source *source)
{
    tb_model_close(source->model);
    tb_weights_close(source->weights);
    tb_arena_deinit(&source->arena);
    *source = (tb_convert_source){0};
}

/* ---- its files ---- */

static bool is_at(const tb_stamp *stamp, const tb_stamp *other)
{
    return stamp->device == other->device && stamp->inode == other->inode;
}

bool tb_convert_is_reading(const tb_convert_source *source, const char *path)
{
    tb_stamp there;
    bool found = false;
    if (!tb_stamp_get(path, &there))
        return false;
    for (size_t i = 0; source->model != NULL && i < source->model->n_files; i++)
        found = found || is_at(&source->model->files[i].stamp, &there);
    for (size_t i = 0; source->weights != NULL && i < tb_weights_n_files(source->weights); i++) {
        tb_stamp stamp = tb_weights_stamp(source->weights, i);
        found = found || is_at(&stamp, &there);
    }
    return found;
}

tb_status tb_convert_check_unchanged(const tb_convert_source *source, tb_error *err)
{
    if (source->model != NULL)
        return tb_model_check_unchanged(source->model, err);
    for (size_t i = 0; i < tb_weights_n_files(source->weights); i++) {
        const char *path = tb_weights_file(source->weights, i, NULL);
        tb_stamp was = tb_weights_stamp(source->weights, i), now;
        if (!tb_stamp_get(path, &now) || !tb_stamp_is_same(&was, &now)) {
            tb_status st = tb_fail(err, TIMBRE_BAD_FILE, "'%s' changed while it was converted",
                                   path);
            tb_fix(err, "try again, once nothing writes into it any more");
            return st;
        }
    }
    return TIMBRE_OK;
}
