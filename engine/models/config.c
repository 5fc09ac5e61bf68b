#include "engine/models/config.h"

#include <string.h>

#include "engine/base/limits.h"
#include "engine/models/json_config.h"

enum {
    MLP_MAX = 4 * TB_MODEL_MAX_CHANNELS,
    SAMPLE_MAX = 4096,
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- text ---- */

static const tb_json_must text_musts[] = {
    {"model_type", "\"clip\"|\"clip_text_model\""},
};

tb_status tb_text_config_read(const json_t *json, const char *what, tb_text_config *config,
                              tb_error *err)
{
    static const char *const activations[] = {"quick_gelu", "gelu"};
    tb_json_reader r = {json, what, TIMBRE_OK, err};
    tb_json_require(&r, text_musts, COUNT(text_musts));
    const json_t *nested = json_object_get(json, "text_config"); /* of a whole CLIP model */
    if (json_is_object(nested))
        r.json = nested;
    *config = (tb_text_config){
        .vocab_size = tb_json_int(&r, "vocab_size", 3, TB_VOCAB_MAX_TOKENS, 49408),
        .width = tb_json_int(&r, "hidden_size", 1, TB_MODEL_MAX_CHANNELS, 512),
        .n_layers = tb_json_int(&r, "num_hidden_layers", 1, TB_TEXT_MAX_LAYERS, 12),
        .n_heads = tb_json_int(&r, "num_attention_heads", 1, TB_MODEL_MAX_CHANNELS, 8),
        .mlp_width = tb_json_int(&r, "intermediate_size", 1, MLP_MAX, 2048),
        .n_positions = tb_json_int(&r, "max_position_embeddings", 3, TB_TEXT_MAX_POSITIONS, 77),
        .is_quick_gelu = tb_json_choice(&r, "hidden_act", activations, 2, 0) == 0,
        .eps = (float)tb_json_double(&r, "layer_norm_eps", 1e-12, 1e-2, 1e-5),
    };
    if (config->width % config->n_heads != 0)
        tb_json_refuse(&r, "num_attention_heads", NULL, "%d does not divide hidden_size %d",
                       config->n_heads, config->width);
    return r.status;
}

/* ---- what UNet and VAE have in common ---- */

/* block_out_channels, each divided by norm_num_groups. Returns the number of blocks. */
static int read_channels(tb_json_reader *r, int n_default, const int *defaults, int *channels,
                         int *n_groups)
{
    static const char key[] = "block_out_channels";
    int n = tb_json_length(r, key, TB_MODEL_MAX_BLOCKS, n_default);
    *n_groups = tb_json_int(r, "norm_num_groups", 1, TB_MODEL_MAX_CHANNELS, 32);
    for (int i = 0; i < n; i++) {
        int fallback = i < n_default ? defaults[i] : *n_groups;
        channels[i] = tb_json_item_int(r, key, i, n, 1, TB_MODEL_MAX_CHANNELS, fallback);
        if (channels[i] % *n_groups != 0)
            tb_json_refuse(r, "norm_num_groups", NULL, "%d does not divide %d of %s", *n_groups,
                           channels[i], key);
    }
    return n;
}

/* ---- unet ---- */

/* What diffusers' class can do and the networks of this family do not. */
static const tb_json_must unet_musts[] = {
    {"_class_name", "\"UNet2DConditionModel\""},
    {"center_input_sample", "false"},
    {"mid_block_type", "\"UNetMidBlock2DCrossAttn\""},
    {"only_cross_attention", "false"},
    {"downsample_padding", "1"},
    {"mid_block_scale_factor", "1|1.0"},
    {"act_fn", "\"silu\"|\"swish\""},
    {"transformer_layers_per_block", "1"},
    {"reverse_transformer_layers_per_block", "null"},
    {"encoder_hid_dim", "null"},
    {"encoder_hid_dim_type", "null"},
    {"dual_cross_attention", "false"},
    {"class_embed_type", "null"},
    {"addition_embed_type", "null"},
    {"num_class_embeds", "null"},
    {"resnet_time_scale_shift", "\"default\""},
    {"resnet_skip_time_act", "false"},
    {"resnet_out_scale_factor", "1|1.0"},
    {"time_embedding_type", "\"positional\""},
    {"time_embedding_dim", "null"},
    {"time_embedding_act_fn", "null"},
    {"timestep_post_act", "null"},
    {"time_cond_proj_dim", "null"},
    {"conv_in_kernel", "3"},
    {"conv_out_kernel", "3"},
    {"attention_type", "\"default\""},
    {"mid_block_only_cross_attention", "null|false"},
    {"cross_attention_norm", "null"},
};

/* diffusers: the heads are called attention_head_dim for historical reasons. */
static const char *key_of_heads(const tb_json_reader *r)
{
    return tb_json_has(r, "num_attention_heads") ? "num_attention_heads" : "attention_head_dim";
}

static void read_unet_block(tb_json_reader *r, tb_unet_config *config, int i)
{
    static const char *const down[] = {"DownBlock2D", "CrossAttnDownBlock2D"};
    static const char *const up[] = {"UpBlock2D", "CrossAttnUpBlock2D"};
    int n = config->n_blocks;
    config->has_attention_down[i] = tb_json_item_choice(r, "down_block_types", i, n, down, 2,
                                                        i < 3) == 1;
    config->has_attention_up[i] = tb_json_item_choice(r, "up_block_types", i, n, up, 2, i > 0) == 1;
    config->layers_per_block[i] = tb_json_item_int(r, "layers_per_block", i, n, 1,
                                                   TB_MODEL_MAX_LAYERS, 2);
    config->n_heads[i] = tb_json_item_int(r, key_of_heads(r), i, n, 1, TB_MODEL_MAX_CHANNELS, 8);
}

/* Only blocks with attention have heads that matter; the middle has the last block's. */
static void check_unet_heads(tb_json_reader *r, const tb_unet_config *config)
{
    int last = config->n_blocks - 1;
    for (int i = 0; i <= last; i++) {
        bool is_used = i == last || config->has_attention_down[i] ||
                       config->has_attention_up[last - i];
        if (is_used && config->block_channels[i] % config->n_heads[i] != 0)
            tb_json_refuse(r, key_of_heads(r), NULL,
                           "%d (heads) does not divide %d of block_out_channels",
                           config->n_heads[i], config->block_channels[i]);
    }
}

/* The time embedding's exponents are divided by what is left of its half: not by 0. */
static void check_frequencies(tb_json_reader *r, const tb_unet_config *config)
{
    int half = config->block_channels[0] / 2;
    if (config->frequency_shift >= half)
        tb_json_refuse(r, "freq_shift", NULL,
                       "%g is not below %d, half of the first of block_out_channels",
                       config->frequency_shift, half);
}

tb_status tb_unet_config_read(const json_t *json, const char *what, tb_unet_config *config,
                              tb_error *err)
{
    static const int channels[] = {320, 640, 1280, 1280};
    tb_json_reader r = {json, what, TIMBRE_OK, err};
    tb_json_require(&r, unet_musts, COUNT(unet_musts));
    *config = (tb_unet_config){
        .in_channels = tb_json_int(&r, "in_channels", 1, TB_LATENT_MAX_CHANNELS, 4),
        .out_channels = tb_json_int(&r, "out_channels", 1, TB_LATENT_MAX_CHANNELS, 4),
        .cross_width = tb_json_int(&r, "cross_attention_dim", 1, TB_MODEL_MAX_CHANNELS, 1280),
        .eps = (float)tb_json_double(&r, "norm_eps", 1e-12, 1e-2, 1e-5),
        .has_linear_projection = tb_json_bool(&r, "use_linear_projection", false),
        .flips_sin_to_cos = tb_json_bool(&r, "flip_sin_to_cos", true),
        .frequency_shift = tb_json_double(&r, "freq_shift", -1, 1, 0),
    };
    if (tb_json_has(&r, "sample_size"))
        config->sample_size = tb_json_int(&r, "sample_size", 1, SAMPLE_MAX, 0);
    config->n_blocks = read_channels(&r, 4, channels, config->block_channels, &config->n_groups);
    for (int i = 0; i < config->n_blocks; i++)
        read_unet_block(&r, config, i);
    check_unet_heads(&r, config);
    if (config->block_channels[0] % 2 != 0) /* half of the time embedding are sines */
        tb_json_refuse(&r, "block_out_channels", NULL, "%d, the first, is odd",
                       config->block_channels[0]);
    check_frequencies(&r, config);
    return r.status;
}

/* ---- vae ---- */

static const tb_json_must vae_musts[] = {
    {"_class_name", "\"AutoencoderKL\""},
    {"in_channels", "3"},
    {"out_channels", "3"},
    {"act_fn", "\"silu\"|\"swish\""},
    {"down_block_types", "\"DownEncoderBlock2D\""},
    {"up_block_types", "\"UpDecoderBlock2D\""},
    {"latents_mean", "null"},
    {"latents_std", "null"},
    {"shift_factor", "null"},
    {"use_quant_conv", "true"},
    {"use_post_quant_conv", "true"},
    {"mid_block_add_attention", "true"},
};

tb_status tb_vae_config_read(const json_t *json, const char *what, tb_vae_config *config,
                             tb_error *err)
{
    static const int channels[] = {64};
    tb_json_reader r = {json, what, TIMBRE_OK, err};
    tb_json_require(&r, vae_musts, COUNT(vae_musts));
    *config = (tb_vae_config){
        .in_channels = 3,
        .out_channels = 3,
        .latent_channels = tb_json_int(&r, "latent_channels", 1, TB_LATENT_MAX_CHANNELS, 4),
        .layers_per_block = tb_json_int(&r, "layers_per_block", 1, TB_MODEL_MAX_LAYERS, 1),
        .eps = 1e-6f, /* set in diffusers' Encoder and Decoder, not by a config */
        .scaling_factor = tb_json_double(&r, "scaling_factor", 1e-6, 1e6, 0.18215),
    };
    config->n_blocks = read_channels(&r, 1, channels, config->block_channels, &config->n_groups);
    static const char *const types[] = {"down_block_types", "up_block_types"};
    for (size_t i = 0; i < COUNT(types); i++)
        if (tb_json_length(&r, types[i], TB_MODEL_MAX_BLOCKS, 1) != config->n_blocks)
            tb_json_refuse(&r, types[i], NULL, "must have %d items, as many as block_out_channels",
                           config->n_blocks);
    return r.status;
}
