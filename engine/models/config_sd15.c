/* Stable Diffusion 1.5 and its fine-tunes, Riffusion among them (runwayml/stable-diffusion-v1-5,
 * the components' config.json). */
#include "engine/models/config.h"

void tb_text_config_sd15(tb_text_config *config)
{
    *config = (tb_text_config){
        .vocab_size = 49408,
        .width = 768,
        .n_layers = 12,
        .n_heads = 12,
        .mlp_width = 3072,
        .n_positions = 77,
        .is_quick_gelu = true,
        .eps = 1e-5f,
    };
}

void tb_unet_config_sd15(tb_unet_config *config)
{
    *config = (tb_unet_config){
        .in_channels = 4,
        .out_channels = 4,
        .n_blocks = 4,
        .block_channels = {320, 640, 1280, 1280},
        .has_attention_down = {true, true, true, false},
        .has_attention_up = {false, true, true, true},
        .layers_per_block = {2, 2, 2, 2},
        .n_heads = {8, 8, 8, 8},
        .cross_width = 768,
        .n_groups = 32,
        .eps = 1e-5f,
        .flips_sin_to_cos = true,
        .sample_size = 64,
    };
}

void tb_vae_config_sd15(tb_vae_config *config)
{
    *config = (tb_vae_config){
        .in_channels = 3,
        .out_channels = 3,
        .latent_channels = 4,
        .n_blocks = 4,
        .block_channels = {128, 256, 512, 512},
        .layers_per_block = 2,
        .n_groups = 32,
        .eps = 1e-6f,
        .scaling_factor = 0.18215,
    };
}
