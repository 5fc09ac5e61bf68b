#include <stdlib.h>

#include "engine/models/unet_inside.h"

/* Where the loading is, and how many channels the skip connections have that wait for the way up.
 */
typedef struct building {
    tb_loader loader;
    tb_unet *unet;
    int next_resnet, next_transformer;
    int channels;
    int n_skips, skips[TB_MODEL_MAX_SKIPS];
} building;

static void load_resnet(building *b, const char *prefix, int c_in, int c_out)
{
    const tb_unet_config *config = &b->unet->config;
    tb_resnet_style style = {b->unet->time_width, config->n_groups, config->eps};
    if (b->loader.status == TIMBRE_OK)
        tb_resnet_load(&b->loader, &b->unet->resnets[b->next_resnet++], prefix, c_in, c_out,
                       &style);
    b->channels = c_out;
}

static void load_transformer(building *b, const char *prefix, int n_heads)
{
    const tb_unet_config *config = &b->unet->config;
    tb_transformer_style style = {n_heads, config->n_groups, config->cross_width};
    if (b->loader.status == TIMBRE_OK)
        tb_transformer_load(&b->loader, &b->unet->transformers[b->next_transformer++], prefix,
                            b->channels, &style);
}

static void load_down(building *b, int i)
{
    const tb_unet_config *config = &b->unet->config;
    int c = config->block_channels[i];
    for (int j = 0; j < config->layers_per_block[i]; j++) {
        load_resnet(b, tb_name_make("down_blocks.%d.resnets.%d", i, j).text, b->channels, c);
        if (config->has_attention_down[i])
            load_transformer(b, tb_name_make("down_blocks.%d.attentions.%d", i, j).text,
                             config->n_heads[i]);
        b->skips[b->n_skips++] = c;
    }
    if (i + 1 == config->n_blocks)
        return;
    tb_load_conv(&b->loader, &b->unet->down[i],
                 tb_name_make("down_blocks.%d.downsamplers.0.conv", i).text, c, c, 3, 2);
    b->skips[b->n_skips++] = c;
}

static void load_middle(building *b)
{
    const tb_unet_config *config = &b->unet->config;
    load_resnet(b, "mid_block.resnets.0", b->channels, b->channels);
    load_transformer(b, "mid_block.attentions.0", config->n_heads[config->n_blocks - 1]);
    load_resnet(b, "mid_block.resnets.1", b->channels, b->channels);
}

/* Up block i works at the size of the down block `level`. */
static void load_up(building *b, int i)
{
    const tb_unet_config *config = &b->unet->config;
    int level = config->n_blocks - 1 - i, c = config->block_channels[level];
    for (int j = 0; j <= config->layers_per_block[level]; j++) {
        load_resnet(b, tb_name_make("up_blocks.%d.resnets.%d", i, j).text,
                    b->channels + b->skips[--b->n_skips], c);
        if (config->has_attention_up[i])
            load_transformer(b, tb_name_make("up_blocks.%d.attentions.%d", i, j).text,
                             config->n_heads[level]);
    }
    if (level > 0)
        tb_load_conv(&b->loader, &b->unet->up[i],
                     tb_name_make("up_blocks.%d.upsamplers.0.conv", i).text, c, c, 3, 1);
}

/* Sets the numbers of layers. */
static tb_status count_layers(tb_unet *unet, tb_error *err)
{
    const tb_unet_config *config = &unet->config;
    int n_skips = config->n_blocks;
    unet->n_resnets = 2;
    unet->n_transformers = 1;
    for (int i = 0; i < config->n_blocks; i++) {
        int n = config->layers_per_block[i], level = config->n_blocks - 1 - i;
        n_skips += n;
        unet->n_resnets += 2 * n + 1;
        unet->n_transformers += config->has_attention_down[i] ? n : 0;
        unet->n_transformers += config->has_attention_up[level] ? n + 1 : 0;
    }
    if (n_skips > TB_MODEL_MAX_SKIPS)
        return tb_fail(err, TIMBRE_BAD_FILE, "unet: %d skip connections exceed %d", n_skips,
                       TB_MODEL_MAX_SKIPS);
    return TIMBRE_OK;
}

static void load_ends(building *b)
{
    tb_unet *unet = b->unet;
    const tb_unet_config *config = &unet->config;
    int c = config->block_channels[0], width = unet->time_width;
    tb_load_conv(&b->loader, &unet->conv_in, "conv_in", c, config->in_channels, 3, 1);
    tb_load_linear(&b->loader, &unet->time1, "time_embedding.linear_1", width, c, true);
    tb_load_linear(&b->loader, &unet->time2, "time_embedding.linear_2", width, width, true);
    tb_load_group_norm(&b->loader, &unet->norm_out, "conv_norm_out", c, config->n_groups,
                       config->eps);
    tb_load_conv(&b->loader, &unet->conv_out, "conv_out", config->out_channels, c, 3, 1);
}

tb_status tb_unet_load(const tb_unet_config *config, tb_parameters *parameters, tb_unet **out,
                       tb_error *err)
{
    building b = {.loader = {.parameters = parameters, .status = TIMBRE_OK, .err = err}};
    *out = NULL;
    tb_unet *unet = b.unet = tb_loader_alloc(&b.loader, 1, sizeof *unet);
    if (unet == NULL)
        return b.loader.status;
    unet->config = *config;
    unet->time_width = 4 * config->block_channels[0];
    b.loader.status = count_layers(unet, err);
    unet->resnets = tb_loader_alloc(&b.loader, unet->n_resnets, sizeof *unet->resnets);
    unet->transformers = tb_loader_alloc(&b.loader, unet->n_transformers,
                                         sizeof *unet->transformers);
    load_ends(&b);
    b.skips[b.n_skips++] = b.channels = config->block_channels[0];
    for (int i = 0; i < config->n_blocks && b.loader.status == TIMBRE_OK; i++)
        load_down(&b, i);
    load_middle(&b);
    for (int i = 0; i < config->n_blocks && b.loader.status == TIMBRE_OK; i++)
        load_up(&b, i);
    if (b.loader.status == TIMBRE_OK)
        *out = unet;
    else
        tb_unet_free(unet);
    return b.loader.status;
}

void tb_unet_free(tb_unet *unet)
{
    if (unet == NULL)
        return;
    for (int i = 0; i < unet->n_resnets && unet->resnets != NULL; i++)
        tb_resnet_deinit(&unet->resnets[i]);
    for (int i = 0; i < unet->n_transformers && unet->transformers != NULL; i++)
        tb_transformer_deinit(&unet->transformers[i]);
    for (int i = 0; i < TB_MODEL_MAX_BLOCKS; i++) {
        tb_matrix_deinit(&unet->down[i].matrix);
        tb_matrix_deinit(&unet->up[i].matrix);
    }
    tb_matrix_deinit(&unet->time1);
    tb_matrix_deinit(&unet->time2);
    tb_matrix_deinit(&unet->conv_in.matrix);
    tb_matrix_deinit(&unet->conv_out.matrix);
    tb_norm_deinit(&unet->norm_out);
    free(unet->resnets);
    free(unet->transformers);
    free(unet);
}

size_t tb_unet_bytes(const tb_unet *unet)
{
    size_t n_bytes = tb_matrix_bytes(&unet->time1) + tb_matrix_bytes(&unet->time2) +
                     tb_matrix_bytes(&unet->conv_in.matrix) +
                     tb_matrix_bytes(&unet->conv_out.matrix);
    for (int i = 0; i < unet->n_resnets; i++)
        n_bytes += tb_resnet_bytes(&unet->resnets[i]);
    for (int i = 0; i < unet->n_transformers; i++)
        n_bytes += tb_transformer_bytes(&unet->transformers[i]);
    for (int i = 0; i + 1 < unet->config.n_blocks; i++)
        n_bytes += tb_matrix_bytes(&unet->down[i].matrix) + tb_matrix_bytes(&unet->up[i].matrix);
    return n_bytes;
}
