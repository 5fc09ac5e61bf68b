/* What a model in a single file needs beside it. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/limits.h"
#include "engine/base/path.h"
#include "engine/base/str.h"
#include "engine/models/convert.h"
#include "engine/models/model_inside.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- what goes without a config ---- */

static bool is_text_sd15(const tb_text_config *a)
{
    tb_text_config b;
    tb_text_config_sd15(&b);
    return a->vocab_size == b.vocab_size && a->width == b.width && a->n_layers == b.n_layers &&
           a->n_heads == b.n_heads && a->mlp_width == b.mlp_width &&
           a->n_positions == b.n_positions && a->is_quick_gelu == b.is_quick_gelu &&
           a->eps == b.eps;
}

static bool is_unet_sd15(const tb_unet_config *a)
{
    tb_unet_config b;
    tb_unet_config_sd15(&b);
    bool is_same = a->in_channels == b.in_channels && a->out_channels == b.out_channels &&
                   a->n_blocks == b.n_blocks && a->cross_width == b.cross_width &&
                   a->n_groups == b.n_groups && a->eps == b.eps &&
                   a->has_linear_projection == b.has_linear_projection &&
                   a->flips_sin_to_cos == b.flips_sin_to_cos &&
                   a->frequency_shift == b.frequency_shift && a->sample_size == b.sample_size;
    for (int i = 0; is_same && i < b.n_blocks; i++)
        is_same = a->block_channels[i] == b.block_channels[i] &&
                  a->has_attention_down[i] == b.has_attention_down[i] &&
                  a->has_attention_up[i] == b.has_attention_up[i] &&
                  a->layers_per_block[i] == b.layers_per_block[i] && a->n_heads[i] == b.n_heads[i];
    return is_same;
}

static bool is_vae_sd15(const tb_vae_config *a)
{
    tb_vae_config b;
    tb_vae_config_sd15(&b);
    bool is_same = a->in_channels == b.in_channels && a->out_channels == b.out_channels &&
                   a->latent_channels == b.latent_channels && a->n_blocks == b.n_blocks &&
                   a->layers_per_block == b.layers_per_block && a->n_groups == b.n_groups &&
                   a->eps == b.eps && a->scaling_factor == b.scaling_factor;
    for (int i = 0; is_same && i < b.n_blocks; i++)
        is_same = a->block_channels[i] == b.block_channels[i];
    return is_same;
}

/* ---- what is there ---- */

/* The same bytes at both, or nothing at either. A file that cannot be read is like no other. */
static tb_status compare(const char *a, const char *b, bool *is_same, tb_error *err)
{
    char *of_a = NULL, *of_b = NULL;
    size_t len_a = 0, len_b = 0;
    bool has_a = tb_model_has_path(a), has_b = tb_model_has_path(b);
    *is_same = has_a == has_b;
    tb_status st = TIMBRE_OK;
    if (has_a && has_b) {
        st = tb_file_read(a, TB_VOCAB_MAX_BYTES, &of_a, &len_a, err);
        if (st == TIMBRE_OK)
            st = tb_file_read(b, TB_VOCAB_MAX_BYTES, &of_b, &len_b, err);
        *is_same = st == TIMBRE_OK && len_a == len_b && memcmp(of_a, of_b, len_a) == 0;
    }
    free(of_a);
    free(of_b);
    return st == TIMBRE_NO_MEMORY ? st : TIMBRE_OK;
}

/* is_needed: the model is another one without its file; a file that belongs to another model is
 * amiss in any case. */
static tb_status check(const char *from, const char *to, const char *name, bool is_needed,
                       json_t *names, tb_error *err)
{
    char *a = tb_strf("%s/%s", from, name), *b = tb_strf("%s/%s", to, name);
    bool is_same = false;
    tb_status st = a == NULL || b == NULL ? TIMBRE_NO_MEMORY : compare(a, b, &is_same, err);
    if (st == TIMBRE_OK && !is_same && (is_needed || tb_model_has_path(b)) &&
        json_array_append_new(names, json_string(name)) != 0)
        st = TIMBRE_NO_MEMORY;
    free(a);
    free(b);
    return st == TIMBRE_OK ? st : tb_fail(err, st, "no memory for the names of a model's files");
}

/* The vocabulary of a single file lies in "tokenizer/" or open beside it. */
static tb_status check_vocabulary(const tb_model *model, const char *to, json_t *names,
                                  tb_error *err)
{
    static const char *const files[] = {"vocab.json", "merges.txt"};
    if (model->tokenizer_dir == NULL) /* it has none of its own */
        return TIMBRE_OK;
    char *inner = tb_strf("%s/tokenizer", to), *mark = tb_strf("%s/tokenizer/vocab.json", to);
    tb_status st = inner == NULL || mark == NULL
                       ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                       : TIMBRE_OK;
    json_t *open = json_array();
    for (size_t i = 0; st == TIMBRE_OK && i < COUNT(files); i++)
        st = check(model->tokenizer_dir, tb_model_has_path(mark) ? inner : to, files[i], true, open,
                   err);
    if (st == TIMBRE_OK && json_array_size(open) > 0 &&
        json_array_append_new(names, json_string("tokenizer")) != 0)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the names of a model's files");
    json_decref(open);
    free(inner);
    free(mark);
    return st;
}

tb_status tb_convert_list_beside(const tb_model *model, const char *out, bool has_own_schedule,
                                 json_t *names, tb_error *err)
{
    const struct {
        const char *name;
        bool is_needed;
    } rows[] = {
        {"text_encoder/config.json", !is_text_sd15(&model->text)},
        {"unet/config.json", !is_unet_sd15(&model->unet)},
        {"vae/config.json", !is_vae_sd15(&model->vae)},
        {"scheduler/scheduler_config.json", has_own_schedule},
        {"timbre.json", model->timbre != NULL},
    };
    char *to = tb_path_folder(out);
    tb_status st = to == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path") : TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && i < COUNT(rows); i++)
        st = check(model->root, to, rows[i].name, rows[i].is_needed, names, err);
    if (st == TIMBRE_OK)
        st = check_vocabulary(model, to, names, err);
    free(to);
    return st;
}
