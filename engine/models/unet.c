#include "engine/models/unet.h"

#include <assert.h>

#include "engine/base/math.h"
#include "engine/models/unet_inside.h"
#include "engine/nn/elementwise.h"

/* A forward pass on its way: the current picture, and those that wait for the way up. */
typedef struct forward {
    tb_nn *nn;
    const tb_unet *unet;
    const tb_unet_context *context;
    float *time; /* silu(time embedding) [time_width] */
    int next_resnet, next_transformer;
    tb_picture p;
    int n_skips;
    tb_picture skips[TB_MODEL_MAX_SKIPS];
} forward;

/*
 * Sinusoids of the timestep (Vaswani et al. 2017): angle i is t * exp(-ln(10000) i / (half -
 * shift)), in single precision at every step as diffusers always has it: near t = 1000 exact
 * arithmetic gives angles that are others by some 1e-5. row [block_channels[0]]; an odd last one is
 * 0.
 */
static void embed_timestep(const tb_unet_config *config, double timestep, float *row)
{
    int n = config->block_channels[0], half = n / 2;
    float *sines = config->flips_sin_to_cos ? row + half : row;
    float *cosines = config->flips_sin_to_cos ? row : row + half;
    float slope = (float)-tb_log(10000), length = (float)(half - config->frequency_shift);
    row[n - 1] = 0;
    for (int i = 0; i < half; i++) {
        float exponent = slope * (float)i / length;
        float angle = (float)timestep * (float)tb_exp(exponent);
        sines[i] = (float)tb_sin(angle);
        cosines[i] = (float)tb_cos(angle);
    }
}

static float *embed_time(tb_nn *nn, const tb_unet *unet, double timestep)
{
    size_t width = (size_t)unet->time_width;
    float *waves = tb_nn_take(nn, (size_t)unet->config.block_channels[0]);
    float *hidden = tb_nn_take(nn, width), *time = tb_nn_take(nn, width);
    if (tb_nn_begin(nn, 0))
        embed_timestep(&unet->config, timestep, waves);
    tb_linear(nn, hidden, waves, 1, &unet->time1, NULL);
    tb_activate(nn, hidden, hidden, width, TB_ACTIVATION_SILU);
    tb_linear(nn, time, hidden, 1, &unet->time2, NULL);
    tb_activate(nn, time, time, width, TB_ACTIVATION_SILU); /* what every resnet begins with */
    tb_nn_give(nn, hidden);
    tb_nn_give(nn, waves);
    return time;
}

static void report(const forward *pass)
{
    int n = pass->unet->n_resnets + pass->unet->n_transformers;
    tb_part_report(pass->nn, (double)(pass->next_resnet + pass->next_transformer) / n);
}

static void run_resnet(forward *pass, bool keeps)
{
    tb_resnet_forward(pass->nn, &pass->unet->resnets[pass->next_resnet++], &pass->p, pass->time,
                      keeps);
    report(pass);
}

static void run_transformer(forward *pass)
{
    int i = pass->next_transformer++;
    tb_transformer_forward(pass->nn, &pass->unet->transformers[i], &pass->p,
                           &pass->context->layers[i]);
    report(pass);
}

static void push_skip(forward *pass)
{
    pass->skips[pass->n_skips++] = pass->p;
}

/* The current picture stays as a skip connection after each layer. */
static void run_down(forward *pass, int i)
{
    const tb_unet_config *config = &pass->unet->config;
    for (int j = 0; j < config->layers_per_block[i]; j++) {
        run_resnet(pass, true);
        if (config->has_attention_down[i])
            run_transformer(pass);
        push_skip(pass);
    }
    if (i + 1 == config->n_blocks)
        return;
    tb_picture_conv(pass->nn, &pass->p, &pass->unet->down[i], true);
    push_skip(pass);
}

static void run_middle(forward *pass)
{
    run_resnet(pass, true);
    run_transformer(pass);
    run_resnet(pass, false);
}

/* The current picture beside the last skip connection. */
static void concat_skip(forward *pass)
{
    tb_picture skip = pass->skips[--pass->n_skips], p = pass->p;
    tb_picture both = tb_picture_take(pass->nn, &p, p.c + skip.c);
    tb_concat(pass->nn, both.x, p.x, p.c, skip.x, skip.c, tb_picture_positions(&p));
    tb_nn_give(pass->nn, p.x);
    tb_nn_give(pass->nn, skip.x);
    pass->p = both;
}

static void run_up(forward *pass, int i)
{
    const tb_unet_config *config = &pass->unet->config;
    int level = config->n_blocks - 1 - i;
    for (int j = 0; j <= config->layers_per_block[level]; j++) {
        concat_skip(pass);
        run_resnet(pass, false);
        if (config->has_attention_up[i])
            run_transformer(pass);
    }
    if (level == 0)
        return;
    const tb_picture *skip = &pass->skips[pass->n_skips - 1];
    tb_picture_upsample(pass->nn, &pass->p, skip->h, skip->w, &pass->unet->up[i]);
}

void tb_unet_forward(tb_nn *nn, const tb_unet *unet, const tb_unet_input *input, float *out)
{
    const tb_unet_config *config = &unet->config;
    forward pass = {.nn = nn, .unet = unet, .context = input->context};
    assert(input->context->n_layers == unet->n_transformers);
    pass.time = embed_time(nn, unet, input->timestep);
    tb_picture latents = {
        .n = input->context->n, .h = input->h, .w = input->w, .c = config->block_channels[0]};
    pass.p = tb_picture_take(nn, &latents, latents.c);
    tb_conv2d(nn, pass.p.x, input->latents, latents.n, latents.h, latents.w, &unet->conv_in, NULL);
    push_skip(&pass);
    for (int i = 0; i < config->n_blocks; i++)
        run_down(&pass, i);
    run_middle(&pass);
    for (int i = 0; i < config->n_blocks; i++)
        run_up(&pass, i);
    tb_picture *p = &pass.p;
    tb_group_norm(nn, p->x, p->x, p->n, (int64_t)p->h * p->w, &unet->norm_out, true);
    tb_conv2d(nn, out, p->x, p->n, p->h, p->w, &unet->conv_out, NULL);
    tb_nn_give(nn, p->x);
    tb_nn_give(nn, pass.time);
}
