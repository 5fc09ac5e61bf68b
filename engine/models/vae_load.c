#include <stdlib.h>

#include "engine/models/vae_blocks.h"

/* One half being loaded; `side` is "encoder" or "decoder". */
typedef struct building {
    tb_loader *loader;
    const tb_vae_config *config;
    tb_vae_half *half;
    const char *side;
    int next_resnet, channels;
} building;

static void load_resnet(building *b, const char *prefix, int c_out)
{
    tb_resnet_style style = {0, b->config->n_groups, b->config->eps};
    if (b->loader->status == TIMBRE_OK)
        tb_resnet_load(b->loader, &b->half->resnets[b->next_resnet++], prefix, b->channels, c_out,
                       &style);
    b->channels = c_out;
}

/* The resnets of block i, all with c channels. */
static void load_block(building *b, const char *kind, int i, int n_layers, int c)
{
    for (int j = 0; j < n_layers; j++)
        load_resnet(b, tb_name_make("%s.%s.%d.resnets.%d", b->side, kind, i, j).text, c);
}

static void load_sampler(building *b, const char *fmt, int i, int stride)
{
    tb_load_conv(b->loader, &b->half->samplers[i], tb_name_make(fmt, b->side, i).text, b->channels,
                 b->channels, 3, stride);
}

static void load_middle(building *b)
{
    load_resnet(b, tb_name_make("%s.mid_block.resnets.0", b->side).text, b->channels);
    tb_vae_attention_load(b->loader, &b->half->attention,
                          tb_name_make("%s.mid_block.attentions.0", b->side).text, b->channels,
                          b->config->n_groups, b->config->eps);
    load_resnet(b, tb_name_make("%s.mid_block.resnets.1", b->side).text, b->channels);
}

/* Room for the resnets and the layers before them, and conv_in with c_first channels. */
static void begin_half(building *b, int n_layers, int c_in, int c_first)
{
    b->half->n_resnets = b->config->n_blocks * n_layers + 2;
    b->half->resnets = tb_loader_alloc(b->loader, b->half->n_resnets, sizeof *b->half->resnets);
    tb_load_conv(b->loader, &b->half->conv_in, tb_name_make("%s.conv_in", b->side).text, c_first,
                 c_in, 3, 1);
    b->channels = c_first;
}

static void end_half(building *b, int c_out)
{
    tb_load_group_norm(b->loader, &b->half->norm_out,
                       tb_name_make("%s.conv_norm_out", b->side).text, b->channels,
                       b->config->n_groups, b->config->eps);
    tb_load_conv(b->loader, &b->half->conv_out, tb_name_make("%s.conv_out", b->side).text, c_out,
                 b->channels, 3, 1);
}

static void load_encoder(tb_loader *loader, tb_vae *vae)
{
    const tb_vae_config *config = &vae->config;
    building b = {loader, config, &vae->encoder, "encoder", 0, 0};
    int n_moments = 2 * config->latent_channels;
    begin_half(&b, config->layers_per_block, config->in_channels, config->block_channels[0]);
    for (int i = 0; i < config->n_blocks; i++) {
        load_block(&b, "down_blocks", i, config->layers_per_block, config->block_channels[i]);
        if (i + 1 == config->n_blocks)
            break;
        load_sampler(&b, "%s.down_blocks.%d.downsamplers.0.conv", i, 2);
        vae->encoder.samplers[i].pad_before = 0; /* padded right and below only */
        vae->encoder.samplers[i].pad_after = 1;
    }
    load_middle(&b);
    end_half(&b, n_moments);
    tb_load_linear(loader, &vae->encoder.quant, "quant_conv", n_moments, n_moments, true);
}

static void load_decoder(tb_loader *loader, tb_vae *vae)
{
    const tb_vae_config *config = &vae->config;
    building b = {loader, config, &vae->decoder, "decoder", 0, 0};
    int n_latents = config->latent_channels, n_layers = config->layers_per_block + 1;
    tb_load_linear(loader, &vae->decoder.quant, "post_quant_conv", n_latents, n_latents, true);
    begin_half(&b, n_layers, n_latents, config->block_channels[config->n_blocks - 1]);
    load_middle(&b);
    for (int i = 0; i < config->n_blocks; i++) {
        int level = config->n_blocks - 1 - i;
        load_block(&b, "up_blocks", i, n_layers, config->block_channels[level]);
        if (level > 0)
            load_sampler(&b, "%s.up_blocks.%d.upsamplers.0.conv", i, 1);
    }
    end_half(&b, config->out_channels);
}

tb_status tb_vae_load(const tb_vae_config *config, tb_parameters *parameters, int parts,
                      tb_vae **out, tb_error *err)
{
    tb_loader loader = {.parameters = parameters, .status = TIMBRE_OK, .err = err};
    *out = NULL;
    tb_vae *vae = tb_loader_alloc(&loader, 1, sizeof *vae);
    if (vae == NULL)
        return loader.status;
    vae->config = *config;
    vae->parts = parts;
    if (parts & TB_VAE_ENCODER)
        load_encoder(&loader, vae);
    if (parts & TB_VAE_DECODER)
        load_decoder(&loader, vae);
    if (loader.status == TIMBRE_OK)
        *out = vae;
    else
        tb_vae_free(vae);
    return loader.status;
}

static void deinit_half(tb_vae_half *half)
{
    for (int i = 0; i < half->n_resnets && half->resnets != NULL; i++)
        tb_resnet_deinit(&half->resnets[i]);
    free(half->resnets);
    for (int i = 0; i < TB_MODEL_MAX_BLOCKS; i++)
        tb_matrix_deinit(&half->samplers[i].matrix);
    tb_vae_attention_deinit(&half->attention);
    tb_norm_deinit(&half->norm_out);
    tb_matrix_deinit(&half->conv_in.matrix);
    tb_matrix_deinit(&half->conv_out.matrix);
    tb_matrix_deinit(&half->quant);
}

void tb_vae_free(tb_vae *vae)
{
    if (vae == NULL)
        return;
    deinit_half(&vae->encoder);
    deinit_half(&vae->decoder);
    free(vae);
}

static size_t half_bytes(const tb_vae_half *half)
{
    size_t n_bytes = tb_matrix_bytes(&half->conv_in.matrix) +
                     tb_matrix_bytes(&half->conv_out.matrix) + tb_matrix_bytes(&half->quant) +
                     tb_vae_attention_bytes(&half->attention);
    for (int i = 0; i < half->n_resnets; i++)
        n_bytes += tb_resnet_bytes(&half->resnets[i]);
    for (int i = 0; i < TB_MODEL_MAX_BLOCKS; i++)
        n_bytes += tb_matrix_bytes(&half->samplers[i].matrix);
    return n_bytes;
}

size_t tb_vae_bytes(const tb_vae *vae)
{
    return half_bytes(&vae->encoder) + half_bytes(&vae->decoder);
}
